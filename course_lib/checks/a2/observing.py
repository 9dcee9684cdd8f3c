"""Watch a student's network and process at work, and return what was seen.

The visible checks and the grader's questions both look through these; what is right they do not
know.
"""

import math
from collections.abc import Callable, Sequence
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
def fresh(network: Callable, x: Tensor, t: Tensor) -> nn.Module:
    """Make a new network, and ask it once, for a lazy layer has no weights before.

    network  class such as DiffusionModel, called with the size and the channels of an image
    x, t     (B, C, H, H) images and (B,) times
    Returns  the network in eval mode
    """
    model = network(x.shape[-1], x.shape[1]).eval()
    model(x.clone(), t.clone())
    return model


@torch.no_grad()
def answers(network: Callable, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Ask a new network about a batch twice, and then about each image alone.

    network, x, t  as in ``fresh``
    Returns        three answers, which should be the same, each shaped like x; and whether x and
                   t were left as they are, ()
    """
    model, kept = shaken(fresh(network, x, t)), []

    def ask(x: Tensor, t: Tensor) -> Tensor:
        shown = x.clone(), t.clone()
        answer = model(*shown)
        kept.append(same(shown, (x, t)))
        return answer

    alone = [ask(x[i : i + 1], t[i : i + 1]) for i in range(len(x))]
    return ask(x, t), ask(x, t), torch.cat(alone), torch.tensor(all(kept))


def same(given: tuple[Tensor, ...], before: tuple[Tensor, ...]) -> bool:
    """Whether tensors are still what they were before a call."""
    return all(map(torch.equal, given, before))


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
    model, schedule = fresh(network, x, t).train(), schedules.linear(1000)
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
        return model.eval()(x.clone(), t.clone())


def told_apart(network: Callable, early: int, late: int, steps: int = 50) -> float:
    """Let a new network learn to answer −1 at one time and 1 at another, whatever it is shown.

    By bad luck one that can may fail, so that whoever asks should ask again.
    Returns  its mean squared error, of which answering 0 would make 1
    """
    t, sign = torch.tensor([early, late] * 2), torch.tensor([-1.0, 1.0] * 2)[:, None, None, None]
    model = fresh(network, torch.randn(4, 1, 16, 16), t).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(steps):
        loss = (model(torch.randn(4, 1, 16, 16), t) - sign).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return (model.eval()(torch.randn(4, 1, 16, 16), t) - sign).square().mean().item()


class StandIn(nn.Module):
    """Takes the place of DiffusionModel: guesses ``scale x + slope t/100 + shift``, and notes it.

    The last one made is ``StandIn.last``, and its questions are ``asked``, pairs (x, t).
    """

    last: "StandIn"

    def __init__(self, image_size: int, channels: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.tensor([0.6, 0.3, -0.2]))
        self.asked: list[tuple[Tensor, Tensor]] = []
        StandIn.last = self

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Return the guess, shaped like x (B, C, H, W), for times t (B,)."""
        scale, slope, shift = self.weights
        t = torch.as_tensor(t).expand(len(x))
        self.asked.append((x.detach().clone(), t.clone()))
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


def jumps(names: dict, x: Tensor, t: Tensor, noise_steps: int) -> tuple:
    """Let one new process add noise twice; it may draw from a generator of its own.

    x, t     (B, C, H, H) images and (B,) times
    Returns  the noisy images and the noise of the first call, those of the second, and whether
             x and t were left as they are, ()
    """
    made, found, kept = process(names, x, noise_steps), [], []
    for _ in range(2):
        given = x.clone(), t.clone()
        noisy, noise = made.add_noise(*given)
        found += [noisy, noise]
        kept.append(same(given, (x, t)))
    return *found, torch.tensor(all(kept))


class Observed(NamedTuple):
    """What was seen of N training steps on one batch x (B, C, H, W).

    loss     (N,)
    floats   (N,) whether the loss was a Python float
    kept     (N,) whether x was left as it is
    x_t, t   (N, B, C, H, W) and (N, B): what the network was shown, image by image
    weights  (N + 1, 3) of the stand-in, before the first step and after each
    grads    (N, 3) that were left after each step, zero if they were cleared
    """

    loss: Tensor
    floats: Tensor
    kept: Tensor
    x_t: Tensor
    t: Tensor
    weights: Tensor
    grads: Tensor


def observe(names: dict, batch: Tensor, noise_steps: int, count: int) -> Observed:
    """Watch ``train_step`` of a new process ``count`` times, with our own ``add_noise``.

    A step may ask the network about the batch in parts, and in another order.
    batch   (B, C, H, H) clean images, no two of them alike
    Raises  ValueError if a step does not ask the network about each image, or its loss is not
            finite
    """
    made, schedule = process(names, batch, noise_steps), schedules.linear(noise_steps)
    network = made.model if isinstance(getattr(made, "model", None), StandIn) else StandIn.last
    theirs, places = getattr(made, "add_noise", None), []

    def add_noise(x: Tensor, t: Tensor, *more: object, **named: object) -> tuple[Tensor, Tensor]:
        if x.shape[1:] == batch.shape[1:]:
            apart = torch.cdist(x.detach().flatten(1).to(batch), batch.flatten(1))
            places.append(apart.argmin(dim=1))
        if more or named:  # theirs takes more than the text says
            return theirs(x, t, *more, **named)
        noise = torch.randn_like(x)
        return schedule.add_noise(x, t, noise).to(x), noise

    made.add_noise = add_noise  # so that a fault of theirs is not counted twice
    weights, rows = [network.weights.detach().clone()], []
    for _ in range(count):
        network.asked.clear()
        places.clear()
        given = batch.clone()
        loss = made.train_step(given)
        value, kept = float(torch.as_tensor(loss).detach()), same((given,), (batch,))
        if not math.isfinite(value):
            raise ValueError("train_step() returns a loss that is not finite")
        noted = torch.tensor(value), torch.tensor(type(loss) is float), torch.tensor(kept)
        grad = network.weights.grad
        grad = torch.zeros(3) if grad is None else grad.clone()
        rows.append((*noted, *put_together(network.asked, places, len(batch)), grad))
        weights.append(network.weights.detach().clone())
    loss, floats, kept, x_t, t, grads = (torch.stack(column) for column in zip(*rows))
    return Observed(loss, floats, kept, x_t, t, torch.stack(weights), grads)


def put_together(
    asked: Sequence[tuple[Tensor, Tensor]], places: Sequence[Tensor], size: int
) -> tuple[Tensor, Tensor]:
    """Put the parts in which a network was shown a batch together, in the order of the batch.

    asked    noisy images and times of each part
    places   for each part that noise was added to, where its images stand in the batch
    size     of the batch, B
    Returns  noisy images (B, C, H, W) and times (B,)
    Raises   ValueError if these are not B images
    """
    if not asked:
        raise ValueError("train_step() does not ask the network that DiffusionModel made")
    x_t, t = (torch.cat(parts) for parts in zip(*asked))
    if len(x_t) != size:  # perhaps it was asked before, to no purpose: the last time counts
        x_t, t = asked[-1]
    if len(x_t) != size:
        raise ValueError(f"train_step() shows the network {len(x_t)} images of a batch of {size}")
    order = torch.cat([*places]) if places else torch.arange(size)
    if torch.equal(order.sort().values, torch.arange(size)):
        x_t, t = x_t[order.argsort()], t[order.argsort()]
    return x_t, t
