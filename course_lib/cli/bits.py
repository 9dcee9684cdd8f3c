"""How many bits a model needs at most for real test digits: the likelihood of notebook 08."""

import torch
from tqdm import tqdm

from course_lib import data, likelihood
from course_lib.cli.errors import fail
from course_lib.judging import evaluation
from course_lib.predictions import Denoiser


def code_length(denoiser: Denoiser, n: int, seed: int, draws: int = 16) -> dict:
    """Bound the bits per dimension of MNIST's first n test digits, given their labels."""
    try:
        digits = data.mnist()
    except data.DataUnavailable as error:
        raise fail(error) from error
    generator, found = torch.Generator().manual_seed(seed), []
    chances = likelihood.frequencies(digits.x_train[:10_000])
    images, labels = (part[:n].split(evaluation.BATCH) for part in (digits.x_test, digits.y_test))
    for x, y in zip(tqdm(images, unit="batch", disable=None), labels):
        options = {"draws": draws, "y": y, "chances": chances, "generator": generator}
        bound = likelihood.bound(denoiser, x, denoiser.schedule, **options)
        parts = torch.stack([*bound, bound.total])
        found.append(likelihood.bits_per_dimension(parts, x))
    bits = torch.cat(found, dim=1).double()
    names = [*likelihood.Bound._fields, "total"]
    figures = {"n": bits.shape[1], "draws": draws, "seed": seed}
    for name, row in zip(names, bits):
        figures[name] = {"bits": row.mean().item(), "error": row.std().item() / n**0.5}
    return figures


def table(figures: dict) -> str:
    """Write what ``code_length`` found as a small table."""
    n, draws = figures["n"], figures["draws"]
    lines = [f"bits per dimension of {n} test digits, {draws} times drawn for each"]
    for name, row in figures.items():
        if isinstance(row, dict):
            at_most = "at most " if name == "total" else ""
            lines.append(f"{name:15} {at_most:>8}{row['bits']:.3f} ± {row['error']:.3f}")
    return "\n".join(lines)
