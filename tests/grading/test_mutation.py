"""Answers are changed in every small way, and what the grader lets pass is counted rightly."""

import json

import pytest

pytest.importorskip("cosmic_ray", reason="cosmic-ray comes with the extra dev")

import mutation
from audit import SOLUTIONS
from mutants import Mutant, mutants, plain
from survivors import SURVIVORS, Survivor
from tally import CAUGHT, ERROR, PASSED, Row, outcome, share, table

from course_lib.grading import demo, notebook
from course_lib.grading.results import Mark

ANSWER = '''
def spread(share, other=1):
    """Return 1 - share."""
    ### BEGIN SOLUTION
    rest = 1 - share  # 2 + 3
    return torch.stack([rest.sqrt(), share])
    ### END SOLUTION
'''
ONE, TWO, THREE, FOUR = (Mutant(f"answer {k}", "x - 1", f"x - {k}") for k in (2, 3, 4, 5))


def row(*outcomes, listed=(), made=(ONE, TWO, THREE, FOUR)):
    return Row("a1_toy_diffusion", "ex1", made, dict(zip(made, outcomes)), listed)


def test_every_small_change_of_a_solution_is_made():
    found = {(mutant.was, mutant.becomes) for mutant in mutants(ANSWER)}
    first, last = "rest = 1 - share # 2 + 3", "return torch.stack([rest.sqrt(), share])"
    expected = {
        (first, "rest = 1 + share # 2 + 3"),
        (first, "rest = 2 - share # 2 + 3"),
        (first, "rest = 1 - other # 2 + 3"),
        (last, "return torch.stack([rest, share])"),
        (last, "return torch.stack([share, rest.sqrt()])"),
        (last, "return torch.stack([rest.sqrt(), rest])"),
    }
    assert expected <= found
    assert {was for was, _ in found} == {first, last}, "only what is the student's is changed"
    assert not any("stack," in becomes or "torch[" in becomes for _, becomes in found)


def test_every_change_is_another_program():
    twice = ANSWER.replace("rest.sqrt()", "rest.sqrt().sqrt()")  # without either: the same
    sources = [mutant.source for mutant in mutants(twice)]
    assert len(sources) == len(set(sources)) >= 20
    assert all(compile(source, "", "exec") for source in sources)


def test_what_cannot_be_seen_does_not_count():
    equivalent = Survivor("It is the same.", (("x - 1", "x - 3"),))
    accepted = Survivor("It does no harm.", (("x - 1", "x - 4"),), equivalent=False)
    one = row(CAUGHT, PASSED, PASSED, ERROR, listed=[equivalent, accepted])
    assert share([one]) == pytest.approx(2 / 3)
    assert share([one], errors=False) == pytest.approx(1 / 2)
    assert share([one, row(CAUGHT, CAUGHT, CAUGHT, CAUGHT)]) == pytest.approx(6 / 7)
    assert not list(one.faults())
    shown = table([one]).splitlines()
    assert shown[1].split()[1:] == ["ex1", *"442111", "66.7%", "50.0%"]


def test_a_survivor_that_is_not_listed_is_told():
    (fault,) = row(CAUGHT, PASSED, CAUGHT, CAUGHT).faults()
    assert fault == "passed, and is not listed: ('x - 1', 'x - 3')"


def test_a_listed_survivor_that_is_gone_or_caught_is_told():
    old = Survivor("It is the same.", (("y - 1", "y - 2"), ("x - 1", "x - 2")))
    gone, caught = row(CAUGHT, CAUGHT, listed=[old]).faults()
    assert gone == "is listed, and is no longer made: ('y - 1', 'y - 2')"
    assert caught == "is listed, and is caught: ('x - 1', 'x - 2')"


def test_what_was_not_graded_is_not_judged():
    kept = Survivor("It is the same.", (("x - 1", "x - 5"),))
    assert not list(row(CAUGHT, listed=[kept]).faults())


@pytest.mark.parametrize(
    "state, score, errors, expected",
    [
        ("graded", 0, [], CAUGHT),
        ("graded", 5, [], CAUGHT),
        ("graded", 5, ["TypeError"], ERROR),
        ("graded", 0, ["TypeError"], ERROR),
        ("timed out", 0, [], ERROR),
        ("graded", 10, ["of a call that may fail"], PASSED),
        ("needs a look", 0, ["ImportError"], PASSED),
    ],
)
def test_what_counts_as_caught(state, score, errors, expected):
    mark = Mark("ex1", "One", 10, score, state, [], [{"errors": errors}])
    assert outcome(mark) == expected


@pytest.mark.parametrize("place", SURVIVORS, ids="/".join)
def test_every_listed_survivor_has_a_reason_and_changes_a_line_of_the_master(place):
    master = demo.load_master(place[0], SOLUTIONS)
    (cell,) = [cell for cell in master["cells"] if notebook.name_of(cell) == place[1]]
    lines = plain("".join(cell["source"]).splitlines())
    for entry in SURVIVORS[place]:
        assert entry.reason.endswith(".")
        assert all(was in lines for was, _ in entry.changes)


@pytest.mark.sandboxed
def test_a_run_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(mutation, "FILE", file := tmp_path / "build" / "outcomes.jsonl")
    (first,) = mutation.rows(["a3_sampling_and_guidance"], ["ex8_elbow"], 3)
    assert mutation.run([first], 1)
    assert set(first.outcomes.values()) <= {CAUGHT, ERROR, PASSED}
    lines = file.read_text().splitlines()
    assert len(lines) == len(first.outcomes) == 3
    key, _ = json.loads(lines[0])
    file.write_text(f'["{key}", "caught"]\n["cut of\n')  # as a killed run leaves it
    graded = []

    def grade_some(name, todo, done):
        done(*todo[0][:1], PASSED)
        graded.extend(todo)
        raise KeyboardInterrupt

    monkeypatch.setattr(mutation, "grade_some", grade_some)
    (again,) = mutation.rows(["a3_sampling_and_guidance"], ["ex8_elbow"], 3)
    assert not mutation.run([again], 1)
    assert len(graded) == 2, "what is known is not graded again"
    assert list(again.outcomes.values()) == [CAUGHT, PASSED], "what was graded is not lost"
