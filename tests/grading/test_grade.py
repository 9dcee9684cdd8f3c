"""Grading a class: statuses, resuming, determinism, limits, and what is written."""

import dataclasses
import json
import time
from pathlib import Path

import numpy as np
import pytest
from audit import NAME, SOLUTIONS

from course_lib.grading import demo, grade, probes, replies, report, results, sandbox, session
from course_lib.grading.calls import Call
from course_lib.grading.run import answer_probes

sandboxed = pytest.mark.sandboxed


@sandboxed
def test_the_master_gets_full_marks_twice_the_same(master, job):
    first, second = grade.grade_one(job(master)), grade.grade_one(job(master, "ben"))
    assert first.score == second.score == first.points == 100
    assert first.status == "graded" and first.findings == []


@sandboxed
def test_another_salt_asks_other_questions_and_gives_the_same_score(master, job):
    assert grade.grade_one(job(master, salt="spring")).score == 100
    assignment = probes.load(NAME, SOLUTIONS)
    exercise = assignment.exercises[0]
    draws = [assignment.generator(exercise, salt).random() for salt in ("", "", "spring")]
    assert draws[0] == draws[1] != draws[2]


@sandboxed
def test_an_unfinished_notebook_earns_what_is_finished(master, job):
    content = demo.unanswered(master, ["ex7_sampler", "ex8_guidance"])
    result = grade.grade_one(job(content))
    assert (result.status, result.score) == ("graded", 75)
    assert result.marks[6].findings == ["sample() is not written yet."]


@sandboxed
def test_a_notebook_that_uses_up_its_time_is_not_a_zero(master, job):
    content = master
    for name in ("ex1_schedule", "ex2_forward"):
        content = demo.changed(content, demo.Alternate("", name, "while True: pass"))
    result = grade.grade_one(job(content, limits=sandbox.Limits(cell=4, total=6)))
    assert result.status == "timed out"
    assert {mark.state for mark in result.marks} == {"timed out"}
    assert report.total(result) == ""


@sandboxed
def test_late_days_are_whole_days_begun(master, job):
    now = time.time()
    due = {0: now + 60, 1: now - 60, 2: now - 86400 - 60}
    for days, moment in due.items():
        empty = {"cells": []}
        result = grade.grade_one(job(empty, f"late{days}", due=moment))
        assert (result.status, result.late_days) == ("graded", days)


@sandboxed
def test_resume_grades_what_is_missing_changed_or_damaged(master, job, tmp_path):
    jobs = [job("no notebook", name) for name in ("ana", "ben", "cem", "dua")]
    stored = tmp_path / "results"
    assert len(list(grade.grade_class(jobs, stored))) == 4
    assert grade.unfinished(jobs, stored) == []
    (stored / "ana.json").write_text('{"student": "ana", "assi')
    (stored / "ben.json").unlink()
    path = tmp_path / "submitted" / "cem" / NAME / f"{NAME}.ipynb"
    path.write_text("another file")
    assert [job.student for job in grade.unfinished(jobs, stored)] == ["ana", "ben", "cem"]


def test_a_fault_of_the_grader_is_nobodys_zero(job, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(grade.notebook, "read", broken)
    result = grade.grade_one(job({"cells": []}))
    assert result.status == "crashed" and "not your fault" in result.findings[0]
    assert report.total(result) == ""


def test_results_are_written_in_full_or_not_at_all(tmp_path, monkeypatch):
    mark = results.Mark("ex", "An exercise", 10, 10, "graded", ["a finding"], [{"x": 1}])
    result = results.Result("ana", NAME, "graded", [mark], ["text \ud800"], 2, 3.5, "key")
    results.write(result, tmp_path)
    assert results.read(tmp_path, "ana").marks == [mark]
    before = (tmp_path / "ana.json").read_bytes()

    def no_space(*_):
        raise OSError("no space left")

    monkeypatch.setattr(results.os, "fsync", no_space)
    with pytest.raises(OSError):
        results.write(dataclasses.replace(result, late_days=9), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["ana.json"]
    assert (tmp_path / "ana.json").read_bytes() == before


def test_without_bubblewrap_nothing_is_run(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(sandbox.SandboxMissing, match="install the package bubblewrap"):
        sandbox.bubblewrap(sandbox.Limits())


def test_folders_that_the_sandbox_shows_are_refused(tmp_path, monkeypatch):
    assert sandbox.exposed(tmp_path / "solutions", tmp_path / "submitted") is None
    assert "lies in /usr" in sandbox.exposed(tmp_path, Path("/usr/src/course/solutions"))
    monkeypatch.setattr(sandbox.sys, "prefix", str(tmp_path))
    assert "move it" in sandbox.exposed(tmp_path / "solutions")


def test_a_container_is_started_by_its_template():
    template = "env -i {harness} --memory={memory} '{limits}'"
    command, _ = sandbox.container(sandbox.Limits(memory=5), template)
    assert command[:2] == ["env", "-i"] and command[3] == "--memory=5"
    assert json.loads(command[4])["memory"] == 5
    with pytest.raises(sandbox.SandboxMissing, match="cannot be read"):
        sandbox.container(sandbox.Limits(), "docker {nonsense}")
    with pytest.raises(sandbox.SandboxMissing, match="not here"):
        sandbox.container(sandbox.Limits(), "no-such-program run")


def test_unsafe_grades_ones_own_notebooks(master, job):
    content = demo.unanswered(master, ["ex1_schedule"])
    assert grade.grade_one(job(content, start=sandbox.unsafe)).score == 85


def test_a_sandbox_that_does_not_start_is_nobodys_zero(master, job):
    def broken(limits):
        return ["sh", "-c", "echo no user namespaces >&2; exit 1"], {}

    with pytest.raises(sandbox.SandboxMissing, match="no user namespaces"):
        grade.grade_one(job(master, start=broken))


UNHEARD = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in range(10):
    child = os.fork()
    if child == 0:
        end = time.process_time() + 2
        while time.process_time() < end:
            pass
        os._exit(0)
    while os.path.exists(f"/proc/{child}"):  # one at a time, however slow the machine is
        time.sleep(0.05)
"""


@sandboxed
def test_time_of_children_that_nobody_waits_for_counts():
    # Neither memory nor the clock can end it first: they would if the machine were busy enough.
    limits = sandbox.Limits(patience=10_000, memory=2**40)
    with session.Session(sandbox.bubblewrap, limits, float("inf")) as one:
        with pytest.raises(session.Ended, match="longer than is allowed"):
            header = {"op": "cell", "source": UNHEARD, "name": None, "ours": False, "asks": False}
            one.request(header, {}, seconds=3)
        assert one.spent > 3  # it would have ended by itself after 20 seconds of children


@sandboxed
def test_a_sandbox_that_does_not_start_again_costs_one_student_only(master, job):
    starts = []

    def once(limits):
        starts.append(limits)
        return sandbox.bubblewrap(limits) if len(starts) == 1 else (["false"], {})

    content = demo.with_cell(master, "import os\nos._exit(0)")
    result = grade.grade_one(job(content, start=once))
    assert (result.status, len(starts)) == ("crashed", 2)


def test_what_a_judge_did_not_foresee_costs_one_exercise_only():
    class Session:
        def request(self, header, arrays, seconds):
            return session.Reply(True, arrays={"0": np.zeros(())})

    def judge(outputs, seen):
        raise ZeroDivisionError

    exercise = probes.Exercise(
        "ex1_f", "f", 20, lambda rng: [probes.Probe([Call("f", [], [()])], judge)]
    )
    mark = results.Mark("ex1_f", "f", 20)
    answer_probes(Session(), exercise, mark, np.random.default_rng(0), sandbox.Limits())
    assert (mark.state, mark.score) == ("graded", 0)
    assert mark.findings == ["f() returns something that cannot be judged."]


def reply(**arrays):
    return session.Reply(True, arrays={k: np.asarray(v, float) for k, v in arrays.items()})


def test_what_comes_back_is_believed_only_in_shape():
    call = Call("f", [], [(2, 2)])
    outputs, seen = replies.validate(reply(**{"0": np.ones((2, 2))}), call)
    assert outputs[0].shape == (2, 2) and seen == {}
    for bad, finding in [
        (reply(), "should return 1"),
        (reply(**{"0": np.ones(4)}), "should have 2 dimensions, and has 1"),
        (reply(**{"0": np.ones((2, 3))}), "dimension 1 has one too many entries"),
        (reply(**{"0": np.ones((0, 987))}), "dimension 0 has another size than asked for"),
        (reply(**{"0": np.full((2, 2), np.inf)}), "not finite"),
        (session.Reply(False, "NotImplementedError"), "not written yet"),
        (session.Reply(False, "Undefined"), "does not exist"),
        (session.Reply(False, "TypeError"), "stops with a TypeError"),
        (session.Reply(False, "The answer is 42"), "stops with an error."),
    ]:
        assert finding in replies.validate(bad, call)


def test_a_scalar_may_have_one_entry():
    outputs, _ = replies.validate(reply(**{"0": [3.0]}), Call("f", [], [()]))
    assert outputs[0].shape == ()


@pytest.mark.parametrize(
    "shapes", [{}, {"x": (3, 2)}, {"t": (4, 2)}, {"y": (9,)}, {"x": (3, 4, 2, 2)}]
)
def test_records_of_a_network_are_used_only_if_they_fit(shapes):
    sizes = {"x": (3, 4, 2), "t": (3, 4), "y": (3, 4)} | shapes
    seen = replies.seen_by_network(reply(**{f"seen.{k}": np.ones(v) for k, v in sizes.items()}))
    assert bool(seen) == (not shapes)
