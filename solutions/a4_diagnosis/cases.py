"""What the grader of a4_diagnosis is tested with: wrong answers, and right ones."""

from course_lib.grading.demo import Alternate, Mutant

CAME_IN = "as it came in"

MUTANTS = [
    # 0. the loss by time
    Mutant(
        "sums for means",
        "ex0_curve",
        "(total / t.bincount(minlength=T + 1))[1:]",
        "total[1:]",
        says="added up",
    ),
    Mutant("curve late", "ex0_curve", "[1:]", ".nan_to_num()[:-1]", says="late by one"),
    Mutant("T + 1 entries", "ex0_curve", "[1:]", "", says="shape"),
    Mutant(
        "divided by all",
        "ex0_curve",
        "t.bincount(minlength=T + 1)",
        "len(t)",
        says="number of all samples",
    ),
    Mutant(
        "sorted in place",
        "ex0_curve",
        "    total =",
        "    error[:], t[:] = error[t.argsort()], t.sort().values\n    total =",
        says="in place",
    ),
    # 1. labels never dropped
    Mutant(
        "embedding suspected", "ex1a_name", "LABELS_NEVER_DROPPED", "DEAD_TIME_EMBEDDING", "flat"
    ),
    Mutant("labels unused", "ex1b_mend", "net(x_t, t, labels)", "net(x_t, t, y)", says=CAME_IN),
    Mutant(
        "all labels dropped",
        "ex1b_mend",
        "y.masked_fill(u < 0.2, -1)",
        "torch.full_like(y, -1)",
        says="Every label",
    ),
    Mutant("label 0 for none", "ex1b_mend", "u < 0.2, -1", "u < 0.2, 0", says="label 0"),
    Mutant("labels dropped in place", "ex1b_mend", "masked_fill(", "masked_fill_(", "in place"),
    Mutant(
        "one draw for the batch", "ex1b_mend", "u < 0.2, -1", "u[0] < 0.2, -1", "draw of its own"
    ),
    Mutant("four in five dropped", "ex1b_mend", "u < 0.2, -1", "u > 0.2, -1", "Four labels"),
    Mutant(
        "a sum over coordinates",
        "ex1b_mend",
        ".square().mean()",
        ".square().sum(1).mean()",
        says="of a healthy program",
    ),
    Mutant(
        "the absolute error",
        "ex1b_mend",
        ".square().mean()",
        ".abs().mean()",
        "of a healthy program",
    ),
    Mutant(
        "nothing to learn from",
        "ex1b_mend",
        "guess = net(x_t, t, labels)",
        "guess = net(x_t, t, labels).detach()",
        says="nothing can be learned",
    ),
    # 2. an off-by-one in t
    Mutant("mismatch suspected", "ex2a_name", "OFF_BY_ONE_IN_T", "SCHEDULE_MISMATCH", "two"),
    Mutant(
        "still one early", "ex2b_mend", "net(x_t, t, label)", "net(x_t, t - 1, label)", CAME_IN
    ),
    Mutant(
        "no time at all",
        "ex2b_mend",
        "net(x_t, t, label)",
        "net(x_t, 0 * t, label)",
        says="time 0",
    ),
    Mutant(
        "one late instead",
        "ex2b_mend",
        "net(x_t, t, label)",
        "net(x_t, t + 1, label)",
        says="other way round",
    ),
    Mutant(
        "one time for the batch",
        "ex2b_mend",
        "net(x_t, t, label)",
        "net(x_t, t[:1], label)",
        says="one time or one label",
    ),
    Mutant(
        "the data changed in place",
        "ex2b_mend",
        "x_t = alpha_2[t, None] * x0 +",
        "x_t = x0.mul_(alpha_2[t, None]) +",
        says="in place",
    ),
    # 3. pixels in [0, 255]
    Mutant(
        "learning rate suspected",
        "ex3a_name",
        "PIXELS_0_TO_255",
        "LEARNING_RATE_TOO_HIGH",
        "jumps",
    ),
    Mutant("still bytes", "ex3b_mend", " / 127.5 - 1", "", says=CAME_IN),
    Mutant("from 0 to 1", "ex3b_mend", "/ 127.5 - 1", "/ 255", says="0 to 1"),
    Mutant("from -1 to 0", "ex3b_mend", "/ 127.5 - 1", "/ 255 - 1", says="−1 to 0"),
    Mutant("ink for paper", "ex3b_mend", "raw.float() / 127.5 - 1", "1 - raw / 127.5", "Ink"),
    Mutant(
        "divided by a batch's maximum",
        "ex3b_mend",
        "raw.float() / 127.5 - 1",
        "2 * raw.float() / raw.max() - 1",
        says="largest byte",
    ),
    Mutant(
        "divided by an image's maximum",
        "ex3b_mend",
        "raw.float() / 127.5 - 1",
        "2 * raw.float() / raw.amax(1, keepdim=True) - 1",
        says="largest byte",
    ),
    Mutant(
        "bytes overflow",
        "ex3b_mend",
        "raw.float() / 127.5 - 1",
        "(2 * raw - 255).float() / 255",
        says="overflow",
    ),
    Mutant(
        "bytes that end in eights",
        "ex3b_mend",
        "raw.float() / 127.5 - 1",
        "(raw // 8) / 15.5 - 1",
        says="of a healthy program",
    ),
    # 4. noise at the last step
    Mutant("off-by-one suspected", "ex4a_name", "NOISE_AT_LAST_STEP", "OFF_BY_ONE_IN_T", "by one"),
    Mutant("still noisy", "ex4b_mend", "noise[t] if t > 1 else 0", "noise[t]", says=CAME_IN),
    Mutant("first for last", "ex4b_mend", "if t > 1", "if t < T", says="first step"),
    Mutant("no noise at all", "ex4b_mend", "noise[t] if t > 1 else 0", "0", says="No step"),
    Mutant("the last two apart", "ex4b_mend", "if t > 1", "if t > 2", says="t = 2 and from"),
    Mutant("a variance for its root", "ex4b_mend", "torch.sqrt(beta) * z", "beta * z", "variance"),
    Mutant(
        "the noise changed in place",
        "ex4b_mend",
        "noise[t] if t > 1 else 0",
        "noise[t]",
        says="in place",
        then=("    t = T\n", "    t = T\n    noise[1] = 0\n"),
    ),
    # 5. a dead time embedding
    Mutant(
        "dropping suspected", "ex5a_name", "DEAD_TIME_EMBEDDING", "LABELS_NEVER_DROPPED", "without"
    ),
    Mutant("still dead", "ex5b_mend", "1000 * t / T", "1000 * (t // T)", says="many different t"),
    Mutant("dead otherwise", "ex5b_mend", "1000 * t / T", "0 * t", says="one and the same"),
    Mutant("a clock for 25", "ex5b_mend", "1000 * t / T", "40 * t", says="if T is 40 and not 25"),
    Mutant("beyond the clock", "ex5b_mend", "1000 * t / T", "1000 * t", says="not on its clock"),
    Mutant("backwards", "ex5b_mend", "1000 * t / T", "1000 - 1000 * t / T", says="do not rise"),
    Mutant("all but dead", "ex5b_mend", "1000 * t / T", "t / T / 1000", says="nearly one and"),
    # 6. a schedule mismatch
    Mutant("signal suspected", "ex6a_name", "SCHEDULE_MISMATCH", "SIGNAL_LEFT_AT_T", "trained"),
    Mutant("still unscaled", "ex6b_mend", "1000 / T * torch", "torch", says=CAME_IN),
    Mutant(
        "training unscaled too",
        "ex6b_mend",
        "1000 / T * torch",
        "torch",
        says="",
        then=(
            "def sample_6",
            "ab_6 = torch.cat([torch.ones(1), (1 - line).cumprod(0)])\n\n\ndef sample_6",
        ),
    ),
    Mutant(
        "the variance of Ho et al. where it blurs",
        "ex6b_mend",
        "        x = ab[t - 1].sqrt() * x0 + (1 - ab[t - 1] - fresh).sqrt() * eps\n",
        "        x = (x - beta[t] / (1 - ab[t]).sqrt() * eps) / (1 - beta[t]).sqrt()\n"
        "        fresh = beta[t] * (t > 1)\n",
        says="blurs the samples",
    ),
    Mutant("no root", "ex6b_mend", "fresh.sqrt()", "fresh", says="of a healthy program"),
    Mutant("divided", "ex6b_mend", "1000 / T * torch", "T / 1000 * torch", says="divided"),
]

ALTERNATES = [
    Alternate(
        "curve by a loop",
        "ex0_curve",
        "def loss_by_time(error, t, T):\n"
        "    return [error[t == k].mean() for k in range(1, T + 1)]",
    ),
    Alternate(
        "curve in NumPy",
        "ex0_curve",
        """
import numpy as np

def loss_by_time(error, t, T):
    places = t.numpy() - 1
    return np.bincount(places, error.numpy(), T) / np.bincount(places, minlength=T)
""",
    ),
    Alternate(
        "a name by its text",
        "ex1a_name",
        'def name_1():\n    return Fault["LABELS_NEVER_DROPPED"]',
    ),
    Alternate(
        "labels dropped in a copy",
        "ex1b_mend",
        """
def loss_1(net, x0, y, t, eps, u):
    y = y.clone()
    y[u < 0.2] = -1
    a = alpha_bar_1[t].unsqueeze(1)
    return F.mse_loss(net(a ** 0.5 * x0 + (1 - a) ** 0.5 * eps, t, y), eps)
""",
    ),
    Alternate(
        "both functions anew, with the variance of Ho et al.",
        "ex1b_mend",
        """
def loss_1(net, x0, y, t, eps, u):
    a = alpha_bar_1[t].reshape(-1, 1)
    x_t, y = a.sqrt() * x0 + (1 - a).sqrt() * eps, torch.where(u < 0.2, -1, y)
    return F.mse_loss(net(x_t, t, y), eps)


def sample_1(net, x, y, noise):
    for t in range(T, 0, -1):
        eps = net(x, torch.full((len(x),), t), y)
        beta = 1 - alpha_bar_1[t] / alpha_bar_1[t - 1]
        x = (x - beta / (1 - alpha_bar_1[t]).sqrt() * eps) / (1 - beta).sqrt()
        if t > 1:
            x = x + beta.sqrt() * noise[t]
    return x
""",
    ),
    Alternate(
        "the sampler counts from 0 too",
        "ex2b_mend",
        """
def sample_2(net, x, y, noise):
    for t in range(T, 0, -1):
        eps = net(x, torch.full((len(x),), t - 1), y)
        keep = (alpha_2[t] / alpha_2[t - 1]) ** 2
        x = (x - (1 - keep) / sigma_2[t] * eps) / keep.sqrt()
        x = x + (1 - keep).sqrt() * sigma_2[t - 1] / sigma_2[t] * noise[t]
    return x
""",
    ),
    Alternate(
        "bytes in NumPy",
        "ex3b_mend",
        """
import numpy as np

def prepare_3(raw):
    return torch.from_numpy((raw.numpy().astype(np.float32) - 127.5) / 127.5)
""",
    ),
    Alternate(
        "the middle of every byte",
        "ex3b_mend",
        "def prepare_3(raw):\n    return (raw + 0.5) / 128 - 1",
    ),
    Alternate(
        "dequantized",
        "ex3b_mend",
        "def prepare_3(raw):\n    return (raw + torch.rand(raw.shape)) / 128 - 1",
    ),
    Alternate(
        "the start changed in place",
        "ex4b_mend",
        """
def sample_4(net, x, y, noise):
    for t in reversed(range(1, T + 1)):
        eps = net(x, torch.full((len(x),), t), y)
        x -= beta_4[t] / (1 - ab_4[t]).sqrt() * eps
        x /= (1 - beta_4[t]).sqrt()
        x += (t > 1) * beta_4[t].sqrt() * noise[t]
    return x
""",
    ),
    Alternate(
        "the posterior variance",
        "ex4b_mend",
        """
def sample_4(net, x, y, noise):
    for t in range(T, 0, -1):
        beta, a, b = beta_4[t], ab_4[t], ab_4[t - 1]
        eps = net(x, torch.full((len(x),), t), y)
        x = (x - beta / (1 - a).sqrt() * eps) / (1 - beta).sqrt()
        x = x + (beta * (1 - b) / (1 - a)).sqrt() * noise[t]
    return x
""",
    ),
    Alternate(
        "the last step apart",
        "ex4b_mend",
        """
def sample_4(net, x, y, noise):
    def mean(x, t):
        eps = net(x, torch.full((len(x),), t), y)
        return (x - beta_4[t] / (1 - ab_4[t]) ** 0.5 * eps) / (1 - beta_4[t]) ** 0.5

    for t in range(T, 1, -1):
        x = mean(x, t) + beta_4[t] ** 0.5 * noise[t]
    return mean(x, 1)
""",
    ),
    Alternate(
        "a clock of whole numbers",
        "ex5b_mend",
        "def ask_5(net, x_t, t, y):\n    return net(x_t, (1000 // T) * t, y)",
    ),
    Alternate(
        "times as they are",
        "ex5b_mend",
        "def ask_5(net, x_t, t, y):\n    return net(x_t, t, y)",
    ),
    Alternate(
        "a clock from 0 to 1",
        "ex5b_mend",
        "def ask_5(net, x_t, t, y):\n    return net(x_t, t / T, y)",
    ),
    Alternate(
        "a clock in a table",
        "ex5b_mend",
        "clock_5 = torch.linspace(0, 1000, T + 1)\n\n\n"
        "def ask_5(net, x_t, t, y):\n    return net(x_t, clock_5[t], y)",
    ),
    Alternate(
        "the table of training",
        "ex6b_mend",
        """
def sample_6(net, x, y, noise):
    for t in range(T, 0, -1):
        eps = net(x, torch.full((len(x),), t), y)
        keep = ab_6[t] / ab_6[t - 1]
        x = (x - (1 - keep) / (1 - ab_6[t]).sqrt() * eps) / keep.sqrt()
        x = x + ((1 - keep) * (1 - ab_6[t - 1]) / (1 - ab_6[t])).sqrt() * noise[t]
    return x
""",
    ),
]
