"""Inputs and truths that the questions of several assignments share, in NumPy and in float64."""

import numpy as np

from course_lib.grading.calls import Network

Array = np.ndarray


def single(values: Array) -> Array:
    """Round to float32, which is what the student's function gets, and go on in float64."""
    return np.asarray(values, np.float32).astype(np.float64)


def normal(rng: np.random.Generator, *shape: int) -> Array:
    """Standard normal numbers."""
    return single(rng.standard_normal(shape))


def network(rng: np.random.Generator, T: int, labels: int = 3, dimensions: int = 2) -> Network:
    """A network that heeds the point, the time and the label."""
    return Network(
        single(0.4 * rng.standard_normal((dimensions, dimensions))),
        single(rng.standard_normal(dimensions) / T),
        single(rng.standard_normal((labels + 1, dimensions))),
    )


def linear(T: int) -> tuple[Array, Array]:
    """β and ᾱ of the linear schedule, each (T + 1,).

    See  Ho et al. 2020 (arXiv:2006.11239), Section 4, here for any T
    """
    beta = np.r_[0.0, 1000 / T * np.linspace(1e-4, 0.02, T)]
    return beta, np.cumprod(1 - beta)


def forward(x0: Array, t: Array, eps: Array, alpha_bar: Array) -> Array:
    """x_t in one jump, for times t (B,)."""
    a = alpha_bar[t].reshape(-1, *[1] * (x0.ndim - 1))
    return a**0.5 * x0 + (1 - a) ** 0.5 * eps


def wrong_guides(model: Network, x: Array, t: Array, y: Array, w: float) -> list:
    """What other conventions of guidance, and faults, lead to: pairs of a finding and an array."""
    cond, without = model(x, t, y), model(x, t)
    return [
        (
            "Guidance is counted as in Ho & Salimans, whose w is ours − 1.",
            without + (w + 1) * (cond - without),
        ),
        (
            "Guidance is counted from the conditional side: (1 − w) and w are exchanged.",
            cond + w * (without - cond),
        ),
        ("Only the conditional answer is used.", cond),
        ("Only the unconditional answer is used.", without),
        ("The unconditional answer is missing from the sum.", w * (cond - without)),
        (
            "Both answers are the conditional one, or label 0 stands for no label: pass y=None.",
            model(x, t, 0 * y) + w * (cond - model(x, t, 0 * y)),
        ),
        (
            "All samples get the first label.",
            without + w * (model(x, t, np.full(len(x), y[0])) - without),
        ),
    ]
