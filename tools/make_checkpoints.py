"""Train, judge and describe the models that come with the course: ``make checkpoints``.

    python tools/make_checkpoints.py [--only mnist] [--only twin-linear-0] [--again | --rejudge]

Each model is trained by the command that its card names, in ``build/`` (a run that was interrupted
goes on where it stopped), reduced to what sampling needs, judged, and written to
``course_lib/weights`` with its card, a JSON file. Models that have a card are left alone unless
``--again`` is given; ``--rejudge`` samples from the weights that are there, and renews what their
cards say of them.
"""

import hashlib
import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from course_lib import WEIGHTS, samplers, solvers, spacings
from course_lib.judging import evaluation
from course_lib.training import checkpoints, recipes

BUILD = Path(__file__).parent.parent / "build"
TOLERANCE = {"accuracy": 0.04, "above": 0.3}


@dataclass(frozen=True)
class Plan:
    """What to train, and how to judge it: (guidance, n, sampler, steps) for each report."""

    recipe: str
    seed: int
    steps: int
    reports: tuple[tuple[float, int, Callable, int], ...]


PLAIN = samplers.ddim
BEST = partial(samplers.ddim, eta=1.0, spacing=spacings.square_root)
SECOND = partial(solvers.dpm_solver, eta=1.0)
CHECK = (1.0, 500, PLAIN, 20)  # on every card: what the tests measure anew
FULL = *((1.0, 5000, sampler, 20) for sampler in (PLAIN, BEST, SECOND)), (1.3, 5000, BEST, 20)
FEW = [(w, 10_000, samplers.consistency, steps) for w in (1.0, 1.3) for steps in (1, 2, 4)]
PLANS = {
    "mnist": Plan("mnist-large", 0, 26_000, (CHECK, *FULL)),
    "mnist-fast": Plan("mnist-fast", 0, 9_000, ((1.3, 500, samplers.consistency, 2), *FEW)),
}
for twin in (*recipes.TWINS, recipes.FLOW, recipes.FLOW_MIDDLE):
    for seed in range(3):
        reports = (CHECK, (1.0, 1000, PLAIN, 20), (2.0, 1000, PLAIN, 20))
        PLANS[f"{twin.name}-{seed}"] = Plan(twin.name, seed, 3000, reports)


def make(name: str, plan: Plan) -> None:
    """Train one model to its end, and write its weights and its card."""
    BUILD.mkdir(exist_ok=True)
    path = BUILD / f"{name}.safetensors"
    command = f"course train {plan.recipe} --steps {plan.steps} --seed {plan.seed}"
    resume = ["--resume"] if path.exists() else []
    module = [sys.executable, "-m", "course_lib.cli", *shlex.split(command)[1:]]
    subprocess.run([*module, "--out", str(path), *resume], check=True)
    about = checkpoints.about(path)
    if about["step"] < plan.steps:
        raise typer.Exit(130)  # Ctrl-C: the run can be resumed
    shipped = WEIGHTS / f"{name}.safetensors"
    checkpoints.slim(path, shipped)
    denoiser = recipes.load(shipped)
    card = {
        "command": command,
        "data": "MNIST, all 60,000 training images",
        "seed": plan.seed,
        "steps": plan.steps,
        "images": plan.steps * about["settings"]["batch_size"],
        "minutes": round(about["seconds"] / 60, 1),
        "parameters": sum(p.numel() for p in denoiser.model.parameters()),
        "sha256": hashlib.sha256(shipped.read_bytes()).hexdigest(),
    }
    judge(name, plan, card)


def judge(name: str, plan: Plan, card: dict) -> None:
    """Let both judges read samples of a shipped model, and write its card after every report."""
    denoiser = recipes.load(WEIGHTS / f"{name}.safetensors")
    reports: list[dict] = []
    for guidance, n, sampler, steps in plan.reports:
        options = {"guidance": guidance, "sampler": sampler, "steps": steps}
        report = evaluation.evaluate(denoiser, n, **options)
        reports.append(report.as_dict())
        print(f"{name}: {report.sampler}, {steps} steps, guidance {guidance:g}, n = {n}")
        for judge_name, said in report.verdicts.items():
            print(
                f"  {judge_name} judge: {said.accuracy:.2%} as asked, {said.distance}", flush=True
            )
        text = json.dumps(card | {"tolerance": TOLERANCE, "reports": reports}, indent=1) + "\n"
        (WEIGHTS / f"{name}.json").write_text(text, encoding="utf-8")  # Ctrl-C loses one report


def main(
    only: Annotated[
        list[str] | None, typer.Option(help=f"Models to make, of: {', '.join(PLANS)}.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Also those that have a card.")] = False,
    rejudge: Annotated[
        bool, typer.Option("--rejudge", help="Train nothing, judge those that have a card.")
    ] = False,
) -> None:
    """Train, judge and describe the models that come with the course."""
    if unknown := set(only or ()) - set(PLANS):
        raise typer.BadParameter(f"--only takes {', '.join(PLANS)}, not {unknown.pop()}.")
    for name in only or PLANS:
        if rejudge:
            judge(name, PLANS[name], checkpoints.card(name))
        elif again or not (WEIGHTS / f"{name}.json").exists():
            make(name, PLANS[name])


if __name__ == "__main__":
    typer.run(main)
