"""Change the masters' answers mechanically, and count how many changes the grader catches.

python tests/grading/mutation.py         # a hundred changes of each cell, as `make mutation` does
python tests/grading/mutation.py --only a1_toy_diffusion --exercise ex3_embedding --most 1000

Of all changes of a cell (``mutants.py``) a sample is graded, for the exercise of that cell alone.
What the grader lets pass must stand in ``survivors.py`` with a reason: either nobody could see a
difference, or the change is accepted. Of the changes that somebody could see, 95% must be caught.
The outcomes are kept in build/mutation.jsonl, a line each, so that a run goes on where it stopped.
"""

import argparse
import functools
import hashlib
import json
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import joblib
from audit import LIMITS, SOLUTIONS, grade_together
from mutants import Mutant, mutants
from survivors import SURVIVORS
from tally import Row, outcome, share, table
from tqdm import tqdm

from course_lib.grading import demo, grade, notebook, probes, sandbox

FILE = SOLUTIONS.parent / "build" / "mutation.jsonl"
ASSIGNMENTS = ("a1_toy_diffusion", "a2_mnist_ddpm", "a3_sampling_and_guidance", "a4_diagnosis")
JUDGED_BY = {"parts": "ex1_model"}
"""Cells that answer no exercise by themselves, and the one that uses them."""
LEAST = 0.95
MOST, SEED = 100, 0
TOGETHER = 100
"""Changes that share a sandbox, whose start takes longer than ten of them."""


def rows(names: Sequence[str], cells: Sequence[str], most: int) -> list[Row]:
    """Return a row for each cell that an exercise judges; ``cells`` chooses some of them."""
    found = []
    for name in names:
        exercises = {e.id for e in probes.load(name, SOLUTIONS).exercises}
        for cell in demo.load_master(name, SOLUTIONS)["cells"]:
            called = notebook.name_of(cell)
            answers = cell["cell_type"] == "code" and notebook.marks(cell).get("solution")
            asked = JUDGED_BY.get(called, called) in exercises and called in (cells or [called])
            if not (answers and asked):
                continue
            made = mutants("".join(cell["source"]))
            some = random.Random(f"{SEED}/{called}").sample(made, min(most, len(made)))
            listed = SURVIVORS.get((name, called), [])
            found.append(Row(name, called, made, dict.fromkeys(some, ""), listed))
    return found


@functools.cache
def judges(name: str) -> str:
    """All that judges an assignment's changes, as one text."""
    library = SOLUTIONS.parent / "course_lib"
    paths = [*library.glob("grading/*.py"), *library.glob("checks/*.py")]
    paths = [*sorted(paths), SOLUTIONS / name / "grading.py"]
    cells = demo.load_master(name, SOLUTIONS)["cells"]
    return "".join([*(path.read_text("utf-8") for path in paths), *map(str, cells)])


def digest(name: str, cell: str, mutant: Mutant) -> str:
    """Return the key of an outcome, which changes with all that judges it."""
    return hashlib.sha256("\0".join([judges(name), cell, mutant.source]).encode()).hexdigest()


def grade_some(name: str, todo: Sequence[tuple[str, str, Mutant]], done: Callable) -> None:
    """Grade some changes in one sandbox; ``done`` gets the key and the outcome of each at once."""
    master = demo.load_master(name, SOLUTIONS)
    with tempfile.TemporaryDirectory() as folder:
        for key, cell, mutant in todo:
            answer = demo.Alternate(key, cell, mutant.source)
            demo.submit(demo.changed(master, answer), Path(folder), key, name)
        asked = {key: {JUDGED_BY.get(cell, cell)} for key, cell, _ in todo}
        jobs = [
            grade.Job(key, name, SOLUTIONS, Path(folder, key), sandbox.bubblewrap, LIMITS)
            for key in asked
        ]
        for result in grade_together(jobs, asked):
            (mark,) = [mark for mark in result.marks if mark.id in asked[result.student]]
            done(result.student, outcome(mark))


def stored() -> dict[str, str]:
    """Return the outcomes that earlier runs left, by their keys."""
    found = {}
    for line in FILE.read_text().splitlines() if FILE.exists() else ():
        try:
            key, told = json.loads(line)
        except ValueError:  # a run was killed while it wrote
            continue
        found[key] = told
    return found


def run(chosen: Sequence[Row], jobs: int) -> bool:
    """Grade what has no outcome yet, and fill in the rows; return whether nothing stopped it."""
    keys = {
        digest(row.assignment, row.cell, mutant): (row, mutant)
        for row in chosen
        for mutant in row.outcomes
    }
    FILE.parent.mkdir(parents=True, exist_ok=True)
    known, batches = stored(), []
    for name in dict.fromkeys(row.assignment for row in chosen):
        todo = [
            (key, row.cell, mutant)
            for key, (row, mutant) in keys.items()
            if row.assignment == name and key not in known
        ]
        batches += [(name, todo[i : i + TOGETHER]) for i in range(0, len(todo), TOGETHER)]
    finished = True
    bar = tqdm(total=sum(len(todo) for _, todo in batches), unit="change")
    with FILE.open("a", buffering=1) as lines, bar:

        def done(key: str, told: str) -> None:
            lines.write(json.dumps([key, told]) + "\n")
            bar.update()

        try:  # threads suffice: it is the sandboxes, processes of their own, that compute
            joblib.Parallel(n_jobs=jobs, backend="threading")(
                joblib.delayed(grade_some)(name, todo, done) for name, todo in batches
            )
        except KeyboardInterrupt:
            finished = False
    known = stored()
    for row in chosen:
        row.outcomes.clear()
    for key, (row, mutant) in keys.items():
        if key in known:
            row.outcomes[mutant] = known[key]
    return finished


def main() -> int:
    """Print the table, and what is wrong with the list of survivors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=ASSIGNMENTS, action="append", help="an assignment")
    parser.add_argument("--exercise", action="append", default=[], help="the name of a cell")
    parser.add_argument("--most", type=int, default=MOST, help="changes of a cell that are graded")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    chosen = rows(options.only or ASSIGNMENTS, options.exercise, options.most)
    finished = run(chosen, options.jobs)
    print(table(chosen))
    print(f"At most {options.most} changes of a cell were graded, drawn with the seed {SEED}.")
    faults = [f"{row.assignment} {row.cell} {fault}" for row in chosen for fault in row.faults()]
    for name in dict.fromkeys(row.assignment for row in chosen):
        if share([row for row in chosen if row.assignment == name]) < LEAST:
            faults.append(f"{name}: less than {LEAST:.0%} are caught")
    if not finished:
        faults.append("interrupted; the same command goes on")
    for fault in faults:
        print(f"  {fault}")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
