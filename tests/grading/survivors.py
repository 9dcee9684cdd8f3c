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
}
"""By assignment and the cell that was changed."""
