"""Watch a student's training at work on a network that takes notes, and return what was seen.

The gradient that comes back to a guess tells what it is drawn to, whatever the optimizer does
with it. The visible check and the grader both look through this; what is right it does not know.
"""

from collections.abc import Callable
from enum import IntEnum
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_lib.checks.a5.observing import SIZE, STEPS
from course_lib.checks.a5.pictures import SCHEDULE

DRAWS, MOST = 14_000, 2000
"""Times that are drawn while a training is watched, unless that takes so many steps."""
ENOUGH = 2000
"""Images that are looked at more closely."""


class Note:
    """One batch that a network was asked about, and the gradient that came back to its guess."""

    def __init__(self, x_t: Tensor, t: Tensor, guess: Tensor, weights: Tensor) -> None:
        self.x_t, self.t, self.weights = x_t.detach().clone(), t.detach().clone(), weights
        self.guess, self.grad = guess.detach().clone(), torch.zeros_like(guess)
        guess.register_hook(self.learn)

    def learn(self, grad: Tensor) -> None:
        """Take in the gradient of a loss with respect to the guess."""
        self.grad += grad

    def times(self) -> Tensor:
        """Return the times that were told, as (B,) whatever their shape."""
        return self.t.double().reshape(-1).expand(len(self.x_t))


class Notes(list):
    """Notes that a copy of the network, such as an average of its weights, does not take along."""

    def __deepcopy__(self, memo: dict) -> "Notes":
        return Notes()


class StandIn(nn.Module):
    """A network of a few weights; it notes every batch from which it is to learn."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.time = nn.Parameter(torch.rand(3, 1, 1)), nn.Linear(1, 3)
        self.notes = Notes()

    def weights(self) -> Tensor:
        """Return a copy of all weights in a row."""
        return torch.cat([p.detach().reshape(-1) for p in self.parameters()])

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Return a guess, shaped like x_t (B, 3, H, W), for times t (B,)."""
        t = torch.as_tensor(t)
        shift = self.time(t.reshape(-1, 1).to(x_t) / SCHEDULE.T)
        guess = self.scale * x_t + shift[:, :, None, None]
        if guess.requires_grad:
            self.notes.append(Note(x_t, t, guess, self.weights()))
        return guess


class Target(IntEnum):
    """What a guess may be drawn to, by a mean squared error unless it is said otherwise.

    EARLY and LATE are the noise, if x_t is of the time before or after the one that is told, and
    TOLD is the noise for comparison with those: all three at small times, where it shows.
    """

    NOISE = 0
    MINUS_NOISE = 1
    X0 = 2
    X_T = 3
    NOISE_BY_ABSOLUTE_ERROR = 4
    TOLD = 5
    EARLY = 6
    LATE = 7


class Watched(NamedTuple):
    """What was seen of the training of a stand-in on many copies of one plain image.

    counts  (T + 2,) how often the network was told each of 0 … T, and anything else
    misses  (8,) by which share of its square the gradient misses that of each Target
    steps   (4,) steps asked for; batches learned from; times that the weights moved; losses
            that were returned, −1 for anything but numbers
    alike   (4,) share of the batches in which one time is told to all; all images have one
            noise; all colours have one noise; the network is shown x0
    noise   (3,) mean, standard deviation and kurtosis of the noise in x_t
    again   (3,) whether an equal generator led to the same draws, the same generator, used once
            more, to the same times, and to the same images
    kept    () whether the images were left as they were
    """

    counts: Tensor
    misses: Tensor
    steps: Tensor
    alike: Tensor
    noise: Tensor
    again: Tensor
    kept: Tensor


def watch(train: Callable, colour: Tensor, seed: int) -> Watched:
    """Watch a training function at work on a network that takes notes.

    colour  (3,) of the image, from −1 to 1
    seed    of the generator that is passed on
    """
    image = colour[:, None, None].expand(3, SIZE, SIZE)
    x0 = image.expand(512, -1, -1, -1).clone()

    def lesson(steps: int, generator: torch.Generator, other: int) -> tuple[list[Note], int, int]:
        torch.manual_seed(other)  # numbers that are not drawn from the generator will differ
        model = StandIn().train()
        losses = train(model, x0, steps, generator)
        rows = [*model.notes]
        ends = [*(note.weights for note in rows[1:]), model.weights()]
        moves = sum(not torch.equal(note.weights, end) for note, end in zip(rows, ends))
        return [note for note in rows if note.grad.any()], moves, _count(losses)

    first, *_ = lesson(STEPS, torch.Generator().manual_seed(seed), 1)
    generator = torch.Generator().manual_seed(seed)
    second, *_ = lesson(STEPS, generator, 2)
    images = max(1, sum(len(note.x_t) for note in second) // STEPS)
    steps = min(max(STEPS, DRAWS // images), MOST)
    notes, moves, returned = lesson(steps, generator, 3)
    few = notes[: ENOUGH // images + 1]
    batches = sum(
        not (torch.equal(a.x_t, b.x_t) and torch.equal(a.t, b.t)) for a, b in pairwise(notes)
    )
    equal, times, shown = (
        [torch.equal(getattr(a, name), getattr(b, name)) for a, b in zip(one, other)]
        for one, other, name in (
            (first, second, "x_t"),
            (second, notes, "t"),
            (second, notes, "x_t"),
        )
    )
    same = all(equal) and all(torch.equal(a.t, b.t) for a, b in zip(first, second))
    again = [float(same), float(all(times)), float(all(shown))]
    counted = [float(steps), float(batches + bool(notes)), float(moves), float(returned)]
    told = torch.cat([torch.zeros(0).double(), *(note.times() for note in notes)])
    known = (told >= 0) & (told <= SCHEDULE.T) & (told == told.round())
    bins = torch.where(known, told, SCHEDULE.T + 1).long()
    return Watched(
        bins.bincount(minlength=SCHEDULE.T + 2),
        _misses(few, notes, image),
        torch.tensor(counted),
        *_noise(few, image),
        torch.tensor(again),
        torch.tensor(float(torch.equal(x0, image.expand_as(x0)))),
    )


def _count(losses: object) -> int:
    """Return how many finite numbers there are in what a training has returned, or −1."""
    try:
        numbers = torch.tensor([float(loss) for loss in losses])
    except (TypeError, ValueError, RuntimeError):
        return -1
    return len(numbers) if numbers.isfinite().all() else -1


def _noise_in(x_t: Tensor, t: Tensor, x0: Tensor) -> Tensor:
    """Return the noise in x_t (B, 3, H, W) if its times are t (B,), or the nearest there are."""
    t = t.clamp(1, SCHEDULE.T).round().long()
    alpha, sigma = (table[t][:, None, None, None] for table in (SCHEDULE.alpha, SCHEDULE.sigma))
    return (x_t.double() - alpha * x0) / sigma


def _rows(notes: list[Note], first: int, last: int) -> list[Tensor]:
    """Return t, x_t, guess and gradient of all images that were told a time from first to last.

    A gradient is multiplied by the size of its batch, so that those of all batches compare.
    """
    parts: list[list[Tensor]] = [[], [], [], []]
    for note in notes:
        t = note.times()
        rows = (t >= first) & (t <= last)
        found = t, note.x_t.double(), note.guess.double(), note.grad.double() * len(note.grad)
        for part, values in zip(parts, found):
            part.append(values[rows])
    return [torch.cat(part) for part in parts]


def _misses(few: list[Note], notes: list[Note], x0: Tensor) -> Tensor:
    """Return, for each Target, which share of the gradient it does not explain."""
    misses = torch.ones(len(Target), dtype=torch.float64)
    if not notes:
        return misses
    t, x_t, guess, grad = _rows(few, 1, SCHEDULE.T)
    noise = _noise_in(x_t, t, x0)
    offs = {
        Target.NOISE: guess - noise,
        Target.MINUS_NOISE: guess + noise,
        Target.X0: guess - x0,
        Target.X_T: guess - x_t,
        Target.NOISE_BY_ABSOLUTE_ERROR: (guess - noise).sign(),
    }
    for target, off in offs.items():
        misses[target] = _missed(grad, off)
    t, x_t, guess, grad = _rows(notes, 2, 40)
    for target, late in ((Target.TOLD, 0), (Target.EARLY, -1), (Target.LATE, 1)):
        misses[target] = _missed(grad, guess - _noise_in(x_t, t + late, x0))
    return misses


def _missed(grad: Tensor, off: Tensor) -> Tensor:
    """Return which share of a gradient is left if it is to be a positive multiple of ``off``."""
    size = ((grad * off).sum() / off.square().sum()).clamp(min=0)
    left = (grad - size * off).square().sum() / grad.square().sum()
    return left.nan_to_num(1.0)


def _noise(notes: list[Note], x0: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``alike`` and ``noise`` of ``Watched``."""
    alike, several = torch.zeros(4), 0
    drawn = [_noise_in(note.x_t, note.times(), x0) for note in notes]
    for note, eps in zip(notes, drawn):
        if len(eps) > 1:
            t, clean = note.times(), x0.expand_as(eps)
            pairs = (t[:1], t), (eps[:1], eps), (eps[:, :1], eps), (clean, note.x_t.double())
            close = [torch.allclose(a.double().expand_as(b), b, atol=1e-3) for a, b in pairs]
            alike, several = alike + torch.tensor(close), several + 1
    eps = torch.cat([torch.zeros(1), *(part.flatten() for part in drawn)])
    kurtosis = (eps - eps.mean()).pow(4).mean() / eps.var(unbiased=False) ** 2
    moments = torch.stack([eps.mean(), eps.std(), kurtosis]).nan_to_num(0.0)
    return alike / max(1, several), moments
