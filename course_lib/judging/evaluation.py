"""Judging generated digits: sample them, and report what both judges say of them."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial

import torch
from torch import Tensor

from course_lib import samplers
from course_lib.guidance import guide
from course_lib.judging.distances import Distance, above_floor
from course_lib.judging.judge import JUDGES, in_batches, load_judge
from course_lib.judging.reference import MEASURES, load_reference, quota_labels
from course_lib.predictions import Clipped, Denoiser

BATCH = 250  # images sampled at a time


@dataclass(frozen=True)
class Verdict:
    """What one judge says of n images.

    accuracy     share read as the digit that was asked for
    by_class     the same for each digit, 0 to 9
    confidence   mean probability that the judge gives to the digit it reads
    entropy      of the digits read, in units of log 10: nearly 1 if all ten come equally often
    frechet, kernel, precision, recall, diversity
                 see ``fidelity``
    rejected     share that lies further from every real digit than one real digit in a hundred
    bar          standard error of ``frechet`` minus its floor: see ``Distance``
    floor        what n real digits under the same quotas score: all of MEASURES
    """

    n: int
    accuracy: float
    by_class: list[float]
    confidence: float
    entropy: float
    frechet: float
    kernel: float
    precision: float
    recall: float
    diversity: float
    rejected: float
    bar: float
    floor: dict[str, float]

    @property
    def distance(self) -> Distance:
        """The Fréchet distance beside its floor."""
        return Distance(self.frechet, self.floor["frechet"], self.bar, self.n)


@dataclass(frozen=True)
class Report:
    """What both judges say of n generated digits, and how they were made.

    n, steps, sampler, guidance, seed, seconds
                 how they were made, the sampler as ``title`` writes it; seconds is the time it
                 took, on this machine
    verdicts     of each of JUDGES
    """

    n: int
    steps: int
    sampler: str
    guidance: float
    seed: int
    seconds: float
    verdicts: dict[str, Verdict]

    def as_dict(self) -> dict:
        """Return the report as JSON can hold it."""
        return asdict(self)

    def __str__(self) -> str:
        """Return a small table, with what real digits score beside each number."""
        lines = [
            f"{self.n} digits by {self.sampler}, {self.steps} steps, guidance {self.guidance:g}, "
            f"seed {self.seed}, {self.seconds:.0f} s"
        ]
        for name, said in self.verdicts.items():
            worst = min(range(10), key=said.by_class.__getitem__)
            lines += [
                "",
                f"the {name} judge",
                f"lowest      {said.by_class[worst]:8.2%}   of the digits asked for, the {worst}",
                f"confidence  {said.confidence:8.2%}   entropy of the classes: {said.entropy:.4f}",
                f"{'':12}{'samples':>8}   real digits, n = {self.n}",
            ]
            for measure in MEASURES:
                form = "8.2%" if measure in ("accuracy", "rejected") else "8.4f"
                ours, real = getattr(said, measure), said.floor[measure]
                lines.append(f"{measure:12}{ours:{form}} {real:{form}}")
            lines.append(f"Fréchet distance above the floor: {said.distance}")
        return "\n".join(lines)


def generate(
    denoiser: Denoiser,
    y: Tensor | None,
    shape: tuple[int, ...],
    *,
    guidance: float = 1.0,
    steps: int = 20,
    sampler: Callable[..., Iterator[samplers.Step]] = samplers.ddim,
    seed: int = 0,
) -> Iterator[Tensor]:
    """Sample from a trained network; images BATCH at a time and with x0 clipped, points at once.

    denoiser  a trained network
    y         (N,) labels to ask for, or None for a network without labels
    shape     (N, *D) of all samples
    sampler   called as ``sampler(denoiser, x, schedule, steps=steps, y=y, generator=generator)``
    Yields    (B, *D) samples; their starting noise depends on the seed, not on the sampler
    """
    schedule, images = denoiser.schedule, len(shape) > 2
    guided = denoiser if y is None else guide(denoiser, guidance)
    guided = Clipped(guided, schedule) if images else guided
    generator, fresh = (torch.Generator().manual_seed(s) for s in (seed, seed + 2**32))
    count = shape[0]
    size = BATCH if images else count
    for start in range(0, count, size):
        labels = None if y is None else y[start : start + size]
        noise = samplers.randn((min(size, count - start), *shape[1:]), generator)
        x = schedule.sigma[-1].float() * noise
        walk = sampler(guided, x, schedule, steps=steps, y=labels, generator=fresh)
        x0 = samplers.last(walk)
        yield x0.clamp(-1, 1) if images else x0  # rounding may leave it a little outside


def judge_samples(x: Tensor, y: Tensor, name: str = "first") -> Verdict:
    """Return what a judge says of images x (N, 1, 28, 28) that should show the digits y (N,).

    y       under quotas, such as ``quota_labels(N)``
    name    of the judge, "first" or "second"
    Raises  ValueError for other labels, and if there are fewer than 100 images or more than 10,000
    """
    judge, real = load_judge(name), load_reference(name)
    floor = {measure: real.floor(measure, len(x)) for measure in MEASURES}
    features = in_batches(judge.features, x)
    distance = above_floor(features, y, real)
    probability = in_batches(judge.classify, features).softmax(1)
    confidence, read = probability.max(1)
    share = torch.bincount(read, minlength=10) / len(read)
    right = read == y
    return Verdict(
        n=len(x),
        accuracy=right.double().mean().item(),
        by_class=[right[y == k].double().mean().item() for k in range(10)],
        confidence=confidence.mean().item(),
        entropy=torch.special.entr(share).sum().item() / math.log(10),
        **real.measure(features, y),
        bar=distance.bar,
        floor=floor,
    )


def title(sampler: Callable[..., Iterator[samplers.Step]]) -> str:
    """Return the name of a sampler, with the settings of a ``partial`` in brackets."""
    if not isinstance(sampler, partial):
        return sampler.__name__
    settings = ", ".join(
        f"{name}={getattr(value, '__name__', value)}" for name, value in sampler.keywords.items()
    )
    return f"{sampler.func.__name__}({settings})"


def evaluate(
    denoiser: Denoiser,
    n: int,
    *,
    guidance: float = 1.0,
    steps: int = 20,
    sampler: Callable[..., Iterator[samplers.Step]] = samplers.ddim,
    seed: int = 0,
    progress: Callable[[Iterator], Iterator] = iter,
) -> Report:
    """Generate n digits, with labels by ``quota_labels``, and let both judges read them.

    progress  wraps the iterator over batches, such as a progress bar
    The other arguments are those of ``generate``.
    Raises    ValueError if n is not between 100 and 10,000
    """
    load_reference().floor("frechet", n)  # an n that cannot be judged is refused before sampling
    start = time.perf_counter()
    options = {"guidance": guidance, "steps": steps, "seed": seed}
    y = quota_labels(n)
    parts = generate(denoiser, y, (n, 1, 28, 28), sampler=sampler, **options)
    x = torch.cat(list(progress(parts)))
    seconds = time.perf_counter() - start
    verdicts = {name: judge_samples(x, y, name) for name in JUDGES}
    return Report(n=n, sampler=title(sampler), seconds=seconds, **options, verdicts=verdicts)
