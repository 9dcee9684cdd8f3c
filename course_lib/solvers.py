"""Solvers: deterministic samplers that follow one differential equation from noise to data.

Along the path of a point, ``dx = x0 d(alpha) + eps d(sigma)``, with x0 and eps the denoiser's
guesses at x_t (Song et al. 2021, arXiv:2011.13456, Eq. 13, in the terms of this course). Every
solver here is a way to integrate that line, and yields ``Step`` records like other samplers.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor

from course_lib.predictions import Estimate
from course_lib.samplers import Spacing, Step
from course_lib.schedules import Schedule


def euler(
    denoiser: Callable[..., Estimate],
    x: Tensor,
    schedule: Schedule,
    *,
    steps: int = 50,
    y: Tensor | None = None,
    spacing: Spacing = Schedule.timesteps,
    generator: torch.Generator | None = None,
) -> Iterator[Step]:
    """Go straight on in the direction of the moment: order 1.

    With the ``flow`` schedule this is ``x_s = x_t + (sigma_s − sigma_t) · velocity``. With any
    schedule it is deterministic DDIM, since ``x_t = alpha_t x0 + sigma_t eps`` cancels what is
    left of x_t: two famous samplers are one, and a test holds them together.

    denoiser  guesses x0 and eps at x_t
    x         (B, *D) starting noise, ``schedule.sigma[T]`` times a standard normal
    steps     number of network evaluations, 1 ≤ steps ≤ T
    y         (B,) labels, or None
    spacing   function from the schedule and ``steps`` to the times; see ``spacings``
    generator unused, since nothing here is random; every sampler takes one
    Yields    Step; the last one has s = 0
    Raises    ValueError if ``steps`` is outside 1…T
    See       Lipman et al. 2023 (arXiv:2210.02747), Section 3
    """
    for t, s in pairwise(spacing(schedule, steps)):
        estimate = denoiser(x, t, y)
        x_s = _move(x, schedule, t, s, estimate)
        yield Step(t, s, x, *estimate, x_s)
        x = x_s


def heun(
    denoiser: Callable[..., Estimate],
    x: Tensor,
    schedule: Schedule,
    *,
    steps: int = 50,
    y: Tensor | None = None,
    spacing: Spacing = Schedule.timesteps,
    generator: torch.Generator | None = None,
) -> Iterator[Step]:
    """Look ahead with an Euler step, then go in the mean of the two directions: order 2.

    Two evaluations for every move but the last, which ends where no noise is left to estimate.

    denoiser  guesses x0 and eps at x_t
    x         (B, *D) starting noise, ``schedule.sigma[T]`` times a standard normal
    steps     number of network evaluations, 1 ≤ steps ≤ T; they pay for (steps + 1) // 2 moves
    y         (B,) labels, or None
    spacing   function from the schedule and a number of moves to the times; see ``spacings``
    generator unused, since nothing here is random; every sampler takes one
    Yields    Step, its estimates those at x_t; the last one has s = 0
    Raises    ValueError if ``steps`` is outside 1…T
    See       Karras et al. 2022 (arXiv:2206.00364), Algorithm 1
    """
    schedule.check_steps(steps)
    for t, s in pairwise(spacing(schedule, (steps + 1) // 2)):
        here = denoiser(x, t, y)
        x_s = _move(x, schedule, t, s, here)
        if s > 0:
            ahead = denoiser(x_s, s, y)
            mean = Estimate(*(torch.lerp(a, b, 0.5) for a, b in zip(here, ahead, strict=True)))
            x_s = _move(x, schedule, t, s, mean)
        yield Step(t, s, x, *here, x_s)
        x = x_s


def dpm_solver(
    denoiser: Callable[..., Estimate],
    x: Tensor,
    schedule: Schedule,
    *,
    steps: int = 20,
    y: Tensor | None = None,
    spacing: Spacing = Schedule.timesteps,
    generator: torch.Generator | None = None,
) -> Iterator[Step]:
    """DPM-Solver++(2M): a DDIM step with x0 extrapolated from the last two guesses: order 2.

    The guess of x0 changes slowly along the path, and nearly in a straight line over
    λ = log(alpha/sigma). Half a step ahead on that line is a better x0 for the whole step, and it
    costs no evaluation. The first step has no earlier guess, and the last one, where λ becomes
    infinite, takes its guess as it is.

    denoiser  guesses x0 and eps at x_t
    x         (B, *D) starting noise, ``schedule.sigma[T]`` times a standard normal
    steps     number of network evaluations, 1 ≤ steps ≤ T
    y         (B,) labels, or None
    spacing   function from the schedule and ``steps`` to the times; see ``spacings``
    generator unused, since nothing here is random; every sampler takes one
    Yields    Step, its estimates those at x_t; the last one has s = 0
    Raises    ValueError if ``steps`` is outside 1…T
    See       Lu et al. 2022 (arXiv:2211.01095), Algorithm 2
    """
    log_ratio = (schedule.alpha / schedule.sigma).log()
    previous = None
    for t, s in pairwise(spacing(schedule, steps)):
        estimate = denoiser(x, t, y)
        x0 = estimate.x0
        if previous is not None and s > 0:
            r, before = previous
            h = log_ratio[s] - log_ratio[t]
            x0 = torch.lerp(before, x0, float(1 + h / (2 * (log_ratio[t] - log_ratio[r]))))
        alpha, sigma = schedule.at(t, x)
        x_s = float(schedule.alpha[s]) * x0
        x_s = x_s + float(schedule.sigma[s]) * (x - alpha * x0) / sigma
        yield Step(t, s, x, *estimate, x_s)
        previous, x = (t, estimate.x0), x_s


def invert(
    denoiser: Callable[..., Estimate],
    x0: Tensor,
    schedule: Schedule,
    *,
    steps: int = 50,
    y: Tensor | None = None,
    spacing: Spacing = Schedule.timesteps,
    repeats: int = 1,
) -> Iterator[Step]:
    """Walk DDIM backwards, from data to the noise that would become them.

    The step from t to s used the guesses at x_t, which a walk the other way round does not know
    yet. It takes those at x_s instead, with time t, and may improve on them: guess x_t, ask again
    there, and so on. More repeats or more steps make the round trip more exact.

    denoiser  guesses x0 and eps at x_t; use no guidance, or the round trip drifts
    x0        (B, *D) data
    steps     number of moves, 1 ≤ steps ≤ T
    y         (B,) labels, or None
    spacing   function from the schedule and ``steps`` to the times; see ``spacings``
    repeats   evaluations of each move, at least 1
    Yields    Step with s > t: from time t = 0 up to s = T; its estimates are those last used
    Raises    ValueError if ``steps`` or ``repeats`` is out of range
    See       Song et al. 2021 (arXiv:2010.02502), Section 4.3; Pan et al. 2023
              (arXiv:2309.04907), Section 3.1, for the repeats
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, not {repeats}.")
    x = x0
    for t, s in pairwise(reversed(spacing(schedule, steps))):
        x_s = x
        for _ in range(repeats):
            estimate = denoiser(x_s, s, y)
            x_s = _move(x, schedule, t, s, estimate)
        yield Step(t, s, x, *estimate, x_s)
        x = x_s


def _move(x: Tensor, schedule: Schedule, t: int, s: int, estimate: Estimate) -> Tensor:
    """Take one straight step of the equation, from x at time t to time s."""
    d_alpha = float(schedule.alpha[s] - schedule.alpha[t])
    d_sigma = float(schedule.sigma[s] - schedule.sigma[t])
    return x + d_alpha * estimate.x0 + d_sigma * estimate.eps
