"""Which cells stopped, and which exercise lost by it: sentences for the student.

Only text is searched here: parsing hostile code can end a process. A cell's error is repeated,
since nothing has been asked when cells run; of an error in answer to a question nothing is.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from course_lib.grading import notebook
from course_lib.grading.notebook import Cell, Submission
from course_lib.grading.session import LACKS, Reply

SHOWN = 200  # letters of an error's text
LOOK = "This exercise is not graded until a person has looked at it."


def missing(error: str) -> str:
    """The name for want of which a NameError was raised, or nothing."""
    found = re.search(r"NameError: (?:free variable|name|cannot access .*) '(\w+)'", error)
    return found[1] if found else ""


def binds(source: str, name: str) -> bool:
    """Whether some text looks as if it makes a name."""
    word = rf"\b{re.escape(name)}\b"
    line = rf"^.*\b(?:import|as|def|class|for|global)\b.*{word}|{word}[\w\s,()\[\]]*=(?!=)"
    return bool(re.search(line, source, re.M))


@dataclass
class Stop:
    """A cell that did not run to its end.

    told   what happened, for the student
    lacks  what it asked for that the sandbox has not, or nothing
    name   for want of which it stopped, or nothing
    lost   titles of the exercises that may have lost by it
    """

    cell: Cell
    told: str
    lacks: str = ""
    name: str = ""
    lost: list[str] = field(default_factory=list)

    def sentence(self) -> str:
        """What to write about the file as a whole."""
        lost = f" Points of {', '.join(map(repr, self.lost))} may be lost by it."
        return self.told + (lost if self.lost else " It cost no points.")


class Causes:
    """What is known of a submission that may explain why an exercise loses points.

    answers    names that the master's answers define
    elsewhere  names that only cells make which the grader does not run
    ignored    by name, what was handed in as the instructor's cells
    stopped    cells that did not run to their end
    """

    def __init__(self, submission: Submission, master: str) -> None:
        cells = [cell for cell in notebook.parse(master) if cell["cell_type"] == "code"]
        answers = [cell for cell in cells if notebook.marks(cell).get("solution")]
        shown = [cell for cell in cells if cell not in answers and not notebook.is_setup(cell)]
        setup = [cell for cell in cells if notebook.is_setup(cell)]
        self.answers = sorted(
            {name for cell in answers for name in defined(cell["source"], functions=True)}
        )
        made = {name for cell in (*setup, *answers) for name in defined(cell["source"])}
        self.elsewhere = {name for cell in shown for name in defined(cell["source"])} - made
        self.ignored, self.made = submission.ignored, made
        self.stopped: dict[Cell, Stop] = {}

    def stop(self, cell: Cell, reply: Reply) -> None:
        """Note that a cell stopped with an error."""
        error = f"{reply.error}: {reply.message}"
        name = missing(error)
        told = f"{title(cell)} stops with {error[:SHOWN].strip(' :.')}"
        told += f" (it begins: {begins(cell.source)})." if cell.grade_id is None else "."
        if reply.lacks:
            told += f" It wants {LACKS[reply.lacks]}."
        told += "".join(f" {sentence}" for sentence in self.about(name))
        self.stopped[cell] = Stop(cell, told, reply.lacks, name)

    def leave_out(self, cell: Cell, reason: str) -> Stop:
        """Note that a cell ended the sandbox, and is not run again."""
        self.stopped[cell] = Stop(cell, f"{title(cell)} was left out: {reason}.")
        return self.stopped[cell]

    def about(self, name: str) -> Iterator[str]:
        """Say where a missing name comes from, if it is not one that the student forgot."""
        if name in self.elsewhere:
            yield "A cell makes that name which the grader does not run."
        for cell, source in self.ignored.items():
            if name and name not in self.made | self.elsewhere and binds(source, name):
                yield f"Your change to the cell {cell} makes that name, and it was ignored."

    def behind(self, exercise: str, errors: Iterable[str]) -> list[Stop]:
        """Cells that may be to blame for the errors with which an exercise's functions stopped."""
        own = [stop for stop in self.stopped.values() if stop.cell.grade_id == exercise]
        names = {missing(error) for error in errors} | {stop.name for stop in own}
        names.discard("")
        others = [
            stop
            for stop in self.stopped.values()
            if stop not in own and any(binds(stop.cell.source, name) for name in names)
        ]
        return [*own, *others]

    def findings(self) -> list[str]:
        """Sentences about cells that stopped, without those that stand beside an exercise."""
        told = [
            stop.sentence()
            for stop in self.stopped.values()
            if stop.cell.grade_id is None or not (stop.lost or "NotImplementedError" in stop.told)
        ]
        told = list(dict.fromkeys(told))
        if len(told) > notebook.MOST:
            told[notebook.MOST :] = [f"{len(told) - notebook.MOST} more cells stop with an error."]
        return told


def title(cell: Cell) -> str:
    """Name a cell at the beginning of a sentence."""
    return f"The cell {cell.grade_id}" if cell.grade_id else "A cell of your own"


def begins(source: str) -> str:
    """The beginning of a cell, by which its author knows it."""
    return source.strip().splitlines()[0][:60] if source.strip() else ""


def defined(source: str, functions: bool = False) -> set[str]:
    """Names that a cell of the master makes at its top level, or its functions and classes only.

    The master is the instructor's, so that it may be parsed.
    """
    names = set()
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif functions:
            continue
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        else:
            stored = (n for n in ast.walk(node) if isinstance(n, ast.Name))
            names |= {n.id for n in stored if isinstance(n.ctx, ast.Store)}
    return names
