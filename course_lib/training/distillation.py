"""Distillation: from a denoiser that needs many steps to a student that needs one or two.

The teacher's equation leads every x_t to one x0 (``solvers``). A student learns to guess it, and
not the mean of all that are possible, by being consistent: its guess at x_t should be its guess at
x_s, a step further along the way, and at s = 0 the guess is x_s itself. So the truth spreads from
the clean end. Without a teacher, a step towards the x0 that x_t was made of takes the place of the
teacher's, which is right on average.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_lib.guidance import Guided
from course_lib.predictions import Clipped, Denoiser, Estimate, Prediction
from course_lib.samplers import randn_like
from course_lib.schedules import Schedule
from course_lib.training.objective import stratified_times
from course_lib.training.optimizers import adamw
from course_lib.training.trainer import Trainer


def leap(estimate: Estimate, schedule: Schedule, s: Tensor | int) -> Tensor:
    """Return x_s as guesses of x0 and eps make it: a step of DDIM, to a time for each sample.

    estimate  x0 and eps, (B, *D) each
    s         an integer, or (B,) integers, each 0 ≤ s ≤ T
    See       Song et al. 2021 (arXiv:2010.02502), Eq. 12 with sigma = 0
    """
    return schedule.add_noise(estimate.x0, s, estimate.eps)


def pseudo_huber(a: Tensor, b: Tensor, c: float = 0.03) -> Tensor:
    """Return distances of samples, (B,): squares where they are close, lengths where they are far.

    a, b  (B, *D)
    c     the root mean square difference at which the one turns into the other, above 0
    See   Song & Dhariwal 2023 (arXiv:2310.14189), Section 3.3, here per coordinate
    """
    return ((a - b).flatten(1).square().mean(1) + c**2).sqrt() - c


class Distiller(Trainer):
    """A training run of a student: consistency distillation, or without a teacher its training.

    teacher     denoiser of the same schedule, whose guided steps the student learns to skip; or
                None, for consistency training
    model       the student's network, called as ``model(x_t, t, y)``, or ``model(x_t, t, y, w)``
                if it is ``guided``; give it the teacher's weights to begin with
    prediction  what the student outputs; any but X0, which would not know that x_0 is x0
    stops       number of steps that the way from noise to data is divided into; the student
                learns at their times only, and should be asked at no others
    guidance    (lowest, highest) w of the teacher's steps, drawn evenly for each sample
    clip        keep guesses of x0 inside [-1, 1]; right for images
    huber       c of ``pseudo_huber``
    The other arguments are those of ``Trainer``. The student is ``run.denoiser()``.
    Raises      ValueError for X0, for stops outside 1…T, and for guidance without a teacher
    See         Song et al. 2023 (arXiv:2303.01469), Algorithms 2 and 3; Luo et al. 2023
                (arXiv:2310.04378), Section 4.2, for guidance as an input
    """

    def __init__(
        self,
        teacher: Callable[..., Estimate] | None,
        model: nn.Module,
        schedule: Schedule,
        prediction: Prediction,
        x0: Tensor,
        y: Tensor | None = None,
        *,
        steps: int | None = None,
        minutes: float | None = None,
        stops: int = 16,
        guidance: tuple[float, float] = (1.0, 1.0),
        clip: bool = False,
        huber: float = 0.03,
        batch_size: int = 32,
        ema_decay: float = 0.99,
        optimizer: Callable[[nn.Module], torch.optim.Optimizer] = adamw,
        seed: int = 0,
        device: torch.device | None = None,
        precision: torch.dtype | None = None,
    ) -> None:
        if prediction.determinant(schedule.alpha[0], schedule.sigma[0]) == 0:
            raise ValueError(
                "A student that outputs x0 does not know that clean data are their own guess: let "
                "it predict v, eps or the velocity."
            )
        if teacher is None and guidance != (1.0, 1.0):
            raise ValueError("Guidance is the teacher's: without one, leave it out.")
        self.teacher, self.guidance = teacher, guidance
        self.clip, self.huber = clip, huber
        self.times = torch.tensor(schedule.timesteps(stops)[::-1], device="cpu")
        super().__init__(
            model,
            schedule,
            prediction,
            x0,
            y,
            steps=steps,
            minutes=minutes,
            batch_size=batch_size,
            drop_label=0.0,
            ema_decay=ema_decay,
            optimizer=optimizer,
            seed=seed,
            device=device,
            precision=precision,
        )
        if isinstance(teacher, Denoiser) and isinstance(teacher.model, nn.Module):
            teacher.model.to(self.device)

    def _loss(self, x0: Tensor, y: Tensor | None) -> Tensor:
        g = self.generator
        n = stratified_times(len(x0), len(self.times) - 1, g)
        eps = randn_like(x0, g)
        low, high = self.guidance
        w = low + (high - low) * torch.rand(len(x0), generator=g, device=g.device, dtype=x0.dtype)
        t, s = self.times[n], self.times[n - 1]
        x0, eps, t, s, y, w = self._there(x0, eps, t, s, y, w)
        x_t = self.schedule.add_noise(x0, t, eps)
        with torch.no_grad():
            step = Estimate(x0, eps) if self.teacher is None else self._guided(w)(x_t, t, y)
            target = self._guess(self.ema.module, leap(step, self.schedule, s), s, y, w)
            target = target.clamp(-1, 1) if self.clip else target
        guess = self._guess(self.model, x_t, t, y, w)
        return pseudo_huber(guess, target, self.huber).mean()

    def _guided(self, w: Tensor) -> Callable[..., Estimate]:
        """Return the teacher under guidance w (B,)."""
        guided = self.teacher if self.guidance == (1.0, 1.0) else Guided(self.teacher, w)
        return Clipped(guided, self.schedule) if self.clip else guided

    def _guess(
        self, model: nn.Module, x_t: Tensor, t: Tensor, y: Tensor | None, w: Tensor
    ) -> Tensor:
        """Return a student's guess of x0, (B, *D), with its gradient."""
        told = (w,) if getattr(model, "guided", False) else ()
        output = model(x_t, t, y, *told).to(x_t)
        return self.prediction.estimate(output, x_t, *self.schedule.at(t, x_t)).x0
