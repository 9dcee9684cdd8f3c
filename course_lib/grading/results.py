"""Results: what a student earned, stored so that it is there in full or not at all."""

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Mark:
    """What one exercise earned.

    state     ``graded``, ``needs a look`` (the sandbox lacks something that the answer uses, so
              that it has no points until a person gives them), ``timed out``, ``crashed`` or
              ``not reached``
    findings  sentences for the student
    evidence  a record per probe, for the instructor
    """

    id: str
    title: str
    points: float
    score: float = 0.0
    state: str = "not reached"
    findings: list[str] = field(default_factory=list)
    evidence: list[dict] = field(default_factory=list)


@dataclass
class Result:
    """What one student earned.

    status    ``graded``, ``partly graded``, ``timed out``, ``crashed``, ``unreadable`` or
              ``missing``; only a graded zero is a zero
    findings  about the file and its cells
    key       digest of all that the result depends on
    """

    student: str
    assignment: str
    status: str
    marks: list[Mark]
    findings: list[str] = field(default_factory=list)
    late_days: int = 0
    seconds: float = 0.0
    key: str = ""

    @property
    def score(self) -> float:
        """Points earned."""
        return sum(mark.score for mark in self.marks)

    @property
    def points(self) -> float:
        """Points that could be earned."""
        return sum(mark.points for mark in self.marks)


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that it is there in full, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write(result: Result, folder: Path) -> None:
    """Store a result as ``folder/<student>.json``, all of it or nothing."""
    content = {**asdict(result), "score": result.score, "points": result.points}
    text = json.dumps(content, indent=1, ensure_ascii=False)
    write_atomically(folder / f"{result.student}.json", text)


def read(folder: Path, student: str) -> Result | None:
    """Read a stored result; None if there is none, or it is damaged."""
    try:
        content = json.loads((folder / f"{student}.json").read_text("utf-8"))
        content = {k: v for k, v in content.items() if k not in ("score", "points")}
        return Result(**{**content, "marks": [Mark(**mark) for mark in content["marks"]]})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def read_all(folder: Path) -> list[Result]:
    """Read all results that are stored and whole, in the order of the students' names."""
    students = sorted(path.stem for path in folder.glob("*.json"))
    return [result for student in students if (result := read(folder, student)) is not None]
