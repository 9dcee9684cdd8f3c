"""Which students handed something in, and where each one's notebook is.

A notebook is looked for in every shape in which it arrives: with another ending, in a folder of a
folder, in an archive, beside older attempts, under a learning platform's name. What is odd is told
as a *finding*, a sentence for the student and the instructor; what belongs to nobody is told to
the instructor alone, with its path.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from course_lib.grading import files
from course_lib.grading.candidates import ELSEWHERE, JUNK, Candidate, fits, members, ranked, walk
from course_lib.grading.files import Unreadable, shown
from course_lib.grading.platforms import label, moment, spelled

NAMED = 4  # files named in one sentence


@dataclass(frozen=True)
class Arrival:
    """A student, and all that is this student's in the class's folder.

    student  the folder's name, or the platform's number
    places   folders and files; a platform makes a new one for each attempt
    """

    student: str
    places: tuple[Path, ...]


@dataclass(frozen=True)
class Found:
    """The notebook that is graded.

    time      when it was handed in, in seconds since 1970
    findings  what is odd about how it arrived
    """

    data: bytes
    time: float
    findings: list[str]


def students(submitted: Path) -> tuple[list[Arrival], list[str]]:
    """Return the students in a class's folder, by name, and sentences about what is nobody's."""
    found: dict[str, list[Path]] = {}
    told = []
    for entry in sorted(submitted.iterdir()):
        if JUNK.fullmatch(entry.name) or entry.name == "index.html":  # Brightspace's own page
            continue
        folder = entry.is_symlink() or entry.is_dir()
        known = label(spelled(entry.name), folder)
        if known or folder:
            student = known.student if known else spelled(entry.name)
            found.setdefault(student, []).append(entry)
            if not (known or entry.is_symlink()) and _is_download(entry):
                told.append(f"{shown(entry)} holds several students' files: grade that folder.")
        elif files.ARCHIVE.search(entry.name):
            told.append(f"{shown(entry)} was left out: unpack it, and grade that folder.")
        else:
            told.append(f"{shown(entry)} was left out: its name does not say whose it is.")
    if len(told) > NAMED:
        told[NAMED:] = [
            f"{len(told) - NAMED} more files in {shown(submitted)} were left out, too."
        ]
    return [Arrival(student, tuple(found[student])) for student in sorted(found)], told


def _is_download(folder: Path) -> bool:
    """Whether a student's folder is a platform's download instead, one folder too deep."""
    try:
        labels = [label(spelled(path.name), path.is_dir()) for path in folder.iterdir()]
    except OSError:
        return False  # it will be told when it is graded
    return len({known.student for known in labels if known}) > 1


def present(submitted: Path) -> set[str]:
    """Who is in a class's folder; nobody, if it is no longer there and cannot tell."""
    try:
        return {arrival.student for arrival in students(submitted)[0]}
    except OSError:
        return set()


def find(
    places: Sequence[Path],
    assignment: str,
    others: Sequence[str] = (),
    whose: Callable[[bytes], str | None] = lambda data: None,
) -> Found:
    """Find a student's notebook, and read it.

    The file with exactly the right name is graded; without one, the newest whose name is a variant
    of it; without these, the newest that is of this assignment, or whatever is the only notebook.
    One that is of another assignment is passed over. Archives are opened if no name outside fits.

    places  folders and files of the student's
    others  names of the other assignments
    whose   tells from a notebook's bytes which assignment it is of, or None
    Raises  Unreadable if there is none, or it cannot be read
    """
    try:
        several = len(places) > 1
        seen = [file for place in places for file in walk(place, several, assignment, others)]
    except OSError:
        raise Unreadable("unreadable", "The folder cannot be read.") from None
    told: list[str] = []
    if not any(fits(file.name, assignment) for file in seen):
        seen += [member for file in seen for member in members(file, told)]
    fitting, loose = ranked(seen, assignment)
    strange: dict[Candidate, str] = {}
    unknown = []
    for file in [*fitting, *loose]:
        try:
            data, time = file.read()
        except Unreadable as reason:
            if file in fitting:
                raise
            told.append(reason.finding)
            continue
        of = whose(data) or next((name for name in others if fits(file.name, name)), None)
        if of not in (None, assignment):
            strange[file] = f"{file.shown} looks like {of}, so that it was not graded."
        elif file in fitting or of == assignment:
            beside = [f for f in (fitting or loose) if f.depth < ELSEWHERE and f not in strange]
            return _found(file, data, time, beside, assignment, [*told, *strange.values()])
        else:
            unknown.append((file, data, time))
    if len(unknown) == 1:
        return _found(*unknown[0], [], assignment, [*told, *strange.values()])
    if unknown:
        told = [f"There are {len(unknown)} notebooks, and none is {assignment}.ipynb."]
    if told:
        raise Unreadable("unreadable", " ".join(told[:NAMED]))
    rest = ", ".join([file.shown for file in seen if file.depth < ELSEWHERE][:NAMED])
    none = f"No notebook was handed in, but {rest}." if rest else "No notebook was handed in."
    raise Unreadable("missing", " ".join([*strange.values()][:NAMED]) or none)


def _found(
    file: Candidate,
    data: bytes,
    time: float,
    beside: Sequence[Candidate],
    assignment: str,
    told: Sequence[str],
) -> Found:
    """Say what is odd about the file that is graded, and when it was handed in."""
    findings = []
    if file.name != f"{assignment}.ipynb" or file.depth > 1 or file.member:
        findings.append(f"The file is called {file.shown} instead of {assignment}.ipynb.")
    if also := [other for other in beside if other != file]:
        names = ", ".join(other.shown for other in also[:NAMED])
        newest = max([file, *also], key=lambda file: file.age)
        which = "the one that was graded" if newest == file else newest.shown
        findings.append(f"Other attempts, not graded: {names}. The newest is {which}.")
    if file.label:
        if file.label.late:
            findings.append(f"{file.label.platform} marks it as late.")
        time = file.label.time or time
    elif file.depth < 2 and os.path.lexists(stamp := file.path.with_name("timestamp.txt")):
        try:
            time = moment(files.read_bytes(stamp)[0].decode())
        except (Unreadable, ValueError):
            findings.append("timestamp.txt holds no time, so that the notebook's own time counts.")
    return Found(data, time, [*findings, *told])
