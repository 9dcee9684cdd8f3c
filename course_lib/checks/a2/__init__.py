"""The checks of assignment a2: ``checks.network(globals())`` and so on, and what they share.

``observing`` watches a student's code, ``handed_in`` judges the trained model, and ``visible``
and ``learning`` turn both into hints. The grader's questions, in ``solutions/``, look through
the same eyes.
"""

from course_lib.checks.a2.handed_in import (
    FAIR,
    GOOD,
    HARDEST,
    NOISE_STEPS,
    STEPS,
    draw,
    flaw,
    keep,
    pack,
    quality,
    unpack,
)
from course_lib.checks.a2.learning import training
from course_lib.checks.a2.observing import (
    StandIn,
    answers,
    jumps,
    learned,
    observe,
    process,
    told_apart,
)
from course_lib.checks.a2.visible import network, sampler, trained

__all__ = [
    "FAIR",
    "GOOD",
    "HARDEST",
    "NOISE_STEPS",
    "STEPS",
    "StandIn",
    "answers",
    "draw",
    "flaw",
    "jumps",
    "keep",
    "learned",
    "network",
    "observe",
    "pack",
    "process",
    "quality",
    "sampler",
    "told_apart",
    "trained",
    "training",
    "unpack",
]
