"""Images of handwritten digits: MNIST, or a stand-in that needs no download.

`load_images` always returns: MNIST from disk, else from torchvision's mirrors, else scikit-learn's
small digits drawn at MNIST's size. Every image is float32 in [-1, 1].
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib import say
from course_lib.data import download as downloads
from course_lib.data import stored
from course_lib.data.shapes import FLOATS


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
    return (_checkout() or Path()) / "data"


def _checkout() -> Path | None:
    """Return the folder of the course, unless the package was installed without it."""
    project = Path(__file__).resolve().parents[2]
    return project if (project / "pyproject.toml").is_file() else None


def owned(place: Path) -> bool:
    """Return whether a data folder is the course's own: what we may write to, and replace."""
    if checkout := _checkout():
        return place.resolve() == (checkout / "data").resolve()
    return place == Path("data") and not (place / "MNIST").exists()


def load_images(root: str | os.PathLike[str] | None = None) -> ImageData:
    """Return MNIST if it can be had, else `digits`, saying why in one printed line.

    root     folder of MNIST/raw; None is `data_dir`
    Returns  ImageData; its ``name`` says which of the two it is
    """
    try:
        return mnist(root)
    except DataUnavailable as error:
        say(f"Using scikit-learn's small digits in place of MNIST: {error}")
        return digits()


def mnist(root: str | os.PathLike[str] | None = None, *, download: bool = True) -> ImageData:
    """Return MNIST, read from disk; in the course's own folder, it is downloaded where it lacks.

    A folder of yours is only read: nothing in it is replaced, and nothing is downloaded into it.

    root      folder in torchvision's layout, or one level off; None is `data_dir`
    download  False never touches the network or the folder
    Returns   ImageData with 60,000 training and 10,000 test images
    Raises    DataUnavailable  if it cannot be had, within 10 s if there is no network
    See       LeCun et al. 1998, "Gradient-based learning applied to document recognition"
    """
    place = data_dir() if root is None else Path(root).expanduser()
    files = _files(place, download)

    def read(part: str) -> tuple[Tensor, Tensor]:
        x = stored.tensor(files[f"{part}-images-idx3-ubyte"]).unsqueeze(1).float()
        return x.div_(127.5).sub_(1), stored.tensor(files[f"{part}-labels-idx1-ubyte"]).long()

    note = "MNIST: scans of handwritten digits, each drawn once (LeCun et al. 1998)"
    return ImageData("mnist", *read("train"), *read("t10k"), note)


def _files(place: Path, download: bool) -> dict[str, bytes]:
    """Return what is in MNIST's four files, by name; download them if the folder is our own."""
    holding = [
        folder
        for folder in stored.folders(place)
        if any(path for name in stored.SHA256 for path in stored.copies(folder, name))
    ]
    for folder in holding:
        files = {name: stored.real(folder, name) for name in stored.SHA256}
        if None not in files.values():
            return files
    if not owned(place):
        raise DataUnavailable(_complaint(place, holding))
    raw = place / "MNIST" / "raw"
    damage = f"incomplete or damaged ({', '.join(stored.damaged(raw))})"
    problem = f"MNIST is {damage if os.path.exists(raw) else 'missing'}"
    try:
        if not download:
            raise OSError("downloading it is switched off")
        downloads.fetch(raw, problem)
    except OSError as error:
        reason = " ".join(str(error).split())  # torchvision's reasons have several lines
        remedy = "get online and try again, or set COURSE_DATA to a folder that has it"
        raise DataUnavailable(f"{problem} and {reason}; {remedy}.") from error
    return {name: stored.real(raw, name) for name in stored.SHA256}


def _complaint(place: Path, holding: list[Path]) -> str:
    """Say what a folder lacks that is not ours to fill."""
    remedy = "name a folder that has it in COURSE_DATA, or unset that to have it downloaded"
    if not holding:
        looked = "it was looked for there, in MNIST/raw, in raw and in */MNIST/raw"
        return f"There is no MNIST in {place.absolute()} ({looked}): {remedy}."
    wrong = stored.damaged(holding[0])
    there = next((path for name in wrong for path in stored.copies(holding[0], name)), None)
    if there is None:
        return f"{holding[0].absolute()} lacks {', '.join(wrong)} of MNIST: {remedy}."
    return (
        f"{there.absolute()} is not MNIST's file of that name, but damaged or another data set's: "
        f"put the real one there, or {remedy}."
    )


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
    fixed, chance = (torch.Generator().manual_seed(k) for k in (0, seed))
    order = torch.randperm(len(x), generator=fixed, device="cpu")
    test, train = order[:297], order[297:].repeat(8)
    distortion = 2 * torch.rand(len(train), 5, generator=chance, **FLOATS) - 1
    straight = torch.zeros(len(test), 5, **FLOATS)
    x_train, x_test = _drawn(x[train], distortion), _drawn(x[test], straight)
    note = "digits: 1,797 scans of 8x8 pixels (scikit-learn) enlarged to 28x28, in place of MNIST"
    return ImageData("digits", x_train, y[train], x_test, y[test], note)


def _drawn(scans: Tensor, distortion: Tensor) -> Tensor:
    """Draw 8×8 scans as MNIST does: 20 pixels high, in a 28×28 frame, in strokes of even ink.

    scans       (B, 1, 8, 8) in [0, 1]
    distortion  (B, 5) in [-1, 1]: turn, slant, size, and shift across and down; 0 is none
    Returns     (B, 1, 28, 28) float32 in [-1, 1]
    """
    most = torch.tensor([0.15, 0.25, 0.08, 0.1, 0.1], **FLOATS)
    turn, slant, size, across, down = (distortion * most).T
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
