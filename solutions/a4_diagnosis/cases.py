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
    # 4. noise at the last step
    Mutant("off-by-one suspected", "ex4a_name", "NOISE_AT_LAST_STEP", "OFF_BY_ONE_IN_T", "by one"),
    Mutant("still noisy", "ex4b_mend", "noise[t] if t > 1 else 0", "noise[t]", says=CAME_IN),
    Mutant("first for last", "ex4b_mend", "if t > 1", "if t < T", says="first step"),
    Mutant("no noise at all", "ex4b_mend", "noise[t] if t > 1 else 0", "0", says="No step"),
    # 5. a dead time embedding
    Mutant(
        "dropping suspected", "ex5a_name", "DEAD_TIME_EMBEDDING", "LABELS_NEVER_DROPPED", "without"
    ),
    Mutant("still dead", "ex5b_mend", "1000 * t / T", "1000 * (t // T)", says="many different t"),
    Mutant("dead otherwise", "ex5b_mend", "1000 * t / T", "0 * t", says="one and the same"),
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
