"""The judge: a small classifier of MNIST digits that scores generated ones."""

from collections.abc import Iterator

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib import WEIGHTS


class Judge(nn.Module):
    """A convolutional classifier, (B, 1, 28, 28) in [-1, 1] → (B, 10) logits.

    Its ``features`` are the 128 numbers before the last layer; distances between sets of images
    are measured in them.
    """

    def __init__(self) -> None:
        super().__init__()

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

        self.features = nn.Sequential(
            block(1, 32),  # (B, 32, 14, 14)
            block(32, 64),  # (B, 64, 7, 7)
            nn.Flatten(),
            nn.Linear(64 * 7 * 7, 128),
            nn.BatchNorm1d(128),
            nn.ReLU(),
        )
        self.classify = nn.Sequential(nn.Dropout(0.3), nn.Linear(128, 10))

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, 10) logits."""
        return self.classify(self.features(x))


def shift(x: Tensor, pixels: int, generator: torch.Generator) -> Tensor:
    """Move a batch of images (B, 1, H, W) by up to ``pixels``, filling in with −1."""
    dy, dx = torch.randint(0, 2 * pixels + 1, (2,), generator=generator).tolist()
    padded = F.pad(x, (pixels,) * 4, value=-1.0)
    return padded[..., dy : dy + x.shape[-2], dx : dx + x.shape[-1]]


BATCH = 128


def total_steps(count: int, epochs: int = 3) -> int:
    """Return how many steps ``train_judge`` makes on ``count`` images."""
    return epochs * (count // BATCH)


def train_judge(
    judge: Judge, x: Tensor, y: Tensor, *, epochs: int = 3, seed: int = 0
) -> Iterator[float]:
    """Train the judge on images x (N, 1, 28, 28) and labels y (N,); leave it in eval mode.

    Yields  the loss of every step of 128 images
    """
    generator = torch.Generator().manual_seed(seed)
    judge.train().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(judge.parameters(), weight_decay=0.05)
    total = total_steps(len(x), epochs)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=total)
    for _ in range(epochs):
        shuffled = torch.randperm(len(x), generator=generator)
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
    """Apply a network to x in batches, without gradients."""
    return torch.cat([function(batch) for batch in x.split(size)])


def accuracy(judge: Judge, x: Tensor, y: Tensor) -> float:
    """Return the share of images x (N, 1, 28, 28) that the judge reads as y (N,)."""
    return (in_batches(judge, x).argmax(1) == y).double().mean().item()


def load_judge() -> Judge:
    """Return the judge that comes with the course, trained by ``course train judge --seed 0``."""
    judge = Judge()
    judge.load_state_dict(safetensors.torch.load_file(WEIGHTS / "judge.safetensors"))
    return judge.eval().to(memory_format=torch.channels_last)
