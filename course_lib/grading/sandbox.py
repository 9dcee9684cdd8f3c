"""Where a student's code runs: a process that can read the system and touch nothing.

Each function here returns a command and its environment for one run of the harness. They differ
in what stands between the student's code and the computer.
"""

import json
import os
import shlex
import shutil
import sys
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import course_lib

HARNESS = Path(__file__).with_name("harness.py")
PACKAGE = Path(course_lib.__file__).parent
MB = 2**20


@dataclass(frozen=True)
class Limits:
    """What one submission may use.

    start      seconds until the libraries are imported, on the clock on the wall
    cell       seconds of processor time for a cell
    call       seconds of processor time for a call of one function
    total      seconds of processor time for the whole submission, restarts included
    patience   how many times longer all this may take on the clock on the wall
    memory     bytes, for all its processes together
    threads    how many at once, in all its processes
    files      bytes, for all its files together
    output     bytes that a call may return
    """

    start: float = 300
    cell: float = 40
    call: float = 20
    total: float = 240
    patience: float = 5
    memory: int = 3072 * MB
    threads: int = 32
    files: int = 64 * MB
    output: int = 32 * MB

    def for_harness(self) -> str:
        """The limits that a process can set for itself, as the harness reads them."""
        return json.dumps(
            {
                "memory": self.memory,
                "threads": self.threads,
                "files": self.files,
                "seconds": int(2 * self.total),  # importing the libraries counts here, too
            }
        )


class SandboxMissing(Exception):
    """There is no sandbox on this computer."""


STEADY = {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""One thread, so that sums are added in one order; and no window for pictures."""
INSIDE = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",
    "IPYTHONDIR": "/tmp/ipython",
    "MPLCONFIGDIR": "/tmp/matplotlib",
    "USER": "student",
    "LANG": "C.UTF-8",
    **STEADY,
}
"""Everything that a student's code is told about the computer."""


def bubblewrap(limits: Limits) -> tuple[list[str], dict[str, str]]:
    """Start the harness without a network, on a read-only system, in an empty home.

    Of this project it sees the package, for its imports, and the harness; nothing of the
    instructor's, and no other submission.
    Raises  SandboxMissing if bubblewrap is not installed
    See     https://github.com/containers/bubblewrap
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise SandboxMissing(
            "Students' code runs only in a sandbox, and there is none: install the package "
            "bubblewrap (apt install bubblewrap, dnf install bubblewrap), or name a container "
            "with --container; for a notebook of your own, --unsafe will do."
        )
    command = [bwrap, "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    command += ["--clearenv", "--hostname", "sandbox"]
    for name, value in INSIDE.items():
        command += ["--setenv", name, value]
    command += _system()
    command += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    for folder in ("/tmp", "/dev/shm"):
        command += ["--size", str(limits.files), "--tmpfs", folder]
    for folder in _python():
        command += ["--ro-bind", str(folder), str(folder)]
        if (folder / "state").is_dir():  # Jupyter's tokens and history, if it is our .venv
            command += _hidden(folder / "state")
    command += ["--ro-bind", str(PACKAGE), "/course/course_lib"]
    for name in ("grading", "weights"):  # no answer is a trained model that came with the course
        command += _hidden(Path("/course/course_lib", name))
    for data in Path(find_spec("sklearn").origin).parent.glob("datasets/data/digits*"):
        command += ["--ro-bind", "/dev/null", str(data)]
    command += ["--ro-bind", str(HARNESS), "/course/harness.py", "--remount-ro", "/"]
    command += ["--chdir", "/tmp", sys.executable, "-I", "-B", "/course/harness.py"]
    # bwrap's own environment can be read in the sandbox, as /proc/1/environ: it must be empty.
    return [*command, limits.for_harness()], {}


def _python() -> list[Path]:
    """Where Python and its packages are, beside the system's own folders."""
    folders = sorted({Path(sys.base_prefix), Path(sys.prefix)})
    return [folder for folder in folders if not folder.is_relative_to("/usr")]


def exposed(*private: Path) -> str | None:
    """Say which of these folders lies where students' code could read it, if one does."""
    for folder in private:
        for shown in (Path("/usr"), *_python()):
            if folder.resolve().is_relative_to(shown.resolve()):
                return f"{folder} lies in {shown}, which every student's code can read: move it."
    return None


def _hidden(folder: Path) -> list[str]:
    """An empty folder in the place of another, read-only."""
    return ["--tmpfs", str(folder), "--remount-ro", str(folder)]


def _system() -> list[str]:
    """The programs and libraries of the operating system, read-only."""
    options = ["--ro-bind", "/usr", "/usr"]
    for folder in ("/usr/local/share/nbgrader", "/usr/local/src", "/usr/src"):
        if Path(folder).is_dir():  # the first is where nbgrader collects submissions
            options += _hidden(Path(folder))
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        folder = Path("/", name)
        if folder.is_symlink():
            options += ["--symlink", os.readlink(folder), str(folder)]
        elif folder.is_dir():
            options += ["--ro-bind", str(folder), str(folder)]
    for name in ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime"):
        options += ["--ro-bind-try", name, name]
    return options


def container(limits: Limits, template: str) -> tuple[list[str], dict[str, str]]:
    """Start the harness by a command of your own, such as ``docker run``.

    template  the command, with {harness}, {package}, {memory} (bytes), {threads}, {seconds}
              and {limits} where these belong; it must end in the container's python and the
              harness. README.md has one for Docker and Podman.
    Raises    SandboxMissing if the program is not installed, or the template has other {names}
    """
    values = {
        "harness": HARNESS,
        "package": PACKAGE,
        "memory": limits.memory,
        "threads": limits.threads,
        "seconds": int(limits.total * limits.patience + limits.start),
        "limits": limits.for_harness(),
    }
    try:
        command = [word.format(**values) for word in shlex.split(template)]
    except (KeyError, IndexError, ValueError) as error:
        raise SandboxMissing(
            f"The container's command cannot be read ({error}): it may hold "
            f"{', '.join('{' + name + '}' for name in values)}."
        ) from error
    if not command or shutil.which(command[0]) is None:
        raise SandboxMissing(f"The container's command needs {command[:1]}, which is not here.")
    return command, dict(os.environ)


def unsafe(limits: Limits) -> tuple[list[str], dict[str, str]]:
    """Start the harness with all of your own rights: for notebooks that you wrote yourself."""
    limits = replace(limits, threads=4096)  # here, all that you run is counted
    command = [sys.executable, "-B", str(HARNESS), limits.for_harness()]
    return command, {**os.environ, **STEADY}
