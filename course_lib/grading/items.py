"""Item analysis: how hard each exercise was, and whether it tells students apart.

See  Henrysson 1963, "Correction of item-total correlations in item analysis", Psychometrika 28
"""

import csv
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from course_lib.grading.results import Mark, Result

FEW = 10  # students
READING = (
    "Difficulty is the mean share of an exercise's points among those for whom it was graded, ± "
    "its standard error, so that 1 is an exercise that everybody solved. Discrimination is the "
    "correlation of its points with those of all other exercises together, among the n for whom "
    "everything was graded, with its 95% interval: near 0, it does not tell who does well "
    "elsewhere; below 0, look at the exercise and at what the grader asks. There is none where "
    f"all have the same points, and none for fewer than {FEW} students."
)


@dataclass(frozen=True)
class Item:
    """One exercise.

    graded          for how many it was graded
    difficulty      mean share of its points among them, None without any
    error           standard error of that mean, None for a single one
    complete        for how many everything was graded
    discrimination  corrected item-total correlation among these; None if they are fewer than
                    `FEW`, or if there is no variance, in the exercise or in the rest
    interval        its 95% interval, by Fisher's z; it takes the points for normal
    """

    title: str
    points: float
    graded: int
    difficulty: float | None
    error: float | None
    complete: int
    discrimination: float | None = None
    interval: tuple[float, float] | None = None

    @property
    def why(self) -> str:
        """Why there is no discrimination."""
        return "too few" if self.complete < FEW else "no variance"


def analyse(results: Sequence[Result]) -> list[Item]:
    """Return the statistics of each exercise, in the order of the notebook."""
    titles: dict[str, Mark] = {}
    for result in sorted(results, key=lambda result: -len(result.marks)):
        titles |= {mark.id: mark for mark in result.marks if mark.id not in titles}
    got = [{m.id: m.score for m in r.marks if m.state == "graded"} for r in results]
    whole = [scores for scores in got if len(scores) == len(titles)]
    table = np.array([[scores[name] for name in titles] for scores in whole], float)
    found = []
    for k, (name, mark) in enumerate(titles.items()):
        shares = [scores[name] / mark.points for scores in got if name in scores and mark.points]
        mean = float(np.mean(shares)) if shares else None
        error = float(np.std(shares, ddof=1) / len(shares) ** 0.5) if len(shares) > 1 else None
        told = correlation(table[:, k], np.delete(table, k, 1).sum(1)) if len(whole) else None
        told = None if len(whole) < FEW else told
        bounds = None if told is None else interval(told, len(whole))
        sizes = (len(shares), mean, error, len(whole))
        found.append(Item(mark.title, mark.points, *sizes, told, bounds))
    return found


def correlation(x: np.ndarray, y: np.ndarray) -> float | None:
    """Pearson's correlation of two lists of points (n,); None if one of them does not vary."""
    if np.ptp(x) < 1e-9 or np.ptp(y) < 1e-9:
        return None
    return float(np.corrcoef(x, y)[0, 1])


def interval(r: float, n: int) -> tuple[float, float]:
    """The 95% interval of a correlation of n > 3 pairs: tanh(atanh(r) ± 1.96 / √(n − 3))."""
    if abs(r) > 1 - 1e-12:
        return r, r
    z, reach = np.arctanh(r), 1.96 / (n - 3) ** 0.5
    return float(np.tanh(z - reach)), float(np.tanh(z + reach))


def as_html(items: Sequence[Item]) -> str:
    """The statistics as a table, and how to read it."""
    rows = []
    for item in items:
        hard = "–" if item.difficulty is None else f"{item.difficulty:.2f}"
        hard += "" if item.error is None else f" ± {item.error:.2f}"
        told = item.why
        if item.discrimination is not None:
            told = "{:.2f} ({:.2f} to {:.2f})".format(item.discrimination, *item.interval)
        cells = (html.escape(item.title), f"{item.points:g}", item.graded, hard, told)
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    n = items[0].complete if items else 0
    head = ("Exercise", "Points", "Graded", "Difficulty", f"Discrimination (n = {n})")
    heads = "".join(f"<th>{name}</th>" for name in head)
    return f"<table><tr>{heads}</tr>{''.join(rows)}</table><p>{html.escape(READING)}</p>"


def as_csv(items: Sequence[Item]) -> str:
    """The statistics for a spreadsheet; what there is no number for is empty."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        "exercise points graded difficulty error complete discrimination low high".split()
    )
    for item in items:
        numbers = (item.difficulty, item.error, item.discrimination, *(item.interval or ("", "")))
        shown = [f"{x:.4f}" if isinstance(x, float) else "" for x in numbers]
        writer.writerow(
            [item.title, f"{item.points:g}", item.graded, *shown[:2], item.complete, *shown[2:]]
        )
    return out.getvalue()
