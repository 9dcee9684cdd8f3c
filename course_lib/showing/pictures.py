"""Pictures of data: points, images, and the steps of a sampler."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from torch import Tensor

from course_lib.samplers import Step

LIMIT = 3.0
"""Half the width of a picture of points: data of unit variance and their noise fit inside."""
LABEL_COLOURS = ListedColormap(
    ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000"]
)
"""Colours of the labels 0 to 7, which the colour-blind can tell apart too (Okabe and Ito 2008)."""


def row_of_panels(
    count: int, titles: Sequence[str] | None, size: float
) -> tuple[Figure, list[Axes]]:
    """Make ``count`` square panels in a row, with a title each."""
    figure, axes = plt.subplots(
        1, count, figsize=(size * count, size + 0.3), squeeze=False, layout="constrained"
    )
    for ax, title in zip(axes[0], titles or [""] * count, strict=True):
        ax.set_title(title, fontsize=10)
    return figure, list(axes[0])


def plane(ax: Axes) -> None:
    """Frame one picture of points, with a scale at the left and lower edge of the row."""
    ticks = (-2, 0, 2)
    ax.set(xlim=(-LIMIT, LIMIT), ylim=(-LIMIT, LIMIT), aspect="equal", xticks=ticks, yticks=ticks)
    ax.tick_params(labelsize=8, length=2)
    ax.label_outer()


def _scatter(ax: Axes, x: Tensor, y: Tensor | None = None) -> None:
    """Draw points (N, 2), coloured by label."""
    x = x.detach().cpu()
    size = 30 / len(x) ** 0.4
    if y is None:
        ax.scatter(x[:, 0], x[:, 1], s=size, c="tab:blue", alpha=0.5, linewidths=0)
    else:
        ax.scatter(x[:, 0], x[:, 1], s=size, c=y, cmap=LABEL_COLOURS, vmin=0, vmax=7, linewidths=0)
    plane(ax)


def points(
    clouds: Sequence[Tensor],
    titles: Sequence[str] | None = None,
    labels: Tensor | Sequence[Tensor | None] | None = None,
    size: float = 2.6,
    background: Tensor | None = None,
) -> Figure:
    """Draw clouds of points side by side.

    clouds      tensors (N, 2)
    titles      one for each cloud
    labels      (N,) colours for all clouds, or one such tensor (or None) for each
    background  (M, 2) points drawn in grey underneath, such as real ones
    """
    figure, axes = row_of_panels(len(clouds), titles, size)
    if labels is None or isinstance(labels, Tensor):
        labels = [labels] * len(clouds)
    for ax, cloud, y in zip(axes, clouds, labels, strict=True):
        if background is not None:
            ax.scatter(*background.T, s=4, c="0.75", linewidths=0)
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
    figure, axes = row_of_panels(len(fields), titles, size)
    for ax, field in zip(axes, fields, strict=True):
        if background is not None:
            ax.scatter(*background.T, s=2, c="0.8")
        ax.quiver(*at.T, *field.T, angles="xy", scale_units="xy", scale=1, width=0.004)
        plane(ax)
    return figure


def signed(x: Tensor) -> Tensor:
    """Colour numbers by their sign: (N, 1, H, W) around 0 to pictures (N, 3, H, W) in [-1, 1].

    White is 0, red is 1 or more, and blue is −1 or less.
    """
    more, less = x.clamp(0, 1), (-x).clamp(0, 1)
    return 1 - 2 * torch.cat([less, torch.maximum(more, less), more], dim=1)


def tile(images: Tensor, columns: int) -> np.ndarray:
    """Lay images out in rows, as an array of bytes.

    images   (N, C, H, W) in [-1, 1], C 1 or 3; values outside are cut off
    columns  images per row
    Returns  (rows · (H + 2) − 2, columns · (W + 2) − 2, C) uint8
    """
    n, c, h, w = images.shape
    rows = -(-n // columns)
    canvas = torch.full((rows * columns, c, h + 2, w + 2), 255, dtype=torch.uint8, device="cpu")
    pixels = ((images.detach().cpu().float().clamp(-1, 1) + 1) * 127.5).round().byte()
    canvas[:n, :, 1:-1, 1:-1] = pixels
    sheet = canvas.reshape(rows, columns, c, h + 2, w + 2).permute(0, 3, 1, 4, 2)
    sheet = sheet.reshape(rows * (h + 2), columns * (w + 2), c)
    return sheet[1:-1, 1:-1].numpy()


def show_sheet(ax: Axes, images: Tensor, columns: int) -> None:
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
        show_sheet(ax, batch, columns)
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
    size = min(2.2, 9.5 / len(times))  # a row no wider than a notebook's column
    if states[0].ndim == 2:
        return points(states, titles, y, size=size)
    return images(states, titles, columns, size=size)


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


def head_columns(ax: Axes, columns: Sequence[str]) -> None:
    """Write a heading over each image of a sheet that holds one row of them."""
    width = ax.images[0].get_array().shape[1] / len(columns)
    for k, heading in enumerate(columns):
        ax.text((k + 0.5) * width, -3, heading, fontsize=8, ha="center", va="bottom")


def table(
    rows: dict[str, Tensor], size: float = 0.55, columns: Sequence[str] | None = None
) -> Figure:
    """Draw rows of images under each other, each with its name on the left.

    rows     a tensor (N, C, H, W) in [-1, 1] for each name, equally many images in all
    size     width of an image in inches
    columns  headings over the images of the first row, N of them
    """
    count = len(next(iter(rows.values())))
    left = 0.15 + 0.08 * max(len(name) for name in rows)  # inches, for the longest name
    width = left + size * count
    height = size * len(rows) + (0.25 if columns else 0)
    figure, axes = plt.subplots(len(rows), 1, figsize=(width, height), squeeze=False)
    top = size * len(rows) / height
    figure.subplots_adjust(left=left / width, right=1, bottom=0, top=top, hspace=0.06)
    for ax, (name, batch) in zip(axes[:, 0], rows.items(), strict=True):
        show_sheet(ax, batch, count)
        beside = {"transform": ax.transAxes, "ha": "right", "va": "center"}
        ax.text(-0.01, 0.5, name, fontsize=9, **beside)
    if columns:
        head_columns(axes[0, 0], columns)
    return figure
