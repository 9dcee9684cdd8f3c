"""What the grader asks about a6_flow_and_few_steps, and what is right: not for students."""

from itertools import pairwise

import numpy as np

from course_lib.grading.calls import Call
from course_lib.grading.probes import Exercise, Probe, close, matches
from course_lib.grading.truths import network, normal, single

Array = np.ndarray
Generator = np.random.Generator


def column(values: Array, like: Array) -> Array:
    """Values (B,) in a shape that multiplies ``like`` (B, *D)."""
    return np.asarray(values).reshape(-1, *[1] * (like.ndim - 1))


# --- 1. a line and its ends ----------------------------------------------------------------------


def lines(rng: Generator):
    """Ask for velocities and ends of points and of images, from t = 0 to T, also of one sample.

    Distinguishes: eps − x0 from x0 − eps and from their sum; t/T from t, from 1 − t/T, and from
    one time for all; both ends, also at t = 0 and at T, from ends that are exchanged, divided by
    the time, or on the wrong side.
    """
    for shape, T in (((7, 2), 50), ((1, 5), 8), ((3, 1, 8, 8), 1000), ((4, 4), 20)):
        x0, eps = normal(rng, *shape), normal(rng, *shape)
        judge = matches(
            eps - x0,
            wrongs=[
                ("The velocity points from noise to data; time runs to noise.", x0 - eps),
                ("This is the sum of both, and not what leads from one to the other.", x0 + eps),
            ],
            otherwise="The velocity is not the derivative of the line.",
        )
        yield Probe([Call("velocity", [x0, eps], [shape])], judge)
        t = rng.integers(1, T, shape[0])
        t[:2] = [T, 0][: len(t[:2])]
        x_t, v = normal(rng, *shape), normal(rng, *shape)
        yield Probe([Call("endpoints", [x_t, v, t, T], [shape, shape])], judge_ends(x_t, v, t, T))


def judge_ends(x_t: Array, v: Array, t: Array, T: int):
    """Judge x0 and eps, which lie on the line through x_t along v."""

    def ends(u):
        return x_t - u * v, x_t + (1 - u) * v

    u = column(t / T, x_t)
    wrongs = [
        ("t is not divided by T.", ends(column(t, x_t))),
        ("Time runs the wrong way: u is the share of noise.", ends(1 - u)),
        ("The first sample's time serves for all.", ends(u[:1])),
        ("x0 and eps are exchanged.", ends(u)[::-1]),
        ("The velocity has the wrong sign.", (x_t + u * v, x_t - (1 - u) * v)),
    ]

    def judge(outputs, seen):
        for finding, wrong in [(None, ends(u)), *wrongs]:
            if all(close(*pair) for pair in zip(outputs, wrong)):
                return finding
        if close(outputs[0], x_t - u * v):
            return "eps is not where the line ends."
        return "x0 is not where the line begins."

    return judge


# --- 2. other coordinates ------------------------------------------------------------------------


def conversions(rng: Generator):
    """Ask for the velocity of points and of images, at t = T, where alpha is 0, too.

    Distinguishes: x_t from z as what is shown; a factor from a divisor; the time by σ/(α + σ) from
    α/(α + σ), σ/α, σ and t/T; the model's v from eps and from x0; the signs of both ways back;
    the velocity from its opposite; and a solution that holds at α = 0 from a division by it.
    """
    for shape, T in (((6, 2), 40), ((1, 5), 12), ((4, 1, 8, 8), 100)):
        angle = np.linspace(0, 1, T + 1) ** rng.uniform(0.8, 1.3) * np.pi / 2
        alpha, sigma = single(np.cos(angle)), single(np.sin(angle))
        alpha[-1] = 0
        model, z = network(rng, T, dimensions=shape[-1]), normal(rng, *shape)
        t = np.r_[T, rng.integers(1, T, shape[0] - 1)]
        a, b = column(alpha[t], z), column(sigma[t], z)
        r = sigma[t] / (alpha[t] + sigma[t])

        def flow(x, a=a, b=b, model=model, t=t, signs=(1, 1)):
            out = model(x, t)
            return b * x + signs[0] * a * out - (a * x - signs[1] * b * out)

        right = flow((a + b) * z)
        out = model((a + b) * z, t)
        velocities = matches(
            right,
            wrongs=[
                ("The model is shown z instead of x_t.", flow(z)),
                ("z is divided by α + σ; that is how it came from x_t.", flow(z / (a + b))),
                ("The velocity points from noise to data.", -right),
                ("The model's answer is returned as if it were the velocity.", out),
                ("A sign in the guess of x0 is wrong.", flow((a + b) * z, signs=(1, -1))),
                ("A sign in the guess of eps is wrong.", flow((a + b) * z, signs=(-1, 1))),
                (
                    "The guesses are made from z, and not from x_t.",
                    b * z + a * out - (a * z - b * out),
                ),
            ],
            otherwise="The velocity is not the guess of eps less that of x0.",
        )
        times = matches(
            r,
            wrongs=[
                ("r is the share of data; it must be that of noise.", 1 - r),
                ("r is σ; it must be σ/(α + σ).", sigma[t]),
                ("r is t/T; it must be σ/(α + σ).", t / T),
            ],
            otherwise="r is not σ/(α + σ).",
        )

        def judge(outputs, seen, times=times, velocities=velocities):
            return times(outputs[:1], seen) or velocities(outputs[1:], seen)

        call = Call("as_flow", [model, z, t, alpha, sigma], [(shape[0],), shape])
        yield Probe([call], judge)


# --- 3. the loss ---------------------------------------------------------------------------------


def losses(rng: Generator):
    """Ask for the loss of four batches: points in two and five dimensions, images, one sample.

    Distinguishes: the velocity from its opposite, eps and x0 as the target; the line from one run
    backwards, from one time for all, and from its ends, as what is shown; u from 1 − u and 1000 u
    as what is told; the mean of squares from sums, a root and absolute values; and a loss that can
    be learned from, from one without a graph.
    """
    for shape in ((2, 2), (5, 5), (1, 2), (3, 1, 8, 8)):
        model = network(rng, 1, dimensions=shape[-1])
        x0, eps = normal(rng, *shape), normal(rng, *shape)
        u = single(rng.uniform(0.1, 0.4, shape[0]))
        share = column(u, x0)
        x_u, v = (1 - share) * x0 + share * eps, eps - x0
        off = model(x_u, u) - v

        def paid(x, told, target, model=model):
            return ((model(x, told) - target) ** 2).mean()

        wrongs = [
            ("The target points from noise to data.", paid(x_u, u, -v)),
            ("The target is eps; it must be the velocity.", paid(x_u, u, eps)),
            ("The target is x0; it must be the velocity.", paid(x_u, u, x0)),
            (
                "The line runs the wrong way: u is the share of noise.",
                paid(share * x0 + (1 - share) * eps, u, v),
            ),
            ("The network is told 1 − u.", paid(x_u, 1 - u, v)),
            ("The network is told 1000 u.", paid(x_u, 1000 * u, v)),
            ("The network is not told the time.", paid(x_u, 0 * u, v)),
            ("The network is shown clean data.", paid(x0, u, v)),
            ("The error is summed; the loss is its mean.", (off**2).sum()),
            ("The error is summed over a sample's entries.", (off**2).sum() / len(x0)),
            ("This is the absolute error; the loss is the squared one.", np.abs(off).mean()),
            ("A square root was taken of the loss.", (off**2).mean() ** 0.5),
            ("One half too many.", (off**2).mean() / 2),
        ]
        judge = matches(
            np.asarray((off**2).mean()),
            wrongs=wrongs,
            otherwise="This is not the mean of (model(x_u, u) − v)².",
        )
        yield Probe([Call("flow_loss", [model, x0, eps, u], [()], learns=True)], judge)


# --- 4. and 5. two solvers -----------------------------------------------------------------------


def solve(model, x, times, *, heun=False, told=lambda t, s: t, sign=1, fault=""):
    """Follow a field along ``times``; the options are for what goes wrong."""
    for t, s in pairwise(times):
        v = model(x, told(t, s))
        trial = x + sign * (s - t) * v
        if heun and (s > 0 or fault == "asks at 0"):
            v_s = model(x if fault == "not moved" else trial, t if fault == "told t" else s)
            if fault == "second only":
                trial = x + (s - t) * v_s
            elif fault == "from the trial":
                trial = trial + (s - t) * (v + v_s) / 2
            elif fault == "sum":
                trial = x + (s - t) * (v + v_s)
            else:
                trial = x + sign * (s - t) * (v + v_s) / 2
        x = trial
    return x


def walks(function: str, heun: bool):
    """Return the probes of a solver."""

    def probes(rng: Generator):
        for times, B in (([1.0, 0.8, 0.3, 0.0], 4), ([0.9, 0.5, 0.125], 3), ([1.0, 0.0], 1)):
            model, x = network(rng, 1), normal(rng, B, 2)

            def wrong(times=times, model=model, x=x, **options):
                return solve(model, x, times, heun=heun, **options)

            even = np.linspace(times[0], times[-1], len(times))
            wrongs = [
                ("The last step is missing.", wrong(times[:-1])),
                ("The first step is missing.", wrong(times[1:])),
                ("The steps go the wrong way: times fall.", wrong(sign=-1)),
                ("The times are taken for evenly spaced ones.", wrong(even)),
                ("The start was returned.", x),
            ]
            if heun:
                wrongs += [
                    ("The network is asked at time 0.", wrong(fault="asks at 0")),
                    ("The second velocity is that of the start.", wrong(fault="not moved")),
                    ("The second velocity is asked at the first time.", wrong(fault="told t")),
                    ("Only the second velocity is used.", wrong(fault="second only")),
                    ("The step is made from the trial point.", wrong(fault="from the trial")),
                    ("The velocities are added, and not averaged.", wrong(fault="sum")),
                    ("This is Euler's method.", solve(model, x, times)),
                    (
                        "The last step is always Euler's; only one to time 0 may be.",
                        solve(model, wrong(times[:-1]), times[-2:]),
                    ),
                ]
            else:
                wrongs.append(
                    ("The network is told where the step ends.", wrong(told=lambda t, s: s))
                )
            judge = matches(
                wrong(),
                wrongs=wrongs,
                otherwise="The result is not where the steps between the given times lead.",
            )
            yield Probe([Call(function, [model, x, times], [(B, 2)], may_change=[1])], judge)

    return probes


def euler_steps(rng: Generator):
    """Ask for three walks: to 0, to a time before it, and one of a single step of one sample.

    Distinguishes: all steps from walks without the first or the last; uneven times from even ones;
    the velocity at a step's beginning from that at its end; and falling times from rising ones.
    """
    yield from walks("euler", heun=False)(rng)


def heun_steps(rng: Generator):
    """Ask for three walks: to 0, to a time before it, and one of a single step of one sample.

    Distinguishes: what `euler_steps` does; the mean of two velocities from either and from their
    sum; the second at the trial point and the step's end from one at the start or the beginning;
    and a step of Euler's to time 0 from Heun's there, and from Euler's to any last time.
    """
    yield from walks("heun", heun=True)(rng)


# --- 6. pairs ------------------------------------------------------------------------------------


def pairings(rng: Generator):
    """Ask for pairs by a solver that works in place, in blocks that leave a remainder, and not.

    Distinguishes: each noise with its own end from shuffled and exchanged ones; all of the rows
    from whole blocks; noise that was kept from noise that the solver has overwritten; pairs that
    are data from pairs with a gradient; and blocks from all rows at once.
    """
    for N, size in ((7, 3), (1, 4), (8, 4)):
        noise, mix = normal(rng, N, 2), normal(rng, 2, 2)
        ends = noise @ mix

        def judge(outputs, seen, noise=noise, ends=ends, size=size):
            start, end, learns, most = outputs
            if close(start, ends) and close(end, noise):
                return "Noise and samples are exchanged."
            if not close(start, noise):
                return "The noise is not the one that was passed in, in its order."
            if not close(end, ends):
                return "A sample does not belong to the noise in its row."
            if learns:
                return "A gradient leads from the pairs back into the network."
            return "More rows than `size` are solved at once." if most > size else None

        shapes = [(N, 2), (N, 2), (), ()]
        yield Probe([Call("asked_pairs", [noise, size, mix], shapes)], judge)


# --- 7. consistency ------------------------------------------------------------------------------


def agreements(rng: Generator):
    """Ask for jumps, and for the loss with its gradients, with a target apart and with none.

    Distinguishes: a boundary that holds from one that does not, and u from 1 and from 1 − u in the
    jump; the student, the target and the teacher from each other; both times from each other; the
    teacher's step from its opposite, a jump, and the line to the data; the mean from the sum; and
    a gradient through the student's own jump alone from none, and from more.
    """
    for shape in ((5, 2), (1, 5), (3, 1, 8, 8)):
        model, x = network(rng, 1, dimensions=shape[-1]), normal(rng, *shape)
        u = single(np.r_[0, rng.uniform(0.2, 0.9, shape[0] - 1)] if shape[0] > 1 else [0.6])
        out, left = model(x, u), column(u, x)
        wrongs = [
            ("The jump is as long at every time, so that f(x, 0) is not x.", x - out),
            (
                "The jump covers the time that has passed, and not what is left.",
                x - (1 - left) * out,
            ),
            ("The jump goes towards the noise.", x + left * out),
            ("This is the network's answer, and not where it leads.", out),
        ]
        judge = matches(x - left * out, wrongs=wrongs, otherwise="This is not a step to time 0.")
        yield Probe([Call("jump", [model, x, u], [shape])], judge)
    for B, D, networks in ((4, 2, 3), (1, 5, 3), (6, 2, 2)):
        fields = single(0.6 * rng.standard_normal((networks, D + 1, D)))
        x0, eps, u = normal(rng, B, D), normal(rng, B, D), single(rng.uniform(0.6, 1, B))
        s = single(u * rng.uniform(0.2, 0.7, B))
        s[0] = 0 if B > 1 else s[0]
        call = Call("asked_slopes", [fields, x0, eps, u, s], [(), *[(D, D)] * 3])
        yield Probe([call], judge_consistency(fields, x0, eps, u, s))


def judge_consistency(fields, x0, eps, u, s):
    """Judge a consistency loss and its three gradients."""
    student, teacher = fields[0], fields[-1]
    target, (u, s) = fields[-2], (column(u, x0), column(s, x0))
    x_u = (1 - u) * x0 + u * eps

    def ask(field, x, t):
        return x @ field[:-1] + t * field[-1]

    def leap(field, x, t):
        return x - t * ask(field, x, t)

    def off(student=student, target=target, teacher=teacher, told=u, sign=1, to=s, x_u=x_u):
        x_s = x_u + sign * (s - u) * ask(teacher, x_u, told)
        return leap(student, x_u, u) - leap(target, x_s, to)

    right = off()
    truth = (right**2).mean()
    slope = x_u.T @ (-u * 2 * right / right.size)
    wrongs = [
        ("The error is summed; the loss is its mean.", (right**2).sum()),
        ("The student is its own target, where another was given.", off(target=student)),
        ("The target is asked in place of the student.", off(student=target)),
        ("The student makes the teacher's step.", off(teacher=student)),
        ("The target makes the teacher's step.", off(teacher=target)),
        ("The teacher's step goes the wrong way.", off(sign=-1)),
        ("The teacher is asked at s, where its step ends.", off(told=s)),
        ("The target jumps from time u instead of s.", off(to=u)),
        (
            "The target is asked on the line at s: the teacher's step is missing.",
            leap(student, x_u, u) - leap(target, (1 - s) * x0 + s * eps, s),
        ),
        ("The target jumps from x_u itself.", leap(student, x_u, u) - leap(target, x_u, s)),
        ("The line runs the wrong way.", off(x_u=u * x0 + (1 - u) * eps)),
        ("The student is compared with x0.", leap(student, x_u, u) - x0),
    ]
    values = matches(
        np.asarray(truth),
        wrongs=[(told, w if np.ndim(w) == 0 else (w**2).mean()) for told, w in wrongs],
        otherwise="This is not the mean square of what two jumps of one path differ by.",
    )

    def judge(outputs, seen):
        value, of_student, of_target, of_teacher = outputs
        if finding := values([value], seen):
            return finding
        if not of_student.any():
            return "No gradient reaches the student."
        if len(fields) == 3 and of_target.any():
            return "A gradient flows into the target, which counts as a constant."
        if of_teacher.any():
            return "A gradient flows into the teacher, which counts as a constant."
        if not close(of_student, slope):
            return "The gradient is not that of the student's own jump alone."
        return None

    return judge


LINE = "notebook 09, section 1, “A line for every pair”"
FOLLOWED = "notebook 09, section 2, “Following the mean”"
COORDINATES = "notebook 09, section 3, “The same network, in other coordinates”"
STEPS = "notebook 05, section 3, “Better steps, better stops”"
STRAIGHT = "notebook 09, section 6, “What makes paths straight”"
CONSISTENT = "notebook 10, section 4, “Be consistent”"

EXERCISES = [
    Exercise(
        "ex1_velocity",
        "A line and its ends",
        10,
        lines,
        read=LINE,
    ),
    Exercise(
        "ex2_convert",
        "Any model in other coordinates",
        15,
        conversions,
        read=COORDINATES,
    ),
    Exercise("ex3_loss", "The loss", 15, losses, read=LINE),
    Exercise("ex4_euler", "Euler's steps", 10, euler_steps, read=FOLLOWED),
    Exercise("ex5_heun", "Heun's steps", 15, heun_steps, read=STEPS),
    Exercise("ex6_pairs", "Pairs for reflow", 15, pairings, read=STRAIGHT),
    Exercise("ex7_consistency", "Be consistent", 20, agreements, read=CONSISTENT),
]
