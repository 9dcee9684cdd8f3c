"""Grading: one submission in one sandbox at a time, and a class of them in parallel."""

import hashlib
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import joblib
import numpy as np

from course_lib.grading import notebook, probes, results
from course_lib.grading.notebook import Cell, Unreadable
from course_lib.grading.probes import Assignment, Exercise
from course_lib.grading.results import Mark, Result
from course_lib.grading.sandbox import Limits, SandboxMissing
from course_lib.grading.session import Ended, Session

VERSION = 1
"""Raised when results of an older grader must not be taken for this one's."""
RESTARTS = 6
"""How often a sandbox is started again without the cell or the exercise that ended it."""
Start = Callable[[Limits], tuple[list[str], dict]]


class Run:
    """The state of grading one submission: which cells still run, and what was earned."""

    def __init__(
        self, assignment: Assignment, cells: list[Cell], start: Start, limits: Limits, salt: str
    ) -> None:
        self.assignment, self.start, self.limits, self.salt = assignment, start, limits, salt
        self.cells = list(cells)
        self.marks = [Mark(e.id, e.title, e.points) for e in assignment.exercises]
        self.findings: list[str] = []
        self.errors: dict[str, str] = {}
        self.deadline = time.monotonic() + limits.total * limits.patience
        self.left = limits.total  # seconds of processor time
        self.at: Cell | Mark | None = None  # what is running

    def finish(self) -> str:
        """Grade all that can be graded, and return the status."""
        last = Ended("timed out", "the time for the whole notebook was used up")
        for again in range(RESTARTS):
            if self.left <= 0 or time.monotonic() > self.deadline:
                break
            try:
                started = Session(self.start, self.limits, self.deadline, self.left)
            except SandboxMissing:
                if again:  # it started before, so that this is about one submission
                    break
                raise
            with started as session:
                try:
                    self.answer(session)
                    break
                except Ended as end:
                    self._without(end)
                    last = end
                finally:
                    self.left -= session.spent
        for mark in self.marks:
            if mark.state == "not reached":
                _stop(mark, last)
        states = {mark.state for mark in self.marks}
        if states == {"graded"}:
            return "graded"
        return "partly graded" if "graded" in states else last.status

    def answer(self, session: Session) -> None:
        """Run the cells, and grade the exercises that are not graded yet.

        Raises  Ended if the sandbox does not survive it
        """
        self._cells(session)
        self._exercises(session)

    def _cells(self, session: Session) -> None:
        for cell in list(self.cells):
            self.at = cell
            asks = cell.ours and cell.grade_id == notebook.QUESTIONS
            header = {"op": "cell", "source": cell.source, "ours": cell.ours, "asks": asks}
            seconds = self.limits.start if cell.ours else self.limits.cell
            reply = session.request(header, {}, seconds)
            name = cell.grade_id
            if not reply.ok and name and name not in self.errors:
                self.errors[name] = f"The cell {name} stops with {reply.error}: {reply.message}"

    def _exercises(self, session: Session) -> None:
        for mark, exercise in zip(self.marks, self.assignment.exercises):
            if mark.state == "not reached":
                self.at = mark
                generator = self.assignment.generator(exercise, self.salt)
                answer_probes(session, exercise, mark, generator, self.limits)
                if mark.findings and exercise.id in self.errors:
                    mark.findings.insert(0, self.errors[exercise.id])

    def _without(self, end: Ended) -> None:
        """Leave out what ended the sandbox: a cell, or an exercise."""
        if isinstance(self.at, Mark):
            _stop(self.at, end)
            return
        self.cells.remove(self.at)
        name = self.at.grade_id
        what = f"The cell {name}" if name else "A cell of your own"
        self.findings.append(f"{what} was left out: {end.reason}.")
        for mark in self.marks:
            if mark.id == name and mark.state == "not reached":
                _stop(mark, end)


def _stop(mark: Mark, end: Ended) -> None:
    """Say that an exercise could not be graded."""
    mark.state, mark.score = end.status, 0.0
    mark.findings = [f"This exercise could not be graded: {end.reason}."]


def answer_probes(
    session: Session,
    exercise: Exercise,
    mark: Mark,
    generator: np.random.Generator,
    limits: Limits,
) -> None:
    """Put an exercise's probes to the student's functions, and set the mark.

    Raises  Ended if the sandbox does not survive it
    """
    found: dict[str, float] = {}  # what each finding costs, in their order
    for probe in exercise.probes(generator):
        began = time.monotonic()
        seed, evidence = int(generator.integers(2**31)), {"functions": [], "errors": []}
        finding = put(session, probe, seed, limits.call, evidence)
        if finding:
            costs = getattr(finding, "costs", 1.0)
            finding = str(finding)  # a Partial would not survive being sent to another process
            found[finding] = costs
        evidence |= {"finding": finding, "seconds": round(time.monotonic() - began, 3)}
        mark.evidence.append(evidence)
    mark.findings, mark.state = list(found), "graded"
    mark.score = round(mark.points * max(0.0, 1.0 - sum(found.values())), 2)


def put(
    session: Session, probe: probes.Probe, seed: int, seconds: float, evidence: dict[str, list]
) -> str | None:
    """Put one probe; return the finding, or None if all is right.

    evidence  gets the names of the functions that were called, and the errors that were raised
    """
    calls = probe.calls if isinstance(probe.calls, Generator) else (call for call in probe.calls)
    outputs, seen, back = [], {}, None
    with np.errstate(all="ignore"):
        while True:
            try:
                call = calls.send(back)
            except StopIteration:
                break
            reply = session.request(*call.request(seed + len(outputs)), seconds)
            if call.function not in evidence["functions"]:
                evidence["functions"].append(call.function)
            if not reply.ok:
                evidence["errors"].append(f"{call.function}: {reply.error}: {reply.message}")
            checked = probes.validate(reply, call)
            if isinstance(checked, str) and call.optional:
                checked = [None] * len(call.shapes), {}
            if isinstance(checked, str):
                return checked
            back, seen = checked[0], checked[1] or seen
            outputs += back
        try:
            return probe.judge(outputs, seen)
        except Exception as error:  # what came back may be stranger than a judge foresaw
            evidence["errors"].append(f"the judge: {error!r:.200}")
            return f"{call.function}() returns something that cannot be judged."


# --- one student, and a class --------------------------------------------------------------------


@dataclass(frozen=True)
class Job:
    """All that one worker needs, small enough to be sent to another computer.

    solutions  folder of the masters
    folder     the student's
    salt       changes the inputs of all probes
    due        seconds since 1970, or None
    """

    student: str
    name: str
    solutions: Path
    folder: Path
    start: Start
    limits: Limits = field(default_factory=Limits)
    salt: str = ""
    due: float | None = None

    def key(self) -> str:
        """Digest of the submission and of what judges it; a result with another one is stale."""
        parts = [str(VERSION), self.student, self.salt, str(self.due)]
        for name in ("grading.py", f"{self.name}.ipynb"):
            parts.append(
                hashlib.sha256((self.solutions / self.name / name).read_bytes()).hexdigest()
            )
        try:
            data, changed = notebook.read_bytes(notebook.find(self.folder, self.name)[0])
            parts += [hashlib.sha256(data).hexdigest(), str(changed)]
        except (Unreadable, OSError) as reason:
            parts.append(str(reason))
        return hashlib.sha256("\n".join(parts).encode(errors="surrogateescape")).hexdigest()


def grade_one(job: Job) -> Result:
    """Grade one submission, whatever it contains.

    Raises  SandboxMissing if there is no sandbox, or it does not start
    """
    began = time.monotonic()
    assignment = probes.load(job.name, job.solutions)
    marks = [Mark(e.id, e.title, e.points) for e in assignment.exercises]
    result = Result(job.student, job.name, "crashed", marks, key=job.key())
    try:
        path, result.findings = notebook.find(job.folder, job.name)
        submission = notebook.read(path, assignment.notebook)
        if job.due is not None:
            result.late_days = max(0, -int((job.due - submission.time) // 86400))
        result.findings += submission.findings
        run = Run(assignment, submission.cells, job.start, job.limits, job.salt)
        result.status, result.marks = run.finish(), run.marks
        result.findings += run.findings
    except Unreadable as reason:
        result.status = reason.status
        result.findings.append(reason.finding)
    except SandboxMissing:
        raise
    except Exception as error:  # a fault of ours must not cost the rest of the class its marks
        result.findings.append(f"The grader failed, which is not your fault: {error!r:.200}")
    result.seconds = round(time.monotonic() - began, 1)
    return result


def students(submitted: Path) -> list[str]:
    """Names of the students: the folders in ``submitted``, hidden ones left out."""
    return sorted(
        entry.name
        for entry in submitted.iterdir()
        if not entry.name.startswith(".") and (entry.is_symlink() or entry.is_dir())
    )


def grade_class(jobs: Sequence[Job], folder: Path, workers: int = 1) -> Iterator[Result]:
    """Grade submissions in parallel; store and yield each result as soon as it is there.

    folder   where results are stored
    workers  processes of joblib's current backend
    Raises   SandboxMissing if there is no sandbox, or it does not start
    """
    parallel = joblib.Parallel(n_jobs=workers, return_as="generator_unordered")
    for result in parallel(joblib.delayed(grade_one)(job) for job in jobs):
        results.write(result, folder)
        yield result


def unfinished(jobs: Sequence[Job], folder: Path) -> list[Job]:
    """Those jobs that have no result yet, or one that no longer holds."""
    return [
        job
        for job in jobs
        if (stored := results.read(folder, job.student)) is None or stored.key != job.key()
    ]
