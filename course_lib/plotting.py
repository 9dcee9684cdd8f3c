"""Pictures: arrays, steps or records in, a matplotlib figure out. Nothing here samples."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from torch import Tensor

from course_lib.samplers import Step
from course_lib.schedules import Schedule
from course_lib.training import Record

LIMIT = 3.0
"""Half the width of a picture of points: data of unit variance and their noise fit inside."""


def _row(count: int, titles: Sequence[str] | None, size: float) -> tuple[Figure, list[Axes]]:
    """Make ``count`` square panels in a row, with a title each."""
    figure, axes = plt.subplots(
        1, count, figsize=(size * count, size + 0.3), squeeze=False, layout="constrained"
    )
    for ax, title in zip(axes[0], titles or [""] * count, strict=True):
        ax.set_title(title, fontsize=10)
    return figure, list(axes[0])


def _plane(ax: Axes) -> None:
    """Frame one picture of points."""
    ax.set(xlim=(-LIMIT, LIMIT), ylim=(-LIMIT, LIMIT), aspect="equal", xticks=[], yticks=[])


def _scatter(ax: Axes, x: Tensor, y: Tensor | None = None) -> None:
    """Draw points (N, 2), coloured by label."""
    x = x.detach().cpu()
    size = 30 / len(x) ** 0.4
    if y is None:
        ax.scatter(x[:, 0], x[:, 1], s=size, c="tab:blue", alpha=0.5, linewidths=0)
    else:
        ax.scatter(x[:, 0], x[:, 1], s=size, c=y, cmap="tab10", vmin=0, vmax=9, linewidths=0)
    _plane(ax)


def points(
    clouds: Sequence[Tensor],
    titles: Sequence[str] | None = None,
    labels: Tensor | Sequence[Tensor | None] | None = None,
    size: float = 2.6,
) -> Figure:
    """Draw clouds of points side by side.

    clouds  tensors (N, 2)
    titles  one for each cloud
    labels  (N,) colours for all clouds, or one such tensor (or None) for each
    """
    figure, axes = _row(len(clouds), titles, size)
    if labels is None or isinstance(labels, Tensor):
        labels = [labels] * len(clouds)
    for ax, cloud, y in zip(axes, clouds, labels, strict=True):
        _scatter(ax, cloud, y)
    return figure


def arrows(
    at: Tensor,
    fields: Sequence[Tensor],
    titles: Sequence[str] | None = None,
    background: Tensor | None = None,
    size: float = 3.6,
) -> Figure:
    """Draw vector fields side by side.

    at          (N, 2) feet of the arrows
    fields      tensors (N, 2), the arrows themselves, in the units of the plane
    background  (M, 2) points drawn in grey underneath
    """
    figure, axes = _row(len(fields), titles, size)
    for ax, field in zip(axes, fields, strict=True):
        if background is not None:
            ax.scatter(*background.T, s=2, c="0.8")
        ax.quiver(*at.T, *field.T, angles="xy", scale_units="xy", scale=1, width=0.004)
        _plane(ax)
    return figure


def tile(images: Tensor, columns: int) -> np.ndarray:
    """Lay images out in rows, as an array of bytes.

    images   (N, C, H, W) in [-1, 1], C 1 or 3; values outside are cut off
    columns  images per row
    Returns  (rows · (H + 2) − 2, columns · (W + 2) − 2, C) uint8
    """
    n, c, h, w = images.shape
    rows = -(-n // columns)
    canvas = torch.full((rows * columns, c, h + 2, w + 2), 255, dtype=torch.uint8)
    pixels = ((images.detach().cpu().float().clamp(-1, 1) + 1) * 127.5).round().byte()
    canvas[:n, :, 1:-1, 1:-1] = pixels
    sheet = canvas.reshape(rows, columns, c, h + 2, w + 2).permute(0, 3, 1, 4, 2)
    sheet = sheet.reshape(rows * (h + 2), columns * (w + 2), c)
    return sheet[1:-1, 1:-1].numpy()


def _show(ax: Axes, images: Tensor, columns: int) -> None:
    """Draw one sheet of images without axes."""
    sheet = tile(images, columns)
    ax.imshow(
        sheet.squeeze(-1) if sheet.shape[-1] == 1 else sheet,
        cmap="gray",
        vmin=0,
        vmax=255,
        interpolation="nearest",
    )
    ax.set_axis_off()


def images(
    batches: Tensor | Sequence[Tensor],
    titles: Sequence[str] | str | None = None,
    columns: int = 10,
    size: float | None = None,
) -> Figure:
    """Draw sheets of images side by side.

    batches  (N, C, H, W) in [-1, 1], or several such tensors
    titles   one for each batch
    columns  images per row
    size     width of a sheet in inches; by default 0.55 for each column
    """
    batches = [batches] if isinstance(batches, Tensor) else list(batches)
    titles = [titles] if isinstance(titles, str) else titles
    rows = -(-max(len(b) for b in batches) // columns)
    width = size or 0.55 * columns
    figure, axes = plt.subplots(
        1,
        len(batches),
        figsize=(width * len(batches), width * rows / columns + 0.3),
        squeeze=False,
        layout="constrained",
    )
    for ax, batch, title in zip(axes[0], batches, titles or [""] * len(batches), strict=True):
        _show(ax, batch, columns)
        ax.set_title(title, fontsize=10)
    return figure


def _at(steps: Sequence[Step], times: Sequence[int]) -> list[Tensor]:
    """Return the states of a trajectory at the given times, of those that were visited."""
    states = {steps[0].t: steps[0].x_t} | {step.s: step.x_s for step in steps}
    return [states[min(states, key=lambda visited: abs(visited - t))] for t in times]


def film_strip(
    steps: Sequence[Step], times: Sequence[int], columns: int = 4, y: Tensor | None = None
) -> Figure:
    """Draw a trajectory at some of its times, from noise to data.

    steps    what a sampler yielded, in order
    times    from T to 0; each is drawn at the nearest time that was visited
    columns  images per row, if the samples are images
    y        (N,) colours, if they are points
    """
    states, titles = _at(steps, times), [f"t = {t}" for t in times]
    if states[0].ndim == 2:
        return points(states, titles, y, size=2.2)
    return images(states, titles, columns, size=2.2)


def step(record: Step, columns: int = 4, y: Tensor | None = None) -> Figure:
    """Draw one step: x_t on the left, the denoiser's guess of x0 on the right.

    columns  images per row, if the samples are images
    y        (N,) colours, if they are points
    """
    titles = [f"$x_t$ at t = {record.t}", "guess of $x_0$"]
    pair = [record.x_t, record.x0]
    if record.x_t.ndim == 2:
        return points(pair, titles, y, size=3.4)
    return images(pair, titles, columns, size=3.0)


def noise_curves(
    schedules: Sequence[Schedule],
    x_t: Tensor | None = None,
    title: str = "",
    t: int | None = None,
) -> Figure:
    """Draw β, ᾱ and log-SNR over t/T, on axes that stay the same from figure to figure.

    schedules  their curves; one without alpha² + sigma² = 1 has no β
    x_t        (N, C, H, W) images in [-1, 1], drawn in a row underneath
    title      of the whole figure
    t          time to mark, of the last schedule
    """
    rows = "abc" if x_t is None else "abc\nddd"
    figure, axes = plt.subplot_mosaic(
        rows,
        figsize=(9, 2.6 if x_t is None else 2.7 + 8.5 / len(x_t)),
        height_ratios=None if x_t is None else [2.4, 8.5 / len(x_t)],
        layout="constrained",
    )
    for schedule in schedules:
        u = torch.linspace(0, 1, schedule.T + 1)[1:]
        beta = schedule.beta[1:]
        if not torch.allclose(schedule.alpha**2 + schedule.sigma**2, torch.ones(()).double()):
            beta = torch.full_like(beta, torch.nan)
        for name, curve in zip("abc", (beta, schedule.alpha_bar[1:], schedule.snr[1:].log())):
            axes[name].plot(u, curve, label=schedule.name)
            if t is not None and schedule is schedules[-1]:
                axes[name].axvline(t / schedule.T, c="0.5", lw=1)
    axes["a"].set(title="$\\beta_t$", yscale="log", ylim=(1e-6, 1.5))
    axes["b"].set(title="$\\bar\\alpha_t$", ylim=(-0.03, 1.03))
    axes["c"].set(title="log-SNR", ylim=(-15, 15))
    for name in "abc":
        axes[name].set(xlabel="t / T", xlim=(0, 1))
    if len(schedules) > 1:
        axes["b"].legend(fontsize=8)
    if x_t is not None:
        _show(axes["d"], x_t, len(x_t))
    figure.suptitle(title, fontsize=11)
    return figure


def loss_curve(records: Sequence[Record], window: int = 50) -> Figure:
    """Draw the loss of every training step, and its moving average over ``window`` steps."""
    loss = np.array([record.loss for record in records])
    window = max(1, min(window, len(loss)))
    smooth = np.convolve(loss, np.ones(window) / window, mode="valid")
    figure, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
    ax.plot(np.arange(1, len(loss) + 1), loss, lw=0.5, alpha=0.4, label="each step")
    ax.plot(np.arange(window, len(loss) + 1), smooth, label=f"mean of {window} steps")
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
    for name, curve in curves.items():
        ax.plot(x, curve, marker="o" if len(x) < 30 else None, ms=3, label=name)
    if floor is not None:
        ax.axhline(floor, ls="--", c="0.5", label="real against real")
    ax.set(xlabel=xlabel, ylabel=ylabel, yscale="log" if log else "linear")
    ax.legend()
    return figure


def table(rows: dict[str, Tensor], size: float = 0.55) -> Figure:
    """Draw rows of images under each other, each with its name on the left.

    rows  a tensor (N, C, H, W) in [-1, 1] for each name, equally many images in all
    size  width of an image in inches
    """
    count = len(next(iter(rows.values())))
    left = 0.15 + 0.08 * max(len(name) for name in rows)  # inches, for the longest name
    width = left + size * count
    figure, axes = plt.subplots(len(rows), 1, figsize=(width, size * len(rows)), squeeze=False)
    figure.subplots_adjust(left=left / width, right=1, bottom=0, top=1, hspace=0.06)
    for ax, (name, batch) in zip(axes[:, 0], rows.items(), strict=True):
        _show(ax, batch, count)
        beside = {"transform": ax.transAxes, "ha": "right", "va": "center"}
        ax.text(-0.01, 0.5, name, fontsize=9, **beside)
    return figure


def panels(
    x: Sequence[float],
    measures: dict[str, Tensor],
    xlabel: str,
    floors: dict[str, float] | None = None,
) -> Figure:
    """Draw one small plot for each measure: every run as dots, their mean as a line.

    x         (N,) the common horizontal axis
    measures  (R, N) values of R runs for each name
    floors    drawn as a dashed line where there is one: what real data score
    """
    figure, axes = plt.subplots(
        1, len(measures), figsize=(2.4 * len(measures), 2.4), squeeze=False, layout="constrained"
    )
    for ax, (name, runs) in zip(axes[0], measures.items(), strict=True):
        ax.plot(x, runs.mean(0), c="tab:blue")
        for run in runs:
            ax.scatter(x, run, s=8, c="tab:blue", alpha=0.6, linewidths=0)
        if floors and name in floors:
            ax.axhline(floors[name], ls="--", c="0.5")
        ax.set_title(name, fontsize=10)
        ax.set_xlabel(xlabel)
    return figure


def histograms(
    samples: dict[str, Tensor], grid: Tensor, density: Tensor, size: float = 2.8
) -> Figure:
    """Draw a histogram of each set of numbers, with one density over all of them.

    samples  (N,) numbers for each name
    grid     (M,) rising places at which the density is known
    density  (M,) the density that the numbers should have
    """
    figure, axes = _row(len(samples), list(samples), size)
    edges = np.linspace(float(grid[0]), float(grid[-1]), 81)
    for ax, numbers in zip(axes, samples.values(), strict=True):
        ax.hist(numbers.numpy(), edges, density=True, color="tab:blue", alpha=0.5)
        ax.plot(grid, density, c="black", lw=1)
        ax.set_yticks([])
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
    for name, (x, y) in curves.items():
        ax.plot(x, y, marker="o", ms=3, label=name)
    if floor is not None:
        ax.axhline(floor, ls="--", c="0.5", label="real against real")
    ax.set(xlabel=xlabel, ylabel=ylabel, xscale="log", yscale="log")
    ax.legend()
    return figure
