"""Watch a student's network and process at work, and return what was seen.

The visible checks and the grader's questions both look through these; what is right they do not
know.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_lib import schedules


def shaken(model: nn.Module) -> nn.Module:
    """Move every weight a little at random, so that a layer that starts at zero takes part."""
    with torch.no_grad():
        for weights in model.parameters():
            fan_in = weights[0].numel() if weights.ndim > 1 else 1
            weights.add_(0.5 * torch.randn_like(weights) / fan_in**0.5)
    return model.eval()


@torch.no_grad()
def answers(network: Callable, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Ask a new network about a batch twice, and then about each image alone.

    network  class such as DiffusionModel, called with the size and the channels of an image
    x, t     (B, C, H, H) images and (B,) times
    Returns  three answers, which should be the same, each shaped like x
    """
    model = shaken(network(x.shape[-1], x.shape[1]))
    alone = [model(x[i : i + 1], t[i : i + 1]) for i in range(len(x))]
    return model(x, t), model(x, t), torch.cat(alone)


def plain(shape: tuple[int, ...]) -> Tensor:
    """Draw images (B, C, H, W) of which each is all paper (−1) or all ink (1)."""
    return (2.0 * torch.randint(2, (shape[0], 1, 1, 1)) - 1).expand(shape)


def learned(
    network: Callable, x: Tensor, t: Tensor, scale: float = 1.0, steps: int = 60
) -> Tensor:
    """Let a new network learn to find the noise in plain images, and return its guess for x.

    Where little of the image is left, copying is nearly all that a guess must do; where there is
    more, the network must see the whole to know whether it is paper or ink.
    x, t     noisy images (B, C, H, H) and times (B,), of the linear schedule with T = 1000
    scale    what it learns to guess is the noise times this
    steps    of training, 16 images each
    Returns  shaped like x
    """
    model, schedule = network(x.shape[-1], x.shape[1]), schedules.linear(1000)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(steps):
        x0, times = plain((16, *x.shape[1:])), torch.randint(1, 1001, (16,))
        noise = torch.randn(x0.shape)
        guess = model(schedule.add_noise(x0, times, noise), times)
        loss = (guess - scale * noise).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return model.eval()(x, t)


class StandIn(nn.Module):
    """Takes the place of DiffusionModel: guesses ``scale x + slope t/100 + shift``, and notes it.

    The last one made is ``StandIn.last``, and its last question is ``asked``, a pair (x, t).
    """

    last: "StandIn"

    def __init__(self, image_size: int, channels: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.tensor([0.6, 0.3, -0.2]))
        self.asked: tuple[Tensor, Tensor] | None = None
        StandIn.last = self

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Return the guess, shaped like x (B, C, H, W), for times t (B,)."""
        scale, slope, shift = self.weights
        t = torch.as_tensor(t).expand(len(x))
        self.asked = x.detach().clone(), t.clone()
        return scale * x + slope * t.to(x)[:, None, None, None] / 100 + shift


def process(names: dict, x: Tensor, noise_steps: int) -> object:
    """Make a DiffusionProcess for images like x (B, C, H, H), with the stand-in as its network.

    names  of the notebook: ``globals()``
    """
    own = names.get("DiffusionModel")
    names["DiffusionModel"] = StandIn
    try:
        return names["DiffusionProcess"](x.shape[-1], x.shape[1], noise_steps)
    finally:
        names["DiffusionModel"] = own


class Observed(NamedTuple):
    """What was seen of N training steps on one batch x (B, C, H, W).

    loss     (N,)
    floats   (N,) whether the loss was a Python float
    x_t, t   (N, B, C, H, W) and (N, B): what the network was shown
    weights  (N + 1, 3) of the stand-in, before the first step and after each
    grads    (N, 3) that were left after each step, zero if they were cleared
    """

    loss: Tensor
    floats: Tensor
    x_t: Tensor
    t: Tensor
    weights: Tensor
    grads: Tensor


def observe(names: dict, x: Tensor, noise_steps: int, count: int) -> Observed:
    """Watch ``train_step`` of a new process ``count`` times, with our own ``add_noise``.

    Raises  ValueError if it does not ask the network
    """
    made, schedule = process(names, x, noise_steps), schedules.linear(noise_steps)

    def add_noise(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        noise = torch.randn_like(x)
        return schedule.add_noise(x, t, noise).to(x), noise

    made.add_noise = add_noise  # so that a fault of theirs is not counted twice
    network, rows = StandIn.last, []
    weights = [network.weights.detach().clone()]
    for _ in range(count):
        loss = made.train_step(x)
        if network.asked is None:
            raise ValueError("train_step() does not ask the network that DiffusionModel made")
        grad, value = network.weights.grad, float(torch.as_tensor(loss).detach())
        grad = torch.zeros(3) if grad is None else grad.clone()
        rows.append((torch.tensor(value), torch.tensor(type(loss) is float), *network.asked, grad))
        weights.append(network.weights.detach().clone())
    loss, floats, x_t, t, grads = (torch.stack(column) for column in zip(*rows))
    return Observed(loss, floats, x_t, t, torch.stack(weights), grads)
