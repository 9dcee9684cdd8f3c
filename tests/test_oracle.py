"""The oracle against numerical integration, Tweedie's formula and brute force."""

import pytest
import torch

from course_lib import NO_LABEL, oracle, schedules
from course_lib.predictions import EPS, Denoiser, V

SCHEDULE = schedules.cosine()
MEANS = torch.tensor([[-1.0], [0.5], [2.0]]).double()
WEIGHTS = torch.tensor([0.5, 0.3, 0.2]).double()
LABELS = torch.tensor([0, 1, 1])


def integrate(x_t, t, chosen):
    """E[x0 | x_t] of a one-dimensional mixture, by summing over a fine grid of x0."""
    alpha, sigma = SCHEDULE.alpha[t], SCHEDULE.sigma[t]
    x0 = torch.linspace(-6, 6, 40_001, dtype=torch.float64)
    prior = sum(w * torch.exp(-((x0 - m) ** 2) / (2 * 0.3**2)) for w, m in chosen)
    joint = prior * torch.exp(-((x_t - alpha * x0) ** 2) / (2 * sigma**2))
    return (x0 * joint).sum() / joint.sum()


@pytest.mark.parametrize("t", [20, 200, 500, 800, 990])
def test_mixture_agrees_with_numerical_integration(t):
    denoiser = oracle.Mixture(MEANS, 0.3, SCHEDULE, weights=WEIGHTS, labels=LABELS)
    parts = list(zip(WEIGHTS, MEANS[:, 0]))
    for x in (-1.5, 0.1, 1.2):
        x_t = torch.tensor([[x]]).double()
        assert denoiser(x_t, t).x0.item() == pytest.approx(float(integrate(x, t, parts)), abs=1e-6)
        y = torch.tensor([1])
        assert denoiser(x_t, t, y).x0.item() == pytest.approx(
            float(integrate(x, t, parts[1:])), abs=1e-6
        )


@pytest.mark.parametrize("t", [30, 400, 900])
def test_eps_is_the_score_turned_round(t):
    """Tweedie: E[eps | x_t] = −sigma ∇ log p(x_t)."""
    means = torch.randn(5, 2).double()
    denoiser = oracle.Mixture(means, 0.2, SCHEDULE)
    x_t = torch.randn(8, 2).double().requires_grad_()
    score = torch.autograd.grad(denoiser.log_density(x_t, t).sum(), x_t)[0]
    torch.testing.assert_close(denoiser(x_t, t).eps, -SCHEDULE.sigma[t] * score)


def test_finite_is_the_weighted_mean_of_the_points():
    points = torch.randn(50, 3).double()
    x_t, t = torch.randn(7, 3).double(), 300
    alpha, sigma = SCHEDULE.alpha[t], SCHEDULE.sigma[t]
    expected = []
    for x in x_t:
        weight = torch.exp(-((x - alpha * points) ** 2).sum(1) / (2 * sigma**2))
        expected.append((weight[:, None] * points).sum(0) / weight.sum())
    torch.testing.assert_close(oracle.finite(points, SCHEDULE)(x_t, t).x0, torch.stack(expected))


def test_many_times_at_once_equal_one_by_one():
    denoiser = oracle.finite(torch.randn(20, 1, 4, 4), SCHEDULE)
    x_t, t = torch.randn(3, 1, 4, 4), torch.tensor([10, 500, 999])
    together = denoiser(x_t, t)
    for i in range(3):
        alone = denoiser(x_t[i : i + 1], int(t[i]))
        torch.testing.assert_close(together.x0[i : i + 1], alone.x0, rtol=1e-4, atol=1e-4)


def test_nothing_beats_the_oracle():
    """Any other guess of x0 has a larger mean squared error."""
    g = torch.Generator().manual_seed(0)
    points = torch.randn(40, 2, generator=g)
    x0 = points[torch.randint(40, (20_000,), generator=g)]
    x_t = SCHEDULE.add_noise(x0, 350, torch.randn(x0.shape, generator=g))
    best = oracle.finite(points, SCHEDULE)(x_t, 350).x0
    error = (best - x0).square().mean()
    for other in (1.05 * best, best + 0.05, 0.9 * best + 0.1 * x_t):
        assert (other - x0).square().mean() > error


def test_no_label_means_every_component():
    denoiser = oracle.Mixture(MEANS, 0.3, SCHEDULE, labels=LABELS)
    x_t = torch.randn(4, 1).double()
    none = denoiser(x_t, 300, torch.full((4,), NO_LABEL))
    assert torch.equal(none.x0, denoiser(x_t, 300).x0)


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="labels must have shape"):
        oracle.Mixture(MEANS, 0.3, SCHEDULE, labels=torch.zeros(2))
    with pytest.raises(ValueError, match="std must not be negative"):
        oracle.Mixture(MEANS, -0.3, SCHEDULE)
    denoiser = oracle.Mixture(MEANS, 0.3, SCHEDULE)
    with pytest.raises(ValueError, match="no labels"):
        denoiser(torch.zeros(1, 1), 5, torch.tensor([0]))
    labelled = oracle.Mixture(MEANS, 0.3, SCHEDULE, labels=LABELS)
    with pytest.raises(ValueError, match="label that no component has"):
        labelled(torch.zeros(1, 1), 5, torch.tensor([7]))


@pytest.mark.parametrize("prediction", [EPS, V], ids=lambda p: p.name)
def test_a_network_that_outputs_the_oracle_s_answer_is_the_oracle(prediction):
    exact = oracle.finite(torch.randn(30, 2).double(), SCHEDULE)
    x_t = torch.randn(5, 2).double()

    def network(x, t, y):
        return prediction.target(*exact(x, t), *SCHEDULE.at(t, x))

    torch.testing.assert_close(
        Denoiser(network, SCHEDULE, prediction)(x_t, 400).x0, exact(x_t, 400).x0
    )


@pytest.mark.parametrize("t", [300, torch.tensor(300), torch.arange(1, 8) * 100])
@pytest.mark.parametrize("labelled", [True, False])
def test_many_samples_are_answered_in_parts(monkeypatch, t, labelled):
    g = torch.Generator().manual_seed(0)
    points, labels = torch.randn(10, 2, generator=g), torch.arange(10) % 2
    mixture = oracle.Mixture(points, 0.1, SCHEDULE, labels=labels)
    x, y = (
        torch.randn(7, 2, generator=g),
        torch.tensor([0, 1, -1, 0, 1, 0, 1]) if labelled else None,
    )
    whole, density = mixture(x, t, y), mixture.log_density(x, t, y)
    asked, logits = [], mixture.logits
    monkeypatch.setattr(mixture, "logits", lambda *q: asked.append(len(q[0])) or logits(*q))
    monkeypatch.setattr(oracle, "ENTRIES", 39)  # three rows of ten
    torch.testing.assert_close(mixture(x, t, y), whole)
    torch.testing.assert_close(mixture.log_density(x, t, y), density)
    assert asked == 2 * [3, 3, 1]
    assert len(mixture(x[:0], 300).x0) == 0
