"""What the grader of a3_sampling_and_guidance is tested with: wrong answers, and right ones."""

from course_lib.grading.demo import Alternate, Mutant

SIGMA = "sigma = eta * ((1 - b) / (1 - a) * (1 - a / b)).sqrt()"
KEPT = "kept = (1 - b - sigma**2).clamp(min=0).sqrt()"

MUTANTS = [
    # 1. which times
    Mutant("floor for round", "ex1_times", ".round()", ".floor()", says="cut off"),
    Mutant("times rising", "ex1_times", "linspace(T, 0,", "linspace(0, T,", says="rise"),
    Mutant(
        "times from T - 1",
        "ex1_times",
        "linspace(T, 0,",
        "linspace(T - 1, 0,",
        says="first time is not T",
    ),
    Mutant(
        "times end at 1",
        "ex1_times",
        "linspace(T, 0,",
        "linspace(T, 1,",
        says="last time is not 0",
    ),
    Mutant(
        "range with a step",
        "ex1_times",
        "return torch.linspace(T, 0, steps + 1, dtype=torch.float64).round().int().tolist()",
        "return [*range(T, 0, -(T // steps))][:steps] + [0]",
        says="not spaced evenly",
    ),
    Mutant("times not rounded", "ex1_times", ".round().int()", "", says="whole numbers"),
    Mutant("one time too few", "ex1_times", "steps + 1,", "steps,", says="shape"),
    # 2. one step of DDIM
    Mutant(
        "noise on top", "ex2_step", KEPT, "kept = (1 - b).sqrt()", says="make room for the fresh"
    ),
    Mutant("eta ignored", "ex2_step", "sigma = eta *", "sigma = 0 *", says="deterministic step"),
    Mutant("eta always 1", "ex2_step", "sigma = eta *", "sigma =", says="this is eta = 1"),
    Mutant("root of eta", "ex2_step", "sigma = eta *", "sigma = eta**0.5 *", says="its root"),
    Mutant("sigma for its square", "ex2_step", "sigma**2", "sigma", says="σ² is meant"),
    Mutant("sigma squared", "ex2_step", "sigma * z", "sigma**2 * z", says="σ is meant"),
    Mutant(
        "forward variance",
        "ex2_step",
        "((1 - b) / (1 - a) * (1 - a / b))",
        "(1 - a / b)",
        says="is missing",
    ),
    Mutant("no fresh noise", "ex2_step", " + sigma * z", "", says="No fresh noise"),
    Mutant("x0 not scaled", "ex2_step", "b.sqrt() * x0", "x0", says="√ᾱ_s is missing"),
    Mutant("guess not divided", "ex2_step", "eps) / a.sqrt()", "eps)", says="not divided"),
    Mutant(
        "guess without a root", "ex2_step", "(1 - a).sqrt() * eps", "(1 - a) * eps", says="a root"
    ),
    Mutant(
        "s is t - 1",
        "ex2_step",
        "alpha_bar[t], alpha_bar[s]",
        "alpha_bar[t], alpha_bar[t - 1]",
        says="t − 1 instead of s",
    ),
    # 3. clipping
    Mutant("sign", "ex3_clip", ".clamp(-1, 1)", ".sign()", says="not the clipped guess"),
    Mutant(
        "not recomputed",
        "ex3_clip",
        "(x_t - signal * x0) / noise",
        "eps",
        says="not recomputed",
    ),
    Mutant(
        "eps clipped",
        "ex3_clip",
        "(x_t - signal * x0) / noise",
        "eps.clamp(-1, 1)",
        says="eps is clipped",
    ),
    Mutant("not clipped", "ex3_clip", ".clamp(-1, 1)", "", says="x0 is not clipped"),
    Mutant("clipped to pixels", "ex3_clip", ".clamp(-1, 1)", ".clamp(0, 1)", says="[0, 1]"),
    # 4. a sampler
    Mutant(
        "last move missing",
        "ex4_sampler",
        "len(times) - 1)",
        "len(times) - 2)",
        says="last step",
    ),
    Mutant(
        "first move missing",
        "ex4_sampler",
        "range(len(times) - 1)",
        "range(1, len(times) - 1)",
        says="first step",
    ),
    Mutant(
        "as many moves as noise",
        "ex4_sampler",
        "range(len(times) - 1)",
        "range(len(noise) - 1)",
        says="last step",
    ),
    Mutant("told s", "ex4_sampler", "(len(x),), t)", "(len(x),), s)", says="told s"),
    Mutant("noise reversed", "ex4_sampler", "noise[i]", "noise[-2 - i]", says="wrong order"),
    Mutant("noise late", "ex4_sampler", "noise[i]", "noise[i + 1]", says="late by one"),
    Mutant("one noise", "ex4_sampler", "noise[i]", "noise[0]", says="One draw"),
    # 5. dropped labels
    Mutant(
        "dropped per batch",
        "ex5_drop",
        "torch.rand(y.shape, generator=generator) < p",
        "(torch.rand(1, generator=generator) < p).expand(y.shape)",
        says="decide for each sample",
    ),
    Mutant(
        "the first ones dropped",
        "ex5_drop",
        "torch.rand(y.shape, generator=generator) < p",
        "torch.arange(len(y)) < p * len(y) + torch.randint(9, (1,), generator=generator)",
        says="side by side",
    ),
    Mutant("kept for dropped", "ex5_drop", "< p", "> p", says="share p is kept"),
    Mutant("label 0 for none", "ex5_drop", "-1, y", "0, y", says="must be −1"),
    Mutant("generator forgotten", "ex5_drop", ", generator=generator", "", says="same generator"),
    # 6. guidance
    Mutant("Ho & Salimans' w", "ex6_guidance", "w * (model", "(w + 1) * (model", says="ours − 1"),
    Mutant(
        "counted from the other side",
        "ex6_guidance",
        "without + w * (model(x_t, t, y) - without)",
        "(1 - w) * model(x_t, t, y) + w * without",
        says="exchanged",
    ),
    Mutant(
        "label 0 for nothing",
        "ex6_guidance",
        "model(x_t, t, None)",
        "model(x_t, t, 0 * y)",
        says="pass y=None",
    ),
    # 7. and 8.
    Mutant(
        "best for enough",
        "ex7_enough",
        "distance <= 1.5 * floor",
        "distance.argmin()",
        says="smallest distance",
    ),
    Mutant("largest for smallest", "ex7_enough", ".min()", ".max()", says="largest number"),
    Mutant("floor added", "ex7_enough", "1.5 * floor", "1.5 + floor", says="added"),
    Mutant("first in the table", "ex7_enough", "floor].min()", "floor][0]", says="in no order"),
    Mutant(
        "best for elbow",
        "ex8_elbow",
        "accuracy >= accuracy.max() - 0.1",
        "accuracy >= accuracy.max()",
        says="best accuracy",
    ),
    Mutant("largest for elbow", "ex8_elbow", ".min())", ".max())", says="largest guidance"),
    Mutant(
        "place for guidance",
        "ex8_elbow",
        "float(w[accuracy >= accuracy.max() - 0.1].min())",
        "int((accuracy >= accuracy.max() - 0.1).nonzero()[0])",
        says="the place",
    ),
    # other inputs, a second call, and what is left of the arguments
    Mutant(
        "one time for the batch",
        "ex4_sampler",
        "torch.full((len(x),), t)",
        "t",
        says="one time or one label",
    ),
    Mutant(
        "changes the labels in place",
        "ex5_drop",
        "torch.where(gone, -1, y)",
        "y.masked_fill_(gone, -1)",
        says="argument number 1 in place",
    ),
    Mutant(
        "equally many every time",
        "ex5_drop",
        "torch.rand(y.shape, generator=generator) < p",
        "torch.randperm(len(y), generator=generator) < round(p * len(y))",
        says="equally many",
    ),
    Mutant(
        "a generator of its own from the seed",
        "ex5_drop",
        "    gone = torch.rand",
        "    generator.manual_seed(generator.initial_seed())\n    gone = torch.rand",
        says="lose the same ones",
    ),
    Mutant(
        "labels as floats",
        "ex5_drop",
        "torch.where(gone, -1, y)",
        "torch.where(gone, -1.0, y.float())",
        says="whole numbers",
    ),
    Mutant(
        "no guidance for w = 0",
        "ex6_guidance",
        "    without = model(x_t, t, None)",
        "    if w == 0: return model(x_t, t, y)\n    without = model(x_t, t, None)",
        says="ours − 1",
    ),
    Mutant(
        "less than instead of at most",
        "ex7_enough",
        "distance <= 1.5 * floor",
        "distance < 1.5 * floor",
        says="At most",
    ),
    Mutant(
        "a threshold as a number",
        "ex8_elbow",
        "accuracy.max() - 0.1",
        "min(0.89, accuracy.max())",
        says="the elbow comes earlier",
    ),
]

ALTERNATES = [
    Alternate(
        "times as a map",
        "ex1_times",
        """
def timesteps(T, steps):
    return map(round, [T * (1 - i / steps) for i in range(steps + 1)])
""",
    ),
    Alternate(
        "a sampler that works in place",
        "ex4_sampler",
        """
def ddim(model, move, x, times, noise):
    for i, (t, s) in enumerate(zip(times, times[1:])):
        x[:] = move(x, model(x, torch.full((len(x),), t)), t, s, noise[i])
    return x
""",
    ),
    Alternate(
        "times by a loop",
        "ex1_times",
        "def timesteps(T, steps):\n"
        "    return [int(T - T * i / steps + 0.5) for i in range(steps + 1)]",
    ),
    Alternate(
        "times in NumPy",
        "ex1_times",
        "import numpy as np\n\ndef timesteps(T, steps):\n"
        "    return np.rint(np.linspace(0, T, steps + 1)).astype(int)[::-1]",
    ),
    Alternate(
        "step by the posterior variance",
        "ex2_step",
        """
def ddim_step(x, e, t, s, eta, z, alpha_bar):
    a = alpha_bar.double()
    tilde = (1 - a[s]) / (1 - a[t]) * (1 - a[t] / a[s])
    data = x / a[t] ** 0.5 - (1 / a[t] - 1) ** 0.5 * e
    out = a[s] ** 0.5 * data
    out += torch.sqrt(torch.relu(1 - a[s] - eta ** 2 * tilde)) * e
    out += eta * tilde ** 0.5 * z
    return out
""",
    ),
    Alternate(
        "step in two cases",
        "ex2_step",
        """
import math

def ddim_step(x_t, eps, t, s, eta, z, alpha_bar):
    at, as_ = float(alpha_bar[t]), float(alpha_bar[s])
    x0 = (x_t - math.sqrt(1 - at) * eps) / math.sqrt(at)
    if s == 0:
        return x0
    variance = eta * eta * (1 - as_) / (1 - at) * (1 - at / as_)
    x_s = math.sqrt(as_) * x0 + math.sqrt(1 - as_ - variance) * eps
    return x_s if eta == 0 else x_s + math.sqrt(variance) * z
""",
    ),
    Alternate(
        "clipping by minimum and maximum",
        "ex3_clip",
        """
def clip_x0(x_t, eps, t, alpha_bar):
    a = alpha_bar[t]
    x0 = torch.minimum(torch.maximum((x_t - (1 - a) ** 0.5 * eps) / a ** 0.5,
                                     torch.tensor(-1.0)), torch.tensor(1.0))
    return [x0, (x_t - a ** 0.5 * x0) / (1 - a) ** 0.5]
""",
    ),
    Alternate(
        "sampler by pairs",
        "ex4_sampler",
        """
from itertools import pairwise

def ddim(model, move, x, times, noise):
    for (t, s), z in zip(pairwise(times), noise):
        eps = model(x, t=t * torch.ones(len(x), dtype=torch.int64))
        x = move(x=x, eps=eps, t=t, s=s, z=z)
    return x.numpy()
""",
    ),
    Alternate(
        "labels dropped one by one",
        "ex5_drop",
        """
def drop_labels(y, p, generator):
    out = y.clone()
    for i in range(len(y)):
        if torch.rand((), generator=generator).item() < p:
            out[i] = -1
    return out
""",
    ),
    Alternate(
        "labels dropped by bernoulli",
        "ex5_drop",
        """
def drop_labels(y, p, generator):
    keep = torch.bernoulli(torch.full(y.shape, 1.0 - p), generator=generator).long()
    return y * keep - (1 - keep)
""",
    ),
    Alternate(
        "guidance as a sum",
        "ex6_guidance",
        "def guided_eps(model, x_t, t, y, w):\n"
        "    return w * model(x_t, t, y) + (1 - w) * model(x_t, t)",
    ),
    Alternate(
        "enough by sorting",
        "ex7_enough",
        """
def enough_steps(steps, distance, floor):
    for n, d in sorted(zip(steps.tolist(), distance.tolist())):
        if d / floor <= 1.5:
            return n
""",
    ),
    Alternate(
        "elbow by argmax",
        "ex8_elbow",
        "def elbow(w, accuracy):\n    return w[(accuracy >= accuracy.max() - 0.1).int().argmax()]",
    ),
]
