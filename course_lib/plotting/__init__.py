"""Figures: arrays, steps or records in, a matplotlib figure out. Nothing here samples.

``pictures`` shows data, and ``curves`` what was measured; all of it is called as ``plotting.…``.
"""

from course_lib.plotting.curves import (
    histograms,
    lines,
    loss_curve,
    noise_curves,
    panels,
    tradeoff,
)
from course_lib.plotting.pictures import (
    LIMIT,
    arrows,
    film_strip,
    images,
    points,
    step,
    table,
    tile,
)

__all__ = [
    "LIMIT",
    "arrows",
    "film_strip",
    "histograms",
    "images",
    "lines",
    "loss_curve",
    "noise_curves",
    "panels",
    "points",
    "step",
    "table",
    "tile",
    "tradeoff",
]
