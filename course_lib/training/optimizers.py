"""Optimizers for short runs: AdamW, and Muon, whose steps are orthogonal matrices."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn


def orthogonalize(matrices: list[Tensor], iterations: int = 5) -> list[Tensor]:
    """Move all singular values of matrices (N, M) close to 1, keeping their directions.

    Five steps X ← (a + b XXᵀ + c (XXᵀ)²) X of a Newton–Schulz iteration: only matrix products, no
    decomposition. Its coefficients trade exactness for speed, so the values end between about 0.7
    and 1.2. The factors of X are polynomials in XXᵀ, so it is enough to follow that small square
    matrix, all of one size at once, and to multiply X by the result.
    See  Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = [m.T if m.shape[0] > m.shape[1] else m for m in matrices]
    wide = [x / (x.norm() + 1e-7) for x in wide]
    factors: dict[int, Tensor] = {}
    for size in {len(x) for x in wide}:
        gram = torch.stack([x @ x.T for x in wide if len(x) == size])  # (K, size, size)
        identity = torch.eye(size, dtype=gram.dtype, device=gram.device)
        factor = identity
        for _ in range(iterations):
            step = a * identity + b * gram + c * gram @ gram
            factor, gram = step @ factor, step @ gram @ step
        factors[size] = iter(factor)
    done = [next(factors[len(x)]) @ x for x in wide]
    return [x.T if m.shape[0] > m.shape[1] else x for m, x in zip(matrices, done, strict=True)]


class Muon(torch.optim.Optimizer):
    """Muon for the convolutions between hidden layers, Adam for everything else.

    groups    two groups of parameters, as ``hidden_and_rest`` makes them; in the group with
              ``orthogonal=True`` a convolution counts as a matrix (c_out, c_in · 3 · 3)
    momentum  share of the old direction that is kept, in the orthogonal group
    betas     Adam's two decay rates, in the other
    See       Jordan et al. 2024; Kingma & Ba 2015 (arXiv:1412.6980), Algorithm 1
    """

    def __init__(
        self,
        groups: Iterable[dict],
        momentum: float = 0.9,
        betas: tuple[float, float] = (0.9, 0.99),
    ) -> None:
        super().__init__(groups, {"lr": 2e-3, "momentum": momentum, "betas": betas})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:
        """Make one step from the gradients at hand; a closure is not used."""
        for group in self.param_groups:
            update = self._muon if group["orthogonal"] else self._adam
            update([p for p in group["params"] if p.grad is not None], group)

    def _muon(self, params: list[Tensor], group: dict) -> None:
        ahead = []
        for p in params:
            state = self.state[p]
            if not state:
                state["average"] = torch.zeros_like(p)
            average = state["average"].lerp_(p.grad, 1 - group["momentum"])
            # Nesterov: where the average is heading
            ahead.append(p.grad.lerp(average, group["momentum"]).flatten(1))
        for p, matrix in zip(params, orthogonalize(ahead), strict=True):
            scale = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
            p.add_(matrix.reshape(p.shape), alpha=-group["lr"] * scale)

    def _adam(self, params: list[Tensor], group: dict) -> None:
        b1, b2 = group["betas"]
        for p in params:
            state = self.state[p]
            if not state:
                state["step"] = torch.zeros((), device="cpu", dtype=torch.float32)
                state["mean"], state["square"] = torch.zeros_like(p), torch.zeros_like(p)
            state["step"] += 1
            n = int(state["step"])
            mean = state["mean"].lerp_(p.grad, 1 - b1) / (1 - b1**n)
            square = state["square"].lerp_(p.grad * p.grad, 1 - b2) / (1 - b2**n)
            p.addcdiv_(mean, square.sqrt() + 1e-8, value=-group["lr"])


def hidden_and_rest(model: nn.Module, lr: float, muon_lr: float) -> list[dict]:
    """Split a network's parameters: the convolutions between hidden layers, and all others.

    The first and the last layer are left to Adam, as Muon's authors advise. So are the linear
    layers of the conditioning: orthogonalizing them costs a sixth of the training speed of the
    course's U-Net and gains less than the images that it costs.
    """
    hidden, rest = [], []
    for name, p in model.named_parameters():
        outer = name.split(".")[0] in ("stem", "out")
        (hidden if p.ndim == 4 and not outer else rest).append(p)
    return [
        {"params": rest, "lr": lr, "orthogonal": False},
        {"params": hidden, "lr": muon_lr, "orthogonal": True},
    ]


def muon(model: nn.Module, lr: float = 6e-3, muon_lr: float = 0.014) -> Muon:
    """Return Muon for a network: ``lr`` for Adam's part, ``muon_lr`` for its own."""
    return Muon(hidden_and_rest(model, lr, muon_lr))


def adamw(model: nn.Module, lr: float = 2e-3) -> torch.optim.AdamW:
    """Return AdamW for a network, with decay rates that suit short runs."""
    return torch.optim.AdamW(model.parameters(), lr=lr, betas=(0.9, 0.99), weight_decay=0.01)
