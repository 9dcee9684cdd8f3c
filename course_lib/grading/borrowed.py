"""Which cells of a submission take something from the package."""

import re
from collections.abc import Iterator, Sequence
from typing import Protocol


class Code(Protocol):
    """A cell as `notebook` has it: its source, its name in the master, whether it is ours."""

    source: str
    grade_id: str | None
    ours: bool


def borrowed(cells: Sequence[Code]) -> Iterator[str]:
    """Yield which cells of the student's take something from the package.

    Whether that is an answer is for a person to decide, and whoever wants to hide it can; so it
    is told, and costs nothing. Only text is searched: parsing hostile code can end a process.
    """
    given: set[str] = set()
    for cell in cells:
        code = re.sub(r"#.*", "", cell.source)
        if cell.ours:
            for names in re.findall(r"^from course_lib(?:\.checks)? import (.+)$", code, re.M):
                given.update(name.split()[-1] for name in names.split(","))
            continue
        used = set(re.findall(r"\b(\w{1,40})\s?\.\s?(?=[a-z_])", code)) & given
        if re.search(r"\bcourse_lib\b", code):
            used.add("an import")
        if used:
            which = f"The cell {cell.grade_id}" if cell.grade_id else "A cell of your own"
            yield f"{which} uses course_lib itself: {', '.join(sorted(used))}."
