"""Every notebook runs as a student sees it, and was committed from one clean run."""

import ast
import os
import re
import shutil
import subprocess
import symtable
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MASTERS = sorted((ROOT / "solutions").glob("*/*.ipynb"))
CHECK = "nbval-check-output"
MEMORY = 2 << 30
"""Bytes that a kernel may take: what Binder gives."""
MEASURE = """if True:
    import resource, subprocess, sys
    code = subprocess.call(sys.argv[1:])
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    sys.exit(code)
"""
"""Run a command, and print the most memory that it or a process below it took."""


@pytest.fixture(params=NOTEBOOKS, ids=lambda p: p.stem)
def notebook(request):
    return request.param


def code_cells(path):
    return [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]


def plain(cell):
    """A cell's Python, without the lines that only IPython understands."""
    return re.sub(r"^(\s*)[%!].*", r"\1pass", cell.source, flags=re.M)


def test_they_are_numbered_without_a_gap():
    numbers = [int(path.stem[:2]) for path in NOTEBOOKS]
    assert len(numbers) >= 7 and numbers == list(range(1, len(numbers) + 1))


def run(path):
    """Run every cell in a fresh kernel with nbval, comparing the text of the marked ones.

    The last word of what is printed is the most memory that a process took, as `peak` reads it.
    """
    options = ["-q", "-p", "no:cacheprovider", "--nbval-lax", "--nbval-current-env"]
    command = [sys.executable, "-m", "pytest", *options, "--nbval-cell-timeout=3000", str(path)]
    command = [sys.executable, "-c", MEASURE, *command]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")


def peak(done):
    """The most memory, in bytes, that one process of a run took: that of the kernel."""
    return int(done.stdout.split()[-1]) * (1 if sys.platform == "darwin" else 1024)


def test_runs_from_top_to_bottom_in_a_folder_of_its_own(notebook, tmp_path):
    done = run(shutil.copy(notebook, tmp_path))
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert peak(done) < MEMORY, (
        f"{peak(done) / 2**20:.0f} MB: Binder gives 2048, the rest included"
    )


def test_the_memory_of_a_kernel_is_seen(tmp_path):
    peaks = []
    for megabytes in (1, 800):
        cell = nbformat.v4.new_code_cell(f"x = b'1' * ({megabytes} << 20)\ndel x")
        path = tmp_path / "big.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
        peaks.append(peak(run(path)))
    assert peaks[1] - peaks[0] > 500 << 20 and peaks[0] < 500 << 20


def turns(cells):
    """Each of the reader's cells, with its check and its solution, by their tags."""
    code = [cell for cell in cells if cell.cell_type == "code"]
    tags = [cell.metadata.get("tags", []) for cell in code]
    for k, cell in enumerate(code):
        if "your-turn" in tags[k]:
            open_task = "open-task" in tags[k]
            yield cell, code[k + 1], None if open_task else code[k + 2]


def test_every_turn_has_its_check_and_a_folded_solution(notebook):
    for cell, check, solution in turns(nbformat.read(notebook, 4).cells):
        name = re.search(r"^(?:def|class) (\w+)", cell.source, re.M)[1]
        assert "..." in cell.source and '"""' in cell.source
        task = ", task=True" if solution is None else ""
        assert f"with checks.turn({name}{task}):" in check.source
        printed = "".join(output.get("text", "") for output in check.outputs)
        assert f"{name} is not written yet" in printed
        if solution is not None:
            assert re.match(rf"@checks.solution\n(?:def|class) {name}\b", solution.source)
            assert "solution" in solution.metadata.tags
            assert solution.metadata.jupyter.source_hidden


def names_of(source):
    """What a cell binds, changes in place, reads at once, and reads when its functions run."""
    table, tree = symtable.symtable(source, "cell", "exec"), ast.parse(source)
    imported = {s.get_name() for s in table.get_symbols() if s.is_imported()}
    binds = imported | {s.get_name() for s in table.get_symbols() if s.is_assigned()}
    uses = {s.get_name() for s in table.get_symbols() if s.is_referenced()}
    late, inner = set(), [table]
    while inner:
        below = inner.pop().get_children()
        late |= {s.get_name() for t in below for s in t.get_symbols() if s.is_global()}
        inner += below
    changed = [n for n in ast.walk(tree) if isinstance(getattr(n, "ctx", None), ast.Store)]
    calls = (n.value for n in ast.walk(tree) if isinstance(n, ast.Expr))  # such as found.append(x)
    changed += [call.func for call in calls if isinstance(call, ast.Call)]
    changes = set()
    for node in changed:
        within = node
        while isinstance(within, ast.Subscript | ast.Attribute):
            within = within.value
        if within is not node and isinstance(within, ast.Name):
            changes.add(within.id)
    return binds, changes, uses, late


def needed(cells, wanted_cells):
    """The cells that the wanted ones rest on, and these themselves, in order.

    What no check of a turn rests on runs in the test above, on the very same lines: there the
    solution stands in for the reader's.
    """
    parts = [names_of(cell.source) for cell in cells]
    imports = (n for cell in cells for n in ast.walk(ast.parse(cell.source)))
    imports = (n for n in imports if isinstance(n, ast.Import | ast.ImportFrom))
    modules = {(a.asname or a.name).split(".")[0] for n in imports for a in n.names}
    kept = {k for k, cell in enumerate(cells) if any(cell is other for other in wanted_cells)}
    last, before = max(kept), None
    while kept != before:  # a function may read what is bound below it
        before, names = set(kept), set().union(*(parts[k][3] for k in kept))
        for k in range(last, -1, -1):
            binds, changes, uses, _ = parts[k]
            changes = changes - modules
            if k in kept or (binds | changes) & names:
                kept.add(k)
                names = (names - binds) | uses | changes
    return [cells[k] for k in sorted(kept)]


def test_a_check_brings_along_what_it_rests_on_and_no_more():
    first = [
        "import torch",
        "x, seen = [], {}",
        "heavy = 2",
        "x.append(3)",
        "def f():\n    return y",
    ]
    rest = ["seen['a'] = heavy", "y = len(x)", "torch.manual_seed(0)", "assert f() == 1"]
    cells = [nbformat.v4.new_code_cell(source) for source in first + rest]
    kept = [cell.source for cell in needed(cells, cells[-1:])]
    assert kept == ["x, seen = [], {}", "x.append(3)", first[-1], "y = len(x)", rest[-1]]


def test_every_turn_accepts_its_own_solution(notebook):
    """The notebook as a reader leaves it who has written every solution."""
    content = nbformat.read(notebook, 4)
    found = [turn for turn in turns(content.cells) if turn[2] is not None]
    if not found:
        pytest.skip("there is nothing to write in this notebook")
    for cell, _, solution in found:
        cell.source = solution.source.removeprefix("@checks.solution\n")
    code = [cell for cell in content.cells if cell.cell_type == "code"]
    content.cells = needed(code, [cell for turn in found for cell in turn])
    options = {"timeout": 3000, "resources": {"metadata": {"path": str(notebook.parent)}}}
    NotebookClient(content, **options).execute()
    for _, check, _ in found:
        printed = "".join(output.get("text", "") for output in check.outputs)
        assert "is yours: from here on, the notebook uses it." in printed, printed


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
    formula = r"\$\$.+?\$\$|\$.+?\$"  # counts as one word
    prose = (
        re.sub(formula, "x", c.source, flags=re.S) for c in cells if c.cell_type == "markdown"
    )
    words = sum(len(text.split()) for text in prose)
    assert 30 <= len(cells) <= 100 and 1200 <= words <= 3000
    assert lines[len(lines) // 2] <= 6 and lines[-1] <= 15


@pytest.mark.parametrize("path", NOTEBOOKS + MASTERS, ids=lambda p: p.stem)
def test_no_path_rests_on_the_working_folder(path):
    for cell in code_cells(path):
        literals = (n for n in ast.walk(ast.parse(plain(cell))) if isinstance(n, ast.Constant))
        for text in (n.value for n in literals if isinstance(n.value, str)):
            assert not re.match(r"\.{1,2}[/\\]|(?:notebooks|benchmarks|data)[/\\]", text), text


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
