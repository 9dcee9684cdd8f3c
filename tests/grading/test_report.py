"""What people read: no zero that is none, nothing of the truth, and no code of a student's."""

import csv
import io

from course_lib.grading import report
from course_lib.grading.results import Mark, Result


def result(student="ana", *, findings=(), about=(), state="graded", status="graded", score=0.0):
    marks = [
        Mark("ex1", "First", 10, 10, "graded"),
        Mark("ex2", "Second", 5, score, state, list(findings), [{"errors": ["hidden 1.234"]}]),
    ]
    return Result(student, "a1", status, marks, list(about), 0)


def rows(*results):
    return list(csv.DictReader(io.StringIO(report.table(results))))


def test_only_what_was_graded_has_a_number():
    graded, crashed = rows(result(), result(state="crashed", status="partly graded"))
    assert (graded["ex1"], graded["ex2"], graded["score"]) == ("10", "0", "10")
    assert (crashed["ex1"], crashed["ex2"], crashed["score"]) == ("10", "", "10")
    (looked,) = rows(result(state="needs a look", status="partly graded"))
    assert (looked["status"], looked["ex2"], looked["score"]) == ("partly graded", "", "10")
    missing = Result("ben", "a1", "missing", [Mark("ex1", "First", 10)])
    assert rows(missing)[0]["score"] == "" and rows(missing)[0]["status"] == "missing"


def test_a_spreadsheet_finds_no_formula():
    (row,) = rows(result("=cmd|' /C calc'!A0", about=["=1+1"]))
    assert row["student"].startswith("'=") and row["findings"].startswith("'=")


def test_feedback_is_text_and_hides_the_evidence():
    page = report.feedback(result("<b>ana</b>", findings=["<script>alert(1)</script>"]))
    assert "<script" not in page and "&lt;script&gt;" in page and "<b>ana" not in page
    assert "default-src 'none'" in page
    assert "1.234" not in page
    assert "10 of 10" in page and "0 of 5" in page


def test_overview_counts_scores_and_findings(tmp_path):
    everyone = [result("ana", findings=["no root"]), result("ben", findings=["no root"])]
    everyone += [
        result("cem", score=5.0),
        result("dua", state="timed out", status="partly graded"),
    ]
    page = report.overview(everyone)
    assert "2 × no root" in page and "not graded" in page and "4 submissions" in page
    report.write_all(everyone, tmp_path)
    names = {path.name for path in tmp_path.rglob("*.*")}
    assert {"grades.csv", "overview.html", "ana.html", "dua.html"} <= names
    assert report.overview([]) and report.table([])
