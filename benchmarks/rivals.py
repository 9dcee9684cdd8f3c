"""Give diffusion, a GAN and a VAE the same two minutes, and let one judge read what they draw.

    python benchmarks/rivals.py
    taskset -c 1 env OMP_NUM_THREADS=1 python benchmarks/rivals.py --minutes 2 --seeds 3

A budget is processor time of one thread or more, not time on the wall, so that nothing else that
runs on the machine can shorten it: the first steps of every model are timed, and then all seeds
get as many steps as the budget holds. All three train in float32 on the processor, their learning
rates fall to zero, and they draw with an average of their weights. Writes rivals.json, one row for
each model, way of drawing and seed, and prints a table of means with the lowest and the highest
seed.
"""

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import machine
import torch
import typer
from torch import Tensor
from tqdm import tqdm

from course_lib import data
from course_lib.judging import evaluation
from course_lib.training import Trainer, recipes, rivals

HERE = Path(__file__).parent
STEPS = 20
ON_CPU = {"device": torch.device("cpu"), "precision": torch.float32}
SMALL = replace(recipes.MNIST_SMALL, settings=recipes.MNIST_SMALL.settings | ON_CPU)


@dataclass(frozen=True)
class Contender:
    """A model to train, and the ways in which it can draw.

    train    function from ``steps`` and ``seed`` to a training run
    networks names of the networks that the run trains
    draws    for each way, a function from the run, labels and a seed to images
    """

    train: Callable[..., Trainer | rivals.Rival]
    networks: tuple[str, ...]
    draws: dict[str, Callable[[Trainer | rivals.Rival, Tensor, int], Tensor]]


def diffuse(guidance: float, trainer: Trainer, y: Tensor, seed: int) -> Tensor:
    """Draw digits with DDIM."""
    options = {"guidance": guidance, "steps": STEPS, "seed": seed}
    parts = evaluation.generate(trainer.denoiser(), y, (len(y), 1, 28, 28), **options)
    return torch.cat(list(parts))


def call_once(rival: rivals.Rival, y: Tensor, seed: int) -> Tensor:
    """Draw digits with a decoder."""
    return rival.sample(y, seed=seed)


def contenders() -> dict[str, Contender]:
    """Return the three models, on one and the same data."""
    digits = data.mnist()
    images = digits.x_train, digits.y_train
    guided = {f"{STEPS} steps, guidance {w:g}": partial(diffuse, w) for w in (1.0, 1.3, 2.0)}
    pair, once = ("decoder", "teacher"), {"one call": call_once}
    return {
        "diffusion": Contender(SMALL.trainer, ("model",), guided),
        "GAN": Contender(partial(rivals.GAN, *images), pair, once),
        "VAE": Contender(partial(rivals.VAE, *images), pair, once),
    }


def processor_seconds() -> float:
    """Return the processor time used so far, per thread."""
    return time.process_time() / torch.get_num_threads()


def steps_in(minutes: float, contender: Contender) -> int:
    """Return how many training steps fit in a budget; the first ten are not timed."""
    run = contender.train(steps=10_000, seed=0).run()
    list(itertools.islice(run, 10))
    start = processor_seconds()
    list(itertools.islice(run, 50))
    return round(60 * minutes / ((processor_seconds() - start) / 50))


def measure(name: str, contender: Contender, steps: int, seed: int, n: int) -> list[dict]:
    """Train once, draw n digits in every way, and judge them: one row for each way."""
    run, start = contender.train(steps=steps, seed=seed), processor_seconds()
    for _ in tqdm(run.run(), total=steps, desc=f"{name}, seed {seed}", leave=False):
        pass
    weights = [p.numel() for part in contender.networks for p in getattr(run, part).parameters()]
    about = {
        "model": name,
        "seed": seed,
        "parameters": sum(weights),
        "steps": steps,
        "images": steps * run.batch_size,
        "seconds": processor_seconds() - start,
    }
    rows, y = [], torch.arange(n) % 10
    for way, draw in contender.draws.items():
        start = processor_seconds()
        x = draw(run, y, seed + 1000)
        milliseconds = 1000 * (processor_seconds() - start) / n
        judged = evaluation.judge_samples(x, y)
        rows.append(about | {"drawn": way, "ms_per_image": milliseconds, "n": n} | judged)
    return rows


def table(report: dict) -> str:
    """Return the report as a Markdown table: means, and in brackets the lowest and the highest."""
    rows = report["rows"]
    lines = [
        "| model | drawn in | weights | images seen | Fréchet | accuracy | precision | recall "
        "| ms per image |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, way in dict.fromkeys((row["model"], row["drawn"]) for row in rows):
        mine = [row for row in rows if (row["model"], row["drawn"]) == (name, way)]

        def over_seeds(key: str, form: str, mine: list[dict] = mine) -> str:
            values = [row[key] for row in mine]
            ends = f"{min(values):{form}} to {max(values):{form}}"
            return f"{sum(values) / len(values):{form}} ({ends})"

        lines.append(
            f"| {name} | {way} | {mine[0]['parameters'] / 1e6:.2f}M | {mine[0]['images']:,} "
            f"| {over_seeds('frechet', '.2f')} | {over_seeds('accuracy', '.1%')} "
            f"| {over_seeds('precision', '.2f')} | {over_seeds('recall', '.2f')} "
            f"| {over_seeds('ms_per_image', '.2f')} |"
        )
    floor = {key: f"{value:.2f}" for key, value in rows[0]["floor"].items()}
    lines.append(
        f"| real digits | | | | {floor['frechet']} | | {floor['precision']} "
        f"| {floor['recall']} | |"
    )
    return "\n".join(lines)


def main(
    minutes: Annotated[float, typer.Option(help="Processor time to train each model.")] = 2.0,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each model.")] = 3,
    n: Annotated[int, typer.Option(min=100, max=10_000, help="Digits to judge.")] = 1000,
    out: Annotated[Path, typer.Option(help="Folder for the JSON.")] = HERE,
) -> None:
    """Compare diffusion with a GAN and a VAE that had the same time to learn."""
    try:
        three = contenders()
    except data.DataUnavailable as error:
        raise typer.BadParameter(f"The comparison needs MNIST. {error}") from error
    report = {
        "machine": machine.describe(),
        "budget": "processor time of training, per thread",
        "minutes": minutes,
        "seeds": seeds,
        "rows": [],
    }
    steps = {name: steps_in(minutes, contender) for name, contender in three.items()}
    for seed in range(seeds):
        for name, contender in three.items():
            report["rows"] += measure(name, contender, steps[name], seed, n)
            text = json.dumps(report, indent=1) + "\n"  # after every run: Ctrl-C loses only one
            (out / "rivals.json").write_text(text, encoding="utf-8")
    typer.echo(table(report))


if __name__ == "__main__":
    typer.run(main)
