"""U-Nets of two public packages, made callable as ``model(x_t, t, y)``, to be measured against.

Both are built in a size that fits MNIST, from the settings that their own projects teach with, and
are trained by the course's trainer: only the network differs. Their row for "no label" is an
eleventh class.
"""

from denoising_diffusion_pytorch.classifier_free_guidance import Unet
from diffusers import UNet2DModel
from torch import Tensor, nn


def with_null(y: Tensor | None, t: Tensor) -> Tensor:
    """Return labels in which 10 stands for "no label"."""
    return t.new_full(t.shape, 10) if y is None else y.where(y >= 0, 10)


class Diffusers(nn.Module):
    """``diffusers.UNet2DModel``: levels of 28, 14 and 7 pixels, attention at the last two."""

    def __init__(self) -> None:
        super().__init__()
        self.unet = UNet2DModel(
            sample_size=28,
            in_channels=1,
            out_channels=1,
            layers_per_block=2,
            block_out_channels=(32, 64, 64),
            down_block_types=("DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
            num_class_embeds=11,
        )

    def forward(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Return (B, 1, 28, 28)."""
        return self.unet(x_t, t, class_labels=with_null(y, t)).sample


class DenoisingDiffusion(nn.Module):
    """``denoising_diffusion_pytorch``'s conditional U-Net with levels of 28, 14 and 7 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.unet = Unet(
            dim=32, num_classes=11, cond_drop_prob=0.0, dim_mults=(1, 2, 4), channels=1
        )

    def forward(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Return (B, 1, 28, 28)."""
        return self.unet(x_t, t, with_null(y, t))
