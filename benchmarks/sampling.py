"""Measure samplers: quality against steps, all with the same network, noise and labels.

    make sampling
    make sampling ARGS="--n 1000 --steps 10 --steps 20 --checkpoint twin-cosine-0"

Every sampler draws the same digits with the shipped network, at several numbers of network
evaluations, from the same noise for several seeds. Two judges read them; a Fréchet distance is
given above the floor, which is what as many real digits score, with the standard error over the
seeds. Writes sampling.json and sampling.png, and prints a table.
"""

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import machine
import matplotlib
import quoting
import torch
import typer
from tqdm import tqdm

from course_lib import samplers, solvers, spacings
from course_lib.judging import JUDGES, evaluation
from course_lib.training import recipes

HERE = Path(__file__).parent
FRESH = partial(samplers.ddim, eta=1.0, spacing=spacings.square_root)
SAMPLERS = {
    "DDPM": samplers.ddpm,
    "DDIM": samplers.ddim,
    "DDIM, η = 1, stops at square roots": FRESH,
    "DPM-Solver++(2M)": solvers.dpm_solver,
    "DPM-Solver++(2M), η = 1": partial(solvers.dpm_solver, eta=1.0),
    "Heun": solvers.heun,
}


def runs_of(report: dict, name: str, steps: int) -> list[dict]:
    """Return the runs of one sampler at one number of steps, by seed."""
    return [r for r in report["runs"] if (r["name"], r["steps"]) == (name, steps)]


def scores(report: dict, key: tuple[str, int], judge: str) -> torch.Tensor:
    """Return a judge's Fréchet distances above the floor, one for each seed."""
    return torch.tensor([quoting.above(r["verdicts"][judge]) for r in runs_of(report, *key)])


def seconds(report: dict, key: tuple[str, int]) -> float:
    """Return the seconds that 100 samples took."""
    runs = runs_of(report, *key)
    return 100 * sum(r["seconds"] / r["n"] for r in runs) / len(runs)


def table(report: dict) -> str:
    """Return all measurements as Markdown."""
    keys = sorted({(r["name"], r["steps"]) for r in report["runs"]}, key=lambda key: key[1])
    first = report["runs"][0]
    lines = [
        f"n = {first['n']}, guidance {first['guidance']:g}, {report['seeds']} seeds; of two "
        f"numbers, the first judge said the first",
        "",
        "| sampler | steps | seconds per 100 | Fréchet above the floor | as asked |",
        "|---|---|---|---|---|",
    ]
    for name, steps in ((name, steps) for name in SAMPLERS for n, steps in keys if n == name):
        runs = runs_of(report, name, steps)
        lines.append(
            f"| {name} | {steps} | {seconds(report, (name, steps)):.1f} "
            f"| {quoting.distances(runs)} | {quoting.accuracies(runs)} |"
        )
    return "\n".join(lines)


def plot(report: dict, path: Path) -> None:
    """Draw the distance above the floor over network evaluations, a panel for each judge."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 4.2), sharey=True, layout="constrained")
    counts = sorted({r["steps"] for r in report["runs"]})
    for ax, judge in zip(axes, JUDGES, strict=True):
        for k, (name, marker) in enumerate(zip(SAMPLERS, "os^Dv*", strict=True)):
            values = [scores(report, (name, count), judge) for count in counts]
            x = [count * 1.03 ** (k - 2.5) for count in counts]  # side by side
            bars = [v.std() / len(v) ** 0.5 for v in values]
            look = {"marker": marker, "ms": 5, "capsize": 2, "lw": 1, "label": name}
            ax.errorbar(x, [v.mean() for v in values], bars, **look)
        ax.axhline(0, ls="--", c="0.5", label="real digits")
        ax.set(title=f"the {judge} judge", xscale="log", xlabel="network evaluations")
        ax.set_xticks(counts, counts)
        ax.minorticks_off()
    axes[0].set_ylabel(f"Fréchet distance above the floor, n = {report['runs'][0]['n']}")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(
    checkpoint: Annotated[str, typer.Option(help="Network to sample from.")] = "mnist",
    n: Annotated[int, typer.Option(min=100, max=10_000, help="Samples of every run.")] = 300,
    steps: Annotated[
        list[int] | None, typer.Option(help="Network evaluations; repeat for several.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=2, help="Runs of each kind.")] = 3,
    guidance: Annotated[float, typer.Option(help="Guidance of every run.")] = 1.0,
    out: Annotated[Path, typer.Option(help="Folder for the JSON and the picture.")] = HERE,
) -> None:
    """Compare samplers: quality against network evaluations."""
    denoiser = recipes.load(checkpoint)
    report = {
        "checkpoint": checkpoint,
        "machine": machine.describe(),
        "seeds": seeds,
        "runs": [],
    }
    plan = [(s, name, k) for s in steps or (5, 10, 20) for name in SAMPLERS for k in range(seeds)]
    for count, name, seed in tqdm(plan):
        run = evaluation.evaluate(
            denoiser, n, guidance=guidance, steps=count, sampler=SAMPLERS[name], seed=seed
        )
        report["runs"].append({"name": name, **run.as_dict()})
        (out / "sampling.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    plot(report, out / "sampling.png")
    typer.echo(table(report))


if __name__ == "__main__":
    typer.run(main)
