"""What comes back from a call: proved to be the arrays that were asked for, or a finding.

Nothing that a student's code sends is repeated in a finding: it could pass on what it was asked.
"""

import builtins
import math

import numpy as np

from course_lib.grading.calls import Array, Call
from course_lib.grading.session import LACKS, Reply


def validate(reply: Reply, call: Call) -> tuple[list[Array], dict[str, Array]] | str:
    """Turn a reply into arrays of the shapes that were asked for, or into a finding."""
    name = f"{call.function}()"
    if reply.lacks and not reply.ok:
        return f"{name} wants {LACKS[reply.lacks]}."
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
        if i in call.whole and array.dtype.kind != "i":
            return f"{which} is not of a type that holds whole numbers, such as torch.long."
        array = array.astype(np.float64)
        if not np.isfinite(array).all():
            return f"{which} holds values that are not finite."
        outputs.append(array)
    return noted(reply, call) or (outputs, seen_by_network(reply))


def noted(reply: Reply, call: Call) -> str | None:
    """Tell what was seen of a call whose result has the right form.

    The process that says so is the student's, and could keep silent; but to hide such a fault is
    harder than not to make it.
    """
    name = f"{call.function}()"
    for note in reply.notes:
        kind, _, which = note.partition(" ")
        if kind == "changes" and int(which) not in call.may_change:
            return (
                f"{name} changes its argument number {int(which) + 1} in place, so that whoever "
                "called it goes on with something else: make a new tensor."
            )
        if kind == "single":
            return (
                f"{name} tells the network one time or one label for the whole batch; it takes "
                "one for every sample, in the shape (B,)."
            )
        if kind == "detached":
            return (
                f"{name} returns a number from which nothing can be learned: no .item(), no "
                "float() and no torch.no_grad() may stand between the network and the loss."
            )
    return None


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
