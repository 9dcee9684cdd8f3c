"""Judging: how good samples are, measured beside what real data score.

`metrics` compares clouds of points and measures where a denoiser errs, `fidelity` compares sets
of features. Those of digits come from a `judge`; `reference` holds what it sees in real ones, and
`evaluation` makes a report of generated ones.
"""

from course_lib.judging.evaluation import Report, draw_labels, evaluate, generate, judge_samples
from course_lib.judging.fidelity import (
    coverage,
    diversity,
    frechet,
    kernel_distance,
    nearest,
    precision_recall,
)
from course_lib.judging.judge import Judge, accuracy, in_batches, load_judge
from course_lib.judging.metrics import error_by_time, real_floor, sliced_distance
from course_lib.judging.reference import SIZES, load_reference

__all__ = [
    "SIZES",
    "Judge",
    "Report",
    "accuracy",
    "coverage",
    "diversity",
    "draw_labels",
    "error_by_time",
    "evaluate",
    "frechet",
    "generate",
    "in_batches",
    "judge_samples",
    "kernel_distance",
    "load_judge",
    "load_reference",
    "nearest",
    "precision_recall",
    "real_floor",
    "sliced_distance",
]
