"""Noise schedules: how much signal and how much noise is in x_t, for every t from 0 to T."""

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Schedule:
    """The two tables of ``x_t = alpha[t] * x0 + sigma[t] * eps``.

    alpha   (T + 1,) signal scale; alpha[0] = 1, then never rising
    sigma   (T + 1,) noise scale; sigma[0] = 0, then rising; both are stored as float64 on the CPU
    name    what plots and messages call it
    max_terminal_signal
            the largest ᾱ_T = alpha[T]² that is accepted. Sampling starts from pure noise, so a
            schedule that still holds signal at T is wrong from the first step. Set it to 1 to
            build such a schedule on purpose.
    Raises  ValueError if the tables do not fit together or too much signal is left at T
    See     Kingma et al. 2021 (arXiv:2107.00630), Eq. 1; Lin et al. 2023 (arXiv:2305.08891) on ᾱ_T

    Index 0 is clean data, so that the step from t = 1 to s = 0 is a step like any other.
    """

    alpha: Tensor
    sigma: Tensor
    name: str = "custom"
    max_terminal_signal: float = 0.01

    def __post_init__(self) -> None:
        for table in ("alpha", "sigma"):
            object.__setattr__(self, table, _on_host(getattr(self, table)))
        alpha, sigma = self.alpha, self.sigma
        if alpha.ndim != 1 or alpha.shape != sigma.shape or len(alpha) < 2:
            raise ValueError(
                f"alpha and sigma must be two tables of T + 1 entries, not of shapes "
                f"{tuple(alpha.shape)} and {tuple(sigma.shape)}."
            )
        if not (alpha.isfinite().all() and sigma.isfinite().all()):
            raise ValueError("A schedule's tables must be finite; look for a division by zero.")
        if alpha[0] != 1 or sigma[0] != 0:
            raise ValueError("t = 0 is clean data: alpha[0] must be 1 and sigma[0] must be 0.")
        if (alpha.diff() > 0).any() or (sigma.diff() < 0).any() or (sigma[1:] <= 0).any():
            raise ValueError("From t = 0 to T, alpha must never rise and sigma must never fall.")
        if self.alpha_bar[-1] > self.max_terminal_signal:
            raise ValueError(
                f"The {self.name} schedule still holds ᾱ_T = {self.alpha_bar[-1]:.3g} of the "
                f"signal at T = {self.T}, so sampling from pure noise would be wrong from the "
                f"first step: rescale β by 1000/T, or pass max_terminal_signal=1 to accept it."
            )

    @property
    def T(self) -> int:
        """The last time, at which x_T is all noise."""
        return len(self.alpha) - 1

    @property
    def alpha_bar(self) -> Tensor:
        """(T + 1,) share of the signal's power left: alpha², DDPM's cumulative product."""
        return self.alpha**2

    @property
    def beta(self) -> Tensor:
        """(T + 1,) variance of the noise added by step t, for schedules with alpha² + sigma² = 1.

        beta[t] = 1 − ᾱ[t] / ᾱ[t−1], and beta[0] = 0 since no step leads to t = 0.
        See  Ho et al. 2020 (arXiv:2006.11239), Eq. 2
        """
        none = torch.zeros_like(self.sigma[:1])
        return torch.cat([none, 1 - self.alpha_bar[1:] / self.alpha_bar[:-1]])

    @property
    def snr(self) -> Tensor:
        """(T + 1,) signal-to-noise ratio alpha² / sigma²; infinite at t = 0."""
        return self.alpha_bar / self.sigma**2

    def at(self, t: Tensor | int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Look up alpha[t] and sigma[t], shaped to multiply ``like``.

        t       an integer, or (B,) integers, each 0 ≤ t ≤ T
        like    (B, *D) tensor that gives the dtype, the device and the number of dimensions
        Returns two tensors, each (B, 1, …, 1) or (1, 1, …, 1)
        Raises  ValueError if a t is outside 0…T; on a GPU only where that needs no waiting
        """
        t = t if isinstance(t, Tensor) else torch.tensor(t, device="cpu")
        on_host = t.device.type == "cpu"
        if t.is_floating_point() or (on_host and ((t < 0).any() or (t > self.T).any())):
            raise ValueError(f"t must be whole numbers from 0 to T = {self.T}.")
        shape = (-1,) + (1,) * (like.ndim - 1)
        alpha, sigma = self._tables(t.device, like.dtype)
        return alpha[t].reshape(shape).to(like), sigma[t].reshape(shape).to(like)

    @cache  # noqa: B019  (a schedule lives as long as the process, and has few tables)
    def _tables(self, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return alpha and sigma on a device, to which they are copied only once."""
        return self.alpha.to(device, dtype), self.sigma.to(device, dtype)

    def add_noise(self, x0: Tensor, t: Tensor | int, eps: Tensor) -> Tensor:
        """Jump from clean data to time t in one line.

        x0      (B, *D) clean data
        t       an integer, or (B,) integers, each 0 ≤ t ≤ T
        eps     (B, *D) standard normal noise
        Returns (B, *D) x_t
        See     Ho et al. 2020 (arXiv:2006.11239), Eq. 4
        """
        alpha, sigma = self.at(t, x0)
        return alpha * x0 + sigma * eps

    def check_steps(self, steps: int) -> None:
        """Raise ValueError if ``steps``, a number of network evaluations, is outside 1…T."""
        if not 1 <= steps <= self.T:
            raise ValueError(f"steps must be between 1 and T = {self.T}, not {steps}.")

    def timesteps(self, steps: int) -> list[int]:
        """Return ``steps + 1`` times from T down to 0, as evenly spaced as whole numbers can be.

        Raises  ValueError if ``steps`` is outside 1…T
        See     Lin et al. 2023 (arXiv:2305.08891), "trailing" spacing: it starts at T itself
        """
        self.check_steps(steps)
        return evenly(self.T, 0, steps + 1).round().int().tolist()


def evenly(start: float, end: float, count: int) -> Tensor:
    """Return ``count`` evenly spaced numbers, float64 on the CPU whatever torch's defaults are."""
    return torch.linspace(start, end, count, dtype=torch.float64, device="cpu")


def _on_host(table: Tensor) -> Tensor:
    """Return a table as float64 on the CPU, where schedules live."""
    return torch.as_tensor(table, dtype=torch.float64, device="cpu")


def from_alpha_bar(alpha_bar: Tensor, name: str, max_terminal_signal: float = 0.01) -> Schedule:
    """Build a variance-preserving schedule (alpha² + sigma² = 1) from ᾱ, (T + 1,) and ᾱ[0] = 1."""
    alpha_bar = _on_host(alpha_bar)
    return Schedule(alpha_bar.sqrt(), (1 - alpha_bar).sqrt(), name, max_terminal_signal)


def from_beta(beta: Tensor, name: str, max_terminal_signal: float = 0.01) -> Schedule:
    """Build a variance-preserving schedule from DDPM's β_1 … β_T.

    beta    (T,) variance added by each step, each strictly between 0 and 1
    Raises  ValueError if a β is outside (0, 1)
    See     Ho et al. 2020 (arXiv:2006.11239), Eq. 2–4
    """
    beta = _on_host(beta)
    if (beta <= 0).any() or (beta >= 1).any():
        raise ValueError(
            f"β must stay strictly between 0 and 1, but runs from {beta.min():.3g} to "
            f"{beta.max():.3g} in the {name} schedule: use more steps or a smaller β."
        )
    alpha_bar = torch.cat([torch.ones_like(beta[:1]), (1 - beta).cumprod(0)])
    return from_alpha_bar(alpha_bar, name, max_terminal_signal)


def linear(
    T: int = 1000,
    *,
    beta_min: float = 1e-4,
    beta_max: float = 0.02,
    rescale: bool = True,
    max_terminal_signal: float = 0.01,
) -> Schedule:
    """β rises in a straight line, as in the first DDPM.

    T            number of steps
    beta_min, beta_max
                 ends of the line at T = 1000
    rescale      multiply β by 1000/T, so that every T ends in the same noise; without it, the
                 published numbers are right for T = 1000 only
    See          Ho et al. 2020 (arXiv:2006.11239), Section 4
    """
    scale = 1000 / T if rescale else 1.0
    beta = scale * evenly(beta_min, beta_max, T)
    return from_beta(beta, "linear", max_terminal_signal)


def quadratic(T: int = 1000, *, beta_min: float = 1e-4, beta_max: float = 0.02) -> Schedule:
    """β is linear in its square root, so noise comes in more gently; β is rescaled by 1000/T.

    See  Ho et al. 2020 (arXiv:2006.11239), Appendix B, and the schedule "quad" of its code
    """
    root = evenly(beta_min**0.5, beta_max**0.5, T)
    return from_beta(1000 / T * root**2, "quadratic")


def cosine(T: int = 1000, *, s: float = 0.008, beta_clip: float = 0.999) -> Schedule:
    """ᾱ follows a squared cosine, which keeps some signal for longer than ``linear``.

    s           small offset that keeps the first steps from being too small
    beta_clip   largest β; without it the last one would be 1 and erase everything at once
    See         Nichol & Dhariwal 2021 (arXiv:2102.09672), Eq. 17
    """
    u = evenly(0, 1, T + 1)
    alpha_bar = ((u + s) / (1 + s) * math.pi / 2).cos() ** 2
    beta = (1 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=beta_clip)
    return from_beta(beta, "cosine")


def sigmoid(T: int = 1000, *, start: float = -3.0, end: float = 3.0, tau: float = 1.0) -> Schedule:
    """ᾱ follows a logistic curve, cut out between ``start`` and ``end`` and stretched to 1…0.

    tau   temperature: larger is closer to a straight line
    See   Jabri et al. 2022 (arXiv:2212.11972), as written in Chen 2023 (arXiv:2301.10972),
          Algorithm 1; here with β ≤ 0.999 as in ``cosine``
    """
    u = evenly(start, end, T + 1) / tau
    curve = u.sigmoid()
    alpha_bar = (curve[-1] - curve) / (curve[-1] - curve[0])
    beta = (1 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=0.999)
    return from_beta(beta, "sigmoid")


def flow(T: int = 1000) -> Schedule:
    """A straight line from data to noise: alpha = 1 − t/T, sigma = t/T.

    It does not preserve variance, and alpha[T] is exactly 0, so noise prediction is impossible
    at T; predict the velocity instead.
    See  Lipman et al. 2023 (arXiv:2210.02747), Section 4.1, with time turned round
    """
    u = evenly(0, 1, T + 1)
    return Schedule(1 - u, u, "flow")
