"""The checks of networks and of the walk back: each prints "✓ …" or stops with a hint."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib import say, schedules
from course_lib.checks.a2.handed_in import FAIR, GOOD, HARDEST, draw, flaw, noisy_digits, quality
from course_lib.checks.a2.observing import answers, learned, plain, same, told_apart
from course_lib.checks.hints import plainly, require, shaped


@plainly
def network(names: dict) -> None:
    """Check DiffusionModel, fresh from its class, on the sizes that the text names."""
    build = names["DiffusionModel"]
    torch.manual_seed(0)
    model = build(28, 1)
    x, t = torch.randn(4, 1, 28, 28), torch.randint(0, 1000, (4,))
    shaped(model(x, t), (4, 1, 28, 28), "The guess for (4, 1, 28, 28)")
    shaped(build(32, 3)(torch.randn(2, 3, 32, 32), t[:2]), (2, 3, 32, 32), "In colour, the guess")
    *found, kept = answers(build, x, t)
    together, again, alone = (shaped(a, (4, 1, 28, 28), "The guess") for a in found)
    require(kept, "The network changes the images that it is shown, or their times, in place.")
    require(
        torch.allclose(together, again, rtol=1e-3, atol=1e-4),
        "The same question gets two different answers, with the network in eval mode.",
    )
    require(
        torch.allclose(together, alone, rtol=1e-2, atol=1e-3),
        "An image gets another answer in a batch than alone: its answer may depend on its own "
        "pixels and its own t only.",
    )
    _times(build, x[:1])
    noise, x0 = torch.randn(8, 1, 16, 16), plain((8, 1, 16, 16))
    times = torch.tensor([300] * 4 + [990] * 4)
    noisy = schedules.linear(1000).add_noise(x0, times, noise)
    guess = shaped(learned(build, noisy, times), (8, 1, 16, 16), "The guess")
    require(guess.min() < 0, "The answers are never negative; noise has both signs.")
    require(guess.abs().max() > 1, "The answers stay within [-1, 1]; noise does not.")
    off = (guess - noise).square().mean((1, 2, 3))
    require(
        off[4:].mean() < 0.3,
        "In sixty steps of training your network has not learned to copy what is nearly all "
        f"noise: the error is {off[4:].mean():.2f} of what guessing zero would give. Do fine "
        "details reach the output?",
    )
    require(
        off[:4].mean() < 0.4,
        "In sixty steps of training your network has not learned to find the noise in an image "
        f"that is all paper or all ink: the error is {off[:4].mean():.2f} of what guessing zero "
        "would give. Can it learn, and does it see the whole?",
    )
    say("✓ DiffusionModel heeds the image and the time, and keeps fine detail.")


def _times(build: Callable, image: Tensor) -> None:
    """Check that one image (1, C, H, H) gets another answer at every time, and soon enough."""
    times = torch.tensor([0, 1, 2, 40, 400, 401, 402, 999, 1000])
    told = answers(build, image.expand(len(times), -1, -1, -1), times)[2].double()
    moves = (told[1:] - told[:-1]).square().mean((1, 2, 3)).sqrt() / told.std()
    require(moves.max() > 2e-4, "The answer is the same at different times: where does t end up?")
    for t, one, other in zip(times[1:].tolist(), told, told[1:]):
        require(
            not torch.equal(one, other), f"Up to t = {t}, some times get one and the same answer."
        )
    require(
        any(told_apart(build, t, t + 100) < 0.4 for t in (300, 450, 600)),
        "In fifty steps of training your network does not learn to answer −1 at a time t and 1 at "
        "t + 100, not even in one of three attempts. Does t vary enough where it comes in?",
    )


@plainly
def sampler(sample: Callable) -> None:
    """Check DDPM's walk for data that are a single point, where the noise is known exactly."""
    T, B, late, point = 60, 3000, 8, torch.tensor([1.0, -0.5])
    alpha_bar = 0.85 ** torch.arange(T + 1)  # no schedule of the course's: β is the same always
    g = torch.Generator().manual_seed(0)

    def walk(start: Tensor, noise: Tensor, data: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """Return where the walk ends, and what the network was shown at every time."""
        seen: dict[int, Tensor] = {}

        def model(x: Tensor, t: Tensor) -> Tensor:
            t = torch.as_tensor(t).long()
            each = t.shape == (len(x),)
            require(each, "The network should be told a time for each of the samples, shape (B,).")
            require(int(t[0]) not in seen, f"With T = {T} the network should be asked {T} times.")
            seen[int(t[0])] = x.detach().clone()
            share = alpha_bar[t].reshape(-1, *[1] * (x.ndim - 1))
            return (x - share.sqrt() * data) / (1 - share).sqrt().clamp(min=1e-6)

        given = alpha_bar.clone(), noise.clone()
        end = sample(model, given[0], start.clone(), given[1])
        end = shaped(end, tuple(start.shape), "The sample")
        require(same(given, (alpha_bar, noise)), "alpha_bar or noise was changed in place.")
        require(len(seen) == T, f"With T = {T} the network should be asked {T} times.")
        require([*seen] == [*range(T, 0, -1)], "The times should run from T down to 1.")
        require(torch.equal(seen[T], start), "The network should first see the starting noise.")
        return end, seen

    start, noise = torch.randn(B, 2, generator=g), torch.randn(T + 1, B, 2, generator=g)
    end, seen = walk(start, noise, point)
    share, place = alpha_bar[late], f"At t = {late} of {T}, the samples"
    off = (seen[late].mean(0) - share.sqrt() * point).abs().max()
    require(off < 0.1, f"{place}' mean is not where the forward process has it.")
    spread = seen[late].std(0).mean() / (1 - share).sqrt()
    require(spread < 1.1, f"{place} spread {spread:.0%} as far as they should.")
    require(spread > 0.9, f"{place} spread only {spread:.0%} as far as they should.")
    require((end - point).abs().mean() < 0.01, "The walk should end at the data, without noise.")
    images, stroke = torch.randn(2, 1, 4, 4, generator=g), torch.linspace(-1, 1, 4)
    silent = torch.zeros(T + 1, *images.shape)
    ends, quiet = walk(images, silent, stroke)
    require((ends - stroke).abs().mean() < 0.01, "Images should end at the data, as points do.")
    for t in (T, 20):
        once = silent.clone()
        once[t] = 1
        _, moved = walk(images, once, stroke)
        right = torch.equal(moved[t], quiet[t]) and not torch.allclose(moved[t - 1], quiet[t - 1])
        require(
            right, f"The step from t = {t} should be the one that uses noise[{t}], and no other."
        )
    say("✓ With a perfect guess of the noise, every walk ends exactly at the data.")


@plainly
def trained(names: dict) -> None:
    """Check a trained model, and print what the judge says of 200 of its images."""
    model = names["trained_model"]()
    for t in (50, 200, 400):
        x_t, eps = noisy_digits(50, t)
        with torch.no_grad():
            guess = shaped(model(x_t, torch.full((50,), t)), (50, 1, 28, 28), "The guess")
        off = (guess - eps).square().mean()
        require(off < HARDEST[t], f"At t = {t} the error of the noise is {off:.2f}: train longer.")
    noise = torch.randn(200, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    images = draw(model, noise)
    found = flaw(images, draw(model, noise[:20].flip(0)).flip(0))
    require(not found, f"{found} Is it a network, alone with its noise, in eval mode?")
    distance = quality(images)
    require(
        distance < FAIR, f"The Fréchet distance is {distance:.1f}; it counts only below {FAIR:g}."
    )
    level = "enough for all points" if distance < GOOD else f"and all points begin below {GOOD:g}"
    say(f"✓ Your model draws digits: Fréchet distance {distance:.1f} at n = 200, {level}.")
