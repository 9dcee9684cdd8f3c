"""Samplers against closed forms, against each other, and against diffusers step by step."""

import math
from itertools import pairwise

import pytest
import torch

from course_lib import oracle, samplers, schedules, solvers
from course_lib.predictions import EPS, Denoiser

SCHEDULE = schedules.cosine()
both = pytest.mark.parametrize("sampler", [samplers.ddpm, samplers.ddim])


def faint(T=1000):
    """A flow to little noise, where rounding makes σ_s² smaller than the posterior variance."""
    u = torch.linspace(0, 1, T + 1, dtype=torch.float64)
    return schedules.Schedule(1 - u, 0.7 * u, "faint")


def gaussian(mean=0.5, std=0.4, schedule=SCHEDULE):
    """The exact denoiser of one Gaussian, for which everything is known."""
    return oracle.Mixture(torch.tensor([[mean]]).double(), std, schedule)


def noise(n=4000, d=1, seed=0):
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("variance", [samplers.posterior_variance, samplers.step_variance])
def test_posterior_identity(variance):
    """One step of DDPM from q(x_t | x0) with the true x0 lands on q(x_s | x0), by its moments."""
    x0, t, s = 0.7, 600, 599
    ratio = SCHEDULE.alpha[t] / SCHEDULE.alpha[s]
    from_x_t = ratio * (SCHEDULE.sigma[s] / SCHEDULE.sigma[t]) ** 2
    from_x0 = SCHEDULE.alpha[s] * samplers.step_variance(SCHEDULE, t, s) / SCHEDULE.sigma[t] ** 2
    mean = from_x_t * SCHEDULE.alpha[t] * x0 + from_x0 * x0
    spread = from_x_t**2 * SCHEDULE.sigma[t] ** 2 + samplers.posterior_variance(SCHEDULE, t, s)
    assert float(mean) == pytest.approx(float(SCHEDULE.alpha[s]) * x0)
    assert float(spread) == pytest.approx(float(SCHEDULE.sigma[s]) ** 2)
    assert (
        0 < samplers.posterior_variance(SCHEDULE, t, s) <= samplers.step_variance(SCHEDULE, t, s)
    )


def test_variances_are_ddpm_s():
    schedule = schedules.linear()
    beta, alpha_bar = schedule.beta, schedule.alpha_bar
    for t in (2, 100, 1000):
        assert samplers.step_variance(schedule, t, t - 1) == pytest.approx(float(beta[t]))
        expected = beta[t] * (1 - alpha_bar[t - 1]) / (1 - alpha_bar[t])
        assert samplers.posterior_variance(schedule, t, t - 1) == pytest.approx(float(expected))
    assert samplers.posterior_variance(schedule, 1, 0) == 0


@pytest.mark.parametrize("steps", [1000, 100])
@pytest.mark.parametrize("build", [schedules.cosine, schedules.linear, schedules.flow, faint])
def test_ddim_with_eta_1_is_ddpm(build, steps):
    schedule = build()
    denoiser, start = gaussian(schedule=schedule), noise(50)
    walks = [
        samplers.ddpm(
            denoiser, start, schedule, steps=steps, generator=torch.Generator().manual_seed(1)
        ),
        samplers.ddim(
            denoiser,
            start,
            schedule,
            steps=steps,
            eta=1.0,
            generator=torch.Generator().manual_seed(1),
        ),
    ]
    for a, b in zip(*walks, strict=True):
        torch.testing.assert_close(a.x_s, b.x_s, rtol=1e-6, atol=1e-6)


def test_ddim_follows_the_exact_flow_of_a_gaussian():
    """For one Gaussian the deterministic path keeps (x − mean) / std: known in closed form."""
    start = noise(20)
    end = samplers.last(samplers.ddim(gaussian(), start, SCHEDULE, steps=1000))
    first = SCHEDULE.alpha[-1] ** 2 * 0.4**2 + SCHEDULE.sigma[-1] ** 2
    exact = 0.5 + 0.4 * (start - SCHEDULE.alpha[-1] * 0.5) / first.sqrt()
    torch.testing.assert_close(end, exact, rtol=0.01, atol=0.01)


def test_ddim_is_of_first_order():
    """Twice the steps, half the error."""
    schedule = schedules.linear(1024)
    exact = samplers.last(
        samplers.ddim(gaussian(schedule=schedule), noise(20), schedule, steps=1024)
    )
    errors = []
    for steps in (16, 32, 64):
        end = samplers.last(
            samplers.ddim(gaussian(schedule=schedule), noise(20), schedule, steps=steps)
        )
        errors.append((end - exact).abs().mean().item())
    orders = [math.log2(a / b) for a, b in pairwise(errors)]
    assert all(0.7 < order < 1.4 for order in orders), orders


@pytest.mark.parametrize(
    "options", [{"eta": 0.0}, {"eta": 0.5}, {"eta": 1.0}], ids=lambda o: f"eta {o['eta']}"
)
def test_ddim_samples_have_the_right_moments(options):
    g = torch.Generator().manual_seed(2)
    end = samplers.last(
        samplers.ddim(gaussian(), noise(), SCHEDULE, steps=250, generator=g, **options)
    )
    assert end.mean().item() == pytest.approx(0.5, abs=0.03)
    assert end.std().item() == pytest.approx(0.4, abs=0.03)


@pytest.mark.parametrize("eta", [0.3, 1.0])
def test_eta_is_a_share_of_the_posterior_s_standard_deviation(eta):
    g = torch.Generator().manual_seed(2)
    step = next(
        samplers.ddim(gaussian(), torch.zeros(40_000, 1), SCHEDULE, steps=2, eta=eta, generator=g)
    )
    expected = eta * samplers.posterior_variance(SCHEDULE, 1000, 500) ** 0.5
    assert step.x_s.std().item() == pytest.approx(expected, rel=0.02)


@both
def test_labels_reach_the_denoiser(sampler):
    """Of two points, every sample ends at the one that carries its label."""
    points, y = torch.tensor([[-1.0], [1.0]]).double(), torch.tensor([0, 1, 1, 0])
    exact = oracle.finite(points, SCHEDULE, labels=torch.tensor([0, 1]))
    end = samplers.last(sampler(exact, noise(4), SCHEDULE, steps=20, y=y))
    torch.testing.assert_close(end, points[y])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_fresh_noise_is_drawn_in_the_samples_own_precision(dtype):
    assert samplers.randn_like(torch.zeros(3, dtype=dtype)).dtype == dtype


@pytest.mark.parametrize("variance", [samplers.posterior_variance, samplers.step_variance])
def test_ddpm_samples_have_the_right_moments(variance):
    g = torch.Generator().manual_seed(2)
    end = samplers.last(
        samplers.ddpm(gaussian(), noise(), SCHEDULE, variance=variance, generator=g)
    )
    assert end.mean().item() == pytest.approx(0.5, abs=0.03)
    assert end.std().item() == pytest.approx(0.4, abs=0.03)


class Wave(torch.nn.Module):
    """Any smooth function of x and t will do for comparing trajectories."""

    def forward(self, x, t, y=None):
        return torch.sin(2 * x + t.view(-1, 1, 1, 1) / 300) * 0.7 + 0.3 * x


@pytest.mark.parametrize("steps", [10, 50, 1000])
@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_ddim_walks_as_diffusers_does(steps, clip, eta):
    diffusers = pytest.importorskip("diffusers")
    theirs = diffusers.DDIMScheduler(
        num_train_timesteps=1000,
        beta_schedule="linear",
        beta_start=1e-4,
        beta_end=0.02,
        timestep_spacing="trailing",
        clip_sample=clip,
        set_alpha_to_one=True,
    )
    walk_with(
        theirs,
        steps,
        clip,
        lambda d, x, s, g: samplers.ddim(d, x, s, steps=steps, eta=eta, generator=g),
        # after clipping, diffusers recomputes eps only when asked to
        eta=eta,
        use_clipped_model_output=clip,
    )


@pytest.mark.parametrize("steps", [10, 1000])
@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize(
    "variance, name",
    [(samplers.posterior_variance, "fixed_small"), (samplers.step_variance, "fixed_large")],
)
def test_ddpm_walks_as_diffusers_does(steps, clip, variance, name):
    diffusers = pytest.importorskip("diffusers")
    theirs = diffusers.DDPMScheduler(
        num_train_timesteps=1000,
        beta_schedule="linear",
        beta_start=1e-4,
        beta_end=0.02,
        timestep_spacing="trailing",
        clip_sample=clip,
        variance_type=name,
    )
    walk_with(
        theirs,
        steps,
        clip,
        lambda d, x, s, g: samplers.ddpm(d, x, s, steps=steps, variance=variance, generator=g),
    )


def walk_with(theirs, steps, clip, ours, **options):
    """Compare every state of two trajectories that share a network and their random draws."""
    schedule, network = schedules.linear(), Wave()
    start = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    theirs.set_timesteps(steps)
    g_ours, g_theirs = (torch.Generator().manual_seed(5) for _ in range(2))
    denoiser, x = Denoiser(network, schedule, EPS, clip=clip), start
    for step, index in zip(ours(denoiser, start, schedule, g_ours), theirs.timesteps, strict=True):
        assert step.t == int(index) + 1  # their table starts at the first noisy entry
        output = network(x, torch.full((2,), step.t))
        x = theirs.step(output, index, x, generator=g_theirs, **options).prev_sample
        if (
            step.s == 0
            and int(index) > 0
            and getattr(theirs.config, "variance_type", "") == "fixed_large"
        ):
            break  # here diffusers adds noise to the result, and we do not
        torch.testing.assert_close(step.x_s, x, rtol=2e-3, atol=2e-3)


def test_records_form_a_chain():
    steps = list(samplers.ddim(gaussian(), noise(5), SCHEDULE, steps=7))
    assert steps[0].t == SCHEDULE.T and steps[-1].s == 0 and len(steps) == 7
    for before, after in pairwise(steps):
        assert before.s == after.t and before.x_s is after.x_t


def test_ddpm_takes_every_step_if_not_told_otherwise():
    schedule = schedules.cosine(40)
    assert len(list(samplers.ddpm(gaussian(schedule=schedule), noise(5), schedule))) == 40


def test_the_last_step_lands_on_the_estimate():
    g = torch.Generator().manual_seed(0)
    for walk in (
        samplers.ddim(gaussian(), noise(5), SCHEDULE, steps=5, eta=1.0, generator=g),
        samplers.ddpm(gaussian(), noise(5), SCHEDULE, steps=5, generator=g),
        samplers.ddpm(
            gaussian(), noise(5), SCHEDULE, steps=5, variance=samplers.step_variance, generator=g
        ),
    ):
        *_, step = walk
        torch.testing.assert_close(step.x_s, step.x0)


def test_one_seed_one_trajectory():
    def run(seed):
        g = torch.Generator().manual_seed(seed)
        return samplers.last(samplers.ddpm(gaussian(), noise(5), SCHEDULE, steps=20, generator=g))

    assert torch.equal(run(1), run(1)) and not torch.equal(run(1), run(2))


def test_permuting_the_batch_permutes_the_samples():
    order, start = torch.randperm(8), noise(8)
    there = samplers.last(samplers.ddim(gaussian(), start[order], SCHEDULE, steps=9))
    here = samplers.last(samplers.ddim(gaussian(), start, SCHEDULE, steps=9))
    torch.testing.assert_close(there, here[order])


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="steps must be"):
        samplers.ddim(gaussian(), noise(2), SCHEDULE, steps=1001)
    for eta in (-0.1, 1.5):
        with pytest.raises(ValueError, match="eta must be"):
            samplers.ddim(gaussian(), noise(2), SCHEDULE, eta=eta)
    used = samplers.ddim(gaussian(), noise(2), SCHEDULE, steps=2)
    samplers.last(used)
    with pytest.raises(ValueError, match="used up"):
        samplers.last(used)
    with pytest.raises(ValueError, match="steps must be"):
        samplers.ddpm(gaussian(), noise(2), SCHEDULE, steps=0)


@pytest.mark.parametrize(
    "times", [[1000, 500, 500, 0], [500, 1000, 0], [1001, 0], [1000, 500], [0], [1000, 0, -1], []]
)
def test_stops_that_do_not_fall_to_zero_are_refused(times):
    for sampler in (samplers.ddpm, samplers.ddim, solvers.euler, solvers.heun, solvers.dpm_solver):
        with pytest.raises(ValueError, match="must fall from at most T = 1000 to 0"):
            sampler(gaussian(), noise(2), SCHEDULE, steps=3, spacing=lambda schedule, n: times)


def test_no_step_waits_for_the_device(monkeypatch):
    """On a GPU, a tensor that is brought to the host makes the host wait: once for each step."""

    def wait(*_):
        raise AssertionError("a step waits")

    denoiser = Denoiser(lambda x_t, t, y: x_t, SCHEDULE, EPS, clip=True)
    x, t = noise(4), torch.tensor([1, 2, 3, 1000])
    for name in ("cpu", "item", "tolist", "numpy"):
        monkeypatch.setattr(torch.Tensor, name, wait)
    SCHEDULE.at(t, x), denoiser(x, t), denoiser(x, 1000)
