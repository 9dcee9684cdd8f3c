"""``course train``: train a model by its recipe, or a classifier that judges digits."""

import hashlib
import json
import time
from enum import Enum
from pathlib import Path
from typing import Annotated

import torch
import typer
from tqdm import tqdm

from course_lib import data
from course_lib.cli import outputs
from course_lib.cli.errors import fail
from course_lib.judging import judge, reference
from course_lib.training import checkpoints, recipes

app = typer.Typer()
SAVE_EVERY = 60.0  # seconds; a power cut costs no more than this
JUDGES = {f"{name}-judge": name for name in judge.JUDGES}
Model = Enum("Model", {name: name for name in (*recipes.RECIPES, *JUDGES)}, type=str)


@app.command()
def train(
    what: Annotated[
        Model, typer.Argument(help="What to train; a judge is a classifier of MNIST's digits.")
    ],
    minutes: Annotated[
        float | None, typer.Option(min=0.01, help="Training time; the recipe's own if left out.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Training steps, instead of minutes.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the weights and of every random draw.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Checkpoint to write (default: NAME.safetensors)")
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
    hint = "--resume to go on with it, or --overwrite to replace it"
    outputs.check(out, ("safetensors",), overwrite=resume or overwrite, hint=hint)
    if what.value in JUDGES:
        for beside, ending in ((card_of(out), "json"), (reference_of(out), "safetensors")):
            outputs.check(beside, (ending,), overwrite=overwrite)
        return train_judge(JUDGES[what.value], out, seed)

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


def train_judge(name: str, out: Path, seed: int) -> None:
    """Train a classifier on MNIST, and save it with its card and what it sees in real digits."""
    try:
        digits = data.mnist()
    except data.DataUnavailable as error:
        raise fail(error) from error
    torch.manual_seed(seed)
    model = judge.JUDGES[name]()
    images, labels = digits.x_train[: judge.SEEN], digits.y_train[: judge.SEEN]
    start = time.monotonic()
    records = judge.train_judge(model, images, labels, seed=seed)
    for _ in tqdm(records, total=judge.total_steps(judge.SEEN), unit="step"):
        pass
    seconds = time.monotonic() - start
    checkpoints.write(out, model.state_dict(), {"recipe": f"{name}-judge", "seed": seed})
    right = judge.in_batches(model, digits.x_test).argmax(1) == digits.y_test
    card = {
        "command": f"course train {name}-judge --seed {seed}",
        "data": f"MNIST, the first {judge.SEEN:,} training images, moved by up to two pixels",
        "seed": seed,
        "seconds": round(seconds),
        "parameters": sum(p.numel() for p in model.parameters()),
        "sha256": hashlib.sha256(out.read_bytes()).hexdigest(),
        "accuracy": right.double().mean().item(),
        "by_class": [right[digits.y_test == k].double().mean().item() for k in range(10)],
        "judged_on": f"MNIST, all {len(right):,} test images",
    }
    card_of(out).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    typer.echo(f"Saved {out}: {card['accuracy']:.2%} of the test set right after {seconds:.0f} s.")
    write_reference(reference_of(out), model, digits)


def card_of(judge: Path) -> Path:
    """Return where the card of a judge lies, given where its weights do."""
    return judge.with_suffix(".json")


def reference_of(judge: Path) -> Path:
    """Return where it lies what real digits score with a judge."""
    return judge.with_name(f"{judge.stem}-reference.safetensors")


def write_reference(out: Path, model: judge.Judge, digits: data.ImageData) -> None:
    """Measure what real digits score with this judge, and save it for every later evaluation."""
    train, test = (digits.x_train, digits.y_train), (digits.x_test, digits.y_test)
    *_, tensors = tqdm(
        reference.build_reference(model, train, test),
        total=reference.MEASUREMENTS,
        unit="measurement",
    )
    checkpoints.write(out, tensors, {"recipe": "reference"})
    typer.echo(f"Saved {out}: what real digits score.")
