"""The U-Net of most courses: full size from the first convolution on, 3.8 million weights.

It stands here to be measured against, written in the usual way: images padded to 32×32, channels
48-88-168 at sizes 32, 16 and 8, two residual blocks per level, attention at 8×8, time added (not
scaled and shifted) inside each block, concatenated skips, strided and transposed convolutions.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.networks import Attention, Conditioning


class Block(nn.Module):
    """A residual block to which the condition is added."""

    def __init__(self, c_in: int, c_out: int, dim: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(8, c_in), nn.GroupNorm(8, c_out)
        self.conv1 = nn.Conv2d(c_in, c_out, 3, padding=1)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1)
        self.condition = nn.Linear(dim, c_out)
        self.skip = nn.Identity() if c_in == c_out else nn.Conv2d(c_in, c_out, 1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Return (B, c_out, H, W)."""
        h = self.conv1(F.silu(self.norm1(x)))
        h = h + self.condition(F.silu(condition))[:, :, None, None]
        return self.skip(x) + self.conv2(F.silu(self.norm2(h)))


class TextbookUNet(nn.Module):
    """Predict the noise of (B, 1, 28, 28) images, padded to 32×32 inside."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        sizes, dim = (48, 88, 168), 192
        self.condition = Conditioning(dim, num_classes)
        self.stem = nn.Conv2d(1, sizes[0], 3, padding=1)
        self.down, self.shrink, c = nn.ModuleList(), nn.ModuleList(), sizes[0]
        for size in sizes:
            self.down.append(nn.ModuleList([Block(c, size, dim), Block(size, size, dim)]))
            self.shrink.append(nn.Conv2d(size, size, 3, stride=2, padding=1))
            c = size
        self.shrink[-1] = nn.Identity()
        self.middle = Attention(c)
        self.up, self.grow = nn.ModuleList(), nn.ModuleList()
        for size in reversed(sizes):
            self.up.append(nn.ModuleList([Block(c + size, size, dim), Block(size, size, dim)]))
            self.grow.append(nn.ConvTranspose2d(size, size, 2, stride=2))
            c = size
        self.grow[-1] = nn.Identity()
        self.norm = nn.GroupNorm(8, c)
        self.out = nn.Conv2d(c, 1, 3, padding=1)

    def forward(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Return (B, 1, 28, 28) from x_t (B, 1, 28, 28), t (B,) and y (B,) or None."""
        condition = self.condition(t, y)
        h, skips = self.stem(F.pad(x_t, (2, 2, 2, 2), value=-1.0)), []
        for blocks, shrink in zip(self.down, self.shrink, strict=True):
            for block in blocks:
                h = block(h, condition)
            skips.append(h)
            h = shrink(h)
        h = self.middle(h)
        for blocks, grow in zip(self.up, self.grow, strict=True):
            h = torch.cat([h, skips.pop()], dim=1)
            for block in blocks:
                h = block(h, condition)
            h = grow(h)
        return self.out(F.silu(self.norm(h)))[..., 2:-2, 2:-2]
