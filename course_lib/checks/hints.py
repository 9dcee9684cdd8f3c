"""What the visible checks of the assignments share: asserts with a hint for the student."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor


def require(holds: bool | Tensor, hint: str) -> None:
    """Stop with a hint unless a condition holds.

    Raises  AssertionError with the hint
    """
    if not bool(holds):
        raise AssertionError(hint)


def shaped(x: object, shape: tuple[int, ...], name: str) -> Tensor:
    """Return what a student's function gave as a float64 tensor, after a look at its shape.

    x       a tensor, an array, a number or a list of numbers
    name    what the hint calls it
    Raises  AssertionError if the shape is another one, or an entry is not finite
    """
    x = list(x) if isinstance(x, Iterator) else x
    x = x.copy() if isinstance(x, np.ndarray) else x  # torch cannot read an array backwards
    x = torch.as_tensor(x).detach().double()
    require(x.shape == shape, f"{name} should have the shape {shape}, not {tuple(x.shape)}.")
    require(x.isfinite().all(), f"{name} holds values that are not finite.")
    return x
