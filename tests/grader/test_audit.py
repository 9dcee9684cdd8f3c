"""Every mutant is caught, every alternate accepted, and every attack repelled."""

import os

import audit
import pytest

pytestmark = pytest.mark.sandboxed
CASES = audit.cases()


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    return audit.run(tmp_path_factory.mktemp("class"), CASES, os.cpu_count())


@pytest.mark.parametrize("student", [audit.HONEST, *CASES])
def test_case(verdicts, student):
    assert verdicts[student] is None


def test_there_are_enough():
    kinds = [case.kind for case in CASES.values()]
    assert kinds.count("mutants") >= 60
    assert kinds.count("alternates") >= 20
    assert kinds.count("attacks") >= 50
