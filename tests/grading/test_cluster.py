"""The same command grades on a Dask cluster."""

import pytest
from audit import NAME, SOLUTIONS
from typer.testing import CliRunner

from course_lib import cli
from course_lib.grading import demo, results

distributed = pytest.importorskip("distributed", reason="distributed is not installed")


@pytest.mark.sandboxed
def test_a_class_is_graded_by_a_cluster(tmp_path, master):
    answered = {"ana": master, "ben": demo.unanswered(master, ["ex1_schedule"]), "cem": "nothing"}
    for student, content in answered.items():
        demo.submit(content, tmp_path / "submitted", student, NAME)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        arguments = [NAME, tmp_path / "submitted", "--dask", cluster.scheduler_address]
        arguments += ["--solutions", SOLUTIONS, "--results", tmp_path / "results"]
        done = CliRunner().invoke(cli.app, ["grade", *map(str, arguments)])
        assert done.exit_code == 0, done.output
        assert cluster.scheduler.transition_counter > 0  # it was the cluster that did the work
    found = results.read_all(tmp_path / "results" / NAME / "students")
    assert [result.score for result in found] == [100, 85, 0]
    assert found[2].status == "unreadable"
