"""What the grader of a6_flow_and_few_steps is tested with: wrong answers, and right ones."""

from course_lib.grading.demo import Alternate, Mutant

V, C, L, E = "ex1_velocity", "ex2_convert", "ex3_loss", "ex4_euler"
H, P, K = "ex5_heun", "ex6_pairs", "ex7_consistency"
STOP = "    with torch.no_grad():\n        x_s"

MUTANTS = [
    Mutant("velocity to the data", V, "eps - x0", "x0 - eps", says="points from noise"),
    Mutant("velocity as a sum", V, "eps - x0", "eps + x0", says="sum of both"),
    Mutant("t not divided", V, "(t / T)", "(1.0 * t)", says="not divided by T"),
    Mutant("t from the other end", V, "(t / T)", "(1 - t / T)", says="wrong way"),
    Mutant("one t for all", V, "(t / T)", "(t[:1] / T)", says="first sample's time"),
    Mutant(
        "ends exchanged",
        V,
        "x_t - u * v, x_t + (1 - u) * v",
        "x_t + (1 - u) * v, x_t - u * v",
        says="are exchanged",
    ),
    Mutant(
        "ends by division",
        V,
        "x_t + (1 - u) * v",
        "(x_t - (1 - u) * (x_t - u * v)) / u",
        says="not finite",
    ),
    Mutant("velocity in place", V, "eps - x0", "eps.sub_(x0)", says="in place"),
    Mutant("shown z", C, "(a + b) * z", "z", says="shown z"),
    Mutant("z divided", C, "(a + b) * z", "z / (a + b)", says="z is divided"),
    Mutant("share of data", C, "return sigma[t] / (", "return alpha[t] / (", says="share of data"),
    Mutant("sigma as the time", C, "sigma[t] / (alpha[t] + sigma[t])", "sigma[t]", says="r is σ;"),
    Mutant(
        "t/T as the time",
        C,
        "sigma[t] / (alpha[t] + sigma[t])",
        "t / (len(alpha) - 1)",
        says="r is t/T",
    ),
    Mutant("flow to the data", C, "eps - x0", "x0 - eps", says="from noise to data"),
    Mutant("v for the velocity", C, "eps - x0", "out", says="as if it were"),
    Mutant("sign of x0", C, "a * x_t - b * out", "a * x_t + b * out", says="guess of x0 is wrong"),
    Mutant("sign of eps", C, "b * x_t + a * out", "b * x_t - a * out", says="guess of eps is"),
    Mutant(
        "divided by alpha",
        C,
        "x0, eps = a * x_t - b * out, b * x_t + a * out",
        "eps = b * x_t + a * out\n    x0 = (x_t - b * eps) / a",
        says="not finite",
    ),
    Mutant("target to the data", L, "(eps - x0)", "(x0 - eps)", says="from noise to data"),
    Mutant("target eps", L, "(eps - x0)", "eps", says="target is eps"),
    Mutant("target x0", L, "(eps - x0)", "x0", says="target is x0"),
    Mutant(
        "line reversed",
        L,
        "(1 - share) * x0 + share * eps",
        "share * x0 + (1 - share) * eps",
        says="line runs the wrong way",
    ),
    Mutant("told 1 - u", L, "model(x_u, u)", "model(x_u, 1 - u)", says="told 1 − u"),
    Mutant("told 1000 u", L, "model(x_u, u)", "model(x_u, 1000 * u)", says="1000 u"),
    Mutant("sum of squares", L, ".mean()", ".sum()", says="summed"),
    Mutant("sum over entries", L, ".mean()", ".flatten(1).sum(1).mean()", says="sample's entries"),
    Mutant("absolute error", L, ".square()", ".abs()", says="absolute"),
    Mutant(
        "loss without a graph", L, ".mean()", ".mean().detach()", says="nothing can be learned"
    ),
    Mutant(
        "line in place", L, "share * eps\n", "share * eps\n    x0.copy_(x_u)\n", says="in place"
    ),
    Mutant(
        "last step left out",
        E,
        "range(len(times) - 1)",
        "range(len(times) - 2)",
        says="last step",
    ),
    Mutant(
        "first step left out",
        E,
        "range(len(times) - 1)",
        "range(1, len(times) - 1)",
        says="first step",
    ),
    Mutant("told the end", E, "(len(x),), t)", "(len(x),), s)", says="where the step ends"),
    Mutant("wrong way", E, "(s - t)", "(t - s)", says="wrong way"),
    Mutant(
        "even steps",
        E,
        "(s - t) * v",
        "(times[-1] - times[0]) / (len(times) - 1) * v",
        says="between the given times",
    ),
    Mutant("one time for a batch", E, "torch.full((len(x),), t)", "t", says="one time"),
    Mutant("Heun at 0", H, "if s > 0:", "if True:", says="at time 0"),
    Mutant("Heun from the start", H, "model(trial,", "model(x,", says="that of the start"),
    Mutant("Heun at the first time", H, "(len(x),), s)", "(len(x),), t)", says="first time"),
    Mutant("second velocity only", H, "(v + ahead) / 2", "ahead", says="Only the second"),
    Mutant(
        "Heun from the trial",
        H,
        "trial = x + (s - t) * (v",
        "trial = trial + (s - t) * (v",
        says="from the trial",
    ),
    Mutant("velocities added", H, "(v + ahead) / 2", "(v + ahead)", says="not averaged"),
    Mutant("Euler for Heun", H, "if s > 0:", "if False:", says="Euler"),
    Mutant("last always Euler", H, "if s > 0:", "if s > times[-1]:", says="always Euler"),
    Mutant(
        "Heun without its last",
        H,
        "range(len(times) - 1)",
        "range(len(times) - 2)",
        says="last step",
    ),
    Mutant("gradient kept", P, "torch.no_grad()", "torch.enable_grad()", says="gradient"),
    Mutant("noise overwritten", P, "rows.clone()", "rows", says="in place"),
    Mutant("pairs shuffled", P, "torch.cat(ends)", "torch.cat(ends).flip(0)", says="its row"),
    Mutant(
        "pairs exchanged", P, "noise, torch.cat(ends)", "torch.cat(ends), noise", says="exchanged"
    ),
    Mutant("all at once", P, "noise.split(size)", "[noise]", says="at once"),
    Mutant(
        "rest dropped",
        P,
        "noise.split(size)",
        "noise[: max(len(noise) // size, 1) * size].split(size)",
        says="wrong shape",
    ),
    Mutant(
        "no boundary",
        K,
        "x - u.reshape(-1, *[1] * (x.ndim - 1)) * model",
        "x - model",
        says="f(x, 0)",
    ),
    Mutant("jump to the noise", K, "x - u.", "x + u.", says="towards the noise"),
    Mutant(
        "gradient into the target",
        K,
        STOP,
        STOP.replace("no_grad", "enable_grad"),
        says="into the t",
    ),
    Mutant(
        "target learns",
        K,
        "        goal = jump(target, x_s, s)\n",
        "    goal = jump(target, x_s, s)\n",
        says="into the target",
    ),
    Mutant(
        "nothing learns",
        K,
        "return (jump(student, x_u, u) - goal)",
        "return (jump(student, x_u, u).detach() - goal)",
        says="No gradient",
    ),
    Mutant("student for target", K, "jump(target,", "jump(student,", says="own target"),
    Mutant(
        "target for student", K, "jump(student,", "jump(target,", says="in place of the student"
    ),
    Mutant(
        "student for teacher",
        K,
        "teacher(x_u, u)",
        "student(x_u, u)",
        says="student makes the teacher's",
    ),
    Mutant("step the wrong way", K, "(there - here)", "(here - there)", says="wrong way"),
    Mutant("teacher told s", K, "teacher(x_u, u)", "teacher(x_u, s)", says="asked at s"),
    Mutant(
        "target told u", K, "jump(target, x_s, s)", "jump(target, x_s, u)", says="instead of s"
    ),
    Mutant(
        "no step of the teacher",
        K,
        "x_u + (there - here) * teacher(x_u, u)",
        "(1 - there) * x0 + there * eps",
        says="step is missing",
    ),
    Mutant("sum of differences", K, ".mean()", ".sum()", says="summed"),
]

ALTERNATES = [
    Alternate(
        "lines by broadcasting",
        V,
        """
def velocity(x0, eps):
    return torch.sub(eps, x0)

def endpoints(x_t, v, t, T):
    u = (t.float() / T).view(len(t), *(1 for _ in x_t.shape[1:]))
    x0 = x_t - v * u
    return [x0, x0 + v]
""",
    ),
    Alternate(
        "lines turned around",
        V,
        """
def velocity(x0, eps):
    return -(x0 - eps)

def endpoints(x_t, v, t, T):
    a = 1 - t / T
    eps = (x_t.transpose(0, -1) + a * v.transpose(0, -1)).transpose(0, -1)
    return eps - v, eps
""",
    ),
    Alternate(
        "one sum for the velocity",
        C,
        """
def as_flow(model, z, t, alpha, sigma):
    total = alpha + sigma
    r = (sigma / total)[t]
    wide = lambda table: table[t].view([-1] + [1] * (z.dim() - 1))
    x = z * wide(total)
    return r, wide(sigma - alpha) * x + wide(total) * model(x, t)
""",
    ),
    Alternate(
        "in double precision",
        C,
        """
def as_flow(model, z, t, alpha, sigma):
    a, b = alpha.double()[t], sigma.double()[t]
    while a.ndim < z.ndim:
        a, b = a[..., None], b[..., None]
    x = (a + b).float() * z
    v = model(x, t).double()
    r = (b / (a + b)).flatten()
    return r, (b * x + a * v) - (a * x - b * v)
""",
    ),
    Alternate(
        "loss by lerp",
        L,
        """
def flow_loss(model, x0, eps, u):
    x = torch.lerp(x0, eps, u.view(-1, *[1] * (x0.dim() - 1)).expand_as(x0))
    return torch.nn.functional.mse_loss(model(x, u), eps - x0)
""",
    ),
    Alternate(
        "loss sample by sample",
        L,
        """
def flow_loss(model, x0, eps, u):
    x = torch.stack([a + k * (b - a) for a, b, k in zip(x0, eps, u)])
    return ((eps - x0 - model(x, u)) ** 2).flatten(1).mean(1).mean()
""",
    ),
    Alternate(
        "Euler by index",
        E,
        """
def euler(model, x, times):
    for i in range(1, len(times)):
        x = x - (times[i - 1] - times[i]) * model(x, times[i - 1] * torch.ones(len(x)))
    return x
""",
    ),
    Alternate(
        "Euler in place",
        E,
        """
def euler(model, x, times):
    t = torch.tensor(times)
    for now, step in zip(t, t.diff()):
        x += step * model(x, now.expand(len(x)))
    return x
""",
    ),
    Alternate(
        "Heun as a correction",
        H,
        """
def heun(model, x, times):
    for t, s in zip(times, times[1:]):
        full = lambda value: torch.full((len(x),), float(value))
        v = model(x, full(t))
        y = x + (s - t) * v
        x = y if s == 0 else y + (s - t) * (model(y, full(s)) - v) / 2
    return x
""",
    ),
    Alternate(
        "Heun with an early end",
        H,
        """
def heun(model, x, times):
    ones = torch.ones(x.shape[0])
    for i in range(len(times) - 1):
        h, first = times[i + 1] - times[i], model(x, times[i] * ones)
        if times[i + 1] <= 0:
            return x + h * first
        x = x + h / 2 * (first + model(x + h * first, times[i + 1] * ones))
    return x
""",
    ),
    Alternate(
        "pairs by a loop",
        P,
        """
@torch.no_grad()
def reflow_pairs(solve, noise, size):
    out = torch.empty_like(noise)
    for i in range(0, len(noise), size):
        out[i : i + size] = solve(noise[i : i + size].clone())
    return noise.clone(), out
""",
    ),
    Alternate(
        "pairs detached",
        P,
        """
def reflow_pairs(solve, noise, size):
    copy = noise.detach().clone()
    ends = [solve(part).detach() for part in copy.split(size)]
    return noise, torch.cat(ends)
""",
    ),
    Alternate(
        "consistency by detach",
        K,
        """
def jump(model, x, u):
    v = model(x, u)
    return x - v * u.view(-1, *[1] * (v.dim() - 1))

def consistency_loss(student, target, teacher, x0, eps, u, s):
    wide = (len(u),) + (1,) * (x0.dim() - 1)
    x_u = x0 + u.view(wide) * (eps - x0)
    x_s = x_u - (u - s).view(wide) * teacher(x_u, u).detach()
    return torch.nn.functional.mse_loss(jump(student, x_u, u), jump(target, x_s, s).detach())
""",
    ),
]
