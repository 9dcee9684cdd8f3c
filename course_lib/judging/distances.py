"""How a distance is reported, and when one is smaller than another: score − floor, with a bar.

A Fréchet distance falls with the number of images, for real ones too. What real ones score at the
same n is the floor, and the difference is what the samples lack. Never divide by the floor: the
quotient of one and the same fault grows with n.
"""

from dataclasses import dataclass

import torch
from scipy.stats import t as student
from torch import Tensor

from course_lib.judging import fidelity
from course_lib.judging.reference import Reference, quotas

GROUPS = 10  # into which samples are divided for the jackknife


@dataclass(frozen=True)
class Distance:
    """A Fréchet distance beside its floor.

    score  of n samples
    floor  mean score of n real digits under the same quotas
    bar    standard error of ``above``: it contains which samples were drawn, and how well the
           floor is known; not another seed of training
    n      number of samples
    """

    score: float
    floor: float
    bar: float
    n: int

    @property
    def above(self) -> float:
        """Score − floor: 0 for a perfect model at every n, give or take the bar."""
        return self.score - self.floor

    def __str__(self) -> str:
        """Return such as "+0.42 ± 0.03"."""
        return f"{self.above:+.2f} ± {self.bar:.2f}"


def above_floor(features: Tensor, y: Tensor, reference: Reference) -> Distance:
    """Return how far the samples are from real digits, above what as many real digits are.

    features   (N, F) of the samples, as the judge of ``reference`` sees them
    y          (N,) the digits that were asked for, as many of each as ``quotas(N)`` says
    Raises     ValueError for other labels, and for N outside the sizes measured
    See        Efron & Stein 1981, "The jackknife estimate of variance", for the bar
    """
    n = len(features)
    counts = torch.bincount(y, minlength=10).tolist()
    if counts != quotas(n):
        raise ValueError(
            f"A floor holds for the quotas {quotas(n)} of the digits 0 to 9, not {counts}: take "
            f"the labels from judging.quota_labels({n})."
        )
    floor, spread = reference.floor("frechet", n), reference.spread("frechet", n)
    # in an order of digits, so that each group, too, has its share of every digit
    place = torch.empty(n, dtype=torch.long, device=y.device)
    place[y.argsort(stable=True)] = torch.arange(n, device=y.device)
    left = torch.tensor(
        [
            fidelity.frechet(reference.features, features[place % GROUPS != group])
            for group in range(GROUPS)
        ],
        device="cpu",
    )
    draws = (GROUPS - 1) * left.var(correction=0)
    bar = float(draws + spread**2 / len(reference.floors["frechet"])) ** 0.5
    return Distance(fidelity.frechet(reference.features, features), floor, bar, n)


@dataclass(frozen=True)
class Difference:
    """What a comparison of paired results says.

    mean   mean of a − b
    error  its standard error
    limit  how many errors a chance difference stays within, 19 times in 20 (Student's t)
    """

    mean: float
    error: float
    limit: float

    @property
    def verdict(self) -> str:
        """ "lower" or "higher", as a is than b, or "inconclusive"."""
        if not abs(self.mean) > self.limit * self.error:
            return "inconclusive"
        return "lower" if self.mean < 0 else "higher"

    def __str__(self) -> str:
        """Return such as "-0.31 ± 0.05: lower", which every terminal can print."""
        return f"{self.mean:+.2f} ± {self.error:.2f}: {self.verdict}"


def compare(a: Tensor, b: Tensor) -> Difference:
    """Compare results that were measured in pairs: the same noise, labels and training seed.

    a, b     (S,) one result for each sampling seed, or (R, S) for each training seed, crossed with
             the sampling seeds: then the error holds for other seeds of both kinds
    Returns  Difference of a and b; a table's limit counts the fewer seeds of the two kinds
    Raises   ValueError unless there are two seeds or more of each kind
    See      Student 1908, "The probable error of a mean"; for tables Searle, Casella & McCulloch
             1992, "Variance Components", Section 4.3
    """
    if a.shape != b.shape or a.ndim not in (1, 2) or min(a.shape) < 2:
        raise ValueError(
            f"Compare two rows or two tables of paired results, at least two seeds of each kind, "
            f"not {tuple(a.shape)} and {tuple(b.shape)}."
        )
    d = a.double() - b.double()
    mean, fewest = d.mean(), min(d.shape)
    if d.ndim == 1:
        variance = d.var() / len(d)
    else:
        R, S = d.shape
        rows, columns = d.mean(1) - mean, d.mean(0) - mean
        rest = d - mean - rows[:, None] - columns
        of_rows = S * rows.square().sum() / (R - 1)
        of_columns = R * columns.square().sum() / (S - 1)
        of_rest = rest.square().sum() / ((R - 1) * (S - 1))
        variance = max(of_rows + of_columns - of_rest, of_rows, of_columns) / (R * S)
    limit = float(student.ppf(0.975, fewest - 1))
    return Difference(mean.item(), float(variance) ** 0.5, limit)


def agreed(differences: dict[str, Difference]) -> str:
    """Return what several judges say of one comparison.

    Returns  the verdict if all share it; "inconclusive" if one cannot tell; and "the judges
             disagree" if one says lower and another higher
    """
    verdicts = {difference.verdict for difference in differences.values()}
    if len(verdicts) == 1:
        return verdicts.pop()
    return "inconclusive" if "inconclusive" in verdicts else "the judges disagree"
