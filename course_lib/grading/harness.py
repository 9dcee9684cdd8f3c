"""The inside of the sandbox: run the student's cells, call the student's functions, send arrays.

It stays one file, since it is mounted and started on its own, without the rest of the package. It
shares its process with the student's code, so it holds no answer, and whoever reads what it sends
must believe none of it. It takes one request at a time: a line of JSON, then arrays in
safetensors' format.

    {"op": "cell", "source": …, "ours": …, "asks": …} run a cell, as a notebook would
    {"op": "call", "function": …, "args": […], …}     call a function, and send what it returns

An argument is a number, a list of numbers, None, or an object whose one key says what to build:
{"array": name}, {"network": {…}}, {"step": {…}}, {"move": {…}}, {"jump": {…}}, {"walk": {…}},
{"generator": seed}. While a call lasts, such objects may stand in for other functions of the
student's.
"""

import ctypes
import io
import json
import os
import platform
import random
import resource
import struct
import sys


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
from safetensors.numpy import load, save  # noqa: E402
from traitlets.config import Config  # noqa: E402

KEPT: dict[str, object] = {}
QUESTIONS: set[str] = set()
"""What the grader's own cells have defined, and which of it asks the student's functions: this
finds what it needs, whatever else the student has given the same name."""
RECORDED = 2000
"""Calls of a stand-in network that are remembered; a sampler of the course makes far fewer."""


class Network(torch.nn.Module):
    """A network with known weights: ``x @ mix + t * time + labels[y]``; it notes its inputs.

    mix     (D, D);  time (D,);  labels (K + 1, D), the last row for "no label"

    The texts call its first argument x or x_t.
    """

    def __init__(self, mix: torch.Tensor, time: torch.Tensor, labels: torch.Tensor) -> None:
        super().__init__()
        self.mix, self.time, self.labels = mix, time, labels
        self.seen: list[tuple] = []

    def forward(
        self, x: object = None, t: object = None, y: object = None, *, x_t: object = None
    ) -> torch.Tensor:
        """Answer, and remember the question."""
        x_t = torch.as_tensor(x if x_t is None else x_t)
        t = torch.as_tensor(t).expand(len(x_t))
        y = torch.full((len(x_t),), -1) if y is None else torch.as_tensor(y).expand(len(x_t))
        if len(self.seen) < RECORDED:
            self.seen.append((x_t.detach().clone(), t.clone(), y.clone()))
        known = ((y >= -1) & (y < len(self.labels) - 1)).all()
        if not known:
            raise ValueError("This network was asked for a label that it does not have.")
        out = x_t @ self.mix.to(x_t) + t[:, None].to(x_t) * self.time.to(x_t)
        return out + self.labels.to(x_t)[y.long() % len(self.labels)]


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
    """A sampler that asks the network at some times: ``x + pull[t] * model(x, t)``."""

    def __init__(self, pull: torch.Tensor) -> None:
        self.pull = pull

    def __call__(self, model: object, step: object, x: object, noise: object) -> torch.Tensor:
        """Walk; neither the step nor the noise is needed for that."""
        x = torch.as_tensor(x)
        for t in range(len(self.pull) - 1, 0, -1):
            if self.pull[t]:
                eps = torch.as_tensor(model(x, torch.full((len(x),), t)))
                x = x + self.pull[t].to(x) * eps
        return x


def tensor(array: np.ndarray) -> torch.Tensor:
    """Turn an array into what a student expects: float32, or whole numbers."""
    return torch.from_numpy(array.copy()).to(
        torch.float32 if array.dtype.kind == "f" else torch.int64
    )


def build(argument: object, arrays: dict) -> object:
    """Turn the description of an argument into the argument."""
    if not isinstance(argument, dict):
        return argument
    ((kind, value),) = argument.items()
    if kind == "array":
        return tensor(arrays[value])
    if kind == "generator":
        return torch.Generator().manual_seed(value)
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
    if isinstance(value, (list, tuple)):
        value = [plain(item) for item in value]
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError("not numbers")
    dtype = {"f": np.float64, "b": np.bool_}.get(array.dtype.kind, np.int64)
    return np.asarray(array, dtype, order="C")


def run_cell(shell: InteractiveShell, source: str, ours: bool, asks: bool) -> dict:
    """Run a cell and tell how it ended; keep what it defines if it is the grader's own."""
    before = dict(shell.user_ns)
    try:
        result = shell.run_cell(source, store_history=False)
        error = result.error_before_exec or result.error_in_exec
    except BaseException as unexpected:
        error = unexpected
    if ours:
        new = {k: v for k, v in shell.user_ns.items() if before.get(k, KEPT) is not v}
        KEPT.update(new)
        QUESTIONS.update(new if asks else ())
    return {"ok": error is None, **({} if error is None else describe(error))}


def describe(error: BaseException) -> dict:
    """Name an error."""
    return {"error": type(error).__name__[:80], "message": str(error)[:500]}


def call(shell: InteractiveShell, request: dict, arrays: dict) -> tuple[dict, dict]:
    """Call one of the student's functions; return how it went, and arrays."""
    name = request["function"]
    function = (KEPT if name in QUESTIONS else shell.user_ns).get(name)
    needed = function.__code__.co_names if name in QUESTIONS else ()
    if function is None:
        return {"ok": False, "error": "Undefined", "message": ""}, {}
    random.seed(request["seed"])
    np.random.seed(request["seed"])
    torch.manual_seed(request["seed"])
    args = [build(argument, arrays) for argument in request["args"]]
    instead = {key: KEPT[key] for key in needed if key in KEPT}
    instead |= {key: build(value, arrays) for key, value in request["instead"].items()}
    before = {name: shell.user_ns[name] for name in instead if name in shell.user_ns}
    shell.user_ns.update(instead)
    try:
        value = function(*args)
    except BaseException as error:  # whatever it is, it is the student's, and no reason to stop
        return {"ok": False, **describe(error)}, {}
    finally:
        for name in instead:
            shell.user_ns.pop(name, None)
        shell.user_ns.update(before)
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
    return {"ok": True}, sent


def main() -> None:
    """Say that all is ready, and answer requests until there are no more."""
    torch.set_num_threads(1)
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))

    def send(reply: dict, arrays: dict) -> None:
        payload = save(arrays) if arrays else b""
        REPLIES.write(json.dumps({**reply, "size": len(payload)}).encode() + b"\n" + payload)
        REPLIES.flush()

    send({"ok": True}, {})
    while line := REQUESTS.readline():
        request = json.loads(line)
        arrays = load(REQUESTS.read(request["size"])) if request["size"] else {}
        if request["op"] == "cell":
            send(run_cell(shell, request["source"], request["ours"], request["asks"]), {})
        else:
            send(*call(shell, request, arrays))
    os._exit(0)


if __name__ == "__main__":
    main()
