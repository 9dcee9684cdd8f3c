"""Numbers that say how close two sets of points are, and where a denoiser errs."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.predictions import Estimate
from course_lib.samplers import randn_like
from course_lib.schedules import Schedule


def sliced_distance(a: Tensor, b: Tensor, directions: int = 64) -> float:
    """Return how far the points of one set must move, on average, to become the other.

    Both sets are projected on lines in evenly spread directions; on a line, the best way to
    move one set onto the other is in sorted order. Two samples of one distribution are never at
    distance 0, so compare with ``real_floor`` at the same n.

    a, b        (N, 2) two sets of equally many points
    directions  number of lines
    Returns     mean distance moved along a line, in the units of the points, ≥ 0
    Raises      ValueError if the sets differ in shape or are not points in the plane
    See         Bonneel et al. 2015, "Sliced and Radon Wasserstein barycenters", Section 3
    """
    if a.shape != b.shape or a.ndim != 2 or a.shape[1] != 2:
        raise ValueError(
            f"Compare two sets of equally many points in the plane, (N, 2), not "
            f"{tuple(a.shape)} and {tuple(b.shape)}: cut the larger one."
        )
    angle = torch.arange(directions, device=a.device) * math.pi / directions
    lines = torch.stack([angle.cos(), angle.sin()]).to(a)  # (2, directions)
    moved = (a @ lines).sort(dim=0).values - (b @ lines).sort(dim=0).values
    return moved.abs().mean().item()


class Floor(NamedTuple):
    """What a measure says of two samples of the real data: mean and largest of several draws."""

    mean: float
    worst: float


def real_floor(
    draw: Callable[[], Tensor],
    measure: Callable[[Tensor, Tensor], float] = sliced_distance,
    repeats: int = 20,
) -> Floor:
    """Measure two fresh sets of real data against each other, again and again.

    draw     function that returns a new set of real data, as large as the samples to be judged
    measure  function of two sets, larger where they differ more
    repeats  number of comparisons
    """
    values = [measure(draw(), draw()) for _ in range(repeats)]
    return Floor(sum(values) / repeats, max(values))


class ErrorByTime(NamedTuple):
    """Mean squared errors of one denoiser at several times, each (len(t),).

    At one time the three are the same error in three units: for alpha² + sigma² = 1,
    ``x0 = eps · sigma²/alpha²`` and ``v = eps / alpha²``.
    """

    t: Tensor
    eps: Tensor
    x0: Tensor
    v: Tensor


def error_by_time(
    denoiser: Callable[..., Estimate],
    schedule: Schedule,
    x0: Tensor,
    times: list[int],
    *,
    y: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> ErrorByTime:
    """Measure a denoiser on data that it was not trained on, one time after another.

    x0       (N, *D) clean data; each time gets noise of its own
    times    list of integers, 1 ≤ t ≤ T
    y        (N,) labels, or None
    Returns  ErrorByTime, mean over samples and dimensions
    """
    rows = []
    for t in times:
        eps = randn_like(x0, generator)
        estimate = denoiser(schedule.add_noise(x0, t, eps), t, y)
        alpha, sigma = schedule.at(t, x0)
        off_x0, off_eps = estimate.x0 - x0, estimate.eps - eps
        off_v = alpha * off_eps - sigma * off_x0
        rows.append([off.square().mean() for off in (off_eps, off_x0, off_v)])
    eps_error, x0_error, v_error = torch.tensor(rows, device="cpu").T
    return ErrorByTime(torch.tensor(times, device="cpu"), eps_error, x0_error, v_error)
