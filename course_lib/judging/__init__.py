"""Judging: how good samples are, measured beside what real data score.

`metrics` compares clouds of points and measures where a denoiser errs, `fidelity` compares sets
of features. Those of digits come from a `judge`, of which there are two; `reference` holds what
each sees in real ones, `distances` says how a distance is reported and when one is smaller than
another, `evaluation` makes a report of generated digits, and `trials` compares ways to make them.
"""

from course_lib.judging.distances import Difference, Distance, above_floor, agreed, compare
from course_lib.judging.evaluation import Report, Verdict, evaluate, generate, judge_samples
from course_lib.judging.fidelity import (
    coverage,
    density,
    diversity,
    frechet,
    kernel_distance,
    nearest,
    precision_recall,
)
from course_lib.judging.judge import (
    JUDGES,
    Judge,
    accuracy,
    in_batches,
    judge_card,
    load_judge,
)
from course_lib.judging.metrics import error_by_time, real_floor, sliced_distance
from course_lib.judging.reference import (
    SIZES,
    Reference,
    load_reference,
    quota_labels,
    under_quotas,
)
from course_lib.judging.trials import Trials, seeded_noise

__all__ = [
    "JUDGES",
    "SIZES",
    "Difference",
    "Distance",
    "Judge",
    "Reference",
    "Report",
    "Trials",
    "Verdict",
    "above_floor",
    "accuracy",
    "agreed",
    "compare",
    "coverage",
    "density",
    "diversity",
    "error_by_time",
    "evaluate",
    "frechet",
    "generate",
    "in_batches",
    "judge_card",
    "judge_samples",
    "kernel_distance",
    "load_judge",
    "load_reference",
    "nearest",
    "precision_recall",
    "quota_labels",
    "real_floor",
    "seeded_noise",
    "sliced_distance",
    "under_quotas",
]
