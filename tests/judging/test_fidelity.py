"""Distances between sets of features: closed forms, other libraries, and known extremes."""

import pytest
import torch

from course_lib import data
from course_lib.judging import fidelity


def normal(n, seed, dim=3):
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed))


def test_frechet_of_two_gaussians_is_the_closed_form():
    a, b = normal(20_000, 0), normal(20_000, 1)
    mix = torch.tensor([[1.0, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.3, 2.0]])
    b = b @ mix.T + torch.tensor([1.0, 0.0, 0.0])
    cov = mix @ mix.T
    # with a unit covariance on one side, the cross term is the trace of the other's square root
    expected = 1.0 + 3.0 + cov.trace() - 2 * torch.linalg.eigvalsh(cov).sqrt().sum()
    assert fidelity.frechet(a, b) == pytest.approx(expected.item(), rel=0.05)
    assert fidelity.frechet(a, a) == pytest.approx(0.0, abs=1e-4)


def test_frechet_falls_with_n_and_the_kernel_distance_does_not():
    small = [(normal(50, 2 * k, 16), normal(50, 2 * k + 1, 16)) for k in range(20)]
    large = [(normal(500, 2 * k, 16), normal(500, 2 * k + 1, 16)) for k in range(20)]
    frechet = [sum(fidelity.frechet(a, b) for a, b in pairs) / 20 for pairs in (small, large)]
    assert frechet[0] > 5 * frechet[1] > 0
    kernel = torch.tensor([[fidelity.kernel_distance(a, b) for a, b in p] for p in (small, large)])
    error = kernel.std(dim=1) / 20**0.5
    assert (kernel.mean(dim=1).abs() < 3 * error).all() and (kernel < 0).any()


def test_kernel_distance_is_torchmetrics_own():
    from torchmetrics.image.kid import KernelInceptionDistance

    a, b = normal(60, 0, 8), 1.5 * normal(60, 1, 8) + 0.3
    theirs = KernelInceptionDistance(feature=fidelity.Seen(8), subsets=1, subset_size=60)
    theirs.update(a, real=True)
    theirs.update(b, real=False)
    assert fidelity.kernel_distance(a, b) == pytest.approx(theirs.compute()[0].item(), rel=1e-4)
    known = fidelity.kernel_distance(a, b, fidelity.kernel_within(a))
    assert known == fidelity.kernel_distance(a, b)
    with pytest.raises(ValueError, match="at least two"):
        fidelity.kernel_distance(a[:1], b)


def test_results_do_not_depend_on_how_the_rows_are_split(monkeypatch):
    a, b = normal(300, 0, 8), normal(300, 1, 8) + 1

    def everything():
        distance, index = fidelity.nearest(a, b)
        return [
            fidelity.kernel_distance(a, b),
            *fidelity.precision_recall(a, b),
            fidelity.diversity(a),
            distance.sum().item(),
            index.sum().item(),
        ]

    whole = everything()
    monkeypatch.setattr(fidelity, "ROWS", 70)
    assert everything() == pytest.approx(whole, rel=1e-5)


def test_precision_and_recall_tell_apart_what_a_distance_mixes():
    real = torch.cat([normal(1000, 0, 2), normal(1000, 1, 2) + 20])
    one_mode = normal(2000, 2, 2)
    half_wrong = torch.cat([normal(500, 3, 2), normal(500, 4, 2) + 20, normal(1000, 5, 2) - 40])
    precision, recall = fidelity.precision_recall(real, one_mode)
    assert precision > 0.85 and 0.4 < recall < 0.52
    precision, recall = fidelity.precision_recall(real, half_wrong)
    assert 0.45 < precision < 0.52 and recall > 0.85
    assert fidelity.precision_recall(real, real) == (1.0, 1.0)


def test_radii_are_distances_to_the_kth_other_member():
    points = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    assert fidelity.radii(points, 1).tolist() == [1, 1, 2, 4]
    assert fidelity.radii(points, 2).tolist() == [3, 2, 3, 6]


def test_diversity_is_measured_within_classes():
    x = torch.tensor([[0.0], [1.0], [100.0], [103.0]])
    assert fidelity.diversity(x, torch.tensor([0, 0, 1, 1])) == pytest.approx(2.0)
    assert fidelity.diversity(x[:2]) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="two members of one class"):
        fidelity.diversity(x, torch.arange(4))


def test_nearest_finds_copies():
    real = torch.randn(50, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    distance, index = fidelity.nearest(real[[7, 3]], real)
    assert index.tolist() == [7, 3] and (distance < 1e-2).all()
    distance, _ = fidelity.nearest(real[:5] + 10, real)
    assert (distance > 10).all()


def test_coverage_notices_a_missing_mode():
    g = torch.Generator().manual_seed(0)
    real, good = data.gaussians(1000, generator=g), data.gaussians(1000, generator=g)
    assert fidelity.coverage(real, good) == pytest.approx(1 - 2**-5, abs=0.02)
    right_half = good[good[:, 0] > 0.2]
    assert fidelity.coverage(real, right_half) < 0.5
    assert fidelity.coverage(real, torch.zeros(1000, 2)) == 0


def test_density_is_1_for_one_distribution_at_every_n():
    for n in (40, 200):
        pairs = [(normal(n, 2 * k), normal(n // 2, 2 * k + 1)) for k in range(200)]
        density = torch.tensor([fidelity.density(a, b) for a, b in pairs])
        assert abs(density.mean() - 1) < 3 * density.std() / 200**0.5


def test_density_does_not_let_one_outlier_speak_for_a_wide_ball():
    real = torch.cat([normal(500, 0), torch.tensor([[30.0, 0.0, 0.0]])])
    samples = normal(500, 1) + torch.tensor([25.0, 0.0, 0.0])
    assert fidelity.precision_recall(real, samples, 5)[0] > 0.99
    assert fidelity.density(real, samples) == pytest.approx(1 / 5, rel=0.01)
