"""Exercises, seen from the trusted side: what is called, and who judges what comes back.

An assignment's own definitions live beside its master, in ``solutions/<name>/grading.py``, and
build on the classes here and in `calls`. None of it enters the sandbox.
"""

import hashlib
import importlib.util
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course_lib.grading.calls import Array, Call

Judge = Callable[..., "str | None"]


@dataclass(frozen=True)
class Probe:
    """Calls that are judged together.

    calls  made one after another; or a generator of them, which is sent the arrays that came back
           from each, where the next call depends on them
    judge  given the list of all arrays that came back, and what the last stand-in network was
           asked (a dict with x, t and y, or an empty one); returns None if all is right, and
           else the finding: a sentence about the fault
    """

    calls: Sequence[Call] | Generator[Call, list[Array], None]
    judge: Judge


class Partial(str):
    """A finding that costs a share of an exercise's points, where others cost all of them."""

    costs: float

    def __new__(cls, finding: str, costs: float) -> "Partial":
        self = super().__new__(cls, finding)
        self.costs = costs
        return self


@dataclass(frozen=True)
class Exercise:
    """What earns points.

    id       grade_id of the cell with the student's answer
    title    as in the notebook
    points   given if every probe is answered rightly; a Partial finding costs a share of them
    probes   makes the probes from a random generator
    read     where the course teaches it, such as "notebook 01, section 3"
    """

    id: str
    title: str
    points: float
    probes: Callable[[np.random.Generator], Iterable[Probe]]
    read: str = ""


@dataclass(frozen=True)
class Assignment:
    """All that the grader knows about an assignment.

    exercises  autograded ones, in the order of the notebook
    notebook   the master
    """

    name: str
    exercises: Sequence[Exercise]
    notebook: Path

    def generator(self, exercise: Exercise, salt: str) -> np.random.Generator:
        """Inputs of an exercise are the same for the whole class; another salt changes them."""
        digest = hashlib.sha256(f"{salt}/{self.name}/{exercise.id}".encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def load(name: str, solutions: Path) -> Assignment:
    """Read ``solutions/<name>/grading.py``.

    Raises  FileNotFoundError if there is no such assignment
    """
    folder = solutions / name
    path, notebook = folder / "grading.py", folder / f"{name}.ipynb"
    if not path.is_file() or not notebook.is_file():
        known = sorted(p.parent.name for p in solutions.glob("*/grading.py"))
        raise FileNotFoundError(
            f"There is no assignment {name} in {solutions}: "
            + (f"it has {', '.join(known)}." if known else "it has none at all.")
        )
    spec = importlib.util.spec_from_file_location(f"grading_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return Assignment(name, module.EXERCISES, notebook)


def close(a: Array, b: Array, rtol: float = 1e-3, atol: float = 1e-4) -> bool:
    """Whether two arrays agree to within the rounding of float32 on any machine."""
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=rtol, atol=atol))


def matches(
    *truths: Array, wrongs: Iterable[tuple[str, Array]] = (), otherwise: str, atol: float = 1e-4
) -> Judge:
    """Judge a call that returns one array by comparing it with the truth.

    truths     one or several arrays, each of which is right
    wrongs     (finding, array): what a known fault leads to
    otherwise  the finding if no known fault explains the answer
    atol       absolute tolerance, beside a relative one of 0.001
    """
    wrongs = list(wrongs)

    def judge(outputs: list[Array], seen: dict[str, Array]) -> str | None:
        (answer,) = outputs
        if any(close(answer, truth, atol=atol) for truth in truths):
            return None
        for finding, wrong in wrongs:
            if close(answer, np.asarray(wrong, float), atol=atol):
                return finding
        return otherwise

    return judge
