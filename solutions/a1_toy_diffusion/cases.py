"""What the grader of a1_toy_diffusion is tested with: wrong answers, and right ones.

A case starts from the master and changes one answer. A mutant must lose that exercise's points,
and no others, with a finding that contains the words in ``says``; an alternate must lose nothing.
"""

from course_lib.grading.demo import Alternate, Mutant

MUTANTS = [
    # 1. the schedule
    Mutant("beta not rescaled", "ex1_schedule", "1000 / T * ", "", says="rescaled by 1000/T"),
    Mutant("beta divided by 1000/T", "ex1_schedule", "1000 / T", "T / 1000", says="divided by"),
    Mutant(
        "T entries",
        "ex1_schedule",
        "return beta, alpha_bar",
        "return beta[1:], alpha_bar[1:]",
        says="shape",
    ),
    Mutant(
        "root of alpha_bar",
        "ex1_schedule",
        ".cumprod(0)",
        ".cumprod(0).sqrt()",
        says="square root",
    ),
    Mutant(
        "product of beta",
        "ex1_schedule",
        "(1 - beta).cumprod(0)",
        "torch.cat([torch.ones(1), beta[1:].cumprod(0)])",
        says="β instead of 1 − β",
    ),
    Mutant(
        "sum of beta",
        "ex1_schedule",
        "(1 - beta).cumprod(0)",
        "1 - beta.cumsum(0)",
        says="adds the β up",
    ),
    Mutant(
        "alpha_bar late by one",
        "ex1_schedule",
        "(1 - beta).cumprod(0)",
        "torch.cat([torch.ones(1), (1 - beta).cumprod(0)[:-1]])",
        says="late by one",
    ),
    Mutant(
        "beta begins at t = 0",
        "ex1_schedule",
        "beta[1:] = 1000 / T * torch.linspace(1e-4, 0.02, T)",
        "beta = 1000 / T * torch.linspace(1e-4, 0.02, T + 1)",
        says="beta[0] must be 0",
    ),
    Mutant(
        "beta straight in its root",
        "ex1_schedule",
        "torch.linspace(1e-4, 0.02, T)",
        "torch.linspace(1e-2, 0.02**0.5, T) ** 2",
        says="in its square root",
    ),
    Mutant(
        "T fixed at 1000",
        "ex1_schedule",
        "beta = torch.zeros",
        "T = 1000; beta = torch.zeros",
        says="shape",
    ),
    # 2. the forward process
    Mutant(
        "both roots missing",
        "ex2_forward",
        "share.sqrt() * x0 + (1 - share).sqrt() * eps",
        "share * x0 + (1 - share) * eps",
        says="square roots are missing",
    ),
    Mutant(
        "root of the noise missing",
        "ex2_forward",
        "(1 - share).sqrt()",
        "(1 - share)",
        says="noise scale is missing",
    ),
    Mutant(
        "one minus the root",
        "ex2_forward",
        "(1 - share).sqrt()",
        "(1 - share.sqrt())",
        says="1 − √ᾱ",
    ),
    Mutant(
        "signal and noise swapped",
        "ex2_forward",
        "share.sqrt() * x0 + (1 - share).sqrt() * eps",
        "share.sqrt() * eps + (1 - share).sqrt() * x0",
        says="swapped",
    ),
    Mutant(
        "no broadcasting",
        "ex2_forward",
        ".reshape(-1, *[1] * (x0.ndim - 1))",
        "",
        says="broadcast along the wrong dimension",
    ),
    Mutant(
        "broadcasting for points only",
        "ex2_forward",
        ".reshape(-1, *[1] * (x0.ndim - 1))",
        "[:, None]",
        says="",
    ),
    Mutant(
        "one t for the batch",
        "ex2_forward",
        "alpha_bar[t]",
        "alpha_bar[t[0]].repeat(len(t))",
        says="One t is used",
    ),
    Mutant(
        "table read early",
        "ex2_forward",
        "alpha_bar[t]",
        "alpha_bar[t - 1]",
        says="one entry too early",
    ),
    Mutant("noise subtracted", "ex2_forward", "x0 + (1", "x0 - (1", says="subtracted"),
    # 3. the embedding
    Mutant(
        "masked by rows",
        "ex3_embedding",
        "return torch.cat([angle.cos(), angle.sin()], dim=1)",
        "out = angle.repeat(1, 2)\n    out[0::2] = out[0::2].cos()\n"
        "    out[1::2] = out[1::2].sin()\n    return out",
        says="Every second row",
    ),
    Mutant(
        "sines first",
        "ex3_embedding",
        "[angle.cos(), angle.sin()]",
        "[angle.sin(), angle.cos()]",
        says="Sines come first",
    ),
    Mutant(
        "alternating",
        "ex3_embedding",
        "torch.cat([angle.cos(), angle.sin()], dim=1)",
        "torch.stack([angle.cos(), angle.sin()], dim=2).flatten(1)",
        says="alternate",
    ),
    Mutant(
        "divided by d/2 - 1", "ex3_embedding", "/ (d // 2))", "/ (d // 2 - 1))", says="d/2 − 1"
    ),
    Mutant("sign of the exponent", "ex3_embedding", "** (-torch", "** (torch", says="sign"),
    Mutant("divided by d", "ex3_embedding", "/ (d // 2))", "/ d)", says="d instead of d/2"),
    Mutant(
        "t divided by 1000",
        "ex3_embedding",
        "t[:, None]",
        "t[:, None] / 1000",
        says="divided by 1000",
    ),
    # 4. a training draw
    Mutant("uniform noise", "ex4_draw", "torch.randn(", "torch.rand(", says="uniform"),
    Mutant(
        "uniform noise of the right size",
        "ex4_draw",
        "torch.randn(x0.shape, generator=generator)",
        "(2 * torch.rand(x0.shape, generator=generator) - 1) * 3**0.5",
        says="not Gaussian",
    ),
    Mutant(
        "never T",
        "ex4_draw",
        "torch.randint(1, T + 1,",
        "torch.randint(1, T,",
        says="t = T is never drawn",
    ),
    Mutant(
        "from 0",
        "ex4_draw",
        "torch.randint(1, T + 1,",
        "torch.randint(0, T + 1,",
        says="t = 0 is drawn",
    ),
    Mutant(
        "never 1",
        "ex4_draw",
        "torch.randint(1, T + 1,",
        "torch.randint(2, T + 1,",
        says="t = 1 is never drawn",
    ),
    Mutant(
        "one t drawn",
        "ex4_draw",
        "(len(x0),), generator=generator)",
        "(1,), generator=generator).expand(len(x0))",
        says="whole batch",
    ),
    Mutant(
        "shared noise",
        "ex4_draw",
        "torch.randn(x0.shape, generator=generator)",
        "torch.randn(x0.shape[1:], generator=generator).expand(x0.shape)",
        says="share their noise",
    ),
    Mutant(
        "generator forgotten",
        "ex4_draw",
        "torch.randn(x0.shape, generator=generator)",
        "torch.randn(x0.shape)",
        says="same generator",
    ),
    Mutant(
        "seeds itself",
        "ex4_draw",
        "t = torch.randint",
        "generator.manual_seed(0)\n    t = torch.randint",
        says="seed itself",
    ),
    # 5. the loss
    Mutant(
        "another table",
        "ex5_loss",
        "x_t = add_noise(x0, t, eps, alpha_bar)",
        "x_t = add_noise(x0, t, eps, schedule_tables(len(alpha_bar) - 1)[0])",
        says="alpha_bar as its table",
    ),
    Mutant("summed", "ex5_loss", ".mean()", ".sum()", says="summed"),
    Mutant("absolute", "ex5_loss", ".square()", ".abs()", says="absolute"),
    Mutant("root", "ex5_loss", ".mean()", ".mean().sqrt()", says="square root"),
    Mutant("compared with x0", "ex5_loss", "- eps)", "- x0)", says="compared with x0"),
    Mutant("sees clean data", "ex5_loss", "model(x_t, t)", "model(x0, t)", says="clean data"),
    Mutant(
        "time forgotten",
        "ex5_loss",
        "model(x_t, t)",
        "model(x_t, 0 * t)",
        says="not told the time",
    ),
    Mutant("time early", "ex5_loss", "model(x_t, t)", "model(x_t, t - 1)", says="t − 1"),
    Mutant("not reduced", "ex5_loss", ".mean()", "", says="shape"),
    # 6. one reverse step
    Mutant(
        "noise in the last step",
        "ex6_reverse",
        "variance = beta[t] * (1 - alpha_bar[t - 1]) / (1 - alpha_bar[t])",
        "variance = beta[t]",
        says="last step",
    ),
    Mutant(
        "variance for its root", "ex6_reverse", "variance.sqrt()", "variance", says="is a variance"
    ),
    Mutant("no noise", "ex6_reverse", "mean + variance.sqrt() * z", "mean", says="No noise"),
    Mutant("sign", "ex6_reverse", "x_t - pull", "x_t + pull", says="added instead of subtracted"),
    Mutant(
        "divided by 1 - beta",
        "ex6_reverse",
        "/ (1 - beta[t]).sqrt()",
        "/ (1 - beta[t])",
        says="instead of its square root",
    ),
    Mutant("not divided", "ex6_reverse", " / (1 - beta[t]).sqrt()", "", says="not divided"),
    Mutant(
        "divided by alpha_bar",
        "ex6_reverse",
        "/ (1 - beta[t]).sqrt()",
        "/ alpha_bar[t].sqrt()",
        says="√ᾱ_t instead",
    ),
    Mutant(
        "root in the pull missing",
        "ex6_reverse",
        "/ (1 - alpha_bar[t]).sqrt()",
        "/ (1 - alpha_bar[t])",
        says="a square root is missing",
    ),
    Mutant(
        "root of beta in the pull",
        "ex6_reverse",
        "pull = beta[t] /",
        "pull = beta[t].sqrt() /",
        says="β itself is meant",
    ),
    Mutant(
        "tables early",
        "ex6_reverse",
        "pull = beta[t] / (1 - alpha_bar[t]).sqrt()\n"
        "    mean = (x_t - pull * eps) / (1 - beta[t]).sqrt()",
        "pull = beta[t - 1] / (1 - alpha_bar[t - 1]).sqrt().clamp(min=1e-6)\n"
        "    mean = (x_t - pull * eps) / (1 - beta[t - 1]).sqrt()",
        says="read at t − 1",
    ),
    # 7. a sampler
    Mutant(
        "begins at T - 1",
        "ex7_sampler",
        "len(noise) - 1, 0",
        "len(noise) - 2, 0",
        says="begins at T − 1",
    ),
    Mutant(
        "ends at 2",
        "ex7_sampler",
        "len(noise) - 1, 0",
        "len(noise) - 1, 1",
        says="from t = 1, is missing",
    ),
    Mutant(
        "runs forwards",
        "ex7_sampler",
        "range(len(noise) - 1, 0, -1)",
        "range(1, len(noise))",
        says="instead of back",
    ),
    Mutant(
        "noise reversed",
        "ex7_sampler",
        "noise[t]",
        "noise[len(noise) - 1 - t]",
        says="noise[T − t]",
    ),
    Mutant("one noise", "ex7_sampler", "noise[t]", "noise[-1]", says="One draw of noise"),
    Mutant("fresh noise not passed", "ex7_sampler", "noise[t]", "0 * x", says="No fresh noise"),
    Mutant(
        "network told t - 1",
        "ex7_sampler",
        "(len(x),), t)",
        "(len(x),), t - 1)",
        says="told t − 1",
    ),
    Mutant(
        "stale x",
        "ex7_sampler",
        "for t in",
        "start = x\n    for t in",
        then=("model(x,", "model(start,"),
        says="starting noise at every step",
    ),
    # 8. conditional sampling
    Mutant("Ho & Salimans' w", "ex8_guidance", "w * (model", "(w + 1) * (model", says="ours − 1"),
    Mutant(
        "counted from the other side",
        "ex8_guidance",
        "without + w * (model(x_t, t, y) - without)",
        "(1 - w) * model(x_t, t, y) + w * without",
        says="exchanged",
    ),
    Mutant(
        "added to the conditional",
        "ex8_guidance",
        "return without + w",
        "return model(x_t, t, y) + w",
        says="ours − 1",
    ),
    Mutant(
        "guidance ignored",
        "ex8_guidance",
        "return without + w * (model(x_t, t, y) - without)",
        "return model(x_t, t, y)",
        says="Only the conditional",
    ),
    Mutant(
        "label 0 for none",
        "ex8_guidance",
        "model(x_t, t, None)",
        "model(x_t, t, 0 * y)",
        says="pass y=None",
    ),
    Mutant(
        "first label for all",
        "ex8_guidance",
        "model(x_t, t, y)",
        "model(x_t, t, y[:1].expand(len(y)))",
        says="first label",
    ),
    Mutant(
        "sampler without labels",
        "ex8_guidance",
        "guided_eps(model, x, t, y, w)",
        "model(x, t, None)",
        says="labels do not reach",
    ),
    Mutant(
        "sampler without guidance",
        "ex8_guidance",
        "guided_eps(model, x, t, y, w)",
        "model(x, t, y)",
        says="w = 1",
    ),
    # what nobody had asked about: other inputs, a second call, what is left of the arguments
    Mutant(
        "changes the data in place",
        "ex2_forward",
        "return share.sqrt() * x0 + (1 - share).sqrt() * eps",
        "return x0.mul_(share.sqrt()).add_((1 - share).sqrt() * eps)",
        says="argument number 1 in place",
    ),
    Mutant(
        "changes the noise in place",
        "ex2_forward",
        "return share.sqrt() * x0 + (1 - share).sqrt() * eps",
        "eps *= (1 - share).sqrt(); return share.sqrt() * x0 + eps",
        says="argument number 3 in place",
    ),
    Mutant(
        "table without t = 0",
        "ex2_forward",
        "alpha_bar[t]",
        "alpha_bar[1:][t - 1]",
        says="x_t is not",
    ),
    Mutant(
        "times as floats",
        "ex4_draw",
        "(len(x0),), generator=generator)",
        "(len(x0),), generator=generator).float()",
        says="whole numbers",
    ),
    Mutant(
        "seeds itself from the generator",
        "ex4_draw",
        "    t = torch.randint",
        "    generator.manual_seed(generator.initial_seed())\n    t = torch.randint",
        says="see one noise",
    ),
    Mutant(
        "seeds everything from the generator",
        "ex4_draw",
        "    t = torch.randint",
        "    generator = torch.manual_seed(generator.initial_seed())\n    t = torch.randint",
        says="see one noise",
    ),
    Mutant(
        "times in a row",
        "ex4_draw",
        "    eps = torch.randn",
        "    t = (t[0] + torch.arange(len(x0))) % T + 1\n    eps = torch.randn",
        says="depend on each other",
    ),
    Mutant(
        "loss under no_grad",
        "ex5_loss",
        "def loss",
        "@torch.no_grad()\ndef loss",
        says="nothing can be learned",
    ),
    Mutant(
        "loss as a float",
        "ex5_loss",
        ".mean()",
        ".mean().item()",
        says="nothing can be learned",
    ),
    Mutant(
        "twice the samples for the entries",
        "ex5_loss",
        ".mean()",
        ".sum() / (2 * len(x0))",
        says="not the mean of",
    ),
    Mutant(
        "tables of its own",
        "ex6_reverse",
        "    pull = beta[t]",
        "    beta, alpha_bar = schedule_tables(len(beta) - 1)\n    pull = beta[t]",
        says="two tables are not used",
    ),
    Mutant(
        "changes x_t in place",
        "ex6_reverse",
        "    mean = (x_t - pull * eps)",
        "    x_t -= pull * eps\n    mean = x_t",
        says="argument number 1 in place",
    ),
    Mutant(
        "one time for the batch",
        "ex7_sampler",
        "torch.full((len(x),), t)",
        "t",
        says="one time or one label",
    ),
    Mutant(
        "a tensor of one time",
        "ex7_sampler",
        "torch.full((len(x),), t)",
        "torch.tensor([t])",
        says="one time or one label",
    ),
    Mutant(
        "other noise in sample_class",
        "ex8_guidance",
        "step, x, noise)",
        "step, x, torch.randn_like(noise))",
        says="does not walk back",
    ),
    Mutant(
        "too little noise in sample_class",
        "ex8_guidance",
        "step, x, noise)",
        "step, x, noise[1:])",
        says="sample_class",
    ),
    Mutant(
        "no guidance for w = 0",
        "ex8_guidance",
        "    without = model(x_t, t, None)",
        "    if w == 0: return model(x_t, t, y)\n    without = model(x_t, t, None)",
        says="ours − 1",
    ),
]

ALTERNATES = [
    Alternate(
        "tables by a loop",
        "ex1_schedule",
        """
def schedule_tables(T):
    beta, alpha_bar = [0.0], [1.0]
    for i in range(T):
        b = (1e-4 + (0.02 - 1e-4) * i / (T - 1)) * 1000 / T
        beta.append(b)
        alpha_bar.append(alpha_bar[-1] * (1 - b))
    return torch.tensor(beta), torch.tensor(alpha_bar)
""",
    ),
    Alternate(
        "tables in NumPy",
        "ex1_schedule",
        """
import numpy as np

def schedule_tables(T):
    beta = np.append(0, np.linspace(0.1 / T, 20 / T, T))
    return beta, np.exp(np.log1p(-beta).cumsum())
""",
    ),
    Alternate(
        "tables in float64, as a list",
        "ex1_schedule",
        """
def schedule_tables(steps):
    b = torch.linspace(1e-4, 0.02, steps).double() * (1000 / steps)
    b = torch.nn.functional.pad(b, (1, 0))
    return [b, torch.cumprod(1.0 - b, dim=0)]
""",
    ),
    Alternate(
        "jump by a loop over the batch",
        "ex2_forward",
        """
def add_noise(x0, t, eps, alpha_bar):
    out = torch.empty_like(x0)
    for i, k in enumerate(t.tolist()):
        out[i] = alpha_bar[k] ** 0.5 * x0[i] + (1 - alpha_bar[k]) ** 0.5 * eps[i]
    return out
""",
    ),
    Alternate(
        "jump in place, in float64",
        "ex2_forward",
        """
def add_noise(x0, t, eps, alpha_bar):
    a = alpha_bar.double().gather(0, t)
    while a.ndim < x0.ndim:
        a = a.unsqueeze(-1)
    x = x0.double().clone()
    x.mul_(a.sqrt()).add_((1 - a).sqrt() * eps)
    return x
""",
    ),
    Alternate(
        "jump through the angle",
        "ex2_forward",
        """
def add_noise(x0, t, eps, alpha_bar):
    angle = torch.arccos(alpha_bar[t].sqrt())
    return torch.einsum("b,b...->b...", angle.cos(), x0) + torch.einsum(
        "b,b...->b...", angle.sin(), eps)
""",
    ),
    Alternate(
        "embedding by exp and outer",
        "ex3_embedding",
        """
import math

def embed(t, d):
    w = torch.exp(-math.log(10000.0) * torch.arange(0, d, 2) / d)
    phase = torch.outer(t.float(), w)
    out = torch.zeros(len(t), d)
    out[:, : d // 2] = torch.cos(phase)
    out[:, d // 2 :] = torch.sin(phase)
    return out
""",
    ),
    Alternate(
        "embedding by loops",
        "ex3_embedding",
        """
import math

def embed(times, d):
    half = d // 2
    rows = []
    for time in times:
        angles = [float(time) / 10000 ** (k / half) for k in range(half)]
        rows.append([math.cos(a) for a in angles] + [math.sin(a) for a in angles])
    return rows
""",
    ),
    Alternate(
        "draw with random_ and normal",
        "ex4_draw",
        """
def training_draw(x0, T, generator):
    u = torch.rand(x0.shape[0], generator=generator)
    t = 1 + (u * T).floor().long().clamp(max=T - 1)
    return t, torch.normal(torch.zeros_like(x0), torch.ones_like(x0), generator=generator)
""",
    ),
    Alternate(
        "stratified draw",
        "ex4_draw",
        """
def training_draw(x0, T, generator):
    n = len(x0)
    u = (torch.arange(n) + torch.rand(n, generator=generator)) / n
    t = (1 + u * T).long().clamp(1, T)[torch.randperm(n, generator=generator)]
    return t, torch.empty_like(x0).normal_(generator=generator)
""",
    ),
    Alternate(
        "loss by PyTorch's own",
        "ex5_loss",
        """
def loss(model, x0, t, eps, alpha_bar):
    return torch.nn.functional.mse_loss(model(add_noise(x0, t, eps, alpha_bar), t), eps)
""",
    ),
    Alternate(
        "loss without add_noise, in float64",
        "ex5_loss",
        """
def loss(model, x0, t, eps, alpha_bar):
    a = alpha_bar[t][:, None]
    difference = eps - model(a ** 0.5 * x0 + (1 - a) ** 0.5 * eps, t)
    return (difference.double() ** 2).sum() / difference.numel()
""",
    ),
    Alternate(
        "a sampler that takes labels, too",
        "ex7_sampler",
        """
def sample(model, step, x, noise, y=None):
    for t in range(len(noise) - 1, 0, -1):
        times = torch.full((len(x),), t)
        x = step(x, model(x, times) if y is None else model(x, times, y), t, noise[t])
    return x
""",
    ),
    Alternate(
        "a sampler that works in place",
        "ex7_sampler",
        """
def sample(model, step, x, noise):
    for t in range(len(noise) - 1, 0, -1):
        x[:] = step(x, model(x, torch.full((len(x),), t)), t, noise[t])
    return x
""",
    ),
    Alternate(
        "a step that asks for the guided guess itself",
        "ex8_guidance",
        """
def guided_eps(model, x_t, t, y, w):
    return w * model(x_t, t, y) + (1 - w) * model(x_t, t, None)

def sample_class(model, step, x, noise, y, w):
    def guided_step(x, eps, t, z):
        return step(x, guided_eps(model, x, torch.full((len(x),), t), y, w), t, z)
    return sample(model, guided_step, x, noise)
""",
    ),
    Alternate(
        "a sampler of its own with more arguments",
        "ex8_guidance",
        """
def guided_eps(model, x_t, t, y, w):
    return w * model(x_t, t, y) + (1 - w) * model(x_t, t, None)

def sample(model, step, x, noise, y=None, w=None):
    for t in range(len(noise) - 1, 0, -1):
        times = torch.full((len(x),), t)
        eps = model(x, times) if y is None else guided_eps(model, x, times, y, w)
        x = step(x, eps, t, noise[t])
    return x

def sample_class(model, step, x, noise, y, w):
    return sample(model, step, x, noise, y, w)
""",
    ),
    Alternate(
        "no sum without guidance",
        "ex8_guidance",
        """
def guided_eps(model, x_t, t, y, w):
    if w == 1:
        return model(x_t, t, y)
    return w * model(x_t, t, y) + (1 - w) * model(x_t, t)

def sample_class(model, step, x, noise, y, w):
    return sample(lambda x, t: guided_eps(model, x, t, y, w), step, x, noise)
""",
    ),
    Alternate(
        "step with the variance beta",
        "ex6_reverse",
        """
def reverse_step(x_t, eps, t, z, beta, alpha_bar):
    mean = (x_t - beta[t] * eps / (1 - alpha_bar[t]) ** 0.5) / (1 - beta[t]) ** 0.5
    if t == 1:
        return mean
    return mean + beta[t] ** 0.5 * z
""",
    ),
    Alternate(
        "step through x0",
        "ex6_reverse",
        """
def reverse_step(x_t, eps, t, z, beta, alpha_bar):
    a, before = alpha_bar[t], alpha_bar[t - 1]
    x0 = (x_t - (1 - a).sqrt() * eps) / a.sqrt()
    mean = before.sqrt() * beta[t] / (1 - a) * x0
    mean = mean + (1 - beta[t]).sqrt() * (1 - before) / (1 - a) * x_t
    return mean + ((1 - before) / (1 - a) * beta[t]).sqrt() * z * (t > 1)
""",
    ),
    Alternate(
        "step in NumPy",
        "ex6_reverse",
        """
import numpy as np

def reverse_step(x_t, eps, t, z, beta, alpha_bar):
    x, e, z, b, a = (np.asarray(v, dtype=np.float64) for v in (x_t, eps, z, beta, alpha_bar))
    sigma = np.sqrt(b[t]) if t > 1 else 0.0
    return (x - b[t] / np.sqrt(1 - a[t]) * e) / np.sqrt(1 - b[t]) + sigma * z
""",
    ),
    Alternate(
        "sampler counting from 0",
        "ex7_sampler",
        """
def sample(model, step, x, noise):
    T = noise.shape[0] - 1
    with torch.no_grad():
        for i in range(T):
            time = torch.ones(x.shape[0], dtype=torch.long) * (T - i)
            x = step(x, model(x, time), T - i, noise[T - i])
    return x
""",
    ),
    Alternate(
        "sampler by recursion, no noise at the end",
        "ex7_sampler",
        """
def sample(model, step, x, noise):
    t = len(noise) - 1
    if t == 0:
        return x
    z = noise[t] if t > 1 else torch.zeros_like(x)
    return sample(model, step, step(x, model(x, torch.tensor([t] * len(x))), t, z), noise[:-1])
""",
    ),
    Alternate(
        "sampler with names, as in the text",
        "ex7_sampler",
        """
def sample(model, step, x, noise):
    for t in range(len(noise) - 1, 0, -1):
        eps = model(x=x, t=torch.full((len(x),), t))
        x = step(x=x, eps=eps, t=t, z=noise[t])
    return x
""",
    ),
    Alternate(
        "a jump of its own that returns arrays",
        "ex5_loss",
        """
def add_noise(x0, t, eps, alpha_bar):
    share = alpha_bar[t].numpy().reshape(-1, *[1] * (x0.ndim - 1))
    return share**0.5 * x0.numpy() + (1 - share) ** 0.5 * eps.numpy()

def loss(model, x0, t, eps, alpha_bar):
    x_t = add_noise(x0, t, eps, alpha_bar).astype("float32")
    return ((model(torch.from_numpy(x_t), t) - eps) ** 2).mean()
""",
    ),
    Alternate(
        "guidance as a weighted sum",
        "ex8_guidance",
        """
def guided_eps(model, x_t, t, y, w):
    return w * model(x_t=x_t, t=t, y=y) + (1 - w) * model(x_t, t, y=None)

def sample_class(model, step, x, noise, y, w):
    for t in reversed(range(1, len(noise))):
        x = step(x, guided_eps(model, x, torch.full_like(y, t), y, w), t, noise[t])
    return x
""",
    ),
    Alternate(
        "guidance by lerp, answers stacked",
        "ex8_guidance",
        """
def guided_eps(model, x_t, t, y, w):
    with_label, without = model(x_t, t, y), model(x_t, t)
    return torch.stack([without, with_label]).mul(torch.tensor([1 - w, w])[:, None, None]).sum(0)

def sample_class(model, step, x, noise, y, w):
    def listening(x, t):
        return guided_eps(model, x, t, y, w)
    return sample(listening, step, x, noise)
""",
    ),
]
