"""How likely data are: the probability flow carries a density along, and the loss bounds it.

A sampler's equation, ``dx = x0 d(alpha) + eps d(sigma)``, moves points without losing any, so that
a density grows where the flow contracts. Walked from data to noise, where the density is known, it
tells the density of the data (``carry``, ``log_density``). The noisy steps of DDPM tell less, but
need no derivative: a bound, which is the training loss under other weights (``bound``). Both speak
of x_1; ``log_reconstruction`` tells what x_1 says about x0.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.predictions import Estimate
from course_lib.samplers import Spacing, randn_like, stops
from course_lib.schedules import Schedule
from course_lib.spacings import karras

LEAST_LOG_SNR = -20.0
"""Where x_t is noise for all practical purposes: of its power, two billionths are signal."""


class Carried(NamedTuple):
    """One move of points and their density along the flow, from time t to the later time s.

    t, s     1 ≤ t < s ≤ T
    x_t      (B, *D) where the move starts
    x_s      (B, *D) where it ends
    gain     (B,) log density of x_t at t, minus that of x_s at s: how much the flow spreads
    """

    t: int
    s: int
    x_t: Tensor
    x_s: Tensor
    gain: Tensor


def carry(
    denoiser: Callable[..., Estimate],
    x: Tensor,
    schedule: Schedule,
    *,
    steps: int = 50,
    y: Tensor | None = None,
    probes: int | None = None,
    spacing: Spacing = karras,
    generator: torch.Generator | None = None,
) -> Iterator[Carried]:
    """Follow the probability flow from t = 1 to T, and how it changes the density: order 2.

    A density changes along a path by minus the divergence of the flow. With x0's trace
    ``tr = Σ ∂x0_i/∂x_i`` that is ``−D d(log sigma) − alpha tr d(log(alpha/sigma))`` for D numbers.
    Every move takes the mean of what the denoiser says at its two ends, for x/sigma over
    alpha/sigma, and for alpha tr over its logarithm: exact where x0 is constant, as of a black
    background, and where x0 follows x, as at little noise.

    denoiser  guesses x0 at x_t, and can be differentiated with respect to x_t
    x         (B, *D) points at t = 1
    steps     of a sampler with the same stops, 1 ≤ steps ≤ T, with t = 1 in the place of 0
    y         (B,) labels, or None
    probes    None takes the trace exactly, which costs a derivative for each of a point's numbers;
              a number estimates it with so many random signs, drawn once for the whole path
    spacing   function from the schedule and a number of steps to the times; see ``spacings``
    generator source of the signs
    Yields    Carried, from t = 1 up to T, or to T − 1 where alpha[T] is 0
    Raises    ValueError if ``steps`` or ``probes`` is out of range
    See       Song et al. 2021 (arXiv:2011.13456), Eq. 39; Grathwohl et al. 2019
              (arXiv:1810.01367), Eq. 6–8; Hutchinson 1989 for the signs
    """
    times, directions = upwards(schedule, steps, spacing), _directions(x, probes, generator)
    look = partial(_look, lambda x, t: denoiser(x, t, y), directions)
    (x0, trace), count = look(x, times[0]), x[0].numel()
    for t, s in pairwise(times):
        (alpha_t, sigma_t), (alpha_s, sigma_s) = (
            (float(schedule.alpha[k]), float(schedule.sigma[k])) for k in (t, s)
        )
        ratio = sigma_s / sigma_t
        x0_s, trace_s = look(ratio * x + (alpha_s - ratio * alpha_t) * x0, s)
        x_s = ratio * x + (alpha_s - ratio * alpha_t) * (x0 + x0_s) / 2
        pull = (alpha_t * trace + alpha_s * trace_s) / 2
        yield Carried(
            t, s, x, x_s, count * math.log(ratio) + pull * math.log(alpha_s / alpha_t / ratio)
        )
        x = x_s
        if s != times[-1]:
            x0, trace = look(x, s)


def log_density(moves: Iterable[Carried], schedule: Schedule) -> Tensor:
    """Return the log density at t = 1, (B,), in nats, of the points that ``carry`` started from.

    At the end it is taken to be that of pure noise, of standard deviation ``schedule.sigma[s]``.
    """
    total = 0.0
    for move in moves:
        total = total + move.gain
    return total + normal_log_density(move.x_s, float(schedule.sigma[move.s]))


class Bound(NamedTuple):
    """An upper bound on −log p, in nats, by its three parts, each (B,).

    prior           what x_T still tells about x0: its divergence from pure noise
    diffusion       what the denoiser misses between t = 1 and T
    reconstruction  what x_1 leaves open
    """

    prior: Tensor
    diffusion: Tensor
    reconstruction: Tensor

    @property
    def total(self) -> Tensor:
        """(B,) the sum of the parts."""
        return self.prior + self.diffusion + self.reconstruction


def bound(
    denoiser: Callable[..., Estimate],
    x0: Tensor,
    schedule: Schedule,
    *,
    draws: int = 16,
    y: Tensor | None = None,
    chances: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Bound:
    """Bound −log p(x0) by what infinitely many steps, taken in reverse, lose: the negative ELBO.

    Between t = 1 and T that is half the integral of ``|eps − guess|²`` over log SNR: the training
    loss, with times drawn evenly in log SNR, one from each of ``draws`` equal slices.

    denoiser  guesses eps at x_t
    x0        (B, *D) data
    draws     times drawn for each sample, each of one evaluation
    y         (B,) labels, or None
    chances   see ``log_reconstruction``
    generator source of times and noise
    Returns   Bound, by random draws; the integral is a sum over times, by the trapezoid rule
    See       Kingma et al. 2021 (arXiv:2107.00630), Sections 4 and 5
    """
    device = "cpu" if generator is None else generator.device
    shares = log_snr_shares(schedule)
    reach, total = shares.cumsum(0), torch.zeros(len(x0), dtype=x0.dtype, device=x0.device)
    for k in range(draws):
        u = (k + torch.rand(len(x0), generator=generator, device=device).cpu().double()) / draws
        place = torch.searchsorted(reach, u * reach[-1])
        t = (place.clamp(max=len(shares) - 1) + 1).to(x0.device)
        eps = randn_like(x0, generator)
        guess = denoiser(schedule.add_noise(x0, t, eps), t, y).eps
        total += (eps - guess).flatten(1).square().sum(1) * float(reach[-1]) / (2 * draws)
    ratio = float(schedule.alpha[-1] / schedule.sigma[-1])
    prior = ratio**2 * x0.flatten(1).square().sum(1) / 2
    x_1 = schedule.add_noise(x0, 1, randn_like(x0, generator))
    return Bound(prior, total, -log_reconstruction(x0, x_1, schedule, chances))


def log_reconstruction(
    x0: Tensor, x_1: Tensor, schedule: Schedule, chances: Tensor | None = None
) -> Tensor:
    """Return log p(x0 | x_1), (B,), by Bayes' rule, for each number of x0 by itself.

    chances  None: the density of numbers, all equally likely beforehand. (L,) how likely each of L
             levels from -1 to 1 was beforehand, such as bytes: the probability of x0's levels
    See      Kingma et al. 2021 (arXiv:2107.00630), Eq. 8, where all levels are equally likely
    """
    alpha, sigma = float(schedule.alpha[1]), float(schedule.sigma[1])
    spread, centre = sigma / alpha, x_1 / alpha
    if chances is None:
        return normal_log_density(x0 - centre, spread)
    last, prior = len(chances) - 1, (chances / chances.sum()).log().to(x0)
    true = ((x0 + 1) * last / 2).round().long()

    def logit(level: Tensor) -> Tensor:
        inside = prior[level.clamp(0, last)].where((0 <= level) & (level <= last), -torch.inf)
        return inside - (level * (2 / last) - 1 - centre) ** 2 / (2 * spread**2)

    # x_1 lies within some six spreads of the true level, and competitors as many beyond
    reach, every = math.ceil(6 * spread * last), logit(true)
    for offset in range(1, reach + 1):
        for level in (true - offset, true + offset):
            every = torch.logaddexp(every, logit(level))
    return (logit(true) - every).flatten(1).sum(1)


def frequencies(x: Tensor, levels: int = 256) -> Tensor:
    """Return how often each level occurs among numbers from -1 to 1, plus one, (levels,)."""
    place = ((x.flatten() + 1) * (levels - 1) / 2).round().long()
    return place.bincount(minlength=levels) + 1.0


def normal_log_density(x: Tensor, std: float) -> Tensor:
    """Return the log density, (B,), of x (B, *D) under a round Gaussian around 0."""
    count = x[0].numel()
    square = x.flatten(1).square().sum(1)
    return -square / (2 * std**2) - 0.5 * count * math.log(2 * math.pi * std**2)


def bits_per_dimension(nats: Tensor, x: Tensor) -> Tensor:
    """Turn nats (B,) into bits for each number of the samples x (B, *D)."""
    return nats / (x[0].numel() * math.log(2))


def upwards(schedule: Schedule, steps: int, spacing: Spacing = karras) -> list[int]:
    """Return a sampler's stops from 1 to T, or to T − 1 where alpha[T] is 0."""
    top = schedule.T if schedule.alpha[-1] > 0 else schedule.T - 1
    times = [min(t, top) for t in reversed(stops(schedule, steps, spacing)) if t > 1]
    return [1, *dict.fromkeys(times)]


def log_snr_shares(schedule: Schedule) -> Tensor:
    """Return how much of the log SNR each time t = 1…T stands for, (T,), by the trapezoid rule.

    They add up to the log SNR at t = 1 less that at T, but no less than LEAST_LOG_SNR.
    """
    log_snr = schedule.snr[1:].log().clamp(min=LEAST_LOG_SNR)
    halves = -log_snr.diff() / 2
    nothing = torch.zeros_like(halves[:1])
    return torch.cat([halves, nothing]) + torch.cat([nothing, halves])


def _directions(x: Tensor, probes: int | None, generator: torch.Generator | None) -> Tensor:
    """Return the directions in which derivatives are taken, (K, B, *D): K units, or K signs."""
    if probes is None:
        units = torch.eye(x[0].numel(), dtype=x.dtype, device=x.device)
        return units.reshape(-1, 1, *x.shape[1:]).expand(-1, *x.shape)
    if probes < 1:
        raise ValueError(f"probes must be at least 1, or None, not {probes}.")
    signs = torch.stack([randn_like(x, generator).sign() for _ in range(probes)])
    return signs / probes**0.5


def _look(ask: Callable[..., Estimate], directions: Tensor, x: Tensor, t: int):
    """Return the guess of x0 (B, *D) and the trace of its derivative (B,)."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        x0 = ask(x, t).x0
        trace = torch.zeros(len(x), dtype=x.dtype, device=x.device)
        for number, direction in enumerate(directions, 1):
            more = number < len(directions)
            (pulled,) = torch.autograd.grad((x0 * direction).sum(), x, retain_graph=more)
            trace += (pulled * direction).flatten(1).sum(1)
    return x0.detach(), trace
