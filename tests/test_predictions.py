"""Predictions: round trips, clipping, and pairs that cannot work."""

import warnings

import pytest
import torch

from course_lib import schedules
from course_lib.predictions import EPS, VELOCITY, X0, Clipped, Denoiser, Estimate, V

PREDICTIONS = [EPS, X0, V, VELOCITY]


@pytest.mark.parametrize("prediction", PREDICTIONS, ids=lambda p: p.name)
@pytest.mark.parametrize("build", [schedules.linear, schedules.cosine, schedules.flow])
def test_round_trip_is_exact_to_rounding(prediction, build):
    schedule = build()
    t = torch.arange(1, 1000)
    x0, eps = torch.randn(2, 999, 3, dtype=torch.float64)
    alpha, sigma = schedule.at(t, x0)
    target = prediction.target(x0, eps, alpha, sigma)
    back = prediction.estimate(target, alpha * x0 + sigma * eps, alpha, sigma)
    torch.testing.assert_close(back.x0, x0, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(back.eps, eps, rtol=1e-8, atol=1e-8)


def test_targets_are_what_the_papers_say():
    x0, eps = torch.randn(2, 5, 2)
    alpha, sigma = torch.tensor(0.8), torch.tensor(0.6)
    assert torch.equal(EPS.target(x0, eps, alpha, sigma), eps)
    assert torch.equal(X0.target(x0, eps, alpha, sigma), x0)
    torch.testing.assert_close(V.target(x0, eps, alpha, sigma), 0.8 * eps - 0.6 * x0)
    torch.testing.assert_close(VELOCITY.target(x0, eps, alpha, sigma), eps - x0)


@pytest.mark.filterwarnings("ignore:At t = 1000")
def test_a_perfect_network_gives_a_perfect_denoiser():
    schedule, x0 = schedules.cosine(), torch.randn(6, 2)
    eps, t = torch.randn(6, 2), torch.tensor([1, 10, 300, 600, 900, 990])
    for prediction in PREDICTIONS:
        answer = prediction.target(x0, eps, *schedule.at(t, x0))
        estimate = Denoiser(lambda *_, a=answer: a, schedule, prediction)(
            schedule.add_noise(x0, t, eps), t
        )
        torch.testing.assert_close(estimate.x0, x0, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(estimate.eps, eps, rtol=1e-3, atol=1e-3)


def test_clipping_recomputes_eps():
    schedule, x_t = schedules.cosine(), 3 * torch.randn(4, 1, 2, 2)
    far = Denoiser(lambda x, t, y: -9 * x, schedule, V)
    for clipped in (Denoiser(far.model, schedule, V, clip=True), Clipped(far, schedule)):
        x0, eps = clipped(x_t, 400)
        assert x0.abs().max() <= 1 and far(x_t, 400).x0.abs().max() > 1
        alpha, sigma = schedule.at(400, x_t)
        torch.testing.assert_close(alpha * x0 + sigma * eps, x_t)


def test_noise_prediction_without_signal_is_refused():
    with pytest.raises(ValueError, match="t = 1000 of the flow schedule"):
        Denoiser(torch.nn.Identity(), schedules.flow(), EPS)
    for prediction in (X0, V, VELOCITY):
        Denoiser(torch.nn.Identity(), schedules.flow(), prediction)


def test_noise_prediction_with_hardly_any_signal_is_warned_of():
    with pytest.warns(UserWarning, match="t = 1000 of the cosine schedule, .* 20,291 times"):
        Denoiser(torch.nn.Identity(), schedules.cosine(), EPS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Denoiser(torch.nn.Identity(), schedules.cosine(), EPS, clip=True)
        Denoiser(torch.nn.Identity(), schedules.cosine(), V)
        Denoiser(torch.nn.Identity(), schedules.linear(), EPS)


def test_an_estimate_tracks_no_gradients():
    network = torch.nn.Linear(2, 2)
    x0, eps = Denoiser(lambda x, t, y: network(x), schedules.cosine(), V)(torch.randn(3, 2), 5)
    assert not x0.requires_grad and not eps.requires_grad


def test_the_network_sees_one_time_per_sample():
    seen = []
    Denoiser(lambda x, t, y: seen.append((t, y)) or x, schedules.cosine(), V)(
        torch.zeros(3, 2), 7, torch.tensor([0, 1, 2])
    )
    assert torch.equal(seen[0][0], torch.tensor([7, 7, 7]))
    assert torch.equal(seen[0][1], torch.tensor([0, 1, 2]))


def test_an_estimate_is_a_pair():
    assert Estimate._fields == ("x0", "eps")


def test_the_network_is_fed_on_its_own_device():
    """Training may leave the network on an accelerator; samplers need not know."""

    class Elsewhere(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1, device="meta"))

        def forward(self, x_t, t, y=None):
            assert x_t.device == t.device == y.device == self.weight.device
            return torch.zeros(x_t.shape)

    x_t, y = torch.randn(5, 2), torch.zeros(5, dtype=torch.long)
    estimate = Denoiser(Elsewhere(), schedules.cosine(), V)(x_t, 300, y)
    assert estimate.x0.device == x_t.device and estimate.x0.shape == x_t.shape
