"""What the grader asks about a5_cifar10, and what is right. Students never see this file."""

import numpy as np
import torch

from course_lib.checks import a5
from course_lib.grading.calls import Call
from course_lib.grading.probes import Exercise, Partial, Probe, close

Generator = np.random.Generator


def looks(rng: Generator):
    """Full size and the size of the training probe, in batches of several sizes."""
    for B, size in ((2, 32), (5, 8), (1, 16)):
        x = rng.standard_normal((B, 3, size, size)).astype(np.float32)
        t = np.linspace(3, 997, B).round().astype(int)

        def judge(outputs, seen, t=t):
            together, alone, other, *changed = outputs
            if not close(together, alone):
                return (
                    "An image alone gets another answer than in a batch: its samples mix, or "
                    "there is chance in the network."
                )
            if len(t) > 1 and close(together, other):
                return "The answer is the same at other times: the time does not reach it."
            for colour, answer in zip(("red", "green", "blue"), changed):
                if close(together, answer):
                    return f"The network does not see {colour}."
            if close(together[:, :1], together[:, 1:2]) or close(
                together[:, 1:2], together[:, 2:]
            ):
                return "Two colours get one and the same answer."
            return None

        yield Probe([Call("look", [x, t], [x.shape] * 6)], judge)


def lessons(rng: Generator):
    """A short training on drawn pictures, and the error on others of the same kind."""
    g = torch.Generator().manual_seed(int(rng.integers(2**31)))
    x0, held = (a5.pictures(n, a5.SIZE, g) for n in (512, 256))
    x_t, t, eps = (array.numpy() for array in a5.noisy(held, g))
    t = t.astype(np.int64)

    def judge(outputs, seen):
        (guess,) = outputs
        error = ((guess - eps) ** 2).mean()
        if error < a5.GOOD:
            return None
        if error < a5.FAIR:
            return Partial("The error on held-out pictures is fair, and not yet good.", 0.5)
        if ((guess + eps) ** 2).mean() < error / 2:
            return "The network guesses the noise with the wrong sign after training."
        alpha = a5.SCHEDULE.alpha.numpy()[t].reshape(-1, 1, 1, 1)
        sigma = a5.SCHEDULE.sigma.numpy()[t].reshape(-1, 1, 1, 1)
        as_x0 = (x_t - alpha * guess) / sigma
        late = t > 500  # where a guess of x0 is known from one of the noise
        if ((as_x0 - eps)[late] ** 2).mean() < 0.5 < ((guess - eps)[late] ** 2).mean():
            return "The network guesses x0 after training; the noise is asked for."
        return "The error on held-out pictures is that of a network that has hardly learned."

    yield Probe([Call("learn", [x0.numpy(), x_t, t], [eps.shape])], judge)


EXERCISES = [
    Exercise("ex1_network", "A network of your own", 5, looks),
    Exercise("ex2_train", "Training", 5, lessons),
]
