"""The instructor's commands that look at a class: ``course similar`` and ``course by-hand``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from course_lib.cli.errors import fail
from course_lib.cli.export import Results, note
from course_lib.cli.grade import Solutions
from course_lib.grading import (
    anonymous,
    by_hand,
    notebook,
    probes,
    side_by_side,
    similarity,
    submissions,
)
from course_lib.grading import results as storage
from course_lib.grading.files import Unreadable

app = typer.Typer()
Submitted = Annotated[Path, typer.Argument(help="The class's folder, or a platform's download.")]


def read_class(
    folder: Path, assignment: str, solutions: Path, told: list[str]
) -> Iterator[submissions.Handed]:
    """Yield a class's notebooks under a progress bar, or end with a sentence."""
    if not folder.is_dir():
        raise fail(f"{folder} is not a folder.")
    try:
        probes.load(assignment, solutions)
        handed = submissions.handed_in(folder, assignment, solutions, told)
        yield from tqdm(handed, unit="notebook", desc=folder.name)
    except FileNotFoundError as error:
        raise fail(error) from error
    except OSError as error:
        raise fail(f"{folder} cannot be read: {error.strerror}.") from error


@app.command("similar")
def similar(
    assignment: Annotated[str, typer.Argument(help="Such as a1_toy_diffusion.")],
    submitted: Submitted,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Score that a pair must exceed (default: 0.5, or what lies far outside of the "
            "class's own scores, if that is more)",
            show_default=False,
        ),
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="Pairs on the page.")] = 50,
    also: Annotated[
        list[Path] | None,
        typer.Option(help="Another year's folder, to compare with; may be given several times."),
    ] = None,
    solutions: Solutions = Path("solutions"),
    assignments: Annotated[Path, typer.Option(help="Folder of what was handed out.")] = Path(
        "assignments"
    ),
    results: Results = Path("results"),
) -> None:
    """Show whose code is alike, side by side. It reports, accuses nobody, and changes no score.

    Nothing is run. The code of the students' cells is compared without its names, comments,
    strings and layout; what was handed out, and what many of the class have, does not count. The
    page tells what is usual in the class. --also solutions compares with the masters, too.

    Example: course similar a1_toy_diffusion submitted/ --also submitted-2024/
    """
    told: list[str] = []
    master = solutions / assignment / f"{assignment}.ipynb"
    given = assignments / assignment / f"{assignment}.ipynb"

    def documents(folder: Path, prefix: str = "") -> Iterator[similarity.Document]:
        for one in read_class(folder, assignment, solutions, told):
            try:
                cells = notebook.read(one.data, master).cells
            except Unreadable as reason:
                told.append(f"{prefix}{one.who}: {reason.finding}")
                continue
            theirs = [cell.source for cell in cells if not cell.ours]
            found = similarity.document(f"{prefix}{one.who}", theirs)
            if found.cut:
                told.append(f"{found.who}: so much code that only its beginning was compared.")
            yield found

    try:
        cells = notebook.parse(given.read_text("utf-8"))
    except (OSError, ValueError, Unreadable):
        raise fail(f"{given}, which was handed out, cannot be read: `course release`.") from None
    released = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
    mine = list(documents(submitted))
    old = [one for folder in also or () for one in documents(folder, f"{folder.name}/")]
    found = similarity.compare(mine, similarity.document("", released), old)
    for sentence in told:
        note(sentence)
    folder = results / assignment
    page = side_by_side.similarity_page(assignment, found, threshold, most, told)
    storage.write_atomically(folder / "similar.html", page)
    storage.write_atomically(
        folder / "similar.csv", side_by_side.similarity_table(found, threshold)
    )
    typer.echo(side_by_side.usual(found, threshold))
    pairs = len(side_by_side.chosen(found, threshold))
    typer.echo(f"Wrote {folder}/similar.html with {pairs} pairs, and similar.csv.")


@app.command("by-hand")
def by_hand_command(
    assignment: Annotated[str, typer.Argument(help="Such as a2_mnist_ddpm.")],
    submitted: Submitted,
    solutions: Solutions = Path("solutions"),
    results: Results = Path("results"),
) -> None:
    """Write all answers in words on pages without names, and a table for their points.

    RESULTS/<assignment>/by_hand/ holds a page for each question, the rubric first, and
    by_hand.csv; give it to whoever reads the answers, and fill in the points. The key that tells
    whose they are lies beside that folder. `course report` and `course export` then count the
    points. Run this again for whoever was late: what was filled in stays.

    Example: course by-hand a2_mnist_ddpm submitted/
    """
    told: list[str] = []
    handed = {}
    master = solutions / assignment / f"{assignment}.ipynb"
    asked: list[anonymous.Question] = []
    for one in read_class(submitted, assignment, solutions, told):
        asked = asked or anonymous.questions(master)
        try:
            handed[one.student] = (one.called, anonymous.answers(one.data, master, asked))
        except Unreadable as reason:
            told.append(f"{one.who}: {reason.finding}")
    for sentence in told:
        note(sentence)
    if not asked:
        raise fail(f"{assignment} asks for nothing that a person reads, or nobody handed it in.")
    folder = results / assignment
    try:
        texts = {student: written for student, (_, written) in handed.items()}
        found, changed = by_hand.prepare(folder, asked, texts)
    except by_hand.SheetUnreadable as error:
        raise fail(error) from error
    for sentence in changed:
        note(sentence)
    for question in asked:
        shown = {
            code: anonymous.without_names(
                texts[student][question.id], (student, handed[student][0]), handed
            )
            for code, student in found[question.id].items()
        }
        page = anonymous.question_page(assignment, question, shown)
        storage.write_atomically(folder / by_hand.SHEET.with_name(f"{question.id}.html"), page)
    typer.echo(
        f"Wrote {len(asked)} pages and by_hand.csv to {folder / by_hand.SHEET.parent}; "
        f"{folder / by_hand.KEY} tells whose answers they are."
    )
