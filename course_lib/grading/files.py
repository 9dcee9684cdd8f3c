"""Opening what a student handed in, a file or an archive, without trusting a byte of it.

Nothing is unpacked to the disk. Of an archive, at most `SIZE_CAP` bytes are read, one member at a
time and in memory, so that neither a path nor a link nor a bomb in it reaches anything.
"""

import errno
import gzip
import io
import itertools
import os
import re
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE_CAP = 20 * 2**20
"""Bytes of a notebook, and of an archive."""
UNPACKED_CAP = 4 * SIZE_CAP
"""Bytes of an unpacked tar.gz, whose members lie behind one another."""
MEMBERS_CAP = 1000
ARCHIVE = re.compile(r"\.(zip|rar|7z|tar|tgz|gz|bz2|xz|zst)$", re.IGNORECASE)
UNLOCKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others may ask for gigabytes to begin with
SHOWN = 120  # characters of a name in a sentence


class Unreadable(Exception):
    """A submission that cannot be graded at all; ``status`` is ``unreadable`` or ``missing``."""

    def __init__(self, status: str, finding: str) -> None:
        super().__init__(finding)
        self.status, self.finding = status, finding


def shown(name: object) -> str:
    """A name as it may stand in a sentence: printable, and not too long."""
    text = os.fsencode(str(name)).decode("utf-8", "backslashreplace")
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= SHOWN else f"{text[: SHOWN // 2]}…{text[-SHOWN // 2 :]}"


def read_bytes(path: Path) -> tuple[bytes, float]:
    """Read a regular file of at most ``SIZE_CAP`` bytes, without following a link.

    Returns  its bytes, and when it was last changed, in seconds since 1970
    Raises   Unreadable if it is something else, or too large
    """
    name = shown(path.name)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        what = "is a link" if error.errno == errno.ELOOP else "cannot be opened"
        raise Unreadable("unreadable", f"{name} {what}; hand in the file itself.") from None
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode):
        os.close(descriptor)
        raise Unreadable("unreadable", f"{name} is not a file.")
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(SIZE_CAP + 1)
    return capped(data, name), about.st_mtime


def capped(data: bytes, name: str) -> bytes:
    """Return the bytes of a file.

    Raises  Unreadable if there are more than ``SIZE_CAP``
    """
    if len(data) > SIZE_CAP:
        advice = "hand in the notebook alone" if ARCHIVE.search(name) else "clear its outputs"
        raise Unreadable(
            "unreadable", f"{name} has more than {SIZE_CAP // 2**20} MB: {advice} and save it."
        )
    return data


def members(path: Path) -> list[str]:
    """Names of the files in an archive, the first ``MEMBERS_CAP``; links are none.

    Raises  Unreadable if it cannot be opened, and says so in a sentence
    """
    with _archive(path) as archive:
        if isinstance(archive, zipfile.ZipFile):
            entries = archive.infolist()[:MEMBERS_CAP]
            return [e.filename for e in entries if not (e.is_dir() or _links(e))]
        entries = itertools.islice(iter(archive.next, None), MEMBERS_CAP)
        return [entry.name for entry in entries if entry.isreg()]


def read_member(path: Path, member: str) -> bytes:
    """Read one file of an archive.

    Raises  Unreadable if that cannot be done, or it is larger than ``SIZE_CAP``
    """
    name = shown(f"{path.name}/{member}")
    with _archive(path) as archive:
        if isinstance(archive, zipfile.ZipFile):
            entry = archive.getinfo(member)
            if entry.flag_bits & 1:
                raise Unreadable("unreadable", f"{name} is locked by a password.")
            if entry.compress_type not in UNLOCKED:
                raise ValueError("a compression that is not opened here")
            with archive.open(entry) as file:
                return capped(file.read(SIZE_CAP + 1), name)
        entries = itertools.islice(iter(archive.next, None), MEMBERS_CAP)
        entry = next(entry for entry in entries if entry.name == member and entry.isreg())
        return capped(archive.extractfile(entry).read(SIZE_CAP + 1), name)


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile | tarfile.TarFile]:
    """Open an archive; whatever goes wrong with it is one and the same sentence."""
    name = shown(path.name)
    advice = f"{name} is an archive that cannot be opened here: hand in the notebook itself."
    data, _ = read_bytes(path)
    try:
        if zipfile.is_zipfile(io.BytesIO(data)):
            opened = zipfile.ZipFile(io.BytesIO(data))
        else:
            if data.startswith(b"\x1f\x8b"):
                with gzip.open(io.BytesIO(data)) as file:
                    data = file.read(UNPACKED_CAP + 1)
            if len(data) > UNPACKED_CAP:
                raise ValueError("too large")
            opened = tarfile.open(fileobj=io.BytesIO(data), mode="r:")
        with opened:
            yield opened
    except Unreadable:
        raise
    except Exception:  # the libraries raise a dozen kinds when what they read is hostile
        raise Unreadable("unreadable", advice) from None


def _links(entry: zipfile.ZipInfo) -> bool:
    """Whether a member of a zip is a symbolic link, whose content is a path."""
    return stat.S_ISLNK(entry.external_attr >> 16)
