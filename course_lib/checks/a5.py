"""What assignment a5_cifar10 works with: images, a look at a network, and the visible checks.

The functions that look at a student's network return what they saw, for the checks and for the
grader; what is right they do not know.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torchvision.datasets import CIFAR10

from course_lib import data, say, schedules
from course_lib.checks.hints import plainly, require, shaped

SCHEDULE = schedules.cosine(1000)
"""The schedule of the assignment: T = 1000."""
SIZE, STEPS = 8, 80
"""Side of the pictures on which the grader trains a network, and for how many steps."""
GOOD, FAIR = 0.23, 0.27
"""Mean squared errors of the noise, on held-out pictures, that earn all points, or half."""


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


# --- looking at a network ------------------------------------------------------------------------


@torch.no_grad()
def look(network: Callable, x: Tensor, t: Tensor) -> list[Tensor]:
    """Ask a new network about one batch in several ways.

    network  function from the size of an image to a network
    x, t     (B, 3, S, S) images and (B,) times
    Returns  its answers, each (B, 3, S, S): for the batch; for each image alone; for the times
             in the opposite order; and with a change in red, in green and in blue
    """
    torch.manual_seed(0)
    model = network(x.shape[-1])
    for weights in model.parameters():  # so that a layer that starts at zero takes part
        fan_in = weights[0].numel() if weights.ndim > 1 else 1
        weights.add_(0.3 * torch.randn_like(weights) / fan_in**0.5)
    model.eval()
    alone = torch.cat([model(x[i : i + 1], t[i : i + 1]) for i in range(len(x))])
    changed = [x + torch.eye(3)[c][:, None, None] for c in range(3)]
    return [model(x, t), alone, model(x, t.flip(0)), *(model(other, t) for other in changed)]


def learn(network: Callable, train: Callable, x0: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
    """Train a new network on some images, and return its guess of the noise in others.

    network, train  the student's functions
    x0              (N, 3, S, S) images to train on
    x_t, t          (B, 3, S, S) noisy images and (B,) their times
    """
    torch.manual_seed(0)
    model = network(x0.shape[-1])
    model.train()
    train(model, x0, STEPS, torch.Generator().manual_seed(0))
    model.eval()
    with torch.no_grad():
        return model(x_t, t)


# --- the visible checks --------------------------------------------------------------------------


@plainly
def shapes(network: Callable) -> None:
    """Check what a network returns, and what its answer depends on."""
    g = torch.Generator().manual_seed(0)
    for B, size in ((3, 32), (2, 8)):
        x, t = torch.randn(B, 3, size, size, generator=g), torch.tensor([5, 990, 400])[:B]
        answers = look(network, x, t)
        name = f"The answer for {size}×{size} pixels"
        together, alone, later, *changed = (shaped(a, tuple(x.shape), name) for a in answers)
        require(
            torch.allclose(together, alone, atol=1e-4),
            "An image alone gets another answer than in a batch: do samples mix, or is there "
            "chance in the network?",
        )
        require(
            not torch.allclose(together, later, atol=1e-4),
            "The answer is the same at other times: does the time reach the output?",
        )
        for colour, other in zip(("red", "green", "blue"), changed):
            differs = not torch.allclose(together, other, atol=1e-4)
            require(differs, f"The network does not see {colour}.")
        grey = (together - together.mean(1, keepdim=True)).abs().max() < 1e-4
        require(not grey, "All three colours get one and the same answer.")
    say("✓ Noise of the right shape, for each image and each time its own.")


@plainly
def training(network: Callable, train: Callable) -> None:
    """Train on drawn pictures for a moment, and check the error on others."""
    g = torch.Generator().manual_seed(0)
    x0, held = pictures(512, SIZE, g), pictures(256, SIZE, g)
    x_t, t, eps = noisy(held, g)
    guess = shaped(learn(network, train, x0, x_t, t), tuple(eps.shape), "The guess")
    error = (guess - eps).square().mean().item()
    require(
        error < GOOD,
        f"After {STEPS} steps the mean squared error on held-out pictures is {error:.3f}; below "
        f"{GOOD} earns all points, and below {FAIR} half of them.",
    )
    say(f"✓ After {STEPS} steps the mean squared error on held-out pictures is {error:.3f}.")


def parameters(model: nn.Module) -> int:
    """Return the number of a network's weights."""
    return sum(p.numel() for p in model.parameters())
