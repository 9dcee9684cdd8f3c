"""Marks for other programs: nbgrader's gradebook, Canvas, and Gradescope."""

import csv
import io
import json
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from course_lib.grading.release import InstructorExtraMissing
from course_lib.grading.report import earned, harmless, number, total
from course_lib.grading.results import Result


def gradebook(results: Sequence[Result], database: Path) -> int:
    """Store scores in nbgrader's gradebook, and return how many students have got some.

    database  made if it does not exist; marks given by hand in it stay as they are
    Raises    InstructorExtraMissing if nbgrader is not installed

    A student of whom nothing could be graded gets no submission there, rather than a zero; what an
    earlier export stored is taken back. The cell that holds the points of the exercise
    ``ex1_schedule`` is ``ex1_check`` in the masters.
    """
    try:
        from nbgrader.api import Gradebook, MissingEntry
    except ImportError as error:
        raise InstructorExtraMissing(
            "The gradebook is nbgrader's, which is not installed: "
            "pip install -c constraints.txt -e '.[instructor]'"
        ) from error
    stored = 0
    # nbgrader starts `alembic` by its name, which is found only if this Python is "activated".
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    url = f"sqlite:///{database.resolve()}"
    with warnings.catch_warnings(), Gradebook(url) as book:
        warnings.simplefilter("ignore")  # of SQLAlchemy, about how nbgrader uses it
        for result in results:
            book.update_or_create_student(result.student)
            name = result.assignment
            book.update_or_create_assignment(name)
            book.update_or_create_notebook(name, name)
            for mark in result.marks:
                book.update_or_create_grade_cell(
                    check_of(mark.id), name, name, max_score=mark.points, cell_type="code"
                )
            if total(result):
                book.update_or_create_submission(name, result.student)
                stored += 1
            else:
                try:
                    book.find_submission(name, result.student)
                except MissingEntry:
                    continue
            for mark in result.marks:
                grade = book.find_grade(check_of(mark.id), name, name, result.student)
                graded = mark.state == "graded"
                grade.auto_score = mark.score if graded else None
                grade.needs_manual_grade = not graded
            book.db.commit()
    return stored


def check_of(exercise: str) -> str:
    """The grade_id of the cell with an exercise's points: ``ex1_schedule`` has ``ex1_check``."""
    return f"{exercise.partition('_')[0]}_check"


def canvas(results: Sequence[Result]) -> str:
    """Marks as Canvas imports them: a column with the assignment's name, and its points.

    See  https://community.canvaslms.com, "How do I import grades in the Gradebook?"
    """
    out = io.StringIO()
    writer = csv.writer(out)
    name = results[0].assignment if results else ""
    writer.writerow(["Student", "ID", "SIS User ID", "SIS Login ID", "Section", name])
    points = number(results[0].points) if results else ""
    writer.writerow(["    Points Possible", "", "", "", "", points])
    for result in results:
        login = harmless(result.student)
        writer.writerow([login, "", "", login, "", total(result)])
    return out.getvalue()


def gradescope(result: Result) -> str:
    """One student's marks as Gradescope's ``results.json``.

    See  https://gradescope-autograders.readthedocs.io, "Autograder Specifications"
    """
    tests = [
        {
            "name": mark.title,
            "max_score": mark.points,
            "output": "\n".join(mark.findings) or "All right.",
            "output_format": "text",
            **({"score": mark.score} if earned(mark) else {"status": "failed"}),
        }
        for mark in result.marks
    ]
    content = {"output": "\n".join(result.findings), "output_format": "text", "tests": tests}
    return json.dumps({**content, "execution_time": round(result.seconds)}, indent=1)
