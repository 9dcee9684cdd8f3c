"""The trainer of diffusion models: the objective, in the loop, on the hardware at hand."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_lib.predictions import Denoiser, Prediction
from course_lib.samplers import randn_like
from course_lib.schedules import Schedule
from course_lib.training.loop import Run, ema
from course_lib.training.objective import diffusion_loss, drop_labels, stratified_times
from course_lib.training.optimizers import adamw


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
    density      (T,) how often each t in 1…T is drawn, up to a factor; evenly if None
    drop_label   share of labels dropped, for classifier-free guidance
    clip_norm    gradients longer than this are shortened to it
    ema_decay    see ``ema``
    optimizer    function from the model to an optimizer, such as ``optimizers.muon``
    seed         of every random draw in training (the initial weights were drawn before)
    device, precision
                 chosen by what the hardware does well if None
    Raises       ValueError if not exactly one of ``steps`` and ``minutes`` is given, or if the
                 density does not fit the schedule

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
        density: Tensor | None = None,
        drop_label: float = 0.1,
        clip_norm: float = 1.0,
        ema_decay: float = 0.999,
        optimizer: Callable[[nn.Module], torch.optim.Optimizer] = adamw,
        seed: int = 0,
        device: torch.device | None = None,
        precision: torch.dtype | None = None,
    ) -> None:
        self.schedule, self.prediction = schedule, prediction
        if density is not None and (density.shape != (schedule.T,) or (density < 0).any()):
            raise ValueError(
                f"density must hold a share, 0 or more, for each of the times 1 … {schedule.T}."
            )
        self.x0, self.y, self.density = x0, y, density
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
        index = torch.randint(len(self.x0), (self.batch_size,), generator=g, device=g.device)
        y = None if self.y is None else self.y[index]
        mixed = self.precision != torch.float32
        with torch.autocast(self.device.type, self.precision, enabled=mixed):
            loss = self._loss(self.x0[index], y)
        self.optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
        if not (loss.isfinite() and norm.isfinite()):
            raise self._diverged(f"The loss is {loss.item()} and the gradient {norm.item()}")
        self.optimizer.step()
        self.ema.update_parameters(self.model)
        return loss.item(), norm.item()

    def _loss(self, x0: Tensor, y: Tensor | None) -> Tensor:
        """Draw times, noise and hidden labels for a batch of data, and return its mean loss."""
        g = self.generator
        t = stratified_times(len(x0), self.schedule.T, g, density=self.density)
        eps = randn_like(x0, g)
        y = None if y is None else drop_labels(y, self.drop_label, g)
        x0, t, eps, y = self._there(x0, t, eps, y)
        return diffusion_loss(self.model, self.schedule, self.prediction, x0, t, eps, y).mean()

    def _there(self, *drawn: Tensor | None) -> list[Tensor | None]:
        """Move what was drawn to the network's device; numbers take on its precision, too."""
        weight = next(self.model.parameters())
        return [
            x if x is None else x.to(weight if x.is_floating_point() else self.device)
            for x in drawn
        ]
