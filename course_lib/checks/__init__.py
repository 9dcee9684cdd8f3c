"""Checks for learners: each says "✓ …", or what is wrong, with a hint.

`claims` and `turns` hold what the notebooks check, and are all that comes with ``checks`` itself:
the one states facts, the other lets the reader write. The visible checks of an assignment, `a1`,
`a2`, `a3`, `a4`, `a5` or `a6`, stand on `hints`, and are imported by name:
``from course_lib.checks import a1 as checks``.
"""

from course_lib.checks.claims import claim, learns, same, same_distribution, shape
from course_lib.checks.turns import solution, turn

__all__ = ["claim", "learns", "same", "same_distribution", "shape", "solution", "turn"]
