"""The images that assignment a5 works with: CIFAR-10 where it is at hand, and drawn ones."""

import torch
from torch import Tensor
from torchvision.datasets import CIFAR10

from course_lib import data, schedules
from course_lib.checks.hints import plainly

SCHEDULE = schedules.cosine(1000)
"""The schedule of the assignment: T = 1000."""


@plainly
def images() -> tuple[Tensor, Tensor, str]:
    """Return CIFAR-10 if it lies in ``data.data_dir()``, and drawn pictures otherwise.

    Returns  training images (N, 3, 32, 32) and test images (M, 3, 32, 32), float32 in [-1, 1],
             and one line that says what they are
    See      Krizhevsky 2009, "Learning multiple layers of features from tiny images"
    """
    try:
        parts = [CIFAR10(data.data_dir(), train=train).data for train in (True, False)]
    except RuntimeError:  # missing or damaged; it is never downloaded without being asked for
        g = torch.Generator().manual_seed(0)
        note = f"pictures drawn by the course, since there is no CIFAR-10 in {data.data_dir()}"
        return pictures(20_000, 32, g), pictures(2_000, 32, g), note
    train, test = (
        torch.from_numpy(part).permute(0, 3, 1, 2).float().div_(127.5).sub_(1) for part in parts
    )
    return train, test, "CIFAR-10: 60,000 photographs of ten things"


@plainly
def pictures(n: int, size: int, generator: torch.Generator) -> Tensor:
    """Draw pictures of a ball before a sky whose colour changes from top to bottom.

    n        number of pictures
    size     height and width in pixels
    Returns  (n, 3, size, size) float32 in [-1, 1]
    """
    top, bottom, ball = 2 * torch.rand(3, n, 3, 1, 1, generator=generator) - 1
    down, across = 0.2 + 0.6 * torch.rand(2, n, 1, 1, 1, generator=generator)
    radius = 0.15 + 0.2 * torch.rand(n, 1, 1, 1, generator=generator)
    place = (torch.arange(size) + 0.5) / size
    sky = top + (bottom - top) * place[:, None]
    distance = ((place[:, None] - down) ** 2 + (place - across) ** 2).sqrt()
    inside = ((radius - distance) * size).sigmoid()  # one pixel wide, so that the edge is smooth
    return sky.expand(n, 3, size, size).lerp(ball, inside)


@plainly
def noisy(x0: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return x_t, times t (B,) spread evenly over 1…T, and the noise in x_t."""
    t = torch.linspace(1, SCHEDULE.T, len(x0)).round().long()
    eps = torch.randn(x0.shape, generator=generator)
    return SCHEDULE.add_noise(x0, t, eps), t, eps
