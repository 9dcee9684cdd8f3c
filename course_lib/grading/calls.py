"""What is asked of a student's functions, and how it is written for the harness.

An argument may be a stand-in with known weights: a network, a step, a sampler. The harness builds
it, too, so that what a right function returns is known to the last digit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Network:
    """A network with known weights, which the harness can build too: x @ mix + t time + labels[y].

    x is (B, D), or images (B, …, D).
    mix     (D, D)
    time    (D,)
    labels  (K + 1, D); the last row stands for "no label"
    """

    mix: Array
    time: Array
    labels: Array

    def __call__(self, x: Array, t: Array | int, y: Array | int = -1) -> Array:
        t, y = np.broadcast_to(t, len(x)), np.broadcast_to(y, len(x))
        told = t[:, None] * self.time + self.labels[y % len(self.labels)]
        return x @ self.mix + told.reshape(len(x), *[1] * (x.ndim - 2), -1)


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
    """A sampler that takes the steps from some times only.

    taken  (T + 1,); from T down, those times are left out whose entry is 0
    """

    taken: Array

    def __call__(self, model, step, x: Array, noise: Array) -> Array:
        for t in range(len(self.taken) - 1, 0, -1):
            x = step(x, model(x, np.full(len(x), t)), t, noise[t]) if self.taken[t] else x
        return x


@dataclass(frozen=True)
class Seed:
    """A ``torch.Generator`` with this seed, from which so many numbers have been drawn."""

    seed: int
    drawn: int = 0


@dataclass(frozen=True)
class Call:
    """One call of a student's function.

    function  its name
    args      arrays, numbers, lists of numbers, None, Network, Step, Move, Seed, Jump or Walk;
              arrays come as float32, as bytes if they are, or else as int64
    shapes    the shape of each array that must come back
    optional  whether the call may fail; the judge then gets None for each array
    instead   stand-ins for other functions of the student's while the call lasts, by name, so
              that a fault of theirs is not counted twice; or other values for names of the set-up
    whole     which of the results must be of a type that holds whole numbers only
    learns    whether the result must come with a graph, for the network's weights to learn
    may_change  which of the arguments may be changed in place
    """

    function: str
    args: Sequence[object]
    shapes: Sequence[tuple[int, ...]]
    optional: bool = False
    instead: Mapping[str, object] = field(default_factory=dict)
    whole: Sequence[int] = ()
    learns: bool = False
    may_change: Sequence[int] = ()

    def request(self, seed: int) -> tuple[dict, dict[str, Array]]:
        """Write the call as the harness reads it: a header and arrays."""
        arrays: dict[str, Array] = {}

        def keep(value: object) -> str:
            key = str(len(arrays))
            value = np.asarray(value)
            whole = np.uint8 if value.dtype == np.uint8 else np.int64
            arrays[key] = np.ascontiguousarray(
                value, dtype=np.float32 if value.dtype.kind == "f" else whole
            )
            return key

        def describe(argument: object) -> object:
            if isinstance(argument, np.ndarray):
                return {"array": keep(argument)}
            if isinstance(argument, (Network, Step, Jump, Walk)):
                parts = {name: keep(value) for name, value in vars(argument).items()}
                return {type(argument).__name__.lower(): parts}
            if isinstance(argument, Seed):
                return {"generator": vars(argument)}
            return argument

        header = {
            "op": "call",
            "function": self.function,
            "args": [describe(argument) for argument in self.args],
            "instead": {name: describe(stand_in) for name, stand_in in self.instead.items()},
            "outputs": len(self.shapes),
            "learns": self.learns,
            "seed": seed,
        }
        return header, arrays
