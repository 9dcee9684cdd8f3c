"""Exact denoisers: the best answer that any network could give, in closed form."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from course_lib import NO_LABEL
from course_lib.predictions import Estimate
from course_lib.schedules import Schedule

ENTRIES = 2**21
"""Of the tables of samples × components that are held at a time, so that memory stays bounded."""


class Mixture:
    """The exact denoiser of a mixture of round Gaussians.

    means     (K, *D) centres
    std       standard deviation of every component, a number ≥ 0. With 0 the mixture is a finite
              data set, and its points are the centres.
    schedule  the schedule that made x_t
    weights   (K,) shares of the components, positive; equal if None
    labels    (K,) label of each component, for conditional denoising
    Raises    ValueError for a shape that does not fit, or a label that no component has

    ``denoiser(x_t, t, y)`` returns E[x0 | x_t, y] and E[eps | x_t, y] for 1 ≤ t ≤ T. Where y is
    None or NO_LABEL, every component counts.
    See       Bishop, *Pattern Recognition and Machine Learning*, Eq. 2.116, for the components;
              Karras et al. 2022 (arXiv:2206.00364), Appendix B.3, for a finite data set
    """

    def __init__(
        self,
        means: Tensor,
        std: float,
        schedule: Schedule,
        *,
        weights: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> None:
        count = len(means)
        weights = torch.ones(count, device=means.device) if weights is None else weights
        for name, table in (("weights", weights), ("labels", labels)):
            if table is not None and table.shape != (count,):
                raise ValueError(f"{name} must have shape ({count},), one for each component.")
        if std < 0 or (weights <= 0).any():
            raise ValueError("std must not be negative and every weight must be positive.")
        self.means, self.std, self.schedule, self.labels = means, std, schedule, labels
        self.log_weights = (weights / weights.sum()).log()

    def logits(self, x_t: Tensor, t: Tensor | int, y: Tensor | None = None) -> Tensor:
        """Return log(weight × density of x_t) for every component allowed by y, (B, K)."""
        alpha, sigma = (table[:, None] for table in self.schedule.at(t, x_t.flatten(1)[:, 0]))
        variance = (alpha * self.std) ** 2 + sigma**2
        means = self.means.flatten(1).to(x_t)
        # cdist's shortcut through x² − 2xm + m² loses digits exactly where sigma is small
        exact = "donot_use_mm_for_euclid_dist"
        if alpha.numel() == 1:
            distance = torch.cdist(x_t.flatten(1), alpha * means, compute_mode=exact)
        else:
            distance = (x_t.flatten(1)[:, None] - alpha[..., None] * means).norm(dim=-1)
        logits = self.log_weights.to(x_t) - distance**2 / (2 * variance)
        logits = logits - 0.5 * means.shape[1] * (2 * math.pi * variance).log()
        if y is None:
            return logits
        if self.labels is None:
            raise ValueError("This mixture has no labels, so it cannot be asked for one.")
        allowed = (self.labels.to(y) == y[:, None]) | (y[:, None] == NO_LABEL)
        if not allowed.any(1).all():
            raise ValueError(f"y asks for a label that no component has: {y.unique().tolist()}.")
        return logits.masked_fill(~allowed, -torch.inf)

    def log_density(self, x_t: Tensor, t: Tensor | int, y: Tensor | None = None) -> Tensor:
        """Return the log density of x_t at time t, (B,), up to the share of the label y."""
        return torch.cat([self.logits(*part).logsumexp(1) for part in self._parts(x_t, t, y)])

    def __call__(self, x_t: Tensor, t: Tensor | int, y: Tensor | None = None) -> Estimate:
        estimates = [self._estimate(*part) for part in self._parts(x_t, t, y)]
        return Estimate(*map(torch.cat, zip(*estimates)))

    def _parts(
        self, x_t: Tensor, t: Tensor | int, y: Tensor | None
    ) -> Iterator[tuple[Tensor, Tensor | int, Tensor | None]]:
        """Yield the question in parts of so few samples that their tables fit into memory."""
        rows, each = max(1, ENTRIES // len(self.means)), isinstance(t, Tensor) and t.numel() > 1
        for first in range(0, max(1, len(x_t)), rows):
            part = slice(first, first + rows)
            yield x_t[part], t[part] if each else t, None if y is None else y[part]

    def _estimate(self, x_t: Tensor, t: Tensor | int, y: Tensor | None) -> Estimate:
        share = self.logits(x_t, t, y).softmax(1)
        centre = (share @ self.means.flatten(1).to(x_t)).reshape(x_t.shape)
        alpha, sigma = self.schedule.at(t, x_t)
        shrink = alpha * self.std**2 / ((alpha * self.std) ** 2 + sigma**2)
        x0 = centre + shrink * (x_t - alpha * centre)
        return Estimate(x0, (x_t - alpha * x0) / sigma)


def finite(points: Tensor, schedule: Schedule, *, labels: Tensor | None = None) -> Mixture:
    """Return the exact denoiser of a finite data set: ``points`` (N, *D), ``labels`` (N,).

    It can only bring back its own points: a perfect denoiser of the training set memorises it.
    """
    return Mixture(points, 0.0, schedule, labels=labels)
