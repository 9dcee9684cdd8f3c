"""Diagrams: each explains one idea, of what a denoiser, a measure or a network does."""

from collections.abc import Sequence
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from course_lib.showing.pictures import LABEL_COLOURS, plane, row_of_panels


def candidates(
    points: Tensor,
    shares: Sequence[Tensor],
    at: Sequence[Tensor],
    titles: Sequence[str] | None = None,
    size: float = 3.0,
) -> Figure:
    """Colour data by how probable each point is as the origin of one noisy point, side by side.

    points  (N, 2) the data
    shares  tensors (N,), the probabilities; the largest of each picture is the darkest
    at      tensors (2,), the noisy points, drawn as crosses; their mean guess is a circle
    titles  one for each picture
    """
    figure, axes = row_of_panels(len(shares), titles, size)
    for ax, share, x_t in zip(axes, shares, at, strict=True):
        order = share.argsort()  # the probable ones on top
        options = {"c": (share / share.max())[order], "cmap": "Blues", "vmin": -0.25, "vmax": 1}
        ax.scatter(*points[order].T, s=6, linewidths=0, **options)
        ax.scatter(*x_t, marker="x", c="black", s=40, label="$x_t$")
        guess = share @ points
        ax.scatter(*guess, marker="o", fc="none", ec="tab:orange", s=60, lw=2, label="mean")
        plane(ax)
    axes[0].legend(fontsize=8, loc="upper left")
    return figure


def balls(
    sets: dict[str, Tensor], names: tuple[str, str] = ("precision", "recall"), k: int = 3
) -> Figure:
    """Draw what precision and recall count: points of one set inside the balls of another.

    sets   two sets of points (N, 2), the real ones first
    names  titles of the two pictures: samples in the balls of the real ones, and the reverse
    k      each ball reaches to its centre's k-th nearest fellow
    """
    figure, axes = plt.subplots(
        1, 2, figsize=(8, 4.3), sharex=True, sharey=True, layout="constrained"
    )
    (real, samples), pairs = sets, list(sets.values())
    for ax, name, reverse in zip(axes, names, (False, True), strict=True):
        centres, dots = pairs[::-1] if reverse else pairs
        inner, outer = (real, samples) if reverse else (samples, real)
        reach = torch.cdist(centres, centres).kthvalue(k + 1, dim=1).values  # itself is the first
        hit = (torch.cdist(dots, centres) <= reach).any(dim=1)
        for centre, radius in zip(centres, reach, strict=True):
            ax.add_patch(plt.Circle(centre.tolist(), float(radius), color="0.5", alpha=0.15, lw=0))
        ax.scatter(*centres.T, s=16, marker="+", c="0.35", lw=0.8, label=f"{outer}: centres")
        ax.scatter(*dots[hit].T, s=16, c="tab:blue", label=f"{inner}: inside a ball")
        ax.scatter(*dots[~hit].T, s=34, c="tab:orange", marker="x", label=f"{inner}: outside")
        share = f"{name} {hit.double().mean():.0%}"
        ax.set_title(f"{share}: {inner} in the balls of {outer}", fontsize=10)
        ax.set(aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
        ax.legend(fontsize=8)
    return figure


def u_shape(
    stations: Sequence[tuple[str, Sequence[int]]], shortcuts: Sequence[tuple[int, int]] = ()
) -> Figure:
    """Draw the way of an image through a network, from left to right.

    stations   a name and the shape (C, H, W) of what is there; a box is as high as the picture
               and as wide as it has channels, and stands the lower the smaller the picture is
    shortcuts  pairs of stations, by index, that are joined by an arrow of their own
    """
    figure, ax = plt.subplots(figsize=(0.7 * len(stations), 3.3), layout="constrained")
    largest = max(h for _, (_, h, _) in stations)
    widest = max(c for _, (c, _, _) in stations)
    places = []
    for k, (name, (c, h, w)) in enumerate(stations):
        width, height = 0.04 + 0.6 * c / widest, 1.1 * h / largest
        level = 1.6 * np.log2(h / largest)
        ax.add_patch(plt.Rectangle((k - width / 2, level), width, height, fc="#9ecae1", ec="0.3"))
        text = {"ha": "center", "va": "top", "fontsize": 8, "zorder": 3}
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
        ax.text(k, level - 0.08, f"{name}\n{c}×{h}×{w}", bbox=box, **text)
        places.append((k, width / 2, level, level + height))
    arrow = {"arrowstyle": "->", "color": "0.4"}
    for (k, right, bottom, top), (j, left, low, high) in pairwise(places):
        start, end, bend = (k + right, (bottom + top) / 2), (j - left, (low + high) / 2), {}
        if low < bottom:  # around the names, which stand under the boxes
            end, bend = (j, high), {"connectionstyle": "angle,angleA=0,angleB=90"}
        elif low > bottom:
            start, bend = (k, top), {"connectionstyle": "angle,angleA=90,angleB=0"}
        ax.annotate("", end, start, arrowprops=arrow | bend, zorder=1)
    for a, b in shortcuts:
        bend = {"connectionstyle": "arc3,rad=-0.25", "ls": "--", "color": "tab:red"}
        start, end = ((places[i][0], places[i][3] + 0.03) for i in (a, b))
        ax.annotate("", end, start, arrowprops=arrow | bend)
    low = min(bottom for _, _, bottom, _ in places)
    ax.set(xlim=(-0.6, len(stations) - 0.4), ylim=(low - 0.75, 1.2))
    ax.set_axis_off()
    return figure


DIGIT_COLOURS = [*LABEL_COLOURS.colors[:6], "0.55", "#000000", "#882255", "#117733"]
"""Of the digits 0 to 9, all dark enough to be read on white."""


def glyphs(clouds: dict[str, tuple[Tensor, Tensor | None]]) -> Figure:
    """Draw clouds of points side by side, each point written as its digit.

    clouds  for each title, points (N, 2) and their digits (N,), 0 to 9; without digits they are
            drawn as dots
    """
    figure, axes = plt.subplots(
        1,
        len(clouds),
        figsize=(4.2 * len(clouds), 4),
        sharey=True,
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    for ax, (title, (x, y)) in zip(axes[0], clouds.items(), strict=True):
        if y is None:
            ax.scatter(*x.T, s=8, c="0.4", linewidths=0)
        else:
            for digit in y.unique().tolist():
                look = {"color": DIGIT_COLOURS[digit], "marker": f"${digit}$"}
                ax.scatter(*x[y == digit].T, s=28, lw=0.3, **look)
        ax.set(title=title, xlabel="first direction")
    axes[0, 0].set_ylabel("second direction")
    return figure
