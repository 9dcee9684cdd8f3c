"""What a network is trained to do: the times and labels it is asked with, and its error."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib import NO_LABEL
from course_lib.predictions import Prediction
from course_lib.schedules import Schedule, evenly


def stratified_times(
    batch: int,
    T: int,
    generator: torch.Generator | None = None,
    *,
    density: Tensor | None = None,
) -> Tensor:
    """Draw one t from each of ``batch`` equal slices of 1…T: (batch,) integers, evenly spread.

    Each t on its own is uniform, but a batch never misses a stretch of times by bad luck, which
    makes the loss less noisy at no cost.
    density  (T,) how often each t is to be drawn, up to a factor; then the slices are of equal
             shares of it. Drawing a time twice as
             often and counting its error twice are the same in expectation.
    See      Kingma et al. 2021 (arXiv:2107.00630), Appendix I.1
    """
    device = "cpu" if generator is None else generator.device
    chance = torch.rand(batch, generator=generator, device=device, dtype=torch.float32)
    u = (torch.arange(batch, device=device) + chance) / batch
    if density is not None:
        below = density.cumsum(0).to(u.device) / density.sum()
        return torch.searchsorted(below.to(u), u, right=True).clamp(max=T - 1) + 1
    return (u * T).long().clamp(max=T - 1) + 1


def logit_normal(T: int, *, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Return the density of t/T = sigmoid(z), z normal: much in the middle, little at the ends.

    mean     of z; above 0 it moves to more noise
    std      of z, above 0
    Returns  (T,) the shares of the slices (t − 1, t], float64, which sum to 1
    See      Esser et al. 2024 (arXiv:2403.03206), Section 3.1
    """
    z = (evenly(0, 1, T + 1).logit() - mean) / std
    return torch.special.ndtr(z).diff()


def drop_labels(y: Tensor, share: float, generator: torch.Generator | None = None) -> Tensor:
    """Replace each label, on its own, by NO_LABEL with probability ``share``.

    See  Ho & Salimans 2022 (arXiv:2207.12598), Algorithm 1
    """
    device = "cpu" if generator is None else generator.device
    chance = torch.rand(y.shape, generator=generator, device=device, dtype=torch.float32)
    return y.masked_fill((chance < share).to(y.device), NO_LABEL)


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
    output = model(x_t, t, y).to(target)  # mixed precision ends here: errors are small numbers
    return F.mse_loss(output, target, reduction="none").flatten(1).mean(1)
