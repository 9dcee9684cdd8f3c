"""Points that a person gives: whose answer a code word is, and what stands in ``by_hand.csv``.

The pages and the table lie in ``by_hand/``, for whoever reads the answers; the key, which tells
whose they are, lies beside that folder. Code words are drawn at random, and kept.
"""

import csv
import hashlib
import io
import json
import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from course_lib.grading.anonymous import Question
from course_lib.grading.results import Mark, Result, write_atomically

COLUMNS = ("code", "question", "points", "out of", "comment")
KEY = "by_hand_key.json"
SHEET = Path("by_hand") / "by_hand.csv"


class SheetUnreadable(Exception):
    """A table or a key that cannot be understood; nothing was changed."""


@dataclass
class HandMark(Mark):
    """What a person gave for a question; its ``id`` is that of the answer's cell."""


def read_key(folder: Path) -> dict:
    """Return the key of an assignment's folder of results.

    Returns  ``questions``, by id their ``title`` and ``points``; and ``codes``, by code word the
             ``question``, the ``student``, and the ``digest`` of the answer
    Raises   SheetUnreadable if there is one, but it is damaged
    """
    path = folder / KEY
    if not path.exists():
        return {"questions": {}, "codes": {}}
    try:
        key = json.loads(path.read_text("utf-8"))
        for about in key["codes"].values():
            about["question"], about["student"], about["digest"]
        return {"questions": dict(key["questions"]), "codes": key["codes"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise SheetUnreadable(
            f"{path} is damaged: without it nobody knows whose is what."
        ) from None


def read_sheet(folder: Path) -> list[dict[str, str]]:
    """Return the rows of ``by_hand.csv``, as whatever spreadsheet has saved it; none without it.

    Raises  SheetUnreadable if a column is missing
    """
    path = folder / SHEET
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")  # as Excel saves it
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter, restkey="…", restval="")
    try:
        rows = [*reader]
    except csv.Error as error:
        raise SheetUnreadable(f"{path} is no table: {error}.") from error
    if not set(COLUMNS[:3]) <= set(reader.fieldnames or ()):
        raise SheetUnreadable(f"{path} needs the columns {', '.join(COLUMNS[:3])}.")
    for row in rows:
        row["code"] = row["code"].strip()
        rest = row.pop("…", [])  # a comment with commas that nobody has quoted
        row["comment"] = delimiter.join([row.get("comment", ""), *rest])
    return rows


def prepare(
    folder: Path, questions: Sequence[Question], texts: dict[str, dict[str, str]]
) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Give every answer its code word, and its row to fill in; rows that are there stay.

    texts    by student and question, what was written
    Returns  by question and code word, the student; and sentences about what has changed since
    Raises   SheetUnreadable if an older table or key cannot be understood
    """
    key, rows = read_key(folder), read_sheet(folder)
    codes = key["codes"]
    known = {(about["question"], about["student"]): code for code, about in codes.items()}
    filled = {row["code"] for row in rows if row["points"].strip()}
    key["questions"] |= {q.id: {"title": q.title, "points": q.points} for q in questions}
    found: dict[str, dict[str, str]] = {question.id: {} for question in questions}
    told = []
    for question in questions:
        for student, written in texts.items():
            text = written[question.id].encode(errors="surrogatepass")
            digest = hashlib.sha256(text).hexdigest()
            code = known.get((question.id, student)) or _word(codes)
            if code in filled and codes[code]["digest"] != digest:
                told.append(f"{code} has points for an answer that was changed since.")
            codes[code] = {"question": question.id, "student": student, "digest": digest}
            found[question.id][code] = student
    has = {row["code"] for row in rows}
    points = {q.id: f"{q.points:g}" for q in questions}
    for name, mine in found.items():
        new = sorted(mine.keys() - has)
        rows += [dict(zip(COLUMNS, (code, name, "", points[name], ""))) for code in new]
    out = io.StringIO()
    columns = dict.fromkeys([*COLUMNS, *(column for row in rows for column in row)])
    writer = csv.DictWriter(out, columns, restval="")
    writer.writeheader()
    writer.writerows(sorted(rows, key=lambda row: (row["question"], row["code"])))
    write_atomically(folder / KEY, json.dumps(key, indent=1, ensure_ascii=False))
    write_atomically(folder / SHEET, out.getvalue())
    return found, told


def _word(taken: dict) -> str:
    """Draw a code word that is not taken: a spreadsheet makes no number or date of it."""
    while True:
        word = "".join(secrets.choice("bdfgklmnprstvz") + secrets.choice("aeiou") for _ in "1234")
        if word not in taken:
            return word


def given(results: Sequence[Result], folder: Path) -> tuple[list[Result], list[str]]:
    """Add to results what was given by hand, as marks of their own.

    Returns  the results, as they are as long as nothing was given; and sentences about rows that
             do not count
    """
    try:
        key, rows = read_key(folder), read_sheet(folder)
    except SheetUnreadable as error:
        return list(results), [str(error)]
    points: dict[str, float] = {}
    comments, told = {}, []
    for row in rows:
        code, text = row["code"], row["points"].strip()
        if not text:
            continue
        about = key["codes"].get(code)
        most = key["questions"][about["question"]]["points"] if about else 0
        value = _points(text)
        if about is None:
            told.append(f"{SHEET}: nobody has the code {code!r:.40}.")
        elif value is None or not 0 <= value <= most:
            told.append(f"{SHEET}, {code}: {text!r:.40} is not between 0 and {most:g}.")
        elif points.get(code, value) != value:
            told.append(f"{SHEET}, {code}: there are two rows, with other points.")
            points[code] = math.nan
        else:
            points[code], comments[code] = value, row["comment"].strip()
    points = {code: value for code, value in points.items() if not math.isnan(value)}
    if not points:
        return list(results), told
    whose = {(about["student"], about["question"]): code for code, about in key["codes"].items()}
    added = []
    for result in results:
        marks = []
        for name, about in key["questions"].items():
            mark = HandMark(name, about["title"], about["points"])
            code = whose.get((result.student, name))
            if code in points:
                mark.score, mark.state = points[code], "graded"
                mark.findings = [comments[code]] if comments[code] else []
            elif code:
                mark.state, mark.findings = "needs a look", ["A person has yet to read this."]
            marks.append(mark)
        added.append(replace(result, marks=[*result.marks, *marks]))
    if left := len(key["codes"]) - len(points):
        told.append(f"{left} of {len(key['codes'])} answers have no points by hand yet.")
    return added, told


def _points(text: str) -> float | None:
    """Read points, with a comma as in some countries; None if they are none."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
