"""Your turn: what the reader writes is used if it is right, and the solution if it is not (yet).

A turn has three cells. The first holds a function or a class with ``...`` where the reader's lines
go. The second checks it, and never stops the notebook:

    with checks.turn(jump):
        checks.same(jump(x0, 40), expected, "your x_t")

The third, folded, holds the solution. Its name stands for what the reader wrote if that has passed
its check, and for the solution otherwise, so that the notebook can go on:

    @checks.solution
    def jump(x0, t): …
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from course_lib import say

Written = TypeVar("Written", bound=Callable)

PASSED: dict[str, Callable] = {}
"""What readers wrote, by name, if it has passed its check."""
GOES_ON = ": the notebook goes on with the solution below"


@contextmanager
def turn(written: Callable, *, task: bool = False) -> Iterator[None]:
    """Check what the reader wrote: print "✓ …", or what is wrong, and let the notebook go on.

    written  the reader's function or class; while ``...`` stands in it, it is not written yet
    task     nothing depends on it, and there is no solution to go on with
    """
    name = written.__name__
    PASSED.pop(name, None)
    if getattr(written, "is_solution", False):
        say(f"This {name} is the solution: to check your own, run the cell that you wrote first.")
        written = None
    blank = written is not None and unwritten(written)
    try:
        yield
    except Exception as error:  # whatever a reader's lines may raise
        if written is None:
            return
        if blank:
            say(f"{name} is not written yet{'' if task else GOES_ON}.")
            return
        reason = str(error) if isinstance(error, AssertionError) else _stopped(error)
        say(f"✗ {name}: {reason}" + ("" if task else f"\n  It is not right yet{GOES_ON}."))
        return
    if blank:
        say(f"✗ {name}: a ... is left in it, where lines of yours belong.")
    elif written is not None:
        PASSED[name] = written
        say(f"✓ {name} is yours{'.' if task else ': from here on, the notebook uses it.'}")


def solution(written: Written) -> Written:
    """Return the reader's function or class of the same name if it passed, else this one."""
    written.is_solution = True
    return PASSED.get(written.__name__, written)


def unwritten(written: Callable) -> bool:
    """Return whether a statement of a function, or of a class's methods, is still a ``...``."""
    members = vars(written).values() if inspect.isclass(written) else [written]
    return any(_blank(member) for member in members if inspect.isfunction(member))


def _blank(function: Callable) -> bool:
    """Return whether a function has a statement ``...``, ``x = ...`` or ``return ...``."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError):  # no cell holds its text: somebody built it, so it is written
        return False
    kinds = (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return, ast.For)
    values = (
        node.iter if isinstance(node, ast.For) else node.value
        for node in ast.walk(tree)
        if isinstance(node, kinds)
    )
    return any(isinstance(value, ast.Constant) and value.value is ... for value in values)


def _stopped(error: Exception) -> str:
    """Say in one sentence what a reader's lines stopped with."""
    lines = str(error).splitlines() or ["no more is known"]
    return f"it stops with a {type(error).__name__}: {lines[0].rstrip('.')}."
