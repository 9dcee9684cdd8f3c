"""The instructor's commands after grading: ``course report`` and ``course export``."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from course_lib.cli.errors import fail
from course_lib.grading import arrivals, by_hand, export, lateness, report
from course_lib.grading import release as releases
from course_lib.grading import results as storage

app = typer.Typer()
Results = Annotated[Path, typer.Option(help="Folder for results.")]
LATE = "late.csv"
"""In the folder for results: see ``lateness``."""


def note(sentence: str) -> None:
    """Print what the instructor should know to the error stream."""
    typer.secho(f"Note: {sentence}", fg="yellow", err=True)


def stored_results(folder: Path) -> list[storage.Result]:
    """Read the results of an assignment, and tell of each that is not among them, or is odd.

    A result is left out once the class's folder no longer holds the student: the folder was
    renamed, and its result has another name, or it is gone. The result itself stays where it is.
    """
    found = storage.read_all(folder / "students")
    for path in storage.damaged(folder / "students"):
        note(f"{path} is damaged and left out: grade this student again.")
    if not found:
        raise fail(f"there are no results in {folder}: run `course grade` first.")
    sources = {result.source for result in found if result.source}
    present = {source: arrivals.present(Path(source)) for source in sources}
    gone = [r for r in found if present.get(r.source) and r.student not in present[r.source]]
    if gone:
        whom = ", ".join(f"{r.student} ({r.status}, {report.total(r) or '–'})" for r in gone)
        note(f"left out, because {gone[0].source} no longer holds them: {whom}.")
    kept = [result for result in found if result not in gone]
    if not kept:
        raise fail(f"there are no results in {folder} of students who are still there.")
    if older := report.outdated(kept):
        note(f"graded before an exercise was added, so grade again: {', '.join(older)}.")
    kept, told = by_hand.given(kept, folder)
    if (policy := folder.parent / LATE).exists():
        try:
            kept, more = lateness.apply(kept, lateness.read(policy))
        except lateness.PolicyUnreadable as error:
            raise fail(error) from error
        told = [*told, *more]
    for sentence in told:
        note(sentence)
    return kept


@app.command("report")
def report_command(
    assignment: Annotated[str, typer.Argument(help="Such as a1_toy_diffusion.")],
    results: Results = Path("results"),
) -> None:
    """Write the table of marks, the pages of feedback and the overview from stored results.

    A late policy and extensions are read from results/late.csv, if there is one, such as:

    \b
    student,assignment,due,grace_hours,percent_per_day,at_most
    *,*,,1,10,50
    *,a1_toy_diffusion,2026-03-01,,,
    ana,a1_toy_diffusion,2026-03-08T12:00,,,

    There * is all, and an empty cell leaves what a more general row says. What was earned stays
    in the column score; final is what being late leaves, and what exports hand on.

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
            path = folder / "gradescope" / storage.file_name(result.student) / "results.json"
            storage.write_atomically(path, export.gradescope(result))
        typer.echo(f"Wrote {folder}/gradescope/ for {len(found)} students.")
    else:
        database = Path("gradebook.db")
        try:
            count, others = export.gradebook(found, database)
        except (releases.InstructorExtraMissing, export.ForeignGradebook) as error:
            raise fail(error) from error
        if others:
            note(f"{database} still has submissions of others: {', '.join(others)}.")
        typer.echo(f"Stored the scores of {count} of {len(found)} students in {database}.")
