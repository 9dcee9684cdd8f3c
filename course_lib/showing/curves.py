"""Curves: what schedules, losses and measurements do along an axis."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from torch import Tensor

from course_lib.schedules import Schedule
from course_lib.showing.pictures import LABEL_COLOURS, head_columns, row_of_panels, show_sheet
from course_lib.training import Record

LOOKS = [
    {"color": LABEL_COLOURS(number), "linestyle": style}
    for number, style in ((0, "-"), (5, "--"), (2, "-."), (3, (0, (1, 1.5))), (7, (0, (6, 3))))
]
"""How curves are told apart: by colour and by dashes, so that one can be seen under another."""

_MARKERS = "os^Dv"
"""And by what stands at their points, where these are few."""


def _look(number: int, marked: bool) -> dict:
    look = LOOKS[number % len(LOOKS)]
    return look | {"marker": _MARKERS[number % len(_MARKERS)], "ms": 4} if marked else look


def noise_curves(
    schedules: Sequence[Schedule],
    x_t: Tensor | None = None,
    title: str = "",
    t: int | None = None,
    columns: Sequence[str] | None = None,
) -> Figure:
    """Draw β, ᾱ and log-SNR over t/T, on axes that stay the same from figure to figure.

    schedules  their curves; one without alpha² + sigma² = 1 has no β
    x_t        (N, C, H, W) images in [-1, 1], drawn in a row underneath
    title      of the whole figure
    t          time to mark, of the last schedule
    columns    headings over the images, N of them
    """
    rows = "abc" if x_t is None else "abc\nddd"
    figure, axes = plt.subplot_mosaic(
        rows,
        figsize=(9, 2.6 if x_t is None else 2.7 + 8.5 / len(x_t)),
        height_ratios=None if x_t is None else [2.4, 8.5 / len(x_t)],
        layout="constrained",
    )
    for number, schedule in enumerate(schedules):
        look = LOOKS[number % len(LOOKS)]
        u = torch.linspace(0, 1, schedule.T + 1, device="cpu")[1:]
        beta = schedule.beta[1:]
        power = schedule.alpha**2 + schedule.sigma**2
        if not torch.allclose(power, torch.ones_like(power)):
            beta = torch.full_like(beta, torch.nan)
        for name, curve in zip("abc", (beta, schedule.alpha_bar[1:], schedule.snr[1:].log())):
            axes[name].plot(u, curve, label=schedule.name, **look)
            if t is not None and schedule is schedules[-1]:
                axes[name].axvline(t / schedule.T, c="0.5", lw=1)
    axes["a"].set(title="$\\beta_t$", yscale="log", ylim=(1e-6, 1.5))
    axes["b"].set(title="$\\bar\\alpha_t$", ylim=(-0.03, 1.03))
    axes["c"].set(title="log-SNR", ylim=(-15, 15))
    for name in "abc":
        axes[name].set(xlabel="t / T", xlim=(0, 1))
    if len(schedules) > 1:
        axes["b"].legend(fontsize=8, handlelength=3)
    if x_t is not None:
        show_sheet(axes["d"], x_t, len(x_t))
    if x_t is not None and columns:
        head_columns(axes["d"], columns)
    figure.suptitle(title, fontsize=11)
    return figure


def loss_curve(
    records: Sequence[Record], window: int = 50, *, floor: float | None = None
) -> Figure:
    """Draw the loss of every training step, and its moving average over ``window`` steps.

    floor  drawn as a dashed line: what the best possible denoiser loses, if that is known
    """
    loss = np.array([record.loss for record in records])
    window = max(1, min(window, len(loss)))
    smooth = np.convolve(loss, np.ones(window) / window, mode="valid")
    figure, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
    ax.plot(np.arange(1, len(loss) + 1), loss, lw=0.5, alpha=0.4, label="each step")
    middle = np.arange(len(smooth)) + (window + 1) / 2
    ax.plot(middle, smooth, label=f"mean of {window} steps")
    if floor is not None:
        ax.axhline(floor, ls="--", c="black", lw=1, label=f"unavoidable: {floor:.3f}")
    ax.set(xlabel="training step", ylabel="loss", yscale="log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter("")
    ax.legend()
    return figure


def lines(
    x: Tensor | Sequence[float],
    curves: dict[str, Tensor | Sequence[float]],
    xlabel: str,
    ylabel: str,
    *,
    log: bool = False,
    floor: float | None = None,
) -> Figure:
    """Draw named curves over one axis.

    log    logarithmic vertical axis
    floor  drawn as a dashed line: what the real data score among themselves
    """
    figure, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
    for number, (name, curve) in enumerate(curves.items()):
        ax.plot(x, curve, label=name, **_look(number, len(x) < 30))
    if floor is not None:
        ax.axhline(floor, ls="--", c="0.5", label="real against real")
    ax.set(xlabel=xlabel, ylabel=ylabel, yscale="log" if log else "linear")
    ax.legend(handlelength=3)
    return figure


def histograms(
    samples: dict[str, Tensor], grid: Tensor, density: Tensor, size: float = 2.8
) -> Figure:
    """Draw a histogram of each set of numbers, with the density that it should have over it.

    samples  (N,) numbers for each name
    grid     (M,) rising places at which the density is known
    density  (M,) the same for all sets, or (K, M), one for each
    """
    figure, axes = row_of_panels(len(samples), list(samples), size)
    edges = np.linspace(float(grid[0]), float(grid[-1]), 81)
    densities = density.expand(len(samples), -1)
    for ax, numbers, curve in zip(axes, samples.values(), densities, strict=True):
        ax.hist(numbers.numpy(), edges, density=True, color="tab:blue", alpha=0.5)
        ax.plot(grid, curve, c="black", lw=1)
        ax.set_yticks([])
    axes[0].set_ylabel("density")
    highest = max(ax.get_ylim()[1] for ax in axes)
    for ax in axes:
        ax.set_ylim(0, highest)
    return figure


def tradeoff(
    curves: dict[str, tuple[Sequence[float], Sequence[float]]],
    xlabel: str,
    ylabel: str,
    floor: float | None = None,
) -> Figure:
    """Draw named curves, each over an axis of its own, such as quality over seconds.

    curves  (x, y) for each name, both positive: the axes are logarithmic
    floor   drawn as a dashed line: what real data score
    """
    figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
    for number, (name, (x, y)) in enumerate(curves.items()):
        ax.plot(x, y, label=name, **_look(number, True))
    if floor is not None:
        ax.axhline(floor, ls="--", c="0.5", label="real against real")
    ax.set(xlabel=xlabel, ylabel=ylabel, xscale="log", yscale="log")
    ax.legend(handlelength=3)
    return figure
