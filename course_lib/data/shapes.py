"""Two-dimensional data: point clouds that a tiny network learns in seconds.

Every cloud has mean 0 and, before ``noise`` is added, standard deviation 1 in each coordinate, so
that one noise schedule fits them all. The scales are constants of the shape, never measured on
the draw: ten points come from the same distribution as ten thousand.

All random numbers come from ``generator`` (a CPU generator; None is torch's global one).
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Shape = Callable[..., Tensor]

HERE = {"device": "cpu"}
FLOATS = {**HERE, "dtype": torch.float32}
"""What points are made of, whatever torch's defaults are."""


def spiral(n: int, *, noise: float = 0.05, generator: torch.Generator | None = None) -> Tensor:
    """Draw ``n`` points along an Archimedean spiral of one and three quarter turns.

    n        number of points, ≥ 0
    noise    standard deviation of the Gaussian blur across the curve, in data units
    Returns  x (n, 2) float32, evenly spread along the arm, within about ±2.3
    """
    inner, outer = 0.5 * math.pi, 4 * math.pi
    u = torch.rand(n, generator=generator, **FLOATS)
    radius = (inner**2 + (outer**2 - inner**2) * u).sqrt()  # sqrt: as many points per unit length
    x = radius[:, None] * _on_circle(radius)
    mean, std = torch.tensor([[0.3174, -2.0464], [6.3846, 5.9278]], **FLOATS)
    x = (x - mean) / std
    return _blurred(x, noise, generator)


def moons(n: int, *, noise: float = 0.05, generator: torch.Generator | None = None) -> Tensor:
    """Draw ``n`` points from two interleaved half circles, stretched upwards to unit variance.

    n        number of points, ≥ 0
    noise    standard deviation of the Gaussian blur, in data units
    Returns  x (n, 2) float32, within about ±2.0; each moon has half of the probability
    """
    centre, std = torch.tensor([[0.5, 0.25], [0.8660, 0.4942]], **FLOATS)
    x = _on_circle(math.pi * torch.rand(n, generator=generator, **FLOATS)) - centre
    x = x * (2 * torch.randint(2, (n, 1), generator=generator, **HERE) - 1)  # the other moon: −x
    return _blurred(x / std, noise, generator)


def heart(n: int, *, noise: float = 0.05, generator: torch.Generator | None = None) -> Tensor:
    """Draw ``n`` points along a heart curve.

    n        number of points, ≥ 0
    noise    standard deviation of the Gaussian blur, in data units
    Returns  x (n, 2) float32, within about ±2.0
    See      Weisstein, "Heart Curve", MathWorld: the sixth curve
    """
    t = 2 * math.pi * torch.rand(n, generator=generator, **FLOATS)
    across = 16 * t.sin() ** 3
    up = 13 * t.cos() - 5 * (2 * t).cos() - 2 * (3 * t).cos() - (4 * t).cos()
    x = torch.stack([across / math.sqrt(80), up / math.sqrt(99.5)], dim=1)
    return _blurred(x, noise, generator)


def gaussians(n: int, *, noise: float = 0.1, generator: torch.Generator | None = None) -> Tensor:
    """Draw ``n`` points from eight equal Gaussian clusters on a circle of radius √2.

    n        number of points, ≥ 0
    noise    standard deviation of each cluster, in data units
    Returns  x (n, 2) float32, within about ±1.9
    """
    cluster = torch.randint(8, (n,), generator=generator, **HERE)
    return _blurred(math.sqrt(2) * _on_circle(cluster.float() * (math.pi / 4)), noise, generator)


SHAPES: tuple[Shape, ...] = (spiral, moons, heart, gaussians)
"""The classes that `labelled` draws by default: centred on one spot, so that a point alone seldom
gives its class away, yet different enough that a wrong label is seen at once."""


def labelled(
    n: int, shapes: Sequence[Shape] = SHAPES, *, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Draw a class-conditional data set: label k is a point of ``shapes[k]``.

    n        number of points in all, ≥ 0, shared equally; a remainder goes to the first classes
    shapes   functions of this module, or others with the same signature; at least one
    Returns  x (n, 2) float32 and y (n,) long with values 0 … len(shapes) − 1, shuffled
    Raises   ValueError  if ``shapes`` is empty
    """
    if not shapes:
        raise ValueError("labelled() needs at least one shape")
    y = torch.arange(n, **HERE) % len(shapes)
    shares = torch.bincount(y, minlength=len(shapes)).tolist()
    x = torch.cat([shape(k, generator=generator) for shape, k in zip(shapes, shares)])
    order = torch.randperm(n, generator=generator, **HERE)
    return x[order], y.sort().values[order]


def _on_circle(angle: Tensor) -> Tensor:
    """Return the points (n, 2) of the unit circle at ``angle`` (n,), in radians."""
    return torch.stack([angle.cos(), angle.sin()], dim=1)


def _blurred(x: Tensor, noise: float, generator: torch.Generator | None) -> Tensor:
    """Add Gaussian noise of standard deviation ``noise`` to the points ``x`` (n, 2)."""
    return x + noise * torch.randn(x.shape, generator=generator, **FLOATS)
