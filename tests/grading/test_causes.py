"""Which cells stopped, and who lost by it: told shortly, and without a word from a question."""

import pytest
from audit import NAME, SOLUTIONS

from course_lib.grading import causes, notebook, report
from course_lib.grading.calls import Call
from course_lib.grading.notebook import Cell, Submission
from course_lib.grading.probes import Exercise, Probe, load
from course_lib.grading.results import Mark
from course_lib.grading.run import Run
from course_lib.grading.sandbox import Limits
from course_lib.grading.session import Reply

MASTER = SOLUTIONS / NAME / f"{NAME}.ipynb"
IMPORT = Cell("import seaborn as sns\nsns.set_theme()")
NO_PACKAGE = Reply(False, "ModuleNotFoundError", "No module named 'seaborn'", "package")


@pytest.fixture
def found():
    return causes.Causes(Submission([]), MASTER.read_bytes())


@pytest.mark.parametrize(
    "error, name",
    [
        ("loss: NameError: name 'sns' is not defined. Did you mean: 'sin'?", "sns"),
        ("NameError: cannot access free variable 'x0' where it is not associated", "x0"),
        ("loss: ValueError: name 'sns' is not defined", ""),
        ("loss: NameError: it moved", ""),
    ],
)
def test_the_name_that_is_missing(error, name):
    assert causes.missing(error) == name


@pytest.mark.parametrize(
    "source, binds",
    [
        ("import numpy as np, seaborn as sns", True),
        ("sns, other = load()", True),
        ("for sns in range(3):", True),
        ("def sns(x):", True),
        ("sns.set_theme()\nother = 3", False),
        ("other = sns_ == 3", False),
        ("print(sns == 3)", False),
    ],
)
def test_what_looks_as_if_it_made_a_name(source, binds):
    assert causes.binds(source, "sns") == binds


def test_the_master_says_which_names_are_answers_and_which_the_grader_never_makes(found):
    assert {"loss", "sample", "guided_eps", "sample_class"} <= {*found.answers}
    assert {"x0", "model", "alpha_bar", "step"} <= found.elsewhere
    assert not {"T", "torch", "loss", "checks"} & found.elsewhere


def test_a_cell_that_stops_is_told_once_and_not_too_often(found):
    found.stop(IMPORT, NO_PACKAGE)
    found.stop(Cell(IMPORT.source + " "), NO_PACKAGE)
    found.stop(
        Cell("raise NotImplementedError()", "ex2_forward"), Reply(False, "NotImplementedError")
    )
    (told,) = found.findings()
    assert told.startswith("A cell of your own stops with ModuleNotFoundError: No module named")
    assert "(it begins: import seaborn as sns)" in told and told.endswith("It cost no points.")
    for i in range(100):
        found.stop(Cell(f"print({i})\n"), Reply(False, "E" * 80, "x" * 500))
    assert len(found.findings()) == notebook.MOST + 1
    assert sum(map(len, found.findings())) < 10_000


class Sandbox:
    """Answers every question with one error."""

    def __init__(self, reply):
        self.reply = reply

    def request(self, header, arrays, seconds):
        return self.reply


@pytest.mark.parametrize(
    "reply, state, says",
    [
        (Reply(False, "AssertionError", "secret 3", "gpu"), "needs a look", "wants a GPU"),
        (Reply(False, "NameError", "name 'sns' is not defined"), "needs a look", "'seaborn'"),
        (Reply(False, "NameError", "name 'sms' is not defined"), "graded", "a NameError"),
        (Reply(False, "ValueError", "secret 3"), "graded", "a ValueError"),
        (Reply(True, lacks="gpu"), "graded", "should return 2 results"),
    ],
)
def test_what_the_sandbox_lacks_is_no_zero_and_no_points(reply, state, says):
    run = Run(load(NAME, SOLUTIONS), Submission([IMPORT]), None, Limits(), "")
    run.marks, run.causes.elsewhere = run.marks[:1], set()
    run.causes.stop(IMPORT, NO_PACKAGE)
    run._exercises(Sandbox(reply))
    (mark,) = run.marks
    assert (mark.state, mark.score) == (state, 0)
    assert says in " ".join(mark.findings) and "secret" not in " ".join(mark.findings)
    assert (causes.LOOK in mark.findings) == (state == "needs a look")
    assert report.earned(mark) == ("" if state == "needs a look" else "0")


def test_who_is_wrong_besides_has_a_zero():
    def probes(rng):
        yield Probe([Call("f", [], [()])], lambda outputs, seen: None)
        yield Probe([], lambda outputs, seen: "It is wrong.")

    run = Run(load(NAME, SOLUTIONS), Submission([]), None, Limits(), "")
    run.assignment = type(run.assignment)(NAME, [Exercise("ex", "f", 10, probes)], MASTER)
    run.marks = [Mark("ex", "f", 10)]
    run._exercises(Sandbox(Reply(False, "AssertionError", "", "gpu")))
    assert (run.marks[0].state, run.marks[0].score) == ("graded", 0)
