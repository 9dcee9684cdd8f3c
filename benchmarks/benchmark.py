"""Measure what the course quotes: training speed, and quality over time, against the usual U-Net.

    make benchmark
    make benchmark ARGS="--minutes 0.5 --minutes 1 --seeds 3 --only textbook --only small"

Each model is trained for each number of minutes, a run of its own every time, since the learning
rate falls to zero over the length of a run. All runs happen one after another on one machine, so
that their ratios mean something even where the seconds do not. A judge that has never seen a
generated digit reads samples at guidance 2 (accuracy) and 1 and 1.3 (Fréchet distance).
Every sample takes 20 steps of DDIM, and every Fréchet distance stands beside its floor: what as
many real training digits score. Writes benchmark.json and benchmark.png, and prints a table.
"""

import json
import platform
import sys
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import matplotlib
import torch
import typer
from torch import Tensor, nn
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parent))
from textbook import TextbookUNet

from course_lib import data, judge, metrics, models, recipes, samplers
from course_lib.guidance import Guided
from course_lib.optimizers import adamw
from course_lib.predictions import EPS, Clipped
from course_lib.schedules import linear
from course_lib.training import Trainer

HERE = Path(__file__).parent
GUIDANCES = (1.0, 1.3)


@dataclass(frozen=True)
class Contender:
    """A model to measure.

    recipe  how it is trained
    minutes lengths of its runs, unless --minutes says otherwise
    n       samples at every guidance; fewer where sampling is slow
    final   samples once more at the best guidance, for a figure with a low floor; None: none
    """

    recipe: recipes.Recipe
    minutes: tuple[float, ...]
    n: int
    final: int | None = None


def small() -> nn.Module:
    """The network of notebook 03."""
    return models.UNet(width=48, num_classes=10)


TEXTBOOK = replace(
    recipes.MNIST,
    model=TextbookUNet,
    schedule=linear,
    prediction=EPS,
    settings={"optimizer": partial(adamw, lr=2e-4), "batch_size": 64},
)
SMALL = replace(recipes.MNIST, model=small)
ADAMW = replace(SMALL, settings={"optimizer": adamw, "batch_size": 64})
CONTENDERS = {
    "large": Contender(recipes.MNIST, (5.0,), 1000, final=2000),
    "small": Contender(SMALL, (1.0,), 1000),
    "small-adamw": Contender(ADAMW, (1.0,), 1000),
    "textbook": Contender(TEXTBOOK, (1.0, 3.0), 250),
}


@dataclass(frozen=True)
class Jury:
    """The judge, and the real digits that generated ones are compared with."""

    referee: judge.Judge
    real: Tensor
    train: Tensor

    def distance(self, samples: Tensor) -> float:
        """Fréchet distance to the real test digits."""
        return metrics.frechet(self.referee.features, self.real, samples)

    def floor(self, n: int, repeats: int) -> list[float]:
        """The same distance for n real training digits, drawn anew each time."""
        g = torch.Generator().manual_seed(0)
        draws = [torch.randperm(len(self.train), generator=g)[:n] for _ in range(repeats)]
        return [self.distance(self.train[index]) for index in draws]


def draw(trainer: Trainer, n: int, guidance: float, seed: int) -> tuple[Tensor, Tensor]:
    """Sample n digits, equally many of each, in 20 steps of DDIM."""
    y = torch.arange(n) % 10
    g = torch.Generator().manual_seed(seed)
    denoiser = Clipped(Guided(trainer.denoiser(), guidance), trainer.schedule)
    parts = []
    for labels in y.split(250):
        x = torch.randn(len(labels), 1, 28, 28, generator=g)
        walk = samplers.ddim(denoiser, x, trainer.schedule, steps=20, y=labels)
        parts.append(samplers.last(walk))
    return torch.cat(parts), y


def run(contender: Contender, minutes: float, seed: int, jury: Jury, label: str) -> dict:
    """Train once, sample, and judge."""
    trainer = contender.recipe.trainer(minutes=minutes, seed=seed)
    with tqdm(total=round(60 * minutes), desc=label, unit="s", leave=False) as bar:
        for record in trainer.run():
            bar.update(min(record.seconds, bar.total) - bar.n)
    n, fresh = contender.n, seed + 1000
    samples, y = draw(trainer, n, 2.0, fresh)
    result = {
        "minutes": minutes,
        "seed": seed,
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "images": trainer.step * trainer.batch_size,
        "images_per_second": trainer.step * trainer.batch_size / trainer.seconds,
        "n": n,
        "accuracy_guidance_2": judge.accuracy(jury.referee, samples, y),
        "by_guidance": {},
    }
    for guidance in tqdm(GUIDANCES, desc=f"{label}: judging", leave=False):
        samples, y = draw(trainer, n, guidance, fresh)
        result["by_guidance"][guidance] = {
            "frechet": jury.distance(samples),
            "accuracy": judge.accuracy(jury.referee, samples, y),
        }
    best = min(GUIDANCES, key=lambda w: result["by_guidance"][w]["frechet"])
    result["best_guidance"] = best
    if contender.final:
        samples, y = draw(trainer, contender.final, best, fresh)
        result["final"] = {
            "n": contender.final,
            "frechet": jury.distance(samples),
            "accuracy": judge.accuracy(jury.referee, samples, y),
        }
    return result


def table(report: dict) -> str:
    """Return the report as a Markdown table."""
    lines = [
        "| model | weights | minutes | images/s | accuracy at guidance 2 | guidance 1: accuracy, "
        "Fréchet | best guidance: accuracy, Fréchet | floor | n |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, runs in report["runs"].items():
        for r in runs:
            plain, w = r["by_guidance"][1.0], r["best_guidance"]
            rows = [(r["by_guidance"][w], r["n"])]
            if "final" in r:
                rows.append((r["final"], r["final"]["n"]))
            for best, n in rows:
                lines.append(
                    f"| {name} | {r['parameters'] / 1e6:.2f}M | {r['minutes']:g} "
                    f"| {r['images_per_second']:.0f} | {r['accuracy_guidance_2']:.1%} "
                    f"| {plain['accuracy']:.1%}, {plain['frechet']:.2f} "
                    f"| {w:g}: {best['accuracy']:.1%}, {best['frechet']:.2f} "
                    f"| {report['floors'][n]['mean']:.2f} | {n} |"
                )
    return "\n".join(lines)


def plot(report: dict, path: Path) -> None:
    """Draw accuracy and Fréchet distance, in floors, over minutes of training."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for name, runs in report["runs"].items():
        for ax in (left, right):
            values = []
            for r in runs:
                best = r["by_guidance"][r["best_guidance"]]["frechet"]
                floors = best / report["floors"][r["n"]]["mean"]
                values.append(100 * r["accuracy_guidance_2"] if ax is left else floors)
            label = f"{name}, {runs[0]['parameters'] / 1e6:.2f}M"
            ax.plot([r["minutes"] for r in runs], values, "o-", label=label)
    right.axhline(1, ls="--", c="0.5", label="real digits")
    left.set(ylabel="accuracy at guidance 2, %", ylim=(0, 102))
    right.set(ylabel="Fréchet at the best guidance, in floors", yscale="log")
    for ax in (left, right):
        ax.set(xlabel="minutes of training on this machine")
    right.legend(fontsize=8)
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
    """Compare our U-Net with the usual one: images per second, and quality over time."""
    if unknown := set(only or ()) - set(CONTENDERS):
        raise typer.BadParameter(f"--only takes {', '.join(CONTENDERS)}, not {unknown.pop()}.")
    try:
        digits = data.mnist()
    except data.DataUnavailable as error:
        raise typer.BadParameter(f"The benchmark needs MNIST. {error}") from error
    jury = Jury(judge.shipped(), digits.x_test, digits.x_train)
    chosen = {name: CONTENDERS[name] for name in only or CONTENDERS}
    floors = {}
    for n in sorted({m for c in chosen.values() for m in (c.n, c.final) if m}):
        values = jury.floor(n, repeats=3)
        floors[n] = {"mean": sum(values) / len(values), "all": values}
    report = {
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        },
        "steps": 20,
        "judge_accuracy": judge.accuracy(jury.referee, digits.x_test, digits.y_test),
        "floors": floors,
        "runs": {},
    }
    start = time.monotonic()
    for name, contender in chosen.items():
        for minute in minutes or contender.minutes:
            for seed in range(seeds):
                label = f"{name}, {minute:g} min, seed {seed}"
                report["runs"].setdefault(name, []).append(
                    run(contender, minute, seed, jury, label)
                )
                report["total_minutes"] = (time.monotonic() - start) / 60
                (out / "benchmark.json").write_text(json.dumps(report, indent=1) + "\n")
                plot(report, out / "benchmark.png")  # after every run: Ctrl-C loses only one
    typer.echo(table(report))


if __name__ == "__main__":
    typer.run(main)
