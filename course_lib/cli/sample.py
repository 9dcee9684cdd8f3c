"""``course sample`` and ``course evaluate``: draw samples from a trained model, and judge them."""

import json
from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated

import matplotlib
import numpy as np
import torch
import typer
from tqdm import tqdm

from course_lib import samplers, showing, solvers, spacings
from course_lib.cli import bits, outputs
from course_lib.cli.errors import fail
from course_lib.judging import evaluation, reference
from course_lib.predictions import Denoiser
from course_lib.schedules import Schedule
from course_lib.training import checkpoints, recipes

app = typer.Typer()
SAMPLERS = {
    function.__name__.replace("_", "-"): function
    for function in (
        *(samplers.ddim, samplers.ddpm, samplers.consistency),
        *(solvers.heun, solvers.dpm_solver, solvers.euler),
    )
}
SPACINGS = {
    "even": Schedule.timesteps,
    "uniform": spacings.uniform,
    "quadratic": spacings.quadratic,
    "square-root": spacings.square_root,
    "karras": spacings.karras,
}
Sampler = Enum("Sampler", {name: name for name in SAMPLERS}, type=str)
Spacing = Enum("Spacing", {name: name for name in SPACINGS}, type=str)

CHECKPOINT = typer.Option(
    help="A file of `course train`, or a model that comes with the course, such as 'mnist'."
)
GUIDANCE = typer.Option(help="1 is plain conditional; 2 follows the label more closely.")
STEPS = typer.Option(min=1, help="Network evaluations (default: 20; 2 if distilled).")
SAMPLER = typer.Option(help="How to walk (default: ddim; consistency if distilled).")
ETA = typer.Option(
    min=0,
    max=1,
    help="For ddim and dpm-solver, fresh noise in every step: 0 is none, 1 as much as DDPM adds. "
    "It corrects what the network got wrong before; the card of `mnist` holds figures for both. "
    "(default: 1 for ddim, 0 for dpm-solver)",
)
SPACING = typer.Option(
    help="Where to stop on the way: evenly in t, or more often at much noise (square-root) or at "
    "little (quadratic, karras); uniform is even, but begins below T. "
    "(default: square-root for ddpm, and for ddim with fresh noise; else even)",
)


@app.command()
def sample(
    checkpoint: Annotated[str, CHECKPOINT],
    labels: Annotated[
        str | None, typer.Option(help="One digit per column, such as 0123456789.")
    ] = None,
    guidance: Annotated[float, GUIDANCE] = 2.0,
    steps: Annotated[int | None, STEPS] = None,
    sampler: Annotated[Sampler | None, SAMPLER] = None,
    eta: Annotated[float | None, ETA] = None,
    spacing: Annotated[Spacing | None, SPACING] = None,
    n: Annotated[
        int | None, typer.Option("-n", "--n", min=1, help="Samples (default: 8 of each label).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the starting noise.")] = 0,
    out: Annotated[
        Path,
        typer.Option(help="Picture (PNG, PDF or SVG), or arrays x and y (NPZ) to write."),
    ] = Path("grid.png"),
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace --out if it exists.")
    ] = False,
) -> None:
    """Draw samples from a checkpoint: as a grid of digits, a cloud of points, or as arrays.

    An NPZ file holds x, (n, 1, 28, 28) in [-1, 1] or (n, 2), and y, the n labels asked for. If
    --labels is left out, each digit comes as often as MNIST shows it, so that x can be compared
    with real images: they are the digits that `course evaluate` judges.

    Example: course sample --checkpoint mnist --labels 0123456789 --guidance 2

    Example: course sample --checkpoint mnist -n 10000 --guidance 1.3 --out samples.npz
    """
    matplotlib.use("Agg")  # a command line has no window to draw in
    ending = outputs.check(out, ("png", "pdf", "svg", "npz"), overwrite=overwrite)
    recipe, denoiser = load(checkpoint)
    classes = recipe.num_classes
    if labels is not None and classes is None:
        raise fail(f"the {recipe.name} model knows no labels: leave --labels out.")
    wanted = labels or "".join(str(k) for k in range(classes or 1))
    if classes and not (wanted.isdecimal() and all(int(k) < classes for k in wanted)):
        raise fail(f"--labels must be digits from 0 to {classes - 1}, not '{labels}'.")
    points = len(recipe.sample) == 1
    n = n or (2000 if points else 8) * len(wanted)
    if labels is None and recipe.sample == (1, 28, 28) and ending == "npz":
        y = reference.quota_labels(n)
    else:
        y = torch.tensor([int(k) for k in wanted], device="cpu").repeat(-(-n // len(wanted)))[:n]

    size = n if points else evaluation.BATCH
    parts = evaluation.generate(
        denoiser,
        y if classes else None,
        (n, *recipe.sample),
        guidance=guidance,
        steps=evaluations(recipe, steps),
        sampler=walker(recipe, sampler, eta, spacing),
        seed=seed,
    )
    try:
        x = torch.cat(list(tqdm(parts, total=-(-n // size), unit="batch")))
    except ValueError as error:
        raise fail(error) from error
    try:
        if ending == "npz":
            with open(out, "wb") as file:  # given a name in capitals, NumPy would add an ending
                np.savez_compressed(file, x=x.numpy(), **({"y": y.numpy()} if classes else {}))
        else:
            if points:
                figure = showing.points([x], [f"{n} samples"], y if classes else None, size=5)
            else:
                figure = showing.images(x, columns=len(wanted))
            figure.savefig(out, format=ending, dpi=150)
    except (OSError, ValueError) as error:
        raise fail(f"{out} could not be written: {error}") from error
    typer.echo(f"Saved {out}.")


@app.command()
def evaluate(
    checkpoint: Annotated[str, CHECKPOINT] = "mnist",
    n: Annotated[
        int, typer.Option("-n", "--n", min=100, max=10_000, help="Digits to generate.")
    ] = 1000,
    guidance: Annotated[float, GUIDANCE] = 1.0,
    steps: Annotated[int | None, STEPS] = None,
    sampler: Annotated[Sampler | None, SAMPLER] = None,
    eta: Annotated[float | None, ETA] = None,
    spacing: Annotated[Spacing | None, SPACING] = None,
    seed: Annotated[int, typer.Option(help="Of the starting noise.")] = 0,
    likely: Annotated[
        bool,
        typer.Option("--likelihood", help="Bits that n real test digits take. Needs MNIST."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")] = False,
) -> None:
    """Generate digits and judge them, beside what as many real digits score. Needs no data set.

    Two independent classifiers read them. Accuracy is the share read as the digit asked for.
    Distances are measured between features; a smaller n makes a Fréchet distance larger, so look
    at what it is above the floor. With --likelihood, nothing is generated: the bound of notebook
    08 tells how many bits the model needs at most for each pixel of test digits.

    Example: course evaluate --checkpoint mnist --n 10000 --guidance 1.3 --json
    """
    recipe, denoiser = load(checkpoint)
    if recipe.sample != (1, 28, 28):
        raise fail(f"the judges read digits, not samples of the {recipe.name} model.")
    if likely and recipe.teacher:
        raise fail(
            f"{checkpoint} is distilled: it guesses samples, not means, and bounds nothing."
        )
    if likely:
        figures = bits.code_length(denoiser, n, seed)
        typer.echo(json.dumps(figures, indent=1) if as_json else bits.table(figures))
        return
    bar = partial(tqdm, total=-(-n // evaluation.BATCH), unit="batch", disable=None)
    try:
        report = evaluation.evaluate(
            denoiser,
            n,
            guidance=guidance,
            steps=evaluations(recipe, steps),
            sampler=walker(recipe, sampler, eta, spacing),
            seed=seed,
            progress=bar,
        )
    except ValueError as error:
        raise fail(error) from error
    typer.echo(json.dumps(report.as_dict(), indent=1) if as_json else report)


def evaluations(recipe: recipes.Recipe, steps: int | None) -> int:
    """Return how many steps to take; a distilled model knows only the stops it was taught at."""
    if recipe.teacher is None:
        return steps or 20
    stops = recipe.settings["stops"]
    if steps and stops % steps:
        few = ", ".join(str(k) for k in range(1, stops + 1) if stops % k == 0)
        raise fail(f"{recipe.name} was taught at {stops} stops: --steps must be one of {few}.")
    return steps or 2


def walker(
    recipe: recipes.Recipe, sampler: Sampler | None, eta: float | None, spacing: Spacing | None
) -> Callable[..., Iterator[samplers.Step]]:
    """Return the sampler of a name, with what was asked for, or what goes well with it."""
    options: dict[str, object] = {}
    sampler = sampler or (Sampler.consistency if recipe.teacher else Sampler.ddim)
    if sampler is Sampler.ddim or (eta is not None and sampler.value == "dpm-solver"):
        options["eta"] = 1.0 if eta is None else eta
    if spacing is None:
        fresh = sampler is Sampler.ddpm or (sampler is Sampler.ddim and options["eta"] != 0)
        spacing = Spacing("square-root" if fresh else "even")
    if spacing.value != "even":  # which is every sampler's own
        options["spacing"] = SPACINGS[spacing.value]
    walk = SAMPLERS[sampler.value]
    return partial(walk, **options) if options else walk


def load(checkpoint: str) -> tuple[recipes.Recipe, Denoiser]:
    """Return a trained model and the recipe that it was trained by, or stop with a sentence."""
    try:
        denoiser = recipes.load(checkpoint)
        return recipes.trained_by(checkpoint), denoiser
    except (OSError, checkpoints.CheckpointError) as error:
        raise fail(error) from error
