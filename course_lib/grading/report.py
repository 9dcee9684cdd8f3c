"""What people read: a table of marks, a page for each student, and a page about the class."""

import csv
import html
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from course_lib.grading import items
from course_lib.grading.results import Mark, Result, file_name, write_atomically

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% } td, th { padding: .3rem .6rem; text-align: left;
border-bottom: 1px solid #ccc; vertical-align: top } pre { overflow-x: auto; padding: .4rem;
background: #eef; font-size: .8em; white-space: pre-wrap }
.bar { background: #4878a8; height: .8rem }
"""
# A student's words are escaped; if one escaped escaping, a browser would still run nothing.
HEAD = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title><style>{style}</style>
"""


def number(value: float) -> str:
    """Write 10.0 as 10, and 7.5 as it is."""
    return f"{value:g}"


def earned(mark: Mark) -> str:
    """The score of an exercise, empty if it could not be graded: that is not a zero."""
    return number(mark.score) if mark.state == "graded" else ""


def total(result: Result) -> str:
    """The score of a student, empty if nothing could be graded: that is not a zero."""
    graded = any(mark.state == "graded" for mark in result.marks)
    return number(result.score) if graded else ""


def final(result: Result) -> str:
    """The score less what being late costs, empty if nothing could be graded."""
    return number(result.final) if total(result) else ""


def harmless(text: str) -> str:
    """Keep a spreadsheet from taking text for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def exercises(results: Sequence[Result]) -> dict[str, list[Mark]]:
    """All marks by the exercise's id; one that was added lately is not in every result."""
    found: dict[str, list[Mark]] = {}
    for result in sorted(results, key=lambda result: -len(result.marks)):
        for mark in result.marks:
            found.setdefault(mark.id, []).append(mark)
    return found


def outdated(results: Sequence[Result]) -> list[str]:
    """Students whose results lack an exercise that others' have."""
    every = exercises(results).keys()
    return [result.student for result in results if every - {mark.id for mark in result.marks}]


def table(results: Sequence[Result]) -> str:
    """The marks as CSV: a row for each student, a column for each exercise."""
    out = io.StringIO()
    writer = csv.writer(out)
    columns = list(exercises(results))
    named = ["name"] if any(result.called for result in results) else []
    judged = any(result.penalty is not None for result in results)
    costs = ["penalty_percent", "final"] if judged else []
    head = ["student", *named, "status", "late_days", "score", "points", *costs]
    writer.writerow([*head, *columns, "findings"])
    for result in results:
        marks = {mark.id: earned(mark) for mark in result.marks}
        writer.writerow(
            [
                harmless(result.student),
                *([harmless(result.called)] if named else []),
                result.status,
                result.late_days,
                total(result),
                number(result.points),
                *([number(result.penalty or 0), final(result)] if judged else []),
                *(marks.get(column, "") for column in columns),
                harmless(" ".join(result.findings)),
            ]
        )
    return out.getvalue()


def page(title: str, parts: Iterable[str]) -> str:
    """A page of HTML; the parts are HTML already, and the title is text."""
    return HEAD.format(title=html.escape(title), style=STYLE) + "\n".join(
        [f"<h1>{html.escape(title)}</h1>", *parts, "</html>\n"]
    )


def bullets(sentences: Iterable[str]) -> str:
    """A list of sentences, which may hold anything a student wrote."""
    return "<ul>" + "".join(f"<li>{html.escape(s)}</li>" for s in sentences) + "</ul>"


def row(mark: Mark) -> str:
    """One exercise, as a row of a table."""
    points = f"{earned(mark) or '–'} of {number(mark.points)}"
    fine = "All right." if mark.state == "graded" else "Not graded."
    findings = bullets(mark.findings) if mark.findings else fine
    if mark.examples and mark.score < mark.points:
        findings += "<p>To see it, paste this below your answer:</p>"
        findings += "".join(f"<pre>{html.escape(text)}</pre>" for text in mark.examples.values())
    if mark.findings and mark.read:
        findings += f"<p>Read again: {html.escape(mark.read)}.</p>"
    return f"<tr><td>{html.escape(mark.title)}<td>{points}<td>{findings}</tr>"


def feedback(result: Result) -> str:
    """One student's page: points, findings, and lines that show them; nothing of the truth."""
    late = f", {result.late_days} days late" if result.late_days else ""
    score = total(result) or "not graded"
    parts = [f"<p><b>{score} of {number(result.points)} points</b> ({result.status}{late})</p>"]
    if result.penalty and total(result):
        cost = f"Being late costs {number(result.penalty)}% of them"
        parts.append(f"<p>{cost}, which leaves <b>{final(result)} points</b>.</p>")
    if result.findings:
        parts += ["<h2>About the file</h2>", bullets(result.findings)]
    rows = [row(mark) for mark in result.marks if mark.state != "not reached"]
    if rows:
        parts.append("<table><tr><th>Exercise<th>Points<th>Findings</tr>" + "".join(rows))
        parts.append("</table>")
    who = f"{result.called} ({result.student})" if result.called else result.student
    return page(f"{result.assignment}: {who}", parts)


def bars(counts: Sequence[tuple[str, int]]) -> str:
    """A histogram with horizontal bars."""
    most = max((count for _, count in counts), default=0) or 1
    rows = [
        f"<tr><td>{html.escape(label)}</td><td>{count}</td><td style='width:60%'>"
        f"<div class='bar' style='width:{100 * count / most:.0f}%'></div></td></tr>"
        for label, count in counts
    ]
    return f"<table>{''.join(rows)}</table>"


def overview(results: Sequence[Result]) -> str:
    """The class on one page: statistics, statuses, histograms, the commonest findings."""
    statuses = Counter(result.status for result in results)
    parts = ["<h2>Exercises</h2>", items.as_html(items.analyse(results))]
    parts += ["<h2>Statuses</h2>", bars(statuses.most_common()), "<h2>Total</h2>"]
    tenths = Counter(
        min(9, int(10 * result.score / result.points))
        for result in results
        if total(result) and result.points
    )
    parts.append(bars([(f"{10 * i}–{10 * (i + 1)}%", tenths[i]) for i in range(10)]))
    for marks in exercises(results).values():
        scores = Counter(earned(mark) for mark in marks)
        graded = sorted(((s, n) for s, n in scores.items() if s), key=lambda pair: float(pair[0]))
        shown = [(f"{s} of {number(marks[0].points)}", n) for s, n in graded]
        if scores[""]:
            shown.append(("not graded", scores[""]))
        parts += [f"<h2>{html.escape(marks[0].title)}</h2>", bars(shown)]
        common = Counter(f for mark in marks for f in dict.fromkeys(mark.findings)).most_common(5)
        if common:
            parts.append(bullets(f"{n} × {finding}" for finding, n in common))
    name = results[0].assignment if results else "an empty class"
    return page(f"{name}: {len(results)} submissions", parts)


def write_all(results: Sequence[Result], folder: Path) -> None:
    """Write ``grades.csv``, ``statistics.csv``, ``overview.html``, ``feedback/<student>.html``."""
    write_atomically(folder / "grades.csv", table(results))
    write_atomically(folder / "statistics.csv", items.as_csv(items.analyse(results)))
    write_atomically(folder / "overview.html", overview(results))
    for result in results:
        path = folder / "feedback" / f"{file_name(result.student)}.html"
        write_atomically(path, feedback(result))
