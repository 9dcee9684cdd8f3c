"""Images of handwritten digits: MNIST, or a stand-in that needs no download.

`load_images` always returns: MNIST from disk, else from torchvision's mirrors, else scikit-learn's
small digits drawn at MNIST's size. Every image is float32 in [-1, 1].
"""

import contextlib
import hashlib
import os
import queue
import socket
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision import datasets
from torchvision.datasets.mnist import read_image_file, read_label_file

SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""MNIST's four files, uncompressed, and their digests. torchvision checks only that they exist."""

_PATIENCE = 6.0  # seconds for some mirror to answer, name look-up included
_STALL = 10.0  # seconds without a byte that end a download
_PAUSE = 1.0  # seconds before a second attempt, twice as many before a third
_ATTEMPTS = 3


class DataUnavailable(RuntimeError):
    """The data are not here and cannot be had; the message is one sentence with the remedy."""


@dataclass(frozen=True, eq=False)
class ImageData:
    """A data set of grey images with labels.

    name             "mnist" or "digits"
    x_train, x_test  (N, 1, 28, 28) float32 in [-1, 1]; -1 is the background
    y_train, y_test  (N,) long, the digit 0 … 9
    note             one line: what these images are
    """

    name: str
    x_train: Tensor = field(repr=False)
    y_train: Tensor = field(repr=False)
    x_test: Tensor = field(repr=False)
    y_test: Tensor = field(repr=False)
    note: str


def data_dir() -> Path:
    """Return the folder that holds, or will hold, downloaded data.

    Returns  what the environment variable COURSE_DATA says, else ``data`` beside pyproject.toml,
             else ``data`` in the current folder; it need not exist
    """
    if chosen := os.environ.get("COURSE_DATA"):
        return Path(chosen).expanduser()
    project = Path(__file__).resolve().parents[1]
    return (project if (project / "pyproject.toml").is_file() else Path()) / "data"


def load_images(root: str | os.PathLike[str] | None = None) -> ImageData:
    """Return MNIST if it can be had, else `digits`, saying why in one printed line.

    root     folder of MNIST/raw; None is `data_dir`
    Returns  ImageData; its ``name`` says which of the two it is
    """
    try:
        return mnist(root)
    except DataUnavailable as error:
        print(f"Using scikit-learn's small digits in place of MNIST: {error}")
        return digits()


def mnist(root: str | os.PathLike[str] | None = None, *, download: bool = True) -> ImageData:
    """Return MNIST, read from ``root/MNIST/raw``, downloaded first if it is missing or damaged.

    root      folder in torchvision's layout, which may be read-only; None is `data_dir`
    download  False never touches the network or the folder
    Returns   ImageData with 60,000 training and 10,000 test images
    Raises    DataUnavailable  if it cannot be had, within 10 s if there is no network
    See       LeCun et al. 1998, "Gradient-based learning applied to document recognition"
    """
    raw = (data_dir() if root is None else Path(root).expanduser()) / "MNIST" / "raw"
    if damaged := _damaged(raw):
        damage = f"incomplete or damaged ({', '.join(damaged)})"
        problem = f"MNIST is {damage if os.path.exists(raw) else 'missing'}"
        try:
            if not download:
                raise OSError("downloading it is switched off")
            _fetch(raw, problem)
        except OSError as error:
            reason = " ".join(str(error).split())  # torchvision's reasons have several lines
            remedy = "get online and try again, or set COURSE_DATA to a folder that has it"
            raise DataUnavailable(f"{problem} and {reason}; {remedy}.") from error

    def read(part: str) -> tuple[Tensor, Tensor]:
        x = read_image_file(str(raw / f"{part}-images-idx3-ubyte")).unsqueeze(1).float()
        return x.div_(127.5).sub_(1), read_label_file(str(raw / f"{part}-labels-idx1-ubyte"))

    note = "MNIST: scans of handwritten digits, each drawn once (LeCun et al. 1998)"
    return ImageData("mnist", *read("train"), *read("t10k"), note)


def digits(*, seed: int = 0) -> ImageData:
    """Return the stand-in for MNIST: scikit-learn's 8×8 digits, drawn at MNIST's size.

    Each of 1,500 scans gives eight training images, every one turned, slanted, resized and moved
    a little. The other 297 scans are the test images, drawn once and straight: nothing in the
    test set was seen in training, whatever the seed.

    seed     of the random distortions; the split into training and test scans is fixed
    Returns  ImageData with 12,000 training and 297 test images
    See      Alpaydin & Kaynak 1998, "Optical recognition of handwritten digits" (UCI)
    """
    from sklearn.datasets import load_digits  # a second to import, and MNIST does without

    scans = load_digits()
    x = torch.from_numpy(scans.images).float().unsqueeze(1) / 16  # (1797, 1, 8, 8) in [0, 1]
    y = torch.from_numpy(scans.target).long()
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    test, train = order[:297], order[297:].repeat(8)
    distortion = 2 * torch.rand(len(train), 5, generator=torch.Generator().manual_seed(seed)) - 1
    x_train, x_test = _drawn(x[train], distortion), _drawn(x[test], torch.zeros(len(test), 5))
    note = "digits: 1,797 scans of 8x8 pixels (scikit-learn) enlarged to 28x28, in place of MNIST"
    return ImageData("digits", x_train, y[train], x_test, y[test], note)


def _drawn(scans: Tensor, distortion: Tensor) -> Tensor:
    """Draw 8×8 scans as MNIST does: 20 pixels high, in a 28×28 frame, in strokes of even ink.

    scans       (B, 1, 8, 8) in [0, 1]
    distortion  (B, 5) in [-1, 1]: turn, slant, size, and shift across and down; 0 is none
    Returns     (B, 1, 28, 28) float32 in [-1, 1]
    """
    turn, slant, size, across, down = (distortion * torch.tensor([0.15, 0.25, 0.08, 0.1, 0.1])).T
    cos, sin = turn.cos(), turn.sin()
    wide, high = 28 / 23 / (1 + size), 28 / 20 / (1 + size)  # a scan's outer columns are empty
    rows = [wide * cos, wide * (sin + slant), across, -high * sin, high * cos, down]
    to_scan = torch.stack(rows, dim=1).view(-1, 2, 3)
    grid = F.affine_grid(to_scan, [len(scans), 1, 28, 28], align_corners=False)
    ink = F.grid_sample(scans, grid, mode="bicubic", align_corners=False)
    # A thin stroke of an 8×8 scan is grey, a thick one white, and a slanting one a row of blots.
    # Blurring joins the blots; dividing by the most ink nearby makes every stroke equally dark.
    ink = F.avg_pool2d(F.avg_pool2d(ink, 3, stride=1, padding=1), 3, stride=1, padding=1)
    most = F.max_pool2d(ink, 5, stride=1, padding=2).clamp(min=0.4)
    return ((ink / most - 0.57) / 0.28).clamp(0, 1) * 2 - 1


def _damaged(raw: Path) -> list[str]:
    """Return the names of MNIST's files that are missing from ``raw`` or not the real ones."""

    def digest(path: Path) -> str:
        try:
            return hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError:
            return "unreadable"

    return [name for name, expected in SHA256.items() if digest(raw / name) != expected]


def _fetch(raw: Path, problem: str) -> None:
    """Replace the damaged files in ``raw``, each at one stroke and only by a verified one.

    An interruption leaves nothing behind, and processes that download at the same time do not
    meet: each has a temporary folder of its own. Raises OSError if it cannot be done.
    """
    mirrors = _awake()
    print(f"{problem}: downloading it (12 MB).")
    raw.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=raw.parent, ignore_cleanup_errors=True) as folder:
        fresh = _download(Path(folder), mirrors)
        raw.mkdir(exist_ok=True)
        for name in _damaged(raw):
            with contextlib.suppress(PermissionError):  # Windows, while another process reads it
                os.replace(fresh / name, raw / name)
    if _damaged(raw):
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
    if _damaged(fresh):
        raise OSError(f"the download failed ({reason})")
    return fresh
