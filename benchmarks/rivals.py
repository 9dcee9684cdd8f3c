"""Give diffusion, a GAN and a VAE the same two minutes, and let two judges read what they draw.

    python benchmarks/rivals.py
    taskset -c 1 env OMP_NUM_THREADS=1 python benchmarks/rivals.py --minutes 2 --seeds 3

A budget is processor time of one thread or more, not time on the wall, so that nothing else that
runs on the machine can shorten it: the first steps of every model are timed, and then all seeds
get as many steps as the budget holds at that speed. A row says what a run really took, which a
busy machine makes longer, to all models alike. All three train in float32 on the processor, their
learning rates fall to zero, and they draw with an average of their weights. Diffusion draws in 20
steps as `course sample` takes them: fresh noise, and stops at square roots. Labels keep the quotas
of the floor. Each training seed is crossed with the same sampling seeds. Writes rivals.json, one
row for each model, way of drawing and pair of seeds, and prints a table of means with their
errors, and what `compare` says of diffusion against each rival.
"""

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import machine
import quoting
import torch
import typer
from torch import Tensor
from tqdm import tqdm

from course_lib import data, samplers, spacings
from course_lib.judging import JUDGES, agreed, compare, evaluation, quota_labels
from course_lib.training import Trainer, recipes, rivals

HERE = Path(__file__).parent
STEPS = 20
SAMPLER = partial(samplers.ddim, eta=1.0, spacing=spacings.square_root)
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
    options = {"guidance": guidance, "steps": STEPS, "sampler": SAMPLER, "seed": seed}
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


def measure(name: str, contender: Contender, steps: int, seed: int, draws: int, n: int) -> list:
    """Train once, draw n digits in every way and with every sampling seed, and judge them."""
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
    rows, y = [], quota_labels(n)
    for (way, draw), draw_seed in itertools.product(contender.draws.items(), range(draws)):
        start = processor_seconds()
        x = draw(run, y, draw_seed + 1000)
        milliseconds = 1000 * (processor_seconds() - start) / n
        verdicts = {judge: asdict(evaluation.judge_samples(x, y, judge)) for judge in JUDGES}
        drawn = {"drawn": way, "draw_seed": draw_seed, "ms_per_image": milliseconds, "n": n}
        rows.append(about | drawn | {"verdicts": verdicts})
    return rows


def scores(rows: list[dict], model: str, way: str, judge: str, key: str) -> Tensor:
    """Return one judge's table of a measure: training seeds by sampling seeds."""
    mine = [row for row in rows if (row["model"], row["drawn"]) == (model, way)]
    values = [row["verdicts"][judge][key] for row in mine]
    return torch.tensor(values).view(len({row["seed"] for row in mine}), -1)


def table(report: dict) -> str:
    """Return the report as Markdown: means over training seeds with their standard errors."""
    rows, lines = report["rows"], []
    ways = list(dict.fromkeys((row["model"], row["drawn"]) for row in rows))
    for judge in JUDGES:
        floor = rows[0]["verdicts"][judge]["floor"]
        lines += [
            f"The {judge} judge, n = {rows[0]['n']}, floor {floor['frechet']:.3f}:",
            "",
            "| model | drawn in | weights | images seen | Fréchet above the floor | as asked "
            "| precision | recall | rejected | ms per image |",
            "|---|---|---|---|---|---|---|---|---|---|",
        ]
        for model, way in ways:

            def mean(key: str, form: str, who: tuple = (model, way, judge)) -> str:
                return quoting.over_seeds(scores(rows, *who, key).mean(1).tolist(), form)

            one = next(row for row in rows if (row["model"], row["drawn"]) == (model, way))
            above = scores(rows, model, way, judge, "frechet").mean(1) - floor["frechet"]
            lines.append(
                f"| {model} | {way} | {one['parameters'] / 1e6:.2f}M | {one['images']:,} "
                f"| {quoting.over_seeds(above.tolist(), '+.2f')} | {mean('accuracy', '.1%')} "
                f"| {mean('precision', '.2f')} | {mean('recall', '.2f')} "
                f"| {mean('rejected', '.1%')} | {one['ms_per_image']:.2f} |"
            )
        lines.append(
            f"| real digits | | | | 0 | {floor['accuracy']:.1%} | {floor['precision']:.2f} "
            f"| {floor['recall']:.2f} | {floor['rejected']:.1%} | |"
        )
        lines.append("")
    return "\n".join(lines + comparisons(rows, ways))


def comparisons(rows: list[dict], ways: list[tuple[str, str]]) -> list[str]:
    """Return a line for diffusion in each way against each rival: what the judges agree on."""
    lines = []
    mine = [pair for pair in ways if pair[0] == "diffusion"]
    others = [pair for pair in ways if pair[0] != "diffusion"]
    for (model, way), rival in itertools.product(mine, others):
        differences = {
            judge: compare(
                *(scores(rows, *who, judge, "frechet") for who in ((model, way), rival))
            )
            for judge in JUDGES
        }
        each = ", ".join(f"{judge} {difference}" for judge, difference in differences.items())
        lines.append(f"{model} in {way} minus {rival[0]}: {agreed(differences)} ({each})")
    return lines


def main(
    minutes: Annotated[float, typer.Option(help="Processor time to train each model.")] = 2.0,
    seeds: Annotated[int, typer.Option(min=2, help="Training seeds of each model.")] = 3,
    draws: Annotated[int, typer.Option(min=2, help="Sampling seeds of each run.")] = 3,
    n: Annotated[int, typer.Option(min=100, max=10_000, help="Digits of each draw.")] = 500,
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
        "draws": draws,
        "rows": [],
    }
    steps = {name: steps_in(minutes, contender) for name, contender in three.items()}
    for seed in range(seeds):
        for name, contender in three.items():
            report["rows"] += measure(name, contender, steps[name], seed, draws, n)
            text = json.dumps(report, indent=1) + "\n"  # after every run: Ctrl-C loses only one
            (out / "rivals.json").write_text(text, encoding="utf-8")
    typer.echo(table(report))


if __name__ == "__main__":
    typer.run(main)
