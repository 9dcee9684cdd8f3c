"""Samplers: generators that walk from t = T (noise) to t = 0 (data), yielding every step."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.predictions import Estimate
from course_lib.schedules import Schedule

Spacing = Callable[[Schedule, int], list[int]]
"""A function from a schedule and a number of steps to the times to stop at; see ``spacings``."""


class Step(NamedTuple):
    """One move of a sampler, from time t to the earlier time s.

    t, s     0 ≤ s < t ≤ T
    x_t      (B, *D) where the step starts
    x0, eps  (B, *D) the denoiser's estimates at x_t
    x_s      (B, *D) where the step ends
    """

    t: int
    s: int
    x_t: Tensor
    x0: Tensor
    eps: Tensor
    x_s: Tensor


def stops(schedule: Schedule, steps: int, spacing: Spacing = Schedule.timesteps) -> list[int]:
    """Return the times at which a sampler stops, after a look at them.

    Raises  ValueError if ``steps`` is outside 1…T, or unless the times fall from T or below to 0
    """
    schedule.check_steps(steps)
    times = list(spacing(schedule, steps))
    falling = all(t > s for t, s in pairwise(times))
    if not falling or len(times) < 2 or times[0] > schedule.T or times[-1] != 0:
        raise ValueError(
            f"A sampler's stops must fall from at most T = {schedule.T} to 0, each one once, but "
            f"these are {times if len(times) < 9 else [*times[:4], '…', *times[-4:]]}."
        )
    return times


def walk(
    denoiser: Callable[..., Estimate],
    x: Tensor,
    times: Sequence[int],
    y: Tensor | None,
    move: Callable[[Tensor, int, int, Estimate], Tensor],
) -> Iterator[Step]:
    """Ask the denoiser and move on, from each time to the next: the loop of every sampler.

    move    function from x_t, t, s and the estimate at x_t to x_s
    Yields  Step
    """
    for t, s in pairwise(times):
        estimate = denoiser(x, t, y)
        x_s = move(x, t, s, estimate)
        yield Step(t, s, x, *estimate, x_s)
        x = x_s


def randn(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Draw standard normal noise, float32 and where the generator is."""
    floats = {"device": generator.device, "dtype": torch.float32}
    return torch.randn(tuple(shape), generator=generator, **floats)


def randn_like(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Draw standard normal noise shaped like ``x``, on the generator's device, then move it."""
    device = generator.device if generator is not None else x.device
    return torch.randn(x.shape, generator=generator, device=device, dtype=x.dtype).to(x.device)


def posterior_variance(schedule: Schedule, t: int, s: int) -> float:
    """Variance of x_s when both x_t and x0 are known: the least noise a step can add.

    See  Ho et al. 2020 (arXiv:2006.11239), Eq. 7; Kingma et al. 2021 (arXiv:2107.00630), Eq. 27
    """
    return step_variance(schedule, t, s) * float(schedule.sigma[s] / schedule.sigma[t]) ** 2


def step_variance(schedule: Schedule, t: int, s: int) -> float:
    """Variance of the noise that leads from x_s to x_t (β_t if s = t − 1): the most to add.

    See  Ho et al. 2020 (arXiv:2006.11239), Section 3.2; Kingma et al. 2021, Eq. 20
    """
    ratio = float(schedule.alpha[t] / schedule.alpha[s])
    return float(schedule.sigma[t]) ** 2 - ratio**2 * float(schedule.sigma[s]) ** 2


def ddpm(
    denoiser: Callable[..., Estimate],
    x: Tensor,
    schedule: Schedule,
    *,
    steps: int | None = None,
    variance: Callable[[Schedule, int, int], float] = posterior_variance,
    y: Tensor | None = None,
    spacing: Spacing = Schedule.timesteps,
    generator: torch.Generator | None = None,
) -> Iterator[Step]:
    """Walk back with fresh noise at every step but the last.

    denoiser   guesses x0 and eps at x_t
    x          (B, *D) starting noise, ``schedule.sigma[T]`` times a standard normal
    steps      number of network evaluations, 1 ≤ steps ≤ T; all T of them if None
    variance   ``posterior_variance`` or ``step_variance``, the two ends of what is right
    y          (B,) labels, or None
    spacing    function from the schedule and ``steps`` to the times; see ``spacings``
    generator  source of the fresh noise
    Yields     Step; the last one has s = 0
    Raises     ValueError if ``steps`` is outside 1…T
    See        Ho et al. 2020 (arXiv:2006.11239), Algorithm 2 and Eq. 7
    """

    def move(x: Tensor, t: int, s: int, estimate: Estimate) -> Tensor:
        alpha_ts = schedule.alpha[t] / schedule.alpha[s]
        from_x_t = alpha_ts * (schedule.sigma[s] / schedule.sigma[t]) ** 2
        from_x0 = schedule.alpha[s] * step_variance(schedule, t, s) / schedule.sigma[t] ** 2
        x_s = float(from_x_t) * x + float(from_x0) * estimate.x0
        if s > 0:
            x_s = x_s + variance(schedule, t, s) ** 0.5 * randn_like(x, generator)
        return x_s

    times = stops(schedule, schedule.T if steps is None else steps, spacing)
    return walk(denoiser, x, times, y, move)


def ddim(
    denoiser: Callable[..., Estimate],
    x: Tensor,
    schedule: Schedule,
    *,
    steps: int = 50,
    eta: float = 0.0,
    y: Tensor | None = None,
    spacing: Spacing = Schedule.timesteps,
    generator: torch.Generator | None = None,
) -> Iterator[Step]:
    """Walk back along the estimated noise, adding as much fresh noise as ``eta`` says.

    denoiser   guesses x0 and eps at x_t
    x          (B, *D) starting noise, ``schedule.sigma[T]`` times a standard normal
    steps      number of network evaluations, 1 ≤ steps ≤ T
    eta        0 is deterministic; 1 over all T steps is DDPM with the posterior variance
    y          (B,) labels, or None
    spacing    function from the schedule and ``steps`` to the times; see ``spacings``
    generator  source of the fresh noise; unused if eta is 0
    Yields     Step; the last one has s = 0
    Raises     ValueError if ``steps`` is outside 1…T or ``eta`` outside 0…1
    See        Song et al. 2021 (arXiv:2010.02502), Eq. 12 and 16
    """
    check_eta(eta)

    def move(x: Tensor, t: int, s: int, estimate: Estimate) -> Tensor:
        return renoise(schedule, t, s, *estimate, eta, generator)

    return walk(denoiser, x, stops(schedule, steps, spacing), y, move)


def consistency(
    denoiser: Callable[..., Estimate],
    x: Tensor,
    schedule: Schedule,
    *,
    steps: int = 1,
    y: Tensor | None = None,
    spacing: Spacing = Schedule.timesteps,
    generator: torch.Generator | None = None,
) -> Iterator[Step]:
    """Guess x0, hide it under noise that is all fresh, and guess again: for few, long steps.

    It is right for a denoiser whose guess is a sample, not a mean, such as a distilled one: each
    guess is then new data, and noise of the next level is added to it as in training.

    denoiser  guesses x0 and eps at x_t
    x         (B, *D) starting noise, ``schedule.sigma[T]`` times a standard normal
    steps     number of network evaluations, 1 ≤ steps ≤ T
    y         (B,) labels, or None
    spacing   function from the schedule and ``steps`` to the times; see ``spacings``
    generator source of the fresh noise; unused in a single step
    Yields    Step; the last one has s = 0
    Raises    ValueError if ``steps`` is outside 1…T
    See       Song et al. 2023 (arXiv:2303.01469), Algorithm 1
    """

    def move(x: Tensor, t: int, s: int, estimate: Estimate) -> Tensor:
        if s == 0:
            return estimate.x0
        return schedule.add_noise(estimate.x0, s, randn_like(x, generator))

    return walk(denoiser, x, stops(schedule, steps, spacing), y, move)


def check_eta(eta: float) -> None:
    """Raise ValueError unless eta is between 0 and 1."""
    if not 0 <= eta <= 1:
        raise ValueError(f"eta must be between 0 (deterministic) and 1 (DDPM), not {eta}.")


def renoise(
    schedule: Schedule,
    t: int,
    s: int,
    x0: Tensor,
    eps: Tensor,
    eta: float,
    generator: torch.Generator | None,
) -> Tensor:
    """Mix guesses that were made at time t to x_s, a share of the noise drawn afresh.

    x0, eps  (B, *D) guesses
    eta      fresh noise, as a share of the posterior's standard deviation
    Returns  (B, *D) at time s
    See      Song et al. 2021 (arXiv:2010.02502), Eq. 12 and 16
    """
    fresh = eta**2 * posterior_variance(schedule, t, s)
    kept = max(float(schedule.sigma[s]) ** 2 - fresh, 0.0) ** 0.5
    x_s = float(schedule.alpha[s]) * x0 + kept * eps
    if fresh > 0:
        x_s = x_s + fresh**0.5 * randn_like(x0, generator)
    return x_s


def last(steps: Iterable[Step]) -> Tensor:
    """Run a sampler to its end and return the samples, (B, *D).

    Raises  ValueError if there is no step to run
    """
    tail = deque(steps, maxlen=1)
    if not tail:
        raise ValueError("There are no steps to run: make a new sampler, this one is used up.")
    return tail[0].x_s
