"""Every mutant is caught, every alternate accepted, and every attack repelled.

What really gets handed in is graded by ``test_field``, one by one.
"""

import os

import audit
import pytest

CASES = {name: case for name, case in audit.cases().items() if case.kind != "field"}


@pytest.mark.sandboxed
def test_the_audit_is_complete(tmp_path):
    verdicts = audit.run(tmp_path, CASES, os.cpu_count())
    assert {name: verdict for name, verdict in verdicts.items() if verdict} == {}
    assert verdicts.keys() == {audit.HONEST, *CASES}


def test_there_are_enough():
    kinds = [case.kind for case in CASES.values()]
    assert kinds.count("mutants") >= 60
    assert kinds.count("alternates") >= 20
    assert kinds.count("attacks") >= 50
