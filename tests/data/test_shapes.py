"""The 2-D shapes: ranges, scale, seeds, and the class-conditional data set."""

import math

import pytest
import torch

from course_lib import data

ALL = (
    data.spiral,
    data.moons,
    data.heart,
    data.gaussians,
)
each_shape = pytest.mark.parametrize("shape", ALL, ids=lambda shape: shape.__name__)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@each_shape
def test_points_are_float32_pairs_in_range(shape):
    x = shape(20_000, generator=seeded())
    assert x.shape == (20_000, 2) and x.dtype == torch.float32
    assert x.abs().max() < 2.5
    assert shape(0).shape == (0, 2)


@each_shape
def test_without_noise_mean_is_0_and_standard_deviation_1(shape):
    x = shape(200_000, noise=0.0, generator=seeded())
    assert x.mean(0).abs().max() < 0.01  # 4 standard errors
    assert (x.std(0) - 1).abs().max() < 0.01


@each_shape
def test_noise_is_the_standard_deviation_of_the_blur(shape):
    sharp = shape(50_000, noise=0.0, generator=seeded())
    blurred = shape(50_000, noise=0.2, generator=seeded())
    assert torch.allclose((blurred - sharp).std(0), torch.tensor(0.2), rtol=0.02)


@each_shape
def test_the_scale_does_not_depend_on_the_draw(shape):
    one_by_one = torch.cat([shape(1, generator=seeded(seed)) for seed in range(2_000)])
    assert (one_by_one.std(0) - 1).abs().max() < 0.1


@each_shape
def test_the_generator_alone_decides(shape):
    before = torch.get_rng_state()
    first, again, other = (shape(100, generator=seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(before, torch.get_rng_state())


@each_shape
def test_without_a_generator_torch_s_global_one_is_used(shape):
    with torch.random.fork_rng():
        torch.manual_seed(5)
        first = shape(10)
        torch.manual_seed(5)
        assert torch.equal(first, shape(10))
        assert not torch.equal(first, shape(10))


def test_spiral_is_evenly_spread_along_its_arm():
    x = data.spiral(100_000, noise=0.0, generator=seeded())
    x = x * torch.tensor([6.3846, 5.9278]) + torch.tensor([0.3174, -2.0464])
    radius = x.norm(dim=1) / math.pi  # 0.5 … 4; the length of the arm grows with its square
    assert radius.min() > 0.49 and radius.max() < 4.01
    outer = (radius > math.sqrt((0.5**2 + 4**2) / 2)).float().mean()
    assert outer == pytest.approx(0.5, abs=0.01)


def test_gaussians_are_eight_equal_clusters():
    x = data.gaussians(80_000, generator=seeded())
    turn = torch.atan2(x[:, 1], x[:, 0]) / (math.pi / 4)
    counts = torch.bincount(turn.round().long() % 8, minlength=8)
    assert (counts / 10_000 - 1).abs().max() < 0.05
    assert (turn - turn.round()).abs().mul(math.pi / 4).max() < 0.4  # gaps between the clusters


def test_default_classes_overlap_but_can_be_told_apart():
    x, y = data.labelled(4_000, generator=seeded())
    seen, seen_y = data.labelled(4_000, generator=seeded(1))
    right = seen_y[torch.cdist(x, seen).argmin(1)] == y
    assert 0.7 < right.float().mean() < 0.97
    for k in range(len(data.SHAPES)):
        assert x[y == k].mean(0).abs().max() < 0.12


def test_labels_belong_to_their_shapes():
    def at(value):
        return lambda n, *, generator=None: torch.full((n, 2), float(value))

    x, y = data.labelled(11, (at(0), at(1), at(2)), generator=seeded())
    assert x.shape == (11, 2) and x.dtype == torch.float32
    assert y.shape == (11,) and y.dtype == torch.long
    assert torch.equal(x[:, 0], y.float())
    assert torch.bincount(y).tolist() == [4, 4, 3]
    assert not torch.equal(y, y.sort().values)


def test_labelled_with_fewer_points_than_classes():
    x, y = data.labelled(2, generator=seeded())
    assert x.shape == (2, 2) and sorted(y.tolist()) == [0, 1]
    x, y = data.labelled(0)
    assert x.shape == (0, 2) and y.shape == (0,)


def test_labelled_is_seeded():
    before = torch.get_rng_state()
    (x, y), (x_again, y_again) = (data.labelled(50, generator=seeded(3)) for _ in range(2))
    assert torch.equal(x, x_again) and torch.equal(y, y_again)
    assert torch.equal(before, torch.get_rng_state())


def test_labelled_needs_a_shape():
    with pytest.raises(ValueError, match="at least one shape"):
        data.labelled(10, ())
