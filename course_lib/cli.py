"""The command line, ``course``: train a model, and sample from it."""

import time
from enum import Enum
from pathlib import Path
from typing import Annotated

import matplotlib
import torch
import typer
from tqdm import tqdm

from course_lib import checkpoints, data, judge, plotting, recipes, samplers
from course_lib.grading import cli as grading
from course_lib.guidance import Guided
from course_lib.predictions import Clipped

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Train small diffusion models on two CPU cores, and sample from them.",
)
app.add_typer(grading.app)
SAVE_EVERY = 60.0  # seconds; a power cut costs no more than this


class Data(str, Enum):
    """What ``course train`` can train on."""

    spiral = "spiral"
    shapes = "shapes"
    mnist = "mnist"
    judge = "judge"


def fail(message: object) -> typer.Exit:
    """Print one sentence to the error stream and return the exit to raise."""
    typer.secho(f"Error: {message}", fg="red", err=True)
    return typer.Exit(2)


@app.command()
def train(
    what: Annotated[Data, typer.Argument(help="Data set; 'judge' is MNIST's classifier.")],
    minutes: Annotated[
        float | None, typer.Option(min=0.01, help="Training time; the recipe's own if left out.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Training steps, instead of minutes.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the weights and of every random draw.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Checkpoint to write [default: NAME.safetensors]")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run saved in --out.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace --out if it exists.")
    ] = False,
) -> None:
    """Train a model. Ctrl-C saves what was trained; --resume goes on from there.

    A run is as long as --minutes or --steps say when it starts: the learning rate falls to zero
    over that length. To resume, give the same length again.

    Example: course train mnist --minutes 5 --out mnist.safetensors
    """
    out = out or Path(f"{what.value}.safetensors")
    if minutes is not None and steps is not None:
        raise fail("give --minutes or --steps, not both.")
    if out.exists() and not (resume or overwrite):
        raise fail(f"{out} exists: add --resume to go on with it, or --overwrite to replace it.")
    if what is Data.judge:
        return train_judge(out, seed)

    trainer = recipes.RECIPES[what.value].trainer(steps=steps, minutes=minutes, seed=seed)
    if resume:
        try:
            checkpoints.resume(out, trainer)
        except (OSError, checkpoints.CheckpointError) as error:
            raise fail(error) from error
    about = {"recipe": what.value, "seed": seed}
    if trainer.steps is not None:
        bar = tqdm(total=trainer.steps, initial=trainer.step, unit="step")
    else:
        seconds = round(60 * trainer.minutes)
        form = "{desc}{percentage:3.0f}%|{bar}| {n:.0f}/{total} s{postfix}"
        bar = tqdm(total=seconds, initial=trainer.seconds, bar_format=form)
    saved = time.monotonic()
    mean = None
    try:
        for record in trainer.run():
            mean = record.loss if mean is None else 0.98 * mean + 0.02 * record.loss
            at = record.step if trainer.steps is not None else record.seconds
            bar.update(min(at, bar.total) - bar.n)
            bar.set_postfix(step=record.step, loss=f"{mean:.4f}", refresh=False)
            if time.monotonic() - saved > SAVE_EVERY:
                checkpoints.save(out, trainer, **about)
                saved = time.monotonic()
    except KeyboardInterrupt:
        typer.echo("\nStopped. To go on: the same command with --resume.")
    except FloatingPointError as error:
        raise fail(error) from error
    finally:
        bar.close()
        checkpoints.save(out, trainer, **about)
    done = trainer.step * trainer.batch_size
    typer.echo(
        f"Saved {out}: {trainer.step} steps, {done / max(trainer.seconds, 1e-9):.0f} "
        f"samples/s, {trainer.seconds:.0f} s of training."
    )


def train_judge(out: Path, seed: int) -> None:
    """Train the classifier on all of MNIST, report its accuracy on the test set, and save it."""
    try:
        digits = data.mnist()
    except data.DataUnavailable as error:
        raise fail(error) from error
    torch.manual_seed(seed)
    model = judge.Judge()
    start = time.monotonic()
    records = judge.train_judge(model, digits.x_train, digits.y_train, seed=seed)
    for _ in tqdm(records, total=judge.total_steps(len(digits.x_train)), unit="step"):
        pass
    seconds = time.monotonic() - start
    accuracy = judge.accuracy(model, digits.x_test, digits.y_test)
    about = {"recipe": "judge", "seed": seed, "seconds": round(seconds), "accuracy": accuracy}
    checkpoints.write(out, model.state_dict(), about)
    typer.echo(f"Saved {out}: {accuracy:.2%} of the test set right after {seconds:.0f} s.")


@app.command()
def sample(
    checkpoint: Annotated[Path, typer.Option(help="What `course train` has written.")],
    labels: Annotated[
        str | None, typer.Option(help="One digit per column, such as 0123456789.")
    ] = None,
    guidance: Annotated[
        float, typer.Option(help="1 is plain conditional; 2 follows the label more closely.")
    ] = 2.0,
    steps: Annotated[int, typer.Option(min=1, help="Network evaluations per sample.")] = 20,
    eta: Annotated[
        float, typer.Option(min=0, max=1, help="0 is deterministic DDIM, 1 is DDPM-like.")
    ] = 0.0,
    rows: Annotated[int, typer.Option(min=1, help="Images of each label.")] = 8,
    seed: Annotated[int, typer.Option(help="Of the starting noise.")] = 0,
    out: Annotated[Path, typer.Option(help="Picture to write (PNG, PDF or SVG).")] = Path(
        "grid.png"
    ),
) -> None:
    """Draw samples from a checkpoint as a picture: a grid of digits, or a cloud of points.

    Example: course sample --checkpoint mnist.safetensors --labels 0123456789 --guidance 2
    """
    matplotlib.use("Agg")  # a command line has no window to draw in
    try:
        recipe = recipes.RECIPES[checkpoints.read(checkpoint)[1]["recipe"]]
        denoiser = checkpoints.load_denoiser(checkpoint, recipe.model())
    except KeyError as error:
        raise fail(f"{checkpoint} holds no diffusion model, but {error}.") from error
    except (OSError, checkpoints.CheckpointError) as error:
        raise fail(error) from error
    classes = recipe.num_classes
    if labels is not None and classes is None:
        raise fail(f"the {recipe.name} model knows no labels: leave --labels out.")
    if labels is None and classes is not None:
        labels = "".join(str(k) for k in range(classes))
    if labels is not None and not (labels.isdecimal() and all(int(k) < classes for k in labels)):
        raise fail(f"--labels must be digits from 0 to {classes - 1}, not '{labels}'.")

    schedule, count = denoiser.schedule, rows * len(labels or "0123456789")
    points = len(recipe.sample) == 1
    if points:
        count = 200 * count
    y = None
    if labels is not None:
        y = torch.tensor([int(k) for k in labels]).repeat(count // len(labels))
        denoiser = Guided(denoiser, guidance)
    if not points:
        denoiser = Clipped(denoiser, schedule)
    generator = torch.Generator().manual_seed(seed)
    x = schedule.sigma[-1].float() * torch.randn(count, *recipe.sample, generator=generator)
    try:
        walk = samplers.ddim(denoiser, x, schedule, steps=steps, eta=eta, y=y, generator=generator)
        x0 = samplers.last(tqdm(walk, total=steps, unit="step"))
    except ValueError as error:
        raise fail(error) from error
    if points:
        figure = plotting.points([x0], [f"{count} samples"], y, size=5)
    else:
        figure = plotting.images(x0, columns=len(labels or "0123456789"))
    try:
        figure.savefig(out, dpi=150)
    except (OSError, ValueError) as error:
        raise fail(f"{out} could not be written: {error}") from error
    typer.echo(f"Saved {out}.")
