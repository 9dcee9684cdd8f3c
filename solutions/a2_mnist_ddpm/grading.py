"""What the grader asks about a2_mnist_ddpm, and what is right. Students never see this file."""

from itertools import pairwise

import numpy as np
import torch

from course_lib.checks import a2
from course_lib.data import digits
from course_lib.grading.calls import Call, Network
from course_lib.grading.probes import Exercise, Partial, Probe, close, matches
from course_lib.grading.truths import forward, linear, normal, single

Array = np.ndarray
Generator = np.random.Generator
THIRD, HALF = 1 / 3, 1 / 2
DEAD = 1e-4
"""What an answer changes by, as a share of itself, if the time does not reach it."""
LEARNED = 0.5
"""What telling two times apart may leave of an error of 1; the visible check asks for 0.4."""


def rms(x: Array) -> float:
    """Root of the mean square."""
    return float((x**2).mean() ** 0.5)


# --- 1. the network ------------------------------------------------------------------------------


def networks(rng: Generator):
    """Fresh networks, with every weight moved a little, on images in grey and in colour.

    Distinguishes: answers that depend on the batch, on chance, or change what is shown, from
    those of one image at its own time; a time that is dead, shared by the batch, rounded or cut
    off, so that neighbours between 0 and 1000 coincide, from one that tells them apart; waves of
    t/1000, which fifty steps do not teach to tell times apart with a tenth of all between them,
    from any embedding that can be learned from, waves, a table, or t/1000 itself; a view of nine
    pixels from one of the whole; and a formula or a blocked output from a network that learns.
    Lazy layers are asked once before their weights are moved.
    """
    low, high = int(rng.integers(100, 450)), int(rng.integers(550, 900))
    t = np.array([999, 0, high, low, 1000, 1, low + 1, high + 1, 998, 2])
    x = normal(rng, 1, 1, 28, 28).repeat(len(t), axis=0)
    found: list[str] = []  # what is wrong with the time, which must not be counted twice

    def heeded(outputs: list[Array], seen: dict) -> str | None:
        finding = heeding(*outputs)
        found.extend(filter(None, [finding]))
        return finding

    def mixed(outputs: list[Array], seen: dict) -> str | None:
        return None if any("whole batch" in told for told in found) else mixing(*outputs)

    yield Probe([ask_network(x, t)], heeded)
    for shape in ((4, 1, 28, 28), (2, 3, 32, 32)):
        asked = normal(rng, *shape), rng.integers(0, 1000, shape[0])
        yield Probe([ask_network(*asked)], mixed)
    yield reaching(rng)
    eps, t = (
        normal(rng, 8, 1, 16, 16),
        np.r_[rng.integers(250, 350, 4), rng.integers(950, 1001, 4)],
    )
    x0 = np.broadcast_to(rng.choice([-1.0, 1.0], (8, 1, 1, 1)), eps.shape)  # all paper or ink
    x_t = single(forward(x0, t, eps, linear(1000)[1]))
    scale = float(rng.uniform(0.55, 0.62))  # no formula knows it, so it must be learned
    call = Call("asked_lesson", [x_t, t, scale], [eps.shape])
    yield Probe([call], lambda out, seen: learning(out[0], eps, scale))
    lessons = ask_times(rng.integers(300, 600, 3).tolist())
    yield Probe(lessons, lambda out, seen: None if found else telling(min(out)))


def ask_network(x: Array, t: Array) -> Call:
    """Ask about a batch, again, and about each image alone; and whether x and t stayed."""
    return Call("asked_network", [x, t], [*[x.shape] * 3, ()])


def ask_times(times: list[int]):
    """Ask how well a new network learns to tell a time from one a hundred later.

    Luck has a part in so few steps, so that it has as many attempts as there are times.
    """
    for t in times:
        (off,) = yield Call("asked_times", [t, t + 100], [()])
        if off < LEARNED:
            return


def mixing(together: Array, again: Array, alone: Array, kept: Array) -> str | None:
    """Whether a batch gets the answers that its images get alone, each time, and stays."""
    if not kept:
        return Partial(
            "The network changes the images that it is shown, or their times, in place.", THIRD
        )
    if rms(together - again) > 1e-3 * rms(together):
        return Partial(
            "The same question gets different answers in eval mode: something is drawn at random.",
            THIRD,
        )
    if rms(together - alone) > 1e-3 * rms(together):
        return Partial(
            "An image gets another answer in a batch than alone: images or times are mixed.", THIRD
        )
    return None


def heeding(together: Array, again: Array, alone: Array, kept: Array) -> str | None:
    """Whether one image gets different answers at different times, all of them."""
    if rms(alone[1:] - alone[:-1]) <= DEAD * rms(alone):
        return Partial("The time does not reach the output: at every t the answer is one.", THIRD)
    if rms(together[1:] - together[:-1]) < DEAD * rms(together):
        return Partial("One t is used for the whole batch; every image has its own.", THIRD)
    if any(np.array_equal(a, b) for i, a in enumerate(alone) for b in alone[:i]):
        return Partial(
            "Some times cannot be told from each other: they are rounded, or cut off.", THIRD
        )
    return mixing(together, again, alone, kept)


def telling(off: Array) -> str | None:
    """Whether a few steps have taught it to answer −1 at one time and 1 at another."""
    if off >= LEARNED:
        return Partial(
            "The time all but fails to reach the output: fifty steps of training do not teach the "
            "network to answer −1 at a time t and 1 at t + 100. Does t vary enough there?",
            THIRD,
        )
    return None


def reaching(rng: Generator) -> Probe:
    """Whether an answer can depend on pixels that are far away.

    A dot is moved by four pixels on an empty image. Normalization, which looks at the image as a
    whole, sees no difference, so that only convolutions or attention can carry the news.
    """
    x = np.full((2, 1, 28, 28), -1.0)
    x[0, 0, 12:14, 10:12] = x[1, 0, 12:14, 14:16] = 1.0
    far = np.abs(np.arange(28) - 12.5) >= 9  # rows

    def judge(outputs: list[Array], seen: dict) -> str | None:
        one, other = outputs[0][:, 0]
        if np.abs(one - other)[far].max() <= 1e-4 * rms(one):
            return Partial(
                "Pixels nine apart know nothing of each other: go down to fewer pixels.", THIRD / 2
            )
        return None

    t = np.full(2, int(rng.integers(100, 900)))
    return Probe([ask_network(x, t)], judge)


def learning(guess: Array, noise: Array, scale: float) -> str | None:
    """Whether a few steps have taught it to guess ``scale * noise``, and details get through."""
    if not guess.any():
        return "Whatever the network is asked, it answers zero."
    if (guess * noise).mean() > 0.87 * (noise**2).mean():
        return "The answers are a formula's, or the input's: training does not change them."
    if guess.min() >= 0:
        return Partial("The answers are never negative, as after a ReLU; noise is.", THIRD)
    if np.abs(guess).max() <= 1:
        return Partial("The answers stay within [-1, 1], as after a tanh; noise does not.", THIRD)
    early, late = (((guess / scale - noise)[part] ** 2).mean() for part in (slice(4), slice(4, 8)))
    if late > 0.45:
        return Partial(
            "Sixty steps of training do not teach the network to copy an image: details get lost "
            "on the way. Look at the skip connections.",
            THIRD / 2,
        )
    if early > 0.45:
        return "The network hands its input through, and training teaches it nothing else."
    return None


# --- 2. the process ------------------------------------------------------------------------------


def processes(rng: Generator):
    """The jump for several lengths, and then training, in which a right jump takes its place.

    Distinguishes: the table of T + 1 entries from one without t = 0 or of another schedule; ᾱ_t
    of each image, at 0 and T too, in one channel and in three, in a batch of 16, 7 and 1, from
    its neighbours in the table and along other dimensions; Gaussian noise, fresh in every pixel
    and in every call of one process, from noise that is shared, uniform or drawn again, while a
    process may have a generator of its own and may seed it when it is made; a mean over all
    pixels and channels, of one batch or of its parts in any order, from other losses; times that
    are drawn anew, uniformly, from 1 to T, for each image, in slices or in mirrored pairs, too,
    from all others; a step against the gradient of this batch alone, by a rate that neither
    stands still nor explodes; and images that stay as they are from those changed in place.
    """
    yield jumps(rng)
    yield steps(rng)


def jumps(rng: Generator) -> Probe:
    """Once as many images as pixels in a row, so that nothing broadcasts by accident unnoticed."""
    calls, asked = [], []
    for shape, T in (
        ((16, 1, 16, 16), 1000),
        ((7, 3, 12, 12), int(rng.integers(60, 300))),
        ((1, 1, 8, 8), 150),
    ):
        B = shape[0]
        t = np.r_[rng.integers(1, T), T, 0, rng.integers(1, T, B)][:B]
        x = single(rng.uniform(-1, 1, shape))
        asked.append((x, t, T))
        calls += [
            Call("asked_jump", [x, t, T], [*[shape] * 4, ()], optional=True),
            Call("asked_table", [x, T], [(T + 1,)], optional=True),
        ]

    def judge(outputs: list, seen: dict) -> str | None:
        answers = [outputs[i : i + 6] for i in range(0, len(outputs), 6)]
        for answer, question in zip(answers, asked):
            if finding := judge_jump(answer[:5], *question):
                return Partial(finding, HALF)
        for answer, (_, _, T) in zip(answers, asked):
            if answer[5] is None:
                finding = "alpha_bar must be a tensor of T + 1 entries, from t = 0 to t = T."
                return Partial(finding, HALF)
            if not close(answer[5], linear(T)[1]):
                finding = "add_noise() is right, but alpha_bar is another table than the text's."
                return Partial(finding, HALF)
        return None

    return Probe(calls, judge)


def judge_jump(answer: list, x: Array, t: Array, T: int) -> str | None:
    """Look at what was given, at the noise of two calls, and then at how it was mixed in."""
    noisy, noise, _, other, kept = answer
    if noisy is None:
        return "add_noise() is not written, stops with an error, or returns something else."
    if not kept:
        return (
            "add_noise() changes the images or the times in place, and whoever called it has lost "
            "them: make new tensors."
        )
    if close(noisy, x) and not close(noise, x):
        return "add_noise() returns the images as they were."
    if close(noise, other):
        return "Every call draws the same noise."
    if (fault := judge_noise(noise)) is not None:
        return fault
    _, alpha_bar = linear(T)
    a = alpha_bar[t].reshape(-1, 1, 1, 1)
    before = alpha_bar[t - 1].reshape(a.shape)  # at t = 0 this is the last entry, as in Python
    after = alpha_bar[np.minimum(t + 1, T)].reshape(a.shape)
    beta = np.r_[0, np.linspace(1e-4, 0.02, T)]
    short = np.cumprod(1 - beta)[t].reshape(a.shape)

    def mixed(share: Array) -> Array:
        return share**0.5 * x + (1 - share) ** 0.5 * noise

    wrongs = [
        ("The schedule is not multiplied by 1000/T, so that it ends too early.", mixed(short)),
        *(
            (
                "ᾱ is broadcast along the wrong dimension: it needs the shape (B, 1, 1, 1).",
                mixed(alpha_bar[t].reshape(along)),
            )
            for along in ((1, -1), (-1, 1))
            if len(x) == x.shape[-1]
        ),
        ("The square roots are missing: ᾱ mixes variances.", a * x + (1 - a) * noise),
        ("The square root of the signal scale is missing.", a * x + (1 - a) ** 0.5 * noise),
        ("The square root of the noise scale is missing.", a**0.5 * x + (1 - a) * noise),
        ("The noise scale is 1 − √ᾱ.", a**0.5 * x + (1 - a**0.5) * noise),
        ("Signal and noise are swapped.", (1 - a) ** 0.5 * x + a**0.5 * noise),
        ("The noise is subtracted.", a**0.5 * x - (1 - a) ** 0.5 * noise),
        ("One t is used for the whole batch; every image has its own.", mixed(a[0])),
        ("alpha_bar is read one entry too early: it has an entry for t = 0.", mixed(before)),
        ("alpha_bar is read one entry too late.", mixed(after)),
        (
            "β_t of one step is used in the place of all steps together, 1 − ᾱ_t.",
            mixed(1 - (1000 / T * beta)[t].reshape(a.shape)),
        ),
    ]
    judge = matches(
        mixed(a),
        wrongs=wrongs,
        otherwise="The noisy images are not √ᾱ_t x + √(1 − ᾱ_t) ε with the ε beside them.",
        atol=1e-3,
    )
    return judge([noisy], {})


def judge_noise(eps: Array) -> str | None:
    """Standard normal, and fresh for every image and pixel; eps (B, C, H, W)."""
    n = eps.size
    for dim, each in enumerate(("image", "channel", "pixel", "pixel")):
        if eps.shape[dim] > 1 and close(eps.take(0, dim), eps.take(1, dim)):
            return f"{each.capitalize()}s share their noise; every {each} needs its own."
    if abs(eps.mean()) > 7 / n**0.5:
        return "The noise does not have mean 0: uniform numbers (rand) are not Gaussian (randn)."
    if abs((eps**4).mean() / (eps**2).mean() ** 2 - 3) > 10 * (24 / n) ** 0.5:
        return "The noise is not Gaussian: look for rand where randn is meant."
    if abs(eps.std() - 1) > 7 / (2 * n) ** 0.5:
        return "The noise does not have standard deviation 1."
    return None


def steps(rng: Generator) -> Probe:
    """Forty training steps, in which a stand-in with three weights notes what it is shown.

    Three more in colour tell a mean over the pixels of a channel from one over all.
    """
    calls, asked = [], []
    for shape, T, N in (
        ((16, 1, 16, 16), 25, 40),
        ((8, 3, 12, 12), int(rng.integers(60, 200)), 3),
    ):
        x = single(rng.uniform(-1, 1, shape))
        shapes = [(N,), (N,), (N,), (N, *shape), (N, shape[0]), (N + 1, 3), (N, 3)]
        asked.append((x, T))
        calls.append(Call("asked_training", [x, T, N], shapes, optional=True))

    def judge(outputs: list, seen: dict) -> str | None:
        for answer, question in zip((outputs[:7], outputs[7:]), asked):
            if finding := judge_steps(answer, *question):
                return Partial(finding, HALF)
        return None

    return Probe(calls, judge)


def judge_steps(answer: list, x: Array, T: int) -> str | None:
    """Look at the times, at the loss, and at what became of the weights."""
    loss, floats, kept, x_t, t, weights, grads = answer
    if loss is None:
        return (
            "train_step() is not written, stops with an error, returns no finite number, or does "
            "not show the network every image of the batch once."
        )
    if not floats.all():
        return "train_step() must return a Python float; item() makes one."
    if not kept.all():
        return "train_step() changes the batch in place, and whoever called it goes on with that."
    if (finding := judge_times(t, T)) is not None:
        return finding
    if close(x_t[0], x):
        return "The network is shown clean images; it must see noisy ones."
    if np.abs(weights - weights[0]).max() < 2.5e-7 * len(loss):  # a warm-up may begin at 0
        return (
            "The weights do not move, or next to nothing: backward(), the optimizer's step() and "
            "a learning rate of a usual size belong together."
        )
    if loss[-10:].mean() > 3 * loss[0]:
        return "Training makes the loss grow: the learning rate is too large."
    if (finding := judge_losses(loss, x, x_t, t, weights, T)) is not None:
        return finding
    eps = noise_in(x, x_t, t, T)
    if close(eps[0], eps[1]):
        return "Every step of training sees the same noise."
    off = guesses(x_t, t, weights) - eps
    inputs = (x_t, np.broadcast_to(t[:, :, None, None, None] / 100, x_t.shape), 0 * x_t + 1)
    truth = np.stack([(off * value).mean((1, 2, 3, 4)) for value in inputs], axis=1)
    if ((weights[1] - weights[0]) * truth[0] > 0).all():
        return "The weights move along the gradient, and not against it."
    left = grads.any(axis=1)
    true, kept = (np.linalg.norm(g[left], axis=1) for g in (truth, grads))
    turned = (truth * grads).sum(1)[left] < 0.98 * true * kept
    # Clipping makes gradients shorter, and a scaled loss makes all of them longer alike.
    grown = (kept > 1.3 * true) & (kept / true > 1.5 * (kept / true)[:1])
    if (turned | grown).any():
        return "Gradients of earlier steps are added up: zero_grad() is missing."
    return None


def noise_in(x: Array, x_t: Array, t: Array, T: int) -> Array:
    """The noise in x_t (N, B, C, H, W), if the times t (N, B) are true."""
    a = linear(T)[1][np.clip(t, 0, T).astype(int)][:, :, None, None, None]
    return (x_t - a**0.5 * x) / np.maximum(1 - a, 1e-9) ** 0.5


def guesses(x_t: Array, t: Array, weights: Array) -> Array:
    """What the stand-in answers, with the weights (N + 1, 3) before each step."""
    scale, slope, shift = (w[:, None, None, None, None] for w in weights[:-1].T)
    return scale * x_t + slope * t[:, :, None, None, None] / 100 + shift


def judge_losses(
    loss: Array, x: Array, x_t: Array, t: Array, weights: Array, T: int
) -> str | None:
    """Explain the losses (N,) by what the network was shown."""
    guess = guesses(x_t, t, weights)
    axes = (1, 2, 3, 4)

    def mean(values: Array) -> Array:
        return values.mean(axes)

    eps = noise_in(x, x_t, t, T)
    off = guess - eps
    if close(loss, mean(off**2), rtol=1e-2):
        return None
    count = x.size
    wrongs = [
        ("The error is summed; the loss is its mean over all pixels.", mean(off**2) * count),
        (
            "The error is summed over the pixels; the loss is the mean over all of them.",
            mean(off**2) * count / len(x),
        ),
        (
            "The error is summed over the channels; the loss is the mean over all of them.",
            mean(off**2) * x.shape[1],
        ),
        ("This is the absolute error; the loss is the squared one.", mean(np.abs(off))),
        ("A square root was taken of the loss.", mean(off**2) ** 0.5),
        ("One half too many: the loss is the mean of the squares.", mean(off**2) / 2),
        (
            "The network is compared with the clean images; it guesses the noise.",
            mean((guess - x) ** 2),
        ),
        ("The network is compared with the noisy images.", mean((guess - x_t) ** 2)),
        (
            "The network is told t − 1, and the noise is that of t.",
            mean((guess - noise_in(x, x_t, t + 1, T)) ** 2),
        ),
        (
            "The network is told t + 1, and the noise is that of t.",
            mean((guess - noise_in(x, x_t, t - 1, T)) ** 2),
        ),
    ]
    for finding, wrong in wrongs:
        if close(loss, wrong, rtol=1e-2):
            return finding
    if (finding := judge_noise(eps[0])) is not None:
        return "What the network sees is not √ᾱ_t x + √(1 − ᾱ_t) ε for the time that it is told."
    return "This is not the mean of (guess − noise)², for the noise that is in the images."


def judge_times(t: Array, T: int) -> str | None:
    """Uniform on 1…T, each image its own; t (N, B). Of few draws the counts are not looked at."""
    if (t != np.round(t)).any():
        return "The network must be told t itself, a whole number."
    if all(len(np.unique(row)) == 1 for row in t):
        return "One t is drawn for the whole batch; every image needs its own."
    if t.min() == 0 and t.max() == T - 1:
        return "The times that the network is told run from 0 to T − 1, where 1 to T is meant."
    if t.min() == 0:
        return "t = 0 is drawn; it is clean data, with no noise to be learned."
    if t.min() < 0 or t.max() > T:
        return "Some times lie outside 1…T."
    if (t == t[0]).all():
        return "Every step of training draws the same times."
    if t.size < 20 * T:
        return None
    one, other = np.triu_indices(t.shape[1], 1)
    apart = (t[:, one] - t[:, other]) % T  # (N, pairs)
    fixed = (apart == apart[0]).all(0)
    if fixed.all() or (fixed & (apart[0] == 0)).any():
        return "The times of a batch depend on each other: draw each one by itself."
    counts = np.bincount(t.astype(int).ravel(), minlength=T + 1)[1:]
    if counts[-1] == 0:
        return "t = T is never drawn, but drawing starts there: look at randint's upper end."
    if counts[0] == 0:
        return "t = 1 is never drawn, though it is the last step of the way back."
    if np.abs(counts - t.size / T).max() > 7 * (t.size / T) ** 0.5:
        return "The times are not drawn uniformly."
    return None


# --- 3. the way back -----------------------------------------------------------------------------


def back(
    model, alpha_bar, x, noise, *, times=None, told=lambda t: t, draw=lambda t: t, step="posterior"
):
    """DDPM's walk; the options are for walks that go wrong."""
    for t in range(len(alpha_bar) - 1, 0, -1) if times is None else times:
        a, before = alpha_bar[t], alpha_bar[t - 1]
        beta = 1 - a / before
        tilde = beta * (1 - before) / (1 - a)
        eps, z = model(x, told(t)), noise[draw(t)] if t > 1 else 0
        pull, root = beta / (1 - a) ** 0.5, (1 - beta) ** 0.5
        mean = (x - pull * eps) / root
        x = {
            "posterior": mean + tilde**0.5 * z,
            "beta": mean + beta**0.5 * z,
            "last": mean + beta**0.5 * noise[t],
            "variance": mean + tilde * z,
            "beta variance": mean + beta * z,
            "none": mean,
            "added": (x + pull * eps) / root + tilde**0.5 * z,
            "undivided": x - pull * eps + tilde**0.5 * z,
            "divided twice": (x - pull * eps) / root**2 + tilde**0.5 * z,
            "no root": (x - beta / (1 - a) * eps) / root + tilde**0.5 * z,
            "root of alpha_bar": (x - pull * eps) / a**0.5 + tilde**0.5 * z,
            "root of beta": (x - beta**0.5 / (1 - a) ** 0.5 * eps) / root + tilde**0.5 * z,
            "same noise": mean + tilde**0.5 * noise[-1],
        }[step]
    return x


WALKS = {
    "last": "Noise is added in the last step: on the way to t = 0 there must be none.",
    "variance": "The posterior variance is multiplied to the noise; its root is meant.",
    "beta variance": "β is a variance: the noise is multiplied by √β.",
    "none": "No noise is added on the way.",
    "added": "The guess of the noise is added instead of subtracted.",
    "undivided": "The mean is not divided by √(1 − β).",
    "divided twice": "The mean is divided by 1 − β instead of its square root.",
    "no root": "The factor of the guess is β/(1 − ᾱ): a square root is missing.",
    "root of alpha_bar": "The mean is divided by √ᾱ_t instead of √(1 − β_t).",
    "root of beta": "The factor of the guess has √β where β is meant.",
    "same noise": "One draw of noise serves for every step.",
}


def walks(rng: Generator):
    """Three lengths, for points, for pictures that are not square, and for one sample alone.

    The network is the grader's. Distinguishes: every step from T to 1, at its own time, told to
    each sample, with its own noise but in the last, from walks that begin or end elsewhere, run
    forwards, or take the noise of another step; a mean and a spread of DDPM, by either variance,
    from those with a root or a factor less; the table that is given from one that is made; and
    code for any shape from code for points. x may be changed in place, the rest may not.
    """
    for T, shape in ((24, (4, 2)), (9, (3, 2, 5, 4)), (14, (1, 2))):
        alpha_bar = single(np.cumprod(1 - np.r_[0, np.linspace(0.02, 0.15, T)]))
        model = Network(
            single(0.3 * rng.standard_normal((shape[-1], shape[-1]))),
            single(rng.standard_normal(shape[-1]) / T),
            single(rng.standard_normal((1, shape[-1]))),
        )
        x, noise = normal(rng, *shape), normal(rng, T + 1, *shape)

        def wrong(T=T, model=model, alpha_bar=alpha_bar, x=x, noise=noise, **options):
            return back(model, alpha_bar, x, noise, **options)

        wrongs = [(finding, wrong(step=step)) for step, finding in WALKS.items()]
        for step in ("posterior", "beta"):
            wrongs += [
                (
                    "The walk ends at t = 1: its last step is missing.",
                    wrong(times=range(T, 1, -1), step=step),
                ),
                (
                    "The walk begins at T − 1, though the noise is that of T.",
                    wrong(times=range(T - 1, 0, -1), step=step),
                ),
                ("The walk goes from t = 1 up to T.", wrong(times=range(1, T + 1), step=step)),
                ("The network is told t − 1.", wrong(told=lambda t: t - 1, step=step)),
                ("The network is always told T.", wrong(told=lambda t, T=T: T, step=step)),
                ("The step from t uses noise[t − 1].", wrong(draw=lambda t: t - 1, step=step)),
                (
                    "The draws of noise are used in the wrong order.",
                    wrong(draw=lambda t, T=T: T - t, step=step),
                ),
            ]
        wrongs.append(("The starting noise was returned.", x))
        judge = matches(
            wrong(),
            wrong(step="beta"),
            wrongs=wrongs,
            otherwise="The samples are not what DDPM's steps from T down to 0 lead to.",
            atol=1e-3,
        )
        call = Call("sample", [model, alpha_bar, x, noise], [shape], may_change=[2])
        yield Probe([call], judge)


# --- 4. the trained model ------------------------------------------------------------------------


def trained(rng: Generator):
    """The noise in digits that nobody has seen, and two hundred images, twenty of them twice.

    Distinguishes: a network that finds the noise, at an early, a middle and a late time, from one
    with the wrong weights, target or clock; images that follow from their noise alone, in another
    batch and another order, too, from those of a network in train mode or of stored answers; new
    images from repeated and from copied ones; and three levels of quality. What the network does
    to its own input is its own affair, since it is asked for guesses only.
    """
    unseen = digits(seed=int(rng.integers(1, 2**31))).x_test[:60].double().numpy()
    alpha_bar = linear(a2.NOISE_STEPS)[1]
    for t, most in a2.HARDEST.items():
        eps, times = normal(rng, *unseen.shape), np.full(len(unseen), t)
        x_t = single(forward(unseen, times, eps, alpha_bar))

        def judge(outputs: list, seen: dict, eps=eps, t=t, most=most) -> str | None:
            if ((outputs[0] - eps) ** 2).mean() < most:
                return None
            return Partial(
                f"At t = {t} the noise is not found: the error is {most:g} or more.", 0.1
            )

        yield Probe([ask_guess(x_t, times)], judge)
    noise, drawn = normal(rng, 200, 1, 28, 28), []
    yield Probe(
        walks_back([noise, noise[19::-1]], alpha_bar, drawn),
        lambda outputs, seen: judge_images(*drawn),
    )


def ask_guess(x: Array, t: Array) -> Call:
    """Ask the trained network; a fault of the network's, changes in place, costs once only."""
    return Call("asked_guess", [x, t], [x.shape], may_change=[0, 1])


def walks_back(starts: list[Array], alpha_bar: Array, drawn: list[Array]):
    """Ask a network along DDIM's path, as ``a2.draw`` does; ``drawn`` gets where it ends.

    The walk is ours, and only the guesses are the student's, so that images that no network
    made cannot be handed in.
    """
    times = np.linspace(len(alpha_bar) - 1, 0, a2.STEPS + 1).round().astype(int)
    signal, spread = alpha_bar**0.5, (1 - alpha_bar) ** 0.5
    for x in starts:
        for t, s in pairwise(times):
            (eps,) = yield ask_guess(single(x), np.full(len(x), t))
            x0 = np.clip((x - spread[t] * eps) / signal[t], -1, 1)
            x = signal[s] * x0 + spread[s] * (x - signal[t] * x0) / spread[t]
        drawn.append(x)


def judge_images(images: Array, again: Array) -> str | None:
    """Let the judge look at 200 images, unless they are not what they should be."""
    x, other = (torch.from_numpy(drawn.copy()).float() for drawn in (images, again[::-1]))
    if flaw := a2.flaw(x, other):
        return Partial(flaw, 0.7)
    found = a2.quality(x)
    if found >= a2.FAIR:
        return Partial(f"The Fréchet distance is {a2.FAIR:g} or more.", 0.7)
    if found >= a2.GOOD:
        return Partial(f"The Fréchet distance is {a2.GOOD:g} or more.", 0.3)
    return None


EXERCISES = [
    Exercise(
        "ex1_model",
        "The network",
        30,
        networks,
        read="notebook 03, section 5, “The U-Net, part by part”",
    ),
    Exercise(
        "ex2_process",
        "The process",
        20,
        processes,
        read="notebook 03, section 6, “The training step”",
    ),
    Exercise(
        "ex3_sample",
        "The way back",
        10,
        walks,
        read="notebook 03, section 9, “From noise to a digit, in a thousand steps”",
    ),
    Exercise(
        "ex4_trained",
        "Training, and digits",
        20,
        trained,
        read="notebook 03, section 7, “Training, live”",
    ),
]
