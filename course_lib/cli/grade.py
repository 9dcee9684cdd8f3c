"""The instructor's commands up to the marks: ``course release``, ``grade`` and ``demo-class``."""

import csv
import io
import os
import secrets
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import joblib
import typer
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm import tqdm

from course_lib.cli import outputs
from course_lib.cli.errors import fail
from course_lib.cli.export import Results, note, report_command
from course_lib.grading import arrivals, demo, grade, lateness, platforms, probes, sandbox
from course_lib.grading import release as releases
from course_lib.grading import results as storage
from course_lib.grading.report import harmless

app = typer.Typer()
Solutions = Annotated[Path, typer.Option(help="Folder of the masters.")]


@app.command()
def release(
    solutions: Solutions = Path("solutions"),
    assignments: Annotated[Path, typer.Option(help="Folder to write.")] = Path("assignments"),
) -> None:
    """Make the students' notebooks from the masters.

    Example: course release
    """
    try:
        written = releases.release(solutions, assignments)
    except releases.InstructorExtraMissing as error:
        raise fail(error) from error
    for path in written:
        typer.echo(f"Wrote {path}.")


def launcher(container: str | None, unsafe: bool) -> grade.Start:
    """Choose where students' code runs."""
    if unsafe:
        typer.secho(
            "--unsafe: the notebooks run with all your rights. They can read and delete your "
            "files, and change each other's marks. Use it for notebooks of your own.",
            fg="yellow",
            err=True,
        )
        return sandbox.unsafe
    return partial(sandbox.container, template=container) if container else sandbox.bubblewrap


def cluster(address: str | None) -> AbstractContextManager:
    """Send the work to a Dask cluster, all of whose computers see the same files."""
    if address is None:
        return nullcontext()
    try:
        from distributed import Client
    except ImportError as error:
        raise fail("--dask needs the package distributed: pip install distributed") from error
    Client(address)
    return joblib.parallel_config(backend="dask")


def kept_salt(folder: Path) -> str:
    """Return the word that nobody else knows, so that nobody can foresee what probes ask."""
    path = folder / "salt.txt"
    if not path.exists():
        storage.write_atomically(path, secrets.token_hex(8))
    return path.read_text("utf-8")


def end_of(text: str) -> datetime:
    """Read when something was due, in local time; a day without a time ends with its last second.

    Raises  typer.BadParameter if it is neither a day nor a time
    """
    try:
        return lateness.moment(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is not like 2025-03-01 or 2025-03-01T18:00."
        ) from error


@app.command("grade")
def grade_command(
    assignment: Annotated[str, typer.Argument(help="Such as a1_toy_diffusion.")],
    submitted: Annotated[
        Path, typer.Argument(help="The class's folder, or a platform's download.")
    ],
    student: Annotated[str | None, typer.Option(help="Grade only this one, again.")] = None,
    exercise: Annotated[
        str | None,
        typer.Option(
            help="Grade only this exercise again, such as ex6_reverse, once its probes were "
            "mended: other marks stay, and regraded.csv lists whose score is another one now."
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Submissions graded at once.")] = 1,
    dask: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler that does the work instead.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep results whose submission has not changed.")
    ] = False,
    due: Annotated[
        datetime | None,
        typer.Option(
            parser=end_of,
            metavar="DAY[THH:MM]",
            help="When it was due, in local time; a day without a time ends at 23:59:59. Late "
            "days are counted by nbgrader's timestamp.txt, by the time in Brightspace's names, "
            "or else by the files' own times.",
        ),
    ] = None,
    salt: Annotated[
        str | None,
        typer.Option(
            help="Any word: it changes the inputs of the probes "
            "(default: drawn once, and kept beside the results)",
            show_default=False,
        ),
    ] = None,
    container: Annotated[
        str | None, typer.Option(help="Command that starts a container, instead of bubblewrap.")
    ] = None,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="No sandbox: for notebooks of your own only.")
    ] = False,
    solutions: Solutions = Path("solutions"),
    results: Results = Path("results"),
) -> None:
    """Grade a folder of submissions; every student gets a score and a page of feedback.

    A submission is SUBMITTED/<student>/<assignment>/<assignment>.ipynb, as nbgrader collects it,
    or lies somewhere in SUBMITTED/<student>, perhaps in a zip or tar.gz. The folders that Canvas,
    Moodle and Brightspace download are read as they are, unzipped; a student is then called by
    the platform's number.

    Example: course grade a1_toy_diffusion submitted/ --jobs 2 --resume
    """
    if os.name == "nt":
        raise fail(
            "grading needs Linux or macOS: on Windows, install and run the course in WSL 2."
        )
    if not submitted.is_dir():
        raise fail(f"{submitted} is not a folder.")
    try:
        known = [one.id for one in probes.load(assignment, solutions).exercises]
        start = launcher(container, unsafe)
        start(sandbox.Limits())  # if it is missing, say so before anything else
    except (FileNotFoundError, sandbox.SandboxMissing) as error:
        raise fail(error) from error
    if start is sandbox.bubblewrap and (danger := sandbox.exposed(solutions, submitted, results)):
        raise fail(danger)
    if exercise is not None and exercise not in known:
        raise fail(f"{assignment} has no exercise {exercise}: it has {', '.join(known)}.")
    outputs.check_folder(results)
    try:
        present, told = arrivals.students(submitted)
    except OSError as error:
        raise fail(f"{submitted} cannot be read: {error.strerror}.") from error
    for sentence in told:
        note(sentence)
    if not present:
        raise fail(f"{submitted} holds no submission: expected is {submitted}/<student>/….ipynb.")
    if student is not None:
        present = [one for one in present if one.student == platforms.spelled(student)]
        if not present:
            raise fail(f"there is no folder {submitted / student}, and no such number.")
    stored = results / assignment / "students"
    salt = kept_salt(stored.parent) if salt is None else salt
    root = submitted.resolve()
    todo = [
        grade.Job(
            one.student,
            assignment,
            solutions.resolve(),
            root / one.places[0].name,
            start,
            salt=salt,
            due=due.timestamp() if due else None,
            also=tuple(root / place.name for place in one.places[1:]),
            only=exercise,
        )
        for one in present
    ]
    if resume:
        todo = grade.unfinished(todo, stored)
    before = storage.read_all(stored)
    try:
        with cluster(dask), tqdm(total=len(todo), unit="student") as bar:
            for result in grade.grade_class(todo, stored, jobs):
                bar.set_postfix_str(f"{result.student}: {result.status}")
                bar.update()
    except sandbox.SandboxMissing as error:
        raise fail(error) from error
    except TerminatedWorkerError as error:
        raise fail(
            "a worker was ended from outside, perhaps for want of memory: go on with --resume "
            "and fewer --jobs."
        ) from error
    except KeyboardInterrupt:
        typer.echo("\nStopped. To go on: the same command with --resume.")
        raise typer.Exit(130) from None
    if exercise is not None:
        tell_changes(before, storage.read_all(stored), stored.parent / "regraded.csv")
    report_command(assignment, results)


def tell_changes(before: list[storage.Result], after: list[storage.Result], path: Path) -> None:
    """Write whose score is another one than before, upwards or downwards."""
    rows = grade.changes(before, after)
    out = io.StringIO()
    columns = ["student", "exercise", "before", "after", "finding"]
    writer = csv.DictWriter(out, columns)
    writer.writeheader()
    writer.writerows({name: harmless(text) for name, text in row.items()} for row in rows)
    storage.write_atomically(path, out.getvalue())
    numbers = [(row["before"], row["after"]) for row in rows]
    both = [(float(a), float(b)) for a, b in numbers if a[:1].isdigit() and b[:1].isdigit()]
    up, down = sum(a < b for a, b in both), sum(a > b for a, b in both)
    typer.echo(f"{up} scores rose, {down} fell, {len(rows) - up - down} are new: {path}.")


@app.command("demo-class")
def demo_class(
    folder: Annotated[Path, typer.Argument(help="Folder to write; it must not exist yet.")],
    solutions: Solutions = Path("solutions"),
) -> None:
    """Write twelve submissions of a1_toy_diffusion, good, bad and hostile, to try the grader on.

    Example: course demo-class submitted
    """
    if folder.exists():
        raise fail(f"{folder} exists: name a folder that does not.")
    try:
        written = demo.write_class(folder, solutions)
    except FileNotFoundError as error:
        raise fail(error) from error
    for name, what in written.items():
        typer.echo(f"{name:10s} {what}")
