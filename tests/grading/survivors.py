"""Changes of the masters' answers that the grader lets pass, and why.

``mutation.py`` reports an entry whose change is no longer made, or is caught by now.
"""

from typing import NamedTuple


class Survivor(NamedTuple):
    """Changes that pass for one reason.

    changes     pairs of the changed lines and of what became of them, without indentation
    equivalent  whether nobody who calls the function could see a difference; such changes do
                not count
    """

    reason: str
    changes: tuple[tuple[str, str], ...]
    equivalent: bool = True


A1, A2, A3, A4 = "a1_toy_diffusion", "a2_mnist_ddpm", "a3_sampling_and_guidance", "a4_diagnosis"
SHARE = "share = alpha_bar[t].reshape(-1, *[1] * (x0.ndim - 1)) # (B, 1, ..., 1)"
WAVES = "frequency = 10_000 ** (-torch.arange(d // 2) / (d // 2))"
EVAL = "return model.eval().requires_grad_(False)"
TIMES = "return torch.linspace(T, 0, steps + 1, dtype=torch.float64).round().int().tolist()"
KEPT = "kept = (1 - b - sigma**2).clamp(min=0).sqrt()"
GONE = "gone = torch.rand(y.shape, generator=generator) < p"
ELBOW = "return float(w[accuracy >= accuracy.max() - 0.1].min())"
MEAN = "return (total / t.bincount(minlength=T + 1))[1:]"
BYTES = "return raw.float() / 127.5 - 1"
BETA = "beta = torch.cat([torch.zeros(1), 1000 / T * torch.linspace(1e-4, 0.02, T)])"

SURVIVORS: dict[tuple[str, str], list[Survivor]] = {
    (A1, "ex1_schedule"): [
        Survivor(
            "The tables have one dimension, so that the last is the first.",
            (("alpha_bar = (1 - beta).cumprod(0)", "alpha_bar = (1 - beta).cumprod(-1)"),),
        ),
    ],
    (A1, "ex2_forward"): [
        Survivor("x0 and eps have one shape.", ((SHARE, SHARE.replace("x0.ndim", "eps.ndim")),)),
    ],
    (A1, "ex3_embedding"): [
        Survivor(
            "d is even, so that nothing is cut off.",
            (
                (WAVES, WAVES.replace("/ (d // 2)", "/ (d / 2)")),
                (WAVES, WAVES.replace("arange(d // 2)", "arange(d / 2)")),
            ),
        ),
    ],
    (A2, "ex4_trained"): [
        Survivor(
            "The master's network has no layer that behaves otherwise in training.",
            ((EVAL, EVAL.replace(".eval()", "")),),
        ),
        Survivor(
            "Whether the weights could go on learning is not asked.",
            (
                (EVAL, EVAL.replace(".requires_grad_(False)", "")),
                (EVAL, EVAL.replace("False", "True")),
            ),
            equivalent=False,
        ),
    ],
    (A3, "ex1_times"): [
        Survivor(
            "A tensor of whole numbers serves as well as a list.",
            ((TIMES, TIMES.removesuffix(".tolist()")),),
        ),
        Survivor(
            "The visible check takes whole numbers of any type, so that the grader must, too.",
            ((TIMES, TIMES.replace(".int()", "")),),
            equivalent=False,
        ),
    ],
    (A3, "ex2_step"): [
        Survivor(
            "With eta from 0 to 1, the argument of the root is never below 0.",
            (
                (KEPT, KEPT.replace("min=0", "min= -1")),
                (KEPT, KEPT.replace(".clamp(min=0)", "")),
            ),
        ),
    ],
    (A3, "ex5_drop"): [
        Survivor(
            "rand() falls on p once in 2**24 draws.",
            ((GONE, GONE.replace("< p", "<= p")),),
            equivalent=False,
        ),
    ],
    (A3, "ex8_elbow"): [
        Survivor(
            "0.1 is no binary fraction: rounding decides a tie, and right answers differ in it.",
            ((ELBOW, ELBOW.replace(">=", ">")),),
            equivalent=False,
        ),
    ],
    (A4, "ex0_curve"): [
        Survivor(
            "There is an error at each time, T included, so that the counts reach to T anyway.",
            tuple(
                (MEAN, MEAN.replace("T + 1", f"T {sign} 1"))
                for sign in ("-", "*", "**", "^", ">>")
            ),
        ),
    ],
    (A4, "ex3b_mend"): [
        Survivor(
            "Bytes divided by a number that is not whole are float32.",
            ((BYTES, BYTES.replace("raw.float()", "raw")),),
        ),
    ],
    (A4, "ex6b_mend"): [
        Survivor(
            "The table has one dimension, so that the last is the first.",
            (("ab = (1 - beta).cumprod(0)", "ab = (1 - beta).cumprod(-1)"),),
        ),
        Survivor("T is 25, which divides 1000.", ((BETA, BETA.replace("1000 / T", "1000 // T")),)),
        Survivor(
            "In the last step, to t = 0, all noise is gone, and x is the guess of x0.",
            (("return x", "return x0"),),
        ),
    ],
}
"""By assignment and the cell that was changed."""
