"""A network for points: a few wide layers, each told the time and the label."""

import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.networks.conditioning import Conditioning


class PointMLP(nn.Module):
    """Residual layers of one width: each adds to its input what it makes of it and the condition.

    dim          coordinates of a point
    width        hidden units per layer
    depth        number of hidden layers
    num_classes  number of labels; None for a network without labels
    """

    def __init__(
        self, dim: int = 2, *, width: int = 128, depth: int = 3, num_classes: int | None = None
    ) -> None:
        super().__init__()
        self.dim = dim
        self.condition = Conditioning(width, num_classes)
        self.first = nn.Linear(dim, width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.out = nn.Linear(width, dim)

    def forward(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Return (B, dim) from x_t (B, dim), t (B,) and y (B,) or None."""
        if x_t.ndim != 2 or x_t.shape[1] != self.dim:
            raise ValueError(f"x_t must be (B, {self.dim}) points, not {tuple(x_t.shape)}.")
        condition = self.condition(t, y)
        h = self.first(x_t)
        for layer in self.layers:
            h = h + layer(F.silu(h + condition))
        return self.out(F.silu(h))
