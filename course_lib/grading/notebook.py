"""Reading a submission: nothing in it is trusted, and nothing in it stops the run.

What can be wrong with a file is told as a *finding*, a sentence for the student and the
instructor. Cells are matched with the master's by nbgrader's ``grade_id``.
"""

import errno
import hashlib
import json
import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from course_lib.grading.borrowed import borrowed

SCHEMA = 3
"""Version of nbgrader's cell metadata that the masters use."""
QUESTIONS = "questions"
"""Name of the set-up cell whose functions ask the student's, where there is one."""
SIZE_CAP = 20 * 2**20
MOST = 20  # remarks about one notebook
CELLS_CAP = 1000
KEPT = ("locked", "solution", "grade", "task", "points", "cell_type")


class Unreadable(Exception):
    """A submission that cannot be graded at all; ``status`` is ``unreadable`` or ``missing``."""

    def __init__(self, status: str, finding: str) -> None:
        super().__init__(finding)
        self.status, self.finding = status, finding


@dataclass(frozen=True)
class Cell:
    """A code cell that will be run.

    source    its code
    grade_id  its name in the master, or None for a cell of the student's own
    ours      whether it is the master's set-up, which runs before anything of the student's
    """

    source: str
    grade_id: str | None = None
    ours: bool = False


@dataclass
class Submission:
    """What was handed in.

    cells     what is to be run, in order: the master's set-up first, then the student's cells
    findings  what is wrong with the file
    digest    SHA-256 of the file
    time      when it was last changed, in seconds since 1970
    ignored   the student's text of the master's other cells, by name
    """

    cells: list[Cell]
    findings: list[str] = field(default_factory=list)
    digest: str = ""
    time: float = 0.0
    ignored: dict[str, str] = field(default_factory=dict)


def find(folder: Path, assignment: str) -> tuple[Path, list[str]]:
    """Find a student's notebook, in ``folder/assignment`` or in ``folder`` itself.

    Returns  the path, and findings
    Raises   Unreadable if there is none, or several and none has the right name
    """
    try:
        return _find(folder, assignment)
    except OSError:
        raise Unreadable("unreadable", "The folder cannot be read.") from None


def _find(folder: Path, assignment: str) -> tuple[Path, list[str]]:
    findings: list[str] = []
    for place in (folder, folder / assignment):
        if place.is_symlink():
            raise Unreadable("unreadable", f"The folder {place.name} is a link, not a folder.")
    for place in (folder / assignment, folder):
        if not place.is_dir():
            continue
        names = sorted(entry.name for entry in place.iterdir() if entry.suffix == ".ipynb")
        if f"{assignment}.ipynb" in names:
            return place / f"{assignment}.ipynb", findings
        if len(names) == 1:
            findings.append(f"The file is called {names[0]} instead of {assignment}.ipynb.")
            return place / names[0], findings
        if names:
            raise Unreadable(
                "unreadable", f"There are {len(names)} notebooks, and none is {assignment}.ipynb."
            )
    raise Unreadable("missing", "No notebook was handed in.")


def read_bytes(path: Path) -> tuple[bytes, float]:
    """Read a regular file of at most ``SIZE_CAP`` bytes, without following a link.

    Raises  Unreadable if it is something else, or too large
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        what = "is a link" if error.errno == errno.ELOOP else "cannot be opened"
        raise Unreadable("unreadable", f"{path.name} {what}; hand in the file itself.") from None
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode):
        os.close(descriptor)
        raise Unreadable("unreadable", f"{path.name} is not a file.")
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(SIZE_CAP + 1)
    if len(data) > SIZE_CAP:
        raise Unreadable(
            "unreadable",
            f"{path.name} has more than {SIZE_CAP // 2**20} MB: clear its outputs and save it.",
        )
    return data, about.st_mtime


def parse(data: bytes) -> list[dict]:
    """Return the cells of a notebook, each with ``cell_type``, ``source`` and ``metadata``.

    Raises  Unreadable if this is no notebook
    """
    try:
        cells = json.loads(data.decode("utf-8"))["cells"]
        parsed = [
            {
                "cell_type": str(cell["cell_type"]),
                "source": _text(cell["source"]),
                "metadata": cell.get("metadata", {}),
                "id": cell.get("id"),
            }
            for cell in cells
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Unreadable("unreadable", "The file is not a notebook: save it again.") from None
    if len(parsed) > CELLS_CAP:
        raise Unreadable("unreadable", f"The notebook has more than {CELLS_CAP} cells.")
    return parsed


def _text(source: object) -> str:
    """Source is one string or a list of lines."""
    if isinstance(source, list):
        source = "".join(source)
    if not isinstance(source, str):
        raise TypeError("source is no text")
    return source


def marks(cell: dict) -> dict:
    """The nbgrader metadata of a cell, or an empty dict."""
    metadata = cell["metadata"]
    found = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else {}


def name_of(cell: dict) -> str | None:
    """The grade_id of a cell; in the masters it is the cell's id too, which survives editors
    that throw metadata away. Any cell has an id, so a name need not be one of the master's."""
    name = marks(cell).get("grade_id", cell.get("id"))
    return name if isinstance(name, str) else None


def is_setup(cell: dict) -> bool:
    """Whether a cell of the master belongs to what is run before all else."""
    return cell["cell_type"] == "code" and "setup" in cell["metadata"].get("tags", [])


def read(path: Path, master: Path) -> Submission:
    """Read a submission and match it with its master.

    The cells to be run are the master's set-up, and then the student's answers and own cells
    in their order. The instructor's other cells show and check; the grader does without them.
    Raises  Unreadable if the file cannot be graded
    """
    data, changed = read_bytes(path)
    cells, ours = parse(data), parse(master.read_bytes())
    known = {name_of(cell): cell for cell in ours if marks(cell)}
    run = [Cell(cell["source"], name_of(cell), True) for cell in ours if is_setup(cell)]
    ignored: dict[str, str] = {}
    for cell in cells:
        name = name_of(cell)
        if cell["cell_type"] != "code" or not cell["source"].strip():
            continue
        if name not in known:
            run.append(Cell(cell["source"]))
        elif marks(known[name]).get("solution"):
            run.append(Cell(cell["source"], name))
        else:
            ignored[name] = cell["source"]
    findings = [*_compare(cells, known), *borrowed(run)]
    if len(findings) > MOST:
        findings[MOST:] = [f"There are {len(findings) - MOST} more remarks of this kind."]
    return Submission(run, findings, hashlib.sha256(data).hexdigest(), changed, ignored)


def _compare(cells: list[dict], known: dict[str, dict]) -> Iterator[str]:
    """Yield what differs between a submission's marked cells and the master's."""
    count = Counter(name_of(cell) for cell in cells)
    for name, cell in known.items():
        what = "answer" if marks(cell).get("solution") else "instructor's"
        if not count[name]:
            yield f"The {what} cell {name} is missing."
        elif count[name] > 1:
            yield f"The {what} cell {name} is there {count[name]} times."
    told = set()
    for cell in cells:
        name = name_of(cell)
        if name in told:
            continue
        if name not in known:
            if "grade_id" in marks(cell):
                told.add(name)
                yield f"The cell {str(name)[:60]!r} is not one of this assignment's."
            continue
        master, theirs = known[name], {**marks(cell), "cell_type": cell["cell_type"]}
        expected = {**marks(master), "cell_type": master["cell_type"]}
        if theirs.get("schema_version") != SCHEMA:
            told.add(name)
            yield f"The cell {name} has the metadata of another version of nbgrader."
        elif any(theirs.get(key) != expected.get(key) for key in KEPT):
            told.add(name)
            yield f"The metadata of the cell {name} were changed."
        elif marks(master).get("locked") and cell["source"].strip() != master["source"].strip():
            told.add(name)
            yield f"The instructor's cell {name} was changed; the change was ignored."
