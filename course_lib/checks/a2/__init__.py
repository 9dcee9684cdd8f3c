"""The checks of assignment a2: ``checks.network(globals())`` and so on, and what they share.

``observing`` watches a student's code, ``handed_in`` judges the trained model, and ``visible``
turns both into hints. The grader's questions, in ``solutions/``, look through the same eyes.
"""

from course_lib.checks.a2.handed_in import (
    FAIR,
    GOOD,
    HARDEST,
    NOISE_STEPS,
    STEPS,
    draw,
    keep,
    pack,
    quality,
    unpack,
)
from course_lib.checks.a2.observing import StandIn, answers, learned, observe, process
from course_lib.checks.a2.visible import network, sampler, trained, training

__all__ = [
    "FAIR",
    "GOOD",
    "HARDEST",
    "NOISE_STEPS",
    "STEPS",
    "StandIn",
    "answers",
    "draw",
    "keep",
    "learned",
    "network",
    "observe",
    "pack",
    "process",
    "quality",
    "sampler",
    "trained",
    "training",
    "unpack",
]
