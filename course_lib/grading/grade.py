"""Grading a class: one job for each submission, in parallel, on one computer or many."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import joblib

from course_lib.grading import arrivals, notebook, probes, results
from course_lib.grading.files import Unreadable
from course_lib.grading.platforms import label, spelled
from course_lib.grading.results import Mark, Result
from course_lib.grading.run import Run, Start, status_of
from course_lib.grading.sandbox import Limits, SandboxMissing

VERSION = 2
"""Raised when results of an older grader must not be taken for this one's."""


@dataclass(frozen=True)
class Job:
    """All that one worker needs, small enough to be sent to another computer.

    solutions  folder of the masters
    folder     the student's; or the file, where a platform puts none into folders
    salt       changes the inputs of all probes
    due        seconds since 1970, or None
    also       what else is the student's, where a platform makes a folder for each attempt
    only       the one exercise to grade; None grades all
    """

    student: str
    name: str
    solutions: Path
    folder: Path
    start: Start
    limits: Limits = field(default_factory=Limits)
    salt: str = ""
    due: float | None = None
    also: tuple[Path, ...] = ()
    only: str | None = None

    def key(self) -> str:
        """Digest of the submission and of what judges it; a result with another one is stale."""
        parts = [str(VERSION), self.student, self.salt, str(self.due)]
        for name in ("grading.py", f"{self.name}.ipynb"):
            parts.append(
                hashlib.sha256((self.solutions / self.name / name).read_bytes()).hexdigest()
            )
        try:
            found = self.find()
            parts += [hashlib.sha256(found.data).hexdigest(), str(found.time), *found.findings]
        except (Unreadable, OSError) as reason:
            parts.append(str(reason))
        return hashlib.sha256("\n".join(parts).encode(errors="surrogateescape")).hexdigest()

    def find(self) -> arrivals.Found:
        """Find the notebook and read it.

        Raises  Unreadable if there is none of this assignment, or it cannot be read
        """
        others = {path.parent.name: path for path in self.solutions.glob("*/*.ipynb")}
        mine = notebook.answers(others.pop(self.name))

        def whose(data: bytes) -> str | None:
            """Which assignment has most of a notebook's cells; no answer is in two of them."""
            try:
                cells = notebook.parse(notebook.decoded(data)[0])
            except Unreadable:
                return None
            names = {notebook.name_of(cell) for cell in cells}
            if names & mine:
                return self.name
            shared = {name: len(names & notebook.answers(others[name])) for name in others}
            likeliest = max(shared, key=shared.get, default=None)
            return likeliest if likeliest and shared[likeliest] else None

        places = (self.folder, *self.also)
        return arrivals.find(places, self.name, sorted(others), whose)


def grade_one(job: Job) -> Result:
    """Grade one submission, whatever it contains.

    Raises  SandboxMissing if there is no sandbox, or it does not start
    """
    began = time.monotonic()
    assignment = probes.load(job.name, job.solutions)
    if job.only is not None:
        chosen = [exercise for exercise in assignment.exercises if exercise.id == job.only]
        assignment = replace(assignment, exercises=chosen)
    marks = [Mark(e.id, e.title, e.points, read=e.read) for e in assignment.exercises]
    known = label(spelled(job.folder.name), job.folder.is_dir())
    result = Result(job.student, job.name, "crashed", marks, source=str(job.folder.parent))
    result.called, result.platform = (known.name, known.platform) if known else ("", "")
    try:
        result.key = job.key()
        found = job.find()
        result.findings += found.findings
        result.handed_in = found.time
        result.digest = hashlib.sha256(found.data).hexdigest()
        submission = notebook.read(found.data, assignment.notebook)
        if job.due is not None:
            result.late_days = max(0, -int((job.due - found.time) // 86400))
        result.findings += submission.findings
        run = Run(assignment, submission, job.start, job.limits, job.salt)
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


def grade_again(job: Job, folder: Path) -> Result:
    """Grade the one exercise of a job anew, and keep the marks of the others that are stored.

    Where there is no result yet, or what was handed in has changed since, all of it is graded.
    """
    stored = results.read(folder, job.student)
    fresh = grade_one(job) if stored and stored.digest else None
    if fresh is None or fresh.digest != stored.digest:
        return grade_one(replace(job, only=None))
    (mark,) = fresh.marks
    order = [e.id for e in probes.load(job.name, job.solutions).exercises]
    marks = {old.id: old for old in stored.marks} | {mark.id: mark}
    kept = [marks[name] for name in order if name in marks]
    status = status_of(kept, stored.status)
    return replace(stored, marks=kept, status=status, key=fresh.key, late_days=fresh.late_days)


def grade_class(jobs: Sequence[Job], folder: Path, workers: int = 1) -> Iterator[Result]:
    """Grade submissions in parallel; store and yield each result as soon as it is there.

    folder   where results are stored
    workers  processes of joblib's current backend
    Raises   SandboxMissing if there is no sandbox, or it does not start
    """
    parallel = joblib.Parallel(n_jobs=workers, return_as="generator_unordered")
    work = (
        joblib.delayed(grade_one)(job)
        if job.only is None
        else joblib.delayed(grade_again)(job, folder)
        for job in jobs
    )
    for result in parallel(work):
        results.write(result, folder)
        yield result


def changes(before: Sequence[Result], after: Sequence[Result]) -> list[dict[str, str]]:
    """Return what became of the exercises whose score or state is another one now.

    Returns  a row for each: student, exercise, before, after (scores, or the state of what has
             none) and finding
    """
    old = {(r.student, mark.id): mark for r in before for mark in r.marks}
    rows = []
    for result in after:
        for mark in result.marks:
            was = old.get((result.student, mark.id))
            then, now = was and _said(was), _said(mark)
            if then != now:
                rows.append(
                    {
                        "student": result.student,
                        "exercise": mark.id,
                        "before": then or "",
                        "after": now,
                        "finding": " ".join(mark.findings),
                    }
                )
    return rows


def _said(mark: Mark) -> str:
    return f"{mark.score:g}" if mark.state == "graded" else mark.state


def unfinished(jobs: Sequence[Job], folder: Path) -> list[Job]:
    """Those jobs that have no result yet, or one that no longer holds."""
    return [
        job
        for job in jobs
        if (stored := results.read(folder, job.student)) is None or stored.key != job.key()
    ]
