"""The judges: two small classifiers of MNIST digits that score generated ones.

A distance between sets of images is measured in what one network sees, and may praise what another
would not. So there are two, which share neither architecture nor seed, and what one of them finds
counts once the other agrees.
"""

import json
from collections.abc import Iterator

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib import WEIGHTS

FOLDER = WEIGHTS / "judges"
SEEN = 40_000  # the first so many training images; the rest, and the test set, no judge has seen


class Judge(nn.Module):
    """A classifier of digits, (B, 1, 28, 28) in [-1, 1] → (B, 10) logits.

    features  a network, (B, 1, 28, 28) → (B, 128): the numbers before the last layer; distances
              between sets of images are measured in them
    """

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        self.features = features
        self.classify = nn.Sequential(nn.Dropout(0.3), nn.Linear(128, 10))

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, 10) logits."""
        return self.classify(self.features(x))


def first() -> Judge:
    """Return the first judge, untrained: 3×3 convolutions, batch norm, and the largest of four.

    See  Simonyan & Zisserman 2015 (arXiv:1409.1556); Ioffe & Szegedy 2015 (arXiv:1502.03167)
    """

    def block(c_in: int, c_out: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(c_in, c_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(c_out),
            nn.ReLU(),
            nn.Conv2d(c_out, c_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(c_out),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )

    features = nn.Sequential(
        block(1, 32),  # (B, 32, 14, 14)
        block(32, 64),  # (B, 64, 7, 7)
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 128),
        nn.BatchNorm1d(128),
        nn.ReLU(),
    )
    return Judge(features)


class Wide(nn.Module):
    """A residual block that looks 7×7 pixels wide, in each channel by itself, then mixes channels.

    See  Liu et al. 2022 (arXiv:2201.03545), Figure 4
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 7, padding=3, groups=channels),
            nn.GroupNorm(1, channels),
            nn.Conv2d(channels, 2 * channels, 1),
            nn.GELU(),
            nn.Conv2d(2 * channels, channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, H, W) from x (B, C, H, W)."""
        return x + self.layers(x)


class Mean(nn.Module):
    """The mean over all pixels, (B, C, H, W) → (B, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C)."""
        return x.mean((2, 3))


def second() -> Judge:
    """Return the second judge, untrained: wide residual blocks, no batch norm, no maximum."""
    features = nn.Sequential(
        nn.Conv2d(1, 48, 2, stride=2),  # (B, 48, 14, 14)
        Wide(48),
        Wide(48),
        nn.Conv2d(48, 128, 2, stride=2),  # (B, 128, 7, 7)
        Wide(128),
        Wide(128),
        Mean(),
        nn.LayerNorm(128),
        nn.Linear(128, 128),
        nn.GELU(),
    )
    return Judge(features)


JUDGES = {"first": first, "second": second}


def shift(x: Tensor, pixels: int, generator: torch.Generator) -> Tensor:
    """Move a batch of images (B, 1, H, W) by up to ``pixels``, filling in with −1."""
    dy, dx = torch.randint(0, 2 * pixels + 1, (2,), generator=generator, device="cpu").tolist()
    padded = F.pad(x, (pixels,) * 4, value=-1.0)
    return padded[..., dy : dy + x.shape[-2], dx : dx + x.shape[-1]]


BATCH = 128


def total_steps(count: int, epochs: int = 4) -> int:
    """Return how many steps ``train_judge`` makes on ``count`` images."""
    return epochs * (count // BATCH)


def train_judge(
    judge: Judge, x: Tensor, y: Tensor, *, epochs: int = 4, seed: int = 0
) -> Iterator[float]:
    """Train a judge on images x (N, 1, 28, 28) and labels y (N,); leave it in eval mode.

    Yields  the loss of every step of 128 images
    """
    generator = torch.Generator().manual_seed(seed)
    judge.train().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(judge.parameters(), weight_decay=0.05)
    total = total_steps(len(x), epochs)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=total)
    for _ in range(epochs):
        shuffled = torch.randperm(len(x), generator=generator, device=generator.device)
        for index in shuffled[: len(x) // BATCH * BATCH].split(BATCH):
            images = shift(x[index], 2, generator)
            loss = F.cross_entropy(judge(images), y[index], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rate.step()
            yield loss.item()
    judge.eval()


@torch.no_grad()
def in_batches(function: nn.Module, x: Tensor, size: int = 500) -> Tensor:
    """Apply a network to x in batches, without gradients, where and as its weights are."""
    weight = next(function.parameters(), x)
    return torch.cat([function(batch.to(weight)) for batch in x.split(size)])


def accuracy(judge: Judge, x: Tensor, y: Tensor) -> float:
    """Return the share of images x (N, 1, 28, 28) that the judge reads as y (N,)."""
    return (in_batches(judge, x).argmax(1) == y).double().mean().item()


def load_judge(name: str = "first") -> Judge:
    """Return a judge that comes with the course, trained by ``course train first-judge``.

    name    "first" or "second"
    Raises  KeyError for another name
    """
    with torch.device("cpu"):
        judge = JUDGES[name]().float()
    judge.load_state_dict(safetensors.torch.load_file(FOLDER / f"{name}.safetensors"))
    return judge.eval().to(memory_format=torch.channels_last)


def judge_card(name: str = "first") -> dict:
    """Return what is known of a judge: its command, its data, its error on digits it never saw."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
