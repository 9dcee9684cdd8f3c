"""Distillation: students reach the exact map of a Gaussian, and losses are what they say."""

import pytest
import torch
from torch import nn

from course_lib import data, networks, oracle, samplers, schedules, training
from course_lib.guidance import Guided, guide
from course_lib.predictions import EPS, VELOCITY, X0, Denoiser, Estimate, V
from course_lib.training import recipes

SCHEDULE, STD = schedules.cosine(), 0.5


class Line(nn.Module):
    """A network that knows one number for each stop: it outputs that multiple of x_t."""

    def __init__(self, times):
        super().__init__()
        self.times = times
        self.slope = nn.Parameter(torch.zeros(len(times)))

    def forward(self, x_t, t, y=None):
        return self.slope[torch.searchsorted(self.times, t)][:, None] * x_t


def exact_map(t):
    """For data N(0, STD²), the equation leads x_t to this multiple of itself."""
    alpha, sigma = SCHEDULE.alpha[t], SCHEDULE.sigma[t]
    return STD / ((alpha * STD) ** 2 + sigma**2) ** 0.5


def student_of(teacher, stops, steps=1500, seed=0, huber=1.0):
    times = torch.tensor(SCHEDULE.timesteps(stops)[::-1])
    x0 = STD * torch.randn(20_000, 1, generator=torch.Generator().manual_seed(seed))
    run = training.Distiller(
        *(teacher, Line(times), SCHEDULE, V, x0),
        **{"steps": steps, "stops": stops, "batch_size": 256, "huber": huber, "seed": seed},
        ema_decay=0.95,
        optimizer=lambda model: torch.optim.Adam(model.parameters(), lr=0.02),
    )
    for _ in run.run():
        pass
    denoiser = run.denoiser()
    one = torch.ones(1, 1)
    return [float(denoiser(one, int(t)).x0) for t in times[1:]]


def test_a_student_learns_the_exact_map_of_a_gaussian():
    """As far as the teacher's own steps lead there: with 200 of them, closely."""
    exact = oracle.Mixture(torch.zeros(1, 1), STD, SCHEDULE)
    for stops, slack in ((8, 1e-2), (40, 1e-2)):
        found = student_of(exact, stops)
        x, walked = torch.ones(1, 1), []
        times = SCHEDULE.timesteps(stops)
        for first in range(stops):
            x = torch.ones(1, 1)
            for t, s in zip(times[first:-1], times[first + 1 :]):
                x = training.leap(exact(x, t), SCHEDULE, s)
            walked.insert(0, float(x))
        assert found == pytest.approx(walked, abs=slack)
    truth = [float(exact_map(t)) for t in times[::-1][1:]]
    assert found == pytest.approx(truth, rel=0.06)
    mean = [float(exact(torch.ones(1, 1), t).x0) for t in times[::-1][1:]]
    assert abs(found[-1] - mean[-1]) > 0.4  # an ordinary model would guess 0 from pure noise


def test_without_a_teacher_many_stops_lead_to_the_same_map():
    """Consistency training, with squares for the loss: its error is that of its steps' size."""
    coarse, fine = (student_of(None, stops, 3000, huber=10.0)[-1] for stops in (4, 32))
    truth = float(exact_map(SCHEDULE.T))
    assert abs(fine - truth) < 0.12
    assert abs(coarse - truth) > 2 * abs(fine - truth)


def test_clean_data_are_their_own_guess():
    torch.manual_seed(0)
    x = torch.randn(5, 2)
    for prediction in (V, VELOCITY, EPS):
        run = training.Distiller(
            None, networks.PointMLP(width=8), SCHEDULE, prediction, x, steps=1, clip=False
        )
        zero = torch.zeros(5, dtype=torch.long)
        assert torch.allclose(run._guess(run.model, x, zero, None, torch.ones(5)), x)
    with pytest.raises(ValueError, match="own guess"):
        training.Distiller(None, networks.PointMLP(width=8), SCHEDULE, X0, x, steps=1)


def test_no_gradient_flows_into_the_target():
    """The target is a constant: only the guess at the noisier end is trained."""
    torch.manual_seed(0)
    asked = []
    model = networks.PointMLP(width=8)
    run = training.Distiller(None, model, SCHEDULE, V, torch.randn(50, 2), steps=1, stops=2)
    run.ema.module.register_forward_hook(lambda *a: asked.append(a[2].requires_grad))
    loss = run._loss(run.x0[:8], None)
    assert asked == [False] and loss.requires_grad


def test_leap_is_a_step_of_ddim_for_each_sample():
    exact = oracle.Mixture(torch.tensor([[-1.0, 0.0], [1.0, 0.5]]), 0.3, SCHEDULE)
    x = torch.randn(4, 2)
    t, s = torch.tensor([900, 500, 200, 30]), torch.tensor([600, 499, 1, 0])
    moved = training.leap(exact(x, t), SCHEDULE, s)
    for i in range(4):
        estimate = exact(x[i : i + 1], int(t[i]))
        step = samplers.renoise(SCHEDULE, int(t[i]), int(s[i]), *estimate, 0.0, None)
        assert torch.allclose(moved[i], step[0], atol=1e-6)


def test_pseudo_huber_is_a_square_near_by_and_a_length_far_away():
    a = torch.zeros(2, 4)
    b = torch.tensor([[1e-4] * 4, [100.0] * 4])
    near, far = training.pseudo_huber(a, b, 0.01)
    assert near == pytest.approx(1e-8 / 0.02, rel=1e-2)
    assert far == pytest.approx(100 - 0.01, rel=1e-3)


def test_guidance_is_told_to_the_network_and_reaches_the_teacher():
    torch.manual_seed(0)
    g = torch.Generator().manual_seed(0)
    x, y = data.labelled(200, generator=g)
    teacher = Denoiser(networks.PointMLP(width=8, num_classes=4), SCHEDULE, V)
    seen = []

    class Told(networks.PointMLP):
        guided = True

        def forward(self, x_t, t, y=None, w=None):
            seen.append(w)
            return super().forward(x_t, t, y)

    run = training.Distiller(
        *(teacher, Told(width=8, num_classes=4), SCHEDULE, V, x, y),
        **{"steps": 2, "guidance": (1.0, 3.0), "batch_size": 64},
    )
    for _ in run.run():
        pass
    w = torch.cat(seen)
    assert w.min() >= 1 and w.max() <= 3 and w.std() > 0.4
    asked = run._guided(torch.full((64,), 2.5))(x[:64], 700, y[:64])
    expected = Guided(teacher, 2.5)(x[:64], 700, y[:64])
    assert torch.allclose(asked.x0, expected.x0, atol=1e-5)
    with pytest.raises(ValueError, match="teacher's"):
        training.Distiller(None, Told(width=8), SCHEDULE, V, x, steps=1, guidance=(1.0, 2.0))


def test_a_network_that_is_taught_guidance_starts_as_its_teacher():
    torch.manual_seed(0)
    plain = networks.UNet(8, width=8, num_classes=4)
    for weight in plain.parameters():  # a fresh network's output is 0, whatever it is told
        nn.init.normal_(weight, std=0.2)
    told = networks.UNet(8, width=8, num_classes=4, guided=True)
    told.load_state_dict(plain.state_dict(), strict=False)
    x, t, y = torch.randn(3, 1, 8, 8), torch.tensor([1, 500, 1000]), torch.tensor([0, 1, -1])
    assert torch.equal(told(x, t, y), plain(x, t, y))
    nn.init.normal_(told.condition.guidance.weight)
    one, two = (told(x, t, y, torch.full((3,), w)) for w in (1.0, 2.0))
    assert torch.equal(told(x, t, y), one) and not torch.allclose(one, two)
    denoiser = Denoiser(told, SCHEDULE, V)
    assert torch.equal(
        guide(denoiser, 2.0)(x, 300, y).x0,
        V.estimate(
            told(x, torch.full((3,), 300), y, torch.full((3,), 2.0)), x, *SCHEDULE.at(300, x)
        ).x0,
    )
    assert isinstance(guide(Denoiser(plain, SCHEDULE, V), 2.0), Guided)
    with pytest.raises(ValueError, match="not taught any guidance"):
        plain(x, t, y, torch.ones(3))


def test_consistency_sampling_hides_each_guess_under_fresh_noise():
    calls = []

    def denoiser(x, t, y=None):
        calls.append((t, x.std().item()))
        return Estimate(torch.zeros_like(x), x)

    x = torch.randn(4000, 1, generator=torch.Generator().manual_seed(0))
    fresh = torch.Generator().manual_seed(1)
    steps = list(samplers.consistency(denoiser, x, SCHEDULE, steps=3, generator=fresh))
    assert [(step.t, step.s) for step in steps] == [(1000, 667), (667, 333), (333, 0)]
    for t, std in calls[1:]:
        assert std == pytest.approx(float(SCHEDULE.sigma[t]), rel=0.05)
    assert abs(torch.corrcoef(torch.stack([x[:, 0], steps[1].x_t[:, 0]]))[0, 1]) < 0.05
    assert torch.equal(steps[-1].x_s, torch.zeros_like(x))


def test_the_recipe_of_a_student_starts_from_its_teacher_s_weights():
    run = recipes.MNIST_FAST.trainer(steps=3)
    weights, teacher = run.model.state_dict(), recipes.load("mnist").model.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in teacher.items())
    assert run.model.guided and run.guidance == (1.0, 3.0)
