"""Measure what the course quotes: training speed, and quality over time, against other U-Nets.

    make benchmark
    make benchmark ARGS="--minutes 0.5 --minutes 1 --seeds 3 --only textbook --only small"

Each model is trained for each number of minutes, a run of its own every time, since the learning
rate falls to zero over the length of a run. All runs happen one after another on one machine, so
that their ratios mean something even where the seconds do not. Every sample takes 20 steps as
`course sample` takes them: fresh noise, and stops at square roots. Two judges that have never seen
a generated digit read them at guidance 1, 1.3 and 2; Fréchet distances are given above the floor,
which is what as many real digits score. Writes benchmark.json and benchmark.png, and prints a
table.
"""

import itertools
import json
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import machine
import matplotlib
import quoting
import typer
from peers import DenoisingDiffusion, Diffusers
from textbook import TextbookUNet
from tqdm import tqdm

from course_lib import data, samplers, spacings
from course_lib.judging import JUDGES, evaluation
from course_lib.predictions import EPS
from course_lib.schedules import linear
from course_lib.training import recipes
from course_lib.training.optimizers import adamw

HERE = Path(__file__).parent
GUIDANCES = (1.0, 1.3, 2.0)
SAMPLER = partial(samplers.ddim, eta=1.0, spacing=spacings.square_root)


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
            trainer.denoiser(), contender.n, guidance=guidance, sampler=SAMPLER, seed=seed + 1000
        )
        reports[f"{guidance:g}"] = report.as_dict()
    return {
        "minutes": minutes,
        "seed": seed,
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "images": images,
        "images_per_second": images / trainer.seconds,
        "reports": reports,
    }


def table(report: dict) -> str:
    """Return the report as a Markdown table; of two numbers, the first judge said the first."""
    lines = [
        "| model | weights | minutes | images/s | guidance 2: as asked | guidance 1: as asked "
        "| above the floor | guidance 1.3: as asked | above the floor | n |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, runs in report["runs"].items():
        for minutes in dict.fromkeys(r["minutes"] for r in runs):
            same = [r for r in runs if r["minutes"] == minutes]
            plain, best, two = ([r["reports"][w] for r in same] for w in ("1", "1.3", "2"))
            speed = quoting.over_seeds([r["images_per_second"] for r in same], ".0f")
            lines.append(
                f"| {name} | {same[0]['parameters'] / 1e6:.2f}M | {minutes:g} | {speed} "
                f"| {quoting.accuracies(two)} "
                f"| {quoting.accuracies(plain)} | {quoting.distances(plain)} "
                f"| {quoting.accuracies(best)} | {quoting.distances(best)} | {best[0]['n']} |"
            )
    return "\n".join(lines)


def plot(report: dict, path: Path) -> None:
    """Draw accuracy, and the distance above the floor by both judges, over minutes of training."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
    for (name, runs), marker in zip(report["runs"].items(), itertools.cycle("os^DvP")):
        minutes = [r["minutes"] for r in runs]
        label = f"{name}, {runs[0]['parameters'] / 1e6:.2f}M, n = {runs[0]['reports']['1']['n']}"
        two = [r["reports"]["2"]["verdicts"]["first"]["accuracy"] for r in runs]
        axes[0].plot(minutes, [100 * value for value in two], f"{marker}-", label=label)
        for ax, judge in zip(axes[1:], JUDGES, strict=True):
            said = [r["reports"]["1.3"]["verdicts"][judge] for r in runs]
            bars = [verdict["bar"] for verdict in said]
            ax.errorbar(minutes, list(map(quoting.above, said)), bars, fmt=f"{marker}-", capsize=2)
    axes[0].set(ylabel="read as asked at guidance 2, %", ylim=(0, 102))
    for ax, judge in zip(axes[1:], JUDGES, strict=True):
        ax.set(title=f"the {judge} judge", yscale="log")
    axes[1].set_ylabel("Fréchet distance above\nthe floor, guidance 1.3")
    for ax in axes:
        ax.set(xlabel="minutes of training")
        ax.set_xlim(0, 1.06 * ax.get_xlim()[1])
    figure.legend(loc="outside lower center", fontsize=8, ncols=3)
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
