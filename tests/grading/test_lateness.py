"""What is late, for whom, and what it costs: against closed forms, and as spreadsheets save it."""

import csv
import io
import json
from datetime import datetime

import pytest
from typer.testing import CliRunner

from course_lib import cli
from course_lib.grading import export, lateness, report, results
from course_lib.grading.results import Mark, Result

HEAD = "student,assignment,due,grace_hours,percent_per_day,at_most"
DUE = datetime(2026, 3, 1, 18).timestamp()
HOUR = 3600


def policy(tmp_path, text):
    path = tmp_path / "late.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return lateness.read(path)


def result(student="ana", handed_in=DUE, *, state="graded", name="a1"):
    marks = [Mark("ex1_x", "First", 10, 8 if state == "graded" else 0, state)]
    return Result(student, name, "graded", marks, handed_in=handed_in)


@pytest.mark.parametrize(
    "seconds, days",
    [(-1, 0), (0, 0), (1, 1), (24 * HOUR, 1), (24 * HOUR + 1, 2), (10 * 24 * HOUR, 10)],
)
@pytest.mark.parametrize("grace", [0, 2])
def test_days_are_those_begun_after_the_hours_of_grace(seconds, days, grace):
    terms = lateness.Terms(DUE, grace_hours=grace)
    assert terms.days(DUE + grace * HOUR + seconds) == days
    assert lateness.Terms(None).days(DUE) == 0


@pytest.mark.parametrize("days, percent", [(0, 0), (1, 15), (3, 45), (4, 50), (99, 50)])
def test_a_day_costs_its_percent_up_to_the_most(days, percent):
    assert lateness.Terms(DUE, percent_per_day=15, at_most=50).percent(days) == percent


def test_the_score_never_falls_below_zero():
    terms = lateness.Terms(DUE, percent_per_day=60)
    assert terms.percent(3) == 100
    late = results.Result("ana", "a1", "graded", [Mark("e", "E", 5, 5, "graded")], penalty=100)
    assert late.score == 5 and late.final == 0


def test_the_most_particular_row_comes_first_column_by_column(tmp_path):
    found = policy(
        tmp_path,
        f"{HEAD}\n*,*,2026-03-01T18:00,1,10,50\n*,a1,,2,,\nana,*,2026-03-05T18:00,,,\nana,a1,,,0,\n",
    )
    later = datetime(2026, 3, 5, 18).timestamp()
    assert found.terms("ben", "a2") == lateness.Terms(DUE, 1, 10, 50)
    assert found.terms("ben", "a1") == lateness.Terms(DUE, 2, 10, 50)
    assert found.terms("ana", "a2") == lateness.Terms(later, 1, 10, 50)
    assert found.terms("ana", "a1") == lateness.Terms(later, 2, 0, 50)


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}\r\n*,*,2026-03-01T18:00,,10,\r\n\r\n".encode("utf-8-sig"),
        "Student;Assignment;Due;Percent per day\n*;*;2026-03-01T18:00;10,0%\n",
        "due\tstudent\tpercent_per_day\n2026-03-01 18:00\t\t10\n",
    ],
)
def test_a_table_is_read_as_spreadsheets_save_it(text, tmp_path):
    assert policy(tmp_path, text).terms("ana", "a1") == lateness.Terms(DUE, percent_per_day=10)


def test_a_day_ends_with_its_last_second(tmp_path):
    due = policy(tmp_path, f"{HEAD}\n*,*,2026-03-01,,,\n").terms("ana", "a1").due
    assert datetime.fromtimestamp(due).isoformat().startswith("2026-03-01T23:59:59")


@pytest.mark.parametrize(
    "text, says",
    [
        ("", "is empty"),
        ("who,due\n", "line 1: 'who' is no column"),
        ("assignment,due\n", "line 1: a column is missing"),
        (f"{HEAD}\n*,*,soon,,,\n", "line 2: 'soon' is not like 2026-03-01"),
        (f"{HEAD}\n\n*,*,,-1,,\n", "line 3: grace_hours is 0 or more, not '-1'"),
        (f"{HEAD}\n*,*,,,ten,\n", "line 2: percent_per_day is from 0 to 100, not 'ten'"),
        (f"{HEAD}\n*,*,,,,101\n", "line 2: at_most is from 0 to 100"),
        (f"{HEAD}\nana,a1,,,,\nana,a1,,,,\n", "line 3: there is a row for ana and a1 already"),
        (f"{HEAD}\na,b,,,,,7\n", "line 2: there are more cells than columns"),
        (b"\xff\xfe\x00", "save it as CSV in UTF-8"),
    ],
)
def test_what_is_odd_is_said_with_its_line(text, says, tmp_path):
    with pytest.raises(lateness.PolicyUnreadable, match=says.replace("(", "\\(")):
        policy(tmp_path, text)


def judged(tmp_path, *given):
    text = f"{HEAD}\n*,*,2026-03-01T18:00,,25,\nzoe,*,,,,\n"
    return lateness.apply(given, policy(tmp_path, text))


def test_what_was_earned_stays_and_what_is_left_stands_beside_it(tmp_path):
    (late, fine, none), told = judged(
        tmp_path,
        result("ana", DUE + 1),
        result("ben"),
        result("cleo", DUE + 1, state="crashed"),
    )
    assert (late.score, late.final, late.late_days, late.penalty) == (8, 6, 1, 25)
    assert told == ["the late policy names students who are not here: zoe."]
    rows = list(csv.DictReader(io.StringIO(report.table([late, fine, none]))))
    assert [row["score"] for row in rows] == ["8", "8", ""]
    assert [row["final"] for row in rows] == ["6", "8", ""]
    assert [row["penalty_percent"] for row in rows] == ["25", "0", "25"]
    assert "costs 25% of them, which leaves <b>6 points</b>" in report.feedback(late)
    assert "costs" not in report.feedback(fine) and "costs" not in report.feedback(none)
    handed_on = [row[-1] for row in csv.reader(export.canvas([late, fine, none]).splitlines())]
    assert handed_on[2:] == ["6", "8", ""]
    assert json.loads(export.gradescope(late))["score"] == 6
    assert "score" not in json.loads(export.gradescope(fine))


def test_without_a_policy_nothing_is_added():
    row = next(csv.DictReader(io.StringIO(report.table([result()]))))
    assert "final" not in row and "penalty_percent" not in row
    assert list(csv.reader(export.canvas([result()]).splitlines()))[2][-1] == "8"


def test_who_was_graded_before_times_were_kept_loses_nothing_and_is_named(tmp_path):
    (old,), told = judged(tmp_path, result("ana", 0.0))
    assert old.penalty == 0 and "handed in, so grade them again: ana" in told[0]


def test_the_report_reads_the_policy(tmp_path):
    folder = tmp_path / "results" / "a1"
    results.write(result("ana", DUE + 1), folder / "students")
    arguments = ["report", "a1", "--results", str(tmp_path / "results")]
    (tmp_path / "results" / "late.csv").write_text(f"{HEAD}\n*,*,2026-03-01T18:00,,50,\n")
    done = CliRunner().invoke(cli.app, arguments)
    assert done.exit_code == 0, done.output
    row = next(csv.DictReader(io.StringIO((folder / "grades.csv").read_text("utf-8"))))
    assert (row["score"], row["late_days"], row["final"]) == ("8", "1", "4")
    (tmp_path / "results" / "late.csv").write_text("nothing\n")
    done = CliRunner().invoke(cli.app, arguments)
    assert done.exit_code == 2 and "'nothing' is no column" in done.output
