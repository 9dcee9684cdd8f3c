"""Scores: what was measured of several runs or things, with error bars and a truth."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
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
        figsize=(8 if len(panels) > 1 else 6.5, 1.0 + 0.34 * len(names)),
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
        if symlog is None:
            ax.xaxis.set_major_locator(MaxNLocator(5))
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


def panels(
    x: Sequence[float],
    measures: dict[str, Tensor],
    xlabel: str,
    floors: dict[str, float] | None = None,
    marks: dict[str, Sequence[float]] | None = None,
) -> Figure:
    """Draw one plot for each measure: every run as dots, their mean as a line.

    x         (N,) the common horizontal axis, logarithmic where all of it is positive
    measures  (R, N) values of R runs for each name
    floors    drawn as a dashed line where there is one: what real data score
    marks     a name, and for each run the place on the axis to put a ring
    """
    columns = 2 if len(measures) in (2, 4) else 3
    rows = -(-len(measures) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(9, 2.6 * rows + 0.3), squeeze=False, layout="constrained"
    )
    for ax, (name, runs) in zip(axes.flat, measures.items(), strict=False):
        ax.plot(x, runs.mean(0), c="tab:blue", label="mean of the runs")
        first, *_ = ax.plot(x, runs.T, "o", c="tab:blue", ms=3, alpha=0.6)
        first.set_label("each run")
        if floors and name in floors:
            ax.axhline(floors[name], ls="--", c="0.4", label="real data")
        for mark, places in (marks or {}).items():
            at = [run[list(x).index(place)] for run, place in zip(runs, places, strict=True)]
            ax.plot(places, at, "o", c="tab:orange", mfc="none", ms=10, mew=1.5, label=mark)
        ax.set(title=name, xlabel=xlabel, xscale="log" if min(x) > 0 else "linear")
        ax.set_xticks(x, [f"{value:g}" for value in x])
        ax.minorticks_off()
    for ax in list(axes.flat)[len(measures) :]:
        ax.axis("off")
    _legend_below(figure)
    return figure


def _legend_below(figure: Figure) -> None:
    """Name once, under the figure, all that has a name in any of its plots."""
    names = {k: v for ax in figure.axes for v, k in zip(*ax.get_legend_handles_labels())}
    figure.legend(names.values(), names.keys(), loc="outside lower center", ncols=6, fontsize=9)


def sweeps(
    x: Sequence[float],
    curves: dict[str, dict[str, Sequence[tuple[float, float]]]],
    floors: dict[str, dict[str, tuple[float, float]]],
    xlabel: str,
    marks: dict[str, Sequence[float]] | None = None,
) -> Figure:
    """Draw what judges say along an axis, a row each: accuracy, distance, precision with recall.

    x       (N,) the common horizontal axis, positive: it is logarithmic
    curves  for each judge and measure, N pairs of a mean and its standard error
    floors  the same for real data, drawn as a dashed line in a band
    marks   for each judge, places on the axis to ring on the curve of the accuracy
    """
    titles = {"accuracy": "accuracy", "frechet": "Fréchet − floor"}
    shown = (["accuracy"], ["frechet"], ["precision", "recall"])
    styles = (("#0072B2", "o"), ("#D55E00", "s"))
    size = (9.5, 2.8 * len(curves))
    figure, axes = plt.subplots(
        len(curves), 3, figsize=size, sharey="col", squeeze=False, layout="constrained"
    )
    for row, (judge, measured) in zip(axes, curves.items(), strict=True):
        for ax, names in zip(row, shown, strict=True):
            for name, (colour, marker) in zip(names, styles, strict=False):
                means, errors = zip(*measured[name], strict=True)
                ours, real = (
                    (name, f"real data's {name}") if len(names) > 1 else (None, "real data")
                )
                look = {"marker": marker, "ms": 4, "capsize": 3, "label": ours}
                ax.errorbar(x, means, errors, c=colour, **look)
                middle, error = floors[judge][name]
                ax.axhline(middle, ls="--", c=colour, lw=1, label=real)
                ax.axhspan(middle - error, middle + error, color=colour, alpha=0.2, lw=0)
            ax.set(title=f"{judge} judge", ylabel=titles.get(names[0], "share"))
            ax.set(xlabel=xlabel, xscale="log")
            ax.set_xticks(x, [f"{value:g}" for value in x])
            ax.minorticks_off()
        means = [mean for mean, _ in measured["accuracy"]]
        if marks:
            at = [means[list(x).index(place)] for place in marks[judge]]
            ring = {"c": "#D55E00", "mfc": "none", "ms": 10, "mew": 1.5}
            row[0].plot(marks[judge], at, "o", label="elbow of a model", **ring)
    _legend_below(figure)
    return figure
