"""Fetch MNIST through torchvision, within a time limit, and keep only files that are real."""

import contextlib
import os
import queue
import socket
import tempfile
import threading
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from torchvision import datasets

from course_lib import say
from course_lib.data.stored import damaged

_PATIENCE = 6.0  # seconds for some mirror to answer, name look-up included
_STALL = 10.0  # seconds without a byte that end a download
_PAUSE = 1.0  # seconds before a second attempt, twice as many before a third
_ATTEMPTS = 3


def fetch(raw: Path, problem: str) -> None:
    """Replace the damaged files in ``raw``, each at one stroke and only by a verified one.

    An interruption leaves nothing behind, and processes that download at the same time do not
    meet: each has a temporary folder of its own. Raises OSError if it cannot be done.
    """
    mirrors = _awake()
    say(f"{problem}: downloading it (12 MB).")
    raw.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=raw.parent, ignore_cleanup_errors=True) as folder:
        fresh = _download(Path(folder), mirrors)
        raw.mkdir(exist_ok=True)
        for name in damaged(raw):
            with contextlib.suppress(PermissionError):  # Windows, while another process reads it
                os.replace(fresh / name, raw / name)
    if damaged(raw):
        raise OSError("its files cannot be replaced")


def _awake() -> list[str]:
    """Return torchvision's mirrors of MNIST, the first one to answer in front, or raise OSError.

    All are asked at once, in threads left behind if they hang: a name look-up has no timeout.
    """
    mirrors, smallest = datasets.MNIST.mirrors, datasets.MNIST.resources[-1][0]
    answers: queue.SimpleQueue[tuple[str, Exception | None]] = queue.SimpleQueue()

    def ask(mirror: str) -> None:
        request = Request(mirror + smallest, headers={"User-Agent": datasets.utils.USER_AGENT})
        for attempts_left in reversed(range(_ATTEMPTS)):
            try:
                with urlopen(request, timeout=_PATIENCE):
                    return answers.put((mirror, None))
            except Exception as error:  # of whatever kind: a thread must report, not die
                if not isinstance(error, HTTPError) or not attempts_left:
                    return answers.put((mirror, error))
                time.sleep(_PAUSE)  # it is there, and busy

    for mirror in mirrors:
        threading.Thread(target=ask, args=(mirror,), daemon=True).start()
    deadline, reason = time.monotonic() + _PATIENCE, "none is known"
    for _ in mirrors:
        try:
            mirror, error = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            reason = f"silence for {_PATIENCE:.0f} s"
            break
        if error is None:
            return [mirror, *(other for other in mirrors if other != mirror)]
        reason = str(getattr(error, "reason", error))
    raise OSError(f"no mirror of it can be reached ({reason})")


def _download(folder: Path, mirrors: list[str]) -> Path:
    """Let torchvision download MNIST into ``folder``; return the folder of the verified files.

    Each attempt starts with another mirror: torchvision itself tries the next one after a refusal
    or a wrong checksum, not after a silence. Raises OSError at last.
    """
    fresh, reason = folder / "MNIST" / "raw", "the files differ from the real ones"
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_STALL)  # torchvision sets none
    try:
        for attempt in range(_ATTEMPTS):
            time.sleep(_PAUSE * attempt)
            first = attempt % len(mirrors)
            order = mirrors[first:] + mirrors[:first]
            try:
                type("MNIST", (datasets.MNIST,), {"mirrors": order})(folder, download=True)
                break
            except Exception as error:  # of whatever kind: torchvision lets many through
                reason = str(error) or type(error).__name__
    finally:
        socket.setdefaulttimeout(before)
    if damaged(fresh):
        raise OSError(f"the download failed ({reason})")
    return fresh
