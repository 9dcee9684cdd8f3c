"""The grader's end of the pipe to a sandbox: ask, wait no longer than allowed, believe nothing."""

import json
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from course_lib.grading.sandbox import Limits, SandboxMissing
from course_lib.grading.usage import Use, usage

LINE = 64 * 1024
"""Bytes that the first line of a reply may have."""
WATCH = 0.2  # seconds between two looks at memory and processes
NOTE = re.compile(r"changes \d|single|detached")
DTYPES = (np.float64, np.int64, np.bool_)
LACKS = {
    "package": "a package that is not installed here",
    "gpu": "a GPU, and there is none here",
    "network": "a network, and there is none here",
    "terminal": "somebody who types, and nobody is here",
}
"""What a student's code may ask for that is no fault, as a sandbox names it and as it is told."""


class Ended(Exception):
    """The sandbox is gone, and why: ``timed out`` or ``crashed``, and a sentence about it."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


@dataclass(frozen=True)
class Reply:
    """What came back from one request; the strings are the student's, and the arrays unproved.

    ok       whether the cell or the call ended without an error
    error    name of the error, at most 80 characters
    message  its text, at most 500 characters
    lacks    what the error asks for that the sandbox has not, one of LACKS, or nothing
    notes    what was seen of the call: "changes 0" (or another of its arguments), "single" (the
             network was told one time or label for a whole batch), "detached" (the result comes
             without a graph)
    arrays   float64, int64 or bool
    """

    ok: bool
    error: str = ""
    message: str = ""
    lacks: str = ""
    notes: Sequence[str] = ()
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


class Session:
    """One sandbox, from its start to its end; use it in a ``with`` statement.

    start     function from limits to the command and the environment, as in ``sandbox``
    limits    what the student's code may use
    deadline  time (``time.monotonic``) after which every request fails
    budget    seconds of processor time for all requests together; ``spent`` are gone
    Raises    SandboxMissing if the harness does not start, which is no student's fault
    """

    def __init__(
        self,
        start: Callable[[Limits], tuple[list[str], dict]],
        limits: Limits,
        deadline: float,
        budget: float = float("inf"),
    ) -> None:
        self.limits, self.deadline, self.budget = limits, deadline, budget
        self.spent = 0.0
        command, env = start(limits)
        self.process = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.ticks: dict[int, float] = {}
        self.buffer, self.looked = bytearray(), time.monotonic()
        self.started = float("inf")  # seconds of processor time that importing took, once known
        self.seconds: float = limits.start  # of processor time that a request may take
        self.allowed: float | None = None  # the sum of it at which the request has had enough
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            os.set_blocking(pipe.fileno(), False)
        try:
            self._reply(time.monotonic() + limits.start)
        except Ended as end:
            said = (self.process.stderr.read() or b"").decode(errors="replace").strip()
            self.close()
            raise SandboxMissing(
                f"The sandbox did not start: {said[-500:] or end.reason}"
            ) from end
        self.started, self.spent = self._used(usage(self.process.pid)), 0.0

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the sandbox and everything in it."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # the second, on macOS, if it is gone
            pass
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()

    def request(self, header: dict, arrays: Mapping[str, np.ndarray], seconds: float) -> Reply:
        """Send one request, and return the reply.

        seconds  of processor time, all processes together; the clock on the wall may show
                 ``limits.patience`` times as many, since a busy computer is no student's fault
        Raises   Ended if there is no reply in time, or it is no proper reply
        """
        payload = save(dict(arrays)) if arrays else b""
        line = json.dumps({**header, "size": len(payload)}).encode() + b"\n"
        until = min(time.monotonic() + seconds * self.limits.patience, self.deadline)
        self.seconds, self.allowed = seconds, None
        self._send(line + payload, until)
        return self._reply(until)

    def _send(self, data: bytes, until: float) -> None:
        pipe, view = self.process.stdin.fileno(), memoryview(data)
        while view:
            self._wait([], [pipe], until)
            try:
                view = view[os.write(pipe, view) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise Ended("crashed", "it ended its own process") from None

    def _reply(self, until: float) -> Reply:
        while (end := self.buffer.find(b"\n")) < 0:
            if len(self.buffer) > LINE:
                raise Ended("crashed", "it sent something that is no reply")
            self._read(until)
        line = bytes(self.buffer[:end])
        del self.buffer[: end + 1]
        try:
            header = json.loads(line)
            size, ok = header["size"], header["ok"]
            texts = {key: header.get(key, "") for key in ("error", "message", "lacks")}
            if not (type(size) is int and size >= 0 and type(ok) is bool):
                raise ValueError("wrong types")
            if not all(isinstance(t, str) and len(t) <= 500 for t in texts.values()):
                raise ValueError("wrong texts")
            if texts["lacks"] not in ("", *LACKS):
                raise ValueError("wrong reason")
            notes = header.get("notes", [])
            if not (isinstance(notes, list) and all(NOTE.fullmatch(note) for note in notes)):
                raise ValueError("wrong notes")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise Ended("crashed", "it sent something that is no reply") from None
        if size > self.limits.output:
            raise Ended("crashed", "it returned more data than is allowed")
        while len(self.buffer) < size:
            self._read(until)
        payload = bytes(self.buffer[:size])
        del self.buffer[:size]
        try:
            arrays = load(payload) if size else {}
        except (SafetensorError, ValueError, KeyError, TypeError):
            raise Ended("crashed", "it sent arrays that cannot be read") from None
        if any(array.dtype.type not in DTYPES for array in arrays.values()):
            raise Ended("crashed", "it sent arrays that cannot be read")
        return Reply(ok, **texts, notes=notes, arrays=arrays)

    def _read(self, until: float) -> None:
        pipe = self.process.stdout.fileno()
        self._wait([pipe], [], until)
        try:
            data = os.read(pipe, 2**20)
        except BlockingIOError:
            return
        if not data:
            raise Ended("crashed", "it ended its own process")
        self.buffer += data

    def _wait(self, readers: list[int], writers: list[int], until: float) -> None:
        """Return when a pipe is ready; look at memory and threads now and then."""
        while True:
            left = until - time.monotonic()
            if left <= 0:
                raise Ended("timed out", "it took longer than is allowed")
            ready = any(select.select(readers, writers, [], min(WATCH, left))[:2])
            if time.monotonic() - self.looked > WATCH:
                self._look()
            if ready:
                return

    def _look(self) -> None:
        self.looked = time.monotonic()
        use = usage(self.process.pid)
        seconds = self._used(use)
        if use.memory > self.limits.memory:
            raise Ended("crashed", "it took more memory than is allowed")
        if use.threads > self.limits.threads:
            raise Ended("crashed", "it started more processes than are allowed")
        self.spent = max(0.0, seconds - self.started)
        if self.allowed is None:  # a request that is answered at once need not be measured
            self.allowed = seconds + self.seconds
        if seconds > self.allowed or self.spent > self.budget:
            raise Ended("timed out", "it took longer than is allowed")

    def _used(self, use: Use) -> float:
        """Seconds of processor time so far; it never falls.

        The system adds a child's time to its parent's, unless the parent does not want to hear
        of its children. So the time of every process that was ever seen is kept, too.
        """
        for pid, own in use.own.items():
            self.ticks[pid] = max(own, self.ticks.get(pid, 0.0))
        return max(use.seconds, sum(self.ticks.values()))
