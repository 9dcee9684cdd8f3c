"""Similar code: disguise does not hide a copy, and what everybody writes is no evidence."""

import csv
import json
import random
import re
import time

import numpy as np
import pytest
from audit import NAME, SOLUTIONS
from typer.testing import CliRunner

from course_lib import cli
from course_lib.grading import demo, notebook, side_by_side, similarity
from course_lib.grading.lexemes import lexemes
from course_lib.grading.similarity import WINDOW, K, compare, document

ASSIGNMENTS = SOLUTIONS.parent / "assignments"
GIVEN = json.loads((ASSIGNMENTS / NAME / f"{NAME}.ipynb").read_text("utf-8"))
RELEASED = document(
    "released", ["".join(c["source"]) for c in GIVEN["cells"] if c["cell_type"] == "code"]
)
ANSWERS = {
    notebook.name_of(cell): "".join(cell["source"])
    for cell in demo.load_master(NAME, SOLUTIONS)["cells"]
    if notebook.marks(cell).get("solution")
}
OTHERS: dict[str, list[str]] = {}
for case in demo.load_cases(NAME, SOLUTIONS)[1]:
    OTHERS.setdefault(case.exercise, []).append(case.source)
OWN = [
    """
def schedule_tables(T):
    slope = (0.02 - 1e-4) / (T - 1)
    betas = [0.0] + [(1e-4 + slope * i) * 1000.0 / T for i in range(T)]
    logs = torch.log1p(-torch.tensor(betas, dtype=torch.float64))
    return torch.tensor(betas), torch.exp(torch.cumsum(logs, 0)).float()
""",
    """
def add_noise(x0, t, eps, alpha_bar):
    table = torch.stack([alpha_bar.sqrt(), torch.sqrt(1.0 - alpha_bar)], 1).index_select(0, t)
    while table.dim() < x0.dim() + 1:
        table = table.unsqueeze(-1)
    return table[:, 0] * x0 + table[:, 1] * eps
""",
    """
def embed(t, d):
    half = d // 2
    ladder = torch.logspace(0, -4 * (half - 1) / half, half)
    phases = torch.einsum("i,j->ij", t.float(), ladder)
    waves = torch.polar(torch.ones_like(phases), phases)
    return torch.hstack((waves.real, waves.imag))
""",
    """
def sample(model, step, x, noise):
    left = noise.shape[0] - 1
    while left > 0:
        clock = x.new_full(x.shape[:1], left).long()
        x, left = step(x, model(x, clock), left, noise[left]), left - 1
    return x
""",
]
"""Four answers in a hand of their own."""


def disguised(cells):
    """Rename what can be renamed, reorder the functions, lay the code out anew, and comment it."""
    old = "betas slope logs table half ladder phases waves left clock".split()
    new = "rates rise terms both mid f grid circle k now".split()
    renamed = dict(zip(old, new))
    code = "\n\n".join(reversed(cells))
    code = re.sub(r"\w+", lambda word: renamed.get(word[0], word[0]), code)
    code = code.replace("):\n", '):\n    """Mine."""\n    # my own idea\n')
    code = code.replace(" * ", "*").replace(", ", " ,\n          ").replace("1e-4", "0.000_1")
    return [code]


def crowd(count, seed=0):
    """Make a class in which everybody picks one of the known right answers to each exercise."""
    rng = random.Random(seed)
    options = [[source, *OTHERS.get(name, [])] for name, source in ANSWERS.items()]
    return [document(f"s{i}", [rng.choice(some) for some in options]) for i in range(count)]


def above(comparison):
    return {(p.first.who, p.second.who) for p in side_by_side.chosen(comparison, None)}


def texts(source):
    return [lexeme.text for lexeme in lexemes(source)]


@pytest.mark.parametrize(
    "one, other",
    [
        ("a = b+1  # sum", "xx=yy + 1"),
        ("f(a, b)", "f(\n    a,\n    b,\n)"),
        ("x = 1000", "x = 1_000."),
        ("self.conv(x)", "self.layer(y)"),
        ("'''words'''\nx.sqrt()", "%matplotlib inline\nx . sqrt()"),
        ("def f(x):\n    'doc'\n    return x", "def g(y): return y"),
    ],
)
def test_names_layout_comments_and_strings_leave_no_trace(one, other):
    assert texts(one) == texts(other)


@pytest.mark.parametrize(
    "one, other", [("x.sqrt()", "x.mean()"), ("len(x)", "sum(x)"), ("1", "2")]
)
def test_what_the_code_does_leaves_a_trace(one, other):
    assert texts(one) != texts(other)


def test_what_is_shared_in_a_line_is_shared_in_a_fingerprint():
    """The guarantee of winnowing, Schleimer et al. 2003, Section 2."""
    rng = random.Random(0)
    for _ in range(200):
        a, b, both = ("+".join(str(rng.randrange(10**6)) for _ in range(n)) for n in (40, 30, 8))
        assert len(texts(both)) == K + WINDOW + 1
        one, other = document("", [f"{a}+{both}-{b}"]), document("", [f"{b}*{both}/{a}"])
        assert one.prints & other.prints
    assert not document("", [a]).prints & document("", [b]).prints


@pytest.mark.parametrize("count", [2, 12, 30])
def test_a_disguised_copy_is_above_the_threshold(count):
    copy = [document("ana", OWN), document("ben", disguised(OWN))]
    found = compare([*crowd(count - 2), *copy], RELEASED)
    assert above(found) == {("ana", "ben")} and found.pairs[0].score > 0.9
    assert above(compare(copy[:1], RELEASED, copy[1:])) == {("ana", "ben")}
    assert not compare(crowd(3), RELEASED, copy).pairs or not any(
        pair.first.who in ("ana", "ben") for pair in compare(crowd(3), RELEASED, copy).pairs
    ), "pairs of old documents are shown"


@pytest.mark.parametrize("count", [8, 12, 30, 60])
def test_independent_right_answers_are_not_reported(count):
    for seed in range(3):
        assert not above(compare(crowd(count, seed), RELEASED))
    each = [[*ANSWERS.values(), one] for some in OTHERS.values() for one in some]
    assert not above(compare([document(str(i), one) for i, one in enumerate(each)], RELEASED))


def test_what_more_than_a_few_have_written_is_no_evidence():
    several = [document(f"a{i}", OWN) for i in range(similarity.FEW + 1)]
    assert not above(compare([*crowd(8), *several], RELEASED))
    assert len(above(compare([*crowd(8), *several[:3]], RELEASED))) == 3


def test_released_code_and_empty_answers_are_no_pair():
    empty = demo.unanswered(demo.load_master(NAME, SOLUTIONS), list(ANSWERS))
    for content in (GIVEN, empty, {"cells": []}):
        sources = ["".join(c["source"]) for c in content["cells"] if c["cell_type"] == "code"]
        found = compare([document("ana", sources), document("ben", sources)], RELEASED)
        assert not found.pairs and list(found.scores) == [0]


def test_a_score_is_symmetric_and_between_0_and_1():
    some = crowd(6)
    there, back = compare(some, RELEASED), compare(some[::-1], RELEASED)
    names = {frozenset((p.first.who, p.second.who)): p.score for p in there.pairs}
    assert names == {frozenset((p.first.who, p.second.who)): p.score for p in back.pairs}
    assert all(0 < score <= 1 for score in names.values())


def test_two_shared_lines_are_no_pair():
    line = "mix = torch.einsum('ij,jk->ik', left.softmax(1), right.cumsum(0).exp()).relu()"
    found = compare([document("ana", [line]), document("ben", [line])], RELEASED)
    assert found.pairs and not above(found)


@pytest.mark.parametrize(
    "source",
    [
        "x = a.b(c) + 1\n" * 100_000,
        "\0" * 10**6,
        '"""' * 10**6,
        '"\\' * 10**6,
        "'\\''" * 10**6,
        "(" * 10**6,
        "#\n" * 10**6,
        "a" * 10**6,
        "9" * 10**6,
        "def f(:\n  x = ((\n 'open\n\ud800 ﷽ \x1b[2J",
    ],
    ids="lines nulls quotes escapes strings brackets comments name number faults".split(),
)
def test_hostile_code_takes_bounded_time(source):
    began = time.process_time()
    one, other = document("ana", [source] * 3), document("ben", [source])
    side_by_side.similarity_page("a1", compare([one, other], RELEASED), 0, 50, [])
    assert time.process_time() - began < 20


def test_a_class_on_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    master = demo.load_master(NAME, SOLUTIONS)
    demo.write_class(tmp_path / "class", SOLUTIONS)
    arguments = ["similar", NAME, "class", "--solutions", SOLUTIONS, "--assignments", ASSIGNMENTS]

    def run(*more):
        done = CliRunner().invoke(cli.app, [str(one) for one in (*arguments, *more)])
        assert done.exit_code == 0, done.output
        folder = tmp_path / "results" / NAME
        return done.output, (folder / "similar.html").read_text(), folder / "similar.csv"

    output, page, _ = run()
    assert "No pair stands out" in page and "0 pairs" in output
    assert "liam: No notebook was handed in." in output and "kira: The file is not" in output
    blank = demo.unanswered(master, list(ANSWERS))
    evil = "</pre><script>alert(1)</script><!--\u202e"
    for student, cells in (
        ("=cmd", [*OWN[:3], f"# {evil}\n{OWN[3]}"]),
        ("<b>eve", [*disguised(OWN), "\0"]),
    ):
        content = blank
        for cell in cells:
            content = demo.with_cell(content, cell, len(content["cells"]))
        demo.submit(content, tmp_path / "class", student, NAME)
    output, page, table = run()
    assert "with 1 pairs" in output and "&lt;b&gt;eve and =cmd" in page
    assert (
        "<script" not in page
        and "&lt;script" in page
        and "<b>eve" not in page
        and "\u202e" not in page
    )
    assert "default-src 'none'" in page and "accuses nobody" in page
    assert page.count("<mark>") >= 5 and "torch.polar" in page and "my own idea" in page
    (row,) = (row for row in csv.DictReader(table.open()) if row["shown"] == "yes")
    assert (row["first"], row["second"]) == ("<b>eve", "'=cmd") and float(row["score"]) > 0.9
    (tmp_path / "class" / "=cmd").rename(tmp_path / "old")
    (tmp_path / "before").mkdir()
    (tmp_path / "old").rename(tmp_path / "before" / "zoe")
    output, page, _ = run("--also", "before")
    assert "with 1 pairs" in output and "before/zoe" in page


def test_a_class_that_writes_alike_raises_the_bar():
    found = compare(crowd(12), RELEASED)
    low, high = np.quantile(found.scores, [0.25, 0.75])
    fence = high + 3 * (high - low)
    assert fence > similarity.FLOOR and found.threshold == min(similarity.CEILING, fence)
    assert found.at_least(0) == 1 and found.at_least(1.01) == 0
    assert f"must exceed {found.threshold:.2f}" in side_by_side.usual(found, None)


def test_passages_have_the_numbers_of_their_counterparts():
    one, other = document("ana", OWN), document("ben", disguised(OWN))
    mine, theirs = side_by_side.numbered(compare([one, other], RELEASED).pairs[0], frozenset())
    assert [number for _, number in mine] == [str(i + 1) for i in range(len(mine))]
    (stack,) = (n for p, n in mine if "torch.stack" in one.cells[p.cell][p.start : p.end])
    (same,) = (n for p, n in theirs if "torch.stack" in other.cells[p.cell][p.start : p.end])
    assert stack in same.split(", ")
