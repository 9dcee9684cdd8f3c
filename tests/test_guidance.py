"""Guidance: the formula on exact denoisers, and what an interval of times saves."""

import pytest
import torch

from course_lib import oracle, schedules
from course_lib.guidance import Guided

SCHEDULE = schedules.cosine()


def test_guidance_mixes_as_the_formula_says():
    points = torch.randn(20, 2).double()
    exact = oracle.finite(points, SCHEDULE, labels=torch.arange(20) % 2)
    x_t, y = torch.randn(6, 2).double(), torch.tensor([0, 1, 0, 1, 0, 1])
    cond, uncond = exact(x_t, 400, y), exact(x_t, 400)
    for w in (0.0, 1.0, 2.5, 7.0):
        guided = Guided(exact, w)(x_t, 400, y)
        torch.testing.assert_close(guided.eps, uncond.eps + w * (cond.eps - uncond.eps))
        alpha, sigma = SCHEDULE.at(400, x_t)
        torch.testing.assert_close(alpha * guided.x0 + sigma * guided.eps, x_t)


def test_each_sample_may_have_a_guidance_of_its_own():
    exact = oracle.finite(torch.randn(20, 2).double(), SCHEDULE, labels=torch.arange(20) % 2)
    x_t, y = torch.randn(3, 2).double(), torch.tensor([0, 1, 0])
    mixed = Guided(exact, torch.tensor([1.0, 2.5, 4.0]))(x_t, 400, y)
    for k, w in enumerate((1.0, 2.5, 4.0)):
        alone = Guided(exact, w)(x_t[k : k + 1], 400, y[k : k + 1])
        torch.testing.assert_close(mixed.x0[k : k + 1], alone.x0)
    within = Guided(exact, torch.tensor([1.0, 2.5, 4.0]), interval=(500, 600))(x_t, 400, y)
    torch.testing.assert_close(within.x0, exact(x_t, 400, y).x0)


def test_guidance_in_an_interval_is_plain_outside():
    points = torch.randn(20, 2).double()
    exact = oracle.finite(points, SCHEDULE, labels=torch.arange(20) % 2)
    calls = []

    def counting(x_t, t, y=None):
        calls.append(y)
        return exact(x_t, t, y)

    x_t, y = torch.randn(4, 2).double(), torch.tensor([0, 1, 0, 1])
    guided, within = Guided(exact, 3.0), Guided(counting, 3.0, interval=(200, 600))
    for t, expected, cost in (
        (199, exact, 1),
        (200, guided, 2),
        (600, guided, 2),
        (601, exact, 1),
    ):
        calls.clear()
        torch.testing.assert_close(within(x_t, t, y), expected(x_t, t, y))
        assert len(calls) == cost
    mixed = within(x_t, torch.tensor([199, 200, 600, 601]), y)
    for k, (t, expected) in enumerate(((199, exact), (200, guided), (600, guided), (601, exact))):
        torch.testing.assert_close(
            mixed.x0[k : k + 1], expected(x_t[k : k + 1], t, y[k : k + 1]).x0
        )


def test_guidance_without_labels_is_refused():
    with pytest.raises(ValueError, match="needs labels"):
        Guided(oracle.finite(torch.zeros(1, 2), SCHEDULE), 2.0)(torch.zeros(4, 2), 300)
