"""What the grader asks about a1_toy_diffusion, and what is right. Students never see this file."""

import numpy as np

from course_lib.grading.calls import Call, Jump, Network, Seed, Step, Walk
from course_lib.grading.probes import Exercise, Probe, close, matches
from course_lib.grading.truths import forward, linear, network, normal, single, wrong_guides

Array = np.ndarray
Generator = np.random.Generator


# --- 1. the schedule -----------------------------------------------------------------------------


def schedule(rng: Generator):
    """Ask for the tables of the usual T and of two others, one of them odd.

    Distinguishes: the rescaling by 1000/T from none and from its inverse; tables that begin at
    t = 0 from tables that are late by one; a line in β from one in its root, and from one that
    runs down; the running product of 1 − β from its root, its complement, a product of β, a sum
    of β, and its factors.
    """
    for T in (1000, int(rng.integers(60, 900)), 2 * int(rng.integers(30, 450)) + 1):
        beta, alpha_bar = linear(T)
        line = np.linspace(1e-4, 0.02, T)
        betas = matches(
            beta,
            wrongs=[
                (
                    "beta is not rescaled by 1000/T, so that short schedules do not reach noise.",
                    np.r_[0, line],
                ),
                ("beta is divided by 1000/T instead of multiplied.", np.r_[0, line * T / 1000]),
                ("beta runs from large to small.", np.r_[0, beta[:0:-1]]),
                (
                    "beta is late by one entry: beta[0] = 0, and beta[1] is the smallest β.",
                    np.r_[0, 0, beta[1:-1]],
                ),
                (
                    "beta[0] must be 0, since no step leads to t = 0.",
                    1000 / T * np.linspace(1e-4, 0.02, T + 1),
                ),
                (
                    "beta is a straight line in its square root, not in β itself.",
                    np.r_[0, 1000 / T * np.linspace(1e-2, 0.02**0.5, T) ** 2],
                ),
            ],
            otherwise="beta is not the straight line that the text asks for.",
            atol=1e-6,
        )
        products = matches(
            alpha_bar,
            wrongs=[
                ("This alpha_bar is its square root, the signal scale.", alpha_bar**0.5),
                ("alpha_bar multiplies β instead of 1 − β.", np.r_[1, np.cumprod(beta[1:])]),
                (
                    "alpha_bar is late by one entry: alpha_bar[t] includes step t itself.",
                    np.r_[1, alpha_bar[:-1]],
                ),
                ("alpha_bar adds the β up instead of multiplying 1 − β.", 1 - np.cumsum(beta)),
                ("alpha_bar is its own complement, the share of the noise.", 1 - alpha_bar),
                ("alpha_bar holds 1 − β of each step, and not their product.", 1 - beta),
            ],
            otherwise="alpha_bar is not the running product of 1 − beta.",
            atol=1e-6,
        )

        def judge(outputs, seen, betas=betas, products=products):
            return betas(outputs[:1], seen) or products(outputs[1:], seen)

        yield Probe([Call("schedule_tables", [T], [(T + 1,), (T + 1,)])], judge)


# --- 2. the forward process ----------------------------------------------------------------------


def jump(rng: Generator):
    """Ask for x_t of points and of images, each sample at a time of its own, from 0 to T.

    Distinguishes: both roots from none, one, and 1 − √ᾱ; signal from noise; the signs; ᾱ_t from
    ᾱ_{t−1}; times of each sample from the first one's; and, in batches as large as their other
    dimensions, ᾱ along the batch from ᾱ along these.
    """
    for shape in ((7, 2), (2, 2), (3, 1, 4, 4), (4, 4, 4)):
        alpha_bar = single(linear(100)[1])
        x0, eps = normal(rng, *shape), normal(rng, *shape)
        t = np.r_[100, rng.integers(1, 100, shape[0] - 2), 0]
        a = alpha_bar[t].reshape(-1, *[1] * (len(shape) - 1))
        before = alpha_bar[t - 1].reshape(a.shape)
        row = alpha_bar[t]
        wrongs = [
            ("The square roots are missing: ᾱ mixes variances.", a * x0 + (1 - a) * eps),
            ("The square root of the signal scale is missing.", a * x0 + (1 - a) ** 0.5 * eps),
            ("The square root of the noise scale is missing.", a**0.5 * x0 + (1 - a) * eps),
            ("Signal and noise are swapped.", (1 - a) ** 0.5 * x0 + a**0.5 * eps),
            ("The noise is subtracted.", a**0.5 * x0 - (1 - a) ** 0.5 * eps),
            (
                "alpha_bar is read one entry too early: it has an entry for t = 0.",
                before**0.5 * x0 + (1 - before) ** 0.5 * eps,
            ),
            (
                "The noise scale is 1 − √ᾱ, so that the variance is not kept.",
                a**0.5 * x0 + (1 - a**0.5) * eps,
            ),
            (
                "One t is used for the whole batch; every sample has its own.",
                a[0] ** 0.5 * x0 + (1 - a[0]) ** 0.5 * eps,
            ),
        ]
        if shape[-1] == shape[0]:
            wrongs.append(
                (
                    "ᾱ is broadcast along the wrong dimension: it needs the shape (B, 1, …, 1).",
                    row**0.5 * x0 + (1 - row) ** 0.5 * eps,
                )
            )
        judge = matches(
            forward(x0, t, eps, alpha_bar),
            wrongs=wrongs,
            otherwise="x_t is not √ᾱ_t x0 + √(1 − ᾱ_t) eps.",
        )
        yield Probe([Call("add_noise", [x0, t, eps, alpha_bar], [shape])], judge)


# --- 3. the embedding ----------------------------------------------------------------------------


def waves(t: Array, d: int, base: float = 1e4, last: int = 0) -> tuple[Array, Array]:
    """Cosines and sines, each (B, d/2)."""
    angle = t[:, None] * base ** (-np.arange(d // 2) / max(d // 2 - last, 1))
    return np.cos(angle), np.sin(angle)


def embedding(rng: Generator):
    """Ask for the waves of several lengths d, for times in no order.

    Distinguishes: cosines before sines from the other order, and from columns or rows that take
    turns; the exponent k/(d/2) from k/(d/2 − 1), k/d and 2k/(d/2), and its sign; t from t/1000;
    and both halves from one of them twice.
    """
    for d in (8, 16, 6):
        t = np.r_[rng.integers(2, 1000, 6), 1]
        cos, sin = waves(t, d)
        interleaved = np.stack([cos, sin], axis=2).reshape(len(t), d)
        odd = (np.arange(len(t)) % 2 == 1)[:, None]
        spread = np.concatenate([cos, sin], axis=1)
        wrongs = [
            ("Sines come first; the text has the cosines first.", np.c_[sin, cos]),
            ("Cosines and sines alternate; the text has all cosines first.", interleaved),
            (
                "Every second row is cosine only, and the others sine only: cosine and sine "
                "belong to columns, not to rows.",
                np.where(odd, np.c_[sin, sin], np.c_[cos, cos]),
            ),
            (
                "Every second row is cosine only, and the others sine only: cosine and sine "
                "belong to columns, not to rows.",
                np.where(odd, np.c_[cos, cos], np.c_[sin, sin]),
            ),
            ("Half of the columns are missing: cosines twice.", np.c_[cos, cos]),
            ("Half of the columns are missing: sines twice.", np.c_[sin, sin]),
            (
                "The slowest frequency is 1/10000: the exponent is divided by d/2 − 1.",
                np.concatenate(waves(t, d, last=1), axis=1),
            ),
            (
                "The frequencies grow instead of falling: the exponent has the wrong sign.",
                np.concatenate(waves(t, d, base=1e-4), axis=1),
            ),
            (
                "The exponent is divided by d instead of d/2.",
                np.concatenate(waves(t, d, base=1e2), axis=1),
            ),
            (
                "The frequencies fall twice as fast: the exponent is 2k/(d/2).",
                np.concatenate(waves(t, d, base=1e8), axis=1),
            ),
            (
                "t is divided by 1000 before the waves, so that near times look alike.",
                np.concatenate(waves(t / 1000, d), axis=1),
            ),
        ]
        judge = matches(
            spread,
            wrongs=wrongs,
            otherwise="The embedding is not cos and sin of t ω_k as the text defines them.",
            atol=1e-3,
        )
        yield Probe([Call("embed", [t, d], [(len(t), d)])], judge)


# --- 4. a training draw --------------------------------------------------------------------------


def draws(rng: Generator):
    """Ask for four large draws from three states of a generator, and for one of images.

    Distinguishes: times that are whole numbers, from 1 to T, uniform, one for each sample and not
    tied to its neighbours' from others; Gaussian noise, fresh in each sample and coordinate, from
    uniform, shared or scaled noise; and a generator that is used as it stands from the global one,
    and from one that is seeded anew.
    """
    T, shape = int(rng.integers(5, 12)), (1000 * 12, 2)
    x0 = normal(rng, *shape)
    one, two = (int(seed) for seed in rng.integers(1, 2**31, 2))
    calls = [
        Call("training_draw", [x0, T, seed], [shape[:1], shape], whole=[0])
        for seed in (Seed(one), Seed(one), Seed(two), Seed(one, drawn=7))
    ]

    def judge(outputs, seen):
        t, eps, again_t, again_eps, other_t, other_eps, next_t, next_eps = outputs
        finding = judge_times(t, T) or judge_noise(eps)
        if finding:
            return finding
        if not (close(t, again_t) and close(eps, again_eps)):
            return "The same generator does not give the same draw: pass it to every draw."
        if close(t, other_t) or close(eps, other_eps):
            return "Another generator gives the same draw: nothing may seed itself."
        if close(t, next_t) or close(eps, next_eps):
            return (
                "Two draws from one generator are the same, so that every step of training would "
                "see one noise: draw from the generator itself, and seed nothing anew."
            )
        return None

    yield Probe(calls, judge)
    images = (40, 1, 3, 3)
    asked = [normal(rng, *images), 50, Seed(one)]
    call = Call("training_draw", asked, [images[:1], images], whole=[0])
    yield Probe([call], lambda outputs, seen: judge_times(outputs[0], 50, few=True))


def judge_times(t: Array, T: int, few: bool = False) -> str | None:
    """Uniform on 1…T, each sample its own; of ``few`` samples the counts are not looked at."""
    if (t != np.round(t)).any():
        return "t must be whole numbers."
    if t.min() < 0 or t.max() > T:
        return "Some t lie outside 1…T."
    if t.min() == 0:
        return "t = 0 is drawn; it is clean data, with no noise to be learned."
    if len(np.unique(t)) == 1:
        return "One t is drawn for the whole batch; every sample needs its own."
    if few:
        return None
    counts = np.bincount(t.astype(int), minlength=T + 1)[1:]
    if counts[-1] == 0:
        return "t = T is never drawn, but sampling starts there: look at randint's upper end."
    if counts[0] == 0:
        return "t = 1 is never drawn, though it is the last step of sampling."
    if np.abs(counts - len(t) / T).max() > 7 * (len(t) / T) ** 0.5:
        return "The times are not drawn uniformly."
    neighbours = np.zeros((T, T))
    np.add.at(neighbours, (t[:-1].astype(int) - 1, t[1:].astype(int) - 1), 1)
    due = len(t) / T**2
    if np.abs(neighbours - due).max() > 7 * due**0.5 + 7:
        return "The times of a batch depend on each other: draw each one by itself."
    return None


def judge_noise(eps: Array) -> str | None:
    """Standard normal, and fresh for every sample and coordinate."""
    n = eps.size
    if len(np.unique(np.round(eps[:, 0], 5))) < len(eps) / 10:
        return "Samples share their noise; every sample needs its own."
    if close(eps[:, 0], eps[:, 1]):
        return "The coordinates of a sample share their noise."
    if abs(eps.mean()) > 7 / n**0.5:
        return "The noise does not have mean 0: uniform numbers (rand) are not Gaussian (randn)."
    size = eps.std()
    if abs((eps**4).mean() / (eps**2).mean() ** 2 - 3) > 0.4:
        return "The noise is not Gaussian: look for rand where randn is meant."
    if abs(size - 1) > 7 / (2 * n) ** 0.5:
        return "The noise does not have standard deviation 1."
    return None


# --- 5. the loss ---------------------------------------------------------------------------------


def losses(rng: Generator):
    """Ask for the loss of three batches, with a stand-in for add_noise, and with their own.

    The stand-in keeps a fault of add_noise from being counted twice; with their own, the loss is
    judged by what that returns for the very same arguments.
    Distinguishes: the mean over all entries from sums, from the mean of absolute values, its root
    and its half, by batches in two and in five dimensions; eps from x0 and x_t as what is guessed;
    x_t from x0 as what is shown; t from t − 1, t/T and nothing as what is told; the table from
    anything else that add_noise may be given; and a result that can be learned from, from one
    without a graph.
    """
    for T, B, D in ((100, 2, 2), (60, 5, 2), (80, 3, 5)):
        alpha_bar, model = single(linear(T)[1]), network(rng, T, dimensions=D)
        x0, eps = normal(rng, B, D), normal(rng, B, D)
        t = np.r_[rng.integers(1, T, B - 1), T]
        jump = Jump(single(rng.uniform(0.5, 2, T + 1)), single(rng.uniform(0.5, 2, T + 1)))
        arguments = [x0, t, eps, alpha_bar]

        def judge(outputs, seen, model=model, arguments=arguments, jump=jump):
            stood_in, x_t, own = outputs

            def look(value, *noisy):
                told = [judge_loss(x_t, model, *arguments)([value], seen) for x_t in noisy]
                return None if None in told else told[-1]

            right = forward(*arguments)
            if stood_in is None:
                return look(own, right, right if x_t is None else x_t)
            finding = look(stood_in, right, jump(*arguments))
            if finding or x_t is None:
                return finding
            if own is None or look(own, right, x_t):
                return "add_noise does not get alpha_bar as its table."
            return None

        yield Probe(ask_loss([model, *arguments], jump), judge)


def ask_loss(args: list, jump: Jump):
    """Ask with the stand-in, which may not fit, since it returns no NumPy arrays; and without it,
    where the student's add_noise may fail instead."""
    x0, stand_in = args[1], {"add_noise": jump}
    (value,) = yield Call("loss", args, [()], optional=True, instead=stand_in, learns=True)
    yield Call("add_noise", args[1:], [x0.shape], optional=True)
    yield Call("loss", args, [()], optional=value is not None, learns=True)


def judge_loss(x_t, model, x0, t, eps, alpha_bar):
    """Compare a loss with the truth for a given x_t."""
    out = model(x_t, t)
    off = out - eps
    once = model(x_t, np.zeros_like(t))
    wrongs = [
        ("The error is summed; the loss is its mean over all entries.", (off**2).sum()),
        (
            "The error is summed over the coordinates; the loss is the mean over all entries.",
            (off**2).sum(1).mean(),
        ),
        ("This is the absolute error; the loss is the squared one.", np.abs(off).mean()),
        ("A square root was taken of the loss.", (off**2).mean() ** 0.5),
        ("The loss is negative or has the wrong sign.", -(off**2).mean()),
        ("The network is compared with x0; it predicts eps.", ((out - x0) ** 2).mean()),
        ("The network is compared with x_t; it predicts eps.", ((out - x_t) ** 2).mean()),
        ("The network is shown clean data x0 instead of x_t.", ((model(x0, t) - eps) ** 2).mean()),
        ("The network is not told the time.", ((once - eps) ** 2).mean()),
        ("The network is told t − 1.", ((model(x_t, t - 1) - eps) ** 2).mean()),
        (
            "The network is told t/T instead of t.",
            ((model(x_t, t / (len(alpha_bar) - 1)) - eps) ** 2).mean(),
        ),
        ("One half too many: the loss is the mean of the squares.", (off**2).mean() / 2),
        ("The squared error is taken of the mean.", off.mean() ** 2),
    ]
    truth = np.asarray((off**2).mean())
    return matches(
        truth, wrongs=wrongs, otherwise="This is not the mean of (model(x_t, t) − eps)²."
    )


# --- 6. one reverse step -------------------------------------------------------------------------


def reverse(x_t, eps, t, z, beta, alpha_bar, *, variance="posterior"):
    """One step of DDPM."""
    spread = beta[t]
    if variance == "posterior":
        spread = beta[t] * (1 - alpha_bar[t - 1]) / (1 - alpha_bar[t])
    mean = (x_t - beta[t] / (1 - alpha_bar[t]) ** 0.5 * eps) / (1 - beta[t]) ** 0.5
    return mean + (spread**0.5 * z if t > 1 else 0)


def steps_back(rng: Generator):
    """Ask for a step in the middle, at the far end, at t = 2, and at the last, without noise.

    Either variance, β or the posterior's, is right.
    Distinguishes: each root and each factor of the mean from its usual neighbours; tables at t
    from tables at t − 1; a standard deviation from a variance; a last step without noise from one
    with it, and the others from steps without; DDPM's step from DDIM's and from a jump; and, by
    another schedule of another length, a step that reads its tables from one that makes its own.
    """
    other = np.r_[0, rng.uniform(0.02, 0.2, 40)]
    for t, betas in (
        (int(rng.integers(5, 45)), linear(50)[0]),
        (50, linear(50)[0]),
        (2, linear(50)[0]),
        (1, linear(50)[0]),
        (int(rng.integers(5, 35)), other),
    ):
        T = len(betas) - 1
        beta, alpha_bar = single(betas), single(np.cumprod(1 - betas))
        x_t, eps, z = normal(rng, 6, 2), normal(rng, 6, 2), normal(rng, 6, 2)
        b, a, before = beta[t], alpha_bar[t], alpha_bar[t - 1]
        tilde = b * (1 - before) / (1 - a)
        pull, root = b / (1 - a) ** 0.5, (1 - b) ** 0.5
        mean = (x_t - pull * eps) / root
        guess = (x_t - (1 - a) ** 0.5 * eps) / a**0.5
        wrongs = []
        if t == 1:
            wrongs += [
                (
                    "Noise is added in the last step: on the way to t = 0 there must be none.",
                    mean + b**0.5 * z,
                ),
            ]
        else:
            wrongs += [
                ("No noise is added.", mean),
                ("β̃ is a variance: the noise is multiplied by its square root.", mean + tilde * z),
                ("β is a variance: the noise is multiplied by √β.", mean + b * z),
            ]
        for std in (tilde**0.5, b**0.5):
            noise = std * z if t > 1 else 0 * z
            wrongs += [
                (
                    "The estimated noise is added instead of subtracted.",
                    (x_t + pull * eps) / root + noise,
                ),
                (
                    "The mean is divided by 1 − β instead of its square root.",
                    (x_t - pull * eps) / (1 - b) + noise,
                ),
                ("The mean is not divided by √(1 − β).", x_t - pull * eps + noise),
                (
                    "The mean is divided by √ᾱ_t instead of √(1 − β_t).",
                    (x_t - pull * eps) / a**0.5 + noise,
                ),
                (
                    "The factor of eps is β/(1 − ᾱ): a square root is missing.",
                    (x_t - b / (1 - a) * eps) / root + noise,
                ),
                (
                    "The factor of eps is √β/√(1 − ᾱ): β itself is meant.",
                    (x_t - b**0.5 / (1 - a) ** 0.5 * eps) / root + noise,
                ),
                (
                    "Tables are read at t − 1: β_t and ᾱ_t belong to the step from t.",
                    (x_t - beta[t - 1] / max(1 - before, 1e-12) ** 0.5 * eps)
                    / (1 - beta[t - 1]) ** 0.5
                    + noise,
                ),
                ("This is the guess of x0 with noise, not a step to t − 1.", guess + noise),
                (
                    "√ᾱ_t and √(1 − β_t) are exchanged in the factor of eps.",
                    (x_t - b / a**0.5 * eps) / root + noise,
                ),
            ]
        wrongs += [
            (
                "The noise is that of time t, added to the guess of x0.",
                before**0.5 * guess + (1 - before) ** 0.5 * z,
            ),
            (
                "This is a step of DDIM with the estimated noise; the text asks for DDPM's.",
                before**0.5 * guess + (1 - before) ** 0.5 * eps,
            ),
            *(
                (
                    "The two tables are not used: this is the step of the linear schedule.",
                    reverse(x_t, eps, t, z, *linear(T), variance=variance),
                )
                for variance in ("posterior", "beta")
                if betas is other
            ),
        ]
        judge = matches(
            reverse(x_t, eps, t, z, beta, alpha_bar),
            reverse(x_t, eps, t, z, beta, alpha_bar, variance="beta"),
            wrongs=wrongs,
            otherwise="This is not DDPM's step from t to t − 1.",
        )
        call = Call("reverse_step", [x_t, eps, t, z, beta, alpha_bar], [(6, 2)])
        yield Probe([call], judge)


# --- 7. a sampler --------------------------------------------------------------------------------


def stand_ins(rng: Generator, T: int, B: int) -> tuple[Network, Step, Array, Array]:
    """A network, a reverse step, a start, and the noise of every step."""
    step = Step(
        single(rng.uniform(0.85, 1.05, T + 1)),
        single(-rng.uniform(0.1, 0.3, T + 1)),
        single(np.r_[0, 0, rng.uniform(0.1, 0.4, T - 1)]),  # none in the last step
    )
    return network(rng, T), step, normal(rng, B, 2), normal(rng, T + 1, B, 2)


def walk(model, step, x, noise, times=None, draw=lambda t: t, told=lambda t: t):
    """Walk back; the options are for walks that go wrong."""
    T = len(noise) - 1
    for t in range(T, 0, -1) if times is None else times:
        x = step(x, model(x, told(t)), t, noise[draw(t)])
    return x


def samplers(rng: Generator):
    """Ask for three walks with the grader's network and step, one of them of a single sample.

    Distinguishes: steps from T down to 1 from walks that begin or end too early, or run the other
    way; noise[t] from noise[t − 1], noise[T − t], one draw and none; the network told t, for each
    sample, from one told t − 1 or T; and the newest x from the starting noise.
    """
    yield walk_probe(rng, 9, 5)
    yield walk_probe(rng, 14, 3)
    yield walk_probe(rng, 40, 1)


def walk_probe(rng: Generator, T: int, B: int) -> Probe:
    """A walk of T steps, and the walks that faults lead to."""
    model, step, x, noise = stand_ins(rng, T, B)

    def wrong(times=None, **options):
        return walk(model, step, x, noise, times, **options)

    stale = x
    for t in range(T, 0, -1):
        stale = step(stale, model(x, t), t, noise[t])
    wrongs = [
        ("The walk begins at T − 1 instead of T.", wrong(range(T - 1, 0, -1))),
        ("The last step, from t = 1, is missing.", wrong(range(T, 1, -1))),
        ("The walk begins at T − 1 and ends before t = 1.", wrong(range(T - 1, 1, -1))),
        ("The walk runs from t = 1 to T instead of back.", wrong(range(1, T + 1))),
        ("noise[T − t] is used; the step from t takes noise[t].", wrong(draw=lambda t: T - t)),
        ("noise[t − 1] is used; the step from t takes noise[t].", wrong(draw=lambda t: t - 1)),
        ("One draw of noise serves for every step.", wrong(draw=lambda t: T)),
        ("The network is told t − 1 at the step from t.", wrong(told=lambda t: t - 1)),
        ("The network is told T at every step.", wrong(told=lambda t: T)),
        ("The network is shown the starting noise at every step, not the newest x.", stale),
        ("No fresh noise is passed to the step.", walk(model, step, x, 0 * noise)),
        ("The starting noise was returned.", x),
    ]
    judge = matches(
        walk(model, step, x, noise),
        wrongs=wrongs,
        otherwise="The sample is not what T steps from t = T to t = 1 lead to.",
    )
    call = Call("sample", [model, step, x, noise], [x.shape], may_change=[2])
    return Probe([call], by_times(judge, T))


def by_times(judge, T: int):
    """Where a result is wrong for no known reason, look at what the network was asked."""

    def look(outputs, seen):
        finding = judge(outputs, seen)
        if finding is None or not finding.startswith("The sample is not") or not seen:
            return finding
        times = seen["t"][:, 0]
        if times[0] != T:
            return "The first time that the network is asked about is not T."
        if times[-1] != 1:
            return "The last time that the network is asked about is not t = 1."
        if (seen["t"] != times[:, None]).any():
            return "Within one step, the samples of a batch are at different times."
        return finding

    return look


# --- 8. guidance and conditional samples ---------------------------------------------------------


def guide(model: Network, x: Array, t, y: Array, w: float) -> Array:
    """Classifier-free guidance; w = 1 is plain conditional."""
    without = model(x, t)
    return without + w * (model(x, t, y) - without)


def guided(rng: Generator):
    """Ask for guided guesses at three strengths, w = 0 among them, and for a conditional walk.

    The walk may take the student's own steps, or the stand-in's for ``sample``.
    Distinguishes: w counted from the unconditional guess from w counted from the conditional one
    or from one less; both guesses from either alone; "no label" from label 0; each sample's label
    from the first one's; and, in the walk, labels and w that reach the network from such that do
    not.
    """
    for w in (2.5, 0.4, 0.0):
        T, B = 20, 5
        model, x = network(rng, T), normal(rng, B, 2)
        t, y = rng.integers(1, T + 1, B), np.r_[rng.integers(0, 3, B - 3), 0, 1, 2]
        judge = matches(
            guide(model, x, t, y, w),
            wrongs=wrong_guides(model, x, t, y, w),
            otherwise="This is not eps_uncond + w (eps_cond − eps_uncond).",
        )
        yield Probe([Call("guided_eps", [model, x, t, y, w], [(B, 2)])], judge)
    yield conditional(rng, T=8, w=2.0, y=np.array([2, 0, 1, 1, 0, 2]))


def conditional(rng: Generator, T: int, w: float, y: Array) -> Probe:
    """A conditional walk, by the student's own steps or along the stand-in for ``sample``."""
    model, step, x, noise = stand_ins(rng, T, len(y))
    along = Walk((np.arange(T + 1) % 3 == 2).astype(float))
    arguments = [model, step, x, noise, y, w]

    def ends(eps):
        return [sampler(eps, step, x, noise) for sampler in (walk, along)]

    def calls():
        """Ask with the stand-in, and without it if the student's ``sample`` takes more."""
        form = {"may_change": [2], "shapes": [x.shape]}
        instead = {"sample": along}
        (end,) = yield Call("sample_class", arguments, optional=True, instead=instead, **form)
        if end is None:
            yield Call("sample_class", arguments, **form)

    wrongs = {
        "The labels do not reach the network.": model,
        "The guidance does not reach the network: this is w = 1.": lambda x, t: model(x, t, y),
        "All samples get the first label.": lambda x, t: guide(
            model, x, t, np.full(len(y), y[0]), w
        ),
        "Guidance w is applied as w + 1.": lambda x, t: guide(model, x, t, y, w + 1),
    }
    judge = matches(
        *ends(lambda x, t: guide(model, x, t, y, w)),
        wrongs=[(finding, end) for finding, eps in wrongs.items() for end in ends(eps)],
        otherwise="sample_class does not walk back along guided_eps.",
    )
    return Probe(calls(), lambda outputs, seen: judge(outputs[-1:], seen))


EXERCISES = [
    Exercise(
        "ex1_schedule",
        "Schedule tables",
        15,
        schedule,
        read="notebook 01, section 2, “Walking into the noise”",
    ),
    Exercise(
        "ex2_forward",
        "The forward process",
        15,
        jump,
        read="notebook 01, section 3, “One jump instead of forty steps”",
    ),
    Exercise(
        "ex3_embedding",
        "Embedding the time",
        10,
        embedding,
        read="notebook 01, section 8, “A network that denoises”",
    ),
    Exercise(
        "ex4_draw",
        "A training draw",
        10,
        draws,
        read="notebook 01, section 8, “A network that denoises”",
    ),
    Exercise(
        "ex5_loss",
        "The loss",
        10,
        losses,
        read="notebook 01, section 8, “A network that denoises”",
    ),
    Exercise(
        "ex6_reverse",
        "One reverse step",
        15,
        steps_back,
        read="notebook 03, section 9, “From noise to a digit, in a thousand steps”",
    ),
    Exercise(
        "ex7_sampler",
        "A full sampler",
        15,
        samplers,
        read="notebook 01, section 7, “Walking back”",
    ),
    Exercise(
        "ex8_guidance",
        "Conditional sampling",
        10,
        guided,
        read="notebook 02, section 8, “A first look at guidance”",
    ),
]
