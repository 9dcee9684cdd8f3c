"""Checks for learners: each says "✓ …", or what is wrong, with a hint.

`claims` holds what the notebooks check, and is all that comes with ``checks`` itself. The visible
checks of an assignment, `a1`, `a2`, `a3`, `a4` or `a5`, stand on `hints`, and are imported by
name: ``from course_lib.checks import a1 as checks``.
"""

from course_lib.checks.claims import claim, learns, same, same_distribution, shape

__all__ = ["claim", "learns", "same", "same_distribution", "shape"]
