"""Grading one submission: its cells run in a sandbox, and its functions are asked there."""

import time
from collections.abc import Callable, Generator

import numpy as np

from course_lib.grading import notebook
from course_lib.grading.notebook import Cell
from course_lib.grading.probes import Assignment, Exercise, Probe
from course_lib.grading.replies import validate
from course_lib.grading.results import Mark
from course_lib.grading.sandbox import Limits, SandboxMissing
from course_lib.grading.session import Ended, Session

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
    session: Session, probe: Probe, seed: int, seconds: float, evidence: dict[str, list]
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
            checked = validate(reply, call)
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
