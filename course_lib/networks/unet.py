"""A network for images: a U-Net, and the parts that it is made of."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.networks.conditioning import Conditioning


class ResBlock(nn.Module):
    """Two 3×3 convolutions around which the input is added back.

    c_in, c_out  channels in and out, multiples of 8
    dim          length of the conditioning vector, which scales and shifts every channel
    See          He et al. 2016 (arXiv:1512.03385); Dhariwal & Nichol 2021 (arXiv:2105.05233),
                 Section 3, "adaptive group normalization"
    """

    def __init__(self, c_in: int, c_out: int, dim: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(8, c_in), nn.GroupNorm(8, c_out)
        self.conv1 = nn.Conv2d(c_in, c_out, 3, padding=1)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1)
        self.scale_shift = nn.Linear(dim, 2 * c_out)
        self.skip = nn.Identity() if c_in == c_out else nn.Conv2d(c_in, c_out, 1)
        nn.init.zeros_(self.conv2.weight)  # so that the block starts as its skip alone
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Return (B, c_out, H, W) from x (B, c_in, H, W) and condition (B, dim)."""
        h = self.conv1(F.silu(self.norm1(x)))
        scale, shift = self.scale_shift(F.silu(condition))[:, :, None, None].chunk(2, dim=1)
        h = self.norm2(h) * (1 + scale) + shift
        return self.skip(x) + self.conv2(F.silu(h))


class Attention(nn.Module):
    """Let every pixel look at every other: one layer of multi-head self-attention.

    channels  a multiple of 8 and of ``heads``
    See       Vaswani et al. 2017 (arXiv:1706.03762), Section 3.2; Ho et al. 2020, Appendix B
    """

    def __init__(self, channels: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(8, channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, H, W) from x (B, C, H, W)."""
        B, C, H, W = x.shape
        pixels = self.norm(x).flatten(2).transpose(1, 2)  # (B, H*W, C)
        qkv = self.qkv(pixels).reshape(B, H * W, 3, self.heads, C // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, heads, H*W, C/heads)
        h = F.scaled_dot_product_attention(q, k, v)
        h = self.out(h.transpose(1, 2).reshape(B, H * W, C))
        return x + h.transpose(1, 2).reshape(B, C, H, W)


class UNet(nn.Module):
    """A network for images: down to few pixels, attention there, and up again with skips.

    image_size   height and width in pixels, divisible by ``patch`` and by 2 for each level
                 after the first
    channels     colour channels of the image
    width        channels of the first level; level i has ``width * multipliers[i]``
    multipliers  one entry per level, from fine to coarse
    blocks       residual blocks per level and direction
    patch        the stem folds patch × patch pixels into channels, so that no convolution ever
                 runs at full size; 1 switches the folding off
    num_classes  number of labels; None for a network without labels
    guided       whether it is told the guidance, too; see ``training.distillation``
    Raises       ValueError for sizes that do not fit, when built and when called
    See          Ronneberger et al. 2015 (arXiv:1505.04597); Ho et al. 2020 (arXiv:2006.11239),
                 Appendix B; Shi et al. 2016 (arXiv:1609.05158) for the folding
    """

    def __init__(
        self,
        image_size: int = 28,
        channels: int = 1,
        *,
        width: int = 64,
        multipliers: tuple[int, ...] = (1, 2),
        blocks: int = 1,
        patch: int = 2,
        num_classes: int | None = None,
        guided: bool = False,
    ) -> None:
        super().__init__()
        factor = patch * 2 ** (len(multipliers) - 1)
        if image_size % factor:
            raise ValueError(
                f"image_size must be divisible by {factor} (patch {patch} and "
                f"{len(multipliers) - 1} halvings), but {image_size} is not: pad the images."
            )
        self.image_size, self.channels, self.patch = image_size, channels, patch
        self.guided = guided
        dim = 4 * width
        *fine, coarse = [width * m for m in multipliers]
        self.condition = Conditioning(dim, num_classes, guided)
        self.stem = nn.Conv2d(channels * patch**2, width, 3, padding=1)

        self.down, self.up, c = nn.ModuleList(), nn.ModuleList(), width
        for level in fine:
            self.down.append(Stage([c] + [level] * blocks, dim))
            c = level
        self.middle = Stage([c] + [coarse] * blocks, dim)
        self.attention = Attention(coarse)
        self.middle_out = Stage([coarse] * (blocks + 1), dim)
        c = coarse
        for level in reversed(fine):
            self.up.append(Stage([c + level] + [level] * blocks, dim))
            c = level

        self.norm = nn.GroupNorm(8, c)
        self.out = nn.Conv2d(c, channels * patch**2, 3, padding=1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(
        self, x_t: Tensor, t: Tensor, y: Tensor | None = None, w: Tensor | None = None
    ) -> Tensor:
        """Return (B, C, H, W) from x_t (B, C, H, W), t (B,), and y and w, (B,) each or None."""
        B, *shape = x_t.shape
        expected = [self.channels, self.image_size, self.image_size]
        if shape != expected:
            raise ValueError(f"x_t must be {(B, *expected)}, not {tuple(x_t.shape)}.")
        condition = self.condition(t, y, w)
        h = self.stem(F.pixel_unshuffle(x_t, self.patch))  # (B, width, H/patch, W/patch)
        skips = []
        for stage in self.down:
            h = stage(h, condition)
            skips.append(h)
            h = F.avg_pool2d(h, 2)
        h = self.middle_out(self.attention(self.middle(h, condition)), condition)
        for stage in self.up:
            h = F.interpolate(h, scale_factor=2.0, mode="nearest")
            h = stage(torch.cat([h, skips.pop()], dim=1), condition)
        h = self.out(F.silu(self.norm(h)))
        return F.pixel_shuffle(h, self.patch)


class Stage(nn.Module):
    """Residual blocks in a row, from channels[0] through channels[1] and so on."""

    def __init__(self, channels: list[int], dim: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ResBlock(i, o, dim) for i, o in pairwise(channels))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Return (B, channels[-1], H, W) from x (B, channels[0], H, W)."""
        for block in self.blocks:
            x = block(x, condition)
        return x
