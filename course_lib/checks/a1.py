"""The visible checks of assignment a1_toy_diffusion: each says what is wrong, never the answer.

Every check calls your functions on small inputs whose outcome follows from what they are meant
to do, and prints "✓ …" or raises an AssertionError with a hint. It stays one file, in the order
of the exercises.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib import say
from course_lib.checks.hints import plainly, require, shaped


@plainly
def schedule(schedule_tables: Callable) -> None:
    """Check the tables of a short and of a long schedule.

    schedule_tables  function from T to beta and alpha_bar
    """
    for T in (1000, 100):
        beta, alpha_bar = schedule_tables(T)
        beta = shaped(beta, (T + 1,), f"beta for T = {T} (one entry for each of 0, 1, …, T)")
        alpha_bar = shaped(alpha_bar, (T + 1,), f"alpha_bar for T = {T}")
        require(beta[0] == 0, "beta[0] belongs to t = 0, and no step leads there: it must be 0.")
        require(alpha_bar[0] == 1, "At t = 0 all of the signal is left: alpha_bar[0] is wrong.")
        require((alpha_bar.diff() < 0).all(), "alpha_bar must fall at every step.")
        require(beta[1:].diff().min() > 0, "From t = 1 on, beta must rise at every step.")
        for t, end in ((1, 1e-4), (T, 0.02)):
            off = (beta[t] * T / 1000 / end - 1).abs()
            require(off < 0.01, f"For T = {T}, beta[{t}] should be {end:g} times 1000/{T}.")
        line = torch.linspace(beta[1].item(), beta[T].item(), T, dtype=torch.float64)
        bend = (beta[1:] - line).abs().max()
        require(bend < 1e-3 * beta.max(), "From t = 1 on, beta should be a straight line.")
        kept = (alpha_bar[1:] / alpha_bar[:-1] - (1 - beta[1:])).abs().max()
        require(kept < 1e-3, "Step t should multiply alpha_bar by 1 − beta[t], and it does not.")
    say("✓ beta and alpha_bar fit together, and end in noise for T = 1000 and for T = 100.")


@plainly
def forward(add_noise: Callable) -> None:
    """Check the jump to time t on a table that anybody can follow: ᾱ = 1, 0.9, …, 0."""
    alpha_bar = torch.linspace(1, 0, 11)
    for shape in ((5, 2), (2, 2), (3, 1, 4, 4)):
        B = shape[0]
        x0, eps = torch.randn(shape), torch.randn(shape)
        before = x0.clone(), eps.clone()
        none, zero = torch.zeros(B).long(), torch.zeros(shape)
        clean = shaped(add_noise(x0, none, eps, alpha_bar), shape, "x_t")
        require(torch.allclose(clean.float(), x0), "At t = 0, x_t should be x0 itself.")
        noise = shaped(add_noise(x0, none + 10, eps, alpha_bar), shape, "x_t")
        require(torch.allclose(noise.float(), eps, atol=1e-5), "Where ᾱ = 0, x_t should be eps.")
        same = torch.equal(x0, before[0]) and torch.equal(eps, before[1])
        require(same, "x0 or eps was changed in place.")
        t = torch.arange(B) + 2
        signal = shaped(add_noise(torch.ones(shape), t, zero, alpha_bar), shape, "x_t")
        rest = shaped(add_noise(zero, t, torch.ones(shape), alpha_bar), shape, "x_t")
        rows = signal.reshape(B, -1)
        require(
            torch.allclose(rows, rows[:, :1].expand_as(rows)),
            f"In a batch of shape {shape}, one sample has several times: every sample of the "
            "batch has its own t, and all of its coordinates share it.",
        )
        require(len(rows[:, 0].unique()) == B, "Samples with different t got the same noise.")
        require(
            torch.allclose(signal**2 + rest**2, torch.ones_like(rest), atol=1e-5),
            "Signal and noise should mix so that a variance of one stays one. Look at the roots.",
        )
        require((signal[0] > rest[0]).all(), "At small t there should be more signal than noise.")
    say("✓ x_t goes from data to noise and keeps its variance, for points and for images.")


@plainly
def embedding(embed: Callable) -> None:
    """Check the waves of the time embedding."""
    t, d = torch.tensor([0, 5, 0, 700]), 8
    spread = shaped(embed(t, d), (4, d), "The embedding")
    cos, sin = spread[:, : d // 2], spread[:, d // 2 :]
    for value, wave in ((1, "cosine"), (0, "sine")):
        only = (spread[0] == value).all()
        require(not only, f"Every second row of your embedding is {wave} only.")
    require(
        (cos[0] == 1).all() and (sin[0] == 0).all(),
        "At t = 0 every cosine is 1 and every sine 0: the first half of the columns should be "
        "cosines, and the second half sines.",
    )
    off = (cos**2 + sin**2 - 1).abs().max()
    require(off < 1e-3, "Column k and column k + d/2 should be cosine and sine of one angle.")
    near = shaped(embed(torch.tensor([1]), d), (1, d), "The embedding of one time")
    slope = torch.atan2(near[0, d // 2 :], near[0, : d // 2])  # ω t is an angle, and t is 1
    require(slope.argmax() == 0, "The first wave should be the fastest.")
    ratio = slope[1:] / slope[:-1]
    require(ratio.std() < 1e-3, "Each wave should be slower than the one before by one factor.")
    require((slope[0] - 1).abs() < 1e-3, "The first wave should be cos(t): ω_0 is 1.")
    require((ratio - 0.1).abs().max() < 1e-3, "For d = 8 that factor should be 10.")
    say("✓ Cosines and sines are where they belong, and turn at the right speeds.")


@plainly
def draw(training_draw: Callable) -> None:
    """Check the random times and the noise of a training step."""
    T, x0 = 5, torch.zeros(4000, 2)
    first, second, third = (
        training_draw(x0, T, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    t = shaped(first[0], (4000,), "t")
    eps = shaped(first[1], (4000, 2), "eps")
    require((t == t.round()).all(), "t should be whole numbers.")
    require(
        not torch.as_tensor(first[0]).is_floating_point(), "t should have a type of whole numbers."
    )
    require(len(t.unique()) > 1, "The whole batch has one t. Give each sample its own.")
    require(len((t.diff() % T).unique()) > 1, "The times of a batch follow from each other.")
    require(t.min() > 0, "t = 0 was drawn: clean data have no noise that could be learned.")
    require(t.max() <= T, f"t = {t.max():.0f} was drawn, though T = {T}.")
    require(set(t.tolist()) == set(range(1, T + 1)), "Some of the times 1, …, T are never drawn.")
    require(eps.mean().abs() < 0.1, "The noise should have mean 0. Which of rand and randn is it?")
    require((eps.std() - 1).abs() < 0.1, "The noise should have standard deviation 1.")
    far = (eps.abs() > 2).double().mean()
    require(far > 0.01, "The noise never goes far from 0. Which of rand and randn is it?")
    require(len(eps[:, 0].unique()) > 3000, "Give each sample its own noise.")
    same = all(torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(first, second))
    require(same, "The same generator should give the same draw: pass it on to every draw.")
    other = shaped(third[1], (4000, 2), "eps")
    require(not torch.equal(eps, other), "Another generator should give another draw.")
    generator = torch.Generator().manual_seed(3)
    one, two = (shaped(training_draw(x0, T, generator)[1], (4000, 2), "eps") for _ in range(2))
    require(not torch.equal(one, two), "A second draw from one generator should be a new one.")
    say("✓ Times and noise are drawn afresh for every sample, and obey the generator.")


@plainly
def loss(loss_of: Callable) -> None:
    """Check the loss with networks whose loss is known."""
    alpha_bar = torch.linspace(1, 0, 11)
    x0, eps, t = torch.randn(64, 2), torch.randn(64, 2), torch.randint(1, 11, (64,))

    def perfect(x_t: Tensor, told: Tensor) -> Tensor:
        require(torch.equal(torch.as_tensor(told), t), "The network should be told t as it is.")
        seen = torch.as_tensor(x_t).float()
        require(not torch.allclose(seen, x0), "The network should see x_t, and never x0.")
        return eps

    value = shaped(loss_of(perfect, x0, t, eps, alpha_bar), (), "The loss")
    require(value.abs() < 1e-6, "A network that answers eps should have no loss at all.")
    ones = shaped(loss_of(lambda x, t: eps + 1, x0, t, eps, alpha_bar), (), "The loss")
    require((ones - 1).abs() < 1e-4, "If every entry is wrong by 1, the mean squared error is 1.")
    twos = shaped(loss_of(lambda x, t: eps - 2, x0, t, eps, alpha_bar), (), "The loss")
    require(
        (twos - 4).abs() < 1e-3, "If every entry is wrong by 2, is the loss the mean of squares?"
    )
    weight = torch.ones((), requires_grad=True)
    learned = loss_of(lambda x, t: eps + weight, x0, t, eps, alpha_bar)
    graph = getattr(learned, "requires_grad", False)
    require(graph, "Nothing can be learned from this number: was it computed under no_grad?")
    ones = torch.ones(64, 2)
    seen = loss_of(lambda x, t: x, ones, t, ones, torch.full((11,), 0.36))
    require(
        (seen - 0.16).abs() < 1e-4,
        "Where alpha_bar is 0.36 at every t, x0 = eps = 1 makes x_t = 1.4: which table was used?",
    )
    x0, eps = torch.randn(2, 64, 5)
    ones = shaped(loss_of(lambda x, t: eps + 1, x0, t, eps, alpha_bar), (), "The loss")
    require((ones - 1).abs() < 1e-4, "With five coordinates, too, it is a mean over all entries.")
    say("✓ The loss is a mean of squares, and asks for the noise.")


@plainly
def reverse(reverse_step: Callable, beta: Tensor, alpha_bar: Tensor) -> None:
    """Check a step back, and a whole walk of them, for data that are a single point.

    beta, alpha_bar  (T + 1,) tables, such as those of ``schedule_tables``
    """
    T, point = len(beta) - 1, torch.tensor([1.5, -0.5])
    g = torch.Generator().manual_seed(0)
    x, middle = torch.randn(4000, 2, generator=g), T // 2
    nothing, one = torch.zeros(1, 2), torch.ones(1, 2)
    half, share = torch.full((4,), 0.5), 0.5 ** torch.arange(4)
    mean = shaped(reverse_step(one, one.clone(), 2, nothing, half, share), (1, 2), "x")
    require((mean - 0.5977).abs().max() < 1e-3, "With other tables the step is not theirs.")
    require((one == 1).all(), "x_t was changed in place.")
    for t in (T, middle, 2):
        added = shaped(reverse_step(nothing, nothing, t, one, beta, alpha_bar), (1, 2), "x")[0, 0]
        kept = (1 - alpha_bar[t - 1]) / (1 - alpha_bar[t])
        least, most = (kept * beta[t]).sqrt(), beta[t].sqrt()
        fits = 0.999 * least < added < 1.001 * most
        require(fits, f"The factor of z at t = {t} (T = {T}) is neither √β_t nor √β̃_t.")
    for t in range(T, 0, -1):
        eps = (x - alpha_bar[t].sqrt() * point) / (1 - alpha_bar[t]).sqrt()
        z = torch.randn(4000, 2, generator=g)
        x = shaped(reverse_step(x, eps, t, z, beta, alpha_bar), (4000, 2), "x").float()
        if t == middle + 1:
            off = (x.mean(0) - alpha_bar[middle].sqrt() * point).abs().max()
            require(
                off < 0.1, "Half-way, the points' mean is not where the forward process has it."
            )
            spread = x.std(0).mean() / (1 - alpha_bar[middle]).sqrt()
            require(
                spread > 0.9,
                f"Half-way, the points spread only {spread:.0%} as far as they should.",
            )
            require(
                spread < 1.1, f"Half-way, the points spread {spread:.0%} as far as they should."
            )
    require((x.mean(0) - point).abs().max() < 0.05, "The walk does not end at the data.")
    require(
        x.std(0).max() < 0.01, "The walk ends in a cloud around the data. What about the last z?"
    )
    say("✓ With a perfect guess of the noise, every walk ends exactly at the data.")


@plainly
def sampler(sample: Callable) -> None:
    """Check which times, points and noise a sampler passes on."""
    T, asked, stepped = 6, [], []
    x_T, noise = torch.randn(3, 2), torch.randn(T + 1, 3, 2)
    start = x_T.clone()

    def model(x: Tensor, t: Tensor) -> Tensor:
        each = torch.as_tensor(t).shape == (3,)
        require(each, "The network should be told a time for each of the samples, shape (B,).")
        asked.append((torch.as_tensor(t).tolist(), x.clone()))
        return x + 1

    def step(x: Tensor, eps: Tensor, t: int, z: Tensor) -> Tensor:
        require(torch.equal(eps, asked[-1][1] + 1), "step should get the network's answer.")
        stepped.append((int(t), z.clone(), 0.5 * x))
        return 0.5 * x

    end = shaped(sample(model, step, x_T, noise), (3, 2), "The sample")
    times = [t for t, _, _ in stepped]
    require(times[:1] == [T], "The first step should start at t = T.")
    require(times == sorted(times, reverse=True), "The times should fall from step to step.")
    require(times == list(range(T, 0, -1)), "Some step from t = T down to t = 1 is missing.")
    require([t for t, _ in asked] == [[t] * 3 for t in times], "The network is told another time.")
    require(torch.equal(asked[0][1], start), "The network should first see the starting noise.")
    for (_, x), (_, _, before) in zip(asked[1:], stepped):
        require(torch.equal(x, before), "The network should always see the newest x.")
    right = all(t == 1 or torch.equal(z, noise[t]) for t, z, _ in stepped)
    require(right, "The step from t should get noise[t].")
    require(
        torch.equal(end.float(), stepped[-1][2]), "The result should be what the last step gave."
    )
    say("✓ The walk takes every step from t = T to t = 1 once, with its own noise.")


@plainly
def guidance(guided_eps: Callable, sample_class: Callable) -> None:
    """Check guidance with a network that answers 0 without a label, and the label with one."""
    x, t, y = torch.randn(4, 2), torch.full((4,), 3), torch.tensor([2, 0, 1, 3])

    def model(x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return torch.zeros_like(x_t) if y is None else (y[:, None] + 1.0).expand_as(x_t)

    answer = {w: shaped(guided_eps(model, x, t, y, w), (4, 2), "eps") for w in (0.0, 1.0, 3.0)}
    require((answer[0.0] == 0).all(), "Guidance 0 should give the answer without a label.")
    label = model(x, t, y).double()
    require(torch.allclose(answer[1.0], label), "Guidance 1 should give the answer for the label.")
    require(
        torch.allclose(answer[3.0], 3 * label),
        "Guidance 3 should lie three times as far from the answer without a label.",
    )

    noise, times = torch.randn(5, 4, 2), []

    def step(x: Tensor, eps: Tensor, t: int, z: Tensor) -> Tensor:
        times.append(int(t))
        right = t == 1 or torch.equal(z, noise[t])
        require(right, "sample_class should give the step from t noise[t], as sample does.")
        return eps

    end = sample_class(model, step, x, noise, y, 3.0)
    require(times == [4, 3, 2, 1], "sample_class should take every step from t = T to t = 1.")
    require(
        torch.allclose(shaped(end, (4, 2), "The sample"), 3 * label),
        "sample_class should call the step with what guided_eps answers for each label.",
    )
    say("✓ Guidance reaches every sample, and 1 is plain conditional sampling.")
