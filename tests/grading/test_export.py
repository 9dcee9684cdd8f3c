"""Exports survive what happens over a term, and write nothing into what is not theirs."""

import csv
import json
import sqlite3
import unicodedata
from datetime import datetime

import pytest
import typer
from audit import NAME, SOLUTIONS
from handed_in import CANVAS, DATA, FILE, entry
from typer.testing import CliRunner

from course_lib import cli
from course_lib.cli import grade as commands
from course_lib.grading import export, report, results
from course_lib.grading.results import Mark, Result


def course(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def result(student, exercises=1, state="graded", **about):
    marks = [Mark(f"ex{i}_x", f"No. {i}", 10, 10.0, state) for i in range(1, exercises + 1)]
    if state != "graded":
        marks = [Mark(mark.id, mark.title, 10) for mark in marks]
    return Result(student, NAME, "graded" if state == "graded" else "missing", marks, **about)


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """Store results in a folder of their own, and work there."""
    monkeypatch.chdir(tmp_path)

    def store(*some):
        for one in some:
            results.write(one, tmp_path / "results" / NAME / "students")
        return tmp_path

    return store


@pytest.fixture
def graded(monkeypatch):
    """Run `course grade` up to the sandbox; the jobs it makes earn nothing."""
    jobs = []

    def instead(todo, folder, workers):
        for job in todo:
            jobs.append(job)
            one = result(job.student, source=str(job.folder.parent))
            results.write(one, folder)
            yield one

    monkeypatch.setattr(commands.grade, "grade_class", instead)

    def grade(*arguments):
        jobs.clear()
        done = course("grade", NAME, *arguments, "--solutions", SOLUTIONS, "--unsafe")
        return done, list(jobs)

    return grade


@pytest.mark.parametrize(
    "student, login",
    [
        ("ana", "ana"),
        ("-dash", "-dash"),
        ("=cmd", "=cmd"),
        ("+1", "+1"),
        ("@ana", "@ana"),
        ("José", "José"),
        ("a.b@c.edu", "a.b@c.edu"),
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("@SUM(1)", "'@SUM(1)"),
        ("=A1&B1", "'=A1&B1"),
    ],
)
def test_an_id_survives_to_canvas_unless_it_is_a_formula_that_does_something(student, login):
    row = list(csv.reader(export.canvas([result(student)]).splitlines()))[2]
    assert row[1:5] == ["", "", login, ""] and row[5] == "10"
    assert not row[0].startswith(("=", "+", "-", "@"))


def test_canvas_finds_its_own_students_by_its_own_number():
    one = result("12345", called="=leeann", platform="Canvas")
    row = list(csv.reader(export.canvas([one, result("9")]).splitlines()))
    assert row[2][:5] == ["'=leeann", "12345", "", "", ""]
    assert row[3][:5] == ["9", "", "", "9", ""]


def test_gradescope_says_that_nothing_was_graded():
    one = result("ana", 2, "not reached", findings=["No notebook was handed in."])
    content = json.loads(export.gradescope(one))
    assert content["output"].splitlines() == [
        "Not graded (missing).",
        "No notebook was handed in.",
    ]
    for test in content["tests"]:
        assert test.keys() == {"name", "output", "output_format", "status"}
        assert (test["status"], test["output"]) == ("failed", "Not graded.")
    assert "score" not in content


def test_a_part_that_was_not_graded_is_no_zero_at_gradescope():
    one = result("ana", 2)
    one.marks[1] = Mark("ex2_x", "No. 2", 10, state="crashed", findings=["It ended."])
    first, second = json.loads(export.gradescope(one))["tests"]
    assert first["score"] == first["max_score"] == 10 and first["output"] == "All right."
    assert "score" not in second and second["output"] == "It ended."


def test_an_exercise_added_later_has_a_column_of_its_own():
    some = [result("ana"), result("ben", 3)]
    ana, ben = csv.DictReader(report.table(some).splitlines())
    assert (ana["ex1_x"], ana["ex2_x"], ana["ex3_x"], ana["findings"]) == ("10", "", "", "")
    assert (ben["ex3_x"], ben["points"]) == ("10", "30")
    assert "No. 3" in report.overview(some) and report.outdated(some) == ["ana"]
    assert export.canvas(some).splitlines()[1].endswith(",30")


def test_who_is_gone_is_left_out_and_told(stored, tmp_path):
    entry({f"class/ben/{FILE}": DATA})(tmp_path)
    here = str(tmp_path / "class")
    stored(result("ana", source=here), result("ben", source=here), result("cem"))
    stored(result("dua", source=str(tmp_path / "moved")))
    for arguments in (["report"], ["export", "--to", "canvas"], ["export", "--to", "gradescope"]):
        done = course(arguments[0], NAME, *arguments[1:])
        assert done.exit_code == 0 and "for 3 students" in done.output, done.output
        assert "no longer holds them: ana (graded, 10)." in done.output
    table = (tmp_path / "results" / NAME / "grades.csv").read_text()
    assert "ben" in table and "cem" in table and "dua" in table and "ana" not in table


def test_a_damaged_result_is_told_and_does_not_end_the_export(stored, tmp_path):
    folder = stored(result("ana")) / "results" / NAME / "students"
    (folder / "ben.json").write_text("{")
    done = course("export", NAME, "--to", "canvas")
    assert done.exit_code == 0 and "ben.json is damaged" in done.output


@pytest.mark.parametrize("to", ["canvas", "gradescope", "gradebook"])
def test_no_results_are_one_sentence(to, stored):
    stored()
    done = course("export", NAME, "--to", to)
    assert done.exit_code == 2 and done.output.count("\n") == 1
    assert "run `course grade` first" in done.output


def old_schema(path):
    with sqlite3.connect(path) as file:
        for table in ("assignment", "student", "grade", "alembic_version"):
            file.execute(f"CREATE TABLE {table} (id TEXT)")
    file.close()


def other_program(path):
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE songs (title TEXT)")
    file.close()


@pytest.mark.parametrize(
    "write, sentence",
    [
        (other_program, "of another program"),
        (old_schema, "older nbgrader"),
        (lambda path: path.write_bytes(b"no database at all" * 100), "is no gradebook"),
        (lambda path: path.mkdir(), "is no gradebook"),
    ],
    ids=["another program's", "an old nbgrader's", "no database", "a folder"],
)
def test_nothing_is_written_into_a_foreign_gradebook(write, sentence, stored, tmp_path):
    pytest.importorskip("nbgrader.api", reason="nbgrader is not installed")
    stored(result("ana"))
    path = tmp_path / "gradebook.db"
    write(path)
    before = path.is_dir() or path.read_bytes()
    done = course("export", NAME)
    assert done.exit_code == 2 and done.output.count("Error") == 1, done.output
    assert sentence in done.output and "Traceback" not in done.output
    assert before == (path.is_dir() or path.read_bytes())


def test_a_gradebook_survives_a_term(stored):
    api = pytest.importorskip("nbgrader.api", reason="nbgrader is not installed")
    stored(result("ana"), result("ben", state="not reached"))
    assert "1 of 2 students" in course("export", NAME).output
    stored(result("ana", 2), result("ben", 2, "not reached"), result("=cmd", 2))
    done = course("export", NAME)
    assert "2 of 3 students" in done.output, done.output
    with api.Gradebook("sqlite:///gradebook.db") as book:
        assert book.find_submission(NAME, "ana").score == 20
        assert book.find_submission(NAME, "=cmd").score == 20


def test_a_renamed_student_is_told(stored, tmp_path):
    pytest.importorskip("nbgrader.api", reason="nbgrader is not installed")
    stored(result("ana"))
    course("export", NAME)
    (tmp_path / "results" / NAME / "students" / "ana.json").unlink()
    stored(result("anna"))
    assert "still has submissions of others: ana." in course("export", NAME).output


def test_a_class_of_which_nothing_can_be_graded_is_exported(stored):
    pytest.importorskip("nbgrader.api", reason="nbgrader is not installed")
    stored(result("ana", state="not reached"))
    assert "0 of 1 students" in course("export", NAME).output


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("typed", ["NFC", "NFD"])
def test_a_student_is_found_however_an_accent_is_typed(form, typed, graded, stored, tmp_path):
    stored()
    entry({f"class/{unicodedata.normalize(form, 'José')}/{FILE}": DATA, "class/eva/x": b""})(
        tmp_path
    )
    done, (job,) = graded("class", "--student", unicodedata.normalize(typed, "José"))
    assert done.exit_code == 0 and job.student == "José" and job.folder.is_dir(), done.output


def test_a_platforms_folder_is_graded_as_it_is(graded, stored, tmp_path):
    stored()
    entry({f"class/{CANVAS}{FILE}": DATA, f"class/{FILE}": b"", "class/eva/x": b""})(tmp_path)
    done, jobs = graded("class")
    assert [job.student for job in jobs] == ["12345", "eva"]
    assert f"class/{FILE} was left out: its name does not say whose it is." in done.output
    assert graded("class", "--student", "12345")[1][0].folder.name == f"{CANVAS}{FILE}"


def test_a_class_without_a_submission_is_one_sentence(graded, stored, tmp_path):
    stored()
    entry({f"class/{FILE}": b""})(tmp_path)
    done, jobs = graded("class")
    assert done.exit_code == 2 and not jobs and "class holds no submission" in done.output


@pytest.mark.parametrize(
    "text, due",
    [
        ("2025-03-01", datetime(2025, 3, 1, 23, 59, 59, 999999)),
        ("2025-03-01T00:00", datetime(2025, 3, 1)),
        ("2025-03-01 18:00:00", datetime(2025, 3, 1, 18)),
    ],
)
def test_a_day_ends_with_its_last_second(text, due, graded, stored, tmp_path):
    stored()
    entry({f"class/ana/{FILE}": DATA})(tmp_path)
    _, (job,) = graded("class", "--due", text)
    assert job.due == due.timestamp()


def test_what_is_no_day_is_told():
    with pytest.raises(typer.BadParameter, match="is not like 2025-03-01"):
        commands.end_of("tomorrow")
