"""Trials: several ways to sample, each with the same models and the same noise, judged by both.

Where models and noise are crossed, a mean holds for other models and other noise within its error,
and two ways can be compared in pairs.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from course_lib import say
from course_lib.judging.distances import Difference, agreed, compare
from course_lib.judging.judge import JUDGES, in_batches, load_judge
from course_lib.judging.reference import SIZES, load_reference, quota_labels
from course_lib.samplers import randn


def seeded_noise(seeds: Iterable[int], n: int) -> Tensor:
    """Return n starting noises from each seed, one seed after another: (seeds · n, 1, 28, 28)."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    return torch.cat([randn((n, 1, 28, 28), g) for g in generators])


class Trials:
    """What both judges say of ways to sample.

    n       number of digits in a set of samples
    scores  for each way and judge, and each of MEASURES, one number for each set: (S,), or (R, S)
            for R models crossed with S seeds of noise
    """

    MEASURES = ("accuracy", "frechet", "precision", "recall", "diversity")

    def __init__(self, n: int) -> None:
        self.n, self.scores = n, {}
        self.judges = {judge: load_judge(judge) for judge in JUDGES}

    def add(self, way: str, samples: Tensor) -> None:
        """Judge sets of samples, each asked for ``quota_labels(n)``.

        samples  (S, n, 1, 28, 28), or (R, S, n, 1, 28, 28)
        """
        sets, sets_by, y = samples.flatten(0, -5), samples.shape[:-4], quota_labels(self.n)
        self.scores[way] = {}
        for judge in JUDGES:
            found = [self._judge(judge, x, y) for x in sets]
            self.scores[way][judge] = {
                name: torch.tensor([each[name] for each in found], device="cpu").reshape(sets_by)
                for name in self.MEASURES
            }

    def _judge(self, judge: str, x: Tensor, y: Tensor) -> dict[str, float]:
        """Return what a judge says of one set: like ``judge_samples``, but without its bar."""
        features = in_batches(self.judges[judge].features, x)
        right = in_batches(self.judges[judge].classify, features).argmax(1) == y
        measured = load_reference(judge).measure(features, y)
        return measured | {"accuracy": right.double().mean().item()}

    def floor(self, judge: str, measure: str) -> tuple[float, float]:
        """Return what n real digits score, and its standard error.

        The share that is read right does not depend on n, and is known best for many digits.
        """
        real = load_reference(judge)
        n = SIZES[-1] if measure == "accuracy" else self.n
        return real.floor(measure, n), real.spread(measure, n) / len(real.floors[measure]) ** 0.5

    def mean(self, way: str, judge: str, measure: str) -> Difference:
        """Return a mean over the sets and its standard error.

        Of a Fréchet distance, it is the mean of score − floor; the floor's own error, which all
        ways share, is not in it.
        """
        scores = self.scores[way][judge][measure]
        less = self.floor(judge, measure)[0] if measure == "frechet" else 0.0
        return compare(scores, torch.full_like(scores, less))

    def misread(self, way: str, judge: str) -> list[int]:
        """Return how many digits a judge misreads: of each set, or of all sets of each model."""
        wrong = self.n * (1 - self.scores[way][judge]["accuracy"])
        return (wrong if wrong.ndim == 1 else wrong.sum(1)).round().int().tolist()

    def versus(self, a: str, b: str, measure: str = "frechet") -> str:
        """Print a − b, in pairs, as each judge sees it, and return what they agree on."""
        ours, theirs = self.scores[a], self.scores[b]
        found = {j: compare(ours[j][measure], theirs[j][measure]) for j in JUDGES}
        parts = (f"{judge} {d.mean:+.2f} ± {d.error:.2f}" for judge, d in found.items())
        said = agreed(found)
        say(f"{a} minus {b}, {measure}: {', '.join(parts)}: {said}")
        return said

    def curves(self, ways: Iterable[str]) -> dict[str, dict[str, list[tuple[float, float]]]]:
        """Return for each judge and measure the mean and its error, way by way."""

        def curve(judge: str, measure: str) -> list[tuple[float, float]]:
            means = (self.mean(way, judge, measure) for way in ways)
            return [(d.mean, d.error) for d in means]

        ways = list(ways)
        return {judge: {m: curve(judge, m) for m in self.MEASURES} for judge in JUDGES}

    def floors(self) -> dict[str, dict[str, tuple[float, float]]]:
        """Return for each judge and measure where ``curves`` would be for real digits."""
        found = {j: {m: self.floor(j, m) for m in self.MEASURES} for j in JUDGES}
        return {j: row | {"frechet": (0.0, row["frechet"][1])} for j, row in found.items()}

    def table(self, ways: Iterable[str] | None = None) -> str:
        """Return the means ± standard errors as text, a block for each judge."""
        ways = list(self.scores if ways is None else ways)
        width = max(len(name) for name in [*ways, "second judge"])
        curves, floors, lines = self.curves(ways), self.floors(), []
        titles = ("accuracy", "score − floor", "precision", "recall", "diversity")
        for judge, measured in curves.items():
            head = (f"{title:>14}" for title in titles)
            lines.append(" ".join([f"{judge + ' judge':{width}}", *head]))
            rows = zip(*measured.values(), strict=True)
            blocks = [*zip(ways, rows, strict=True), ("real digits", floors[judge].values())]
            for name, row in blocks:
                cells = (f"{value:6.3f} ± {error:.3f}" for value, error in row)
                lines.append(" ".join([f"{name:{width}}", *(f"{cell:>14}" for cell in cells)]))
            lines.append("")
        return "\n".join(lines[:-1])
