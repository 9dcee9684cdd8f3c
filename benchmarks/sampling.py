"""Measure samplers: quality against seconds, all with the same network, noise and labels.

    make sampling
    make sampling ARGS="--n 1000 --steps 10 --steps 20 --checkpoint twin-cosine-0"

Every sampler draws the same digits with the shipped network, at several numbers of network
evaluations, for several seeds. The judge's Fréchet distance stands beside its floor: what as many
real training digits score. Equal quality is stated by a rule: the fewest evaluations whose mean
distance, over the seeds, is within 10% of the best that any sampler reached. Writes sampling.json
and sampling.png, and prints two tables.
"""

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import machine
import matplotlib
import torch
import typer
from tqdm import tqdm

from course_lib import samplers, solvers, spacings
from course_lib.judging import evaluation
from course_lib.training import checkpoints

HERE = Path(__file__).parent
FRESH = partial(samplers.ddim, eta=1.0, spacing=spacings.square_root)
SAMPLERS = {
    "DDPM": samplers.ddpm,
    "DDIM": samplers.ddim,
    "DDIM, η = 1, stops at square roots": FRESH,
    "DPM-Solver++(2M)": solvers.dpm_solver,
    "Heun": solvers.heun,
}
CLOSE = 1.1  # times the best distance counts as equal quality


def rows(report: dict) -> list[dict]:
    """Average over seeds: one row for each sampler and number of steps."""
    out = []
    for name in SAMPLERS:
        runs = [r for r in report["runs"] if r["name"] == name]
        for steps in sorted({r["steps"] for r in runs}):
            same = [r for r in runs if r["steps"] == steps]
            distances = torch.tensor([r["frechet"] for r in same])
            seconds = sum(r["seconds"] / r["n"] for r in same) / len(same)
            out.append(
                {
                    "name": name,
                    "steps": steps,
                    "frechet": distances.mean().item(),
                    "lowest": distances.min().item(),
                    "highest": distances.max().item(),
                    "accuracy": sum(r["accuracy"] for r in same) / len(same),
                    "seconds_per_100": 100 * seconds,
                }
            )
    return out


def tables(report: dict) -> str:
    """Return all measurements, and the fewest steps to equal quality, as Markdown."""
    measured, first = rows(report), report["runs"][0]
    lines = [
        f"n = {first['n']}, guidance {first['guidance']:g}, floor {first['floor']['frechet']:.2f}",
        "",
        "| sampler | steps | seconds per 100 | Fréchet (lowest to highest) | accuracy |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['name']} | {r['steps']} | {r['seconds_per_100']:.1f} | {r['frechet']:.2f} "
        f"({r['lowest']:.2f} to {r['highest']:.2f}) | {r['accuracy']:.1%} |"
        for r in measured
    ]
    best = min(r["frechet"] for r in measured)
    lines += [
        "",
        f"Equal quality: a Fréchet distance of at most {CLOSE * best:.2f}, {CLOSE:g} × the best.",
        "",
        "| sampler | steps | images/s |",
        "|---|---|---|",
    ]
    for name in SAMPLERS:
        good = [r for r in measured if r["name"] == name and r["frechet"] <= CLOSE * best]
        if good:
            lines.append(
                f"| {name} | {good[0]['steps']} | {100 / good[0]['seconds_per_100']:.1f} |"
            )
        else:
            lines.append(f"| {name} | not reached | |")
    return "\n".join(lines)


def plot(report: dict, path: Path) -> None:
    """Draw the Fréchet distance over seconds per 100 samples, one line for each sampler."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator

    figure, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
    measured = rows(report)
    for name in SAMPLERS:
        line = [r for r in measured if r["name"] == name]
        seconds = [r["seconds_per_100"] for r in line]
        mean = [r["frechet"] for r in line]
        (drawn,) = ax.plot(seconds, mean, "o-", ms=4, label=name)
        low, high = [r["lowest"] for r in line], [r["highest"] for r in line]
        ax.fill_between(seconds, low, high, color=drawn.get_color(), alpha=0.2)
        for r in line:
            label = (r["seconds_per_100"], r["frechet"])
            ax.annotate(r["steps"], label, (2, 3), textcoords="offset points", fontsize=7)
    floor = report["runs"][0]["floor"]["frechet"]
    ax.axhline(floor, ls="--", c="0.5")
    where = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
    ax.annotate("real digits", (0.99, floor), (0, 3), ha="right", **where)
    ax.set(xscale="log", ylim=(0, None), xlabel="seconds per 100 samples, two CPU cores")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter("")
    ax.set_ylabel(f"Fréchet distance, n = {report['runs'][0]['n']}")
    ax.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(
    checkpoint: Annotated[str, typer.Option(help="Network to sample from.")] = "mnist",
    n: Annotated[int, typer.Option(min=100, max=10_000, help="Samples of every run.")] = 500,
    steps: Annotated[
        list[int] | None, typer.Option(help="Network evaluations; repeat for several.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each kind.")] = 2,
    guidance: Annotated[float, typer.Option(help="Guidance of every run.")] = 1.0,
    out: Annotated[Path, typer.Option(help="Folder for the JSON and the picture.")] = HERE,
) -> None:
    """Compare samplers: quality against seconds."""
    denoiser = checkpoints.load(checkpoint)
    report = {
        "checkpoint": checkpoint,
        "machine": machine.describe(),
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
    typer.echo(tables(report))


if __name__ == "__main__":
    typer.run(main)
