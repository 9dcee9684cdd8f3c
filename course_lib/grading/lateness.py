"""When work was due, for whom, and what being late costs: a policy and its extensions in one CSV.

    student,assignment,due,grace_hours,percent_per_day,at_most
    *,*,,1,10,50
    *,a1_toy_diffusion,2026-03-01,,,
    ana,a1_toy_diffusion,2026-03-08T12:00,,,

``*`` stands for all, and an empty cell for what a more general row says: that of the student comes
before that of the assignment. Here everybody has an hour of grace, then loses 10% of what was
earned for each day begun, but never more than half; and Ana has a week more for a1.
"""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from pathlib import Path

from course_lib.grading.platforms import spelled
from course_lib.grading.results import Result

ALL = "*"
COLUMNS = ("student", "assignment", "due", "grace_hours", "percent_per_day", "at_most")
DAY = 86400  # seconds


class PolicyUnreadable(Exception):
    """A policy that cannot be understood; the sentence names the line."""


def moment(text: str) -> datetime:
    """Read a day, which ends with its last second, or a time; both are local.

    Raises  ValueError if it is neither
    """
    try:
        return datetime.combine(date.fromisoformat(text.strip()), time.max)
    except ValueError:
        return datetime.fromisoformat(text.strip())


@dataclass(frozen=True)
class Terms:
    """What holds for one student and one assignment.

    due              seconds since 1970; None if nothing is late
    grace_hours      after ``due``, which cost nothing
    percent_per_day  of what was earned, for each day begun after the hours of grace
    at_most          percent that can be lost
    """

    due: float | None = None
    grace_hours: float = 0.0
    percent_per_day: float = 0.0
    at_most: float = 100.0

    def days(self, handed_in: float) -> int:
        """Days begun after what was due and the hours of grace; 0 is in time."""
        if self.due is None:
            return 0
        return max(0, math.ceil((handed_in - self.due - 3600 * self.grace_hours) / DAY))

    def percent(self, days: int) -> float:
        """Percent of what was earned that so many days cost."""
        return min(self.at_most, self.percent_per_day * days)


@dataclass(frozen=True)
class Policy:
    """Rows of the table: what each says, by student and assignment."""

    rows: dict[tuple[str, str], dict[str, float]] = field(default_factory=dict)

    def terms(self, student: str, assignment: str) -> Terms:
        """Return what holds, the most particular row first, column by column."""
        keys = [(ALL, ALL), (ALL, assignment), (student, ALL), (student, assignment)]
        said: dict[str, float] = {}
        for key in keys:
            said |= self.rows.get(key, {})
        return Terms(**said)

    def unknown(self, students: Iterable[str]) -> list[str]:
        """Students whom the table names, but the class does not hold."""
        named = {student for student, _ in self.rows} - {ALL}
        return sorted(named - set(students))


def read(path: Path) -> Policy:
    """Read a policy, as whatever spreadsheet has saved it.

    Raises  PolicyUnreadable with the line, what is wrong with it, and what is expected
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyUnreadable(f"{path} cannot be read: save it as CSV in UTF-8.") from error
    lines = text.splitlines()
    head = next((line for line in lines if line.strip()), "")
    separator = max(",;\t", key=head.count)
    rows = csv.reader(io.StringIO(text), delimiter=separator)
    names: list[str] = []
    found: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows:
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        where = f"{path}, line {rows.line_num}"
        if not names:
            names = [cell.lower().replace(" ", "_") for cell in cells]
            _check_head(names, where)
            continue
        if len(cells) > len(names):
            raise PolicyUnreadable(f"{where}: there are more cells than columns.")
        said = dict(zip(names, cells))
        key = (spelled(said.pop("student") or ALL), said.pop("assignment", "") or ALL)
        if key in found:
            raise PolicyUnreadable(f"{where}: there is a row for {' and '.join(key)} already.")
        found[key] = {name: _value(name, text, where) for name, text in said.items() if text}
    if not names:
        raise PolicyUnreadable(f"{path} is empty: its first line should be {','.join(COLUMNS)}.")
    return Policy(found)


def _check_head(names: Sequence[str], where: str) -> None:
    unknown = [name for name in names if name not in COLUMNS]
    if unknown or "student" not in names or len(set(names)) < len(names):
        odd = f"'{unknown[0]}' is no column" if unknown else "a column is missing or there twice"
        raise PolicyUnreadable(f"{where}: {odd}: it takes {','.join(COLUMNS)}.")


def _value(name: str, text: str, where: str) -> float:
    """Read one cell: seconds since 1970 for ``due``, else a number that is not negative."""
    if name == "due":
        try:
            return moment(text).timestamp()
        except ValueError as error:
            raise PolicyUnreadable(
                f"{where}: {text!r} is not like 2026-03-01 or 2026-03-01T18:00."
            ) from error
    try:
        value = float(text.rstrip("%").replace(",", "."))
    except ValueError:
        value = math.nan
    most = math.inf if name == "grace_hours" else 100
    if not 0 <= value <= most:
        limits = "0 or more" if name == "grace_hours" else "from 0 to 100"
        raise PolicyUnreadable(f"{where}: {name} is {limits}, not {text!r}.")
    return value


def apply(results: Sequence[Result], policy: Policy) -> tuple[list[Result], list[str]]:
    """Return the results with what being late costs, and sentences about what is odd.

    What was earned stays as it is; ``late_days``, ``penalty`` and so ``final`` follow the policy.
    A result that does not know when it was handed in keeps all of its points, and is named.
    """
    judged, undated = [], []
    for result in results:
        terms = policy.terms(result.student, result.assignment)
        days = terms.days(result.handed_in)
        if not result.handed_in and result.marks and terms.due is not None:
            undated += [result.student] if result.status != "missing" else []
        judged.append(replace(result, late_days=days, penalty=terms.percent(days)))
    told = []
    if undated:
        whom = ", ".join(undated)
        told.append(f"nobody knows when these were handed in, so grade them again: {whom}.")
    if unknown := policy.unknown(result.student for result in results):
        told.append(f"the late policy names students who are not here: {', '.join(unknown)}.")
    return judged, told
