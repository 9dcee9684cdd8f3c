"""What the judge sees in real digits, and what real digits score against each other."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import torch
from safetensors.torch import load_file
from torch import Tensor

from course_lib import WEIGHTS
from course_lib.judging import fidelity
from course_lib.judging.judge import Judge, in_batches

SIZES = (100, 200, 500, 1000, 2000, 5000, 10_000)
DRAWS = 3  # of real training images of every size
MEASUREMENTS = DRAWS * len(SIZES)
MEASURES = ("frechet", "kernel", "precision", "recall", "diversity")


def measure(
    real: Tensor, features: Tensor, y: Tensor, within_real: float | None = None
) -> dict[str, float]:
    """Compare features (N, F) of images that should show the digits y with those of real ones.

    within_real  see ``fidelity.kernel_distance``
    Returns      a value for each of MEASURES. Precision and recall set as many real images against
                 the samples as there are samples.
    """
    precision, recall = fidelity.precision_recall(real[: len(features)], features)
    return {
        "frechet": fidelity.frechet(real, features),
        "kernel": fidelity.kernel_distance(real, features, within_real),
        "precision": precision,
        "recall": recall,
        "diversity": fidelity.diversity(features, y),
    }


@dataclass(frozen=True)
class Reference:
    """What the judge sees in real digits.

    features  (10000, F) of MNIST's test images, in random order
    floors    for every measure, what n *training* images score against them, drawn several times:
              (DRAWS, len(SIZES)), for the n of SIZES
    """

    features: Tensor
    floors: dict[str, Tensor]

    @cached_property
    def kernel_within(self) -> float:
        """Mean kernel over all pairs of real images, which every kernel distance needs."""
        return fidelity.kernel_within(self.features)

    def floor(self, measure: str, n: int) -> float:
        """Return what n real digits score, interpolated in 1/n between the sizes measured.

        A Fréchet distance falls towards its limit in proportion to 1/n.
        See     Chong & Forsyth 2020 (arXiv:1911.07023), Section 3
        Raises  ValueError if n is outside the sizes measured
        """
        if not SIZES[0] <= n <= SIZES[-1]:
            raise ValueError(
                f"Real digits were measured for n from {SIZES[0]} to {SIZES[-1]}, not {n}."
            )
        values = self.floors[measure].double().mean(0).tolist()
        for k in range(len(SIZES) - 1):
            low, high = SIZES[k], SIZES[k + 1]
            if low <= n <= high:
                share = (1 / n - 1 / low) / (1 / high - 1 / low)
                return values[k] + share * (values[k + 1] - values[k])
        raise AssertionError("unreachable: n is between two of the sizes")


def build_reference(
    judge: Judge, train: tuple[Tensor, Tensor], test: Tensor
) -> Iterator[dict[str, Tensor]]:
    """Compute what ``Reference`` holds, in a form that can be saved.

    train   all training images and their labels
    test    all test images
    Yields  the tensors measured so far, MEASUREMENTS times
    """
    generator = torch.Generator().manual_seed(0)
    images, labels = train
    real = in_batches(judge.features, test[torch.randperm(len(test), generator=generator)])
    tensors = {"features": real.half()}
    real = tensors["features"].float()  # the floors must be measured against what is saved
    within_real = fidelity.kernel_within(real)
    tensors |= {f"floors.{name}": torch.zeros(DRAWS, len(SIZES)) for name in MEASURES}
    for k in range(MEASUREMENTS):
        row, column = divmod(k, len(SIZES))
        index = torch.randperm(len(images), generator=generator)[: SIZES[column]]
        features = in_batches(judge.features, images[index])
        for name, value in measure(real, features, labels[index], within_real).items():
            tensors[f"floors.{name}"][row, column] = value
        yield tensors


@cache
def load_reference() -> Reference:
    """Return the reference that comes with the course, measured with the shipped judge."""
    tensors = load_file(WEIGHTS / "reference.safetensors")
    floors = {name: tensors[f"floors.{name}"] for name in MEASURES}
    return Reference(tensors["features"].float(), floors)
