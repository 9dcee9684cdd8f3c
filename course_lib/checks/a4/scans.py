"""A program of the clinic that draws digits: small enough to be trained anew at every look."""

from collections.abc import Callable

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

from course_lib import networks, showing
from course_lib.checks.a4.clinic import Patient
from course_lib.checks.hints import plainly, require, shaped


class Scans(Patient):
    """A program with scanned digits for data: 8×8 pixels, and ten labels.

    prepare  the program's function from bytes (N, 64), 0 … 255, to x0
    """

    steps, batch, lr, count = 700, 128, 2e-3, 300

    def __init__(self, loss: Callable, sample: Callable, prepare: Callable) -> None:
        super().__init__(loss, sample, prepare)
        self.prepare = prepare

    def asks(self) -> tuple[Callable, ...]:
        """Return nothing: its function of its own prepares the data."""
        return ()

    def network(self) -> nn.Module:
        """Return a fresh network."""
        return networks.PointMLP(64, width=192, num_classes=10)

    def data(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the scans that are trained on, or n others, prepared, and their labels."""
        from sklearn.datasets import load_digits  # a second to import, and points do without

        scans = load_digits()
        raw = torch.from_numpy(scans.images).reshape(-1, 64).mul(255 / 16).round().byte()
        rows = slice(n) if n < 1000 else slice(self.count, None)
        x0 = shaped(self.prepare(raw[rows]), tuple(raw[rows].shape), "x0").float()
        return x0, torch.from_numpy(scans.target)[rows].long()

    def _draw(self, ax: plt.Axes, x: Tensor, y: Tensor | None) -> None:
        """Draw the first images in rows, as bytes of the course's range."""
        sheet = showing.tile(x[:64].reshape(-1, 1, 8, 8), 8)
        ax.imshow(sheet[..., 0], cmap="gray", vmin=0, vmax=255)
        ax.set_axis_off()

    @plainly
    def check(self) -> str:
        """Compare the samples with the nearest scans; return a sentence about them.

        Raises  AssertionError that tells what is still to be seen
        """
        s = self.symptoms
        known, labels = self.data(1797, torch.Generator())
        usual = torch.cdist(s.data, known).min(1).values.mean()
        for name, x in (("with", s.drawn), ("without", s.unlabelled)):
            far = torch.cdist(x, known).min(1).values.mean() / usual
            require(
                far < 2.2,
                f"Samples {name} labels are {far:.1f} times as far from the nearest scan as data.",
            )
        read = labels[torch.cdist(s.drawn, known).argmin(1)]
        right = (read == s.labels).double().mean()
        require(right > 0.6, f"Only {right:.0%} of the samples look like their label.")
        self._check_bytes()
        return f"{right:.0%} of the samples look like their label"

    def _check_bytes(self) -> None:
        """Check what becomes of all bytes, and of a scan without full ink."""
        page = torch.arange(256).byte().reshape(4, 64)
        for raw in (page, page[1:2], page[:1]):
            given = raw.clone()
            x0 = shaped(self.prepare(given), tuple(raw.shape), "x0")
            require(torch.equal(given, raw), "The scanner's bytes are changed in place.")
            low, high = x0.min(), x0.max()
            require(x0[-1, -1] > x0[0, 0], "More ink became less: paper is at −1, and ink at 1.")
            require(
                (x0 - (raw / 127.5 - 1)).abs().max() <= 0.02,
                f"Bytes from {raw.min()} to {raw.max()} became numbers from {low:.2f} to "
                f"{high:.2f}; in this course, images run from −1 to 1, whatever is in a batch.",
            )
