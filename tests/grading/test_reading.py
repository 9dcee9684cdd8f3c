"""Reading submissions: every oddity is a finding, and none is an exception."""

import copy
import os

import pytest
from audit import NAME, SOLUTIONS

from course_lib.grading import demo, grade, notebook, results

MASTER = SOLUTIONS / NAME / f"{NAME}.ipynb"


@pytest.fixture
def read(tmp_path):
    def submit(content):
        return notebook.read(demo.submit(content, tmp_path, "ana", NAME).read_bytes(), MASTER)

    return submit


def test_the_master_has_no_findings_and_runs_setup_first(read, master):
    submission = read(master)
    assert submission.findings == []
    assert [cell.grade_id for cell in submission.cells][:2] == ["setup", "ex1_schedule"]
    assert len(submission.cells) == 9  # set-up and eight answers: no picture, check or training


def test_set_up_comes_from_the_master_and_own_cells_stay_in_place(read, master):
    content = demo.with_cell(master, "mine = 1", at=len(master["cells"]))
    for cell in content["cells"]:
        if notebook.name_of(cell) == "setup":
            cell["source"] = "raise SystemExit"
    submission = read(content)
    assert "import torch" in submission.cells[0].source
    assert submission.cells[-1] == notebook.Cell("mine = 1")
    assert submission.findings == [
        "The instructor's cell setup was changed; the change was ignored."
    ]


def test_a_cell_of_another_assignment_is_named(read, master):
    content = demo.with_cell(master, "x = 1")
    content["cells"][2]["metadata"] = {"nbgrader": {"grade_id": "elsewhere"}}
    assert read(content).findings == ["The cell 'elsewhere' is not one of this assignment's."]


@pytest.mark.parametrize("data", ["", "[]", "3", '{"cells": 3}', '{"cells": [{}]}', "[" * 10**5])
def test_what_is_no_notebook_is_unreadable(read, data):
    with pytest.raises(notebook.Unreadable) as reason:
        read(data)
    assert reason.value.status == "unreadable"


@pytest.mark.parametrize(
    "odd", [None, 3, [], {"nbgrader": 5}, {"nbgrader": {"grade_id": ["x"]}}, {"tags": 1}]
)
def test_odd_metadata_do_not_matter(read, master, odd):
    content = demo.with_cell(master, "x = 1")
    content["cells"][2]["metadata"] = odd
    assert len(read(content).cells) == 10


def test_a_file_name_that_is_no_text_does_not_stop_the_run(tmp_path, job):
    one = job({"cells": []})
    path = one.folder / NAME / f"{NAME}.ipynb"
    path.unlink()
    os.symlink("elsewhere", os.fsencode(path.parent) + b"/\xff.ipynb")
    result = grade.grade_one(one)
    assert result.status == "unreadable" and len(result.key) == 64
    results.write(result, tmp_path / "results")


def test_one_stripped_cell_is_told_by_its_name(read, master):
    content = copy.deepcopy(master)
    (cell,) = [cell for cell in content["cells"] if notebook.name_of(cell) == "ex1_check"]
    cell["metadata"] = {}
    told = "The cell ex1_check has the metadata of another version of nbgrader."
    assert read(content).findings == [told]


def test_a_change_shows_in_a_stripped_notebook_too(read, master):
    content = copy.deepcopy(master)
    for cell in content["cells"]:
        if notebook.name_of(cell) == "setup":
            cell["source"] = "mine = 1"
        cell["metadata"] = {}
    stripped, changed = read(content).findings
    assert "by their ids" in stripped and "setup was changed" in changed


@pytest.mark.parametrize("form", [str, lambda text: text.splitlines(keepends=True)])
def test_sources_may_be_strings_or_lists_of_lines(read, master, form):
    content = copy.deepcopy(master)
    for cell in content["cells"]:
        cell["source"] = form("".join(cell["source"]))
    assert read(content).findings == []


def test_what_is_borrowed_from_the_package_is_told(read, master):
    source = (
        "from course_lib import samplers\ndef embed(t, d):\n    return networks.sinusoidal(t, d)"
    )
    content = demo.changed(master, demo.Alternate("", "ex3_embedding", source))
    told = "The cell ex3_embedding uses course_lib itself: an import, networks."
    assert read(content).findings == [told]
