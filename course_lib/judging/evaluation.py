"""Judging generated digits: sample them, and report what the judge says of them."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial

import torch
from torch import Tensor

from course_lib import samplers
from course_lib.guidance import Guided
from course_lib.judging.judge import in_batches, load_judge
from course_lib.judging.reference import MEASURES, load_reference, measure
from course_lib.predictions import Clipped, Denoiser

BATCH = 250  # images sampled at a time
COUNTS = (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
"""How many of MNIST's training images show each digit."""


@dataclass(frozen=True)
class Report:
    """What the judge says of n generated digits, and how they were made.

    n, steps, sampler, guidance, seed, seconds
                 how they were made, the sampler as ``title`` writes it; seconds is the time it
                 took, on this machine
    accuracy     share read as the digit that was asked for
    by_class     the same for each digit, 0 to 9
    confidence   mean probability that the judge gives to the digit it reads
    entropy      of the digits read, in units of log 10: 1 if all ten come equally often
    frechet, kernel, precision, recall, diversity
                 see ``fidelity``
    floor        the last five for n real training digits: what a perfect model would score
    """

    n: int
    steps: int
    sampler: str
    guidance: float
    seed: int
    seconds: float
    accuracy: float
    by_class: list[float]
    confidence: float
    entropy: float
    frechet: float
    kernel: float
    precision: float
    recall: float
    diversity: float
    floor: dict[str, float]

    def as_dict(self) -> dict:
        """Return the report as JSON can hold it."""
        return asdict(self)

    def __str__(self) -> str:
        """Return a small table, with what real digits score beside each number."""
        worst = min(range(10), key=self.by_class.__getitem__)
        lines = [
            f"{self.n} digits by {self.sampler}, {self.steps} steps, guidance {self.guidance:g}, "
            f"seed {self.seed}, {self.seconds:.0f} s",
            f"accuracy    {self.accuracy:8.2%}   lowest: {self.by_class[worst]:.2%} ({worst})",
            f"confidence  {self.confidence:8.2%}   entropy of the classes: {self.entropy:.4f}",
            f"{'':12}{'samples':>8}   real digits, n = {self.n}",
        ]
        for name in MEASURES:
            lines.append(f"{name:12}{getattr(self, name):8.4f}   {self.floor[name]:.4f}")
        return "\n".join(lines)


def draw_labels(n: int, seed: int = 0) -> Tensor:
    """Draw n digits by chance, each as often as MNIST shows it: (n,).

    A distance compares sets of images, so that which digits they show counts too. A thousand real
    ones of each score 0.12, and 10,000 left to chance, like those behind the floor, 0.07 to 0.09.
    """
    generator = torch.Generator().manual_seed(seed + 2**33)
    return torch.multinomial(torch.tensor(COUNTS).double(), n, True, generator=generator)


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
    guided = denoiser if y is None else Guided(denoiser, guidance)
    guided = Clipped(guided, schedule) if images else guided
    generator, fresh = (torch.Generator().manual_seed(s) for s in (seed, seed + 2**32))
    count = shape[0]
    size = BATCH if images else count
    for start in range(0, count, size):
        labels = None if y is None else y[start : start + size]
        noise = torch.randn(min(size, count - start), *shape[1:], generator=generator)
        x = schedule.sigma[-1].float() * noise
        walk = sampler(guided, x, schedule, steps=steps, y=labels, generator=fresh)
        x0 = samplers.last(walk)
        yield x0.clamp(-1, 1) if images else x0  # rounding may leave it a little outside


def judge_samples(x: Tensor, y: Tensor) -> dict:
    """Return all of a Report that depends on the images x (N, 1, 28, 28) and labels y (N,) only.

    Raises  ValueError if there are fewer than 100 images or more than 10,000
    """
    judge, real = load_judge(), load_reference()
    floor = {name: real.floor(name, len(x)) for name in MEASURES}
    features = in_batches(judge.features, x)
    probability = in_batches(judge.classify, features).softmax(1)
    confidence, read = probability.max(1)
    share = torch.bincount(read, minlength=10) / len(read)
    right = read == y
    return {
        "accuracy": right.double().mean().item(),
        "by_class": [right[y == k].double().mean().item() for k in range(10)],
        "confidence": confidence.mean().item(),
        "entropy": torch.special.entr(share).sum().item() / math.log(10),
        **measure(real.features, features, y, real.kernel_within),
        "floor": floor,
    }


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
    """Generate n digits, with labels by ``draw_labels``, and judge them.

    progress  wraps the iterator over batches, such as a progress bar
    The other arguments are those of ``generate``.
    Raises    ValueError if n is not between 100 and 10,000
    """
    load_reference().floor("frechet", n)  # an n that cannot be judged is refused before sampling
    start = time.perf_counter()
    options = {"guidance": guidance, "steps": steps, "seed": seed}
    y = draw_labels(n, seed)
    parts = generate(denoiser, y, (n, 1, 28, 28), sampler=sampler, **options)
    x = torch.cat(list(progress(parts)))
    seconds = time.perf_counter() - start
    return Report(n=n, sampler=title(sampler), seconds=seconds, **options, **judge_samples(x, y))
