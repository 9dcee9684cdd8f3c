"""Every notebook runs as a student sees it, and was committed from one clean run."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CHECK = "nbval-check-output"


@pytest.fixture(params=NOTEBOOKS, ids=lambda p: p.stem)
def notebook(request):
    return request.param


def code_cells(path):
    return [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]


def test_there_are_seven():
    assert [path.stem[:3] for path in NOTEBOOKS] == [f"{k:02d}_" for k in range(1, 8)]


def run(path):
    """Run every cell in a fresh kernel with nbval, comparing the text of the marked ones."""
    options = ["-q", "-p", "no:cacheprovider", "--nbval-lax", "--nbval-current-env"]
    command = [sys.executable, "-m", "pytest", *options, "--nbval-cell-timeout=600", str(path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")


def test_runs_from_top_to_bottom(notebook):
    done = run(notebook)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_was_committed_from_one_run(notebook):
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            warned = output.get("name") == "stderr" and "Warning" in output.text
            assert not warned, output.text
    assert "widgets" not in nbformat.read(notebook, 4).metadata
    assert os.path.getsize(notebook) < 1.5e6


def test_keeps_to_the_rhythm(notebook):
    cells = nbformat.read(notebook, 4).cells
    lines = sorted(
        sum(1 for line in cell.source.splitlines() if line.strip())
        for cell in code_cells(notebook)
    )
    words = sum(len(cell.source.split()) for cell in cells if cell.cell_type == "markdown")
    assert 30 <= len(cells) <= 70 and 1200 <= words <= 2800
    assert lines[len(lines) // 2] <= 6 and lines[-1] <= 15


def test_claims_are_marked_for_comparison(notebook):
    for cell in code_cells(notebook):
        claims = "checks.claim(" in cell.source
        assert not claims or CHECK in cell.metadata.get("tags", []), cell.source
    assert sum(CHECK in cell.metadata.get("tags", []) for cell in code_cells(notebook)) >= 8


def test_a_claim_that_stops_being_true_turns_the_run_red(tmp_path):
    """The machinery above must be able to fail: once by a false claim, once by a changed text."""
    for source, stored in (
        ("from course_lib import checks\nchecks.claim('two is three', 2 == 3)", None),
        ("print('✓ new')", "✓ old\n"),
    ):
        cell = nbformat.v4.new_code_cell(source, metadata={"tags": [CHECK]}, execution_count=1)
        if stored:
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=stored)]
        path = tmp_path / "false.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
        assert run(path).returncode == 1
