"""What the tests of the grader share: the master, and jobs made from notebooks."""

import shutil

import pytest
from audit import NAME, SOLUTIONS

from course_lib.grading import demo, grade, sandbox


def pytest_configure(config):
    config.addinivalue_line("markers", "sandboxed: runs students' code in bubblewrap")


def pytest_collection_modifyitems(items):
    """Without bubblewrap there is no sandbox, and nothing to test in it."""
    if shutil.which("bwrap") is None:
        reason = "bubblewrap is not installed, so students' code cannot be run"
        for item in items:
            if "sandboxed" in item.keywords:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def master():
    return demo.load_master(NAME, SOLUTIONS)


@pytest.fixture
def job(tmp_path):
    """Make a job from a student's notebook."""

    def make(content, student="ana", **options):
        demo.submit(content, tmp_path / "submitted", student, NAME)
        options = {"start": sandbox.bubblewrap, **options}
        return grade.Job(student, NAME, SOLUTIONS, tmp_path / "submitted" / student, **options)

    return make
