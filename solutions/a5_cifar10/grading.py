"""What the grader asks about a5_cifar10, and what is right. Students never see this file."""

import numpy as np
import torch

from course_lib.checks import a5
from course_lib.checks.a5 import Target, Watched
from course_lib.grading.calls import Call
from course_lib.grading.probes import Exercise, Partial, Probe, close

Generator = np.random.Generator
T = a5.SCHEDULE.T


def looks(rng: Generator):
    """A network's answers at full size, at that of the training probe, and between.

    Distinguishes: batches of five, two and one; images that are judged by themselves from such
    that mix, share one time or meet chance; answers that heed the time, t = 1 and t = T among
    them, and each of three colours, from such that do not; three answers from one in grey; and
    a network that leaves its input as it was. A side of 24 pixels can be halved three times only.
    """
    for B, size in ((2, 32), (5, 8), (1, 24)):
        x = rng.standard_normal((B, 3, size, size)).astype(np.float32)
        t = np.linspace(1, T, B).round().astype(int)

        def judge(outputs, seen, t=t):
            together, alone, other, *coloured, changed = outputs
            if changed:
                return "The network changes x_t or t in place: make a new tensor."
            if not close(together, alone):
                return (
                    "An image alone gets another answer than in a batch: its samples mix, or "
                    "there is chance in the network."
                )
            if len(t) > 1 and close(together, other):
                return "The answer is the same at other times: the time does not reach it."
            for colour, answer in zip(("red", "green", "blue"), coloured):
                if close(together, answer):
                    return f"The network does not see {colour}."
            if close(together[:, :1], together[:, 1:2]) or close(
                together[:, 1:2], together[:, 2:]
            ):
                return "Two colours get one and the same answer."
            return None

        yield Probe([Call("look", [x, t], [x.shape] * 6 + [()])], judge)


def lessons(rng: Generator):
    """A training that is watched, and a short one on drawn pictures, with its error on others.

    Distinguishes: times of each image's own, from 1 to T and uniform, from one for the batch, from
    0, from a part of them and from such as are told wrongly; the noise for a target, under the
    mean square, from x0, from −ε and from the absolute error; Gaussian noise, fresh for every
    image and colour; steps as many as were asked for; images that are left as they were; draws
    that come from the generator, and anew in a second training; and a list of the losses. What
    optimizer, batch size, order of the images or average of the weights does this, is free. The
    error on held-out pictures tells who has learned from who has not.
    """
    g = torch.Generator().manual_seed(int(rng.integers(2**31)))
    x0, held = (a5.pictures(n, a5.SIZE, g) for n in (512, 256))
    x_t, t, eps = (array.numpy() for array in a5.noisy(held, g))
    colour = rng.choice([-1.0, 1.0], 3) * rng.uniform(0.3, 1, 3)

    def calls():
        """Train on pictures only where nothing else is wrong."""
        shapes = [(T + 2,), (len(Target),), (4,), (4,), (3,), (3,), ()]
        seen = yield Call("watch", [colour, int(rng.integers(2**31))], shapes)
        if isinstance(judge_training(seen), Partial | None):
            yield Call("learn", [x0.numpy(), x_t, t.astype(np.int64)], [eps.shape])

    def judge(outputs, seen):
        found = judge_training(outputs[:7])
        if len(outputs) == 7:
            return found
        error = ((outputs[7] - eps) ** 2).mean()
        if error < a5.GOOD:
            return found
        if error < a5.FAIR:
            return Partial("The error on held-out pictures is fair, and not yet good.", 0.5)
        return "The error on held-out pictures is that of a network that has hardly learned."

    yield Probe(calls(), judge)


def judge_training(outputs) -> str | None:
    """Judge what was seen of a training."""
    seen = Watched(*outputs)
    steps, batches, moves, returned = seen.steps
    if not batches:
        return "No gradient reaches the network's guess, so that nothing can be learned."
    if not moves:
        return "The weights do not move: backward() and the optimizer's step() belong together."
    if min(batches, moves) > steps:
        return "It takes more steps than it was asked for."
    if batches < 0.9 * steps:
        return "It takes fewer steps than it was asked for."
    if not seen.kept:
        return "The images x0 are changed in place: whoever passed them on goes on with others."
    return (
        judge_shown(seen)
        or judge_target(seen)
        or judge_times(seen.counts)
        or judge_noise(seen)
        or judge_again(*seen.again)
        or (None if returned == steps else Partial("The list of the losses is missing.", 0.2))
    )


def judge_shown(seen: Watched) -> str | None:
    """Whether the images of a batch are noisy, each by a time and a noise of its own."""
    time, noise, colours, clean = seen.alike > 0.5
    if clean:
        return "The network is shown clean images; it must see noisy ones."
    if time:
        return "One t is used for the whole batch; every image has its own."
    if noise:
        return "The images of a batch share their noise; every image needs its own."
    return "The three colours share their noise." if colours else None


def judge_target(seen: Watched) -> str | None:
    """What the guess is drawn to, and whether the network is told when."""
    misses = seen.misses
    if misses[Target.NOISE] < 0.01:
        told = Target(Target.TOLD + int(misses[Target.TOLD :].argmin()))
        return {
            Target.EARLY: "The network is told t + 1 where the images are of time t.",
            Target.LATE: "The network is told t − 1 where the images are of time t.",
        }.get(told)
    if seen.counts[-1]:
        return "The network is told something else than whole numbers from 1 to T."
    known = {
        Target.MINUS_NOISE: "The guess is drawn to −ε: the noise has the wrong sign.",
        Target.X0: "The guess is drawn to x0; the noise is asked for.",
        Target.X_T: "The guess is drawn to x_t; the noise is asked for.",
        Target.NOISE_BY_ABSOLUTE_ERROR: "This is the absolute error; the loss is the squared one.",
    }
    for target, finding in known.items():
        if misses[target] < 0.01:
            return finding
    if misses[Target.LATE] < 0.01:
        return "The network is told t − 1 where the images are of time t."
    return "The gradient is not that of the mean squared error of the noise."


def judge_times(counts) -> str | None:
    """Whether the times (T + 2,), each counted, are uniform on 1 … T."""
    if counts[-1]:
        return "The network is told something else than whole numbers from 1 to T."
    if counts[0]:
        return "t = 0 is drawn: clean images have no noise that could be learned."
    n = counts.sum()
    share = counts[1:-1].reshape(10, -1).sum(1) / n
    if share.min() < 0.02:
        return "A part of the times from 1 to T is never drawn, or hardly ever."
    if np.abs(share - 0.1).max() > 2.5 / n**0.5:
        return "The times are not uniform: some are drawn more often than others."
    if n > 12 * T and not (counts[1] and counts[T]):
        return "t = 1 or t = T is never drawn."
    return None


def judge_noise(seen: Watched) -> str | None:
    """Whether the noise in the images is standard normal."""
    mean, std, kurtosis = seen.noise
    if abs(mean) > 0.02:
        return "The noise does not have mean 0: uniform numbers (rand) are not Gaussian (randn)."
    if abs(std - 1) > 0.02:
        return "The noise does not have standard deviation 1."
    return "The noise is not Gaussian." if abs(kurtosis - 3) > 0.2 else None


def judge_again(equal: float, times: float, shown: float) -> str | None:
    """Whether the generator decides about all that is drawn, and is used up by it."""
    if not equal:
        return (
            "Not all random numbers come from the generator: two equal ones do different things."
        )
    if times or shown:
        return "A second training with the same generator draws the same again."
    return None


EXERCISES = [
    Exercise(
        "ex1_network",
        "A network of your own",
        5,
        looks,
        read="notebook 03, section 5, “The U-Net, part by part”",
    ),
    Exercise(
        "ex2_train", "Training", 5, lessons, read="notebook 03, section 6, “The training step”"
    ),
]
