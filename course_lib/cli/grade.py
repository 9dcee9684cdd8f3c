"""The instructor's commands: ``course release``, ``grade``, ``report``, ``export`` and so on."""

import os
import secrets
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated

import joblib
import typer
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm import tqdm

from course_lib.cli import outputs
from course_lib.cli.errors import fail
from course_lib.grading import demo, export, grade, probes, report, sandbox
from course_lib.grading import release as releases
from course_lib.grading import results as storage

app = typer.Typer()
Solutions = Annotated[Path, typer.Option(help="Folder of the masters.")]
Results = Annotated[Path, typer.Option(help="Folder for results.")]


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


@app.command("grade")
def grade_command(
    assignment: Annotated[str, typer.Argument(help="Such as a1_toy_diffusion.")],
    submitted: Annotated[Path, typer.Argument(help="One folder in it per student.")],
    student: Annotated[str | None, typer.Option(help="Grade only this one, again.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Submissions graded at once.")] = 1,
    dask: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler that does the work instead.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep results whose submission has not changed.")
    ] = False,
    due: Annotated[
        datetime | None,
        typer.Option(help="When it was due: late days are counted by the files' own times."),
    ] = None,
    salt: Annotated[
        str | None,
        typer.Option(
            help="Any word: it changes the inputs of the probes "
            "[default: drawn once, and kept beside the results]",
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
    or SUBMITTED/<student>/<assignment>.ipynb.

    Example: course grade a1_toy_diffusion submitted/ --jobs 2 --resume
    """
    if os.name == "nt":
        raise fail(
            "grading needs Linux or macOS: on Windows, install and run the course in WSL 2."
        )
    if not submitted.is_dir():
        raise fail(f"{submitted} is not a folder.")
    try:
        probes.load(assignment, solutions)
        start = launcher(container, unsafe)
        start(sandbox.Limits())  # if it is missing, say so before anything else
    except (FileNotFoundError, sandbox.SandboxMissing) as error:
        raise fail(error) from error
    if start is sandbox.bubblewrap and (danger := sandbox.exposed(solutions, submitted, results)):
        raise fail(danger)
    outputs.check_folder(results)
    names = grade.students(submitted)
    if student is not None and student not in names:
        raise fail(f"there is no folder {submitted / student}.")
    stored = results / assignment / "students"
    salt = kept_salt(stored.parent) if salt is None else salt
    todo = [
        grade.Job(
            name,
            assignment,
            solutions.resolve(),
            submitted.resolve() / name,
            start,
            salt=salt,
            due=due.timestamp() if due else None,
        )
        for name in ([student] if student else names)
    ]
    if resume:
        todo = grade.unfinished(todo, stored)
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
    report_command(assignment, results)


def stored_results(folder: Path) -> list[storage.Result]:
    """Read the results of an assignment, or say that there are none."""
    found = storage.read_all(folder / "students")
    if not found:
        raise fail(f"there are no results in {folder}: run `course grade` first.")
    return found


@app.command("report")
def report_command(
    assignment: Annotated[str, typer.Argument(help="Such as a1_toy_diffusion.")],
    results: Results = Path("results"),
) -> None:
    """Write the table of marks, the pages of feedback and the overview from stored results.

    Example: course report a1_toy_diffusion
    """
    folder = results / assignment
    whole = stored_results(folder)
    report.write_all(whole, folder)
    typer.echo(
        f"Wrote {folder}/grades.csv, overview.html and feedback/ for {len(whole)} students."
    )


class Form(str, Enum):
    """What ``course export`` can write."""

    gradebook = "gradebook"
    canvas = "canvas"
    gradescope = "gradescope"


@app.command("export")
def export_command(
    assignment: Annotated[str, typer.Argument(help="Such as a1_toy_diffusion.")],
    form: Annotated[Form, typer.Option("--to", help="For which program.")] = Form.gradebook,
    results: Results = Path("results"),
) -> None:
    """Hand the marks on: to nbgrader's gradebook.db, to Canvas (CSV), or to Gradescope (JSON).

    Example: course export a1_toy_diffusion --to canvas
    """
    folder = results / assignment
    found = stored_results(folder)
    if form is Form.canvas:
        storage.write_atomically(folder / "canvas.csv", export.canvas(found))
        typer.echo(f"Wrote {folder}/canvas.csv for {len(found)} students.")
    elif form is Form.gradescope:
        for result in found:
            path = folder / "gradescope" / result.student / "results.json"
            storage.write_atomically(path, export.gradescope(result))
        typer.echo(f"Wrote {folder}/gradescope/ for {len(found)} students.")
    else:
        try:
            count = export.gradebook(found, Path("gradebook.db"))
        except releases.InstructorExtraMissing as error:
            raise fail(error) from error
        typer.echo(f"Stored the scores of {count} of {len(found)} students in gradebook.db.")


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
