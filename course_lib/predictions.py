"""What a network's output means, and how it becomes an estimate of x0 and eps."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_lib.schedules import Schedule


class Estimate(NamedTuple):
    """A denoiser's answer at x_t: two guesses that fit together, x_t = alpha x0 + sigma eps."""

    x0: Tensor
    eps: Tensor


@dataclass(frozen=True)
class Prediction:
    """A quantity ``a * x0 + b * eps`` that a network can be trained to output.

    weights   function (alpha, sigma) -> (a, b)

    Together with ``x_t = alpha * x0 + sigma * eps`` this makes two equations for the two
    unknowns x0 and eps. Their determinant, ``alpha * b − sigma * a``, tells where the output
    says enough: it is alpha for EPS, which is therefore useless where alpha = 0.
    """

    name: str
    weights: Callable[[Tensor, Tensor], tuple[Tensor | float, Tensor | float]]

    def target(self, x0: Tensor, eps: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Return what the network should output, same shape as x0."""
        a, b = self.weights(alpha, sigma)
        return a * x0 + b * eps

    def determinant(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Return ``alpha * b − sigma * a``; zero where x0 and eps cannot be recovered."""
        a, b = self.weights(alpha, sigma)
        return alpha * b - sigma * a

    def estimate(self, output: Tensor, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> Estimate:
        """Solve the two equations for x0 and eps, given the network's output at x_t."""
        a, b = self.weights(alpha, sigma)
        det = self.determinant(alpha, sigma)
        x0 = (b * x_t - sigma * output) / det
        eps = (alpha * output - a * x_t) / det
        return Estimate(x0, eps)


EPS = Prediction("eps", lambda alpha, sigma: (0.0, 1.0))
X0 = Prediction("x0", lambda alpha, sigma: (1.0, 0.0))
V = Prediction("v", lambda alpha, sigma: (-sigma, alpha))
VELOCITY = Prediction("velocity", lambda alpha, sigma: (-1.0, 1.0))
"""The four usual choices: Ho et al. 2020 (arXiv:2006.11239) for eps and x0, Salimans & Ho 2022
(arXiv:2202.00512) for v, Lipman et al. 2023 (arXiv:2210.02747) for the velocity eps − x0."""


def clip_x0(estimate: Estimate, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> Estimate:
    """Clip x0 to [-1, 1], and recompute eps so that the two still explain x_t."""
    x0 = estimate.x0.clamp(-1, 1)
    return Estimate(x0, (x_t - alpha * x0) / sigma)


class Denoiser:
    """A trained network with its schedule and the meaning of its output.

    model       ``model(x_t, t, y) -> Tensor``, shape of x_t; t is (B,) integers. It may be on
                another device than x_t, or of another precision: the answer comes back to x_t's.
    schedule    the schedule that it was trained with
    prediction  what its output means: EPS, X0, V or VELOCITY
    clip        keep the guess of x0 inside [-1, 1]; right for images, wrong for 2-D points.
                With guidance, clip after guiding: ``Clipped(Guided(denoiser, w), schedule)``.
    guidance    w, for a network that is told it; see ``guidance.guide``
    Raises      ValueError if x0 cannot be recovered at some t, such as EPS where alpha[T] = 0

    Call it as ``denoiser(x_t, t, y)``: t is one integer for the whole batch or (B,) integers
    with 1 ≤ t ≤ T, y is (B,) labels or None. It returns an ``Estimate``, and tracks gradients only
    if x_t asks for them.
    """

    def __init__(
        self,
        model: nn.Module,
        schedule: Schedule,
        prediction: Prediction,
        *,
        clip: bool = False,
        guidance: float | None = None,
    ) -> None:
        det = prediction.determinant(schedule.alpha[1:], schedule.sigma[1:]).abs()
        worst, t = float(det.min()), int(det.argmin()) + 1
        if worst == 0:
            raise ValueError(
                f"A network that predicts {prediction.name} says nothing about x0 at t = {t} of "
                f"the {schedule.name} schedule, where alpha is 0: predict v or velocity, or use a "
                f"schedule that keeps alpha > 0."
            )
        if worst < 1e-3 and not clip:
            warnings.warn(
                f"At t = {t} of the {schedule.name} schedule, an error of the network in "
                f"{prediction.name} is magnified {1 / worst:,.0f} times in x0: predict v, or clip",
                stacklevel=2,
            )
        self.model, self.schedule, self.prediction = model, schedule, prediction
        self.clip, self.guidance = clip, guidance

    @property
    def _weight(self) -> Tensor | None:
        """One weight, which tells the network's device and precision; None for a function."""
        weights = self.model.parameters() if isinstance(self.model, nn.Module) else iter(())
        return next((p for p in weights if p.is_floating_point()), None)

    def __call__(self, x_t: Tensor, t: Tensor | int, y: Tensor | None = None) -> Estimate:
        with torch.set_grad_enabled(torch.is_grad_enabled() and x_t.requires_grad):
            return self._estimate(x_t, t, y)

    def _estimate(self, x_t: Tensor, t: Tensor | int, y: Tensor | None) -> Estimate:
        alpha, sigma = self.schedule.at(t, x_t)
        weight = self._weight
        home = x_t if weight is None else weight  # a function is at home anywhere
        t = torch.as_tensor(t, device=home.device).expand(len(x_t))
        labels = None if y is None else y.to(home.device)
        told, at_home = [], {"device": home.device, "dtype": home.dtype}
        if self.guidance is not None:
            told.append(torch.full(t.shape, float(self.guidance), **at_home))
        output = self.model(x_t.to(home), t, labels, *told).to(x_t)
        estimate = self.prediction.estimate(output, x_t, alpha, sigma)
        return clip_x0(estimate, x_t, alpha, sigma) if self.clip else estimate


class Clipped:
    """Any denoiser, with x0 kept inside [-1, 1] and eps recomputed.

    See  Saharia et al. 2022 (arXiv:2205.11487), Section 2.3, on why guided samples need it
    """

    def __init__(self, denoiser: Callable[..., Estimate], schedule: Schedule) -> None:
        self.denoiser, self.schedule = denoiser, schedule

    def __call__(self, x_t: Tensor, t: Tensor | int, y: Tensor | None = None) -> Estimate:
        return clip_x0(self.denoiser(x_t, t, y), x_t, *self.schedule.at(t, x_t))
