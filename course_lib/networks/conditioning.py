"""What a network is told beside the noisy sample: the time, and perhaps a label."""

import math

import torch
from torch import Tensor, nn

from course_lib import NO_LABEL


def sinusoidal(t: Tensor, dim: int, max_period: float = 10_000.0) -> Tensor:
    """Embed times as cosines and sines of geometrically spaced frequencies.

    t           (B,) times, whole or not
    dim         even number of features
    max_period  slowest wave, over 2π
    Returns     (B, dim) float32: dim/2 cosines, then dim/2 sines
    Raises      ValueError if dim is odd
    See         Vaswani et al. 2017 (arXiv:1706.03762), Section 3.5
    """
    if dim % 2:
        raise ValueError(f"dim must be even, half cosines and half sines, not {dim}.")
    exponent = torch.arange(dim // 2, device=t.device, dtype=torch.float32) / (dim // 2)
    angles = t.float()[:, None] * torch.exp(-math.log(max_period) * exponent)  # (B, dim/2)
    return torch.cat([angles.cos(), angles.sin()], dim=1)


class Conditioning(nn.Module):
    """Turn a time, an optional label and an optional guidance into one vector per sample.

    dim          length of the vector, even
    num_classes  number of labels; None for a network without labels
    guided       whether it is told how closely to follow the label; what it makes of that begins
                 at 0, so that a network that is taught it starts where it stood

    The table of labels has one row more than there are labels: its last row stands for "no
    label" (NO_LABEL or ``y=None``) and is learned like the others.
    """

    def __init__(self, dim: int, num_classes: int | None = None, guided: bool = False) -> None:
        super().__init__()
        self.dim, self.num_classes = dim, num_classes
        self.time = nn.Sequential(nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.label = None if num_classes is None else nn.Embedding(num_classes + 1, dim)
        self.guidance = nn.Linear(dim, dim) if guided else None
        if guided:
            nn.init.zeros_(self.guidance.weight)
            nn.init.zeros_(self.guidance.bias)

    def forward(self, t: Tensor, y: Tensor | None = None, w: Tensor | None = None) -> Tensor:
        """Return (B, dim).

        t  (B,) times
        y  (B,) whole numbers from −1 (no label), or None
        w  (B,) guidance, for a network that is told it; 1 if None
        """
        vector = self.time(sinusoidal(t, self.dim).to(self.time[0].weight.dtype))
        if self.guidance is not None:
            w = torch.ones(t.shape, device=t.device) if w is None else w
            vector = vector + self.guidance(sinusoidal(100 * w, self.dim).to(vector.dtype))
        elif w is not None:
            raise ValueError("This network was not taught any guidance: use guidance.Guided.")
        if self.label is None:
            if y is not None:
                raise ValueError("This network was built without labels: leave y out.")
            return vector
        if y is None:
            y = torch.full(t.shape, NO_LABEL, device=t.device)
        if y.shape != t.shape:
            raise ValueError(f"y must hold one label per sample, {tuple(t.shape)}, not {y.shape}.")
        if (y < NO_LABEL).any() or (y >= self.num_classes).any():
            raise ValueError(
                f"Labels run from 0 to {self.num_classes - 1} (−1 means no label), but y runs "
                f"from {int(y.min())} to {int(y.max())}."
            )
        return vector + self.label(y % (self.num_classes + 1))  # −1 becomes the last row
