"""The checks that students see: each prints "✓ …" or raises an AssertionError with a hint."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib import say, schedules
from course_lib.checks.a2.handed_in import FAIR, GOOD, HARDEST, draw, noisy_digits, quality
from course_lib.checks.a2.observing import Observed, answers, learned, observe, plain, process
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
    together, again, alone = (shaped(a, (4, 1, 28, 28), "The guess") for a in answers(build, x, t))
    require(
        torch.allclose(together, again, rtol=1e-3, atol=1e-4),
        "The same question gets two different answers, with the network in eval mode.",
    )
    require(
        torch.allclose(together, alone, rtol=1e-2, atol=1e-3),
        "An image gets another answer in a batch than alone: its answer may depend on its own "
        "pixels and its own t only.",
    )
    same = x[:1].expand(4, -1, -1, -1)
    told = answers(build, same, torch.tensor([0, 40, 400, 999]))[2]
    moves = (told[1:] - told[:-1]).square().mean((1, 2, 3)).sqrt() / told.std()
    require(moves.min() > 1e-6, "The answer is the same at different times: where does t end up?")
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


@plainly
def training(names: dict) -> None:
    """Check add_noise and train_step of DiffusionProcess, with a stand-in for the network."""
    torch.manual_seed(0)
    T, x = 100, torch.rand(16, 1, 16, 16) * 2 - 1
    made = process(names, x, T)

    def jump(images: Tensor, t: int | Tensor) -> tuple[Tensor, Tensor]:
        t = torch.full((len(images),), t) if isinstance(t, int) else t
        pair = made.add_noise(images, t)
        require(len(pair) == 2, "add_noise should return two tensors.")
        return tuple(
            shaped(a, tuple(images.shape), f"{name} of add_noise")
            for a, name in zip(pair, ("The first result", "The second result"))
        )

    clean, _ = jump(x, 0)
    require(torch.allclose(clean.float(), x, atol=1e-5), "At t = 0 the image should stay clean.")
    noisy, noise = jump(x, T)
    require((noisy - noise).std() < 0.1, f"At t = T = {T} there should be little but noise.")
    require((noise.std() - 1).abs() < 0.1, "The noise should have standard deviation 1.")
    require(noise.mean().abs() < 0.1, "The noise should have mean 0.")
    require(not torch.equal(noise, jump(x, T)[1]), "Every call should draw new noise.")
    t = torch.arange(16) * 6 + 4
    (noisy, noise), flat = jump(torch.ones(16, 1, 16, 16), t), (16, -1)
    require(not torch.equal(noise[0], noise[1]), "Each image should have noise of its own.")
    spread = noisy.reshape(flat).std(1)
    require(spread[-1] - spread[0] > 0.3, "All times give the same noise.")
    require((spread.diff() > -0.3).all(), "The later the time, the more noise there should be.")
    mix = torch.stack([torch.ones(16, 256).double(), noise.reshape(flat)], dim=2)
    parts = torch.linalg.lstsq(mix, noisy.reshape(16, 256, 1)).solution.squeeze(2)
    rest = (mix @ parts[:, :, None]).squeeze(2) - noisy.reshape(flat)
    require(rest.abs().max() < 1e-3, "An image is not one mixture of itself and its own noise.")
    require(
        (parts.square().sum(1) - 1).abs().max() < 1e-3,
        "The variance is not kept: the squares of the two scales should add up to 1.",
    )
    T = 25
    seen = observe(names, x, T, 40)
    require(seen.floats.all(), "train_step should return a Python float: item() makes one.")
    require(len(seen.t[0].unique()) > 1, "Each image of a batch should have a time of its own.")
    require(seen.t.min() > 0, "The network was told t = 0: there is no noise to be learned.")
    require(seen.t.max() <= T, f"The network was told t = {int(seen.t.max())}, though T = {T}.")
    require(len(seen.t.unique()) == T, f"Some of the times 1, …, {T} are never drawn.")
    require(not torch.equal(seen.x_t[0], x), "The network should see noisy images.")
    moved = seen.weights[1] - seen.weights[0]
    require(moved.any(), "After train_step the weights are what they were.")
    _training_loss(torch.as_tensor(process(names, x, T).alpha_bar).double(), x, seen)
    say("✓ DiffusionProcess mixes in the right noise, and learns from it.")


def _training_loss(table: Tensor, x: Tensor, seen: Observed) -> None:
    """Check losses and gradients with what the stand-in must have guessed; table is alpha_bar."""
    require(table.shape == (26,), "alpha_bar should have T + 1 entries, from t = 0 to t = T.")
    for i in range(len(seen.loss)):
        share = table[seen.t[i].long()][:, None, None, None]
        eps = (seen.x_t[i].double() - share.sqrt() * x) / (1 - share).sqrt()
        scale, slope, shift = seen.weights[i].double()
        guess = scale * seen.x_t[i] + slope * seen.t[i][:, None, None, None] / 100 + shift
        error = guess - eps
        require(
            (error.square().mean() - seen.loss[i]).abs() < 1e-2 * seen.loss[i].abs() + 1e-4,
            "The loss is not the mean of the squared differences between guess and noise.",
        )
        inputs = (seen.x_t[i], seen.t[i][:, None, None, None] / 100, torch.ones(()))
        grad = torch.stack([(error * value).mean() for value in inputs]).float()
        left, moved = seen.grads[i], seen.weights[1] - seen.weights[0]
        require(
            i > 0 or (moved * grad <= 0).all(), "The weights should move against the gradient."
        )
        require(
            not left.any() or torch.cosine_similarity(left, grad, dim=0) > 0.98,
            "The gradients of earlier steps are still there: they should be cleared every time.",
        )


@plainly
def sampler(sample: Callable) -> None:
    """Check DDPM's walk for data that are a single point, where the noise is known exactly."""
    T, B, point = 60, 3000, torch.tensor([1.0, -0.5])
    alpha_bar = schedules.linear(T).alpha_bar.float()
    g = torch.Generator().manual_seed(0)
    asked: list[tuple[Tensor, Tensor]] = []

    def model(x: Tensor, t: Tensor) -> Tensor:
        t = torch.as_tensor(t).expand(B)
        asked.append((t, x))
        share = alpha_bar[t][:, None]
        return (x - share.sqrt() * point) / (1 - share).sqrt().clamp(min=1e-6)

    start, noise = torch.randn(B, 2, generator=g), torch.randn(T + 1, B, 2, generator=g)
    end = shaped(sample(model, alpha_bar, start, noise), (B, 2), "The sample")
    times = [int(t[0]) for t, _ in asked]
    require(len(times) == T, f"With T = {T} the network should be asked {T} times.")
    require(times == list(range(T, 0, -1)), "The times should run from T down to 1.")
    require(torch.equal(asked[0][1], start), "The network should first see the starting noise.")
    middle = asked[T // 2][1]
    share = alpha_bar[T - T // 2]
    off = (middle.mean(0) - share.sqrt() * point).abs().max()
    require(off < 0.1, "Half-way, the samples' mean is not where the forward process has it.")
    spread = middle.std(0).mean() / (1 - share).sqrt()
    require(spread < 1.1, f"Half-way, the samples spread {spread:.0%} as far as they should.")
    require(spread > 0.9, f"Half-way, the samples spread only {spread:.0%} as far as they should.")
    require((end - point).abs().mean() < 0.01, "The walk should end at the data, without noise.")
    other = sample(model, alpha_bar, start, torch.zeros(T + 1, B, 2))
    require(not torch.equal(asked[T // 2][1], asked[-T + T // 2][1]), "noise should be used.")
    shaped(other, (B, 2), "The sample")
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
    distance = quality(draw(model, noise))
    require(
        distance < FAIR, f"The Fréchet distance is {distance:.1f}; it counts only below {FAIR:g}."
    )
    level = "enough for all points" if distance < GOOD else f"and all points begin below {GOOD:g}"
    say(f"✓ Your model draws digits: Fréchet distance {distance:.1f} at n = 200, {level}.")
