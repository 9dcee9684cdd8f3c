"""The checks that students see: each prints "✓ …" or raises an AssertionError with a hint."""

from collections.abc import Callable

import torch
from torch import nn

from course_lib import say
from course_lib.checks.a5.observing import SIZE, STEPS, learn, look
from course_lib.checks.a5.pictures import SCHEDULE, noisy, pictures
from course_lib.checks.a5.watching import Target, watch
from course_lib.checks.hints import plainly, require, shaped

GOOD, FAIR = 0.23, 0.27
"""Mean squared errors of the noise, on held-out pictures, that earn all points, or half."""


@plainly
def shapes(network: Callable) -> None:
    """Check what a network returns, and what its answer depends on."""
    g = torch.Generator().manual_seed(0)
    for B, size in ((3, 32), (2, 8), (1, 24)):
        x, t = torch.randn(B, 3, size, size, generator=g), torch.tensor([5, 1000, 400])[:B]
        *answers, changed = look(network, x, t)
        name = f"The answer for {size}×{size} pixels"
        together, alone, later, *others = (shaped(a, tuple(x.shape), name) for a in answers)
        require(changed == 0, "The network changes x_t or t in place: make a new tensor.")
        require(
            torch.allclose(together, alone, atol=1e-4),
            "An image alone gets another answer than in a batch: do samples mix, or is there "
            "chance in the network?",
        )
        require(
            B == 1 or not torch.allclose(together, later, atol=1e-4),
            "The answer is the same at other times: does the time reach the output?",
        )
        for colour, other in zip(("red", "green", "blue"), others):
            differs = not torch.allclose(together, other, atol=1e-4)
            require(differs, f"The network does not see {colour}.")
        grey = (together - together.mean(1, keepdim=True)).abs().max() < 1e-4
        require(not grey, "All three colours get one and the same answer.")
    say("✓ Noise of the right shape, for each image and each time its own.")


@plainly
def training(network: Callable, train: Callable) -> None:
    """Watch a training, then train on drawn pictures and check the error on others."""
    _watched(train)
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


def _watched(train: Callable) -> None:
    """Check what a training shows a network, what it draws the guess to, and how often."""
    seen, T = watch(train, torch.tensor([0.6, -0.3, 0.8]), 0), SCHEDULE.T
    steps, batches, moves, returned = seen.steps.int().tolist()
    require(batches > 0, "No gradient reaches the network's guess: nothing can be learned.")
    require(moves > 0, "After the training, the weights are what they were.")
    taken = min(batches, moves)
    require(taken <= steps, f"Asked for {steps} steps, it takes {taken}.")
    require(batches >= 0.9 * steps, f"Asked for {steps} steps, it takes {batches}.")
    require(seen.kept > 0, "The images x0 were changed in place.")
    time, noise, colours, clean = (seen.alike > 0.5).tolist()
    require(not clean, "The network should see noisy images.")
    require(not time, "Each image of a batch should have a time of its own.")
    require(not noise, "Each image of a batch should have noise of its own.")
    require(not colours, "Each colour should have noise of its own.")
    told = seen.misses[Target.TOLD :].argmin() + Target.TOLD
    require(
        seen.misses[Target.NOISE] > 0.01 or told == Target.TOLD,
        "The network is told another time than the one at which the images were mixed.",
    )
    require(seen.counts[-1] == 0, f"The network should be told whole numbers from 1 to {T}.")
    require(seen.counts[0] == 0, "The network was told t = 0: there is no noise to be learned.")
    require(
        seen.misses[Target.NOISE] < 0.01,
        "The gradient is not that of the mean squared difference between guess and noise.",
    )
    share = seen.counts[1:-1].double().reshape(10, -1).sum(1) / seen.counts.sum()
    even = (share - 0.1).abs().max() < 2.5 / seen.counts.sum() ** 0.5
    require(even, "Some of the times from 1 to T are drawn more often than others.")
    ends = seen.counts[1] > 0 and seen.counts[T] > 0
    require(ends or seen.counts.sum() < 12 * T, f"t = 1 or t = {T} is never drawn.")
    mean, std, kurtosis = seen.noise.tolist()
    require(abs(mean) < 0.02, "The noise should have mean 0. Which of rand and randn is it?")
    require(abs(std - 1) < 0.02, "The noise should have standard deviation 1.")
    require(abs(kurtosis - 3) < 0.2, "The noise is not Gaussian. Which of rand and randn is it?")
    equal, times, shown = seen.again.tolist()
    require(equal, "The same generator should lead to the same training: draw all from it.")
    require(not (times or shown), "A second training with one generator should draw anew.")
    require(returned == steps, f"It should return a list of {steps} losses, one for each step.")


def parameters(model: nn.Module) -> int:
    """Return the number of a network's weights."""
    return sum(p.numel() for p in model.parameters())
