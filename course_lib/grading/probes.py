"""Exercises, seen from the trusted side: what is called, and who judges what comes back.

An assignment's own definitions live beside its master, in ``solutions/<name>/grading.py``, and
build on the classes here. Nothing of this module, nor of theirs, enters the sandbox.
"""

import builtins
import hashlib
import importlib.util
import math
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from course_lib.grading.session import Reply

Array = np.ndarray
Judge = Callable[..., "str | None"]


@dataclass(frozen=True)
class Network:
    """A network with known weights, which the harness can build too: x @ mix + t time + labels[y].

    mix     (D, D)
    time    (D,)
    labels  (K + 1, D); the last row stands for "no label"
    """

    mix: Array
    time: Array
    labels: Array

    def __call__(self, x: Array, t: Array | int, y: Array | int = -1) -> Array:
        t, y = np.broadcast_to(t, len(x)), np.broadcast_to(y, len(x))
        return x @ self.mix + t[:, None] * self.time + self.labels[y % len(self.labels)]


@dataclass(frozen=True)
class Step:
    """A reverse step with known weights: keep[t] x + pull[t] eps + stir[t] z; tables (T + 1,)."""

    keep: Array
    pull: Array
    stir: Array

    def __call__(self, x: Array, eps: Array, t: int, z: Array) -> Array:
        return self.keep[t] * x + self.pull[t] * eps + self.stir[t] * z


@dataclass(frozen=True)
class Move(Step):
    """A step between any two times: keep[t] x + pull[s] eps + stir[t] z; tables (T + 1,)."""

    def __call__(self, x: Array, eps: Array, t: int, s: int, z: Array) -> Array:
        return self.keep[t] * x + self.pull[s] * eps + self.stir[t] * z


@dataclass(frozen=True)
class Jump:
    """A jump to the time t with known weights: keep[t] x0 + stir[t] eps; tables (T + 1,)."""

    keep: Array
    stir: Array

    def __call__(self, x0: Array, t: Array, eps: Array, alpha_bar: Array) -> Array:
        keep, stir = (table[t].reshape(-1, *[1] * (x0.ndim - 1)) for table in vars(self).values())
        return keep * x0 + stir * eps


@dataclass(frozen=True)
class Walk:
    """A sampler that asks the network at some times: x + pull[t] model(x, t); no step, no noise.

    pull  (T + 1,); times are asked from T down, and those with a pull of 0 left out
    """

    pull: Array

    def __call__(self, model, step, x: Array, noise: Array) -> Array:
        for t in range(len(self.pull) - 1, 0, -1):
            x = x + self.pull[t] * model(x, np.full(len(x), t)) if self.pull[t] else x
        return x


@dataclass(frozen=True)
class Seed:
    """A ``torch.Generator`` with this seed."""

    seed: int


@dataclass(frozen=True)
class Call:
    """One call of a student's function.

    function  its name
    args      arrays, numbers, lists of numbers, None, Network, Step, Move, Seed, Jump or Walk
    shapes    the shape of each array that must come back
    optional  whether the call may fail; the judge then gets None for each array
    instead   stand-ins for other functions of the student's while the call lasts, by name, so
              that a fault of theirs is not counted twice
    """

    function: str
    args: Sequence[object]
    shapes: Sequence[tuple[int, ...]]
    optional: bool = False
    instead: Mapping[str, object] = field(default_factory=dict)

    def request(self, seed: int) -> tuple[dict, dict[str, Array]]:
        """Write the call as the harness reads it: a header and arrays."""
        arrays: dict[str, Array] = {}

        def keep(value: object) -> str:
            key = str(len(arrays))
            value = np.asarray(value)
            arrays[key] = np.ascontiguousarray(
                value, dtype=np.float32 if value.dtype.kind == "f" else np.int64
            )
            return key

        def describe(argument: object) -> object:
            if isinstance(argument, np.ndarray):
                return {"array": keep(argument)}
            if isinstance(argument, (Network, Step, Jump, Walk)):
                parts = {name: keep(value) for name, value in vars(argument).items()}
                return {type(argument).__name__.lower(): parts}
            if isinstance(argument, Seed):
                return {"generator": argument.seed}
            return argument

        header = {
            "op": "call",
            "function": self.function,
            "args": [describe(argument) for argument in self.args],
            "instead": {name: describe(stand_in) for name, stand_in in self.instead.items()},
            "outputs": len(self.shapes),
            "seed": seed,
        }
        return header, arrays


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
    """

    id: str
    title: str
    points: float
    probes: Callable[[np.random.Generator], Iterable[Probe]]


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


def validate(reply: Reply, call: Call) -> tuple[list[Array], dict[str, Array]] | str:
    """Turn a reply into arrays of the shapes that were asked for, or into a finding."""
    name = f"{call.function}()"
    if not reply.ok:
        return {
            "NotImplementedError": f"{name} is not written yet.",
            "Undefined": f"{name} does not exist after all cells have run.",
            "NotNumbers": f"{name} returns something else than numbers.",
        }.get(reply.error, f"{name} stops with {error_name(reply.error)}.")
    outputs = []
    for i, shape in enumerate(call.shapes):
        array = reply.arrays.get(str(i))
        which = name if len(call.shapes) == 1 else f"Result {i + 1} of {name}"
        if array is None or (i == 0 and str(len(call.shapes)) in reply.arrays):
            return f"{name} should return {len(call.shapes)} results."
        if array.shape != shape and array.size == math.prod(shape) == 1:
            array = array.reshape(shape)
        if array.shape != shape:
            return f"{which} has the wrong shape: {misshapen(array.shape, shape)}."
        array = array.astype(np.float64)
        if not np.isfinite(array).all():
            return f"{which} holds values that are not finite."
        outputs.append(array)
    return outputs, seen_by_network(reply)


def misshapen(shape: tuple[int, ...], asked: tuple[int, ...]) -> str:
    """Tell how a shape is wrong, without its numbers: in these, a function could pass on what it
    was asked, and the student would read it in the feedback."""
    if len(shape) != len(asked):
        return f"it should have {len(asked)} dimensions, and has {min(len(shape), 9)}"
    i = next(i for i, sizes in enumerate(zip(shape, asked)) if sizes[0] != sizes[1])
    off = {-1: "one too few", 1: "one too many"}.get(shape[i] - asked[i])
    return f"its dimension {i} has " + (f"{off} entries" if off else "another size than asked for")


def error_name(name: str) -> str:
    """Name a built-in error; a class of the student's could be called anything."""
    kind = getattr(builtins, name, None)
    known = isinstance(kind, type) and issubclass(kind, Exception)
    return f"a {name}" if known else "an error"


def seen_by_network(reply: Reply) -> dict[str, Array]:
    """What the stand-in network was asked: x (calls, B, D), t and y (calls, B), or nothing.

    It helps to say what went wrong; what is right is never decided by it.
    """
    x, t, y = (reply.arrays.get(f"seen.{key}") for key in "xty")
    if x is None or t is None or y is None or x.ndim != 3:
        return {}
    if not (t.shape == y.shape == x.shape[:2] and np.isfinite(x).all()):
        return {}
    return {"x": x, "t": t.astype(np.int64), "y": y.astype(np.int64)}
