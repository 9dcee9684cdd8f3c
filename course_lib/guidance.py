"""Classifier-free guidance, as a denoiser around a denoiser."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.predictions import Denoiser, Estimate


class Guided:
    """Push a conditional denoiser away from what it would say without the label.

    denoiser   called with labels and without; it must have been trained with dropped labels
    guidance   w in ``eps_uncond + w (eps_cond − eps_uncond)``: 0 ignores the label, 1 is plain
               conditional sampling, larger values follow the label more closely and vary less.
               Ho & Salimans' own w is ours − 1. A number, or (B,) one for each sample.
    interval   (first, last): guide at first ≤ t ≤ last only, and sample plainly elsewhere, which
               also costs one evaluation there instead of two; None: at every t
    Raises     ValueError if it is called without labels
    See        Ho & Salimans 2022 (arXiv:2207.12598), Eq. 6; Kynkäänniemi et al. 2024
               (arXiv:2404.07724), Section 3, for the interval

    The same mixture of the two x0 estimates keeps x_t = alpha x0 + sigma eps true, since its
    weights w and 1 − w add up to one.
    """

    def __init__(
        self,
        denoiser: Callable[..., Estimate],
        guidance: float | Tensor,
        *,
        interval: tuple[int, int] | None = None,
    ) -> None:
        self.denoiser, self.guidance, self.interval = denoiser, guidance, interval

    def __call__(self, x_t: Tensor, t: Tensor | int, y: Tensor | None = None) -> Estimate:
        if y is None:
            raise ValueError("Guidance needs labels: pass y, one label for each sample.")
        cond = self.denoiser(x_t, t, y)
        w = self._weight(t, x_t)
        if (w == 1).all():
            return cond
        uncond = self.denoiser(x_t, t, None)
        mix = [torch.lerp(u, c, w) for u, c in zip(uncond, cond, strict=True)]
        return Estimate(*mix)

    def _weight(self, t: Tensor | int, x_t: Tensor) -> Tensor:
        """Return w, or 1 where t is outside the interval, shaped to multiply x_t."""
        t = torch.as_tensor(t, device=x_t.device).reshape(-1, *[1] * (x_t.ndim - 1))
        w = torch.as_tensor(self.guidance, dtype=x_t.dtype, device=x_t.device)
        w = w.reshape(-1, *[1] * (x_t.ndim - 1))
        if self.interval is None:
            return w
        first, last = self.interval
        return torch.where((first <= t) & (t <= last), w, 1.0)


def guide(denoiser: Callable[..., Estimate], guidance: float) -> Callable[..., Estimate]:
    """Return a denoiser that follows labels so closely, by whichever way the network knows.

    A network that was told the guidance in training is asked once; any other twice, as ``Guided``.
    See  Meng et al. 2023 (arXiv:2210.03142), Section 3.1, for the first way
    """
    if not getattr(getattr(denoiser, "model", None), "guided", False):
        return Guided(denoiser, guidance)
    told = (denoiser.model, denoiser.schedule, denoiser.prediction)
    return Denoiser(*told, clip=denoiser.clip, guidance=guidance)
