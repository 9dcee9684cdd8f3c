"""Parsing a submission: nothing in it is trusted, and nothing in it stops the run.

What can be wrong with a file is told as a *finding*, a sentence for the student and the
instructor. Cells are matched with the master's by nbgrader's ``grade_id``.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from course_lib.grading.borrowed import borrowed
from course_lib.grading.files import Unreadable

SCHEMA = 3
"""Version of nbgrader's cell metadata that the masters use."""
QUESTIONS = "questions"
"""Name of the set-up cell whose functions ask the student's, where there is one."""
MOST = 20  # remarks about one notebook
CELLS_CAP = 1000
OTHERWISE = {
    "<": "The file is a web page, not a notebook: download the notebook itself.",
    "worksheets": "The file is of an old version of Jupyter: open it in a new one, and save it.",
}
"""What other files begin with, or hold."""
KEPT = ("locked", "solution", "grade", "task", "points", "cell_type")


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
    ignored   the student's text of the master's other cells, by name
    """

    cells: list[Cell]
    findings: list[str] = field(default_factory=list)
    ignored: dict[str, str] = field(default_factory=dict)


def decoded(data: bytes) -> tuple[str, list[str]]:
    """Return a notebook's text, and a finding if it is not plain UTF-8.

    Raises  Unreadable if the bytes are no text of which the encoding can be told
    """
    if data.startswith(b"PK\x03\x04"):
        raise Unreadable("unreadable", "The file is an archive: hand in the notebook itself.")
    encoding = json.detect_encoding(data)
    try:
        text = data.decode(encoding)
    except ValueError:
        what = "holds bytes that are no UTF-8" if encoding == "utf-8" else "is damaged"
        raise Unreadable("unreadable", f"The file {what}: save it again as UTF-8.") from None
    if encoding == "utf-8":
        return text, []
    name = {"utf-8-sig": "UTF-8 with a byte order mark"}.get(encoding, encoding.upper())
    return text.removeprefix("\ufeff"), [f"The file is in {name} instead of UTF-8."]


def parse(text: str) -> list[dict]:
    """Return the cells of a notebook, each with ``cell_type``, ``source`` and ``metadata``.

    Raises  Unreadable if this is no notebook
    """
    try:
        content = json.loads(text)
        if "cells" not in content and "worksheets" in content:
            raise Unreadable("unreadable", OTHERWISE["worksheets"])
        parsed = [
            {
                "cell_type": str(cell["cell_type"]),
                "source": _text(cell["source"]),
                "metadata": cell.get("metadata", {}),
                "id": cell.get("id"),
            }
            for cell in content["cells"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        start = text[:200].lstrip().lower()
        advice = [said for begins, said in OTHERWISE.items() if start.startswith(begins)]
        advice = ["The file is empty."] if not start else advice
        said = advice[0] if advice else "The file is not a notebook: save it again."
        raise Unreadable("unreadable", said) from None
    if len(parsed) > CELLS_CAP:
        raise Unreadable("unreadable", f"The notebook has more than {CELLS_CAP} cells.")
    return parsed


def _text(source: object) -> str:
    """Source is one string or a list of lines; some editors end these as Windows does."""
    if isinstance(source, list):
        source = "".join(source)
    if not isinstance(source, str):
        raise TypeError("source is no text")
    return source.replace("\r\n", "\n").replace("\r", "\n")


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


def answers(master: Path) -> set[str]:
    """Names of the cells that students write."""
    cells = parse(master.read_text("utf-8"))
    return {name_of(cell) for cell in cells if marks(cell).get("solution")}


def read(data: bytes, master: Path) -> Submission:
    """Read a submission and match it with its master.

    The cells to be run are the master's set-up, and then the student's answers and own cells
    in their order. The instructor's other cells show and check; the grader does without them.
    Raises  Unreadable if the file cannot be graded
    """
    text, findings = decoded(data)
    cells, ours = parse(text), parse(master.read_text("utf-8"))
    known = {name_of(cell): cell for cell in ours if marks(cell)}
    stripped = _recognised(cells, known)
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
    findings += [*stripped, *_compare(cells, known, bool(stripped)), *borrowed(run)]
    if len(findings) > MOST:
        findings[MOST:] = [f"There are {len(findings) - MOST} more remarks of this kind."]
    return Submission(run, findings, ignored)


def _recognised(cells: list[dict], known: dict[str, dict]) -> list[str]:
    """Say in one sentence that an editor threw metadata away, and name the cells it made nameless.

    An instructor's cell is known by its text then. An answer needs no name: its functions have.
    """
    named = [cell for cell in cells if name_of(cell) in known]
    bare = sum(not marks(cell) for cell in named)
    if bare > 1:
        return [
            f"{bare} cells have no metadata of nbgrader, or of another version of it: another "
            "editor may have thrown them away. The cells were known by their ids."
        ]
    if named:
        return []
    texts = {_plain(cell["source"]): name for name, cell in known.items()}
    for cell in cells:
        if not marks(cell):
            cell["id"] = texts.get(_plain(cell["source"]), cell["id"])
    return [
        "No cell has its name, neither in nbgrader's metadata nor as an id: another editor may "
        "have thrown them away. The functions were found by their own names."
    ]


def _plain(source: str) -> str:
    """Source without the spaces at the ends of lines, which editors add and remove."""
    return "\n".join(line.rstrip() for line in source.strip().split("\n"))


def _compare(cells: list[dict], known: dict[str, dict], stripped: bool) -> Iterator[str]:
    """Yield what differs between a submission's marked cells and the master's.

    stripped  whether an editor threw metadata away, which was said already
    """
    count = Counter(name_of(cell) for cell in cells)
    answered = any(count[name] for name in known if marks(known[name]).get("solution"))
    for name, cell in known.items():
        what = "answer" if marks(cell).get("solution") else "instructor's"
        if not count[name] and (answered or not stripped):
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
        lost = stripped and not marks(cell)
        if not lost and theirs.get("schema_version") != SCHEMA:
            told.add(name)
            yield f"The cell {name} has the metadata of another version of nbgrader."
        elif not lost and any(theirs.get(key) != expected.get(key) for key in KEPT):
            told.add(name)
            yield f"The metadata of the cell {name} were changed."
        elif marks(master).get("locked") and _plain(cell["source"]) != _plain(master["source"]):
            told.add(name)
            yield f"The instructor's cell {name} was changed; the change was ignored."
