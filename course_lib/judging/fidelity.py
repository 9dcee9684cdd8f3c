"""How close a set of generated images is to a set of real ones, seen through their features.

Every function takes features, (N, F): the numbers before the last layer of a classifier, such as
those of a ``Judge``, or points of the plane as they are. None of the results means anything alone:
they depend on the classifier, and most on N. Quote each beside what as many other real ones score.
"""

import torch
from torch import Tensor, nn

ROWS = 200  # of a table of distances at a time, so that memory stays bounded


class Seen(nn.Module):
    """Stands for a feature network whose ``num_features`` features were computed before."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, x: Tensor) -> Tensor:
        """Return the features (B, F) as they are."""
        return x


def frechet(real: Tensor, samples: Tensor) -> float:
    """Return the Fréchet distance: both sets taken for Gaussians, how far one is from the other.

    real, samples  (N, F) and (M, F) features
    Returns        |mean − mean|² + tr(C + C' − 2 (C C')^½) ≥ 0, in float64. It falls with N and
                   M even for two samples of one distribution.
    See            Heusel et al. 2017 (arXiv:1706.08500), Eq. 6
    """
    from torchmetrics.image.fid import FrechetInceptionDistance  # two seconds to import

    with real.device:  # or its sums would be wherever torch's default says
        distance = FrechetInceptionDistance(feature=Seen(real.shape[1])).set_dtype(torch.float64)
    distance.update(real, real=True)
    distance.update(samples, real=False)
    return distance.compute().item()


def _kernels(a: Tensor, b: Tensor) -> Tensor:
    """Return the sum of the kernel (a·b / F + 1)³ over all pairs, in float64."""
    kernels = ((rows @ b.T / b.shape[1] + 1) ** 3 for rows in a.split(ROWS))
    return sum(kernel.sum(dtype=torch.float64) for kernel in kernels)


def kernel_within(features: Tensor) -> float:
    """Return the mean of the kernel over all pairs of different members of one set, (N, F).

    Raises  ValueError if the set has fewer than two members
    """
    if len(features) < 2:
        raise ValueError("The kernel distance needs at least two features in each set.")
    itself = ((features.square().sum(1) / features.shape[1] + 1) ** 3).sum(dtype=torch.float64)
    pairs = len(features) * (len(features) - 1)
    return ((_kernels(features, features) - itself) / pairs).item()


def kernel_distance(real: Tensor, samples: Tensor, within_real: float | None = None) -> float:
    """Return the squared kernel distance (MMD) with the kernel (a·b / F + 1)³.

    real, samples  (N, F) and (M, F) features, at least two each
    within_real    ``kernel_within(real)``, if it is known; it takes the most time
    Returns        a number whose mean is 0 for two independent samples of one distribution at
                   every N and M, so that it can fall below 0; for digits under quotas its mean
                   is below 0, since quotas are more even than chance
    Raises         ValueError if a set has fewer than two members
    See            Bińkowski et al. 2018 (arXiv:1801.01401), Eq. 3; Gretton et al. 2012, Eq. 3
    """
    within_real = kernel_within(real) if within_real is None else within_real
    across = _kernels(real, samples).item() / (len(real) * len(samples))
    return within_real + kernel_within(samples) - 2 * across


def radii(features: Tensor, k: int = 3) -> Tensor:
    """Return each member's distance to its k-th nearest other one, (N,)."""
    rows = (torch.cdist(part, features) for part in features.split(ROWS))
    return torch.cat([row.kthvalue(k + 1, dim=1).values for row in rows])  # itself is the first


def inside(points: Tensor, centres: Tensor, radius: Tensor) -> float:
    """Return the share of points that lie in at least one of the balls."""
    hits = [(torch.cdist(part, centres) <= radius).any(dim=1) for part in points.split(ROWS)]
    return torch.cat(hits).double().mean().item()


def precision_recall(real: Tensor, samples: Tensor, k: int = 3) -> tuple[float, float]:
    """Return the share of samples that look real, and of real images that could be samples.

    Around every member of a set lies a ball that reaches to its k-th neighbour; the balls of a
    set stand for all that its distribution can produce.

    real, samples  (N, F) and (M, F) features; take N = M, since more members mean smaller balls
    Returns        precision: share of samples inside the balls of the real images;
                   recall: share of real images inside the balls of the samples
    See            Kynkäänniemi et al. 2019 (arXiv:1904.06991), Eq. 1 and 2
    """
    return inside(samples, real, radii(real, k)), inside(real, samples, radii(samples, k))


def coverage(real: Tensor, samples: Tensor, k: int = 5) -> float:
    """Return the share of real members with a sample within their k-th neighbour's distance.

    real, samples  (N, F) and (M, F) features
    Returns        0…1; about 1 − 2⁻ᵏ for two equally large samples of one distribution
    See            Naeem et al. 2020 (arXiv:2002.09797), Eq. 9
    """
    return (nearest(real, samples)[0] <= radii(real, k)).double().mean().item()


def density(real: Tensor, samples: Tensor, k: int = 5) -> float:
    """Return in how many of the real members' balls a sample lies, in units of k.

    A ball reaches to its centre's k-th neighbour. ``precision_recall`` asks whether there is one,
    so that a single outlier with a huge ball can vouch for many samples; here it counts as 1/k.

    real, samples  (N, F) and (M, F) features
    Returns        ≥ 0; its mean is 1 for two samples of one distribution, at every N and M
    See            Naeem et al. 2020 (arXiv:2002.09797), Section 3
    """
    radius = radii(real, k)
    hits = ((torch.cdist(part, real) <= radius).sum().item() for part in samples.split(ROWS))
    return sum(hits) / (k * len(samples))


def diversity(features: Tensor, y: Tensor | None = None) -> float:
    """Return the mean distance between two different members, within each class if y is given.

    features  (N, F)
    y         (N,) labels, or None
    Raises    ValueError if no class has two members
    """
    groups = [features] if y is None else [features[y == label] for label in y.unique()]
    groups = [group for group in groups if len(group) > 1]
    if not groups:
        raise ValueError("Diversity needs at least two members of one class.")
    means = []
    for group in groups:
        total = sum(torch.cdist(part, group).double().sum() for part in group.split(ROWS))
        means.append(total / (len(group) * (len(group) - 1)))
    return (sum(means) / len(means)).item()


def nearest(samples: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distance from every sample to the real image nearest to it, and which it is.

    A model that has learned its training set by heart makes samples much nearer to it than new
    real images are. Works on features, or on pixels as they are.

    samples, real  (M, *D) and (N, *D)
    Returns        distances (M,) and indices (M,)
    """
    flat = real.flatten(1)
    found = [torch.cdist(part, flat).min(dim=1) for part in samples.flatten(1).split(ROWS)]
    return torch.cat([f.values for f in found]), torch.cat([f.indices for f in found])
