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
    Raises     ValueError if it is called without labels
    See        Ho & Salimans 2022 (arXiv:2207.12598), Eq. 6

    The same mixture of the two x0 estimates keeps x_t = alpha x0 + sigma eps true, since its
    weights w and 1 − w add up to one.
    """

    def __init__(self, denoiser: Callable[..., Estimate], guidance: float) -> None:
        self.denoiser, self.guidance = denoiser, guidance

    def __call__(self, x_t: Tensor, t: Tensor | int, y: Tensor | None = None) -> Estimate:
        if y is None:
            raise ValueError("Guidance needs labels: pass y, one label for each sample.")
        if self.guidance == 1:
            return self.denoiser(x_t, t, y)
        cond, uncond = self.denoiser(x_t, t, y), self.denoiser(x_t, t, None)
        mix = [torch.lerp(u, c, self.guidance) for u, c in zip(uncond, cond, strict=True)]
        return Estimate(*mix)
