"""Create ``.venv`` and install the course into it; when nothing has changed, return at once.

    python tools/setup_venv.py [--extras test,benchmark]

This is the first file a student runs, perhaps with the wrong Python. It therefore uses nothing but
the standard library and only syntax that Python 2.7 can read: what cannot work ends in one
sentence that says what to do, never in a traceback.
"""

from __future__ import print_function

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.path.join(".venv", "Scripts" if os.name == "nt" else "bin")
PYTHON = os.path.join(BIN, "python.exe" if os.name == "nt" else "python")
STAMP = os.path.join(".venv", "setup.json")
DOWNLOADS = os.path.join(ROOT, ".pip_cache")

SUITABLE = """\
import sys
sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13) or sys.maxsize < 2**32)"""
VERSIONS = ["3.13", "3.12", "3.11", "3.10"]


def succeeds(command):
    """Whether a command exists and ends with status 0; what it prints is thrown away."""
    with open(os.devnull, "w") as nowhere:
        try:
            return subprocess.call(command, stdout=nowhere, stderr=nowhere) == 0
        except OSError:
            return False


def hand_over():
    """Run this script with the newest suitable Python that can be found, and end as it ends."""
    for version in VERSIONS:
        python = ["py", "-" + version] if os.name == "nt" else ["python" + version]
        if succeeds(python + ["-c", SUITABLE]):
            sys.exit(subprocess.call(python + ["tools/setup_venv.py"] + sys.argv[1:]))
    bits = 64 if sys.maxsize > 2**32 else 32
    sys.exit(
        "The course needs a 64-bit Python from 3.10 to 3.13, but this is a %d-bit Python %d.%d "
        "and no other was found: install one of those, and run this again."
        % ((bits,) + tuple(sys.version_info[:2]))
    )


def wanted_state(extras):
    """What ``.venv`` must have been made from: as long as it was, there is nothing to do."""
    inputs = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        with open(name, "rb") as file:
            inputs.update(file.read())
    return {
        "root": ROOT,  # a virtual environment does not survive a move of its folder
        "python": "%d.%d" % sys.version_info[:2],
        "inputs": inputs.hexdigest(),
        "extras": sorted(extras),
    }


def read_stamp():
    """The state that the last finished set-up left, or None if there was none."""
    try:
        with open(STAMP) as file:
            return json.load(file)
    except (IOError, ValueError):
        return None


def write_stamp(state):
    with open(STAMP, "w") as file:
        json.dump(state, file, indent=2)


def create_venv():
    """An empty virtual environment in ``.venv``, in place of whatever was there."""
    if os.path.islink(".venv"):
        sys.exit(
            "The folder .venv is a link to %s, which this would empty: remove it, and try again."
            % os.path.realpath(".venv")
        )
    try:
        import ensurepip  # noqa: F401  (Debian and Ubuntu package it apart from Python)
        import venv
    except ImportError as error:
        sys.exit(
            "This Python lacks its %s module and cannot make a virtual environment: install it "
            "(on Debian or Ubuntu with sudo apt install python3-venv), and run this again."
            % error.name
        )
    try:
        venv.create(".venv", clear=True, symlinks=os.name != "nt", with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit("The virtual environment .venv could not be made: %s" % error)


def pip_install(*arguments):
    """Run pip with its progress on screen.

    Returns  None, or when pip failed, what it wrote to stderr: repeated connection attempts fill a
             screen there, and hide the one line that matters.
    """
    environment = dict(os.environ, PIP_USER="0", PIP_DISABLE_PIP_VERSION_CHECK="1")
    environment.setdefault("PIP_RETRIES", "2")
    environment.setdefault("PIP_DEFAULT_TIMEOUT", "15")
    # Not in the home folder, and kept only until an interrupted set-up has been finished.
    environment.setdefault("PIP_CACHE_DIR", DOWNLOADS)
    pip = subprocess.Popen(
        [PYTHON, "-m", "pip", "install"] + list(arguments),
        env=environment,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )
    complaints = pip.communicate()[1]
    return complaints if pip.returncode else None


def explain(complaints):
    """The sentence that a student can act on, for what pip wrote to stderr."""
    # Every index has Flit, so that one without it was not reached at all.
    broken = r"Retry\(total=0|[Tt]imed out|IncompleteRead|incomplete-download|found for flit"
    if re.search(broken, complaints):
        return (
            "The package index could not be reached: check the network connection and any proxy, "
            "or set PIP_INDEX_URL to an index that this computer can reach, and run this again."
        )
    return (
        "\n".join(complaints.strip().splitlines()[-10:])
        + "\n\nThe packages could not be installed, for the reason that pip gives above (PyTorch "
        "comes for Linux, for Windows on x86-64, and for macOS 14 or later on Apple silicon)."
    )


def install(extras):
    """Install the course with some extras into ``.venv``; returns None, or why it failed."""
    project = ".[%s]" % ",".join(extras) if extras else "."
    for arguments in (
        # The pip that comes with Python 3.10.0 is too old for an editable pyproject.toml.
        ["--quiet", "--upgrade", "pip", "flit_core"],
        ["--no-build-isolation", "--constraint", "constraints.txt", "--editable", project],
    ):
        complaints = pip_install(*arguments)
        if complaints is not None:
            return explain(complaints)
    return None


def main():
    parser = argparse.ArgumentParser(description="Create .venv and install the course into it.")
    parser.add_argument("--extras", default="", help="extras of pyproject.toml, comma-separated")
    extras = set(filter(None, parser.parse_args().extras.split(",")))

    os.chdir(ROOT)
    if not succeeds([sys.executable, "-c", SUITABLE]):
        hand_over()

    before = read_stamp()
    if before:
        extras.update(before["extras"])
    wanted = wanted_state(extras)
    usable = (
        before is not None  # else its set-up was interrupted, at a point that nobody knows
        and all(before[key] == wanted[key] for key in ("root", "python"))
        and succeeds([PYTHON, "-c", "import pip"])
    )

    if not usable or before != wanted:
        print("Setting up .venv with Python %(python)s; only the first time is slow." % wanted)
        sys.stdout.flush()
        if usable:
            os.remove(STAMP)  # until there is a new one, the set-up is not finished
        else:
            create_venv()
        problem = install(wanted["extras"])
        if problem:
            if usable:
                write_stamp(before)  # pip gave up in good order: what was there still works
            sys.exit(problem)
        write_stamp(wanted)
        shutil.rmtree(DOWNLOADS, ignore_errors=True)
    print("Ready; start with: %s lab notebooks" % os.path.join(BIN, "jupyter"))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\nThe set-up was interrupted; run it again to finish it.")
