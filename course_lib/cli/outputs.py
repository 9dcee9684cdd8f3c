"""Where a command writes: looked at before the work begins, so that none is done in vain."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from course_lib.cli.errors import fail


def check(
    out: Path,
    endings: Sequence[str],
    *,
    overwrite: bool,
    hint: str = "--overwrite to replace it",
) -> str:
    """Return the ending of a file's name, in lower case, after a look whether it can be written.

    endings    those that the command can write, without their dot
    overwrite  whether an existing file may be replaced
    hint       what to add to the command if one may not
    Raises     typer.Exit with one sentence
    """
    ending = out.suffix.removeprefix(".").lower()
    try:
        if out.is_dir():
            raise fail(f"{out} is a folder: name a file, such as {out / f'a.{endings[0]}'}.")
        if ending not in endings:
            raise fail(f"{out} must end in .{' or .'.join(endings)}: name another --out.")
        if not out.parent.is_dir():
            raise fail(f"there is no folder {out.parent}: make it, or name another --out.")
        there = os.path.lexists(out)
        if there and not overwrite:
            raise fail(f"{out} exists: add {hint}.")
        with tempfile.TemporaryFile(dir=out.parent), open(out, "ab"):
            pass  # both can be opened: a checkpoint comes as a new file that replaces the old one
        if not there:
            out.unlink()
    except OSError as error:
        raise fail(f"{out} cannot be written: {error.strerror or error}.") from error
    return ending


def check_folder(folder: Path) -> None:
    """Look whether files can be written in a folder, which need not exist yet.

    Raises  typer.Exit with one sentence
    """
    try:
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise fail(f"{folder} cannot be written: {error.strerror or error}.") from error
