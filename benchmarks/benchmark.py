"""Measure what the course quotes: training speed, and quality over time, against other U-Nets.

    make benchmark
    make benchmark ARGS="--minutes 0.5 --minutes 1 --seeds 3 --only textbook --only small"

Each model is trained for each number of minutes, a run of its own every time, since the learning
rate falls to zero over the length of a run. All runs happen one after another on one machine, so
that their ratios mean something even where the seconds do not. Every sample takes 20 steps of
DDIM; a judge that has never seen a generated digit reads those at guidance 2 (accuracy), and
Fréchet distances at guidance 1 and 1.3 stand beside their floor: what as many real training digits
score. Writes benchmark.json and benchmark.png, and prints a table.
"""

import json
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import machine
import matplotlib
import typer
from peers import DenoisingDiffusion, Diffusers
from textbook import TextbookUNet
from tqdm import tqdm

from course_lib import data
from course_lib.judging import evaluation, load_reference
from course_lib.predictions import EPS
from course_lib.schedules import linear
from course_lib.training import recipes
from course_lib.training.optimizers import adamw

HERE = Path(__file__).parent
GUIDANCES = (1.0, 1.3, 2.0)


@dataclass(frozen=True)
class Contender:
    """A model to measure.

    recipe  how it is trained
    minutes lengths of its runs, unless --minutes says otherwise
    n       samples at every guidance; fewer where sampling is slow
    """

    recipe: recipes.Recipe
    minutes: tuple[float, ...]
    n: int


TEXTBOOK = replace(
    recipes.MNIST,
    model=TextbookUNet,
    schedule=linear,
    prediction=EPS,
    settings={"optimizer": partial(adamw, lr=2e-4), "batch_size": 64},
)
ADAMW = {"optimizer": adamw, "batch_size": 64}
PEER = {"optimizer": partial(adamw, lr=1e-3), "batch_size": 64}
CONTENDERS = {
    "small": Contender(recipes.MNIST_SMALL, (1.0, 3.0), 1000),
    "medium": Contender(recipes.MNIST, (5.0,), 1000),
    "small-adamw": Contender(replace(recipes.MNIST_SMALL, settings=ADAMW), (1.0,), 1000),
    "textbook": Contender(TEXTBOOK, (1.0, 3.0), 100),
    "diffusers": Contender(replace(recipes.MNIST, model=Diffusers, settings=PEER), (3.0,), 100),
    "denoising-diffusion": Contender(
        replace(recipes.MNIST, model=DenoisingDiffusion, settings=PEER), (3.0,), 100
    ),
}


def run(contender: Contender, minutes: float, seed: int, label: str) -> dict:
    """Train once, sample at every guidance, and judge."""
    trainer = contender.recipe.trainer(minutes=minutes, seed=seed)
    with tqdm(total=round(60 * minutes), desc=label, unit="s", leave=False) as bar:
        for record in trainer.run():
            bar.update(min(record.seconds, bar.total) - bar.n)
    images, reports = trainer.step * trainer.batch_size, {}
    for guidance in tqdm(GUIDANCES, desc=f"{label}: judging", leave=False):
        report = evaluation.evaluate(
            trainer.denoiser(), contender.n, guidance=guidance, seed=seed + 1000
        )
        reports[f"{guidance:g}"] = report.as_dict()
    return {
        "minutes": minutes,
        "seed": seed,
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "images": images,
        "images_per_second": images / trainer.seconds,
        "best_guidance": min(("1", "1.3"), key=lambda w: reports[w]["frechet"]),
        "reports": reports,
    }


def table(report: dict) -> str:
    """Return the report as a Markdown table."""
    lines = [
        "| model | weights | minutes | images/s | accuracy at guidance 2 | guidance 1: accuracy, "
        "Fréchet | best guidance: accuracy, Fréchet | floor | n |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, runs in report["runs"].items():
        for r in runs:
            w = r["best_guidance"]
            plain, best, two = r["reports"]["1"], r["reports"][w], r["reports"]["2"]
            lines.append(
                f"| {name} | {r['parameters'] / 1e6:.2f}M | {r['minutes']:g} "
                f"| {r['images_per_second']:.0f} | {two['accuracy']:.1%} "
                f"| {plain['accuracy']:.1%}, {plain['frechet']:.2f} "
                f"| {w}: {best['accuracy']:.1%}, {best['frechet']:.2f} "
                f"| {best['floor']['frechet']:.2f} | {best['n']} |"
            )
    return "\n".join(lines)


def plot(report: dict, path: Path) -> None:
    """Draw accuracy and Fréchet distance over minutes of training."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    for name, runs in report["runs"].items():
        minutes = [r["minutes"] for r in runs]
        label = f"{name}, {runs[0]['parameters'] / 1e6:.2f}M, n = {runs[0]['reports']['1']['n']}"
        best = [r["reports"][r["best_guidance"]] for r in runs]
        left.plot(minutes, [100 * r["reports"]["2"]["accuracy"] for r in runs], "o-", label=label)
        right.plot(minutes, [b["frechet"] for b in best], "o-")
    floor = load_reference().floor("frechet", 1000)
    right.axhline(floor, ls="--", c="0.5")
    right.annotate("real digits, n = 1000", (0.1, floor), (0, 3), textcoords="offset points")
    left.set(ylabel="accuracy at guidance 2, %", ylim=(0, 102))
    right.set(ylabel="Fréchet distance at the best guidance", yscale="log")
    for ax in (left, right):
        ax.set(xlabel="minutes of training on this machine", xlim=(0, None))
    figure.legend(loc="outside right upper", fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(
    minutes: Annotated[
        list[float] | None,
        typer.Option(help="Training times, for every model; repeat the option for several."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each kind.")] = 1,
    only: Annotated[
        list[str] | None, typer.Option(help=f"Models to run, of: {', '.join(CONTENDERS)}.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the JSON and the picture.")] = HERE,
) -> None:
    """Compare our U-Net with others: images per second, and quality over time."""
    if unknown := set(only or ()) - set(CONTENDERS):
        raise typer.BadParameter(f"--only takes {', '.join(CONTENDERS)}, not {unknown.pop()}.")
    try:
        data.mnist()
    except data.DataUnavailable as error:
        raise typer.BadParameter(f"The benchmark needs MNIST. {error}") from error
    report = {
        "machine": machine.describe(),
        "runs": {},
    }
    start = time.monotonic()
    for name in only or CONTENDERS:
        contender = CONTENDERS[name]
        for minute in minutes or contender.minutes:
            for seed in range(seeds):
                label = f"{name}, {minute:g} min, seed {seed}"
                report["runs"].setdefault(name, []).append(run(contender, minute, seed, label))
                report["total_minutes"] = (time.monotonic() - start) / 60
                (out / "benchmark.json").write_text(json.dumps(report, indent=1) + "\n")
                plot(report, out / "benchmark.png")  # after every run: Ctrl-C loses only one
    typer.echo(table(report))


if __name__ == "__main__":
    typer.run(main)
