"""How the functions of a mended program behave, beside what its samples show.

Something simple takes the network's place, so that every sentence is about the functions, and
none about training. A program's own table is read off the images that its loss mixes.
"""

import inspect
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib import NO_LABEL
from course_lib.checks.a4.clinic import Patient, T
from course_lib.checks.hints import require, shaped

CLOCK = 1000
"""The last time on the clock of a network that has one of its own."""
OTHER = 40
"""Another T."""


def conduct(patient: Patient) -> None:
    """Call each function of a program on a few samples.

    Raises  AssertionError that tells what was seen
    """
    trained, sampled = _loss(patient), _noise(patient)
    same = sampled.shape == trained.shape and torch.allclose(sampled, trained, rtol=1e-4)
    require(same, "Sampling tells the network other times than training does.")
    for ask in patient.asks():
        for last in (T, OTHER):
            _clock(ask, last)


def _left(function: Callable, *args: object, free: int | None = None) -> object:
    """Call a function; all arguments but number ``free`` must be left as they were."""
    before = [arg.clone() if isinstance(arg, Tensor) else arg for arg in args]
    result = function(*args)
    for k, (now, then) in enumerate(zip(args, before)):
        same = not isinstance(now, Tensor) or torch.equal(now, then)
        name = getattr(function, "__name__", "A function")
        require(same or k == free, f"{name}() changes its argument number {k + 1} in place.")
    return result


def _each(x_t: Tensor, *told: object) -> None:
    """Look whether every sample is told a time and a label of its own."""
    right = all(torch.as_tensor(one).shape == (len(x_t),) for one in told)
    require(right, "The network should be told a time and a label for each sample, shape (B,).")


def _loss(patient: Patient) -> Tensor:
    """Check the loss with networks that are wrong by 1 and by 2 everywhere.

    Returns  (T,) what the network is told for t = T, …, 1
    """
    B, g = 40, torch.Generator().manual_seed(3)
    x0, eps = torch.randn(2, B, 3, generator=g)
    y, t = torch.arange(B) % 4, torch.arange(B) % T + 1
    u = (17 * torch.arange(B) % B + 0.5) / B  # evenly spread, and the first is the smallest
    times: list[Tensor] = []
    labels: list[Tensor] = []
    for off in (1, 2):

        def network(x_t: Tensor, told: Tensor, y: Tensor, off: int = off) -> Tensor:
            _each(x_t, told, y)
            times.append(torch.as_tensor(told).double())
            labels.append(torch.as_tensor(y))
            return eps + off

        found = shaped(_left(patient.loss, network, x0, y, t, eps, u), (), "The loss")
        require(
            (found - off**2).abs() < 1e-3,
            f"If all entries of a guess are wrong by {off}, the mean squared error is {off**2}.",
        )
    dropped = (labels[-1] == NO_LABEL).double().mean()
    require(dropped < 0.35, f"{dropped:.0%} of a batch are trained without a label.")
    return times[-1][:T].flip(0)


def _noise(patient: Patient) -> Tensor:
    """Check the factor of the noise in every step but the last, with a network that is silent.

    Returns  (T,) what the network is told, step by step
    """
    times: list[Tensor] = []

    def silent(x_t: Tensor, told: Tensor, y: Tensor) -> Tensor:
        _each(x_t, told, y)
        times.append(torch.as_tensor(told).double()[0])
        return torch.zeros_like(x_t)

    pulses = torch.eye(T + 1)[:, :, None].repeat(1, 1, 3)  # sample i has noise in step i only
    y, start = torch.arange(T + 1) % 4, torch.zeros(T + 1, 3)
    end = _left(patient.sample, silent, start, y, pulses, free=1)
    end, share = shaped(end, (T + 1, 3), "The sample"), patient.table()
    before, now = share[:-1], share[1:]
    beta = 1 - now / before
    added = end[1:, 0] ** 2 * before  # the steps that follow divide by √(1 − β)
    fits = (added > 0.98 * beta * (1 - before) / (1 - now)) & (added < 1.02 * beta)
    for t in range(2, T + 1):
        require(
            fits[t - 1], f"In the step from t = {t}, the variance of the noise is none of DDPM's."
        )
    return torch.stack(times)


def _clock(ask: Callable, last: int) -> None:
    """Check which times a function tells the network, for T = ``last``."""
    told: list[Tensor] = []

    def network(x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
        _each(x_t, t, y)
        told.append(torch.as_tensor(t).double())
        return x_t

    names = getattr(inspect.unwrap(ask), "__globals__", {})
    before = names.get("T", T)
    names["T"] = last
    try:
        _left(ask, network, torch.zeros(last, 2), torch.arange(last) + 1, torch.zeros(last).long())
    except IndexError:  # a table, which has been made for the T of the program
        return
    finally:
        names["T"] = before
    require(told and (told[-1].diff() > 0).all(), "The network's clock does not rise with t.")
    require(
        told[-1].min() >= 0 and told[-1].max() < 1.01 * CLOCK,
        f"With T = {last}, the network is told times up to {told[-1].max():g}; its clock ends at "
        f"{CLOCK}.",
    )
