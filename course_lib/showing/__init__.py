"""Showing: arrays, steps or records in, a figure or a slider out; nothing here samples.

`pictures` shows data, `curves` what happens along an axis, `scores` what was measured of several
runs or things, `diagrams` explain one idea each, and `widgets` puts sliders over pictures.
"""

from course_lib.showing.curves import (
    LOOKS,
    histograms,
    lines,
    loss_curve,
    noise_curves,
    tradeoff,
)
from course_lib.showing.diagrams import balls, candidates, glyphs, u_shape
from course_lib.showing.pictures import (
    LIMIT,
    arrows,
    film_strip,
    images,
    points,
    signed,
    step,
    table,
    tile,
)
from course_lib.showing.scores import bars, dots, panels, sweeps
from course_lib.showing.widgets import Guess, explorer, live, png, scrub, scrubber, sheet_png

__all__ = [
    "LIMIT",
    "LOOKS",
    "Guess",
    "arrows",
    "balls",
    "bars",
    "candidates",
    "dots",
    "explorer",
    "film_strip",
    "glyphs",
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
    "sheet_png",
    "signed",
    "step",
    "sweeps",
    "table",
    "tile",
    "tradeoff",
    "u_shape",
]
