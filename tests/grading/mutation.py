"""Change the masters' answers mechanically, and count how many changes the grader catches.

    python tests/grading/mutation.py --only a1_toy_diffusion --exercise ex3_embedding

Of all changes of a cell (``mutants.py``) a sample is graded, for the exercise of that cell alone.
What the grader lets pass must stand in ``survivors.py`` with a reason: either nobody could see a
difference, or the change is accepted. Of the changes that somebody could see, 95% must be caught.
The outcomes are kept in build/mutation/, one line each, so that a run goes on where it stopped.
"""

import argparse
import hashlib
import json
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import joblib
from audit import BATCH, LIMITS, SOLUTIONS, grade_together
from mutants import Mutant, mutants
from survivors import SURVIVORS, Survivor
from tqdm import tqdm

from course_lib.grading import demo, grade, notebook, probes, sandbox
from course_lib.grading.results import Mark

ROOT = SOLUTIONS.parent
STORED = ROOT / "build" / "mutation"
ASSIGNMENTS = ("a1_toy_diffusion", "a2_mnist_ddpm", "a3_sampling_and_guidance", "a4_diagnosis")
JUDGED_BY = {"parts": "ex1_model"}
"""Cells that answer no exercise by themselves, and the one that uses them."""
LEAST = 0.95
MOST, SEED = 100, 0
CAUGHT, ERROR, PASSED = "caught", "caught by an error", "passed"


@dataclass
class Row:
    """What became of the changes of one cell.

    made      all changes that there are
    outcomes  of those that were graded
    listed    what is known to pass
    """

    assignment: str
    cell: str
    made: Sequence[Mutant]
    outcomes: dict[Mutant, str]
    listed: Sequence[Survivor]

    @property
    def passed(self) -> list[Mutant]:
        """What the grader let pass."""
        return [mutant for mutant, outcome in self.outcomes.items() if outcome == PASSED]

    def known(self, mutant: Mutant) -> Survivor | None:
        """The entry of the list for a change."""
        pair = (mutant.was, mutant.becomes)
        return next((entry for entry in self.listed if pair in entry.changes), None)

    @property
    def equivalent(self) -> int:
        """How many passed rightly, since they change nothing that could be seen."""
        return sum(known.equivalent for known in map(self.known, self.passed) if known)

    @property
    def caught(self) -> int:
        """How many lost the exercise's points, or some of them."""
        return len(self.outcomes) - len(self.passed)

    def faults(self) -> Iterator[str]:
        """Yield what is wrong with the list: changes that it lacks, and entries that are old."""
        for mutant in self.passed:
            if not self.known(mutant):
                yield f"passed, and is not listed: {(mutant.was, mutant.becomes)!r}"
        made = {(mutant.was, mutant.becomes) for mutant in self.made}
        caught = {(m.was, m.becomes) for m, outcome in self.outcomes.items() if outcome != PASSED}
        for change in (change for entry in self.listed for change in entry.changes):
            if change not in made:
                yield f"is listed, and is no longer made: {change!r}"
            elif change in caught:
                yield f"is listed, and is caught: {change!r}"


def share(rows: Sequence[Row]) -> float:
    """Of the changes that can be seen, the share that is caught."""
    visible = sum(len(row.outcomes) - row.equivalent for row in rows)
    return sum(row.caught for row in rows) / visible if visible else 1.0


def table(rows: Sequence[Row]) -> str:
    """Return the table: a line for each cell, and one for each assignment."""
    form = "{:<25}{:<15}{:>8}{:>8}{:>9}{:>9}{:>12}{:>11}{:>8}"
    head = "assignment cell made graded caught by_error equivalent survivors share".split()
    lines = [form.format(*head).replace("_", " ")]

    def line(name: str, cell: str, some: Sequence[Row]) -> str:
        graded, caught = sum(len(r.outcomes) for r in some), sum(r.caught for r in some)
        errors = sum(list(r.outcomes.values()).count(ERROR) for r in some)
        alike, made = sum(r.equivalent for r in some), sum(len(r.made) for r in some)
        left = graded - caught - alike
        return form.format(
            name, cell, made, graded, caught, errors, alike, left, f"{share(some):.1%}"
        )

    for name in dict.fromkeys(row.assignment for row in rows):
        some = [row for row in rows if row.assignment == name]
        lines += [line(name, row.cell, [row]) for row in some]
        lines.append(line(name, "together", some))
    return "\n".join(lines)


def rows(names: Sequence[str], cells: Sequence[str], most: int) -> list[Row]:
    """Return a row for each cell that an exercise judges; ``cells`` chooses some, if any."""
    found = []
    for name in names:
        exercises = {e.id for e in probes.load(name, SOLUTIONS).exercises}
        for cell in demo.load_master(name, SOLUTIONS)["cells"]:
            called = notebook.name_of(cell)
            answers = cell["cell_type"] == "code" and notebook.marks(cell).get("solution")
            if not answers or JUDGED_BY.get(called, called) not in exercises:
                continue
            if cells and called not in cells:
                continue
            made = mutants("".join(cell["source"]))
            some = random.Random(f"{SEED}/{called}").sample(made, min(most, len(made)))
            listed = SURVIVORS.get((name, called), [])
            found.append(Row(name, called, made, dict.fromkeys(some, ""), listed))
    return found


def digest(name: str, cell: str, mutant: Mutant) -> str:
    """Return the key of an outcome, which changes with all that judges it."""
    judges = [*(ROOT / "course_lib" / "grading").glob("*.py"), *(SOLUTIONS / name).glob("*.py")]
    judges += (ROOT / "course_lib" / "checks").glob("*.py")
    master = demo.load_master(name, SOLUTIONS)
    parts = [path.read_text("utf-8") for path in sorted(judges) if path.name != "cases.py"]
    parts += ["".join(cell["source"]) for cell in master["cells"]]
    return hashlib.sha256("\0".join([*parts, cell, mutant.source]).encode()).hexdigest()


def outcome(mark: Mark) -> str:
    """Say whether a change was caught; what needs a look has not been judged."""
    if mark.state == "needs a look" or mark.score == mark.points:
        return PASSED
    errors = any(record["errors"] for record in mark.evidence)
    return ERROR if errors or mark.state != "graded" else CAUGHT


def grade_some(name: str, todo: Sequence[tuple[str, str, Mutant]], file: Path) -> int:
    """Grade some changes in one sandbox, and note each outcome at once; return how many."""
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
            with file.open("a") as lines:
                lines.write(json.dumps([result.student, outcome(mark)]) + "\n")
    return len(todo)


def stored() -> dict[str, str]:
    """Return the outcomes that earlier runs left, by their keys."""
    found = {}
    for line in (line for file in STORED.glob("*.jsonl") for line in file.open()):
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
    STORED.mkdir(parents=True, exist_ok=True)

    known, batches = stored(), []
    for name in dict.fromkeys(row.assignment for row in chosen):
        todo = [
            (key, row.cell, mutant)
            for key, (row, mutant) in keys.items()
            if row.assignment == name and key not in known
        ]
        batches += [(name, todo[i : i + BATCH]) for i in range(0, len(todo), BATCH)]
    finished = True
    try:
        with tqdm(total=sum(len(todo) for _, todo in batches), unit="change") as bar:
            for count in joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")(
                joblib.delayed(grade_some)(name, todo, STORED / f"{name}.jsonl")
                for name, todo in batches
            ):
                bar.update(count)
    except KeyboardInterrupt:
        finished = False
    known = stored()
    for key, (row, mutant) in keys.items():
        if key in known:
            row.outcomes[mutant] = known[key]
        else:
            del row.outcomes[mutant]
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
    faults = [(row, fault) for row in chosen for fault in row.faults()]
    for row, fault in faults:
        print(f"  {row.assignment} {row.cell} {fault}")
    if not finished:
        print("It was interrupted; run it again to go on.")
    names = {row.assignment for row in chosen}
    few = [n for n in names if share([row for row in chosen if row.assignment == n]) < LEAST]
    return int(bool(faults or few) or not finished)


if __name__ == "__main__":
    sys.exit(main())
