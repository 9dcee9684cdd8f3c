"""The visible checks of assignment a4: of the loss by time, of a name, and of a mended program."""

from collections.abc import Callable
from enum import IntEnum

import torch

from course_lib import say
from course_lib.checks.a4.clinic import Patient
from course_lib.checks.a4.conduct import conduct
from course_lib.checks.hints import plainly, require, shaped


class Fault(IntEnum):
    """What can be wrong with a program; the assignment's text explains each name."""

    CLIPPED_WITHOUT_RECOMPUTING = 1
    DEAD_TIME_EMBEDDING = 2
    GUIDANCE_COUNTED_FROM_ZERO = 3
    LABELS_NEVER_DROPPED = 4
    LABELS_SHUFFLED = 5
    LEARNING_RATE_TOO_HIGH = 6
    NO_NOISE_BETWEEN_STEPS = 7
    NOISE_AT_LAST_STEP = 8
    OFF_BY_ONE_IN_T = 9
    ONE_TIME_FOR_THE_BATCH = 10
    PIXELS_0_TO_255 = 11
    SCHEDULE_MISMATCH = 12
    SIGNAL_LEFT_AT_T = 13
    UNIFORM_NOISE = 14


@plainly
def curve(loss_by_time: Callable) -> None:
    """Check the loss by time on errors that anybody can average."""
    t, error = torch.tensor([3, 1, 3, 2, 1, 3]), torch.tensor([4.0, 1.0, 6.0, 7.0, 3.0, 5.0])
    given = error.clone(), t.clone()
    found = shaped(loss_by_time(*given, 3), (3,), "The loss by time, for T = 3")
    same = torch.equal(given[0], error) and torch.equal(given[1], t)
    require(same, "error or t was changed in place.")
    require(found.argmax() == 1, "The largest error belongs to t = 2, the second entry.")
    require(found[1] == 7, "t = 2 occurs once: its entry should be that error.")
    require(found[0] == 2, "t = 1 occurs with the errors 1 and 3: its entry should be their mean.")
    require(found[2] == 5, "t = 3 occurs three times: its entry should be the mean.")
    say("✓ Every time has the mean of its own errors.")


def named(name: Callable) -> None:
    """Check that a diagnosis is one of the names; whether it is right is not known here."""
    answer = name()
    require(
        isinstance(answer, Fault),
        "Return one of the names of the list, such as Fault.UNIFORM_NOISE.",
    )
    say("✓ That is a name of the list. Whether it is the right one, the grader knows.")


@plainly
def discharge(patient: Patient, *functions: Callable) -> None:
    """Run a mended program, and look whether its symptoms are gone.

    patient    as it came in
    functions  those of the program, in the same order, as they are now
    Raises     NotImplementedError  if none of them has changed
               AssertionError       if there is still something to be seen
    """
    if all(new is old for new, old in zip(functions, patient.functions(), strict=True)):
        raise NotImplementedError("The program is as it came in.")
    mended = type(patient)(*functions)
    well = mended.check()
    conduct(mended)
    say(f"✓ Well again: {well}.")
