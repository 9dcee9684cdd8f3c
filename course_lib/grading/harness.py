"""The inside of the sandbox: run the student's cells, call the student's functions, send arrays.

It stays one file, since it is mounted and started on its own, without the rest of the package. It
shares its process with the student's code, so it holds no answer, and whoever reads what it sends
must believe none of it. It takes one request at a time: a line of JSON, then arrays in
safetensors' format.

    {"op": "cell", "source": …, "name": …, …}      run a cell, as a notebook would
    {"op": "call", "function": …, "args": […], …}  call a function, and send what it returns
    {"op": "forget"}                               forget all names, as in a new notebook

An argument is a number, a list of numbers, None, or an object whose one key says what to build:
{"array": name}, {"network": {…}}, {"step": {…}}, {"move": {…}}, {"jump": {…}}, {"walk": {…}},
{"generator": seed}. While a call lasts, such objects may stand in for other functions of the
student's.

A question finds all names as they were at the end of the answer's cell, but what the master's
answers define as the newest answer cell so far made it, and what the set-up defines as that did,
unless a function or a class of the student's has taken its place by then. So neither a loop nor a
trial in a cell of the student's own, before or behind, takes anything away from an answer, and
what an answer's cell could use, helpers that were defined anew between two answers included, it
still can. A name that was not there yet is taken from the end of the notebook. Modules and global
modes are put back, too: an answer that needs a patched module must not count on the patch.
"""

import ast
import builtins
import contextlib
import ctypes
import errno
import inspect
import io
import itertools
import json
import os
import platform
import random
import re
import resource
import struct
import sys
import warnings
from collections.abc import Iterator
from types import FunctionType, ModuleType


def limit(memory: int, threads: int, files: int, seconds: int) -> None:
    """Bound this process and its children for good, before any of the student's code runs.

    memory, files  bytes; seconds of processor time
    """
    for what, value in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_NPROC, threads),
        (resource.RLIMIT_FSIZE, files),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(what, (value, value))


# Memory that belongs to no process, room on a disk of one's own, and a place that outlives the
# sandbox: what these system calls give, nobody could measure. Numbers of x86-64 and of arm64.
FORBIDDEN = {
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "mount": (165, 40),
    "fsopen": (430, 430),
    "move_mount": (429, 429),
    "unshare": (272, 97),
    "setns": (308, 268),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "ptrace": (101, 117),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
}
CLONE, CLONE3, NEW_NAMESPACES = (56, 220), (435, 435), 0x7E020000


def forbid() -> None:
    """Give up for good the system calls with which a process could escape from its limits.

    Raises  OSError if the kernel refuses; RuntimeError if its numbers are not known here
    See     https://docs.kernel.org/userspace-api/seccomp_filter.html
    """
    if sys.platform != "linux":
        return
    machines = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
    if platform.machine() not in machines:
        raise RuntimeError(f"The sandbox does not know the machine {platform.machine()}.")
    which, architecture = machines[platform.machine()]
    load, equal, at_least, any_bit, answer = 0x20, 0x15, 0x35, 0x45, 0x06
    allowed, kill, refused, unknown = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
    # Each instruction is (what, steps if so, steps if not, value); a call is (number,
    # architecture, address, arguments …), at the bytes 0, 4, 8 and 16 …
    program = [
        (load, 0, 0, 4),
        (equal, 1, 0, architecture),
        (answer, 0, 0, kill),
        (load, 0, 0, 0),
        (at_least, 0, 1, 0x40000000),  # the calls of another architecture, x32
        (answer, 0, 0, kill),
    ]
    for numbers in FORBIDDEN.values():
        program += [(equal, 0, 1, numbers[which]), (answer, 0, 0, refused)]
    program += [
        (equal, 0, 1, CLONE3[which]),
        (answer, 0, 0, unknown),  # its flags cannot be seen; C libraries then take clone
        (equal, 0, 3, CLONE[which]),
        (load, 0, 0, 16),
        (any_bit, 0, 1, NEW_NAMESPACES),
        (answer, 0, 0, refused),
        (answer, 0, 0, allowed),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    rules = ctypes.create_string_buffer(struct.pack("HP", len(program), ctypes.addressof(code)))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    no_new_privileges, set_seccomp, by_filter = 38, 22, 2
    for arguments in ((no_new_privileges, 1, 0, 0, 0), (set_seccomp, by_filter, rules, 0, 0)):
        if prctl(*(ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments)):
            raise OSError(ctypes.get_errno(), "The kernel does not let the sandbox be closed.")


def take_pipes() -> tuple[io.BufferedReader, io.BufferedWriter]:
    """Keep the pipes to the grader for ourselves, and let whatever is printed go nowhere."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    return requests, replies


if __name__ == "__main__":  # before the slow imports, so that they are bounded too
    LIMITS = json.loads(sys.argv[1])
    limit(**LIMITS)
    forbid()
    REQUESTS, REPLIES = take_pipes()  # after this, nobody would hear a complaint
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from IPython.core.interactiveshell import InteractiveShell  # noqa: E402
from IPython.utils.text import SList  # noqa: E402
from safetensors.numpy import load, save  # noqa: E402
from traitlets.config import Config  # noqa: E402

KEPT: dict[str, object] = {}
QUESTIONS: set[str] = set()
"""What the grader's own cells have defined, and which of it asks the student's functions: this
finds what it needs, whatever else the student has given the same name."""
AFTER: dict[str, dict[str, object]] = {}
"""All names as they were at the end of each answer's cell, in the order of the cells."""
MADE: dict[str, set[str]] = {}
"""The names that each answer's cell has bound."""
WATCHED: dict[object, dict[str, object]] = {}
"""Modules and classes that a notebook may patch, and what belongs into them."""
PICTURES: dict[str, object] = {}
"""How pictures are drawn before the student changes it."""
FILTERS = list(warnings.filters)
RECURSION = sys.getrecursionlimit()
MOST = 10**6
"""Numbers that are taken from something like ``map``, which need not end."""
RECORDED = 2000
"""Calls of a stand-in network that are remembered; a sampler of the course makes far fewer."""


class Network(torch.nn.Module):
    """A network with known weights: ``x @ mix + t * time + labels[y]``; it notes its inputs.

    x       (B, D), or images (B, …, D)
    mix     (D, D);  time (D,);  labels (K + 1, D), the last row for "no label"

    The texts call its first argument x or x_t.
    """

    def __init__(self, mix: torch.Tensor, time: torch.Tensor, labels: torch.Tensor) -> None:
        super().__init__()
        self.mix, self.time, self.labels = mix, time, labels
        self.seen: list[tuple] = []
        self.single = False

    def forward(
        self, x: object = None, t: object = None, y: object = None, *, x_t: object = None
    ) -> torch.Tensor:
        """Answer, and remember the question."""
        x_t, t = torch.as_tensor(x if x_t is None else x_t), torch.as_tensor(t)
        y = torch.full((len(x_t),), -1) if y is None else torch.as_tensor(y)
        self.single |= any(told.shape != (len(x_t),) for told in (t, y))
        t, y = t.expand(len(x_t)), y.expand(len(x_t))
        if len(self.seen) < RECORDED:
            self.seen.append((x_t.detach().clone(), t.clone(), y.clone()))
        known = ((y >= -1) & (y < len(self.labels) - 1)).all()
        if not known:
            raise ValueError("This network was asked for a label that it does not have.")
        told = t[:, None].to(x_t) * self.time.to(x_t)
        told = told + self.labels.to(x_t)[y.long() % len(self.labels)]
        return x_t @ self.mix.to(x_t) + told.reshape(len(x_t), *[1] * (x_t.ndim - 2), -1)


class Step:
    """A reverse step with known weights: ``keep[t] * x + pull[t] * eps + stir[t] * z``."""

    def __init__(self, keep: torch.Tensor, pull: torch.Tensor, stir: torch.Tensor) -> None:
        self.keep, self.pull, self.stir = keep, pull, stir

    def __call__(self, x: object, eps: object, t: object, z: object) -> torch.Tensor:
        """Go from t to t − 1."""
        x, t = torch.as_tensor(x), int(torch.as_tensor(t).reshape(-1)[0])
        if not 1 <= t < len(self.keep):
            raise ValueError(f"There is no step from t = {t}.")
        keep, pull, stir = (table.to(x)[t] for table in (self.keep, self.pull, self.stir))
        return keep * x + pull * eps + stir * z


class Move(Step):
    """A step between any two times: ``keep[t] * x + pull[s] * eps + stir[t] * z``."""

    def __call__(self, x: object, eps: object, t: object, s: object, z: object) -> torch.Tensor:
        """Go from t to s."""
        t, s = (int(torch.as_tensor(time).reshape(-1)[0]) for time in (t, s))
        if not 0 <= s < t < len(self.keep):
            raise ValueError(f"There is no step from t = {t} to s = {s}.")
        x = torch.as_tensor(x)
        keep, pull, stir = (table.to(x) for table in (self.keep, self.pull, self.stir))
        return keep[t] * x + pull[s] * eps + stir[t] * z


class Jump:
    """A jump to the time t with known weights: ``keep[t] * x0 + stir[t] * eps``."""

    def __init__(self, keep: torch.Tensor, stir: torch.Tensor) -> None:
        self.keep, self.stir = keep, stir

    def __call__(self, x0: object, t: object, eps: object, alpha_bar: object) -> torch.Tensor:
        """Answer for a batch, each sample with its own time."""
        x0, t = torch.as_tensor(x0), torch.as_tensor(t).long()
        shape = (-1, *[1] * (x0.ndim - 1))
        keep, stir = (table.to(x0)[t].reshape(shape) for table in (self.keep, self.stir))
        return keep * x0 + stir * torch.as_tensor(eps)


class Walk:
    """A sampler that takes the steps from some times only: those whose entry is not 0."""

    def __init__(self, taken: torch.Tensor) -> None:
        self.taken = taken

    def __call__(self, model: object, step: object, x: object, noise: object) -> torch.Tensor:
        """Walk by the given steps, with the given noise."""
        for t in range(len(self.taken) - 1, 0, -1):
            if self.taken[t]:
                x = step(x, model(x, torch.full((len(x),), t)), t, noise[t])
        return torch.as_tensor(x)


def tensor(array: np.ndarray) -> torch.Tensor:
    """Turn an array into what a student expects: float32, whole numbers, or bytes."""
    whole = torch.uint8 if array.dtype == np.uint8 else torch.int64
    return torch.from_numpy(array.copy()).to(torch.float32 if array.dtype.kind == "f" else whole)


def build(argument: object, arrays: dict) -> object:
    """Turn the description of an argument into the argument."""
    if not isinstance(argument, dict):
        return argument
    ((kind, value),) = argument.items()
    if kind == "array":
        return tensor(arrays[value])
    if kind == "generator":
        generator = torch.Generator().manual_seed(value["seed"])
        torch.rand(value["drawn"], generator=generator)
        return generator
    parts = {name: tensor(arrays[key]) for name, key in value.items()}
    kinds = {"network": Network, "step": Step, "move": Move, "jump": Jump, "walk": Walk}
    return kinds[kind](**parts)


def plain(value: object) -> np.ndarray:
    """Turn what a student returned into an array of float64, int64 or bool.

    Raises  TypeError if it is neither a number, nor an array or a list of numbers
    """
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = value.double() if value.is_floating_point() else value
    if isinstance(value, Iterator):
        value = list(itertools.islice(value, MOST))
    if isinstance(value, (list, tuple, range)):
        value = [plain(item) for item in value]
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError("not numbers")
    dtype = {"f": np.float64, "b": np.bool_}.get(array.dtype.kind, np.int64)
    return np.asarray(array, dtype, order="C")


# --- cells ---------------------------------------------------------------------------------------

SILENT = set(
    "matplotlib pip conda mamba micromamba uv load_ext reload_ext unload_ext autoreload config "
    "colors xmode gui reset reset_selective cd".split()
)
"""Line magics of display and of installation; of these nothing is needed here."""
WRAPPERS = {"time", "timeit", "capture", "prun"}
"""Cell magics around a cell of Python, which is run without them."""


class Shell(InteractiveShell):
    """A notebook's Python, in which a magic can do no harm and a command does nothing."""

    def run_line_magic(self, magic_name: str, line: str, _stack_depth: int = 1) -> object:
        """Run a magic, unless it is one of display; whatever it is, it does not stop the cell."""
        if magic_name in SILENT:
            return None
        try:
            return super().run_line_magic(magic_name, line, _stack_depth + 1)
        except Exception:
            return None

    def system(self, cmd: str) -> None:
        """Do nothing: what a command would install is not here, and there is no network."""

    system_piped = system_raw = system

    def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> object:
        """Do nothing, and return no lines."""
        return SList() if split else ""

    def showtraceback(self, *_: object, **__: object) -> None:
        """Show nothing, since nobody is there to see it."""


def compiled(model: object = None, **_: object) -> object:
    """Stand in for ``torch.compile``, for which there is no compiler here."""
    return (lambda later: later) if model is None else model


def unwrapped(shell: InteractiveShell, source: str) -> str:
    """Take a cell magic from above a cell of Python: one that measures, hides, or is not known."""
    first, _, rest = source.lstrip().partition("\n")
    name = re.match(r"%%(\w+)", first)
    known = shell.magics_manager.magics["cell"]
    return rest if name and (name[1] in WRAPPERS or name[1] not in known) else source


def run_cell(shell: InteractiveShell, request: dict) -> dict:
    """Run a cell and tell how it ended; keep what it defines if it is ours or an answer.

    A cell that stops with an error has its other definitions run all the same.
    """
    before, source = dict(shell.user_ns), unwrapped(shell, request["source"])
    try:
        result = shell.run_cell(source, store_history=False)
        error = result.error_before_exec or result.error_in_exec
    except BaseException as unexpected:
        error = unexpected
    if request["ours"]:
        new = {k: v for k, v in shell.user_ns.items() if before.get(k, KEPT) is not v}
        KEPT.update({k: v.clone() if isinstance(v, torch.Tensor) else v for k, v in new.items()})
        QUESTIONS.update(new if request["asks"] else ())
        watch()
    elif error is not None:
        define_rest(shell, source, error)
    if request["name"] and not request["ours"]:
        AFTER[request["name"]] = dict(shell.user_ns)
        MADE[request["name"]] = {
            k for k, v in shell.user_ns.items() if before.get(k, KEPT) is not v
        }
    if "matplotlib.pyplot" in sys.modules:  # a notebook closes its figures, too
        with contextlib.suppress(Exception):
            sys.modules["matplotlib.pyplot"].close("all")
    return {"ok": error is None, **({} if error is None else describe(error))}


def define_rest(shell: InteractiveShell, source: str, error: BaseException) -> None:
    """Run what a cell would have defined behind the line that stopped it, each on its own."""
    step = error.__traceback__
    while step and not (
        step.tb_frame.f_globals is shell.user_ns and step.tb_frame.f_code.co_name == "<module>"
    ):
        step = step.tb_next
    if step is None:  # it did not begin to run
        return
    name = step.tb_frame.f_code.co_filename
    for node in ast.parse(shell.transform_cell(source)).body:
        if node.lineno > step.tb_lineno and defines(node):
            with contextlib.suppress(BaseException):
                code = shell.compile(ast.Module([node], []), name, "exec")
                exec(code, shell.user_ns)


def defines(node: ast.stmt) -> bool:
    """Whether a statement imports, defines a function or a class, or names a constant."""
    if isinstance(node, ast.Try):
        return all(defines(inner) for inner in node.body)
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if not all(isinstance(target, ast.Name) for target in targets):
            return False
        try:
            return isinstance(node.value, ast.Lambda) or bool(ast.literal_eval(node.value) or True)
        except (ValueError, TypeError, SyntaxError):
            return False
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return isinstance(node, kinds)


def describe(error: BaseException) -> dict:
    """Name an error, and what it is that the sandbox lacks, if that is the reason."""
    chain, cause = [], error
    while cause is not None and len(chain) < 20:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    lacks = next(filter(None, map(lacking, chain)), "")
    return {"error": type(error).__name__[:80], "message": str(error)[:500], "lacks": lacks}


OFFLINE = {"gaierror", "URLError", "ConnectionError", "LocalEntryNotFoundError", "MaxRetryError"}
UNREACHABLE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL)


def lacking(error: BaseException) -> str:
    """Say which of "package", "gpu", "network" and "terminal" an error asks for, if any."""
    names, text = {kind.__name__ for kind in type(error).__mro__}, str(error)
    if "ImportError" in names:
        return "package"
    if names & OFFLINE or getattr(error, "errno", None) in UNREACHABLE:
        return "network"
    if "StdinNotImplementedError" in names or ("EOFError" in names and "Ran out" not in text):
        return "terminal"
    gpu = re.search(r"\b(CUDA|NVIDIA|MPS|XPU)\b", text, re.IGNORECASE)
    return "gpu" if gpu and not text.startswith("Expected one of") else ""


# --- questions -----------------------------------------------------------------------------------

PATCHABLE = (
    "builtins math cmath random warnings numpy numpy.linalg numpy.random torch torch.autograd "
    "torch.cuda torch.fft torch.linalg torch.nn torch.nn.functional torch.nn.init torch.optim "
    "torch.random torch.special"
).split()
"""Modules that an answer may use, and a notebook change; the course's own come on top."""


def watch() -> None:
    """Note what belongs into the modules that the set-up has brought, and into torch's classes."""
    modules = [module for name, module in sys.modules.items() if name.startswith("course_lib")]
    modules += [sys.modules[name] for name in PATCHABLE if name in sys.modules]
    classes = [kind for kind in vars(torch.nn).values() if isinstance(kind, type)]
    for thing in (*modules, torch.Tensor, *classes):
        if thing not in WATCHED:
            inside = isinstance(thing, type)
            WATCHED[thing] = {
                name: value
                for name, value in vars(thing).items()
                if inside or (callable(value) or isinstance(value, ModuleType))
            }
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None and not PICTURES:
        pyplot.switch_backend("Agg")
        PICTURES.update(pyplot.rcParams)
        # No window can open here, whoever asks for one.
        sys.modules["matplotlib"].use = pyplot.switch_backend = lambda *_, **__: None


def put_back() -> None:
    """Undo what the notebook has changed in modules, in torch's classes, and in global modes."""
    for thing, belongs in WATCHED.items():
        now = dict(vars(thing))
        for name, value in belongs.items():
            if now.get(name, WATCHED) is not value:
                with contextlib.suppress(AttributeError, TypeError):
                    setattr(thing, name, value)
        if isinstance(thing, type):  # a method that hides one of a class above it
            for name in now.keys() - belongs.keys():
                if any(name in vars(above) for above in thing.__mro__[1:]):
                    with contextlib.suppress(AttributeError, TypeError):
                        delattr(thing, name)
    if PICTURES and PICTURES != (settings := sys.modules["matplotlib"].rcParams):
        settings.update(PICTURES)
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)
    if torch.are_deterministic_algorithms_enabled():
        torch.use_deterministic_algorithms(False)
    torch.set_float32_matmul_precision("highest")
    torch.autograd.set_detect_anomaly(False)
    torch.set_autocast_enabled("cpu", False)
    torch.set_flush_denormal(False)
    torch.set_num_threads(1)
    np.seterr(divide="warn", over="warn", under="ignore", invalid="warn")
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    sys.setrecursionlimit(RECURSION)
    sys.settrace(None)
    sys.setprofile(None)


def bare(value: object) -> object:
    """Take decorators off a function."""
    with contextlib.suppress(Exception):
        return inspect.unwrap(value)
    return value


def unwritten(value: object) -> bool:
    """Whether a function or a class is still the one that was handed out, or a part of it is."""
    parts = vars(value).values() if isinstance(value, type) else [value]
    codes = [bare(part).__code__ for part in parts if isinstance(bare(part), FunctionType)]
    return any("NotImplementedError" in code.co_names for code in codes)


def defined(shell: InteractiveShell, value: object) -> bool:
    """Whether this is a function or a class that a cell has defined."""
    if isinstance(value, type):
        return value.__module__ == shell.user_ns["__name__"]
    return isinstance(bare(value), FunctionType) and bare(value).__globals__ is shell.user_ns


def names_for(shell: InteractiveShell, cell: str, answers: list[str], end: dict) -> dict:
    """Return the names that a question about an answer's cell finds, as the top of this file says.

    answers  names that the master's answers define
    end      all names as they were at the end of the notebook
    """
    names: dict[str, object] = {}
    for after in (*AFTER.values(), end):
        names |= after
    then, order = AFTER.get(cell, {}), list(MADE)
    so_far = order[: order.index(cell) + 1] if cell in MADE else order
    later = [name for name in order if name not in so_far]
    for name in vars(builtins).keys() - then.keys() - {"__name__"}:  # `sum`, of a later cell
        names.pop(name, None)
    names |= then
    answered = {name for maker in so_far for name in MADE[maker]}
    for name, value in KEPT.items():
        if not (name in answered or (name in then and defined(shell, then[name]))):
            names[name] = value.clone() if isinstance(value, torch.Tensor) else value
    for name in answers:
        for maker in (*reversed(so_far), *later):
            if name in MADE[maker] and not unwritten(AFTER[maker][name]):
                names[name] = AFTER[maker][name]
                break
        else:  # perhaps a cell of the student's own has it
            if name in end and (name not in KEPT or defined(shell, end[name])):
                names[name] = end[name]
    return names


def call(shell: InteractiveShell, request: dict, arrays: dict, end: dict) -> tuple[dict, dict]:
    """Call one of the student's functions; return how it went, and arrays."""
    names = names_for(shell, request["cell"], request["answers"], end)
    shell.user_ns.clear()
    shell.user_ns.update(names)
    name = request["function"]
    function = (KEPT if name in QUESTIONS else shell.user_ns).get(name)
    needed = function.__code__.co_names if name in QUESTIONS else ()
    if function is None:
        return {"ok": False, "error": "Undefined", "message": ""}, {}
    random.seed(request["seed"])
    np.random.seed(request["seed"])
    torch.manual_seed(request["seed"])
    args = [build(argument, arrays) for argument in request["args"]]
    given = [build(argument, arrays) for argument in request["args"]]
    if request["learns"]:
        for network in filter(lambda argument: isinstance(argument, Network), args):
            network.mix.requires_grad_()
    shell.user_ns.update({key: KEPT[key] for key in needed if key in KEPT})
    shell.user_ns.update({key: build(item, arrays) for key, item in request["instead"].items()})
    try:
        with torch.inference_mode(False), torch.enable_grad():
            value = function(*args)
    except BaseException as error:  # whatever it is, it is the student's, and no reason to stop
        return {"ok": False, **describe(error)}, {}
    notes = [f"changes {k}" for k, pair in enumerate(zip(args, given)) if changed(*pair)]
    notes += ["single"] if any(getattr(a, "single", False) for a in args) else []
    if request["learns"] and not getattr(value, "requires_grad", False):
        notes.append("detached")
    count = request["outputs"]
    try:
        values = [value] if count == 1 else list(value)
        sent = {str(i): plain(item) for i, item in enumerate(values[: count + 1])}
    except Exception:
        return {"ok": False, "error": "NotNumbers", "message": type(value).__name__[:80]}, {}
    for network in args:
        if isinstance(network, Network) and network.seen:
            x, t, y = zip(*network.seen)
            if len({item.shape for item in x}) == 1:
                seen = {"x": torch.stack(x), "t": torch.stack(t), "y": torch.stack(y)}
                sent.update({f"seen.{key}": plain(item) for key, item in seen.items()})
    return {"ok": True, "notes": notes}, sent


def changed(argument: object, given: object) -> bool:
    """Whether a call has changed what it was given."""
    if isinstance(argument, torch.Tensor):
        same = argument.shape == given.shape and argument.dtype == given.dtype
        return not (same and torch.equal(argument.nan_to_num(), given.nan_to_num()))
    return isinstance(argument, list) and argument != given


def forget(shell: InteractiveShell) -> dict:
    """Begin anew, for a notebook that can be trusted not to have prepared the process."""
    put_back()
    warnings.filters[:] = FILTERS
    shell.reset(new_session=False)
    for memory in (KEPT, QUESTIONS, AFTER, MADE):
        memory.clear()
    return {"ok": True}


def main() -> None:
    """Say that all is ready, and answer requests until there are no more."""
    torch.set_num_threads(1)
    torch.compile, torch.nn.Module.compile = compiled, lambda *_, **__: None
    shell = Shell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    sys.path.append(os.getcwd())  # for a module that a cell writes
    end: dict[str, object] = {}

    def send(reply: dict, arrays: dict) -> None:
        payload = save(arrays) if arrays else b""
        REPLIES.write(json.dumps({**reply, "size": len(payload)}).encode() + b"\n" + payload)
        REPLIES.flush()

    send({"ok": True}, {})
    while line := REQUESTS.readline():
        request = json.loads(line)
        arrays = load(REQUESTS.read(request["size"])) if request["size"] else {}
        if request["op"] == "call":
            end = end or dict(shell.user_ns)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                put_back()
                send(*call(shell, request, arrays, end))
        else:
            end = {}
            answer = run_cell(shell, request) if request["op"] == "cell" else forget(shell)
            send(answer, {})
    os._exit(0)


if __name__ == "__main__":
    main()
