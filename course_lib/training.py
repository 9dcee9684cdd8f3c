"""Training: the four-line step of diffusion, and a loop that yields a record of every step."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from course_lib.models import NO_LABEL
from course_lib.optimizers import adamw
from course_lib.predictions import Denoiser, Prediction
from course_lib.schedules import Schedule


class Record(NamedTuple):
    """What one training step reports.

    step     number of steps done, from 1
    loss     mean squared error of this batch
    lr       learning rate of this step
    norm     length of the gradient before clipping
    seconds  time spent training so far, however often the run was left and taken up again
    """

    step: int
    loss: float
    lr: float
    norm: float
    seconds: float


def stratified_times(batch: int, T: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw one t from each of ``batch`` equal slices of 1…T: (batch,) integers, evenly spread.

    Each t on its own is uniform, but a batch never misses a stretch of times by bad luck, which
    makes the loss less noisy at no cost.
    See  Kingma et al. 2021 (arXiv:2107.00630), Appendix I.1
    """
    u = (torch.arange(batch) + torch.rand(batch, generator=generator)) / batch
    return (u * T).long().clamp(max=T - 1) + 1


def drop_labels(y: Tensor, share: float, generator: torch.Generator | None = None) -> Tensor:
    """Replace each label, on its own, by NO_LABEL with probability ``share``.

    See  Ho & Salimans 2022 (arXiv:2207.12598), Algorithm 1
    """
    dropped = torch.rand(y.shape, generator=generator) < share
    return y.masked_fill(dropped, NO_LABEL)


def diffusion_loss(
    model: nn.Module,
    schedule: Schedule,
    prediction: Prediction,
    x0: Tensor,
    t: Tensor,
    eps: Tensor,
    y: Tensor | None = None,
) -> Tensor:
    """Return each sample's mean squared error, (B,), for given times t (B,) and noise eps.

    See  Ho et al. 2020 (arXiv:2006.11239), Algorithm 1 and Eq. 14
    """
    alpha, sigma = schedule.at(t, x0)
    x_t = alpha * x0 + sigma * eps
    target = prediction.target(x0, eps, alpha, sigma)
    output = model(x_t, t, y).float()  # mixed precision ends here: errors are small numbers
    return F.mse_loss(output, target, reduction="none").flatten(1).mean(1)


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

    return AveragedModel(model, multi_avg_fn=update)


def best_device() -> torch.device:
    """Return CUDA if there is one, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def best_precision(device: torch.device) -> torch.dtype:
    """Return bfloat16 where the device multiplies faster in it, else float32.

    CUDA says so itself. MPS gains little at these sizes. A CPU gains if it multiplies whole tiles
    (AMX). Others list bfloat16 among their instructions and are slower in it: one with AVX-512
    and no AMX trained 356 images a second in bfloat16, and 692 in float32.
    """
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:  # an older PyTorch cannot tell, and float32 is never wrong
        capabilities = getattr(torch.cpu, "get_capabilities", dict)()
        fast = device.type == "cpu" and capabilities.get("amx_bf16", False)
    return torch.bfloat16 if fast else torch.float32


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
            f"{what} at step {self.step + 1}: check that the data are finite and in [-1, 1], then "
            f"try a smaller learning rate than {self.first_lrs[0]:g}."
        )


class Trainer(Run):
    """Everything that a training run of a diffusion model is made of.

    model        network to train, called as ``model(x_t, t, y)``
    schedule     noise schedule; t is drawn from 1…T
    prediction   what the network learns to output
    x0           (N, *D) clean training data
    y            (N,) labels, or None
    steps, minutes
                 length of the run, as in ``Run``; give one of the two
    batch_size   samples per step
    drop_label   share of labels dropped, for classifier-free guidance
    clip_norm    gradients longer than this are shortened to it
    ema_decay    see ``ema``
    optimizer    function from the model to an optimizer, such as ``optimizers.muon``
    seed         of every random draw in training (the initial weights were drawn before)
    device, precision
                 chosen by what the hardware does well if None
    Raises       ValueError if not exactly one of ``steps`` and ``minutes`` is given

    ``for record in trainer.run():`` trains. Leave the loop, or press Ctrl-C, and nothing is lost:
    ``trainer.model`` and ``trainer.ema`` hold what was trained, and ``run()`` goes on from there.
    """

    def __init__(
        self,
        model: nn.Module,
        schedule: Schedule,
        prediction: Prediction,
        x0: Tensor,
        y: Tensor | None = None,
        *,
        steps: int | None = None,
        minutes: float | None = None,
        batch_size: int = 32,
        drop_label: float = 0.1,
        clip_norm: float = 1.0,
        ema_decay: float = 0.999,
        optimizer: Callable[[nn.Module], torch.optim.Optimizer] = adamw,
        seed: int = 0,
        device: torch.device | None = None,
        precision: torch.dtype | None = None,
    ) -> None:
        self.schedule, self.prediction = schedule, prediction
        self.x0, self.y = x0, y
        self.batch_size, self.drop_label, self.clip_norm = batch_size, drop_label, clip_norm
        self.device = device or best_device()
        self.precision = precision or best_precision(self.device)
        layout = torch.channels_last if x0.ndim == 4 else torch.preserve_format
        self.model = model.to(self.device, memory_format=layout)
        self.ema = ema(self.model, ema_decay)
        self.optimizer = optimizer(self.model)
        super().__init__([self.optimizer], steps=steps, minutes=minutes, seed=seed)

    def denoiser(self, *, average: bool = True, clip: bool = False) -> Denoiser:
        """Return the trained network as a denoiser: its average, or the live weights."""
        model = self.ema.module if average else self.model
        return Denoiser(model.eval(), self.schedule, self.prediction, clip=clip)

    def _step(self) -> tuple[float, float]:
        self.model.train()  # a denoiser asked for between two steps has switched it to eval
        g = self.generator
        index = torch.randint(len(self.x0), (self.batch_size,), generator=g)
        x0 = self.x0[index]
        t = stratified_times(len(x0), self.schedule.T, g)
        eps = torch.randn(x0.shape, generator=g)
        y = None if self.y is None else drop_labels(self.y[index], self.drop_label, g)
        x0, t, eps = (a.to(self.device) for a in (x0, t, eps))
        y = None if y is None else y.to(self.device)

        mixed = self.precision != torch.float32
        with torch.autocast(self.device.type, self.precision, enabled=mixed):
            loss = diffusion_loss(self.model, self.schedule, self.prediction, x0, t, eps, y).mean()
        self.optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
        if not (loss.isfinite() and norm.isfinite()):
            raise self._diverged(f"The loss is {loss.item()} and the gradient {norm.item()}")
        self.optimizer.step()
        self.ema.update_parameters(self.model)
        return loss.item(), norm.item()
