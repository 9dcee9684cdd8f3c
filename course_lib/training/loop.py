"""The loop of every training run, whatever is trained: a generator that can stop and go on."""

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


class Record(NamedTuple):
    """What one training step reports.

    step     number of steps done, from 1
    loss     of this batch: diffusion's is a mean squared error
    lr       learning rate of this step
    norm     length of the gradient, before any clipping
    seconds  time spent training so far, however often the run was left and taken up again
    """

    step: int
    loss: float
    lr: float
    norm: float
    seconds: float


def ema(model: nn.Module, decay: float) -> AveragedModel:
    """Return an exponential moving average of a model's weights, warmed up.

    After n updates the decay is min(decay, (1 + n) / (10 + n)): the average forgets the random
    initial weights at once, and only then remembers 1 / (1 − decay) steps.
    See  Song et al. 2021 (arXiv:2006.09011), Technique 5, for why samples need it
    """

    def update(averages: list[Tensor], current: list[Tensor], n: Tensor | int) -> None:
        new = 1 - min(decay, (1 + int(n)) / (10 + int(n)))
        for average, weights in zip(averages, current, strict=True):
            average.lerp_(weights, new)

    with torch.device("cpu"):  # for its count of updates, which is read in every one
        return AveragedModel(model, multi_avg_fn=update)


class Run:
    """A training run of a certain length, which can stop and go on at any time.

    Its subclasses say what a step is.
    optimizers  their learning rates are those of the first step; they fall to zero in a straight
                line
    steps       length of the whole run, after which the learning rates have fallen to zero
    minutes     length of the whole run in minutes of training instead; give one of the two
    seed        of every random draw in training
    Raises      ValueError if not exactly one of ``steps`` and ``minutes`` is given

    ``for record in run.run():`` trains; leave the loop, and ``run()`` goes on from there.
    """

    def __init__(
        self,
        optimizers: Sequence[torch.optim.Optimizer],
        *,
        steps: int | None,
        minutes: float | None,
        seed: int,
    ) -> None:
        if (steps is None) == (minutes is None):
            raise ValueError("Say how long to train: give either steps or minutes.")
        self.steps, self.minutes = steps, minutes
        self.optimizers = optimizers
        self.first_lrs = [group["lr"] for group in self._groups()]
        self.generator = torch.Generator().manual_seed(seed)
        self.step, self.seconds = 0, 0.0

    @property
    def progress(self) -> float:
        """Share of the run that is done, from 0 to 1."""
        if self.steps is not None:
            return min(1.0, self.step / self.steps)
        return min(1.0, self.seconds / (60 * self.minutes))

    def run(self) -> Iterator[Record]:
        """Train to the end of the run, yielding a Record after every step.

        Raises  FloatingPointError at the first loss that is not a number
        """
        while self.progress < 1:
            start = time.perf_counter()
            left = 1 - self.progress
            for group, lr in zip(self._groups(), self.first_lrs, strict=True):
                group["lr"] = lr * left
            loss, norm = self._step()
            self.step += 1
            self.seconds += time.perf_counter() - start
            yield Record(self.step, loss, self.first_lrs[0] * left, norm, self.seconds)

    def _groups(self) -> list[dict]:
        """Every group of weights with a learning rate; loading a checkpoint replaces them all."""
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def _step(self) -> tuple[float, float]:
        """Make one training step; return its loss and the length of its gradient."""
        raise NotImplementedError

    def _diverged(self, what: str) -> FloatingPointError:
        """Say what was seen at this step, and what may help."""
        return FloatingPointError(
            f"{what} at step {self.step + 1}: check that the data are finite, and images in "
            f"[-1, 1], then try a smaller learning rate than {self.first_lrs[0]:g}."
        )
