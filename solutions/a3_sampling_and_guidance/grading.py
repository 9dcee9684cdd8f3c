"""What the grader asks about a3_sampling_and_guidance, and what is right: not for students."""

from itertools import pairwise

import numpy as np

from course_lib.grading.calls import Call, Move, Seed
from course_lib.grading.probes import Exercise, Probe, close, matches
from course_lib.grading.truths import linear, network, normal, single, wrong_guides

Array = np.ndarray
Generator = np.random.Generator


# --- 1. which times ------------------------------------------------------------------------------


def spacing(rng: Generator):
    """Ask for the times of five pairs of T and steps, from a single step to all of them.

    Ties may be rounded either way.
    Distinguishes: whole numbers from others; falling times from rising ones; times from T to 0
    from such that lack an end; numbers that were rounded from numbers that were cut off; and even
    spacing from any other.
    """
    for T, steps in ((50, 20), (1000, 7), (int(rng.integers(100, 900)), 10), (12, 12), (40, 1)):
        exact = np.linspace(T, 0, steps + 1)

        def judge(outputs, seen, T=T, steps=steps, exact=exact):
            (times,) = outputs
            if (times != np.round(times)).any():
                return "The times must be whole numbers."
            if (np.abs(times - exact) <= 0.5 + 1e-9).all():
                return None
            if (np.abs(times[::-1] - exact) <= 0.5 + 1e-9).all():
                return "The times rise; they must fall from T to 0."
            if times[0] != T:
                return "The first time is not T, though the starting noise belongs to T."
            if times[-1] != 0:
                return "The last time is not 0."
            if (np.abs(times - np.floor(exact)) <= 1e-9).all():
                return "The times are cut off, and not rounded to the nearest whole number."
            return "The times are not spaced evenly."

        yield Probe([Call("timesteps", [T, steps], [(steps + 1,)])], judge)


# --- 2. one step of DDIM -------------------------------------------------------------------------


def ddim(x_t, eps, t, s, eta, z, alpha_bar, *, kept=None, sigma=None, x0=None):
    """A step from t to s; the options replace parts of it by wrong ones."""
    a, b = alpha_bar[t], alpha_bar[s]
    right = eta * ((1 - b) / (1 - a) * (1 - a / b)) ** 0.5
    sigma = right if sigma is None else sigma
    kept = max(1 - b - sigma**2, 0) ** 0.5 if kept is None else kept
    x0 = (x_t - (1 - a) ** 0.5 * eps) / a**0.5 if x0 is None else x0
    return b**0.5 * x0 + kept * eps + sigma * z


def steps_of_ddim(rng: Generator):
    """Ask for steps without noise, with some, and with DDPM's: near ones, far ones, and the last.

    Distinguishes: eta at σ from eta at σ², ignored or taken for 1; σ² from σ in what is kept of
    the estimated noise, and from nothing; the posterior's variance from the forward step's; each
    root in the guess of x0 and before it; ᾱ_s from ᾱ_t; and s from t − 1.
    """
    T = 50
    alpha_bar = single(linear(T)[1])
    for t, s, eta in ((30, 29, 1.0), (42, 17, 0.6), (50, 30, 0.0), (8, 0, 1.0), (1, 0, 0.5)):
        x_t, eps, z = (normal(rng, 6, 2) for _ in range(3))
        arguments = (x_t, eps, t, s, eta, z, alpha_bar)
        a, b = alpha_bar[t], alpha_bar[s]
        sigma = eta * ((1 - b) / (1 - a) * (1 - a / b)) ** 0.5
        guess = (x_t - (1 - a) ** 0.5 * eps) / a**0.5

        def wrong(arguments=arguments, **parts):
            return ddim(*arguments, **parts)

        wrongs = [
            (
                "Nothing is taken from the estimated noise to make room for the fresh noise.",
                wrong(kept=(1 - b) ** 0.5),
            ),
            (
                "No fresh noise is added; eta says how much there should be.",
                wrong(kept=max(1 - b - sigma**2, 0) ** 0.5) - sigma * z,
            ),
            ("eta is ignored: this is the deterministic step.", wrong(sigma=0)),
            (
                "eta is ignored: this is eta = 1.",
                wrong(sigma=sigma / eta if eta else ((1 - b) / (1 - a) * (1 - a / b)) ** 0.5),
            ),
            (
                "eta multiplies the variance; it belongs to σ, its root.",
                wrong(sigma=eta**0.5 * (sigma / eta) if eta else 0),
            ),
            ("σ² is multiplied to z; σ is meant.", wrong() + (sigma**2 - sigma) * z),
            (
                "σ is taken from the estimated noise where σ² is meant.",
                wrong(kept=max(1 - b - sigma, 0) ** 0.5),
            ),
            (
                "The fresh noise has the variance of the forward step: the factor "
                "(1 − ᾱ_s)/(1 − ᾱ_t) is missing.",
                wrong(sigma=eta * (1 - a / b) ** 0.5),
            ),
            ("√ᾱ_s is missing before the guess of x0.", wrong() + (1 - b**0.5) * guess),
            ("The guess of x0 is not divided by √ᾱ_t.", wrong(x0=x_t - (1 - a) ** 0.5 * eps)),
            (
                "The guess of x0 lacks a root: √(1 − ᾱ_t) is meant.",
                wrong(x0=(x_t - (1 - a) * eps) / a**0.5),
            ),
            (
                "ᾱ_t and ᾱ_s are exchanged in the mixture.",
                a**0.5 * guess + max(1 - a - sigma**2, 0) ** 0.5 * eps + sigma * z,
            ),
            ("The step goes to t − 1 instead of s.", ddim(x_t, eps, t, t - 1, eta, z, alpha_bar)),
        ]
        judge = matches(
            ddim(*arguments),
            wrongs=wrongs,
            otherwise="This is not DDIM's step from t to s.",
        )
        yield Probe([Call("ddim_step", list(arguments), [(6, 2)])], judge)


# --- 3. clipping ---------------------------------------------------------------------------------


def clips(rng: Generator):
    """Ask for points and for images, of which half of the guesses lie outside of [-1, 1].

    Distinguishes: a clipped x0 from a free one, from one clipped to [0, 1], and from its sign; and
    eps that was computed anew from eps that was kept, and from eps that was clipped.
    """
    T = 50
    alpha_bar = single(linear(T)[1])
    for t, shape in ((int(rng.integers(20, 45)), (6, 2)), (T, (3, 1, 4, 4)), (1, (8, 2))):
        a, eps = alpha_bar[t], normal(rng, *shape)
        guesses = rng.permutation(np.linspace(-2.2, 2.2, eps.size)).reshape(shape)
        x_t = single(a**0.5 * guesses + (1 - a) ** 0.5 * eps)
        free = (x_t - (1 - a) ** 0.5 * eps) / a**0.5
        x0 = free.clip(-1, 1)
        again = (x_t - a**0.5 * x0) / (1 - a) ** 0.5

        def judge(outputs, seen, x0=x0, free=free, eps=eps, again=again):
            if close(outputs[0], free):
                return "x0 is not clipped."
            if close(outputs[0], free.clip(0, 1)):
                return "x0 is clipped to [0, 1]; data run from −1 to 1."
            if not close(outputs[0], x0):
                return "x0 is not the clipped guess."
            if close(outputs[1], eps):
                return "eps is not recomputed, so that it contradicts the clipped x0."
            if close(outputs[1], eps.clip(-1, 1)):
                return "eps is clipped too; it must be recomputed from x_t and x0."
            if not close(outputs[1], again):
                return "eps does not fit to x_t and the clipped x0."
            return None

        yield Probe([Call("clip_x0", [x_t, eps, t, alpha_bar], [shape, shape])], judge)


# --- 4. a sampler over any times -----------------------------------------------------------------


def walk(model, move, x, times, noise, told=lambda t, s: t, draw=lambda i: i):
    """Walk along ``times``; the options are for walks that go wrong."""
    for i, (t, s) in enumerate(pairwise(times)):
        x = move(x, model(x, told(t, s)), t, s, noise[draw(i)])
    return x


def walks(rng: Generator):
    """Ask for two walks along uneven times, since the student's own may be spaced differently.

    Distinguishes: all steps from walks that lack the first or the last; as many steps as the
    times allow from as many as there are draws of noise, of which some are left over once; the
    network told t from one told s; noise[i] from noise[i + 1], from draws in the other order, and
    from one draw; and the sample from the starting noise.
    """
    for times in ([14, 11, 10, 4, 0], [9, 8, 3, 2, 1, 0]):
        T, B = times[0], 4
        model, x, noise = network(rng, T), normal(rng, B, 2), normal(rng, 5, B, 2)
        move = Move(
            single(rng.uniform(0.85, 1.05, T + 1)),
            single(-rng.uniform(0.1, 0.3, T + 1)),
            single(rng.uniform(0.1, 0.4, T + 1)),
        )

        def wrong(times=times, model=model, move=move, x=x, noise=noise, **options):
            return walk(model, move, x, times, noise, **options)

        last = len(times) - 2
        wrongs = [
            ("The last step, to the last of the times, is missing.", wrong(times[:-1])),
            (
                "The first step, from the first of the times, is missing.",
                walk(model, move, x, times[1:], noise[1:]),
            ),
            (
                "The network is told s, where the step ends, instead of t.",
                wrong(told=lambda t, s: s),
            ),
            (
                "The draws of noise are used in the wrong order.",
                wrong(draw=lambda i, last=last: last - i),
            ),
            ("The draws of noise are used late by one.", wrong(draw=lambda i: (i + 1) % 5)),
            ("One draw of noise serves for every step.", wrong(draw=lambda i: 0)),
            ("The starting noise was returned.", x),
        ]
        judge = matches(
            wrong(),
            wrongs=wrongs,
            otherwise="The sample is not what the steps between the given times lead to.",
        )
        call = Call("ddim", [model, move, x, times, noise], [(B, 2)], may_change=[2])
        yield Probe([call], judge)


# --- 5. dropped labels ---------------------------------------------------------------------------


def drops(rng: Generator):
    """Ask for four large draws from three states of a generator, eight batches, and p of 0 and 1.

    Distinguishes: a chance for each label from a fixed number, a block, or all of them; p from
    1 − p; −1 from other marks; a chance that heeds no label from one that does; whole numbers from
    others; labels of the caller's that stay from labels that are overwritten; and a generator that
    is used as it stands from the global one, and from one that is seeded anew.
    """
    B, p = 6000, float(np.round(rng.uniform(0.15, 0.35), 3))
    y = rng.integers(0, 5, B)
    one, two = (int(seed) for seed in rng.integers(1, 2**31, 2))
    seeds = (Seed(one), Seed(one), Seed(two), Seed(one, drawn=7))
    calls = [Call("drop_labels", [y, p, seed], [(B,)], whole=[0]) for seed in seeds]

    def judge(outputs, seen):
        out, again, other, following = outputs
        if all((o != y).all() or (o == y).all() for o in outputs):
            return "All labels of a batch are dropped, or none: decide for each sample."
        gone = out != y
        if (out[gone] != -1).any():
            return "A dropped label must be −1; other labels must stay."
        noise = 7 * (p * (1 - p) / B) ** 0.5
        if abs(gone.mean() - (1 - p)) < noise and abs(gone.mean() - p) > noise:
            return "The share p is kept, and the rest dropped."
        if abs(gone.mean() - p) > noise:
            return "The share of dropped labels is not p."
        if (np.diff(gone.astype(int)) != 0).sum() < 10:
            return "The dropped samples stand side by side: decide for each sample."
        shares = np.array([gone[y == k].mean() for k in range(5)])
        if np.abs(shares - p).max() > 7 * (p * (1 - p) * 5 / B) ** 0.5:
            return "Some labels are dropped more often than others."
        if not close(out, again):
            return "The same generator does not drop the same labels: pass it on."
        if close(out, other):
            return "Another generator drops the same labels: nothing may seed itself."
        if close(out, following):
            return (
                "Two draws from one generator drop the same labels, so that all batches would "
                "lose the same ones: draw from the generator itself, and seed nothing anew."
            )
        return None

    yield Probe(calls, judge)
    some = rng.integers(0, 5, 800)
    calls = [
        Call("drop_labels", [some, p, Seed(int(seed))], [(800,)], whole=[0])
        for seed in rng.integers(1, 2**31, 8)
    ]

    def varies(outputs, seen):
        if len({int((out == -1).sum()) for out in outputs}) == 1:
            return "Every batch loses equally many labels: each one is dropped by a chance."
        return None

    yield Probe(calls, varies)
    few = np.array([3, 1, 2, 0, 4])
    never = matches(few, otherwise="With p = 0 no label may be dropped.")
    always = matches(np.full(5, -1), otherwise="With p = 1 every label must be dropped.")
    yield Probe([Call("drop_labels", [few, 0.0, Seed(one)], [(5,)])], never)
    yield Probe([Call("drop_labels", [few, 1.0, Seed(one)], [(5,)])], always)


# --- 6. guidance ---------------------------------------------------------------------------------


def guided(rng: Generator):
    """Ask for guided guesses at two strengths that no convention confuses, and at w = 0.

    Distinguishes: w counted from the unconditional guess from w counted from the conditional one
    or from one less; both guesses from either alone; "no label" from label 0; and each sample's
    label from the first one's.
    """
    for w in (2.5, 0.4, 0.0):
        T, B = 20, 5
        model, x = network(rng, T), normal(rng, B, 2)
        t, y = rng.integers(1, T + 1, B), np.array([2, 0, 1, 2, 1])
        cond, without = model(x, t, y), model(x, t)
        judge = matches(
            without + w * (cond - without),
            wrongs=wrong_guides(model, x, t, y, w),
            otherwise="This is not eps_uncond + w (eps_cond − eps_uncond).",
        )
        yield Probe([Call("guided_eps", [model, x, t, y, w], [(B, 2)])], judge)


# --- 7. and 8. reading measurements --------------------------------------------------------------


def enough(rng: Generator):
    """Ask for the answer in six tables in no order, and in one with a tie to the last bit.

    Distinguishes: the least number of steps that is good enough from the first in the table, the
    best, the largest, and the place in the table; 1.5 floors from 1.5 more than the floor; and
    "at most" from "less than".
    """
    for _ in range(6):
        steps = rng.permutation([1, 2, 5, 10, 20, 50])
        floor = float(np.round(rng.uniform(0.02, 0.05), 4))
        first = int(rng.integers(1, 4))  # rank of the answer; the best distance is the next one's
        ranks = np.argsort(np.argsort(steps))
        floors = np.where(ranks < first, 8.0 - ranks, rng.uniform(1.15, 1.4, 6))
        for rank, value in ((first - 1, 1.56), (first, 1.44), (first + 1, 1.1)):
            floors[ranks == rank] = value
        distance = single(floor * floors)
        good = distance <= 1.5 * floor
        wrongs = [
            ("This is the place in the table, and not the number of steps.", np.argmax(good)),
            (
                "This is the first in the table that is good enough; the table is in no order.",
                steps[np.argmax(good)],
            ),
            (
                "This is the number of steps with the smallest distance.",
                steps[np.argmin(distance)],
            ),
            ("This is the largest number of steps that is good enough.", steps[good].max()),
            (
                "1.5 is added to the floor, and not multiplied.",
                steps[distance <= floor + 1.5].min(),
            ),
        ]
        judge = matches(
            steps[good].min(),
            wrongs=wrongs,
            otherwise="This is not the smallest number of steps within 1.5 floors.",
        )
        yield Probe([Call("enough_steps", [steps, distance, floor], [()])], judge)
    steps, tie = np.array([8, 2, 4]), np.array([0.25, 0.75, 0.375])  # 1.5 floors to the last bit
    judge = matches(
        np.asarray(4), otherwise='"At most" counts a distance of just 1.5 floors, too.'
    )
    yield Probe([Call("enough_steps", [steps, tie, 0.25], [()])], judge)


def elbows(rng: Generator):
    """Ask for the elbow of three tables that rise, flatten, and dip where guidance hurts.

    Distinguishes: the least guidance within 0.1 of the best from the best, the largest, the
    smallest of all, and the place in the table; and, in a table whose best is near 0.7, a rule
    from a number that suits good networks.
    """
    for flat, best in ((2, 0.9925), (3, 0.9925), (2, 0.7)):
        w = single(np.array([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0]) + rng.uniform(0.05, 0.2))
        accuracy = np.r_[np.linspace(0.4, 0.97, flat, endpoint=False), np.full(7 - flat, 0.986)]
        accuracy[4], accuracy[6] = 0.9925, 0.85
        accuracy[flat - 1], accuracy[flat] = 0.9925 - 0.11, 0.9925 - 0.09
        accuracy = single(accuracy + rng.uniform(0, 0.001) + best - 0.9925)
        good = accuracy >= accuracy.max() - 0.1
        wrongs = [
            (
                "This is the guidance of the best accuracy; the elbow comes earlier.",
                w[np.argmax(accuracy)],
            ),
            ("This is the largest guidance within 0.1 of the best.", w[good].max()),
            ("This is the place in the table, and not the guidance.", np.argmax(good)),
            ("This is the smallest guidance of all.", w.min()),
        ]
        judge = matches(
            w[good].min(),
            wrongs=wrongs,
            otherwise="This is not the smallest guidance within 0.1 of the best accuracy.",
        )
        yield Probe([Call("elbow", [w, accuracy], [()])], judge)


EXERCISES = [
    Exercise(
        "ex1_times",
        "Which times",
        10,
        spacing,
        read="notebook 05, section 3, “Better steps, better stops”",
    ),
    Exercise(
        "ex2_step",
        "One step of DDIM",
        20,
        steps_of_ddim,
        read="notebook 05, section 1, “One training, many ways back”",
    ),
    Exercise(
        "ex3_clip",
        "Clipping",
        15,
        clips,
        read="notebook 03, section 10, “Ask for digits, in twenty steps”",
    ),
    Exercise(
        "ex4_sampler",
        "A sampler over any times",
        15,
        walks,
        read="notebook 05, section 1, “One training, many ways back”",
    ),
    Exercise(
        "ex5_drop",
        "Dropping labels",
        10,
        drops,
        read="notebook 02, section 5, “Training, with some labels hidden”",
    ),
    Exercise(
        "ex6_guidance",
        "Guidance",
        10,
        guided,
        read="notebook 02, section 8, “A first look at guidance”",
    ),
    Exercise(
        "ex7_enough",
        "How many steps are enough",
        10,
        enough,
        read="notebook 05, section 5, “Digits: steps and quality”",
    ),
    Exercise(
        "ex8_elbow",
        "The elbow",
        10,
        elbows,
        read="notebook 06, section 4, “What it buys, what it costs”",
    ),
]
