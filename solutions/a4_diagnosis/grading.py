"""What the grader asks about a4_diagnosis, and what is right. Students never see this file."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from course_lib import schedules
from course_lib.checks.a4 import Fault, T
from course_lib.grading.calls import Call, Network
from course_lib.grading.probes import Exercise, Probe, matches
from course_lib.grading.truths import normal, single

Array = np.ndarray
Generator = np.random.Generator
Outputs = Sequence["Array | None"]

COSINE, LINEAR, SIGMOID = (
    single(make(T).alpha_bar.numpy())
    for make in (schedules.cosine, schedules.linear, schedules.sigmoid)
)
BARE = np.cumprod(1 - np.r_[0, np.linspace(1e-4, 0.02, T)])
"""ᾱ without the factor 1000/T: more than half of the signal is left at T."""


# --- 0. the loss by time -------------------------------------------------------------------------


def curves(rng: Generator):
    """Errors whose number differs from time to time, so that sums are no means."""
    for last, n in ((6, 60), (17, 400)):
        t = rng.permutation(np.r_[np.arange(1, last + 1), rng.integers(1, last + 1, n)])
        error = single(rng.exponential(1.0, len(t)) * (1 + t))
        count = np.bincount(t, minlength=last + 1)[1:]
        total = np.bincount(t, error, minlength=last + 1)[1:]
        mean = total / count
        wrongs = [
            ("The errors of each time are added up; their mean is asked for.", total),
            ("The sums are divided by the number of all samples, not of each time's.", total / n),
            ("The sums are divided by the number of all samples.", total / len(t)),
            ("The curve is late by one: its first entry belongs to t = 1.", np.r_[0, mean[:-1]]),
            ("The curve runs from t = T to 1.", mean[::-1]),
            (
                "The curve holds the last error of each time, and not their mean.",
                [error[t == k][-1] for k in range(1, last + 1)],
            ),
        ]
        judge = matches(mean, wrongs=wrongs, otherwise="This is not the mean error at each time.")
        yield Probe([Call("loss_by_time", [error, t, last], [(last,)])], judge)


# --- names ---------------------------------------------------------------------------------------

SHOWS = {
    Fault.CLIPPED_WITHOUT_RECOMPUTING: "Clipping without recomputing needs a sampler that clips. "
    "Is there one here?",
    Fault.DEAD_TIME_EMBEDDING: "With a dead time embedding, the loss by time is nearly flat, and "
    "high where a healthy one falls: one answer must serve for all times. It does not here.",
    Fault.GUIDANCE_COUNTED_FROM_ZERO: "Guidance shows in samples asked for by label alone, and "
    "nothing here is guided.",
    Fault.LABELS_NEVER_DROPPED: "Where labels are never dropped, samples with a label are well "
    "and those without are not. That is not the picture here.",
    Fault.LABELS_SHUFFLED: "Shuffled labels leave the places of the samples right, and only "
    "their colours wrong. That is not the picture here.",
    Fault.LEARNING_RATE_TOO_HIGH: "A learning rate that is too high shows in a loss that jumps "
    "and does not settle, and it belongs to the clinic, which is healthy.",
    Fault.NO_NOISE_BETWEEN_STEPS: "Without fresh noise, samples lie closer together than the "
    "data. That is not the picture here.",
    Fault.NOISE_AT_LAST_STEP: "Noise at the last step makes samples blurred, around the right "
    "places, with and without labels, while both losses look healthy. That is not the picture "
    "here.",
    Fault.OFF_BY_ONE_IN_T: "If training and sampling counted differently by one, the losses "
    "would look healthy, and the samples off their places and blurred, but not beyond "
    "recognition.",
    Fault.ONE_TIME_FOR_THE_BATCH: "One time for a whole batch shows in a loss that leaps from "
    "step to step, and here t comes from the clinic.",
    Fault.PIXELS_0_TO_255: "Bytes for pixels drown the noise: the loss starts in the hundreds, "
    "where it should start near 1. That is not the picture here.",
    Fault.SCHEDULE_MISMATCH: "With two different tables, both losses look healthy, and the "
    "samples come to rest far from the data. That is not the picture here.",
    Fault.SIGNAL_LEFT_AT_T: "Is there signal left at T in the table by which the network is "
    "trained? Look at its last entry.",
    Fault.UNIFORM_NOISE: "All noise of these programs comes from the clinic, and it is Gaussian.",
}
"""What each fault would show: told to whoever named it wrongly."""


def names(function: str, right: Fault) -> Callable:
    """Ask for the name of a fault."""

    def probes(rng: Generator):
        def judge(outputs, seen):
            (answer,) = outputs
            if answer == right:
                return None
            return SHOWS.get(int(answer), "This is none of the names of the list.")

        yield Probe([Call(function, [], [()])], judge)

    return probes


# --- mends ---------------------------------------------------------------------------------------


def loss(net, x0, y, t, eps, dropped, table, told=lambda t: t, none=-1):
    """Return the loss of a batch; ``dropped`` (B,) says which labels are."""
    a = table[t][:, None]
    x_t = a**0.5 * x0 + (1 - a) ** 0.5 * eps
    return ((net(x_t, told(t), np.where(dropped, none, y)) - eps) ** 2).mean()


def posterior(table: Array, t: int) -> float:
    """Return the variance of x at t − 1, given x_t and x0."""
    return (1 - table[t] / table[t - 1]) * (1 - table[t - 1]) / (1 - table[t])


def beta(table: Array, t: int, last: int = 1) -> float:
    """Return β_t, and no noise in the step from ``last``."""
    return 0.0 if t == last else 1 - table[t] / table[t - 1]


def nothing(table: Array, t: int) -> float:
    """Return no noise at all."""
    return 0.0


def walk(net, x, y, noise, table, variance=posterior, told=lambda t: t):
    """Walk back from T to 0 by DDPM."""
    for t in range(T, 0, -1):
        a, b, eps = table[t], table[t - 1], net(x, told(t), y)
        mean = (x - (1 - a / b) / (1 - a) ** 0.5 * eps) / (a / b) ** 0.5
        x = mean + variance(table, t) ** 0.5 * noise[t]
    return x


def near(a: Array, b: Array | None) -> bool:
    """Whether two arrays agree to a thousandth of the larger one's size; None agrees with all."""
    return b is None or bool(np.abs(a - b).max() <= 1e-3 * max(1.0, np.abs(b).max()))


def mended(names: Sequence[str], rights: Sequence[Outputs], wrongs: Sequence[tuple[str, Outputs]]):
    """Judge what all functions of a program return.

    names   of the functions
    rights  what they return in a program that is well, each in their order
    wrongs  (finding, what they return), with None for "whatever it is"
    """

    def judge(outputs, seen):
        def fits(expected):
            return all(near(a, b) for a, b in zip(outputs, expected))

        if any(fits(right) for right in rights):
            return None
        for finding, wrong in wrongs:
            if fits(wrong):
                return finding
        for i, name in enumerate(names):
            if not any(near(outputs[i], right[i]) for right in rights):
                return f"{name}() does not return what that of a healthy program would."
        return "Each function may be right, but they contradict each other."

    return judge


AS_IT_CAME = "The program is as it came in, or behaves as if it were."


class Batch:
    """Inputs of the functions of a program, and a network to call them with.

    clock  times are told to the network in units of 1/clock
    """

    def __init__(self, rng: Generator, B: int, clock: float = 1.0) -> None:
        # Answers near x_t, as those of a trained network, keep a walk of T steps within bounds.
        mix = single(0.9 * np.eye(2) + 0.05 * rng.standard_normal((2, 2)))
        time = np.array([1.0, -0.8]) + 0.2 * rng.standard_normal(2)
        labels = single(0.3 * rng.standard_normal((5, 2)))
        self.net = Network(mix, single(time / (T * clock)), labels)
        self.x0, self.eps, self.x = normal(rng, B, 2), normal(rng, B, 2), normal(rng, B, 2)
        self.noise = normal(rng, T + 1, B, 2)
        self.t = np.r_[1, T, rng.integers(2, T, B - 2)]
        self.y = rng.integers(1, 4, B)
        self.u = single(rng.permutation(np.r_[0.03, 0.07, 0.96, rng.uniform(0.15, 0.85, B - 3)]))

    def calls(self, k: int) -> list[Call]:
        """Call the two functions that every program has."""
        arguments = [self.net, self.x0, self.y, self.t, self.eps, self.u]
        walked = [self.net, self.x, self.y, self.noise]
        return [
            Call(f"loss_{k}", arguments, [()]),
            Call(f"sample_{k}", walked, [self.x.shape]),
        ]

    def loss(self, table: Array, dropped: Array | None = None, **options) -> Array:
        """Return the loss, with a fifth of the labels dropped unless said otherwise."""
        dropped = self.u < 0.2 if dropped is None else dropped
        return loss(self.net, self.x0, self.y, self.t, self.eps, dropped, table, **options)

    def walk(self, table: Array, **options) -> Array:
        """Return samples."""
        return walk(self.net, self.x, self.y, self.noise, table, **options)


def batches(rng: Generator, clock: float = 1.0):
    """Two batches; the smaller one has as many samples as a sample has coordinates, plus one."""
    return (Batch(rng, B, clock) for B in (9, 4))


def program_1(rng: Generator):
    """Labels never dropped."""
    for b in batches(rng):
        walked, none = b.walk(COSINE), np.zeros(len(b.u), bool)
        wrongs = [
            (AS_IT_CAME, (b.loss(COSINE, none), walked)),
            ("Every label is dropped; a fifth of them should be.", (b.loss(COSINE, ~none), None)),
            (
                "A dropped label becomes label 0; −1 means that there is none.",
                (b.loss(COSINE, none=0), None),
            ),
            (
                "Four labels in five are dropped, and one is kept.",
                (b.loss(COSINE, b.u >= 0.2), None),
            ),
            (
                "One draw decides for the whole batch: each label has its own.",
                (b.loss(COSINE, ~none if b.u[0] < 0.2 else none), None),
            ),
        ]
        rights = [(b.loss(COSINE, dropped), walked) for dropped in (b.u < 0.2, b.u > 0.8)]
        yield Probe(b.calls(1), mended(("loss_1", "sample_1"), rights, wrongs))


def program_2(rng: Generator):
    """An off-by-one in t: either function may be mended."""
    for b in batches(rng):
        walked = partial(b.walk, LINEAR)
        early, late = (lambda t: t - 1), (lambda t: t + 1)
        rights = [(b.loss(LINEAR), walked()), (b.loss(LINEAR, told=early), walked(told=early))]
        wrongs = [
            (AS_IT_CAME, (b.loss(LINEAR, told=early), walked())),
            (
                "Training and sampling still count differently by one, the other way round.",
                (b.loss(LINEAR, told=late), walked()),
            ),
            (
                "Both functions were changed, and count differently by one again.",
                (b.loss(LINEAR), walked(told=early)),
            ),
            (
                "Sampling tells the network t + 1, which is off by two now.",
                (b.loss(LINEAR, told=early), walked(told=late)),
            ),
            (
                "The network is told the time 0 in training, whatever t is.",
                (b.loss(LINEAR, told=lambda t: 0 * t), None),
            ),
        ]
        yield Probe(b.calls(2), mended(("loss_2", "sample_2"), rights, wrongs))


def program_3(rng: Generator):
    """Pixels in [0, 255]."""
    for b in batches(rng):
        raw = rng.integers(0, 256, (5, 64))
        raw[0, :2] = 0, 255
        rest = (b.loss(LINEAR, b.u > 0.8), b.walk(LINEAR, variance=beta))
        wrongs = [
            (AS_IT_CAME, (*rest, raw)),
            ("x0 runs from 0 to 1; images run from −1 to 1.", (None, None, raw / 255)),
            ("x0 runs from −1 to 0; images run from −1 to 1.", (None, None, raw / 255 - 1)),
            ("x0 runs from −0.5 to 0.5; images run from −1 to 1.", (*rest, raw / 255 - 0.5)),
            ("Ink and paper are exchanged.", (None, None, 1 - raw / 127.5)),
            ("x0 runs from 0 to 2; images run from −1 to 1.", (None, None, raw / 127.5)),
        ]
        calls = [*b.calls(3), Call("prepare_3", [raw], [raw.shape])]
        functions = ("loss_3", "sample_3", "prepare_3")
        rights = [(*rest, raw / 127.5 - 1), (*rest, raw / 128 - 1)]
        yield Probe(calls, mended(functions, rights, wrongs))


def program_4(rng: Generator):
    """Noise at the last step: with β and an exception, or with the posterior variance."""
    for b in batches(rng):
        trained = b.loss(SIGMOID)

        def with_noise(variance, b=b, trained=trained):
            return (trained, b.walk(SIGMOID, variance=variance))

        wrongs = [
            (AS_IT_CAME, with_noise(partial(beta, last=0))),
            (
                "The first step, from t = T, has no noise now; the last one is meant.",
                with_noise(partial(beta, last=T)),
            ),
            ("No step has noise now; only the last must have none.", with_noise(nothing)),
            (
                "β is a variance: the noise is multiplied by its square root.",
                with_noise(lambda table, t: beta(table, t) ** 2),
            ),
            (
                "The step from t = 2 has no noise now; that from t = 1 is the last.",
                with_noise(partial(beta, last=2)),
            ),
            (
                "The steps from t = 2 and from t = 1 have no noise now; only the last has none.",
                with_noise(lambda table, t: 0.0 if t <= 2 else beta(table, t)),
            ),
        ]
        rights = [with_noise(beta), with_noise(posterior)]
        yield Probe(b.calls(4), mended(("loss_4", "sample_4"), rights, wrongs))


def program_5(rng: Generator):
    """A dead time embedding. Any clock will do that rises with t, if both functions use it."""
    for b in batches(rng, clock=1000 / T):
        every = np.arange(1, T + 1)
        x_t = normal(rng, T, 2)
        bare = b.net(x_t, np.zeros(T), np.full(T, 2))
        calls = [Call("ask_5", [b.net, x_t, every, np.full(T, 2)], [x_t.shape]), *b.calls(5)]

        def judge(outputs, seen, b=b, bare=bare):
            asked, trained, walked = outputs
            time = b.net.time
            told = (asked - bare) @ time / (time @ time)
            if near(asked, bare):
                return "ask_5() still tells the network one and the same time for all t."
            if not near(asked, bare + told[:, None] * time):
                return "ask_5() should return the network's own answer for x_t and y."
            told = np.round(told / np.abs(told).max(), 4)
            if len(np.unique(told)) < T:
                return "ask_5() still tells the network the same time for many different t."
            if (np.diff(told) < 0).any():
                return "ask_5() tells the network times that do not rise with t."
            clock = np.r_[0, (asked - bare) @ time / (time @ time)]  # what t is told as
            right = (
                b.loss(COSINE, told=lambda t: clock[t]),
                b.walk(COSINE, told=lambda t: clock[t]),
            )
            return mended(("loss_5", "sample_5"), [right], [])([trained, walked], seen)

        yield Probe(calls, judge)


def program_6(rng: Generator):
    """A schedule mismatch."""
    for b in batches(rng):
        trained = b.loss(LINEAR)
        wrongs = [
            (AS_IT_CAME, (trained, b.walk(BARE))),
            (
                "Training and sampling agree now, on a table that does not reach noise at T.",
                (b.loss(BARE), b.walk(BARE)),
            ),
            (
                "The tables are exchanged, and still differ.",
                (b.loss(BARE), b.walk(LINEAR)),
            ),
            (
                "β is divided by 1000/T in sampling; it must be multiplied.",
                (
                    trained,
                    b.walk(np.cumprod(1 - np.r_[0, T / 1000 * np.linspace(1e-4, 0.02, T)])),
                ),
            ),
            (
                "Sampling uses a cosine schedule; training uses a linear one.",
                (trained, b.walk(COSINE)),
            ),
        ]
        yield Probe(
            b.calls(6), mended(("loss_6", "sample_6"), [(trained, b.walk(LINEAR))], wrongs)
        )


PATIENTS = [
    (Fault.LABELS_NEVER_DROPPED, program_1),
    (Fault.OFF_BY_ONE_IN_T, program_2),
    (Fault.PIXELS_0_TO_255, program_3),
    (Fault.NOISE_AT_LAST_STEP, program_4),
    (Fault.DEAD_TIME_EMBEDDING, program_5),
    (Fault.SCHEDULE_MISMATCH, program_6),
]
EXERCISES = [Exercise("ex0_curve", "The loss by time", 10, curves)]
for k, (fault, program) in enumerate(PATIENTS, start=1):
    EXERCISES += [
        Exercise(f"ex{k}a_name", f"Patient {k}: its name", 5, names(f"name_{k}", fault)),
        Exercise(f"ex{k}b_mend", f"Patient {k}: its mend", 10, program),
    ]
