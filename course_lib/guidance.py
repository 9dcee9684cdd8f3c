"""Classifier-free guidance, as a denoiser around a denoiser."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.predictions import Estimate


class Guided:
    """Push a conditional denoiser away from what it would say without the label.

    denoiser   called with labels and without; it must have been trained with dropped labels
    guidance   w in ``eps_uncond + w (eps_cond − eps_uncond)``: 0 ignores the label, 1 is plain
               conditional sampling, larger values follow the label more closely and vary less.
               Ho & Salimans' own w is ours − 1.
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
        guidance: float,
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
        w = torch.full(t.shape, float(self.guidance), dtype=x_t.dtype, device=x_t.device)
        if self.interval is None:
            return w
        first, last = self.interval
        return w.where((first <= t) & (t <= last), 1.0)
