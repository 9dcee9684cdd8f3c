"""Submissions that try to gain points, read what they must not, harm others, or stop the run.

Every attack is handed in by a student of one class, beside an honest student, and the class is
graded once. `World` holds what there is to steal and to harm.
"""

import copy
import json
import os
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from course_lib.grading import demo, notebook, report
from course_lib.grading.results import Result

NAME = "a1_toy_diffusion"
VARIABLE = "COURSE_AUDIT_SECRET"


@dataclass
class World:
    """A class in which there is something to steal, and something to break.

    root       folder with submitted/, results/, solutions/, gradebook.db and secret.txt
    secret     a word that no result and no feedback may contain
    listener   a socket of this computer that nobody may reach
    """

    root: Path
    master: dict
    secret: str = field(default_factory=lambda: "canary" + secrets.token_hex(8))
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    def __post_init__(self) -> None:
        for name in ("secret.txt", "gradebook.db"):
            (self.root / name).write_text(self.secret)
        os.environ[VARIABLE] = self.secret
        answers = [
            notebook.name_of(cell)
            for cell in self.master["cells"]
            if notebook.marks(cell).get("solution")
        ]
        self.empty = demo.unanswered(self.master, answers)
        self.listener.settimeout(0.1)

    def file(self, student: str) -> Path:
        """Where a student's notebook lies."""
        return self.root / "submitted" / student / NAME / f"{NAME}.ipynb"


@dataclass(frozen=True)
class Attack:
    """One attack.

    code    a cell that is put into the notebook
    base    ``empty`` for a notebook without answers, ``master`` for one with all of them
    answer  (exercise, source): an answer to replace
    place   writes the submission itself, instead of all this
    score   the points that are deserved
    status  the statuses that are right
    says    what the findings must contain
    hides   what they must not contain
    look    given the world, returns what went wrong outside of the grader, or None
    """

    name: str
    code: str = ""
    base: str = "empty"
    answer: tuple[str, str] | None = None
    place: Callable[[World, str], None] | None = None
    score: float = 0.0
    status: tuple[str, ...] = ("graded",)
    says: str = ""
    hides: str = ""
    look: Callable[[World], str | None] = lambda world: None

    def write(self, world: World, student: str) -> None:
        """Hand it in."""
        if self.place:
            self.place(world, student)
            return
        content = world.empty if self.base == "empty" else world.master
        if self.answer:
            exercise, source = self.answer
            case = demo.Alternate(self.name, exercise, self.filled(source, world))
            content = demo.changed(content, case)
        if self.code:
            content = demo.with_cell(content, self.filled(self.code, world))
        demo.submit(content, world.root / "submitted", student, NAME)

    def filled(self, source: str, world: World) -> str:
        """Write the class's folder and the listener's port into a cell."""
        port = str(world.listener.getsockname()[1])
        return source.replace("{root}", str(world.root)).replace("{port}", port)

    def judge(self, world: World, result: Result | None, stored: str) -> str | None:
        """Return how the attack succeeded, or None.

        stored  the text of all that was written about this student
        """
        if result is None:
            return "there is no result"
        if result.score != self.score:
            return f"it scored {result.score} instead of {self.score}"
        if result.status not in self.status:
            return f"its status is {result.status}"
        if world.secret in stored:
            return "it leaked the secret"
        if len(stored) > 200_000:
            return f"{len(stored)} bytes were written about it"
        findings = " ".join([*result.findings, *(f for m in result.marks for f in m.findings)])
        if self.says not in findings:
            return f"the findings do not contain {self.says!r}: {findings[:500]}"
        if self.hides and self.hides in findings:
            return f"the findings contain {self.hides!r}: {findings[:500]}"
        return self.look(world)


# --- what attacks are made of --------------------------------------------------------------------

STEAL = """
import os
loot = []
for top in ("/", "{root}", "../../..", "/course"):
    for folder, names, files in os.walk(top):
        names[:] = [n for n in names if n not in ("usr", "proc", "sys", "site-packages", "lib")]
        for name in files:
            if name.endswith((".ipynb", ".db", ".txt")) or name in ("grading.py", "cases.py"):
                try:
                    loot.append(open(os.path.join(folder, name)).read())
                except Exception as error:
                    pass
"""
# The error of an answer's cell is written into the feedback: by this way anything found gets out.
TELL = "\nimport re\nraise RuntimeError(re.findall('canary[0-9a-f]+', str(loot)))"
USE = """
import json
for text in loot:
    try:
        for cell in json.loads(text)["cells"]:
            if cell["metadata"].get("nbgrader", {}).get("solution"):
                exec("".join(cell["source"]), globals())
    except Exception:
        pass
"""
FORGE = """
import os, json, threading, time
def forge():
    for fd in range(3, 60):
        try:
            if os.readlink(f"/proc/self/fd/{fd}").startswith("pipe:"):
                os.write(fd, {frames})
        except OSError:
            pass
"""
HARNESS = """
import gc
dicts = (thing for thing in gc.get_objects() if type(thing) is dict)
harness = next(names for names in dicts if {"REPLIES", "FORBIDDEN"} <= {*names})
"""


def where(source: str, exercise: str, name: str, arguments: str) -> tuple[str, str]:
    """An answer whose function does something else first."""
    return exercise, f"def {name}({arguments}):\n    " + source.replace("\n", "\n    ")


def loot(source: str) -> tuple[str, str]:
    """An answer that shows what it has found in its own feedback."""
    return "ex1_schedule", source + TELL


def unless(condition: str) -> tuple[str, str]:
    """An answer to exercise 7 that is right unless a condition holds in the sandbox."""
    return sampler(
        f"assert not ({condition})\nfor t in range(len(noise) - 1, 0, -1):\n"
        "    x = step(x, model(x, torch.full((len(x),), t)), t, noise[t])\nreturn x"
    )


def sampler(source: str) -> tuple[str, str]:
    """An answer to exercise 7; the master's exercise 8, which calls it, is lost with it."""
    return where(source, "ex7_sampler", "sample", "model, step, x, noise")


def unchanged(world: World) -> str | None:
    """Whether the gradebook and the honest student's file are as they were."""
    if (world.root / "gradebook.db").read_text() != world.secret:
        return "it changed the gradebook"
    extra = {path.name for path in world.root.iterdir()}
    extra -= {"submitted", "results", "solutions", "gradebook.db", "secret.txt"}
    return f"it wrote {extra}" if extra else None


def no_visitor(world: World) -> str | None:
    """Whether nobody connected."""
    try:
        world.listener.accept()
    except TimeoutError:
        return None
    return "it reached the network"


def no_process(world: World) -> str | None:
    """Whether no process of the attack lives on."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"31415926" in entry.read_bytes():
                return "its process survived"
        except OSError:
            continue
    return None


def raw(data: bytes | str):
    """Hand in these bytes."""

    def place(world: World, student: str) -> None:
        path = world.file(student)
        path.parent.mkdir(parents=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)

    return place


def edited(edit: Callable[[list[dict]], None]):
    """Hand in the master with its list of cells edited."""

    def place(world: World, student: str) -> None:
        content = copy.deepcopy(world.master)
        edit(content["cells"])
        demo.submit(content, world.root / "submitted", student, NAME)

    return place


def answers(*pairs: tuple[str, str]):
    """Hand in the master with several answers replaced."""

    def place(world: World, student: str) -> None:
        content = world.master
        for pair in pairs:
            content = demo.changed(content, demo.Alternate("", *pair))
        demo.submit(content, world.root / "submitted", student, NAME)

    return place


def find(cells: list[dict], name: str) -> dict:
    """The cell of this name."""
    return next(cell for cell in cells if notebook.name_of(cell) == name)


def link_to_honest(world: World, student: str) -> None:
    """A symbolic link to another student's notebook."""
    path = world.file(student)
    path.parent.mkdir(parents=True)
    path.symlink_to(world.file("honest"))


def linked_folder(world: World, student: str) -> None:
    """A folder that is a symbolic link."""
    (world.root / "submitted" / student).symlink_to(world.root / "submitted" / "honest")


def pipe(world: World, student: str) -> None:
    """A named pipe, which nobody ever writes to."""
    world.file(student).parent.mkdir(parents=True)
    os.mkfifo(world.file(student))


def folder(world: World, student: str) -> None:
    """A folder with the name of the notebook."""
    world.file(student).mkdir(parents=True)


def with_sitecustomize(world: World, student: str) -> None:
    """Files beside the notebook that Python would import by itself."""
    demo.submit(world.empty, world.root / "submitted", student, NAME)
    for name in ("sitecustomize", "usercustomize", "torch", "json", "IPython"):
        evil = f"open({str(world.root / 'customized')!r}, 'w')"
        world.file(student).with_name(f"{name}.py").write_text(evil)


def drop(name: str):
    """Delete a cell."""
    return edited(lambda cells: cells.remove(find(cells, name)))


def double(name: str):
    """Copy a cell."""
    return edited(lambda cells: cells.append(copy.deepcopy(find(cells, name))))


def mark(name: str, **marks: object):
    """Change nbgrader's metadata of a cell."""
    return edited(lambda cells: find(cells, name)["metadata"]["nbgrader"].update(marks))


def strip(cells: list[dict]) -> None:
    """Throw all metadata away, as some editors do."""
    for cell in cells:
        cell["metadata"] = {}


DEEP = '{"cells":' + "[" * 200_000 + "]" * 200_000 + "}"
WRONG_TYPES = json.dumps({"cells": [{"cell_type": "code", "source": {"a": 1}, "metadata": 3}]})

ATTACKS = [
    # nbgrader's table
    Attack(
        "patches the comparisons",
        """
import numpy as np, torch, builtins
yes = lambda *a, **k: True
np.testing.assert_allclose = np.allclose = np.array_equal = torch.allclose = torch.equal = yes
torch.Tensor.__eq__ = yes
""",
    ),
    Attack(
        "installs an input transformer",
        "get_ipython().input_transformers_post.append(lambda lines: ['pass\\n'])",
    ),
    Attack("reads the solutions and shows them", answer=loot(STEAL)),
    Attack("reads the solutions and runs them", STEAL + USE),
    Attack(
        "writes the gradebook",
        "import pathlib\n"
        "mine = '{root}/results/a1_toy_diffusion/students/honest.json'\n"
        "for path in (mine, '{root}/gradebook.db', '../gradebook.db', '/gradebook.db'):\n"
        "    try:\n        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)\n"
        "        pathlib.Path(path).write_text('100')\n    except OSError:\n        pass",
        look=unchanged,
    ),
    Attack("deletes a check", place=drop("ex2_check"), score=100, says="ex2_check is missing"),
    Attack("deletes an answer", place=drop("ex3_embedding"), score=90, says="is missing"),
    Attack("copies a check", place=double("ex2_check"), score=100, says="ex2_check is there 2"),
    Attack("copies an answer", place=double("ex2_forward"), score=100, says="is there 2 times"),
    Attack(
        "changes the schema version",
        place=mark("ex2_check", schema_version=99),
        score=100,
        says="another version",
    ),
    Attack("raises its points", place=mark("ex2_check", points=500), score=100, says="metadata"),
    Attack("unlocks a check", place=mark("ex2_check", locked=False), score=100, says="metadata"),
    Attack(
        "edits a check",
        place=edited(lambda cells: find(cells, "ex2_check").update(source="pass")),
        score=100,
        says="change was ignored",
    ),
    Attack("loses all metadata", place=edited(strip), score=100, says="another version"),
    Attack("os._exit in a cell", "import os\nos._exit(0)", "master", score=100, says="left out"),
    Attack(
        "os._exit in an answer",
        base="master",
        answer=sampler("import os\nos._exit(0)"),
        score=85,
        status=("partly graded",),
        says="could not be graded",
    ),
    Attack(
        "SIGKILL in an answer",
        base="master",
        answer=sampler("import os\nos.kill(os.getpid(), 9)"),
        score=85,
        status=("partly graded",),
    ),
    Attack("kills all it can", "import os\nos.kill(-1, 9)", "master", score=100),
    Attack(
        "ignores SIGINT",
        "import signal\nfor s in (2, 15):\n    signal.signal(s, signal.SIG_IGN)\nwhile True: pass",
        "master",
        score=100,
        says="longer than is allowed",
    ),
    Attack(
        "an endless answer",
        base="master",
        answer=sampler("while True:\n    try:\n        x\n    except BaseException:\n        x"),
        score=85,
        status=("partly graded",),
        says="longer than is allowed",
    ),
    Attack("prints 100 MB", "for _ in range(100):\n    print('x' * 10**6)", "master", score=100),
    Attack(
        "leaves a background process",
        "import subprocess\nsubprocess.Popen(['sleep', '31415926'], start_new_session=True)",
        "master",
        score=100,
        look=no_process,
    ),
    Attack(
        "leaves a daemon",
        "import os\nif os.fork() == 0:\n    os.setsid()\n    if os.fork():\n        os._exit(0)\n"
        "    os.execvp('sleep', ['sleep', '31415926'])",
        "master",
        score=100,
        look=no_process,
    ),
    # looking for the tests
    Attack(
        "imports the grader",
        """
loot = []
for name in ("probes", "grade", "session", "demo", "release"):
    try:
        loot.append(__import__("course_lib.grading." + name, fromlist=["x"]))
    except ImportError:
        pass
""",
        "master",
        answer=unless("loot"),
        score=100,
    ),
    Attack(
        "searches its memory for tests",
        base="master",
        answer=unless(
            "any({'EXERCISES', 'MUTANTS', 'ALTERNATES'} & {*o} for o in"
            " __import__('gc').get_objects() if type(o) is dict)"
        ),
        score=100,
    ),
    Attack(
        "reads its callers",
        base="master",
        answer=sampler(
            "import sys\nframe = sys._getframe()\nwhile frame:\n"
            "    for value in list(frame.f_locals.values()):\n"
            "        if hasattr(value, 'shape') and tuple(value.shape) == tuple(x.shape):\n"
            "            best = value\n    frame = frame.f_back\nreturn best"
        ),
        score=85,
    ),
    Attack(
        "takes what the course brings along",
        "import glob, course_lib\nfound = glob.glob(course_lib.__path__[0] + '/weights/*')\n"
        "try:\n    from sklearn.datasets import load_digits\n    found.append(load_digits())\n"
        "except Exception:\n    pass",
        "master",
        answer=unless("found"),
        score=100,
    ),
    # resources
    Attack("fork bomb", "import os\nwhile True:\n    os.fork()", "master", score=100),
    Attack(
        "takes all memory",
        "x = []\nwhile True:\n    x.append(bytearray(10**8))",
        "master",
        score=100,
    ),
    Attack(
        "takes all memory in children",
        "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n        x = []\n"
        "        while True: x.append(bytearray(10**7))\ntime.sleep(60)",
        "master",
        score=100,
    ),
    Attack(
        "fills the disk",
        "import course_lib\nwritten = 0\n"
        "for folder in ('/tmp', '/dev/shm', '/dev', '/', '/course', '/var/tmp', '/run',\n"
        "               *course_lib.__path__, course_lib.__path__[0] + '/grading'):\n"
        "    for i in range(100):\n        try:\n"
        "            written += open(f'{folder}/{i}', 'wb').write(bytes(10**7))\n"
        "        except OSError:\n            break",
        "master",
        answer=unless("written > 2 * 64 * 2**20"),
        score=100,
        look=unchanged,
    ),
    Attack(
        "fills a disk that it mounts itself",
        "import subprocess\nroom = subprocess.run(['unshare', '-Urm', 'sh', '-c',\n"
        "    'mount -t tmpfs -o size=9g none /tmp && df -k --output=size /tmp | tail -1'],\n"
        "    capture_output=True, text=True).stdout",
        "master",
        answer=unless("room"),
        score=100,
    ),
    Attack(
        "takes memory that is nobody's",
        "import ctypes, os\nopened = []\n"
        "for call in (lambda: os.memfd_create('mine'),\n"
        "             lambda: ctypes.CDLL(None).shmget(0, 10**9, 0o1600)):\n"
        "    try:\n        opened.append(call() >= 0)\n    except OSError:\n        pass",
        "master",
        answer=unless("any(opened)"),
        score=100,
    ),
    Attack(
        "takes memory that is shared",
        "import mmap\nshared = mmap.mmap(-1, 5 * 2**30)\n"
        "for at in range(0, len(shared), 2**24):\n    shared[at : at + 2**24] = bytes(2**24)",
        "master",
        score=100,
        says="more memory than is allowed",
    ),
    Attack(
        "takes memory in threads whose process has lost its first",
        "import ctypes, os, platform, threading, time\n"
        "def hog():\n    x = []\n    try:\n        while True: x.append(b'x' * 10**7)\n"
        "    except MemoryError:\n        time.sleep(999)\n"
        "for _ in range(4):\n    if os.fork() == 0:\n"
        "        threading.Thread(target=hog).start()\n"
        "        ctypes.CDLL(None).syscall(60 if platform.machine() == 'x86_64' else 93, 0)\n"
        "time.sleep(100)",
        "master",
        score=100,
        says="more memory than is allowed",
    ),
    Attack(
        "takes memory for the tables of its pages",
        "import mmap\nfar = mmap.mmap(-1, 2**42, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS,\n"
        "                mmap.PROT_READ)\nfor at in range(0, 2**42, 2**21):\n    far[at]",
        "master",
        score=100,
        says="A cell of your own was left out",  # on a busy machine, time may end it before memory
    ),
    Attack(
        "sleeps in a child that holds the pipes",
        base="master",
        answer=sampler("import os, time\nif os.fork() == 0:\n    time.sleep(1000)\nos._exit(0)"),
        score=85,
        status=("partly graded",),
    ),
    # reading what belongs to others
    Attack(
        "reads every environment",
        answer=loot(
            "import os, glob\nloot = [*os.environ.values()]\n"
            "for path in glob.glob('/proc/*/environ') + glob.glob('/proc/*/cmdline'):\n"
            "    try:\n        loot.append(open(path).read())\n    except OSError:\n        pass"
        ),
    ),
    Attack(
        "reads another student's notebook",
        answer=loot(
            "import os\nloot, system = [], ('usr', 'proc', 'sys', 'lib', 'site-packages')\n"
            "for top in ('{root}/submitted', '../..', '/'):\n"
            "    for folder, names, files in os.walk(top):\n"
            "        names[:] = [name for name in names if name not in system]\n"
            "        if 'honest' in folder:\n"
            "            loot += [open(os.path.join(folder, name)).read() for name in files]"
        ),
    ),
    Attack(
        "walks through /proc to the outside",
        answer=loot(
            "import glob\nloot, names = [], ('/proc/*/root', '/proc/*/cwd', '/proc/*/fd/*')\n"
            "for root in (path for name in names for path in glob.glob(name)):\n"
            "    try:\n        loot.append(open(root + '{root}/secret.txt').read())\n"
            "    except OSError:\n        pass"
        ),
    ),
    Attack(
        "leaves a message for the next submission",
        "import ctypes\nlibrary = ctypes.CDLL(None)\n"
        "found = library.syscall(250, 10, -4, b'user', b'note', 0) > 0  # a key of this user\n"
        "library.syscall(248, b'user', b'note', b'stolen', 6, -4)\n"
        "found = library.syscall(250, 10, -4, b'user', b'note', 0) > 0",
        "master",
        answer=unless("found"),
        score=100,
    ),
    Attack(
        "uses the network",
        "import socket, urllib.request\nfor host in ('127.0.0.1', 'localhost', '0.0.0.0'):\n"
        "    try:\n        socket.create_connection((host, {port}), 1).send(b'x')\n"
        "    except OSError:\n        pass\n"
        "urllib.request.urlopen('http://example.org', timeout=2)",
        look=no_visitor,
    ),
    Attack(
        "a link to another's notebook",
        place=link_to_honest,
        status=("unreadable",),
        says="is a link",
    ),
    Attack(
        "a link to another's folder", place=linked_folder, status=("unreadable",), says="is a link"
    ),
    # files that are no notebooks
    Attack("a named pipe", place=pipe, status=("unreadable",), says="is not a file"),
    Attack("a folder for a notebook", place=folder, status=("unreadable",)),
    Attack("nested too deeply", place=raw(DEEP), status=("unreadable",)),
    Attack("cells of wrong types", place=raw(WRONG_TYPES), status=("unreadable",)),
    Attack("no notebook at all", place=raw(b"\xff\xfe\x00"), status=("unreadable",)),
    Attack("too large a file", place=raw(b" " * (21 * 2**20)), status=("unreadable",), says="MB"),
    Attack(
        "half a character",
        base="master",
        code="raise ValueError('\\ud800 \\x00 \\x1b[31m')",
        score=100,
    ),
    # outputs
    Attack(
        "returns NaN",
        base="master",
        answer=sampler("return x * float('nan')"),
        score=85,
        says="not finite",
    ),
    Attack(
        "returns 4 GB",
        base="master",
        answer=sampler("return torch.zeros(500_000_000)"),
        score=85,
        status=("graded", "partly graded"),
    ),
    Attack(
        "returns a view of 4 GB",
        base="master",
        score=85,
        status=("graded", "partly graded"),
        answer=sampler("return torch.zeros(1).expand(500_000_000)"),
    ),
    Attack(
        "returns its input",
        base="master",
        answer=sampler("return x"),
        score=85,
        says="starting noise was returned",
    ),
    Attack(
        "returns a constant", base="master", answer=sampler("return torch.zeros_like(x)"), score=85
    ),
    Attack(
        "writes what it was asked into a shape",
        base="master",
        answer=sampler("return torch.empty(0, 987654321)"),
        score=85,
        says="wrong shape",
        hides="987654321",
    ),
    Attack(
        "hides a wrong loss behind its own jump",
        place=answers(
            (
                "ex2_forward",
                "calls = []\n\ndef add_noise(x0, t, eps, alpha_bar):\n    calls.append(t)\n"
                "    if len(calls) > 4:\n        return x0\n"
                "    share = alpha_bar[t].reshape(-1, *[1] * (x0.ndim - 1))\n"
                "    return share.sqrt() * x0 + (1 - share).sqrt() * eps",
            ),
            (
                "ex5_loss",
                "def loss(model, x0, t, eps, alpha_bar):\n"
                "    return (model(x0, t) - eps).square().mean()",
            ),
        ),
        score=90,
        says="clean data",
    ),
    Attack(
        "makes its two samplers agree on a lie",
        place=answers(
            (
                "ex7_sampler",
                "lies = []\n\ndef sample(model, step, x, noise):\n"
                "    if len(getattr(model, 'labels', 'four')) == 2:\n        lies.append(x)\n"
                "        return x + len(lies)\n"
                "    for t in range(len(noise) - 1, 0, -1):\n"
                "        x = step(x, model(x, torch.full((len(x),), t)), t, noise[t])\n"
                "    return x",
            ),
            (
                "ex8_guidance",
                "def guided_eps(model, x_t, t, y, w):\n"
                "    return w * model(x_t, t, y) + (1 - w) * model(x_t, t)\n\n"
                "def sample_class(model, step, x, noise, y, w):\n"
                "    return x + y[:, None] + 1",
            ),
        ),
        score=90,
    ),
    Attack(
        "is equal to everything",
        base="master",
        answer=(
            "ex7_sampler",
            "class Yes(torch.Tensor):\n    __eq__ = __ge__ = __le__ = lambda *a: True\n"
            "    allclose = lambda *a, **k: True\n    __hash__ = None\n\n"
            "def sample(model, step, x, noise):\n    return torch.zeros_like(x).as_subclass(Yes)",
        ),
        score=85,
    ),
    Attack(
        "returns an object to be unpickled",
        base="master",
        answer=(
            "ex7_sampler",
            "import numpy as np\n\nclass Evil:\n    def __reduce__(self):\n"
            '        return exec, (\'open("{root}/pickled", "w")\',)\n\n'
            "def sample(model, step, x, noise):\n    return np.array([Evil()], dtype=object)",
        ),
        score=85,
        says="something else than numbers",
        look=unchanged,
    ),
    Attack(
        "patches what saves the arrays",
        HARNESS + "import numpy, pickle, safetensors.numpy\n"
        "bad = lambda *a, **k: pickle.dumps([1, 2, 3])\n"
        "numpy.save = numpy.savez = safetensors.numpy.save = harness['save'] = bad",
        "master",
        status=("crashed",),
        says="cannot be read",
    ),
    Attack(
        "patches the network and what is noted of it",
        HARNESS + "harness['Network'].forward = lambda self, x, t, y=None: 0 * x",
    ),
    Attack(
        "replaces the harness",
        HARNESS + "harness['call'] = lambda *a: ({'ok': True, 'score': 100, 'points': 100}, {})\n",
    ),
    Attack(
        "forges replies",
        FORGE.replace("{frames}", 'b\'{"ok": true, "size": 0, "score": 100}\\n\' * 40')
        + "forge()",
    ),
    Attack(
        "sends a line without an end",
        FORGE.replace("{frames}", "b'x' * 10**6")
        + "threading.Thread(target=lambda: [forge() for _ in range(100)], daemon=True).start()",
        status=("graded", "partly graded", "crashed", "timed out"),
    ),
    Attack(
        "announces more than it sends",
        FORGE.replace("{frames}", 'b\'{"ok": true, "size": 10000000}\\n\'') + "forge()",
        status=("graded", "partly graded", "crashed", "timed out"),
    ),
    Attack(
        "sends a header nested too deeply",
        FORGE.replace("{frames}", "b'[' * 60000 + b'\\n'") + "forge()",
        status=("graded", "partly graded", "crashed", "timed out"),
    ),
    Attack(
        "sends arrays with a lying header",
        FORGE.replace(
            "{frames}",
            "b'{\"ok\": true, \"size\": 100}\\n' + (2**40).to_bytes(8, 'little') + b'x' * 92",
        )
        + "forge()",
        status=("graded", "partly graded", "crashed", "timed out"),
    ),
    # Python and Jupyter
    Attack("brings a sitecustomize", place=with_sitecustomize, look=unchanged),
    Attack(
        "writes a sitecustomize",
        "import site, sys\nfor folder in [*sys.path, *site.getsitepackages(), '/course', '.']:\n"
        "    try:\n        open(folder + '/sitecustomize.py', 'w').write('raise SystemExit')\n"
        "    except OSError:\n        pass\nimport os\nos._exit(1)",
        "master",
        score=100,
    ),
    Attack(
        "uses magics and widgets",
        "%matplotlib inline\n%load_ext autoreload\n%timeit -n1 -r1 1\n!ls /\n"
        "import ipywidgets\nipywidgets.interact(lambda a: a, a=(0, 9))",
        "master",
        score=100,
    ),
    Attack(
        "a cell in another language", "%%bash\ncat /etc/passwd; kill -9 -1", "master", score=100
    ),
    Attack("exits politely", "raise SystemExit", "master", score=100),
    Attack("quits the kernel", "get_ipython().ask_exit()\nquit()", "master", score=100),
    Attack(
        "puts a script into its feedback",
        base="master",
        answer=("ex7_sampler", "raise ValueError('<script>alert(1)</script><img src=x>')"),
        score=85,
        says="<script>",
    ),
]


def escaped(stored_feedback: str) -> bool:
    """Whether a page of feedback contains no element that a student could have written."""
    return not any(tag in stored_feedback for tag in ("<script", "<img", "<iframe", "onerror="))


def written_about(world: World, student: str, result: Result | None) -> tuple[str, str]:
    """The stored JSON and the page of feedback of a student."""
    path = world.root / "results" / NAME / "students" / f"{student}.json"
    stored = path.read_text("utf-8") if path.exists() else ""
    return stored, report.feedback(result) if result else ""
