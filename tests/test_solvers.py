"""Solvers of the sampling equation: their order measured, their paths against diffusers."""

import math
from itertools import pairwise

import pytest
import torch

from course_lib import oracle, samplers, schedules, solvers, spacings
from course_lib.predictions import EPS, Denoiser, Estimate
from course_lib.schedules import Schedule

SOLVERS = [solvers.euler, solvers.heun, solvers.dpm_solver]


def mixture(schedule):
    means = torch.tensor([[1.0, -1.0], [-1.0, 0.5], [0.0, 1.0]]).double()
    return oracle.Mixture(means, 0.3, schedule)


def noise(n=100, d=2, seed=0):
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def halfway(steps, s):
    return next(step.x_s for step in steps if step.s == s)


@pytest.mark.parametrize(
    "solver, order", [(solvers.euler, 1), (solvers.heun, 2), (solvers.dpm_solver, 2)]
)
def test_order_of_convergence(solver, order):
    """With k times the moves, the error at T/4 falls as k to the power of the order.

    It is measured before the end, since sigma of this schedule leaves 0 like a square root, which
    no method that steps evenly in t can follow to second order.
    """
    schedule = schedules.linear(4096)
    denoiser, start, s = mixture(schedule), noise(), 1024
    exact = halfway(solvers.heun(denoiser, start, schedule, steps=4095), s)
    errors = []
    for moves in (32, 64, 128):
        steps = 2 * moves - 1 if solver is solvers.heun else moves
        end = halfway(solver(denoiser, start, schedule, steps=steps), s)
        errors.append((end - exact).square().mean().sqrt().item())
    measured = [math.log2(a / b) for a, b in pairwise(errors)]
    assert measured == pytest.approx([order] * 2, abs=0.08)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("build", [schedules.linear, schedules.cosine, schedules.flow])
def test_reaches_the_exact_end_for_a_gaussian(solver, build):
    """For one Gaussian the path keeps (x − mean) / standard deviation: known in closed form."""
    schedule = build()
    mean, std = 0.5, 0.4
    denoiser = oracle.Mixture(torch.tensor([[mean]]).double(), std, schedule)
    alpha, sigma = schedule.alpha[-1], schedule.sigma[-1]
    start = sigma * noise(50, 1)
    end = samplers.last(solver(denoiser, start, schedule, steps=1000))
    at_T = ((alpha * std) ** 2 + sigma**2).sqrt()
    exact = mean + std * (start - alpha * mean) / at_T
    torch.testing.assert_close(end, exact, rtol=0, atol=0.006)


@pytest.mark.parametrize("spacing", [Schedule.timesteps, spacings.karras, spacings.quadratic])
def test_euler_is_deterministic_ddim(spacing):
    schedule = schedules.cosine()
    walks = [
        solver(mixture(schedule), noise(), schedule, steps=20, spacing=spacing)
        for solver in (solvers.euler, samplers.ddim)
    ]
    for a, b in zip(*walks, strict=True):
        torch.testing.assert_close(a.x_s, b.x_s)


def test_euler_on_the_flow_schedule_follows_the_velocity():
    schedule = schedules.flow(100)
    for step in solvers.euler(mixture(schedule), noise(), schedule, steps=10):
        expected = step.x_t + (step.s - step.t) / 100 * (step.eps - step.x0)
        torch.testing.assert_close(step.x_s, expected)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("steps", [1, 2, 7, 20])
def test_pays_for_as_many_evaluations_as_asked_for(solver, steps):
    schedule, calls = schedules.cosine(), []

    def counting(x_t, t, y=None):
        calls.append(t)
        return mixture(schedule)(x_t, t, y)

    walk = list(solver(counting, noise(3), schedule, steps=steps))
    assert len(calls) == steps
    assert walk[0].t == schedule.T and walk[-1].s == 0
    for before, after in pairwise(walk):
        assert before.s == after.t and before.x_s is after.x_t


@pytest.mark.parametrize("solver", [*SOLVERS, solvers.invert])
def test_wrong_numbers_of_steps_are_refused(solver):
    schedule = schedules.cosine()
    for steps in (0, 1001):
        with pytest.raises(ValueError, match="steps must be between 1 and T = 1000"):
            solver(mixture(schedule), noise(2), schedule, steps=steps)


def test_one_plain_step_leaves_heun_its_order():
    schedule, start = schedules.linear(4096), noise()
    denoiser = mixture(schedule)
    exact = halfway(solvers.heun(denoiser, start, schedule, steps=4095), 1024)
    errors = []
    for moves in (32, 64, 128):
        end = halfway(solvers.heun(denoiser, start, schedule, steps=2 * moves - 2), 1024)
        errors.append((end - exact).square().mean().sqrt().item())
    measured = [math.log2(a / b) for a, b in pairwise(errors)]
    assert measured == pytest.approx([2, 2], abs=0.08)


def test_two_steps_of_heun_are_two_of_euler():
    schedule = schedules.cosine()
    one, two = (
        list(solver(mixture(schedule), noise(5), schedule, steps=2))
        for solver in (solvers.heun, solvers.euler)
    )
    assert [step.t for step in one] == [1000, 500]
    torch.testing.assert_close(one[-1].x_s, two[-1].x_s)


class Wave(torch.nn.Module):
    """Any smooth function of x and t will do for comparing trajectories."""

    def forward(self, x, t, y=None):
        return torch.sin(2 * x + t.view(-1, 1, 1, 1) / 300) * 0.7 + 0.3 * x


IMAGES = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
LINEAR = {
    "num_train_timesteps": 1000,
    "beta_schedule": "linear",
    "beta_start": 1e-4,
    "beta_end": 0.02,
    "timestep_spacing": "trailing",
}


@pytest.mark.parametrize("eta, kind", [(0.0, "dpmsolver++"), (1.0, "sde-dpmsolver++")])
@pytest.mark.parametrize("steps", [5, 20, 100])
def test_dpm_solver_walks_as_diffusers_does(steps, eta, kind):
    diffusers = pytest.importorskip("diffusers")
    theirs = diffusers.DPMSolverMultistepScheduler(
        **LINEAR, final_sigmas_type="zero", algorithm_type=kind
    )
    theirs.set_timesteps(steps)
    schedule, network, x = schedules.linear(), Wave(), IMAGES
    denoiser = Denoiser(network, schedule, EPS)
    ours, same = (torch.Generator().manual_seed(1) for _ in range(2))
    walk = solvers.dpm_solver(denoiser, x, schedule, steps=steps, eta=eta, generator=ours)
    for step, index in zip(walk, theirs.timesteps, strict=True):
        assert step.t == int(index) + 1  # their table starts at the first noisy entry
        guess = network(x, torch.full((2,), step.t))
        fresh = torch.randn(x.shape, generator=same)
        x = theirs.step(guess, index, x, variance_noise=fresh).prev_sample
        torch.testing.assert_close(step.x_s, x, rtol=2e-3, atol=2e-3)


def test_dpm_solver_of_one_step_back_is_ddim_for_every_eta():
    """Its first step, which has no earlier guess, is DDIM's."""
    schedule = schedules.cosine()
    for eta in (0.0, 0.3, 1.0):
        first = [
            next(
                sampler(
                    mixture(schedule),
                    noise(50),
                    schedule,
                    steps=9,
                    eta=eta,
                    generator=torch.Generator().manual_seed(3),
                )
            ).x_s
            for sampler in (samplers.ddim, solvers.dpm_solver)
        ]
        torch.testing.assert_close(*first, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="eta must be between"):
        solvers.dpm_solver(mixture(schedule), noise(5), schedule, eta=1.5)


def test_few_first_order_steps_make_modes_too_narrow_and_second_order_ones_do_not():
    """Why samples of few DDIM steps have too little full white: a guess is a mean."""
    schedule = schedules.cosine()
    exact = oracle.Mixture(torch.tensor([[-1.0], [1.0]]), 0.1, schedule)
    start = torch.randn(4000, 1, generator=torch.Generator().manual_seed(0))
    width = {}
    for sampler in (samplers.ddim, solvers.dpm_solver):
        options = {"spacing": spacings.quadratic, "steps": 20, "eta": 1.0}
        options["generator"] = torch.Generator().manual_seed(1)
        end = samplers.last(sampler(exact, start, schedule, **options))
        width[sampler] = (end - end.sign()).std().item()
    assert width[samplers.ddim] < 0.09
    assert width[solvers.dpm_solver] == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("moves", [5, 20, 100])
def test_heun_walks_as_diffusers_does(moves):
    """Theirs divides x by alpha throughout; so does ours with a schedule whose alpha is 1."""
    diffusers = pytest.importorskip("diffusers")
    theirs = diffusers.HeunDiscreteScheduler(**LINEAR)
    theirs.set_timesteps(moves)
    linear, network = schedules.linear(), Wave()
    ratio = linear.sigma / linear.alpha
    exploding = Schedule(torch.ones(1001), ratio, "exploding", max_terminal_signal=1)

    def eps_at(x, t):
        scaled = (x / (1 + float(ratio[t]) ** 2) ** 0.5).float()
        return network(scaled, torch.full((2,), t)).double()

    def denoiser(x, t, y=None):
        eps = eps_at(x, t)
        return Estimate(x - float(ratio[t]) * eps, eps)

    x = float(ratio[-1]) * IMAGES.double()
    walk = solvers.heun(denoiser, x, exploding, steps=2 * moves - 1)
    # they list the time of each evaluation, two for every move but the last
    times = iter(theirs.timesteps)
    for step in walk:
        for _ in range(2 if step.s else 1):
            index = next(times)
            x = theirs.step(eps_at(x, int(index) + 1), index, x).prev_sample
        torch.testing.assert_close(step.x_s, x.double(), rtol=2e-3, atol=2e-3)
    assert next(times, None) is None


@pytest.mark.parametrize("steps", [5, 20, 100])
def test_euler_walks_as_diffusers_flow_matching_does(steps):
    diffusers = pytest.importorskip("diffusers")
    theirs = diffusers.FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=1.0)
    theirs.set_timesteps(sigmas=[1 - k / steps for k in range(steps)])
    schedule, x = schedules.flow(), IMAGES
    denoiser = mixture_of_images(schedule)
    walk = solvers.euler(denoiser, x, schedule, steps=steps)
    for step, index in zip(walk, theirs.timesteps, strict=True):
        guess = denoiser(x, step.t)
        x = theirs.step(guess.eps - guess.x0, index, x).prev_sample
        torch.testing.assert_close(step.x_s, x, rtol=1e-4, atol=1e-4)


def mixture_of_images(schedule):
    return oracle.Mixture(IMAGES.tanh(), 0.3, schedule)


def round_trip(denoiser, x0, schedule, **options):
    up = samplers.last(solvers.invert(denoiser, x0, schedule, **options))
    down = samplers.ddim(denoiser, up, schedule, steps=options["steps"])
    return (samplers.last(down) - x0).square().mean().sqrt().item()


def test_inversion_comes_back_and_repeats_make_it_exact():
    schedule = schedules.cosine()
    denoiser, x0 = mixture(schedule), mixture(schedule).means.repeat(20, 1) + 0.3 * noise(60)
    coarse = round_trip(denoiser, x0, schedule, steps=25)
    fine = round_trip(denoiser, x0, schedule, steps=100)
    exact = round_trip(denoiser, x0, schedule, steps=100, repeats=20)
    assert fine < 0.5 * coarse and exact < 0.05 * fine, (coarse, fine, exact)


def test_inversion_tells_how_far_its_guesses_were_from_where_it_went():
    schedule = schedules.cosine()
    denoiser, x0 = mixture(schedule), noise(5)
    for repeats in (1, 3, 30):
        move = next(solvers.invert(denoiser, x0, schedule, steps=20, repeats=repeats))
        assert (move.t, move.s) == (0, 50) and move.residual.shape == (5,)
        x = x0
        for _ in range(repeats):
            before, guess = x, denoiser(x, move.s)
            d_alpha = schedule.alpha[move.s] - schedule.alpha[move.t]
            x = x0 + d_alpha * guess.x0 + schedule.sigma[move.s] * guess.eps
        torch.testing.assert_close(move.residual, (x - before).square().mean(1).sqrt())
    assert move.residual.max() < 1e-6


def test_inversion_finds_gaussian_noise():
    """The path of a Gaussian keeps (x − mean) / std, so data become standard normal draws."""
    schedule = schedules.cosine()
    denoiser = oracle.Mixture(torch.tensor([[0.5]]).double(), 0.4, schedule)
    z = noise(200, 1)
    steps = list(solvers.invert(denoiser, 0.5 + 0.4 * z, schedule, steps=500))
    assert steps[0].t == 0 and steps[-1].s == schedule.T
    torch.testing.assert_close(steps[-1].x_s, z, rtol=0, atol=0.03)


def test_repeats_below_one_are_refused():
    schedule = schedules.cosine()
    with pytest.raises(ValueError, match="repeats"):
        solvers.invert(mixture(schedule), noise(2), schedule, repeats=0)
