"""What really gets handed in is graded as it deserves: here in one sandbox, and without a2's
networks, which take long; ``make audit`` grades each in a sandbox of its own.
"""

import time
from dataclasses import replace

import audit
import handed_in
import pytest
from field import A2, FIELD

from course_lib.grading import demo, notebook, probes, sandbox, session
from course_lib.grading.results import Result
from course_lib.grading.run import Run

LIMITS = replace(audit.LIMITS, total=3600, patience=30)


@pytest.fixture(scope="module")
def shared():
    """A sandbox for one case after another; each begins anew, and modes are put back."""
    deadline = time.monotonic() + LIMITS.total
    with session.Session(sandbox.bubblewrap, LIMITS, deadline) as one:
        yield one


@pytest.mark.sandboxed
@pytest.mark.parametrize(
    "case", [case for case in FIELD if case.assignment != A2], ids=lambda case: case.name
)
def test_it_gets_what_it_deserves(case, shared, tmp_path):
    assignment = probes.load(case.assignment, audit.SOLUTIONS)
    content = case.change(demo.load_master(case.assignment, audit.SOLUTIONS))
    path = demo.submit(content, tmp_path, "ana", case.assignment)
    work = notebook.read(path.read_bytes(), assignment.notebook)
    run = Run(assignment, work, sandbox.bubblewrap, LIMITS, "")
    shared.request({"op": "forget"}, {}, LIMITS.cell)
    run.answer(shared)
    findings = [*work.findings, *run.findings]
    assert case.judge(Result("ana", assignment.name, run.status, run.marks, findings)) is None


def test_there_are_enough():
    assert len(FIELD) >= 80
    counted = sum(case.kind == "field" for case in audit.cases().values())
    assert counted == len(FIELD) + len(handed_in.CASES) >= 160
