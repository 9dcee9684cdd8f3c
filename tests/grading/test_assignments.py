"""Masters run clean; what students get is made from them, and fails only where they must write."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from course_lib.grading import notebook, probes, release

ROOT = Path(__file__).parents[2]
EXTRA_CREDIT = {"a5_cifar10"}
NAMES = sorted(path.parent.name for path in (ROOT / "solutions").glob("*/grading.py"))


def master(name):
    return ROOT / "solutions" / name / f"{name}.ipynb"


def released(name):
    return ROOT / "assignments" / name / f"{name}.ipynb"


@pytest.mark.parametrize("name", NAMES)
def test_release_is_what_the_master_makes(name):
    pytest.importorskip("nbgrader", reason="nbgrader, the instructor's extra, is not installed")
    assert released(name).read_text("utf-8") == release.student_version(master(name)), (
        f"assignments/{name} is not up to date: run `make release`"
    )


@pytest.mark.parametrize("name", NAMES)
def test_release_holds_no_solution(name):
    text = released(name).read_text("utf-8")
    assert "BEGIN SOLUTION" in master(name).read_text("utf-8")
    assert "SOLUTION" not in text
    count = sum(notebook.marks(cell).get("solution", False) for cell in cells(released(name)))
    assert text.count("raise NotImplementedError()") > count - 1 > 0


def cells(path):
    return nbformat.read(path, 4).cells


def errors(path):
    """Run a notebook to its end and return the names of all errors."""
    content = nbformat.read(path, 4)
    NotebookClient(content, timeout=3000, allow_errors=True).execute()
    return [
        output.ename
        for cell in content.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]


@pytest.mark.parametrize("name", NAMES)
def test_release_fails_only_where_something_is_to_be_written(name):
    raised = errors(released(name))
    assert set(raised) == {"NotImplementedError"}
    assert len(raised) >= len(probes.load(name, ROOT / "solutions").exercises)


@pytest.mark.parametrize("name", NAMES)
def test_master_runs_clean(name):
    assert errors(master(name)) == []


@pytest.mark.parametrize("name", NAMES)
def test_points_are_the_same_everywhere(name):
    exercises = probes.load(name, ROOT / "solutions").exercises
    graded = [notebook.marks(c) for c in cells(master(name)) if notebook.marks(c).get("grade")]
    checks = [marks["points"] for marks in graded if not marks["solution"]]
    by_hand = [marks["points"] for marks in graded if marks["solution"]]
    assert sum(e.points for e in exercises) == sum(checks)
    assert sum(checks) + sum(by_hand) == (20 if name in EXTRA_CREDIT else 100)
    text = "".join(c.source for c in cells(master(name)) if c.cell_type == "markdown")
    for points in [exercise.points for exercise in exercises] + by_hand:
        assert f"({points} points, " in text


@pytest.mark.parametrize("name", NAMES)
def test_ids_of_marked_cells_are_their_grade_ids(name):
    for cell in cells(master(name)):
        if marks := notebook.marks(cell):
            assert cell.id == marks["grade_id"]
            assert marks["schema_version"] == notebook.SCHEMA
