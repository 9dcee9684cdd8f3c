"""The check of DiffusionProcess: it prints "✓ …" or stops with a hint, an AssertionError."""

import torch
from torch import Tensor

from course_lib import say, schedules
from course_lib.checks.a2.observing import Observed, observe, process, same
from course_lib.checks.hints import plainly, require, shaped


@plainly
def training(names: dict) -> None:
    """Check add_noise and train_step of DiffusionProcess, with a stand-in for the network."""
    torch.manual_seed(0)
    T, x = 100, torch.rand(16, 1, 16, 16) * 2 - 1
    made = process(names, x, T)

    def jump(images: Tensor, t: int | Tensor) -> tuple[Tensor, Tensor]:
        t = torch.full((len(images),), t) if isinstance(t, int) else t
        given = images.clone(), t.clone()
        pair = made.add_noise(*given)
        require(len(pair) == 2, "add_noise should return two tensors.")
        kept = same(given, (images, t))
        require(kept, "add_noise should change neither the images nor the times in place.")
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
    far = (noise.abs() > 2).double().mean()
    require(far > 0.01, "The noise never goes far from 0. Which of rand and randn is it?")
    require(not torch.equal(noise, jump(x, T)[1]), "Every call should draw new noise.")
    _, noise = jump(torch.zeros(5, 3, 8, 8), T // 2)
    for dim, each in enumerate(("image", "channel", "row of pixels", "column of pixels")):
        shared = torch.equal(noise.select(dim, 0), noise.select(dim, 1))
        require(not shared, f"Each {each} should have noise of its own.")
    jump(x[:1], 1)
    t = torch.arange(16) * 6 + 4
    (noisy, noise), flat = jump(torch.ones(16, 1, 16, 16), t), (16, -1)
    spread = noisy.reshape(flat).std(1)
    require(spread[-1] - spread[0] > 0.3, "All times give the same noise.")
    require((spread.diff() > -0.3).all(), "The later the time, the more noise there should be.")
    mix = torch.stack([torch.ones(16, 256).double(), noise.reshape(flat)], dim=2)
    parts = torch.linalg.lstsq(mix, noisy.reshape(16, 256, 1)).solution.squeeze(2)
    rest = (mix @ parts[:, :, None]).squeeze(2) - noisy.reshape(flat)
    require(rest.abs().max() < 1e-3, "An image is not one mixture of itself and its own noise.")
    require(parts.min() > 0, "Image and noise should be added, and not subtracted.")
    require(
        (parts.square().sum(1) - 1).abs().max() < 1e-3,
        "The variance is not kept: the squares of the two scales should add up to 1.",
    )
    table = _table(getattr(made, "alpha_bar", ()), T)
    require(
        (parts[:, 0].square() - table[t]).abs().max() < 1e-3,
        "The share of the image is not that of alpha_bar at the time t.",
    )
    T = 25
    seen = observe(names, x, T, 40)
    require(seen.floats.all(), "train_step should return a Python float: item() makes one.")
    require(seen.kept.all(), "train_step should not change the images that it is given.")
    _training_times(seen.t, T)
    require(not torch.equal(seen.x_t[0], x), "The network should see noisy images.")
    moved = (seen.weights[-1] - seen.weights[0]).abs().max()
    require(
        moved > 1e-5, "After forty times train_step the weights are what they were, or nearly."
    )
    _training_loss(x, T, seen)
    grown = seen.loss[-10:].mean() / seen.loss[0]
    require(
        grown < 3, f"In forty steps the loss becomes {grown:.0f} times as large: go more slowly."
    )
    coloured = torch.rand(8, 3, 12, 12) * 2 - 1
    _training_loss(coloured, 60, observe(names, coloured, 60, 3))
    say("✓ DiffusionProcess mixes in the right noise, and learns from it.")


def _table(alpha_bar: object, T: int) -> Tensor:
    """Check the table of a process, and return it."""
    table = shaped(alpha_bar, (T + 1,), "alpha_bar (one entry for each of 0, 1, …, T)")
    require((table[0] - 1).abs() < 1e-6, "At t = 0 all of the image is left: alpha_bar[0] is 1.")
    beta = 1 - table[1:] / table[:-1]  # of the steps from t = 1 on
    line = torch.linspace(beta[0].item(), beta[-1].item(), T, dtype=torch.float64)
    require((beta - line).abs().max() < 1e-3 * beta.max(), "β should be a straight line.")
    for t, end in ((1, 1e-4), (T, 0.02)):
        off = (beta[t - 1] * T / 1000 / end - 1).abs()
        require(off < 0.01, f"For T = {T}, β at t = {t} should be {end:g} times 1000/{T}.")
    return table


def _training_times(t: Tensor, T: int) -> None:
    """Check what the network was told in N steps, t (N, B)."""
    require((t == t.round()).all(), "The network should be told t itself, a whole number.")
    require(len(t[0].unique()) > 1, "Each image of a batch should have a time of its own.")
    require(t.min() > 0, "The network was told t = 0: there is no noise to be learned.")
    require(t.max() <= T, f"The network was told t = {int(t.max())}, though T = {T}.")
    require(not torch.equal(t[0], t[1]), "Every call of train_step draws the same times.")
    apart = (t[:, 1:] - t[:, :-1]) % T
    fixed = (apart == apart[0]).all(dim=0)
    shared = (fixed & (apart[0] == 0)).any() or fixed.all()
    require(not shared, "The times of a batch follow from each other: draw each one by itself.")
    count = t.long().flatten().bincount(minlength=T + 1)[1:]
    require(count.min() > 0, f"Some of the times 1, …, {T} are never drawn.")
    mean = t.numel() / T
    require((count - mean).abs().max() < 7 * mean**0.5, "Some times are drawn far more often.")


def _training_loss(x: Tensor, T: int, seen: Observed) -> None:
    """Check losses and gradients with what the stand-in must have guessed."""
    table, first = schedules.linear(T).alpha_bar.double(), 0.0
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
        size = (left.norm() / grad.norm()).item()  # a scaled loss makes all of them as large
        first = size if i == 0 else first
        require(
            not left.any()
            or (torch.cosine_similarity(left, grad, dim=0) > 0.98 and size < 1.5 * max(first, 1)),
            "The gradients of earlier steps are still there: they should be cleared every time.",
        )
