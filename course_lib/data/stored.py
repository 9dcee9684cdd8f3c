"""Find MNIST's files on disk, under the names and in the folders that they are kept in."""

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""MNIST's four files, uncompressed, and their digests. torchvision checks only that they exist."""


def folders(root: Path) -> list[Path]:
    """Return where MNIST's files may lie, given a folder.

    As torchvision lays them out comes first; then what a path means that leads one or two levels
    too deep, or one too high.
    """
    return [root / "MNIST" / "raw", root / "raw", root, *sorted(root.glob("*/MNIST/raw"))]


def copies(folder: Path, name: str) -> Iterator[Path]:
    """Yield the files that should hold one of MNIST's, plain or packed, whatever they hold."""
    dotted = name.replace("-idx", ".idx")  # as it is called where it was unpacked by hand
    for known in (name, dotted, f"{name}.gz", f"{dotted}.gz"):
        if os.path.lexists(folder / known):
            yield folder / known


def content(path: Path) -> bytes:
    """Return what is in a file, unpacked; nothing if it cannot be read."""
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix == ".gz" else data
    except (OSError, EOFError, zlib.error):
        return b""


def real(folder: Path, name: str) -> bytes | None:
    """Return one of MNIST's files, unpacked, if a folder holds it whole."""
    found = (content(path) for path in copies(folder, name))
    return next((data for data in found if hashlib.sha256(data).hexdigest() == SHA256[name]), None)


def damaged(folder: Path) -> list[str]:
    """Return the names of MNIST's files that are missing from a folder or not the real ones."""
    return [name for name in SHA256 if real(folder, name) is None]


def tensor(data: bytes) -> Tensor:
    """Return what is in a file of LeCun's format, whose third byte is 8: uint8 of any shape.

    See  LeCun et al., http://yann.lecun.com/exdb/mnist, "the IDX file format"
    """
    dimensions = data[3]
    start = 4 + 4 * dimensions
    shape = [int.from_bytes(data[k : k + 4], "big") for k in range(4, start, 4)]
    return torch.frombuffer(bytearray(data[start:]), dtype=torch.uint8).reshape(shape)
