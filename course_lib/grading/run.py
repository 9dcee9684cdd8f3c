"""Grading one submission: its cells run in a sandbox, and its functions are asked there."""

import time
from collections.abc import Callable, Generator, Sequence

import numpy as np

from course_lib.grading import notebook, paste
from course_lib.grading.causes import LOOK, Causes, missing
from course_lib.grading.notebook import Cell, Submission
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
        self, assignment: Assignment, work: Submission, start: Start, limits: Limits, salt: str
    ) -> None:
        self.assignment, self.start, self.limits, self.salt = assignment, start, limits, salt
        self.cells = list(work.cells)
        self.causes = Causes(work, assignment.notebook.read_text("utf-8"))
        self.marks = [Mark(e.id, e.title, e.points, read=e.read) for e in assignment.exercises]
        self.deadline = time.monotonic() + limits.total * limits.patience
        self.left = limits.total  # seconds of processor time
        self.last = Ended("timed out", "the time for the whole notebook was used up")
        self.at: Cell | Mark | None = None  # what is running

    def finish(self) -> str:
        """Grade all that can be graded, and return the status."""
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
                    self.last = end
                finally:
                    self.left -= session.spent
        for mark in self.marks:
            if mark.state == "not reached":
                _stop(mark, self.last)
        return self.status

    @property
    def status(self) -> str:
        """What the states of the exercises make of the whole."""
        return status_of(self.marks, self.last.status)

    @property
    def findings(self) -> list[str]:
        """What is wrong with cells, beside what is told of an exercise."""
        return self.causes.findings()

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
            header = {"op": "cell", "source": cell.source, "name": cell.grade_id}
            header |= {"ours": cell.ours, "asks": asks}
            seconds = self.limits.start if cell.ours else self.limits.cell
            reply = session.request(header, {}, seconds)
            self.causes.stopped.pop(cell, None)
            if not reply.ok:
                self.causes.stop(cell, reply)

    def _exercises(self, session: Session) -> None:
        for mark, exercise in zip(self.marks, self.assignment.exercises):
            if mark.state == "not reached":
                self.at = mark
                generator = self.assignment.generator(exercise, self.salt)
                answer_probes(session, exercise, mark, generator, self.limits, self.causes.answers)
                if mark.findings:
                    self._explain(mark)

    def _explain(self, mark: Mark) -> None:
        """Put beside an exercise which cells it may have lost by; a person must look where the
        only reason is that the sandbox lacks something."""
        told, wrong, excused = [], {}, False
        for record in mark.evidence:
            if record["finding"] is None:
                continue
            stops = self.causes.behind(mark.id, record["errors"])
            for stop in stops:
                told.append(stop.told)
                stop.lost += [mark.title] if mark.title not in stop.lost else []
            for name in filter(None, map(missing, record["errors"])):
                told += self.causes.about(name)
            unknown = any(missing(e) or ": Undefined:" in e for e in record["errors"])
            if record["lacks"] or (unknown and any(stop.lacks for stop in stops)):
                excused = True
            else:
                wrong[record["finding"]] = record["costs"]
        mark.findings[:0] = dict.fromkeys(told)
        if excused and sum(wrong.values()) < 1:
            mark.state, mark.score = "needs a look", 0.0
            mark.findings.append(LOOK)

    def _without(self, end: Ended) -> None:
        """Leave out what ended the sandbox: a cell, or an exercise."""
        if isinstance(self.at, Mark):
            _stop(self.at, end)
            return
        self.cells.remove(self.at)
        name = self.at.grade_id
        stop = self.causes.leave_out(self.at, end.reason)
        for mark in self.marks:
            if mark.id == name and mark.state == "not reached":
                stop.lost.append(mark.title)
                _stop(mark, end)


def status_of(marks: Sequence[Mark], this: str) -> str:
    """Return what the states of the exercises make of the whole; if none is graded, this."""
    states = {mark.state for mark in marks}
    if states == {"graded"}:
        return "graded"
    return "partly graded" if states & {"graded", "needs a look"} else this


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
    answers: Sequence[str] = (),
) -> None:
    """Put an exercise's probes to the student's functions, and set the mark.

    answers  names that the master's answers define
    Raises   Ended if the sandbox does not survive it
    """
    about = {"cell": exercise.id, "answers": list(answers)}
    found: dict[str, float] = {}  # what each finding costs, in their order
    for probe in exercise.probes(generator):
        began, seed = time.monotonic(), int(generator.integers(2**31))
        evidence = {"functions": [], "errors": [], "lacks": []}
        finding, costs = put(session, probe, seed, limits.call, evidence, about), 0.0
        if finding:
            costs = getattr(finding, "costs", 1.0)
            finding = str(finding)  # a Partial would not survive being sent to another process
            found[finding] = costs
            if example := evidence.pop("example", ""):
                mark.examples.setdefault(finding, example)
        evidence.pop("example", None)
        evidence |= {"finding": finding, "costs": costs}
        evidence["seconds"] = round(time.monotonic() - began, 3)
        mark.evidence.append(evidence)
    mark.findings, mark.state = list(found), "graded"
    mark.score = round(mark.points * max(0.0, 1.0 - sum(found.values())), 2)


def put(
    session: Session,
    probe: Probe,
    seed: int,
    seconds: float,
    evidence: dict[str, list],
    about: dict,
) -> str | None:
    """Put one probe; return the finding, or None if all is right.

    evidence  gets the names of the functions that were called, the errors that were raised, what
              was asked for that the sandbox lacks, and the question as a student can put it
    about     tells the harness which names a question is to find
    """
    calls = probe.calls if isinstance(probe.calls, Generator) else (call for call in probe.calls)
    outputs, seen, back, asked = [], {}, None, []
    with np.errstate(all="ignore"):
        while True:
            try:
                call = calls.send(back)
            except StopIteration:
                break
            asked.append(call)
            header, arrays = call.request(seed + len(outputs))
            reply = session.request({**header, **about}, arrays, seconds)
            if call.function not in evidence["functions"]:
                evidence["functions"].append(call.function)
            if not reply.ok:
                evidence["errors"].append(f"{call.function}: {reply.error}: {reply.message}")
            checked = validate(reply, call)
            if reply.lacks and not reply.ok:
                evidence["lacks"].append(str(checked))
            if isinstance(checked, str) and call.optional:
                checked = [None] * len(call.shapes), {}
            if isinstance(checked, str):
                evidence["example"] = paste.question(asked, about["answers"])
                return checked
            back, seen = checked[0], checked[1] or seen
            outputs += back
        try:
            finding = probe.judge(outputs, seen)
            evidence["example"] = paste.question(asked, about["answers"])
            return evidence["lacks"][0] if finding and evidence["lacks"] else finding
        except Exception as error:  # what came back may be stranger than a judge foresaw
            evidence["errors"].append(f"the judge: {error!r:.200}")
            return f"{call.function}() returns something that cannot be judged."
