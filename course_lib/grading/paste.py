"""A question of the grader's as a student can put it: lines to paste below their own answer.

Shapes, times and lengths are those of the question. Random numbers are drawn anew, and what the
answer should be is not told, so that the lines show a fault without giving anything away.
"""

from collections.abc import Sequence

import numpy as np

from course_lib.grading.calls import Call, Jump, Move, Network, Seed, Step, Walk
from course_lib.grading.truths import linear

FEW = 12  # numbers that are written out
NETWORK = """def network(x, t, y=None):  # any function of the same kind will do
    t = torch.as_tensor(t).expand(len(x)).reshape(-1, *[1] * (x.ndim - 1))
    y = torch.full((len(x),), -1) if y is None else torch.as_tensor(y).expand(len(x))
    return 0.5 * x.flip(-1) + 0.1 * t + 0.2 * y.reshape(t.shape[:1] + (1,) * (x.ndim - 1))"""
STEP = """def step(x, eps, t, z):
    return 0.9 * x - 0.1 * eps + 0.2 * z"""
MOVE = """def step(x, eps, t, s, z):
    return 0.9 * x - 0.1 * eps + 0.2 * z"""
JUMP = """def jump(x0, t, eps, alpha_bar):
    a = alpha_bar[t].reshape(-1, *[1] * (x0.ndim - 1))
    return a.sqrt() * x0 + (1 - a).sqrt() * eps"""


def question(calls: Sequence[Call], answers: Sequence[str]) -> str:
    """Return lines of Python that put the first of these questions to a student's own function.

    answers  names that the answers define; what else the grader calls, a student does not have
    Returns  "" if there is no such question, or it needs what cannot be written in a few lines
    """
    for call in calls:
        if call.function in answers and not call.instead:
            return written(call)
    return ""


def written(call: Call) -> str:
    """Return a call as lines of Python, or "" if that would take too many."""
    before, arguments = ["torch.manual_seed(0)"], []
    for argument in call.args:
        said = _argument(argument)
        if said is None:
            return ""
        name, lines = said
        before += [line for line in lines if line not in before]
        arguments.append(name)
    return "\n".join([*before, f"print({call.function}({', '.join(arguments)}))"])


def _argument(value: object) -> tuple[str, list[str]] | None:
    """Return an argument as an expression, and lines that must stand before it."""
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, Network):
        return "network", [NETWORK]
    if isinstance(value, Move):
        return "step", [MOVE]
    if isinstance(value, Step):
        return "step", [STEP]
    if isinstance(value, Jump):
        return "jump", [JUMP]
    if isinstance(value, Walk):
        return None
    if isinstance(value, Seed):
        return "generator", [f"generator = torch.Generator().manual_seed({value.seed % 1000})"]
    return repr(value), []


def _array(value: np.ndarray) -> tuple[str, list[str]]:
    """Return an array as an expression: a table, few numbers, or as many random ones."""
    if value.ndim == 1 and len(value) > FEW and value.dtype.kind == "f":
        T = len(value) - 1
        table = f"alpha_bar = schedules.linear({T}).alpha_bar.float()"
        if np.allclose(value, linear(T)[0], atol=1e-6):
            return "beta", ["from course_lib import schedules", table.replace("alpha_bar", "beta")]
        if np.all(np.diff(value) <= 0) and value[0] == 1:
            return "alpha_bar", ["from course_lib import schedules", table]
    if value.dtype.kind in "iu":
        if value.size <= FEW:
            return f"torch.tensor({value.tolist()})", []
        low, high = int(value.min()), int(value.max()) + 1
        return f"torch.randint({low}, {high}, {value.shape})", []
    if value.ndim == 1 and value.size <= FEW:
        return f"torch.tensor({np.round(value, 4).tolist()})", []
    return f"torch.randn({value.shape})", []
