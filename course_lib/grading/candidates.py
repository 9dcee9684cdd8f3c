"""Every file of a student's that may be the notebook, and which is the likeliest.

Only names are looked at here, on the disk and in archives.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from course_lib.grading import files
from course_lib.grading.files import Unreadable, shown
from course_lib.grading.platforms import Label, label, spelled

DEPTH = 3  # folders in folders
FOLDER = 40  # the depth of a folder with a notebook's name
ELSEWHERE = 50  # the depth of what lies in another assignment's folder
ENTRIES_CAP = 5000  # somebody hands in a virtual environment
JUNK = re.compile(
    r"\..*|~\$.*|__macosx|desktop\.ini|thumbs\.db|icon\r|\$recycle\.bin|@eadir|lost\+found",
    re.IGNORECASE,
)
"""What macOS, Windows, Office, Jupyter and file servers leave behind."""
ENDING = re.compile(r"\.ipynb(\.(ipynb|json|txt|download))*$", re.IGNORECASE)
DOUBTFUL = re.compile(r"\.(json|txt)$", re.IGNORECASE)  # a notebook, if the rest is its name
AGAIN = r"(copy_of_|kopie_von_)?{}(_(v?\d{{1,3}}|copy\d*|kopie|copie|copia|final))*"
"""What browsers, Jupyter, Drive, platforms and students make of a name that they have already."""
LOOSE_CAP = 20  # notebooks with any name that are looked into


@dataclass(frozen=True)
class Candidate:
    """A file that may be the notebook.

    path    on the disk
    name    its own, without what a platform wrote before it
    shown   the same for people, with the folders that it lies in
    depth   how far it lies from where it should
    label   what the platform's name tells, or None
    member  its name in the archive ``path``, or None
    """

    path: Path
    name: str
    shown: str
    depth: int
    label: Label | None
    member: str | None = None

    @property
    def age(self) -> tuple:
        """Larger for a later attempt: first by what a platform says, then by the file's time."""
        number = re.search(r"(\d*)\W*$", ENDING.sub("", self.name))[1]
        said = (self.label.time or 0.0, self.label.number) if self.label else (0.0, 0)
        return *said, self.path.lstat().st_mtime, int(number[-9:] or 0), self.name

    def read(self) -> tuple[bytes, float]:
        """Return its bytes and the file's time; an archive's is that of all its members."""
        if self.member is None:
            return files.read_bytes(self.path)
        return files.read_member(self.path, self.member), self.path.lstat().st_mtime


def walk(
    place: Path, several: bool, assignment: str, others: Sequence[str]
) -> Iterator[Candidate]:
    """Yield all files of a place, those that lie where they should first; links are not followed.

    Raises  OSError if the place cannot be read, Unreadable if it is a link
    """
    about = label(spelled(place.name), folder := place.is_dir() or place.is_symlink())
    base = place.parent if several else place
    if not folder:
        name = about.file if about else spelled(place.name)
        yield Candidate(place, name, shown(place.name if several else name), 0, about)
        return
    for way in (place, place / assignment):
        if way.is_symlink():
            raise Unreadable(
                "unreadable", f"The folder {shown(way.name)} is a link, not a folder."
            )
    todo, count = [(place, 1)], 0
    while todo:
        way, depth = todo.pop(0)
        try:
            entries = sorted(os.scandir(way), key=lambda entry: entry.name)
        except OSError:
            if way == place:
                raise
            entries = []
        for entry in entries:
            count += 1
            if JUNK.fullmatch(entry.name) or count > ENTRIES_CAP:
                continue
            path, name = Path(entry.path), spelled(entry.name)
            if not entry.is_dir(follow_symlinks=False):
                yield Candidate(path, name, shown(path.relative_to(base)), depth, about)
            elif depth <= DEPTH:
                if ENDING.search(name):
                    yield Candidate(path, name, shown(path.relative_to(base)), FOLDER, about)
                here, other = depth == 1 and name == assignment, name in others
                todo.append((path, 0 if here else depth + (ELSEWHERE if other else 1)))


def members(file: Candidate, told: list[str]) -> Iterator[Candidate]:
    """Yield the notebooks in an archive; if it cannot be opened, add a sentence to ``told``."""
    if not files.ARCHIVE.search(file.name) or file.depth >= ELSEWHERE:
        return
    try:
        members = files.members(file.path)
    except Unreadable as reason:
        told.append(reason.finding)
        return
    for member in members:
        parts = [part for part in re.split(r"[/\\]", member) if part not in ("", ".", "..")]
        name = parts[-1] if parts else ""
        if ENDING.search(name) and not any(map(JUNK.fullmatch, parts)):
            way = shown(f"{file.shown}/{member}")
            yield Candidate(file.path, spelled(name), way, file.depth + 1, file.label, member)


def ranked(seen: Sequence[Candidate], name: str) -> tuple[list[Candidate], list[Candidate]]:
    """Return the files whose names fit, the best first, and the other notebooks, newest first."""
    newest = sorted(seen, key=lambda file: file.age, reverse=True)
    fitting = [f for f in newest if fits(f.name, name) and f.depth != FOLDER]
    exact = [file for file in fitting if file.name == f"{name}.ipynb"]
    variants = [file for file in fitting if file not in exact]
    doubtful = [file for file in newest if DOUBTFUL.sub("", file.name) == name]
    loose = [file for file in newest if ENDING.search(file.name) and file not in fitting]
    loose = [file for file in [*loose, *doubtful] if file.depth < ELSEWHERE][:LOOSE_CAP]
    return [*sorted(exact, key=lambda file: file.depth), *variants], loose


def fits(name: str, assignment: str) -> bool:
    """Whether a file's name is the right one or a variant of it."""
    stem = ENDING.sub("", name)
    return stem != name and bool(re.fullmatch(AGAIN.format(_plain(assignment)), _plain(stem)))


def _plain(text: str) -> str:
    """A name in small letters, in which all that separates words is one and the same."""
    return re.sub(r"[\W_]+", "_", text.casefold()).strip("_")
