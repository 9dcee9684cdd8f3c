"""Changes of the masters' answers that the grader lets pass, and why.

``mutation.py`` reports an entry whose change is no longer made, or is caught by now.
"""

from typing import NamedTuple


class Survivor(NamedTuple):
    """Changes that pass for one reason.

    changes     pairs of the changed lines and of what became of them, without indentation
    equivalent  whether nobody who calls the function could see a difference; such changes do
                not count
    """

    reason: str
    changes: tuple[tuple[str, str], ...]
    equivalent: bool = True


SURVIVORS: dict[tuple[str, str], list[Survivor]] = {}
"""By assignment and the cell that was changed."""
