"""What a judge sees in real digits, and what real digits score against each other.

A distance compares sets of images, so that which digits they show counts too. Left to chance, they
would make up most of the spread of a floor. So reference, floors and samples all show each digit
under the same quotas: as often as MNIST's test set does, rounded.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import torch
from safetensors.torch import load_file
from torch import Tensor

from course_lib.judging import fidelity
from course_lib.judging.judge import FOLDER, SEEN, Judge, in_batches

COUNTS = (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
"""How many of MNIST's 10,000 test images show each digit."""
SIZES = (100, 200, 500, 1000, 2000, 5000, 10_000)
DRAWS = 8  # of real training images of every size
MEASUREMENTS = DRAWS * len(SIZES)
MEASURES = ("frechet", "kernel", "precision", "recall", "diversity", "accuracy", "rejected")


def quotas(n: int) -> list[int]:
    """Return how many of n images should show each digit, 0 to 9: MNIST's shares, rounded to n."""
    exact = [n * count / sum(COUNTS) for count in COUNTS]
    rounded = [int(share) for share in exact]
    largest = sorted(range(10), key=lambda k: rounded[k] - exact[k])  # remainders first
    for k in largest[: n - sum(rounded)]:
        rounded[k] += 1
    return rounded


def quota_labels(n: int) -> Tensor:
    """Return n labels under quotas, in an order that is random and always the same: (n,)."""
    y = torch.arange(10, device="cpu").repeat_interleave(torch.tensor(quotas(n), device="cpu"))
    return y[torch.randperm(n, generator=torch.Generator().manual_seed(0), device="cpu")]


def under_quotas(y: Tensor, n: int) -> Tensor:
    """Return the indices of the first n members of y (N,) that keep the quotas: (n,), sorted.

    Raises  ValueError if a digit is too rare
    """
    chosen = []
    for digit, quota in enumerate(quotas(n)):
        found = (y == digit).nonzero()[:, 0]
        if len(found) < quota:
            raise ValueError(f"{n} digits need {quota} of {digit}, but there are {len(found)}.")
        chosen.append(found[:quota])
    return torch.cat(chosen).sort().values


@dataclass(frozen=True)
class Reference:
    """What a judge sees in real digits.

    features  (10000, F) of MNIST's test images, in random order
    labels    (10000,) their digits
    limit     a distance in features that one real digit in a hundred exceeds, if no judge was
              trained on it: what lies further from all of ``features`` is rejected as no digit
    floors    for each of MEASURES, what n *training* images under quotas, which the judge has not
              seen, score against them: (DRAWS, len(SIZES))
    """

    features: Tensor
    labels: Tensor
    limit: float
    floors: dict[str, Tensor]

    @cached_property
    def kernel_within(self) -> float:
        """Mean kernel over all pairs of real images, which every kernel distance needs."""
        return fidelity.kernel_within(self.features)

    def floor(self, measure: str, n: int) -> float:
        """Return what n real digits score on average, interpolated in 1/n between the sizes.

        A Fréchet distance falls towards its limit in proportion to 1/n.
        See     Chong & Forsyth 2020 (arXiv:1911.07023), Section 3
        Raises  ValueError if n is outside the sizes measured
        """
        return _between(self.floors[measure].double().mean(0).tolist(), n)

    def spread(self, measure: str, n: int) -> float:
        """Return the standard deviation of that score from one set of n real digits to another.

        Raises  ValueError if n is outside the sizes measured
        """
        return _between(self.floors[measure].double().std(0).tolist(), n)

    def measure(self, features: Tensor, y: Tensor) -> dict[str, float]:
        """Compare features (N, F) of images that should show the digits y (N,) with real ones.

        Returns  a value for each of MEASURES but accuracy. Precision and recall set as many real
                 digits, under quotas, against the samples as there are samples.
        """
        even = self.features[under_quotas(self.labels, len(features))]
        precision, recall = fidelity.precision_recall(even, features)
        far = fidelity.nearest(features, self.features)[0] > self.limit
        return {
            "frechet": fidelity.frechet(self.features, features),
            "kernel": fidelity.kernel_distance(self.features, features, self.kernel_within),
            "precision": precision,
            "recall": recall,
            "diversity": fidelity.diversity(features, y),
            "rejected": far.double().mean().item(),
        }


def _between(values: list[float], n: int) -> float:
    """Interpolate values at SIZES in 1/n."""
    if not SIZES[0] <= n <= SIZES[-1]:
        raise ValueError(
            f"Real digits were measured for n from {SIZES[0]} to {SIZES[-1]}, not {n}."
        )
    for k in range(len(SIZES) - 1):
        low, high = SIZES[k], SIZES[k + 1]
        if low <= n <= high:
            share = (1 / n - 1 / low) / (1 / high - 1 / low)
            return values[k] + share * (values[k + 1] - values[k])
    raise AssertionError("unreachable: n is between two of the sizes")


def build_reference(
    judge: Judge, train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]
) -> Iterator[dict[str, Tensor]]:
    """Compute what ``Reference`` holds, in a form that can be saved.

    train   all training images and their labels; the floors take those after the first SEEN
    test    all test images and their labels
    Yields  the tensors measured so far, MEASUREMENTS times
    """
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(test[0]), generator=generator, device="cpu")
    images, labels = train[0][SEEN:], train[1][SEEN:]
    unseen = in_batches(judge.features, images)
    right = (in_batches(judge.classify, unseen).argmax(1) == labels).double()
    features = in_batches(judge.features, test[0][order]).half()
    # the floors are measured against what is saved, rounded to half precision
    limit = fidelity.nearest(unseen, features.float())[0].quantile(0.99)
    tensors = {"features": features, "labels": test[1][order].to(torch.uint8), "limit": limit}
    empty = torch.zeros(DRAWS, len(SIZES), device="cpu", dtype=torch.float32)
    tensors |= {f"floors.{name}": empty.clone() for name in MEASURES}
    real = Reference(features.float(), test[1][order], limit.item(), {})
    for k in range(MEASUREMENTS):
        row, column = divmod(k, len(SIZES))
        shuffled = torch.randperm(len(images), generator=generator, device="cpu")
        index = shuffled[under_quotas(labels[shuffled], SIZES[column])]
        values = real.measure(unseen[index], labels[index])
        values["accuracy"] = right[index].mean().item()
        for name in MEASURES:
            tensors[f"floors.{name}"][row, column] = values[name]
        yield tensors


@cache
def load_reference(name: str = "first") -> Reference:
    """Return the reference of a judge that comes with the course, "first" or "second"."""
    tensors = load_file(FOLDER / f"{name}-reference.safetensors")
    floors = {measure: tensors[f"floors.{measure}"] for measure in MEASURES}
    features, labels = tensors["features"].float(), tensors["labels"].long()
    return Reference(features, labels, tensors["limit"].item(), floors)
