"""The instructor's commands, on a class of twelve."""

import csv
import json
import re

import pytest
from audit import NAME, SOLUTIONS
from typer.testing import CliRunner

from course_lib import cli
from course_lib.grading import export, results
from course_lib.grading.results import Mark, Result

EXPECTED = {
    "ana": ("graded", "100"),
    "ben": ("graded", "100"),
    "chloe": ("graded", "85"),
    "david": ("graded", "75"),
    "emma": ("graded", "50"),
    "farid": ("graded", "0"),
    "grace": ("graded", "100"),
    "hugo": ("partly graded", "85"),
    "ines": ("graded", "100"),
    "jonas": ("graded", "0"),
    "kira": ("unreadable", ""),
    "liam": ("missing", ""),
}


def course(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


@pytest.mark.sandboxed
def test_a_class_from_submissions_to_marks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert course("demo-class", "submitted", "--solutions", SOLUTIONS).exit_code == 0
    grade = ["grade", NAME, "submitted", "--solutions", SOLUTIONS]
    done = course(*grade, "--jobs", 2)
    assert done.exit_code == 0, done.output
    folder = tmp_path / "results" / NAME
    table = {row["student"]: row for row in csv.DictReader((folder / "grades.csv").open())}
    assert {name: (row["status"], row["score"]) for name, row in table.items()} == EXPECTED
    assert {path.stem for path in (folder / "feedback").iterdir()} == set(EXPECTED)

    salt = (folder / "salt.txt").read_text()
    times = {path.name: path.stat().st_mtime_ns for path in (folder / "students").iterdir()}
    (folder / "students" / "ana.json").unlink()
    assert course(*grade, "--resume").exit_code == 0
    again = {path.name: path.stat().st_mtime_ns for path in (folder / "students").iterdir()}
    assert {name for name in times if times[name] != again[name]} == {"ana.json"}
    assert len(salt) == 16 and (folder / "salt.txt").read_text() == salt


def test_mistakes_are_told_in_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "submitted" / "ana").mkdir(parents=True)
    here = ["--solutions", SOLUTIONS, "--results", tmp_path]
    submitted = tmp_path / "submitted"
    for arguments, sentence in [
        (["grade", NAME, tmp_path / "nowhere"], "is not a folder"),
        (["grade", "a9", submitted], "There is no assignment a9"),
        (["grade", NAME, submitted, "--student", "eve", "--unsafe"], "there is no folder"),
        (["grade", NAME, submitted, "--container", "no-such-program"], "not here"),
    ]:
        done = course(*arguments, *here)
        assert done.exit_code == 2 and sentence in done.output, done.output
    assert "run `course grade` first" in course("report", NAME, "--results", tmp_path).output
    assert "exists" in course("demo-class", submitted).output
    monkeypatch.setenv("PATH", "")
    assert "install the package bubblewrap" in course("grade", NAME, submitted, *here).output


def test_help_has_every_command():
    text = re.sub(r"\x1b\[[0-9;]*m", "", course("--help").output)
    known = "train sample release grade report export demo-class similar by-hand"
    for command in known.split():
        assert re.search(rf"\b{command}\b", text)
        assert "Example:" in course(command, "--help").output


def stored(student, state="graded", score=10.0):
    status = "graded" if state == "graded" else "crashed"
    marks = [Mark("ex1_schedule", "Tables", 10, score, state, ["a finding"])]
    return Result(student, NAME, status, marks)


def test_canvas_has_a_row_of_points_and_no_invented_zero():
    rows = list(csv.reader(export.canvas([stored("ana"), stored("ben", "crashed")]).splitlines()))
    assert rows[0][-1] == NAME and rows[1][-1] == "10"
    assert [row[-1] for row in rows[2:]] == ["10", ""]


def test_gradescope_reads_every_exercise():
    content = json.loads(export.gradescope(stored("ana", score=0.0)))
    assert content["tests"][0]["score"] == 0 and content["tests"][0]["max_score"] == 10
    assert "score" not in json.loads(export.gradescope(stored("ben", "crashed")))["tests"][0]


def test_nbgrader_reads_the_gradebook(tmp_path, monkeypatch):
    api = pytest.importorskip("nbgrader.api", reason="nbgrader is not installed")
    monkeypatch.chdir(tmp_path)
    for result in (stored("ana"), stored("ben", "crashed"), stored("cem", score=0.0)):
        results.write(result, tmp_path / "results" / NAME / "students")
    for _ in range(2):  # a second time changes nothing
        done = course("export", NAME)
        assert "2 of 3 students" in done.output, done.output
    with api.Gradebook("sqlite:///gradebook.db") as book:
        assert book.find_submission(NAME, "ana").score == 10
        assert book.find_submission(NAME, "cem").score == 0
        assert len(book.students) == 3
        with pytest.raises(api.MissingEntry):
            book.find_submission(NAME, "ben")
    results.write(stored("ana", "crashed"), tmp_path / "results" / NAME / "students")
    assert "1 of 3 students" in course("export", NAME).output
    with api.Gradebook("sqlite:///gradebook.db") as book:
        grades = book.find_submission(NAME, "ana").notebooks[0].grades
        assert {(grade.auto_score, grade.needs_manual_grade) for grade in grades} == {(None, True)}
