"""What students and platforms really hand in, as data: a case is a name, a writer, and the truth.

Each case is one student's share of a class's folder. The kinds come from public reports of
students, instructors and makers of tools.
"""

import copy
import gzip
import io
import json
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from attacks import NAME

from course_lib.grading import demo
from course_lib.grading.results import Result

SOLUTIONS = Path(__file__).parents[2] / "solutions"
RIGHT = demo.load_master(NAME, SOLUTIONS)
OTHER = demo.load_master("a3_sampling_and_guidance", SOLUTIONS)
TEXT = json.dumps(RIGHT, ensure_ascii=False)
DATA = TEXT.encode()
FILE = f"{NAME}.ipynb"
WRONG = json.dumps(demo.unanswered(RIGHT, ["ex1_schedule"])).encode()
"""An older attempt: whoever grades it gives 85 points."""


class Case(NamedTuple):
    """What one student handed in.

    write    puts it into the class's folder
    status   that the result must have
    says     what one finding must contain; without it, there must be none
    student  how the student must be called
    """

    name: str
    write: Callable[[Path], None]
    status: str = "graded"
    says: str = ""
    student: str = "ana"

    def judge(self, result: Result) -> str | None:
        """Return what is wrong with the result, or None."""
        told = [*result.findings, *(f for mark in result.marks for f in mark.findings)]
        if (result.status, result.score) != (self.status, 100 * (self.status == "graded")):
            return f"it is {result.status} with {result.score} points: {told}"
        if [self.says in finding for finding in told].count(True) != bool(self.says):
            return f"not one of the findings contains {self.says!r}: {told}"
        return f"it has findings: {told}" if told and not self.says else None


def put(**entries: bytes):
    """Write files into the student's folder; a later one is newer."""
    return entry({f"ana/{name}": data for name, data in entries.items()})


def entry(entries: dict[str, bytes]):
    """Write files into the class's folder; each is newer than the one before."""

    def write(submitted: Path) -> None:
        for age, (name, data) in enumerate(entries.items()):
            path = submitted / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            os.utime(path, (10**9 + 1000 * age, 10**9 + 1000 * age))

    return write


def one(name: str, data: bytes = DATA):
    """Write one file into the student's folder."""
    return entry({f"ana/{name}": data})


def raw(data: bytes):
    """Hand in these bytes under the right name."""
    return one(FILE, data)


def zipped(entries: dict[str, bytes], **options) -> bytes:
    """Return a zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(zipfile.ZipInfo(name) if not options else info(name, **options), data)
    return out.getvalue()


def info(name: str, **options) -> zipfile.ZipInfo:
    """Describe a member of a zip."""
    about = zipfile.ZipInfo(name)
    for key, value in options.items():
        setattr(about, key, value)
    return about


def tarred(entries: dict[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    """Return a tar.gz."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in entries.items():
            member = tarfile.TarInfo(name)
            member.size, member.type = len(data) if kind == tarfile.REGTYPE else 0, kind
            member.linkname = "/etc/passwd"
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def edited(change: Callable[[dict], None]) -> bytes:
    """Return the right notebook with each of its cells changed."""
    content = copy.deepcopy(RIGHT)
    for cell in content["cells"]:
        change(cell)
    return json.dumps(content).encode()


def without_marks(cell: dict) -> None:
    """Drop the metadata."""
    cell["metadata"] = {}


def nameless(cell: dict) -> None:
    """Drop the metadata, and the id."""
    cell["metadata"] = {}
    del cell["id"]


def with_returns(cell: dict) -> None:
    """End lines as Windows does."""
    cell["source"] = "".join(cell["source"]).replace("\n", "\r\n")


def with_old_returns(cell: dict) -> None:
    """End lines as Macs did long ago."""
    cell["source"] = "".join(cell["source"]).replace("\n", "\r")


def with_spaces(cell: dict) -> None:
    """End lines with spaces."""
    cell["source"] = "".join(cell["source"]).replace("\n", "  \n") + " \n"


def locked(archive: bytes) -> bytes:
    """Return a zip that asks for a password."""
    at = archive.index(b"PK\x01\x02") + 8
    return archive[:at] + b"\1" + archive[at + 1 :]


BOMB = zipped({FILE: b" " * (40 * 2**20)})
READING = [
    Case("plain", raw(DATA)),
    Case("a byte order mark", raw(b"\xef\xbb\xbf" + DATA), says="UTF-8 with a byte order mark"),
    Case("UTF-16", raw(TEXT.encode("utf-16")), says="UTF-16"),
    Case("UTF-16, big-endian", raw(b"\xfe\xff" + TEXT.encode("utf-16-be")), says="UTF-16"),
    Case("UTF-32", raw(TEXT.encode("utf-32")), says="UTF-32"),
    Case("Latin-1", raw('{"cells": "é"}'.encode("latin-1")), "unreadable", "no UTF-8"),
    Case("half a UTF-16", raw(b"\xff\xfe\x00"), "unreadable", "is damaged"),
    Case("empty", raw(b""), "unreadable", "is empty"),
    Case("a web page", raw(b"\n<!DOCTYPE html><html>"), "unreadable", "a web page"),
    Case("a zip called a notebook", raw(zipped({FILE: DATA})), "unreadable", "an archive"),
    Case("version 3", raw(b'{"worksheets": []}'), "unreadable", "old version of Jupyter"),
    Case("cut off", raw(DATA[:5000]), "unreadable", "not a notebook"),
    Case("lines of Windows", raw(edited(with_returns))),
    Case("lines of old Macs", raw(edited(with_old_returns))),
    Case("spaces at ends of lines", raw(edited(with_spaces))),
    Case("metadata stripped", raw(edited(without_marks)), says="by their ids"),
    Case("metadata and ids stripped", raw(edited(nameless)), says="by their own names"),
]
FINDING = [
    Case("as nbgrader collects it", one(f"{NAME}/{FILE}")),
    Case(".ipynb.json", one(f"{FILE}.json"), says=f"is called {FILE}.json instead of"),
    Case(".ipynb.txt", one(f"{FILE}.txt"), says="is called"),
    Case(".json", one(f"{NAME}.json"), says="is called"),
    Case("no ending", one(NAME), says="is called"),
    Case("capitals", one(f"{NAME}.IPYNB"), says="is called"),
    Case("of Drive", one(f"Copy of {FILE}"), says="is called"),
    Case("any name", one("my homework.ipynb"), says="is called my homework.ipynb"),
    Case(
        "of Drive, beside a newer scratch notebook",
        put(**{f"Copy of {FILE}": DATA, "scratch.ipynb": WRONG}),
        says="is called Copy of",
    ),
    Case("any name, and no names", one("my.ipynb", edited(nameless)), says="is called my.ipynb"),
    Case("a folder in the folder", one(f"homework/{FILE}"), says=f"called homework/{FILE}"),
    Case("two folders in the folder", one(f"a/b/{FILE}"), says=f"called a/b/{FILE}"),
    Case("a folder called a notebook", one(f"{FILE}/{FILE}"), says="is called"),
    Case("an empty one", lambda s: (s / "ana" / FILE).mkdir(parents=True), "unreadable", "no"),
    Case("nothing", lambda s: (s / "ana").mkdir(), "missing", "No notebook was handed in."),
    Case(
        "a program", one("homework.py"), "missing", "No notebook was handed in, but homework.py."
    ),
    Case("leftovers only", one(f"._{FILE}"), "missing", "No notebook was handed in."),
    Case(
        "leftovers beside it",
        put(
            **{
                FILE: DATA,
                f"._{FILE}": b"\0",
                ".DS_Store": b"\0",
                "desktop.ini": b"",
                "Thumbs.db": b"",
                f"~${FILE}": b"",
                f"__MACOSX/{FILE}": b"",
                f".ipynb_checkpoints/{NAME}-checkpoint.ipynb": WRONG,
            }
        ),
    ),
    Case("two attempts", put(**{FILE: DATA, f"{NAME}-1.ipynb": WRONG}), says="newest is a1"),
    Case(
        "two attempts, the newest graded",
        put(**{f"{NAME} (1).ipynb": WRONG, FILE: DATA}),
        says="The newest is the one that was graded.",
    ),
    Case("a scratch notebook beside it", put(**{FILE: DATA, "scratch.ipynb": b"{}"})),
    Case(
        "a newer, right one by its content", put(**{"b.ipynb": b"{}", "c.ipynb": DATA}), says="c"
    ),
    Case("two strange ones", put(**{"a.ipynb": b"{}", "b.ipynb": b"{}"}), "unreadable", "2 note"),
    Case("another's only", one("homework.ipynb", json.dumps(OTHER).encode()), "missing", "a3_"),
    Case("another's, rightly named", raw(json.dumps(OTHER).encode()), "missing", "looks like a3_"),
    Case(
        "another's, as nbgrader collects", one("a3_sampling_and_guidance/x.ipynb"), "missing", "No"
    ),
    Case(
        "another's beside it",
        put(**{"homework.ipynb": DATA, "a2_mnist_ddpm.ipynb": b"{}"}),
        says="homework.ipynb",
    ),
    Case("a zip", one("hand in.zip", zipped({FILE: DATA})), says=f"hand in.zip/{FILE}"),
    Case(
        "a zip of a Mac",
        one("a.zip", zipped({f"__MACOSX/{FILE}": b"", f"x/{FILE}": DATA})),
        says="x",
    ),
    Case("a path out of a zip", one("a.zip", zipped({f"../../{FILE}": DATA})), says="is called"),
    Case("a tar.gz", one("a.tar.gz", tarred({f"x/{FILE}": DATA})), says="is called"),
    Case("a bomb", one("a.zip", BOMB), "unreadable", "more than 20 MB"),
    Case(
        "a bomb in a tar.gz", one("a.tgz", gzip.compress(bytes(90 * 2**20))), "unreadable", "a.tgz"
    ),
    Case(
        "a link in a tar.gz",
        one("a.tgz", tarred({FILE: b""}, tarfile.SYMTYPE)),
        "missing",
        "a.tgz",
    ),
    Case(
        "a link in a zip",
        one("a.zip", zipped({FILE: b"/etc/passwd"}, external_attr=0o120777 << 16)),
        "missing",
        "a.zip",
    ),
    Case(
        "a damaged zip", one("a.zip", BOMB[:500]), "unreadable", "a.zip is an archive that cannot"
    ),
    Case("a password", one("a.zip", locked(zipped({FILE: DATA}))), "unreadable", "by a password"),
    Case("a rar", one("a.rar", b"Rar!"), "unreadable", "a.rar is an archive that cannot"),
    Case("a 7z", one("a.7z", b"7z"), "unreadable", "a.7z is an archive that cannot"),
]
CANVAS, BRIGHTSPACE = "leeann_12345_67890_", "123456-78901 - Lee Ann - Oct 5, 2025 1159 PM"
MOODLE = "Lee Ann_12345_assignsubmission_file_"
PLATFORMS = [
    Case("Canvas", entry({f"{CANVAS}{FILE}": DATA}), student="12345"),
    Case(
        "Canvas, late and again",
        entry({f"roebob_LATE_12345_67890_{NAME}-1.ipynb": DATA}),
        says="Canvas marks it as late.",
        student="12345",
    ),
    Case("Canvas, anonymous", entry({f"anon_aB3dE_67890_{FILE}": DATA}), student="anon_aB3dE"),
    Case(
        "Canvas, two files, of which a later number is newer",
        entry({f"leeann_12345_9_{NAME}-1.ipynb": DATA, f"leeann_12345_8_{NAME}-2.ipynb": WRONG}),
        says="The newest is the one",
        student="12345",
    ),
    Case("Canvas, words", entry({"leeann_12345_text.html": b""}), "missing", "text.html", "12345"),
    Case(
        "Canvas, a zip",
        entry({f"{CANVAS}a.zip": zipped({FILE: DATA})}),
        says="a.zip",
        student="12345",
    ),
    Case("Moodle", entry({f"{MOODLE}/{FILE}": DATA}), student="12345"),
    Case("Moodle, newer", entry({f"{MOODLE[:-1]}/{FILE}": DATA}), student="12345"),
    Case("Moodle, flat", entry({f"{MOODLE}{FILE}": DATA}), student="12345"),
    Case(
        "Moodle, with words",
        entry({f"{MOODLE}/{FILE}": DATA, f"{MOODLE[:-5]}onlinetext_/onlinetext.html": b""}),
        student="12345",
    ),
    Case(
        "Brightspace", entry({f"{BRIGHTSPACE}/{FILE}": DATA, "index.html": b""}), student="123456"
    ),
    Case("Brightspace, flat", entry({f"{BRIGHTSPACE} - {FILE}": DATA}), student="123456"),
    Case(
        "Brightspace, twice",
        entry(
            {
                f"{BRIGHTSPACE}/{FILE}": DATA,
                f"123456-78901 - Lee Ann - Oct 5, 2025 900 AM/{FILE}": WRONG,
            }
        ),
        says="The newest is the one",
        student="123456",
    ),
]
NAMES = [
    Case(
        f"a student called {name!r}", entry({f"{os.fsdecode(name)}/{FILE}": DATA}), student=student
    )
    for name, student in [
        (b"-dash", "-dash"),
        (b"=cmd", "=cmd"),
        (b"+1", "+1"),
        (b"@ana", "@ana"),
        (b"M\xfcller", "M\\xfcller"),
        ("Jose\u0301".encode(), "José"),
        (b"x" * 255, "x" * 255),
        (b"con", "con"),
        ("李".encode(), "李"),
    ]
]
CASES = [*READING, *FINDING, *PLATFORMS, *NAMES]
