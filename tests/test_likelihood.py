"""Densities along the flow, and the bound, against densities that are known exactly."""

import math
from itertools import pairwise

import pytest
import torch

from course_lib import likelihood, oracle, schedules, spacings
from course_lib.predictions import Denoiser, Estimate, V
from course_lib.samplers import randn
from course_lib.schedules import Schedule

SCHEDULE = schedules.cosine()
MEANS = torch.tensor([[-1.0, 0.0], [0.5, 1.0], [1.0, -0.6]]).double()
MIXTURE = oracle.Mixture(MEANS, 0.3, SCHEDULE)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def data(count, seed=0):
    """Points of the mixture, float64."""
    source = generator(seed)
    centres = MEANS[torch.randint(len(MEANS), (count,), generator=source)]
    return centres + 0.3 * randn((count, 2), source).double()


def density_error(steps):
    x_1 = SCHEDULE.add_noise(data(40), 1, torch.zeros(40, 2).double())
    moves = likelihood.carry(MIXTURE, x_1, SCHEDULE, steps=steps)
    found = likelihood.log_density(moves, SCHEDULE)
    return (found - MIXTURE.log_density(x_1, 1)).abs().mean().item()


def test_the_flow_finds_the_exact_density():
    assert density_error(200) < 0.01


def test_the_error_falls_with_the_square_of_the_step():
    coarse, fine = density_error(40), density_error(80)
    assert 2.8 < coarse / fine < 6


@pytest.mark.parametrize("make", [schedules.cosine, schedules.linear, schedules.flow])
def test_the_density_of_one_gaussian_on_every_schedule(make):
    schedule = make(1000)
    gaussian = oracle.Mixture(torch.zeros(1, 3).double(), 0.5, schedule)
    x_1 = 0.5 * randn((6, 3), generator()).double()
    moves = likelihood.carry(gaussian, x_1, schedule, steps=60)
    spread = float((schedule.alpha[1] * 0.5) ** 2 + schedule.sigma[1] ** 2) ** 0.5
    exact = torch.distributions.Normal(0.0, spread).log_prob(x_1).sum(1)
    torch.testing.assert_close(likelihood.log_density(moves, schedule), exact, atol=0.05, rtol=0)


def test_moves_join_and_reach_noise():
    moves = list(likelihood.carry(MIXTURE, data(5), SCHEDULE, steps=10))
    assert moves[0].t == 1 and moves[-1].s == SCHEDULE.T
    for one, other in pairwise(moves):
        assert one.s == other.t and torch.equal(one.x_s, other.x_t)


@pytest.mark.parametrize("spacing", [spacings.karras, Schedule.timesteps, spacings.square_root])
def test_stops_rise_from_1_whatever_the_spacing(spacing):
    times = likelihood.upwards(SCHEDULE, 12, spacing)
    assert times[0] == 1 and times[-1] == SCHEDULE.T and times == sorted(set(times))


def test_points_end_where_the_sampler_would_start():
    """Carried points of the mixture are standard normal at T."""
    *_, last = likelihood.carry(MIXTURE, data(4000), SCHEDULE, steps=60)
    assert last.x_s.mean(0).abs().max() < 0.06
    torch.testing.assert_close(last.x_s.T.cov(), torch.eye(2).double(), atol=0.08, rtol=0)


class Linear:
    """A denoiser whose guess of x0 is a matrix times x: derivatives are known."""

    def __init__(self, matrix):
        self.matrix = matrix

    def __call__(self, x, t, y=None):
        x0 = x @ self.matrix.T
        alpha, sigma = SCHEDULE.at(t, x)
        return Estimate(x0, (x - alpha * x0) / sigma)


def gains(probes, count=1, seed=0):
    matrix = torch.tensor([[0.5, 0.3, -0.1], [0.2, 0.1, 0.4], [0.0, -0.2, 0.3]]).double()
    x = torch.ones(count, 3).double()
    moves = likelihood.carry(
        Linear(matrix), x, SCHEDULE, steps=4, probes=probes, generator=generator(seed)
    )
    return matrix, sum(move.gain for move in moves)


def test_random_signs_estimate_the_trace_without_bias():
    matrix, exact = gains(None)
    _, guessed = gains(1, count=20_000)
    error = guessed.std() / len(guessed) ** 0.5
    assert (guessed.mean() - exact).abs() < 4 * error
    # only what is off the diagonal makes signs differ: Var = Σ_{i<j} (A_ij + A_ji)²
    symmetric = matrix + matrix.T
    off = symmetric.triu(1).square().sum().sqrt()
    rate = (exact - gains_of(0 * matrix)) / matrix.trace()  # of the gain, for a trace of 1
    assert guessed.std().item() == pytest.approx(float(off * rate.abs()), rel=0.03)


def gains_of(matrix):
    moves = likelihood.carry(Linear(matrix), torch.ones(1, 3).double(), SCHEDULE, steps=4)
    return sum(move.gain for move in moves)


def test_more_probes_quarter_the_variance():
    one, four = (gains(probes, 8000)[1].var().item() for probes in (1, 4))
    assert four == pytest.approx(one / 4, rel=0.1)


def test_probes_must_be_at_least_one():
    with pytest.raises(ValueError, match="probes must be at least 1"):
        next(likelihood.carry(MIXTURE, data(1), SCHEDULE, probes=0))


# --- the bound -----------------------------------------------------------------------------------


def excess(schedule, denoiser=None, count=4000):
    """How far the bound is above the exact value, and the standard error of that."""
    x0, mixture = data(count), oracle.Mixture(MEANS, 0.3, schedule)
    found = likelihood.bound(denoiser or mixture, x0, schedule, draws=32, generator=generator(1))
    gap = found.total + mixture.log_density(x0, 0)
    return gap.mean().item(), gap.std().item() / count**0.5


MAKERS = [schedules.linear, schedules.cosine, schedules.quadratic, schedules.sigmoid]


@pytest.mark.parametrize("make", [*MAKERS, schedules.flow])
def test_with_an_exact_denoiser_the_bound_is_tight_on_every_schedule(make):
    gap, error = excess(make(1000))
    assert abs(gap) < 4 * error and error < 0.08


def test_wrong_guesses_loosen_the_bound():
    def wrong(x, t, y=None):
        return Estimate(x, 0.8 * MIXTURE(x, t).eps)

    right, error = excess(SCHEDULE)
    assert excess(SCHEDULE, wrong)[0] > right + 5 * error


def test_a_coin_costs_one_bit():
    """Pixels that are black or white, each with chance one half: the exact denoiser knows that."""
    x0 = randn((4000, 1), generator()).sign()
    coin = oracle.finite(torch.tensor([[-1.0], [1.0]]), SCHEDULE)
    found = likelihood.bound(
        coin, x0, SCHEDULE, draws=64, chances=torch.ones(2), generator=generator(1)
    )
    bits = likelihood.bits_per_dimension(found.total, x0)
    error = bits.std().item() / 4000**0.5
    assert bits.mean().item() == pytest.approx(1, abs=4 * error) and error < 0.02


@pytest.mark.parametrize("make", [*MAKERS, schedules.flow])
def test_shares_add_up_to_the_whole_log_snr(make):
    schedule = make(500)
    log_snr = schedule.snr[[1, -1]].log().clamp(min=likelihood.LEAST_LOG_SNR)
    shares = likelihood.log_snr_shares(schedule)
    assert shares.shape == (500,) and (shares >= 0).all()
    torch.testing.assert_close(shares.sum(), log_snr[0] - log_snr[1])


def test_parts_are_what_they_say():
    x0 = data(10)
    found = likelihood.bound(MIXTURE, x0, SCHEDULE, draws=1, generator=generator())
    assert all(part.shape == (10,) for part in (*found, found.total))
    schedule = schedules.linear(200)
    mixture = oracle.Mixture(MEANS, 0.3, schedule)
    prior = likelihood.bound(mixture, x0, schedule, draws=1).prior
    q = torch.distributions.Normal(schedule.alpha[-1] * x0, schedule.sigma[-1])
    p = torch.distributions.Normal(torch.zeros_like(x0), schedule.sigma[-1])
    torch.testing.assert_close(prior, torch.distributions.kl_divergence(q, p).sum(1))


# --- what x_1 leaves open ------------------------------------------------------------------------


@pytest.mark.parametrize("chances", [torch.ones(256), 1.0 + torch.arange(256.0) % 7])
def test_chances_of_all_bytes_add_up_to_one(chances):
    schedule = schedules.linear(50)  # so much noise at t = 1 that many values compete
    values = torch.linspace(-1, 1, 256).double()[:, None]
    for place in (-1.02, -0.4, 0.999):
        x_1 = torch.full_like(values, place)
        found = likelihood.log_reconstruction(values, x_1, schedule, chances).exp()
        near = (values - place / schedule.alpha[1]).abs() < 6 * schedule.sigma[1]
        assert found[near[:, 0]].sum().item() == pytest.approx(1, abs=1e-6)


def test_what_is_likely_beforehand_wins_by_bayes():
    """Two levels, 9 to 1: log odds are those of the noise plus log 9."""
    schedule, x_1 = schedules.linear(50), torch.tensor([[0.01]]).double()
    levels = torch.tensor([[-1.0], [1.0]]).double()
    found = likelihood.log_reconstruction(
        levels, x_1.expand(2, 1), schedule, torch.tensor([0.1, 0.9])
    )
    alpha, sigma = schedule.alpha[1], schedule.sigma[1]
    odds = math.log(9) + 2 * 0.01 * alpha / sigma**2
    assert (found[1] - found[0]).item() == pytest.approx(odds.item(), rel=1e-6)


def test_frequencies_count_levels():
    x = torch.tensor([[-1.0, -1.0, 1.0, 2 * 77 / 255 - 1]])
    counts = likelihood.frequencies(x)
    assert counts.shape == (256,) and counts[[0, 77, 255]].tolist() == [3, 2, 2]
    assert counts.sum() == 256 + 4


def test_numbers_have_a_density():
    x0, x_1 = data(5), data(5, seed=1)
    spread = float(SCHEDULE.sigma[1] / SCHEDULE.alpha[1])
    exact = torch.distributions.Normal(x_1 / SCHEDULE.alpha[1], spread).log_prob(x0).sum(1)
    torch.testing.assert_close(likelihood.log_reconstruction(x0, x_1, SCHEDULE), exact)


def test_bits():
    nats = torch.tensor([3 * math.log(2) * 784])
    assert likelihood.bits_per_dimension(nats, torch.zeros(1, 28, 28)).item() == pytest.approx(3)


def test_a_network_can_be_asked_how_its_guess_changes_and_else_keeps_no_graph():
    network = torch.nn.Linear(2, 2)
    denoiser = Denoiser(lambda x, t, y: network(x), SCHEDULE, V)
    x = torch.ones(1, 2)
    assert not denoiser(x, 500).x0.requires_grad
    assert denoiser(x.requires_grad_(), 500).x0.requires_grad
    with torch.no_grad():
        assert not denoiser(x, 500).x0.requires_grad
