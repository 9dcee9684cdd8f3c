"""The checks that students see accept every right answer, and notice every wrong one."""

from pathlib import Path

import matplotlib
import pytest

from course_lib.grading import demo, notebook, probes
from course_lib.grading.export import check_of

SOLUTIONS = Path(__file__).parents[2] / "solutions"
NAMES = sorted(path.parent.name for path in SOLUTIONS.glob("*/cases.py"))


def check(name, case=None):
    """Run the set-up, the answers (one of them changed), and the check of one or all exercises."""
    matplotlib.use("Agg")
    content = demo.load_master(name, SOLUTIONS)
    if case:
        content = demo.changed(content, case)
    cells = {
        notebook.name_of(cell): cell for cell in content["cells"] if cell["cell_type"] == "code"
    }
    names = {}
    for cell in cells.values():
        if notebook.is_setup(cell):
            exec("".join(cell["source"]), names)
        elif notebook.marks(cell).get("solution"):
            exec("".join(cell["source"]), names)
    for cell_name, cell in cells.items():
        if notebook.marks(cell).get("grade") and (
            case is None or cell_name == check_of(case.exercise)
        ):
            exec("".join(cell["source"]), names)


def cases(which):
    """Mutants (0) or alternates (1), but not a4's names, of which no check may tell."""
    return [
        pytest.param(name, case, id=f"{name[:2]}-{case.name}")
        for name in NAMES
        for case in demo.load_cases(name, SOLUTIONS)[which]
        if not case.exercise.endswith("_name")
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_master_passes_every_check(name, capsys):
    check(name)
    exercises = probes.load(name, SOLUTIONS).exercises
    assert capsys.readouterr().out.count("✓") == len(exercises)


@pytest.mark.parametrize("name, case", cases(1))
def test_a_right_answer_passes(name, case):
    check(name, case)


@pytest.mark.parametrize("name, case", cases(0))
def test_a_wrong_answer_is_told(name, case):
    with pytest.raises((AssertionError, RuntimeError, ValueError, IndexError)) as error:
        check(name, case)
    assert len(str(error.value)) > 10
