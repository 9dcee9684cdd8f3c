"""Turns: what the reader wrote is used when it is right, and never stops the notebook."""

import linecache

import pytest

from course_lib import checks
from course_lib.checks import turns

BLANK = """
def double(x):
    \"\"\"Return twice x.\"\"\"
    ...
"""
SOLUTION = """
@checks.solution
def double(x):
    return x + x
"""


@pytest.fixture
def cell():
    """Run source as a cell, whose text can be read again, as in a notebook."""
    names, count = {"checks": checks}, 0

    def run(source):
        nonlocal count
        count += 1
        name = f"<cell {count}>"
        linecache.cache[name] = len(source), None, source.splitlines(True), name
        exec(compile(source, name, "exec"), names)
        return names

    turns.PASSED.clear()
    return run


def check(names):
    with checks.turn(names["double"]):
        checks.claim("double(3) is 6", names["double"](3) == 6)


def test_what_is_not_written_is_said_and_solved(cell, capsys):
    names = cell(BLANK)
    check(names)
    assert capsys.readouterr().out == (
        "double is not written yet: the notebook goes on with the solution below.\n"
    )
    assert cell(SOLUTION)["double"](3) == 6


def test_what_is_right_is_used(cell, capsys):
    names = cell("def double(x):\n    return 2 * x\n")
    mine = names["double"]
    check(names)
    assert capsys.readouterr().out.endswith(
        "✓ double is yours: from here on, the notebook uses it.\n"
    )
    assert cell(SOLUTION)["double"] is mine
    check(names)  # run again after the solution, it is still the reader's
    assert cell(SOLUTION)["double"] is mine


@pytest.mark.parametrize(
    "lines, said",
    [
        ("return 3 * x", "✗ double: This is not what happened here: double(3) is 6"),
        ("return x / 0", "✗ double: it stops with a ZeroDivisionError: division by zero."),
        ("raise KeyError", "✗ double: it stops with a KeyError: no more is known."),
    ],
)
def test_what_is_wrong_is_told_and_not_used(cell, capsys, lines, said):
    names = cell(f"def double(x):\n    {lines}\n")
    check(names)
    assert said in capsys.readouterr().out
    assert cell(SOLUTION)["double"](3) == 6


def test_what_was_right_and_is_broken_is_not_used_any_longer(cell):
    check(cell("def double(x):\n    return 2 * x\n"))
    check(cell("def double(x):\n    return 0\n"))
    assert cell(SOLUTION)["double"](3) == 6


def test_the_solution_does_not_pass_for_the_reader_s(cell, capsys):
    cell(BLANK)
    names = cell(SOLUTION)
    check(names)
    assert "is the solution" in capsys.readouterr().out and not turns.PASSED


@pytest.mark.parametrize(
    "source, blank",
    [
        ("def f(x):\n    ...", True),
        ("def f(x):\n    for t in x:\n        ...\n    return x", True),
        ("def f(x):\n    y = ...\n    return y", True),
        ("def f(x):\n    return ...", True),
        ("def f(x):\n    return x[..., None]", False),
        ("class f:\n    def g(self):\n        return 1\n\n    def h(self):\n        ...", True),
        ("class f:\n    def g(self):\n        return 1", False),
    ],
)
def test_three_dots_in_the_place_of_lines_are_seen(cell, source, blank):
    assert turns.unwritten(cell(source)["f"]) == blank


def test_a_check_that_three_dots_pass_is_no_check(cell, capsys):
    names = cell(BLANK)
    with checks.turn(names["double"]):
        pass
    assert capsys.readouterr().out.startswith("✗ double: a ... is left in it")
    assert not turns.PASSED


def test_a_task_has_no_solution_to_go_on_with(cell, capsys):
    for source, said in (
        (BLANK, "double is not written yet.\n"),
        ("def double(x):\n    return 2 * x", "✓ double(3) is 6\n✓ double is yours.\n"),
        (
            "def double(x):\n    return x",
            "✗ double: This is not what happened here: double(3) is 6\n",
        ),
    ):
        names = cell(source)
        with checks.turn(names["double"], task=True):
            checks.claim("double(3) is 6", names["double"](3) == 6)
        assert capsys.readouterr().out == said
