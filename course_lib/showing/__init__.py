"""Showing: arrays, steps or records in, a figure or a slider out; nothing here samples.

`pictures` shows data, `curves` what was measured, and `widgets` puts sliders over both.
"""

from course_lib.showing.curves import (
    histograms,
    lines,
    loss_curve,
    noise_curves,
    panels,
    tradeoff,
)
from course_lib.showing.pictures import (
    LIMIT,
    arrows,
    candidates,
    film_strip,
    images,
    points,
    step,
    table,
    tile,
    u_shape,
)
from course_lib.showing.widgets import Guess, explorer, live, png, scrub, scrubber

__all__ = [
    "LIMIT",
    "Guess",
    "arrows",
    "candidates",
    "explorer",
    "film_strip",
    "histograms",
    "images",
    "lines",
    "live",
    "loss_curve",
    "noise_curves",
    "panels",
    "png",
    "points",
    "scrub",
    "scrubber",
    "step",
    "table",
    "tile",
    "tradeoff",
    "u_shape",
]
