"""Solvers: samplers that follow one differential equation from noise to data.

Along the path of a point, ``dx = x0 d(alpha) + eps d(sigma)``, with x0 and eps the denoiser's
guesses at x_t (Song et al. 2021, arXiv:2011.13456, Eq. 13, in the terms of this course). Every
solver here is a way to integrate that line, and yields ``Step`` records like other samplers. None
draws noise, unless ``dpm_solver`` is told to.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.predictions import Estimate
from course_lib.samplers import Spacing, Step, check_eta, renoise, stops, walk
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
    schedule it is deterministic DDIM, as long as the two guesses belong together: where
    ``x_t = alpha_t x0 + sigma_t eps``, it cancels what is left of x_t. Two famous samplers are
    one, and a test holds them together. Who clips x0 must recompute eps (``predictions.Clipped``).

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

    def move(x: Tensor, t: int, s: int, estimate: Estimate) -> Tensor:
        return _straight(x, schedule, t, s, estimate)

    return walk(denoiser, x, stops(schedule, steps, spacing), y, move)


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

    Every move takes two evaluations, but for the last, which ends where no noise is left to guess.
    If ``steps`` is even, so that one would be left over, the first move is a plain Euler step: one
    such step in many leaves the order as it is.

    denoiser  guesses x0 and eps at x_t
    x         (B, *D) starting noise, ``schedule.sigma[T]`` times a standard normal
    steps     number of network evaluations, 1 ≤ steps ≤ T; they pay for steps // 2 + 1 moves
    y         (B,) labels, or None
    spacing   function from the schedule and a number of moves to the times; see ``spacings``
    generator unused, since nothing here is random; every sampler takes one
    Yields    Step, its estimates those at x_t; the last one has s = 0
    Raises    ValueError if ``steps`` is outside 1…T
    See       Karras et al. 2022 (arXiv:2206.00364), Algorithm 1, which it is where alpha = 1
    """
    schedule.check_steps(steps)
    times = stops(schedule, steps // 2 + 1, spacing)

    def move(x: Tensor, t: int, s: int, here: Estimate) -> Tensor:
        x_s = _straight(x, schedule, t, s, here)
        if s == 0 or (t == times[0] and steps % 2 == 0):
            return x_s
        ahead = denoiser(x_s, s, y)
        mean = Estimate(*(torch.lerp(a, b, 0.5) for a, b in zip(here, ahead, strict=True)))
        return _straight(x, schedule, t, s, mean)

    return walk(denoiser, x, times, y, move)


def dpm_solver(
    denoiser: Callable[..., Estimate],
    x: Tensor,
    schedule: Schedule,
    *,
    steps: int = 20,
    eta: float = 0.0,
    y: Tensor | None = None,
    spacing: Spacing = Schedule.timesteps,
    generator: torch.Generator | None = None,
) -> Iterator[Step]:
    """DPM-Solver++(2M): a DDIM step with x0 extrapolated from the last two guesses: order 2.

    The guess of x0 changes slowly along the path, and nearly in a straight line over
    λ = log(alpha/sigma). Half a step ahead on that line is a better x0 for the whole step, and it
    costs no evaluation. The first step has no earlier guess, and the last one, where λ becomes
    infinite, takes its guess as it is. Fresh noise may be added as in ``ddim``.

    denoiser  guesses x0 and eps at x_t
    x         (B, *D) starting noise, ``schedule.sigma[T]`` times a standard normal
    steps     number of network evaluations, 1 ≤ steps ≤ T
    eta       0 is deterministic; 1 adds as much noise as DDPM with the posterior variance
    y         (B,) labels, or None
    spacing   function from the schedule and ``steps`` to the times; see ``spacings``
    generator source of the fresh noise; unused if eta is 0
    Yields    Step, its estimates those at x_t; the last one has s = 0
    Raises    ValueError if ``steps`` is outside 1…T or ``eta`` outside 0…1
    See       Lu et al. 2022 (arXiv:2211.01095), Algorithm 2, and Eq. 18 for eta = 1
    """
    check_eta(eta)
    log_ratio = (schedule.alpha / schedule.sigma).log()
    before: list[tuple[int, Tensor]] = []  # where the last guess of x0 was made, and the guess

    def move(x: Tensor, t: int, s: int, estimate: Estimate) -> Tensor:
        x0 = estimate.x0
        if before and s > 0:
            r, earlier = before.pop()
            h = log_ratio[s] - log_ratio[t]
            x0 = torch.lerp(earlier, x0, float(1 + h / (2 * (log_ratio[t] - log_ratio[r]))))
        before[:] = [(t, estimate.x0)]
        alpha, sigma = schedule.at(t, x)
        return renoise(schedule, t, s, x0, (x - alpha * x0) / sigma, eta, generator)

    return walk(denoiser, x, stops(schedule, steps, spacing), y, move)


class Inverse(NamedTuple):
    """One move of ``invert``, from time t to the later time s.

    t, s      0 ≤ t < s ≤ T
    x_t       (B, *D) where the move starts
    x0, eps   (B, *D) the guesses that it was made with
    x_s       (B, *D) where it ends
    residual  (B,) root mean square distance from x_s to where the guesses were made; a walk back
              would start at x_s, so that it is what the round trip can miss
    """

    t: int
    s: int
    x_t: Tensor
    x0: Tensor
    eps: Tensor
    x_s: Tensor
    residual: Tensor


def invert(
    denoiser: Callable[..., Estimate],
    x0: Tensor,
    schedule: Schedule,
    *,
    steps: int = 50,
    y: Tensor | None = None,
    spacing: Spacing = Schedule.timesteps,
    repeats: int = 1,
) -> Iterator[Inverse]:
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
    Yields    Inverse, from t = 0 up to the first of the stops
    Raises    ValueError if ``steps`` or ``repeats`` is out of range
    See       Song et al. 2021 (arXiv:2010.02502), Section 4.3; Pan et al. 2023
              (arXiv:2309.04907), Section 3.1, for the repeats
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, not {repeats}.")
    return _inverse(denoiser, x0, schedule, stops(schedule, steps, spacing)[::-1], y, repeats)


def _inverse(
    denoiser: Callable[..., Estimate],
    x: Tensor,
    schedule: Schedule,
    times: list[int],
    y: Tensor | None,
    repeats: int,
) -> Iterator[Inverse]:
    for t, s in pairwise(times):
        x_s = x
        for _ in range(repeats):
            asked = x_s
            estimate = denoiser(asked, s, y)
            x_s = _straight(x, schedule, t, s, estimate)
        residual = (x_s - asked).flatten(1).square().mean(1).sqrt()
        yield Inverse(t, s, x, *estimate, x_s, residual)
        x = x_s


def _straight(x: Tensor, schedule: Schedule, t: int, s: int, estimate: Estimate) -> Tensor:
    """Take one straight step of the equation, from x at time t to time s."""
    d_alpha = float(schedule.alpha[s] - schedule.alpha[t])
    d_sigma = float(schedule.sigma[s] - schedule.sigma[t])
    return x + d_alpha * estimate.x0 + d_sigma * estimate.eps
