"""Scores: what was measured of several things, side by side, with error bars and a truth."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from course_lib.showing.pictures import LABEL_COLOURS

MARKERS = "os^Dvx"


def dots(
    panels: dict[str, dict[str, Tensor]],
    names: Sequence[str],
    label: str,
    *,
    truth: float | None = None,
    symlog: float | None = None,
) -> Figure:
    """Draw values with error bars: a row for each name, and in a row a mark for each series.

    panels  for each title, named series (2, N): the values of N things, and their errors
    names   of the N things
    label   of the horizontal axis
    truth   drawn as a dashed line
    symlog  the axis is logarithmic beyond this distance from 0
    """
    figure, axes = plt.subplots(
        1,
        len(panels),
        figsize=(8 if len(panels) > 1 else 6.5, 0.9 + 0.32 * len(names)),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for ax, (title, series) in zip(axes[0], panels.items(), strict=True):
        for k, (name, (values, errors)) in enumerate(series.items()):
            shift = (k - (len(series) - 1) / 2) * 0.55 / len(series)
            places = [row + shift for row in range(len(names))]
            look = {"color": LABEL_COLOURS.colors[k], "marker": MARKERS[k], "ms": 5}
            ax.errorbar(values, places, xerr=errors, ls="", capsize=2, label=name, **look)
        if truth is not None:
            ax.axvline(truth, ls="--", c="0.4", lw=1)
        if symlog is not None:
            ax.set_xscale("symlog", linthresh=symlog)
        for row in range(1, len(names)):
            ax.axhline(row - 0.5, c="0.9", lw=0.8)
        ax.set(xlabel=label, ylim=(len(names) - 0.5, -0.5))
        ax.set_title(title, fontsize=10)
        ax.margins(x=0.08)
        ax.set_yticks(range(len(names)), names)
    if any(len(series) > 1 for series in panels.values()):
        axes[0, -1].legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def bars(panels: dict[str, dict[str, float]], *, truth: str | None = None) -> Figure:
    """Draw a bar for each name, with its number, and beside it the same names' next measure.

    panels  for each measure, a value for each name; the same names in all
    truth   the name whose values are drawn as dashed lines
    """
    names = list(next(iter(panels.values())))
    size = (1.2 + 1.9 * len(panels), 0.6 + 0.28 * len(names))
    figure, axes = plt.subplots(
        1, len(panels), figsize=size, sharey=True, squeeze=False, layout="constrained"
    )
    for ax, (measure, values) in zip(axes[0], panels.items(), strict=True):
        drawn = ax.barh(names, list(values.values()), color=LABEL_COLOURS.colors[4])
        white = {"fc": "white", "ec": "none", "pad": 0.5}  # so that no line runs through a number
        ax.bar_label(drawn, fmt="{:.2f}", fontsize=8, padding=3, bbox=white, zorder=5)
        if truth is not None:
            ax.axvline(values[truth], ls="--", c="0.3", lw=1)
        ax.set_title(measure, fontsize=10)
        ax.spines[["top", "right"]].set_visible(False)
        ax.set_xticks([])
        ax.minorticks_off()
        ax.margins(x=0.35)
    axes[0, 0].invert_yaxis()
    return figure
