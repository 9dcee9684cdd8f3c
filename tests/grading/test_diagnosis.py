"""Nobody can read the names of a4's faults, or guess them by trying: only the grader knows."""

from pathlib import Path

import pytest
from test_assignments import released

from course_lib.checks import a4
from course_lib.checks.a4 import Fault

NAME, EXAMPLE = "a4_diagnosis", Fault.UNIFORM_NOISE
TEXT = released(NAME).read_text("utf-8")
CODE = "".join(path.read_text("utf-8") for path in Path(a4.__file__).parent.glob("*.py"))


def test_the_check_of_a_name_says_the_same_of_every_name(capsys):
    said = set()
    for fault in Fault:
        a4.named(lambda fault=fault: fault)
        said.add(capsys.readouterr().out)
    assert len(said) == 1


@pytest.mark.parametrize("answer", [3, "OFF_BY_ONE_IN_T", None])
def test_the_check_of_a_name_refuses_what_is_none(answer):
    with pytest.raises(AssertionError, match="one of the names"):
        a4.named(lambda: answer)


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not EXAMPLE])
def test_a_name_stands_in_the_list_only(fault):
    assert TEXT.count(f"`{fault.name}`") == 1
    assert TEXT.count(fault.name) == 1
    assert CODE.count(fault.name) == 1


def test_a_program_that_is_as_it_came_in_is_not_discharged():
    def loss(net, x0, y, t, eps, u):
        raise AssertionError("it was run")

    patient = a4.Patient(loss, loss)
    with pytest.raises(NotImplementedError, match="as it came in"):
        a4.discharge(patient, loss, loss)
