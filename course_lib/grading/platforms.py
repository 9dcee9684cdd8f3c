"""What names tell: a learning platform's name for a download, and nbgrader's for a moment.

Platforms hand out a whole class as one flat folder, and write into each name whose it is.
"""

import os
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

CANVAS = re.compile(
    r"(?:(?P<name>.+?)_)??(?P<late>LATE_)?(?P<student>\d+|anon_\w{5})_"
    r"(?:(?P<number>\d+)_(?P<file>.+)|(?P<text>(?:text|link)\.html))"
)
"""``leeann_12345_67890_a1.ipynb``: name, user, attachment; ``_LATE`` before the user if it was.

See  https://github.com/instructure/canvas-lms, lib/content_zipper.rb
"""
MOODLE = re.compile(
    r"(?P<name>.+)_(?P<student>\d+)_assignsubmission_[a-z]+(?:_(?P<file>.*))?", re.DOTALL
)
"""``Lee Ann_12345_assignsubmission_file_``: a folder, or in front of a file's own name.

See  https://github.com/moodle/moodle, mod/assign/locallib.php, download_submissions
"""
BRIGHTSPACE = re.compile(
    r"(?P<student>\d+)-(?P<number>\d+) - (?P<name>.+?) - (?P<time>[^-]*\b\d{4}\b[^-]*?)"
    r"(?: - (?P<file>.+))?"
)
"""``123456-78901 - Lee Ann - Oct 5, 2025 1159 PM``: a folder, or in front of a file's own name."""
MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d{1,6})? ?([A-Za-z0-9/_+:-]*)")


@dataclass(frozen=True)
class Label:
    """What a platform's name for a file or folder tells.

    student  the platform's number for the student
    name     the student's, as the platform writes it
    file     the file's own name; empty for a folder
    late     whether the platform says so
    number   larger for what was handed in later
    time     when it was handed in, in seconds since 1970, if the name tells
    """

    platform: str
    student: str
    name: str
    file: str = ""
    late: bool = False
    number: int = 0
    time: float | None = None


def label(name: str, folder: bool) -> Label | None:
    """Read the name that a platform gave to a file or folder; None if it is no platform's."""
    if match := BRIGHTSPACE.fullmatch(name):
        found = Label("Brightspace", match["student"], match["name"], match["file"] or "")
        found = Label(**{**vars(found), "time": _brightspace(match["time"])})
    elif match := MOODLE.fullmatch(name):
        found = Label("Moodle", match["student"], match["name"], match["file"] or "")
    elif not folder and (match := CANVAS.fullmatch(name)):
        found = Label(
            "Canvas",
            match["student"],
            match["name"] or "",
            match["file"] or match["text"],
            bool(match["late"]),
            int(match["number"] or 0),
        )
    else:
        return None
    return found if folder == (not found.file) else None


def _brightspace(text: str) -> float | None:
    """``Oct 5, 2025 1159 PM``, in local time and with no colon; None in another language."""
    match = re.fullmatch(r"([A-Z][a-z]{2})[a-z]* (\d{1,2}), (\d{4}) (\d{1,4}) ?([AP]M)", text)
    if match is None:
        return None
    month, day, year, clock, half = match.groups()
    clock = f"{clock}00" if len(clock) < 3 else clock
    try:
        written = f"{month} {day} {year} {clock:0>4} {half}"
        return datetime.strptime(written, "%b %d %Y %I%M %p").timestamp()
    except (ValueError, OverflowError):
        return None


def moment(text: str) -> float:
    """Seconds since 1970 of what nbgrader writes: ``2025-03-01 10:00:00.000000 UTC``.

    text    without a zone, as nbgrader takes it, the time is UTC
    Raises  ValueError if it is no such time
    """
    match = MOMENT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not a time: {text!r:.80}")
    day, clock, fraction, zone = match.groups()
    when = datetime.strptime(f"{day} {clock}{fraction or '.0'}", "%Y-%m-%d %H:%M:%S.%f")
    try:
        if zone in ("", "UTC", "GMT", "Z"):
            return when.replace(tzinfo=timezone.utc).timestamp()
        if zone[0] in "+-":
            return when.replace(tzinfo=datetime.strptime(zone, "%z").tzinfo).timestamp()
        return when.replace(tzinfo=ZoneInfo(zone)).timestamp()
    except (KeyError, OSError, OverflowError) as error:  # no such zone, or no such year
        raise ValueError(f"not a time: {text!r:.80}") from error


def spelled(name: str) -> str:
    """A file's name as text that is spelled alike on every system.

    macOS decomposes é, and some archives hold bytes that are no UTF-8; such a byte is written as
    ``\\xfc``, so that two names that differ still do.
    """
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return unicodedata.normalize("NFC", text)
