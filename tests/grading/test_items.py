"""Statistics of exercises, against NumPy and against numbers computed by hand."""

import csv

import numpy as np
import pytest

from course_lib.grading import items, report
from course_lib.grading.results import Mark, Result

POINTS = (10, 15, 5, 10)


def student(name, scores, states=()):
    states = dict(enumerate(states))
    marks = [
        Mark(f"ex{k}", f"No. {k} <b>", POINTS[k], score, states.get(k, "graded"))
        for k, score in enumerate(scores)
    ]
    return Result(name, "a1", "graded", marks)


def whole(table):
    return [student(f"s{i:03d}", row) for i, row in enumerate(table)]


def test_numbers_are_those_of_numpy():
    rng = np.random.default_rng(0)
    skill = rng.normal(size=(40, 1))
    table = (skill + rng.normal(size=(40, 4)) > 0) * np.array(POINTS, float)
    for k, item in enumerate(items.analyse(whole(table))):
        rest = table.sum(1) - table[:, k]
        share = table[:, k] / POINTS[k]
        assert item.difficulty == pytest.approx(share.mean())
        assert item.error == pytest.approx(share.std(ddof=1) / 40**0.5)
        assert item.discrimination == pytest.approx(np.corrcoef(table[:, k], rest)[0, 1])
        assert (item.graded, item.complete, item.points) == (40, 40, POINTS[k])


def test_numbers_computed_by_hand():
    """Ten students, of whom four solve both exercises, four neither, and one only one of each."""
    rows = [(10, 15)] * 4 + [(0, 0)] * 4 + [(10, 0), (0, 15)]
    first, second = items.analyse(whole(rows))
    assert (first.difficulty, second.difficulty) == (0.5, 0.5)
    assert first.error == pytest.approx((2.5 / 9 / 10) ** 0.5)
    assert [first.discrimination, second.discrimination] == pytest.approx([0.6, 0.6])
    z = 0.5 * np.log(1.6 / 0.4)  # Fisher's, and its standard error is 1/√7
    assert first.interval == pytest.approx(np.tanh([z - 1.96 / 7**0.5, z + 1.96 / 7**0.5]))


def test_there_is_no_number_where_there_is_none():
    nine = items.analyse(whole([(10, 15)] * 4 + [(0, 0)] * 5))
    assert [(item.discrimination, item.why) for item in nine] == [(None, "too few")] * 2
    flat = items.analyse(whole([(10, 15, 0)] * 6 + [(10, 0, 0)] * 6))
    assert [item.discrimination for item in flat] == [None] * 3
    assert {item.why for item in flat} == {"no variance"}
    assert [item.difficulty for item in flat] == [1, 0.5, 0]
    assert items.analyse([]) == [] and "Difficulty" in items.as_html([])
    (one, _) = items.analyse(whole([(10, 15)]))
    assert (one.difficulty, one.error) == (1, None)


def test_what_was_not_graded_is_no_zero():
    rows = [(10, 15)] * 6 + [(0, 0)] * 6
    more = [student("x", (0, 15), ["crashed"]), student("y", (10,))]
    first, second = items.analyse([*whole(rows), *more])
    assert (first.graded, first.complete, first.difficulty) == (13, 12, pytest.approx(7 / 13))
    assert (second.graded, second.difficulty) == (13, pytest.approx(7 / 13))
    assert first.discrimination == pytest.approx(1) and first.interval == pytest.approx((1, 1))


def test_the_overview_begins_with_them_and_a_spreadsheet_has_them(tmp_path):
    rows = [(10, 15)] * 4 + [(0, 0)] * 4 + [(10, 0), (0, 15)]
    report.write_all(whole(rows), tmp_path)
    page = (tmp_path / "overview.html").read_text()
    table = page[: page.index("Statuses")]
    assert "0.50 ± 0.17" in table and "0.60 (-0.05 to 0.89)" in table and "n = 10" in table
    assert "Discrimination is the correlation" in table and "<b>" not in table
    (first, second) = csv.DictReader((tmp_path / "statistics.csv").open())
    assert first["difficulty"] == "0.5000" and second["discrimination"] == "0.6000"
    assert (first["graded"], first["points"], second["points"]) == ("10", "10", "15")
