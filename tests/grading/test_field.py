"""What really gets handed in is graded as it deserves."""

import pytest
from audit import LIMITS, SOLUTIONS
from field import FIELD

from course_lib.grading import demo, grade, sandbox


@pytest.mark.sandboxed
@pytest.mark.parametrize("case", FIELD, ids=lambda case: case.name)
def test_it_gets_what_it_deserves(case, tmp_path):
    content = case.change(demo.load_master(case.assignment, SOLUTIONS))
    demo.submit(content, tmp_path, "ana", case.assignment)
    job = grade.Job(
        "ana", case.assignment, SOLUTIONS, tmp_path / "ana", sandbox.bubblewrap, LIMITS
    )
    assert case.judge(grade.grade_one(job)) is None


def test_there_are_enough():
    assert len(FIELD) >= 80 and len({case.name for case in FIELD}) == len(FIELD)
