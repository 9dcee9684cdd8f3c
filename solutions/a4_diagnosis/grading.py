"""What the grader asks about a4_diagnosis, and what is right. Students never see this file."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product

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
OTHER = 40
"""Another T, for a function that needs no table of the set-up."""
BARE = np.cumprod(1 - np.r_[0, np.linspace(1e-4, 0.02, T)])
"""ᾱ without the factor 1000/T: more than half of the signal is left at T."""


# --- 0. the loss by time -------------------------------------------------------------------------


def curves(rng: Generator):
    """The mean error at each time, for two T and with other counts at each time.

    Distinguishes: means from sums, from shares of all samples and from the last error; a curve
    that begins at t = 1 from one that is late or runs backwards; and errors and times that are
    left as they were.
    """
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
        """The name of what ails a program.

        Distinguishes: the one name from the thirteen others; whoever took another reads what
        that would have shown.
        """

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


VARIANCES = (posterior, beta)
"""Of the noise in a step: either is healthy, whichever the program had, but for BLURRED."""
BLURRED = (
    "With β_t for its variance, the noise blurs the samples of this table, whose first steps are "
    "long: keep the posterior's."
)


class Batch:
    """Inputs of the functions of a program, and a network to call them with.

    All programs are told by them: a mean over all entries from sums and means of other kinds, a
    table that is spread over samples from one over coordinates, times of each sample's own, t = 1
    and t = T among them, labels of its own, label 0 among them; a loss with a graph; and
    arguments that are left as they were, but for the start of a sampler.

    clock  times are told to the network in units of 1/clock
    """

    def __init__(self, rng: Generator, B: int, D: int, clock: float = 1.0) -> None:
        # Answers near x_t, as those of a trained network, keep a walk of T steps within bounds.
        mix = single(0.9 * np.eye(D) + 0.05 * rng.standard_normal((D, D)))
        time = np.resize([1.0, -0.8], D) + 0.2 * rng.standard_normal(D)
        labels = single(0.3 * rng.standard_normal((5, D)))
        self.net = Network(mix, single(time / (T * clock)), labels)
        self.x0, self.eps, self.x = normal(rng, B, D), normal(rng, B, D), normal(rng, B, D)
        self.noise = normal(rng, T + 1, B, D)
        self.t = np.r_[1, T, rng.integers(2, T, B - 2)]
        rest = rng.permutation(np.r_[0.07, 0.96, rng.uniform(0.15, 0.85, B - 3)])
        self.u = single(np.r_[0.03, rest])  # if the first decides for all, all labels go
        self.y = rng.integers(1, 4, B)
        self.y[np.abs(self.u - 0.5).argmin()] = 0  # a label that everybody keeps

    def calls(self, k: int) -> list[Call]:
        """Call the two functions that every program has."""
        arguments = [self.net, self.x0, self.y, self.t, self.eps, self.u]
        walked = [self.net, self.x, self.y, self.noise]
        return [
            Call(f"loss_{k}", arguments, [()], learns=True),
            Call(f"sample_{k}", walked, [self.x.shape], may_change=[1]),
        ]

    def loss(self, table: Array, dropped: Array | None = None, **options) -> Array:
        """Return the loss, with a fifth of the labels dropped unless said otherwise."""
        dropped = self.u < 0.2 if dropped is None else dropped
        return loss(self.net, self.x0, self.y, self.t, self.eps, dropped, table, **options)

    def walk(self, table: Array, **options) -> Array:
        """Return samples."""
        return walk(self.net, self.x, self.y, self.noise, table, **options)


def batches(rng: Generator, clock: float = 1.0):
    """Three batches; one has as many samples as coordinates, so that nothing broadcasts unseen."""
    return (Batch(rng, B, D, clock) for B, D in ((9, 2), (4, 3), (5, 5)))


def program_1(rng: Generator):
    """Patient 1, whose labels were never dropped.

    Distinguishes: a fifth of the labels dropped, at either end of u, from none, all and four
    fifths; each by its own draw from one for the batch; and −1 from label 0.
    """
    for b in batches(rng):
        walks, none = [b.walk(COSINE, variance=v) for v in VARIANCES], np.zeros(len(b.u), bool)
        wrongs = [
            (AS_IT_CAME, (b.loss(COSINE, none), walks[0])),
            (
                "Every label of a batch is dropped; each has a draw of its own, and a fifth go.",
                (b.loss(COSINE, ~none), None),
            ),
            (
                "A dropped label becomes label 0; −1 means that there is none.",
                (b.loss(COSINE, none=0), None),
            ),
            (
                "Four labels in five are dropped, and one is kept.",
                (b.loss(COSINE, b.u >= 0.2), None),
            ),
        ]
        losses = [b.loss(COSINE, dropped) for dropped in (b.u < 0.2, b.u > 0.8)]
        rights = list(product(losses, walks))
        yield Probe(b.calls(1), mended(("loss_1", "sample_1"), rights, wrongs))


def program_2(rng: Generator):
    """Patient 2, whose training and sampling counted t differently; either may be mended.

    Distinguishes: functions that tell the network the same times, t or t − 1, from such that are
    still off by one, either way round, or by two; times from none; and the posterior variance
    from β.
    """
    for b in batches(rng):
        walked = partial(b.walk, LINEAR)
        early, late = (lambda t: t - 1), (lambda t: t + 1)
        rights = [(b.loss(LINEAR), walked()), (b.loss(LINEAR, told=early), walked(told=early))]
        wrongs = [
            (AS_IT_CAME, (b.loss(LINEAR, told=early), walked())),
            (BLURRED, (b.loss(LINEAR), walked(variance=beta))),
            (BLURRED, (b.loss(LINEAR, told=early), walked(told=early, variance=beta))),
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
    """Patient 3, whose pixels were bytes: all of them, some without full ink, and two pages.

    Distinguishes: from −1 to 1, to within 0.02, so that halves and uniform noise for the bytes'
    steps do no harm, from other ranges; ink from paper; numbers that depend on the byte alone
    from such that depend on the batch or on the image; and bytes that were made floats before
    they were calculated with from bytes that overflow.
    """
    page = rng.permutation(256).reshape(4, 64)
    for b, raw in zip(batches(rng), (page, page[:3] // 3, page[:1])):
        raw = raw.astype(np.uint8)
        right, real = raw / 127.5 - 1, raw.astype(float)
        rest = (b.loss(LINEAR, b.u > 0.8), b.walk(LINEAR, variance=beta))
        own, batch = real.max(1, keepdims=True), real.max()
        most = "The largest byte of a batch or of an image becomes 1: divide by a fixed number."
        wrongs = [
            (AS_IT_CAME, (*rest, real)),
            ("x0 runs from 0 to 1; images run from −1 to 1.", (None, None, real / 255)),
            ("x0 runs from −1 to 0; images run from −1 to 1.", (None, None, real / 255 - 1)),
            ("x0 runs from −0.5 to 0.5; images run from −1 to 1.", (*rest, real / 255 - 0.5)),
            ("Ink and paper are exchanged.", (None, None, -right)),
            ("x0 runs from 0 to 2; images run from −1 to 1.", (None, None, real / 127.5)),
            (most, (None, None, 2 * real / batch - 1)),
            (most, (None, None, 2 * real / own - 1)),
        ]
        functions = ("loss_3", "sample_3", "prepare_3")
        losses = [b.loss(LINEAR, dropped) for dropped in (b.u > 0.8, b.u < 0.2)]
        walks = [b.walk(LINEAR, variance=v) for v in VARIANCES]
        judge = mended(functions, list(product(losses, walks, [right])), wrongs)
        yield Probe(
            [*b.calls(3), Call("prepare_3", [raw], [raw.shape])],
            partial(judge_bytes, judge=judge, right=right),
        )


def judge_bytes(outputs, seen, judge: Callable, right: Array) -> str | None:
    """Judge a program for bytes; x0 needs to be ``right`` to within 0.02."""
    *rest, x0 = outputs
    if np.abs(x0 - right).max() <= 0.02:
        return judge([*rest, right], seen)
    finding, rises = judge(outputs, seen), np.diff(x0.ravel()[right.ravel().argsort()])
    if finding.startswith("prepare_3()") and rises.min() < -0.02 and rises.max() > 0.02:
        return "Larger bytes become smaller numbers, now and then: bytes overflow beyond 255."
    return finding


def program_4(rng: Generator):
    """Patient 4, who had noise at the last step: with β and an exception, or the posterior's.

    Distinguishes: noise in every step but the last from noise in all, in none, in all but the
    first, but the last two or but the one before; and a variance from its square root.
    """
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
    """Patient 5, whose time embedding was dead.

    Distinguishes: times that rise with t, on any scale within the network's clock, from 0 to
    1000, from one time for all, few times, all but one time, and times that fall; a clock for
    every T from one for T = 25; and one for both functions from two. A network that returns
    nothing but its time tells the times exactly.
    """
    for b in batches(rng, clock=1000 / T):
        D = len(b.net.time)
        plain = Network(np.zeros((D, D)), np.eye(D)[0], np.zeros((5, D)))
        calls, asked = [], []
        for net, last in ((b.net, T), (plain, T), (plain, OTHER)):
            x_t, every = normal(rng, last, D), np.arange(1, last + 1)
            asked.append((x_t, np.full(last, 2)))
            # A table that was made for T = 25 has no more entries, and is no fault.
            form = {"instead": {"T": last}, "optional": last != T}
            calls.append(Call("ask_5", [net, x_t, every, asked[-1][1]], [x_t.shape], **form))

        def judge(outputs, seen, b=b, asked=asked):
            answer, *told = outputs[:3]
            for times in told:
                if times is not None and (finding := judge_clock(times[:, 0])):
                    return finding
            x_t, y = asked[0]
            if not near(answer, b.net(x_t, told[0][:, 0], y)):
                return "ask_5() should return the network's own answer for x_t and y."
            clock = np.r_[0, told[0][:, 0]]  # what t is told as
            trained = b.loss(COSINE, told=lambda t: clock[t])
            rights = [
                (trained, b.walk(COSINE, told=lambda t: clock[t], variance=v)) for v in VARIANCES
            ]
            return mended(("loss_5", "sample_5"), rights, [])(outputs[3:], seen)

        yield Probe([*calls, *b.calls(5)], judge)


def judge_clock(told: Array) -> str | None:
    """Judge what the network is told for t = 1 … T; told (T,)."""
    if np.ptp(told) <= 1e-4 * np.abs(told).max():
        return "ask_5() still tells the network one and the same time for all t."
    if len(np.unique(np.round(told / np.abs(told).max(), 4))) < len(told):
        return "ask_5() still tells the network the same time for many different t."
    if (np.diff(told) < 0).any():
        return "ask_5() tells the network times that do not rise with t."
    if told.min() < 0 or told.max() > 1010:
        off = "" if len(told) == T else f", if T is {len(told)} and not {T}"
        return f"ask_5() tells the network times that are not on its clock, 0 to 1000{off}."
    if np.ptp(told) < 0.5:
        return "ask_5() tells the network nearly one and the same time for all t."
    return None


def program_6(rng: Generator):
    """Patient 6, whose sampling had another table than its training.

    Distinguishes: the linear table in both, from none that reaches noise at T in one or in both,
    from tables exchanged, β divided by 1000/T, and a cosine; and the posterior variance from β.
    """
    for b in batches(rng):
        trained = b.loss(LINEAR)
        rights = [(trained, b.walk(LINEAR))]
        wrongs = [
            (BLURRED, (trained, b.walk(LINEAR, variance=beta))),
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
        yield Probe(b.calls(6), mended(("loss_6", "sample_6"), rights, wrongs))


PATIENTS = [
    (Fault.LABELS_NEVER_DROPPED, program_1),
    (Fault.OFF_BY_ONE_IN_T, program_2),
    (Fault.PIXELS_0_TO_255, program_3),
    (Fault.NOISE_AT_LAST_STEP, program_4),
    (Fault.DEAD_TIME_EMBEDDING, program_5),
    (Fault.SCHEDULE_MISMATCH, program_6),
]
EXERCISES = [
    Exercise(
        "ex0_curve",
        "The loss by time",
        10,
        curves,
        read="notebook 04, section 5, “Early, middle or late: which timesteps are hard?”",
    )
]
for k, (fault, program) in enumerate(PATIENTS, start=1):
    EXERCISES += [
        Exercise(f"ex{k}a_name", f"Patient {k}: its name", 5, names(f"name_{k}", fault)),
        Exercise(f"ex{k}b_mend", f"Patient {k}: its mend", 10, program),
    ]
