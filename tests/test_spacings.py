"""Where samplers stop: every spacing on every schedule, for every number of steps."""

from itertools import pairwise

import pytest
import torch

from course_lib import oracle, samplers, schedules, spacings
from course_lib.schedules import Schedule

SPACINGS = [
    Schedule.timesteps,
    spacings.uniform,
    spacings.quadratic,
    spacings.square_root,
    spacings.karras,
]


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize(
    "schedule",
    [schedules.cosine(1000), schedules.linear(40), schedules.flow(100), schedules.cosine(5)],
    ids=lambda s: f"{s.name} {s.T}",
)
def test_times_fall_to_zero_without_repeating(spacing, schedule):
    for steps in range(1, schedule.T + 1):
        if spacing is spacings.uniform and schedule.T % steps:
            continue
        times = spacing(schedule, steps)
        assert len(times) == steps + 1 and times[-1] == 0 and times[0] <= schedule.T
        assert all(a > b for a, b in pairwise(times))
        assert times[0] == schedule.T or spacing is spacings.uniform


@pytest.mark.parametrize("spacing", SPACINGS)
def test_steps_out_of_range_are_refused(spacing):
    for steps in (0, 101):
        with pytest.raises(ValueError, match="steps must be between 1 and T = 100"):
            spacing(schedules.cosine(100), steps)


def test_uniform_is_the_first_ddim_s_rule():
    assert spacings.uniform(schedules.cosine(), 4) == [751, 501, 251, 1, 0]
    for steps in (334, 501, 600):  # which would start at 667, 501 and 600, two thirds of the way
        with pytest.raises(ValueError, match=f"must divide T = 1000, and {steps} does not"):
            spacings.uniform(schedules.cosine(), steps)


def test_quadratic_grows_as_a_square():
    assert spacings.quadratic(schedules.cosine(), 4) == [1000, 562, 250, 62, 0]


def test_square_root_grows_as_a_root():
    assert spacings.square_root(schedules.cosine(), 4) == [1000, 866, 707, 500, 0]


def test_karras_is_even_in_the_root_of_the_noise_ratio():
    schedule = schedules.cosine(100_000)
    times = spacings.karras(schedule, 12)
    root = (schedule.sigma / schedule.alpha)[times[1:-1]] ** (1 / 7)
    torch.testing.assert_close(root.diff(), root.diff().mean().expand(10), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_samplers_stop_where_they_are_told(spacing):
    schedule = schedules.linear()
    denoiser = oracle.Mixture(torch.zeros(1, 2), 1.0, schedule)
    x = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    for sampler in (samplers.ddpm, samplers.ddim):
        walk = list(sampler(denoiser, x, schedule, steps=8, spacing=spacing))
        assert [walk[0].t] + [step.s for step in walk] == spacing(schedule, 8)
