"""What students get: the masters without their solutions, made by nbgrader's own steps."""

from pathlib import Path

import nbformat


class InstructorExtraMissing(Exception):
    """nbgrader is not installed."""


def student_version(master: Path) -> str:
    """Return the notebook that students get, as text.

    master  notebook with nbgrader's marks
    Raises  InstructorExtraMissing if nbgrader is not installed
    See     https://nbgrader.readthedocs.io, "Creating and grading assignments"
    """
    try:
        from nbgrader import preprocessors as steps
    except ImportError as error:
        raise InstructorExtraMissing(
            "The student versions are made with nbgrader, which is not installed: "
            "pip install -c constraints.txt -e '.[instructor]'"
        ) from error
    notebook, resources = nbformat.read(master, as_version=4), {}
    for step in (
        steps.CheckCellMetadata,
        steps.LockCells,
        steps.ClearSolutions,
        steps.ClearHiddenTests,
        steps.ClearMarkScheme,
        steps.ClearOutput,
        steps.ComputeChecksums,
    ):
        notebook, resources = step().preprocess(notebook, resources)
    return nbformat.writes(notebook) + "\n"


def release(solutions: Path, assignments: Path) -> list[Path]:
    """Write ``assignments/<name>/<name>.ipynb`` for every master, and return what was written."""
    written = []
    for definition in sorted(solutions.glob("*/grading.py")):
        name = definition.parent.name
        path = assignments / name / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(student_version(definition.with_name(f"{name}.ipynb")), "utf-8")
        written.append(path)
    return written
