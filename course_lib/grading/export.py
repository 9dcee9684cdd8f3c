"""Marks for other programs: nbgrader's gradebook, Canvas, and Gradescope."""

import contextlib
import csv
import io
import json
import os
import re
import sqlite3
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from course_lib.grading.by_hand import HandMark
from course_lib.grading.release import InstructorExtraMissing
from course_lib.grading.report import earned, final, harmless, number, total
from course_lib.grading.results import Mark, Result

LOGIN = re.compile(r"[\w.@+=-]*")
"""What a login consists of; a spreadsheet takes ``=cmd`` for a formula, but one that does nothing:
without a bracket, a bar or an exclamation mark it calls no function and no program."""


class ForeignGradebook(Exception):
    """A file that is no gradebook of the nbgrader that is installed."""


def gradebook(results: Sequence[Result], database: Path) -> tuple[int, list[str]]:
    """Store scores in nbgrader's gradebook.

    database  made if it does not exist; marks given by hand in it stay as they are, unless
              by_hand.csv has others
    Returns   how many students have got some, and those with a submission there who are not among
              the results, because a folder was renamed or is gone
    Raises    InstructorExtraMissing if nbgrader is not installed; ForeignGradebook if the file is
              something else, before anything is written, or if it cannot be written to

    A student of whom nothing could be graded gets no submission there, rather than a zero; what an
    earlier export stored is taken back. The cell that holds the points of the exercise
    ``ex1_schedule`` is ``ex1_check`` in the masters.
    """
    try:
        from nbgrader.api import Base, Gradebook, StatementError
    except ImportError as error:
        raise InstructorExtraMissing(
            "The gradebook is nbgrader's, which is not installed: "
            "pip install -c constraints.txt -e '.[instructor]'"
        ) from error
    examine(
        database, {name: {*table.columns.keys()} for name, table in Base.metadata.tables.items()}
    )
    # nbgrader starts `alembic` by its name, which is found only if this Python is "activated".
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    url = f"sqlite:///{database.resolve()}"
    try:
        with warnings.catch_warnings(), Gradebook(url) as book:
            warnings.simplefilter("ignore")  # of SQLAlchemy, about how nbgrader uses it
            stored = sum([_store(book, result) for result in results])
            mine = {result.student for result in results}
            known = [
                s.student_id
                for n in {r.assignment for r in results}
                for s in book.assignment_submissions(n)
            ]
    except StatementError as error:
        raise ForeignGradebook(f"{database} cannot be written to: {error.orig}.") from error
    return stored, sorted(set(known) - mine)


def examine(database: Path, expected: dict[str, set[str]]) -> None:
    """Look into a database, and write nothing.

    expected  the columns of each of nbgrader's tables
    Raises    ForeignGradebook if it is another program's, or an older nbgrader's
    """
    if not database.exists():
        return
    try:
        place = f"{database.resolve().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(place, uri=True)) as file:
            tables = [name for (name,) in file.execute("SELECT name FROM sqlite_master")]
            found = {
                name: {row[1] for row in file.execute(f"PRAGMA table_info({name})")}
                for name in expected
            }
    except sqlite3.Error as error:
        raise ForeignGradebook(f"{database} is no gradebook: {error}.") from error
    if tables and not ({"assignment", "student", "grade"} <= set(tables)):
        raise ForeignGradebook(f"{database} is a database of another program: move it away.")
    if tables and any(columns - found[name] for name, columns in expected.items()):
        raise ForeignGradebook(
            f"{database} was made by an older nbgrader: run `nbgrader db upgrade` first."
        )


def _store(book, result: Result) -> bool:
    """Store one student's scores in an open gradebook; return whether there were any."""
    from nbgrader.api import Grade, MissingEntry, SubmittedNotebook

    name, student = result.assignment, result.student
    book.update_or_create_student(student)
    book.update_or_create_assignment(name)
    book.update_or_create_notebook(name, name)
    for mark in result.marks:
        book.update_or_create_grade_cell(
            cell_of(mark), name, name, max_score=mark.points, cell_type="code"
        )
    scored = bool(total(result))
    if scored:
        book.update_or_create_submission(name, student)
    else:
        try:
            book.find_submission(name, student)
        except MissingEntry:
            return False
    for mark in result.marks:
        cell = cell_of(mark)
        try:
            grade = book.find_grade(cell, name, name, student)
        except MissingEntry:  # the exercise is newer than the submission
            try:
                notebook = book.find_submission_notebook(name, name, student)
            except MissingEntry:
                submission = book.find_submission(name, student)
                ours = book.find_notebook(name, name)
                notebook = SubmittedNotebook(notebook=ours, assignment=submission)
            grade = Grade(cell_id=book.find_grade_cell(cell, name, name).id, notebook=notebook)
            book.db.add(grade)
        graded = mark.state == "graded"
        if isinstance(mark, HandMark):
            grade.manual_score = mark.score if graded else grade.manual_score
            grade.needs_manual_grade = grade.manual_score is None
            continue
        grade.auto_score = mark.score if graded else None
        grade.needs_manual_grade = not graded
    if scored:
        notebook = book.find_submission_notebook(name, name, student)
        notebook.late_submission_penalty = result.score - result.final
    book.db.commit()
    return scored


def check_of(exercise: str) -> str:
    """The grade_id of the cell with an exercise's points: ``ex1_schedule`` has ``ex1_check``."""
    return f"{exercise.partition('_')[0]}_check"


def cell_of(mark: Mark) -> str:
    """The grade_id of the cell with a mark's points: of what is graded by hand, the answer's."""
    return mark.id if isinstance(mark, HandMark) else check_of(mark.id)


def canvas(results: Sequence[Result]) -> str:
    """Marks as Canvas imports them: a column with the assignment's name, and its points.

    Canvas looks for a student by its own number in ``ID``, then, letter for letter, by ``SIS Login
    ID``. So an id stands there as it is, even where a spreadsheet would take it for a formula:
    a login can only be a harmless one. What is no login is no student of Canvas', and gets the
    apostrophe, as does every name.

    See  https://github.com/instructure/canvas-lms, lib/gradebook_importer.rb, process_student
    """
    out = io.StringIO()
    writer = csv.writer(out)
    name = results[0].assignment if results else ""
    writer.writerow(["Student", "ID", "SIS User ID", "SIS Login ID", "Section", name])
    points = number(max(result.points for result in results)) if results else ""
    writer.writerow(["    Points Possible", "", "", "", "", points])
    for result in results:
        student = result.student
        shown = harmless(result.called or student)
        exact = student if LOGIN.fullmatch(student) else harmless(student)
        own = result.platform == "Canvas" and student.isdecimal()
        ids = [student, "", ""] if own else ["", "", exact]
        writer.writerow([shown, *ids, "", final(result)])
    return out.getvalue()


def gradescope(result: Result) -> str:
    """One student's marks as Gradescope's ``results.json``.

    An exercise that could not be graded is a test without a score: a check that failed, and that
    counts nothing. Where there is no score at all, the text above says so: a zero would be one.

    See  https://gradescope-autograders.readthedocs.io, "Autograder Specifications"
    """
    tests = []
    for mark in result.marks:
        fine = "All right." if mark.state == "graded" else "Not graded."
        test = {"name": mark.title, "output": "\n".join(mark.findings) or fine}
        scored = {"score": mark.score, "max_score": mark.points}
        tests.append(
            {**test, "output_format": "text", **(scored if earned(mark) else {"status": "failed"})}
        )
    about = (
        result.findings if total(result) else [f"Not graded ({result.status}).", *result.findings]
    )
    content = {"output": "\n".join(about), "output_format": "text", "tests": tests}
    if result.penalty and total(result):
        content["score"] = result.final  # Gradescope takes it in the place of the tests' sum
    return json.dumps({**content, "execution_time": round(result.seconds)}, indent=1)
