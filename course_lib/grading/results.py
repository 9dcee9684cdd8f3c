"""Results: what a student earned, stored so that it is there in full or not at all."""

import hashlib
import json
import os
import re
import tempfile
import unicodedata
from dataclasses import asdict, dataclass, field
from pathlib import Path

SAFE = re.compile(
    r"(?!(con|prn|aux|nul|(com|lpt)\d)(\.|$))[a-z0-9_]([a-z0-9._@+-]{0,60}[a-z0-9_])?"
)
"""Ids that are file names as they are: Windows forbids some, and may not tell ``A`` from ``a``."""


@dataclass
class Mark:
    """What one exercise earned.

    state     ``graded``, ``needs a look`` (the sandbox lacks something that the answer uses, so
              that it has no points until a person gives them), ``timed out``, ``crashed`` or
              ``not reached``
    findings  sentences for the student
    evidence  a record per probe, for the instructor
    read      where the course teaches it, such as "notebook 01, section 3"
    examples  by finding, lines with which a student can see it
    """

    id: str
    title: str
    points: float
    score: float = 0.0
    state: str = "not reached"
    findings: list[str] = field(default_factory=list)
    evidence: list[dict] = field(default_factory=list)
    read: str = ""
    examples: dict[str, str] = field(default_factory=dict)


@dataclass
class Result:
    """What one student earned.

    status    ``graded``, ``partly graded``, ``timed out``, ``crashed``, ``unreadable`` or
              ``missing``; only a graded zero is a zero
    findings  about the file and its cells
    key       digest of all that the result depends on
    source    the class's folder
    platform  whose number ``student`` is, such as Canvas; empty if it is a folder's name
    called    the student's name, as the platform writes it
    handed_in seconds since 1970; 0 if that is not known
    digest    of the notebook that was graded; empty if there was none
    penalty   percent of the score that being late costs; None where no policy says
    """

    student: str
    assignment: str
    status: str
    marks: list[Mark]
    findings: list[str] = field(default_factory=list)
    late_days: int = 0
    seconds: float = 0.0
    key: str = ""
    source: str = ""
    platform: str = ""
    called: str = ""
    handed_in: float = 0.0
    digest: str = ""
    penalty: float | None = None

    @property
    def score(self) -> float:
        """Points earned."""
        return sum(mark.score for mark in self.marks)

    @property
    def final(self) -> float:
        """Points earned, less what being late costs."""
        return round(self.score * (1 - (self.penalty or 0.0) / 100), 2)

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


def file_name(student: str) -> str:
    """What a student's files are called, which no other's are, on any file system.

    An id of small letters is its own name. Of any other, what is harmless stays, and a digest
    follows, behind a ``~``: ``Ana`` and ``ana`` are two students, but one file on a Mac.
    """
    if SAFE.fullmatch(student):
        return student
    ascii_only = unicodedata.normalize("NFKD", student).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^A-Za-z0-9]+", "_", ascii_only)[:40].strip("_")
    return f"{stem}~{hashlib.sha256(student.encode(errors='surrogatepass')).hexdigest()[:12]}"


def write(result: Result, folder: Path) -> None:
    """Store a result as ``folder/<student>.json``, all of it or nothing."""
    content = {**asdict(result), "score": result.score, "points": result.points}
    text = json.dumps(content, indent=1, ensure_ascii=False)
    write_atomically(folder / f"{file_name(result.student)}.json", text)


def read(folder: Path, student: str) -> Result | None:
    """Read a stored result; None if there is none, or it is damaged."""
    return _read(folder / f"{file_name(student)}.json")


def _read(path: Path) -> Result | None:
    try:
        content = json.loads(path.read_text("utf-8"))
        content = {k: v for k, v in content.items() if k not in ("score", "points")}
        return Result(**{**content, "marks": [Mark(**mark) for mark in content["marks"]]})
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def read_all(folder: Path) -> list[Result]:
    """Read all results that are stored and whole, in the order of the students' names."""
    found: dict[str, Result] = {}
    for path in sorted(folder.glob("*.json")):
        result = _read(path)
        if result and (result.student not in found or path.stem == file_name(result.student)):
            found[result.student] = result
    return [found[student] for student in sorted(found)]


def damaged(folder: Path) -> list[Path]:
    """Stored results that cannot be read."""
    return [path for path in sorted(folder.glob("*.json")) if _read(path) is None]
