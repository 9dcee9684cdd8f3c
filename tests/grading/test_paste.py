"""What a page of feedback gives to paste: lines that run in the student's notebook."""

import ast
import json
import re
from types import GeneratorType

import numpy as np
import pytest
import torch
from audit import SOLUTIONS

from course_lib import schedules
from course_lib.grading import notebook, paste, probes, report
from course_lib.grading.calls import Call, Network, Seed, Step, Walk
from course_lib.grading.results import Mark, Result

NAMES = sorted(path.parent.name for path in SOLUTIONS.glob("*/grading.py"))
NOTEBOOKS = SOLUTIONS.parent / "notebooks"


def master(name):
    """The names of a master, its answers' cells and those before them run, without checks."""
    content = json.loads((SOLUTIONS / name / f"{name}.ipynb").read_text("utf-8"))
    names = {"__name__": "__main__"}
    for cell in content["cells"]:
        source = "".join(cell["source"])
        grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
        solution = cell["metadata"].get("nbgrader", {}).get("solution")
        if cell["cell_type"] == "code" and (solution or source.startswith(("import", "from"))):
            if re.match(r"ex\d_|", grade_id):
                exec(source, names)
    return names


def first_questions(name):
    """The first question of each probe that is not made while others are answered."""
    assignment = probes.load(name, SOLUTIONS)
    for exercise in assignment.exercises:
        for probe in exercise.probes(assignment.generator(exercise, "")):
            if not isinstance(probe.calls, GeneratorType):
                yield exercise.id, probe.calls


@pytest.mark.parametrize("name", ["a1_toy_diffusion", "a3_sampling_and_guidance"])
def test_every_question_that_is_given_runs_in_the_notebook(name, capsys):
    names, given = master(name), {}
    for exercise, calls in first_questions(name):
        answers = [call.function for call in calls if call.function in names]
        if lines := paste.question(calls, answers):
            given[exercise] = lines
            exec(lines, dict(names))
            assert len(lines.splitlines()) < 20
    assert len(given) >= 6, given.keys()
    assert capsys.readouterr().out.count("\n") >= 6


def test_lines_hold_shapes_and_times_but_no_hidden_number():
    x, t = np.full((7, 2), 0.123456, np.float32), np.array([3, 0, 9])
    table = schedules.linear(100).alpha_bar.numpy()
    lines = paste.written(Call("jump", [x, t, 0.5, table, Seed(123_456)], [(7, 2)]))
    assert lines.splitlines() == [
        "torch.manual_seed(0)",
        "from course_lib import schedules",
        "alpha_bar = schedules.linear(100).alpha_bar.float()",
        "generator = torch.Generator().manual_seed(456)",
        "print(jump(torch.randn((7, 2)), torch.tensor([3, 0, 9]), 0.5, alpha_bar, generator))",
    ]
    ast.parse(lines)


def test_stand_ins_are_written_out_and_can_be_called():
    model = Network(np.eye(2), np.zeros(2), np.zeros((3, 2)))
    table = np.ones(5)
    call = Call("sample", [model, Step(table, table, table), np.zeros((3, 2))], [(3, 2)])
    found = {"torch": torch}
    exec(paste.written(call).rpartition("\n")[0], found)
    x = torch.ones(3, 2)
    for t, y in ((5, None), (torch.tensor([1, 2, 3]), torch.tensor([0, 1, -1])), (2, 1)):
        assert found["network"](x, t, y).shape == (3, 2)
    assert found["step"](x, x, 1, x).shape == (3, 2)


def test_what_cannot_be_written_is_left_out():
    walk = Call("sample_class", [Walk(np.ones(4))], [(3, 2)])
    assert paste.written(walk) == ""
    other = Call("mine", [1], [()], instead={"sample": Walk(np.ones(4))})
    assert paste.question([Call("asked_guess", [1], [()]), other], ["mine"]) == ""


def test_a_page_shows_the_lines_and_where_to_read_again():
    mark = Mark("ex1", "First", 10, 0, "graded", ["Wrong."], read="notebook 01, section 2")
    mark.examples["Wrong."] = "print(f(torch.tensor([1 < 2])))"
    page = report.feedback(Result("ana", "a1", "graded", [mark]))
    assert "<pre>print(f(torch.tensor([1 &lt; 2])))</pre>" in page
    assert "Read again: notebook 01, section 2." in page
    mark.findings, mark.score, mark.examples = [], 10, {}
    page = report.feedback(Result("ana", "a1", "graded", [mark]))
    assert "Read again" not in page and "paste" not in page


@pytest.mark.parametrize("name", NAMES)
def test_what_is_to_be_read_again_is_there(name):
    for exercise in probes.load(name, SOLUTIONS).exercises:
        if not exercise.read:
            assert name == "a4_diagnosis"  # where it would name the disease
            continue
        number, section, title = re.fullmatch(
            r"notebook (\d\d), section (\d+), “(.+)”", exercise.read
        ).groups()
        (path,) = NOTEBOOKS.glob(f"{number}_*.ipynb")
        cells = notebook.parse(path.read_text("utf-8"))
        heads = "\n".join("".join(cell["source"]) for cell in cells)
        assert f"\n## {section}. {title}\n" in f"\n{heads}\n", exercise.read
