"""Checks of the notebooks: each says "✓ …" or raises with a hint at what may be wrong."""

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from course_lib import say
from course_lib.judging import sliced_distance
from course_lib.samplers import randn


def claim(sentence: str, holds: bool | Tensor) -> None:
    """Print a sentence of the text if it is true, and stop the notebook if it is not.

    Raises  AssertionError with the sentence
    """
    if not bool(holds):
        raise AssertionError(f"This is not what happened here: {sentence}")
    say(f"✓ {sentence}")


def shape(x: Tensor, expected: Sequence[int], name: str = "it") -> None:
    """Check the shape of a tensor, and that it is finite.

    Raises  AssertionError with a hint
    """
    _tensor(x, name)
    if tuple(x.shape) != tuple(expected):
        hint = ""
        if sorted(x.shape) == sorted(expected):
            hint = " The sizes are right, but in another order."
        elif x.numel() == torch.Size(expected).numel():
            hint = " The number of entries is right: a reshape or an unsqueeze is missing."
        raise AssertionError(
            f"{name} should have shape {tuple(expected)}, but has {tuple(x.shape)}.{hint}"
        )
    if not x.isfinite().all():
        raise AssertionError(f"{name} holds values that are not finite: look for x / 0 or log(0).")
    say(f"✓ {name} has shape {tuple(expected)}.")


def same(
    yours: Tensor,
    expected: Tensor,
    name: str = "your result",
    slips: Mapping[str, Tensor] | None = None,
) -> None:
    """Compare a learner's tensor with the right one, and guess at the mistake if they differ.

    slips   what known mistakes lead to, under a sentence about each
    Raises  AssertionError with a hint
    """
    _tensor(yours, name)
    if yours.shape != expected.shape:
        shape(yours, expected.shape, name)
    yours, expected = yours.detach().cpu().double(), expected.cpu().double()
    close = {"rtol": 1e-4, "atol": 1e-4}
    if torch.allclose(yours, expected, **close):
        say(f"✓ {name} agrees with course_lib.")
        return
    for hint, wrong in (slips or {}).items():
        if wrong.shape == yours.shape and torch.allclose(yours, wrong.cpu().double(), **close):
            raise AssertionError(f"{name} is not right yet. {hint}")
    guesses = (
        ("It is the negative: look at the signs.", -yours),
        ("It is the square: a square root is missing.", yours.clamp(min=0).sqrt()),
        ("It is the square root: one root too many.", yours.square()),
        ("It is 1 minus the answer: signal and noise are swapped.", 1 - yours),
    )
    for hint, changed in guesses:
        if torch.allclose(changed, expected, **close):
            raise AssertionError(f"{name} is not right yet. {hint}")
    if yours.ndim and len(yours) > 1:
        if torch.allclose(yours[1:], expected[:-1], **close):
            raise AssertionError(f"{name} is not right yet. It is late by one entry.")
        if torch.allclose(yours[:-1], expected[1:], **close):
            raise AssertionError(f"{name} is not right yet. It is early by one entry.")
    off = (yours - expected).abs().max().item()
    raise AssertionError(f"{name} is not right yet: the largest difference is {off:.3g}.")


def _tensor(x: object, name: str) -> None:
    """Raise an AssertionError with a hint unless x is a tensor."""
    if x is None:
        raise AssertionError(f"{name} is None: is a return missing?")
    if not isinstance(x, Tensor):
        raise AssertionError(f"{name} should be a tensor, not a {type(x).__name__}.")


def same_distribution(a: Tensor, b: Tensor, rounds: int = 200) -> None:
    """Check that two clouds of points (N, 2) could be draws from one distribution.

    The points are mixed up and dealt out anew ``rounds`` times. If the two clouds are farther
    apart than every one of these random pairs, they are called different.
    Raises  AssertionError that tells the distances
    See     Good 2005, "Permutation, Parametric and Bootstrap Tests of Hypotheses", Chapter 3
    """
    generator = torch.Generator().manual_seed(0)
    found, both = sliced_distance(a, b, directions=8), torch.cat([a, b])
    mixed = []
    for _ in range(rounds):
        deal = both[torch.randperm(len(both), generator=generator, device="cpu")]
        mixed.append(sliced_distance(deal[: len(a)], deal[len(a) :], directions=8))
    if found > max(mixed):
        raise AssertionError(
            f"The two clouds differ: they are {found:.3f} apart, while {rounds} random deals of "
            f"the same points were at most {max(mixed):.3f} apart."
        )
    say("✓ The two clouds could be draws from one distribution.")


def learns(model: nn.Module, x: Tensor, *rest: Tensor) -> None:
    """Check that every parameter of a network takes part in its output.

    Layers that start at zero hide what lies before them, so a copy is asked whose parameters have
    all been moved a little. There, each needs a gradient that is not zero.

    x, rest  arguments of one call
    Raises   AssertionError that names the parameters that do not matter, such as those of a time
             embedding that is computed and never used, or multiplied by zero
    """
    generator = torch.Generator().manual_seed(0)
    moved = copy.deepcopy(model)
    with torch.no_grad():
        for p in moved.parameters():
            p.add_(0.1 * randn(p.shape, generator).to(p))
    output = moved(x, *rest)
    (output * randn(output.shape, generator).to(output)).sum().backward()
    dead = [n for n, p in moved.named_parameters() if p.grad is None or not p.grad.any()]
    if dead:
        raise AssertionError(f"These parameters do not matter to the output: {', '.join(dead)}.")
    say("✓ Every parameter takes part in the output.")
