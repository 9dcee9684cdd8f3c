"""Grading one exercise again, once its probes were mended: other marks stay, changes are told."""

import csv
import dataclasses
import shutil

import pytest
from audit import NAME, SOLUTIONS

from course_lib.cli import grade as commands
from course_lib.grading import demo, grade, results
from course_lib.grading.results import Mark, Result

sandboxed = pytest.mark.sandboxed
EXERCISE = "ex1_schedule"


@pytest.fixture
def unjust(tmp_path, job, master):
    """A job whose probes of one exercise find a fault in every answer, and where results go."""
    folder = tmp_path / "solutions" / NAME
    shutil.copytree(SOLUTIONS / NAME, folder)
    fault = "lambda outputs, seen: 'Unjust.'"
    (folder / "grading.py").write_text(
        (folder / "grading.py").read_text("utf-8")
        + "\nfrom dataclasses import replace\n"
        + "EXERCISES[0] = replace(EXERCISES[0], probes=lambda rng: "
        + f"[replace(p, judge={fault}) for p in schedule(rng)])\n",
        "utf-8",
    )
    wrong = dataclasses.replace(job(master), solutions=folder.parent)
    return wrong, tmp_path / "stored"


@sandboxed
def test_one_exercise_is_graded_again_and_other_marks_stay(unjust, tmp_path):
    wrong, stored = unjust
    (before,) = grade.grade_class([wrong], stored)
    assert (before.score, before.marks[0].findings) == (85, ["Unjust."])
    by_me = dataclasses.replace(before, findings=["kept"])
    by_me.marks[1].score = 3.5  # what no grader gives, so that it shows whether it was asked
    results.write(by_me, stored)
    mended = dataclasses.replace(wrong, solutions=SOLUTIONS, only=EXERCISE)
    (after,) = grade.grade_class([mended], stored)
    assert (after.marks[0].score, after.marks[1].score, after.findings) == (15, 3.5, ["kept"])
    assert [m.id for m in after.marks] == [m.id for m in before.marks]
    assert grade.unfinished([dataclasses.replace(mended, only=None)], stored) == []
    (told,) = grade.changes([before], [after])
    assert (told["exercise"], told["before"], told["after"]) == (EXERCISE, "0", "15")


@sandboxed
def test_a_submission_that_changed_is_graded_whole(unjust, master, job):
    wrong, stored = unjust
    (before,) = grade.grade_class([wrong], stored)
    before.marks[1].score = 3.5
    results.write(before, stored)
    shutil.rmtree(wrong.folder)
    other = job(demo.unanswered(master, ["ex8_guidance"]))
    (after,) = grade.grade_class([dataclasses.replace(other, only=EXERCISE)], stored)
    assert [mark.score for mark in after.marks][:2] == [15, 15] and after.marks[7].score == 0


@sandboxed
def test_who_has_no_result_yet_is_graded_whole(master, job, tmp_path):
    (result,) = grade.grade_class([job(master, only=EXERCISE)], tmp_path / "stored")
    assert result.score == 100 and len(result.marks) == 8


def test_whose_score_changed_is_told_both_ways(tmp_path, capsys):
    def one(student, *marks):
        return Result(student, NAME, "graded", [Mark(k, k, 10, s, state) for k, s, state in marks])

    before = [
        one("ana", ("e1", 5, "graded"), ("e2", 10, "graded")),
        one("ben", ("e1", 5, "graded"), ("e2", 0, "needs a look")),
    ]
    after = [
        one("ana", ("e1", 7.5, "graded"), ("e2", 10, "graded")),
        one("ben", ("e1", 0, "graded"), ("e2", 4, "graded")),
    ]
    commands.tell_changes(before, after, tmp_path / "regraded.csv")
    rows = list(csv.DictReader((tmp_path / "regraded.csv").open(encoding="utf-8")))
    assert [(r["student"], r["exercise"], r["before"], r["after"]) for r in rows] == [
        ("ana", "e1", "5", "7.5"),
        ("ben", "e1", "5", "0"),
        ("ben", "e2", "needs a look", "4"),
    ]
    assert "1 scores rose, 1 fell, 1 are new" in capsys.readouterr().out
