"""How long a class takes to be graded: right, wrong and empty notebooks of a1 in turn.

    python benchmarks/grading.py --students 300 --jobs 2

Prints a line for the README: seconds, seconds per student, and the most memory that all processes
of the grader and its sandboxes took together.
"""

import argparse
import os
import tempfile
import threading
import time
from pathlib import Path

from tqdm import tqdm

from course_lib.grading import arrivals, demo, grade, sandbox, usage

NAME, SOLUTIONS = "a1_toy_diffusion", Path(__file__).parents[1] / "solutions"


def submissions(count: int) -> list[dict]:
    """The master, a mutant, an alternate and an unfinished notebook, again and again."""
    master = demo.load_master(NAME, SOLUTIONS)
    mutants, alternates = demo.load_cases(NAME, SOLUTIONS)
    kinds = [
        lambda i: master,
        lambda i: demo.changed(master, mutants[i % len(mutants)]),
        lambda i: demo.changed(master, alternates[i % len(alternates)]),
        lambda i: demo.unanswered(master, ["ex6_reverse", "ex7_sampler", "ex8_guidance"]),
    ]
    return [kinds[i % 4](i) for i in range(count)]


def main() -> None:
    """Grade a class, and say what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    most, done = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.5):
            most = max(most, usage.usage(os.getpid()).memory)

    with tempfile.TemporaryDirectory() as folder:
        submitted, stored = Path(folder, "submitted"), Path(folder, "results")
        for i, content in enumerate(submissions(options.students)):
            demo.submit(content, submitted, f"student{i:03d}", NAME)
        jobs = [
            grade.Job(one.student, NAME, SOLUTIONS, one.places[0], sandbox.bubblewrap)
            for one in arrivals.students(submitted)[0]
        ]
        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        began = time.monotonic()
        results = list(tqdm(grade.grade_class(jobs, stored, options.jobs), total=len(jobs)))
        seconds = time.monotonic() - began
        done.set()
    print(
        f"{len(results)} submissions, {options.jobs} jobs: {seconds:.0f} s, "
        f"{seconds / len(results):.2f} s each, {most / 2**20:.0f} MB at most; "
        f"{sum(result.status == 'graded' for result in results)} graded"
    )


if __name__ == "__main__":
    main()
