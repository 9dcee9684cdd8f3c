"""Count what became of the changes that ``mutation.py`` makes, and compare it with the list."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mutants import Mutant
from survivors import Survivor

from course_lib.grading.results import Mark

CAUGHT, ERROR, PASSED = "caught", "caught by an error", "passed"


def outcome(mark: Mark) -> str:
    """Say whether a change was caught: whether it costs the exercise its points, or the share of
    them that a ``Partial`` names. What needs a look has not been judged.
    """
    if mark.state == "needs a look" or mark.score == mark.points:
        return PASSED
    if mark.state == "graded" and not any(record["errors"] for record in mark.evidence):
        return CAUGHT
    return ERROR


@dataclass
class Row:
    """What became of the changes of one cell.

    made      all changes that there are
    outcomes  of those that were graded
    listed    what is known to pass
    """

    assignment: str
    cell: str
    made: Sequence[Mutant]
    outcomes: dict[Mutant, str]
    listed: Sequence[Survivor]

    @property
    def passed(self) -> list[Mutant]:
        """What the grader let pass."""
        return [mutant for mutant, outcome in self.outcomes.items() if outcome == PASSED]

    def known(self, mutant: Mutant) -> Survivor | None:
        """The entry of the list for a change."""
        pair = (mutant.was, mutant.becomes)
        return next((entry for entry in self.listed if pair in entry.changes), None)

    def count(self) -> Counter:
        """How many changes there are of each outcome, and how many made, and equivalent."""
        known = [self.known(mutant) for mutant in self.passed]
        equivalent = sum(entry.equivalent for entry in known if entry)
        return Counter(self.outcomes.values()) + Counter(made=len(self.made), alike=equivalent)

    def faults(self) -> Iterator[str]:
        """Yield what is wrong with the list: changes that it lacks, and entries that are old."""
        for mutant in self.passed:
            if not self.known(mutant):
                yield f"passed, and is not listed: {(mutant.was, mutant.becomes)!r}"
        made = {(mutant.was, mutant.becomes) for mutant in self.made}
        caught = {(m.was, m.becomes) for m, outcome in self.outcomes.items() if outcome != PASSED}
        for change in (change for entry in self.listed for change in entry.changes):
            if change not in made:
                yield f"is listed, and is no longer made: {change!r}"
            elif change in caught:
                yield f"is listed, and is caught: {change!r}"


def share(rows: Sequence[Row], errors: bool = True) -> float:
    """Of the changes that can be seen, the share that is caught.

    errors  whether to count those, too, that stop with an error, which are easy to catch
    """
    count = sum((row.count() for row in rows), Counter())
    caught = count[CAUGHT] + errors * count[ERROR]
    visible = caught + count[PASSED] - count["alike"]
    return caught / visible if visible else 1.0


def table(rows: Sequence[Row]) -> str:
    """Return the table: a line for each cell, and one for each assignment."""
    form = "{:<25}{:<15}{:>7}{:>8}{:>8}{:>10}{:>12}{:>11}{:>8}{:>16}"
    head = ("assignment", "cell", "made", "graded", "caught", "by error", "equivalent")
    lines = [form.format(*head, "survivors", "share", "without errors")]

    def line(name: str, cell: str, some: Sequence[Row]) -> str:
        count = sum((row.count() for row in some), Counter())
        caught, passed = count[CAUGHT] + count[ERROR], count[PASSED] - count["alike"]
        graded, shares = caught + count[PASSED], (share(some), share(some, errors=False))
        numbers = count["made"], graded, caught, count[ERROR], count["alike"], passed
        return form.format(name, cell, *numbers, *(f"{value:.1%}" for value in shares))

    for name in dict.fromkeys(row.assignment for row in rows):
        some = [row for row in rows if row.assignment == name]
        lines += [line(name, row.cell, [row]) for row in some]
        lines.append(line(name, "together", some))
    return "\n".join(lines)
