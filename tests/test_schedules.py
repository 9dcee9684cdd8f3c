"""Schedules: closed forms, the clean end, and the refusal of a signal that is left at T."""

import math
from itertools import pairwise

import pytest
import torch

from course_lib import schedules

ALL = [
    schedules.linear(),
    schedules.linear(100),
    schedules.cosine(),
    schedules.cosine(50),
    schedules.quadratic(),
    schedules.sigmoid(),
    schedules.flow(),
]
PRESERVING = [s for s in ALL if s.name != "flow"]


@pytest.mark.parametrize("schedule", ALL, ids=lambda s: f"{s.name}-{s.T}")
def test_ends_and_order(schedule):
    assert schedule.alpha.dtype == schedule.sigma.dtype == torch.float64
    assert schedule.alpha[0] == 1 and schedule.sigma[0] == 0
    assert schedule.alpha_bar[-1] < 0.01
    assert (schedule.alpha.diff() < 0).all() and (schedule.sigma.diff() >= 0).all()
    assert (schedule.snr.diff()[1:] < 0).all() and schedule.snr[0] == math.inf


@pytest.mark.parametrize("schedule", PRESERVING, ids=lambda s: f"{s.name}-{s.T}")
def test_variance_is_preserved(schedule):
    torch.testing.assert_close(
        schedule.alpha**2 + schedule.sigma**2, torch.ones_like(schedule.alpha)
    )
    torch.testing.assert_close(schedule.snr, schedule.alpha_bar / (1 - schedule.alpha_bar))


def test_linear_beta_is_ddpm_s():
    beta = schedules.linear().beta
    assert beta[0] == 0
    torch.testing.assert_close(beta[1:], torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64))


@pytest.mark.parametrize("build", [schedules.linear, schedules.quadratic])
def test_rescaling_reaches_the_same_noise(build):
    logs = [build(T).alpha_bar[-1].log().item() for T in (1000, 500, 250)]
    assert max(logs) - min(logs) < 0.4


def test_rescaling_multiplies_beta():
    torch.testing.assert_close(schedules.linear(500).beta[1].item(), 2e-4)


def test_quadratic_is_linear_in_the_root():
    root = schedules.quadratic().beta[1:].sqrt()
    torch.testing.assert_close(root.diff(), root.diff().mean().expand(999))


@pytest.mark.parametrize("s, beta_clip", [(0.008, 0.999), (0.1, 0.9)])
def test_cosine_is_the_paper_s_formula(s, beta_clip):
    schedule = schedules.cosine(s=s, beta_clip=beta_clip)
    u = torch.arange(1001, dtype=torch.float64) / 1000
    f = ((u + s) / (1 + s) * math.pi / 2).cos() ** 2
    torch.testing.assert_close(schedule.alpha_bar[:-1], (f / f[0])[:-1])
    assert schedule.beta.max() == pytest.approx(beta_clip)


@pytest.mark.parametrize("start, end, tau", [(-3, 3, 1.0), (0, 3, 0.7)])
def test_sigmoid_is_the_paper_s_formula(start, end, tau):
    schedule = schedules.sigmoid(start=start, end=end, tau=tau)
    for t in (1, 300, 999):
        logistic = [
            1 / (1 + math.exp(-x / tau)) for x in (start, start + (end - start) * t / 1000, end)
        ]
        expected = (logistic[2] - logistic[1]) / (logistic[2] - logistic[0])
        assert float(schedule.alpha_bar[t]) == pytest.approx(expected)


def test_sigmoid_is_symmetric_about_its_middle():
    alpha_bar = schedules.sigmoid().alpha_bar
    torch.testing.assert_close(
        alpha_bar[1:500] + alpha_bar[501:1000].flip(0),
        torch.ones(499, dtype=torch.float64),
        atol=1e-6,
        rtol=0,
    )


def test_flow_is_a_straight_line():
    schedule = schedules.flow(10)
    torch.testing.assert_close(
        schedule.alpha + schedule.sigma, torch.ones(11, dtype=torch.float64)
    )
    assert schedule.alpha[-1] == 0


def test_many_small_steps_equal_one_jump():
    """The chain of Eq. 2 has the mean and the variance of the closed form, Eq. 4."""
    schedule = schedules.linear()
    mean, variance = 1.0, 0.0
    for beta in schedule.beta[1:301]:
        mean, variance = mean * (1 - beta).sqrt(), variance * (1 - beta) + beta
    assert float(mean) == pytest.approx(float(schedule.alpha[300]))
    assert float(variance) == pytest.approx(float(schedule.sigma[300] ** 2))


def test_add_noise_takes_one_time_or_one_per_sample():
    schedule, x0, eps = schedules.cosine(), torch.randn(3, 1, 4, 4), torch.randn(3, 1, 4, 4)
    both = schedule.add_noise(x0, torch.tensor([5, 1000, 0]), eps)
    for i, t in enumerate((5, 1000, 0)):
        torch.testing.assert_close(
            both[i : i + 1], schedule.add_noise(x0[i : i + 1], t, eps[i : i + 1])
        )
    torch.testing.assert_close(both[2], x0[2])
    assert both.dtype == torch.float32


@pytest.mark.parametrize("t", [-1, 1001, 0.5, torch.tensor([5, -1]), torch.tensor([5, 1001])])
def test_a_time_outside_the_table_is_refused(t):
    with pytest.raises(ValueError, match="from 0 to T = 1000"):
        schedules.cosine().add_noise(torch.zeros(2, 2), t, torch.zeros(2, 2))


@pytest.mark.parametrize("steps", [1, 3, 7, 50, 999, 1000])
def test_timesteps_run_from_T_to_0_and_never_repeat(steps):
    times = schedules.cosine().timesteps(steps)
    assert all(abs(t - 1000 * (1 - i / steps)) <= 0.5 for i, t in enumerate(times))
    assert times[0] == 1000 and times[-1] == 0 and len(times) == steps + 1
    gaps = [t - s for t, s in pairwise(times)]
    assert min(gaps) >= 1 and max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize("steps", [0, 1001])
def test_impossible_numbers_of_steps_are_refused(steps):
    with pytest.raises(ValueError, match="between 1 and T = 1000"):
        schedules.cosine().timesteps(steps)


def test_signal_left_at_the_end_is_refused_by_name():
    with pytest.raises(ValueError, match=r"ᾱ_T = 0\.0481 .* T = 300"):
        schedules.linear(300, rescale=False)
    kept = schedules.linear(300, rescale=False, max_terminal_signal=1)
    assert float(kept.alpha_bar[-1]) == pytest.approx(0.0481, abs=1e-4)


def test_tables_that_do_not_fit_are_refused():
    half = torch.tensor([1.0, 0.0])
    with pytest.raises(ValueError, match=r"two tables of T \+ 1"):
        schedules.Schedule(half, torch.zeros(3))
    with pytest.raises(ValueError, match="clean data"):
        schedules.Schedule(torch.tensor([0.9, 0.0]), 1 - half)
    with pytest.raises(ValueError, match="never rise"):
        schedules.Schedule(torch.tensor([1.0, 0.2, 0.5, 0.0]), torch.tensor([0.0, 0.1, 0.2, 1.0]))
    for sigma in ([0.0, 1.0, 0.5], [0.0, 0.0, 1.0]):
        with pytest.raises(ValueError, match="sigma must never fall"):
            schedules.Schedule(torch.tensor([1.0, 0.5, 0.0]), torch.tensor(sigma))
    bad = torch.tensor([1.0, math.nan])
    for tables in ((bad, 1 - half), (half, 1 - bad)):
        with pytest.raises(ValueError, match="finite"):
            schedules.Schedule(*tables)


@pytest.mark.parametrize("beta", [-0.1, 0.0, 1.0, 1.1])
def test_a_beta_outside_0_to_1_is_refused(beta):
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        schedules.from_beta(torch.tensor([0.5, beta, 0.999]), "custom")


def test_a_linear_schedule_of_too_few_steps_is_refused():
    with pytest.raises(ValueError, match="in the linear schedule"):
        schedules.linear(10)


def test_tables_are_kept_in_double_precision():
    schedule = schedules.Schedule(torch.tensor([1, 0]), torch.tensor([0, 1]))
    assert schedule.alpha.dtype == schedule.sigma.dtype == torch.float64
