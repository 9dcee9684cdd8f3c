"""Measure what the course quotes: training speed, and quality over time, against the usual U-Net.

    make benchmark
    make benchmark ARGS="--minutes 0.5 --minutes 1 --seeds 3"

Each model is trained for each number of minutes, a run of its own every time, since the learning
rate falls to zero over the length of a run. All runs happen in one go on one machine, one after
another, so that their ratios mean something even where the seconds do not. A judge that has never
seen a generated digit reads samples at guidance 2 (accuracy), and at guidance 1 to 1.5 (Fréchet
distance, beside the floor: as many real training digits). Every sample takes 20 steps of DDIM.
Writes benchmark.json and benchmark.png beside this file, and prints a table.
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
GUIDANCES = (1.0, 1.15, 1.3, 1.5)


def small() -> nn.Module:
    """The network of notebook 03."""
    return models.UNet(width=48, num_classes=10)


OURS = recipes.MNIST
CONTENDERS = {
    "ours, 1.2M": OURS,
    "ours, 0.66M": replace(OURS, model=small),
    "ours, 0.66M, AdamW": replace(OURS, model=small, settings={"optimizer": adamw}),
    "textbook, 3.8M": replace(
        OURS,
        model=TextbookUNet,
        schedule=linear,
        prediction=EPS,
        settings={"optimizer": partial(adamw, lr=2e-4), "batch_size": 64},
    ),
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


def run(recipe: recipes.Recipe, minutes: float, seed: int, jury: Jury, n: int, label: str) -> dict:
    """Train once, sample, and judge."""
    trainer = recipe.trainer(minutes=minutes, seed=seed)
    with tqdm(total=round(60 * minutes), desc=label, unit="s", leave=False) as bar:
        for record in trainer.run():
            bar.update(min(record.seconds, bar.total) - bar.n)
    samples, y = draw(trainer, min(n, 1000), 2.0, seed + 1000)
    result = {
        "minutes": minutes,
        "seed": seed,
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "images_per_second": trainer.step * trainer.batch_size / trainer.seconds,
        "images": trainer.step * trainer.batch_size,
        "accuracy_guidance_2": judge.accuracy(jury.referee, samples, y),
        "by_guidance": {},
    }
    for guidance in tqdm(GUIDANCES, desc=f"{label}: judging", unit="guidance", leave=False):
        samples, y = draw(trainer, n, guidance, seed + 1000)
        result["by_guidance"][guidance] = {
            "frechet": jury.distance(samples),
            "accuracy": judge.accuracy(jury.referee, samples, y),
        }
    result["best_guidance"] = min(GUIDANCES, key=lambda w: result["by_guidance"][w]["frechet"])
    return result


def table(report: dict) -> str:
    """Return the report as a Markdown table."""
    floor = report["floor"]["mean"]
    lines = [
        f"floor at n = {report['n']}: {floor:.3f} "
        f"(largest of {len(report['floor']['all'])}: {max(report['floor']['all']):.3f})",
        "",
        "| model | minutes | seed | images/s | guidance 2: accuracy | guidance 1: accuracy, "
        "Fréchet | best guidance: accuracy, Fréchet | in floors |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, runs in report["runs"].items():
        for r in runs:
            plain, w = r["by_guidance"][1.0], r["best_guidance"]
            best = r["by_guidance"][w]
            lines.append(
                f"| {name} | {r['minutes']:g} | {r['seed']} | {r['images_per_second']:.0f} "
                f"| {r['accuracy_guidance_2']:.1%} | {plain['accuracy']:.1%}, "
                f"{plain['frechet']:.2f} | {w:g}: {best['accuracy']:.1%}, {best['frechet']:.2f} "
                f"| {best['frechet'] / floor:.1f} |"
            )
    return "\n".join(lines)


def plot(report: dict, path: Path) -> None:
    """Draw accuracy and Fréchet distance over minutes of training."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    for name, runs in report["runs"].items():
        minutes = [r["minutes"] for r in runs]
        left.plot(minutes, [100 * r["accuracy_guidance_2"] for r in runs], "o-", label=name)
        best = [r["by_guidance"][r["best_guidance"]]["frechet"] for r in runs]
        right.plot(minutes, best, "o-", label=name)
    right.axhline(report["floor"]["mean"], ls="--", c="0.5", label="real digits (floor)")
    left.set(xlabel="minutes of training", ylabel="accuracy at guidance 2, %", xscale="log")
    right.set(
        xlabel="minutes of training",
        ylabel=f"Fréchet, best guidance, n = {report['n']}",
        xscale="log",
        yscale="log",
    )
    right.legend()
    figure.savefig(path, dpi=110)


def main(
    minutes: Annotated[
        list[float] | None, typer.Option(help="Training times; repeat the option for several.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each kind.")] = 1,
    n: Annotated[int, typer.Option(min=200, help="Samples for the Fréchet distance.")] = 5000,
    only: Annotated[
        list[str] | None, typer.Option(help=f"Models to run, of: {', '.join(CONTENDERS)}.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the JSON and the picture go.")] = HERE,
) -> None:
    """Compare our U-Net with the usual one: images per second, and quality over time."""
    try:
        digits = data.mnist()
    except data.DataUnavailable as error:
        raise typer.BadParameter(f"The benchmark needs MNIST. {error}") from error
    jury = Jury(judge.shipped(), digits.x_test, digits.x_train)
    floor = jury.floor(n, repeats=5)
    report = {
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        },
        "n": n,
        "steps": 20,
        "floor": {"mean": sum(floor) / len(floor), "all": floor},
        "judge_accuracy": judge.accuracy(jury.referee, digits.x_test, digits.y_test),
        "runs": {name: [] for name in (only or CONTENDERS)},
    }
    start = time.monotonic()
    for minute in minutes or [0.5, 1.0, 2.0, 5.0]:
        for seed in range(seeds):
            for name in report["runs"]:
                label = f"{name}, {minute:g} min, seed {seed}"
                report["runs"][name].append(run(CONTENDERS[name], minute, seed, jury, n, label))
                report["total_minutes"] = (time.monotonic() - start) / 60
                (out / "benchmark.json").write_text(json.dumps(report, indent=1) + "\n")
    plot(report, out / "benchmark.png")
    typer.echo(table(report))


if __name__ == "__main__":
    typer.run(main)
