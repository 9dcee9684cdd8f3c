"""Measures: known values, floors, and the order in which they put good and bad samples."""

import math

import pytest
import torch

from course_lib import data, oracle, schedules
from course_lib.judging import judge, metrics


def cloud(n=2000, seed=0):
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(seed))


def test_the_distance_of_a_shift_is_known():
    """Moved by d, every point moves by d |cos| along a line: 2 d / π on average."""
    a = cloud()
    for shift in (torch.tensor([0.5, 0.0]), torch.tensor([0.3, 0.4])):
        assert metrics.sliced_distance(a, a + shift) == pytest.approx(0.5 * 2 / math.pi, rel=1e-3)


def test_the_distance_is_a_distance():
    a, b, c = cloud(seed=0), 2 * cloud(seed=1), cloud(seed=2) + 1
    assert metrics.sliced_distance(a, a) == 0
    assert metrics.sliced_distance(a, b) == pytest.approx(metrics.sliced_distance(b, a))
    order = torch.randperm(len(a))
    assert metrics.sliced_distance(a[order], b) == pytest.approx(metrics.sliced_distance(a, b))
    assert metrics.sliced_distance(a, c) <= (
        metrics.sliced_distance(a, b) + metrics.sliced_distance(b, c)
    )


def test_sets_of_different_size_are_refused():
    with pytest.raises(ValueError, match="cut the larger one"):
        metrics.sliced_distance(cloud(10), cloud(11))


def test_the_floor_falls_with_the_sample_size_and_bad_samples_stand_above_it():
    g = torch.Generator().manual_seed(0)
    floors = [metrics.real_floor(lambda n=n: data.spiral(n, generator=g)) for n in (200, 5000)]
    assert floors[1].worst < floors[0].mean
    assert floors[0].mean <= floors[0].worst
    bad = metrics.sliced_distance(data.moons(5000, generator=g), data.spiral(5000, generator=g))
    assert bad > 3 * floors[1].worst


def test_errors_by_time_are_one_error_in_three_units():
    schedule = schedules.cosine()
    x0 = cloud(500)
    times = [1, 100, 500, 900]
    result = metrics.error_by_time(oracle.finite(cloud(50, 1), schedule), schedule, x0, times)
    ratio = schedule.sigma[times] ** 2 / schedule.alpha[times] ** 2
    torch.testing.assert_close(result.x0.double(), result.eps * ratio, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(
        result.v.double(), result.eps / schedule.alpha[times] ** 2, rtol=1e-3, atol=1e-6
    )
    assert torch.equal(result.t, torch.tensor(times))


def test_eps_is_hardest_at_small_t_and_x0_at_large_t():
    schedule = schedules.cosine()
    exact = oracle.Mixture(torch.zeros(1, 2), 1.0, schedule)
    result = metrics.error_by_time(exact, schedule, cloud(4000), [10, 300, 700, 990])
    assert (result.eps.diff() < 0).all() and (result.x0.diff() > 0).all()
    torch.testing.assert_close(  # for unit data, E|eps − E[eps|x_t]|² is alpha²
        result.eps.double(), schedule.alpha[[10, 300, 700, 990]] ** 2, rtol=0.1, atol=0.02
    )


def test_the_shipped_judge_reads_mnist():
    from course_lib import data

    try:
        digits = data.mnist()
    except data.DataUnavailable as error:
        pytest.skip(str(error))
    accuracy = judge.accuracy(judge.load_judge(), digits.x_test, digits.y_test)
    assert accuracy >= 0.993


@pytest.mark.parametrize("name, epochs, least", [("first", 6, 0.9), ("second", 12, 0.8)])
def test_a_judge_learns(name, epochs, least):
    torch.manual_seed(0)
    y = torch.arange(640) % 10
    x = -torch.ones(640, 1, 28, 28)
    for i, label in enumerate(y.tolist()):
        x[i, 0, 2 * label + 4 : 2 * label + 7] = 1.0
    model = judge.JUDGES[name]()
    steps = list(judge.train_judge(model, x, y, epochs=epochs))
    assert len(steps) == judge.total_steps(640, epochs) and not model.training
    assert judge.accuracy(model, x, y) > least
    assert model.features(x[:4]).shape == (4, 128)
