"""Grade the grader: wrong answers must be caught, right ones accepted, attacks repelled, and what
really gets handed in must get what it deserves.

python tests/grading/audit.py            # all four, as `make audit` runs it
python tests/grading/audit.py --jobs 2 --only attacks
"""

import argparse
import itertools
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import handed_in
import joblib
from attacks import ATTACKS, NAME, Attack, World, escaped, written_about
from field import FIELD, Field
from tqdm import tqdm

from course_lib.grading import arrivals, demo, grade, notebook, probes, sandbox, session
from course_lib.grading.results import Result
from course_lib.grading.run import Run

SOLUTIONS = Path(__file__).parents[2] / "solutions"
LIMITS = sandbox.Limits(cell=5, call=4, total=60)
"""Shorter than a class's, so that attacks on the clock do not take long; honest answers take
milliseconds."""
HOSTILE = replace(LIMITS, memory=1024 * sandbox.MB)
"""Less memory, too: a busy machine may need longer than a cell's time to hand out 3 GB."""
KINDS = ("mutants", "alternates", "attacks", "field")
TRUSTED = ("mutants", "alternates")
"""Kinds whose cases share a sandbox."""
HONEST = "honest"
SLOW = {"ex4_trained": ("ex1_model", "ex4_trained")}
"""An exercise that takes ten seconds to judge, and whose answers it depends on: to change one of
the others cannot change its marks, so that it is left out there."""
BATCH = 25
"""Answers of our own that share a sandbox."""


class Case(NamedTuple):
    """One submission of the audit."""

    kind: str
    assignment: str
    content: demo.Mutant | demo.Alternate | Attack | Field | handed_in.Case


def slug(text: str) -> str:
    """A name for a folder."""
    return re.sub(r"\W+", "-", text).strip("-").lower()[:80]


def cases() -> dict[str, Case]:
    """Every case, by the name of the student who hands it in."""
    found = {f"attack-{slug(attack.name)}": Case("attacks", NAME, attack) for attack in ATTACKS}
    found |= {f"field-{slug(one.name)}": Case("field", one.assignment, one) for one in FIELD}
    for one in handed_in.CASES:
        found[f"field-arrives-{slug(one.name)}"] = Case("field", NAME, one)
    assert len(found) == len(ATTACKS) + len(FIELD) + len(handed_in.CASES), "a name is there twice"
    for folder in sorted(path.parent for path in SOLUTIONS.glob("*/cases.py")):
        for kind, members in zip(TRUSTED, demo.load_cases(folder.name, SOLUTIONS)):
            for content in members:
                student = f"{folder.name[:2]}-{kind[:-1]}-{slug(content.name)}"
                assert student not in found, f"two cases are called {student}"
                found[student] = Case(kind, folder.name, content)
    return found


def run(folder: Path, chosen: dict[str, Case], jobs: int) -> dict[str, str | None]:
    """Grade the chosen cases as one class, and return what is wrong with each, or None."""
    masters = {path.parent.name: path for path in SOLUTIONS.glob("*/cases.py")}
    masters = {name: demo.load_master(name, SOLUTIONS) for name in masters}
    world = World(folder, masters[NAME])
    shutil.copytree(SOLUTIONS, folder / "solutions")
    with (folder / "solutions" / NAME / "grading.py").open("a") as file:
        file.write(f"\n# {world.secret}\n")
    signed = demo.with_cell(masters[NAME], f"# {world.secret}", at=len(masters[NAME]["cells"]))
    demo.submit(signed, folder / "submitted", HONEST, NAME)
    places = {student: (folder / "submitted" / student,) for student in (HONEST, *chosen)}
    for student, case in chosen.items():
        if case.kind == "attacks":
            case.content.write(world, student)
        elif isinstance(case.content, handed_in.Case):
            arrived = folder / "arrived" / student
            arrived.mkdir(parents=True)
            case.content.write(arrived)
            places[student] = arrivals.students(arrived)[0][0].places
        elif case.kind == "field":
            odd = case.content.change(masters[case.assignment])
            demo.submit(odd, folder / "submitted", student, case.assignment)
        else:
            answered = demo.changed(masters[case.assignment], case.content)
            demo.submit(answered, folder / "submitted", student, case.assignment)
    ours = {student for student, case in chosen.items() if case.kind in TRUSTED}
    hostile = {student for student, case in chosen.items() if case.kind == "attacks"}
    todo = [
        grade.Job(
            student,
            chosen[student].assignment if student in chosen else NAME,
            folder / "solutions",
            places[student][0],
            sandbox.bubblewrap,
            HOSTILE if student in hostile else LIMITS,
            also=places[student][1:],
        )
        for student in (HONEST, *chosen)
    ]
    alone = [job for job in todo if job.student not in ours]
    trusted = [job for job in todo if job.student in ours]
    batches = [trusted[i : i + BATCH] for i in range(0, len(trusted), BATCH)]
    graded = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")(
        joblib.delayed(all_together)(
            batch,
            {job.student: judged(job.name, chosen[job.student].content) for job in batch},
        )
        for batch in batches
    )
    graded = tqdm(itertools.chain.from_iterable(graded), total=len(ours), unit="answer")
    results = {result.student: result for result in graded}
    stored = folder / "results" / NAME / "students"
    graded = tqdm(grade.grade_class(alone, stored, jobs), total=len(alone), unit="submission")
    results.update({result.student: result for result in graded})
    verdicts = {HONEST: None if results[HONEST].score == 100 else "the honest one lost points"}
    for student, case in chosen.items():
        result = results.get(student)
        if case.kind == "attacks":
            text, page = written_about(world, student, result)
            verdict = case.content.judge(world, result, text + page)
            if verdict is None and not escaped(page):
                verdict = "its feedback contains an element of its own"
        elif case.kind == "field":
            verdict = case.content.judge(result)
        else:
            verdict = judge(case.content, result)
        verdicts[student] = verdict
    world.listener.close()
    return verdicts


def judged(assignment: str, case: demo.Mutant | demo.Alternate) -> set[str]:
    """The exercises to be graded where one of the answers was changed.

    What may be lost as well tells nothing, however it is judged.
    """
    asked = {e.id for e in probes.load(assignment, SOLUTIONS).exercises}
    untouched = {e for e in asked if case.exercise not in SLOW.get(e, (case.exercise,))}
    return asked - untouched - {getattr(case, "also", "")}


def grade_together(jobs: Sequence[grade.Job], asked: dict[str, set[str]]) -> Iterator[Result]:
    """Grade answers of our own one after another in one sandbox, each with fresh names.

    They are not hostile, so that none can have prepared the process for the next; and to start
    a process takes ten times longer than to grade one. What ends the sandbox is graded again,
    in one of its own.
    asked  which exercises are graded, by student
    """
    left = list(jobs)
    limits = replace(LIMITS, total=LIMITS.total * len(jobs), patience=30)
    deadline = time.monotonic() + limits.total * limits.patience
    try:
        with session.Session(sandbox.bubblewrap, limits, deadline) as shared:
            while left:
                job = left[0]
                assignment = probes.load(job.name, job.solutions)
                exercises = [e for e in assignment.exercises if e.id in asked[job.student]]
                assignment = replace(assignment, exercises=exercises)
                found = job.find()
                submission = notebook.read(found.data, assignment.notebook)
                run = Run(assignment, submission, job.start, limits, job.salt)
                shared.request({"op": "forget"}, {}, limits.cell)
                run.answer(shared)
                findings = [*found.findings, *submission.findings]
                yield Result(job.student, job.name, "graded", run.marks, findings)
                del left[0]
    except session.Ended:
        yield grade.grade_one(left[0])
        if left[1:]:
            yield from grade_together(left[1:], asked)


def all_together(jobs: Sequence[grade.Job], asked: dict[str, set[str]]) -> list[Result]:
    """Return all of ``grade_together``, which cannot be sent from one process to another."""
    return list(grade_together(jobs, asked))


def judge(case: demo.Mutant | demo.Alternate, result: Result) -> str | None:
    """Whether a wrong answer lost its exercise, and no other, for the right reason."""
    lost = {mark.id: mark for mark in result.marks if mark.score < mark.points}
    findings = {name: mark.findings for name, mark in lost.items()}
    if isinstance(case, demo.Alternate):
        return f"lost points: {findings}" if lost else None
    if set(lost) - {case.also} != {case.exercise}:
        return f"lost the points of {findings or 'no exercise'}"
    if not any(case.says in finding for finding in lost[case.exercise].findings):
        return f"the findings do not contain {case.says!r}: {lost[case.exercise].findings}"
    return None


def main() -> int:
    """Print the four counts and what failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", choices=KINDS)
    parser.add_argument("-k", default="", help="part of a case's name")
    options = parser.parse_args()
    chosen = {
        student: case
        for student, case in cases().items()
        if options.only in (None, case.kind) and options.k in student
    }
    with tempfile.TemporaryDirectory() as folder:
        verdicts = run(Path(folder), chosen, options.jobs)
    failed = {name: verdict for name, verdict in verdicts.items() if verdict}
    for kind, word in zip(KINDS, ("caught", "accepted", "repelled", "judged as it deserves")):
        mine = [student for student, case in chosen.items() if case.kind == kind]
        good = sum(student not in failed for student in mine)
        print(f"{kind} {word}: {good} of {len(mine)}")
    for name, verdict in failed.items():
        print(f"  {name}: {verdict}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
