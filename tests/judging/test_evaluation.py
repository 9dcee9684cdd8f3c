"""Reports on generated digits, and the real ones that stand beside them."""

import json

import pytest
import torch

from course_lib import data, networks, samplers, schedules
from course_lib.judging import evaluation, fidelity, judge
from course_lib.judging.reference import SIZES, load_reference
from course_lib.predictions import Denoiser, V


class Spy(torch.nn.Module):
    """A network that answers zero, and remembers the labels that it was asked for."""

    def __init__(self):
        super().__init__()
        self.labels = []

    def forward(self, x_t, t, y=None):
        self.labels.append(y)
        return torch.zeros_like(x_t)


def untrained(model=None):
    torch.manual_seed(0)
    model = model or networks.UNet(width=8, num_classes=10)
    return Denoiser(model, schedules.cosine(), V)


def test_the_reference_is_what_the_shipped_judge_sees():
    """Needs the data: it keeps the shipped reference and the shipped judge together."""
    try:
        digits = data.mnist()
    except data.DataUnavailable as error:
        pytest.skip(str(error))
    real = load_reference().features
    assert real.shape == (10_000, 128)
    seen = judge.in_batches(judge.load_judge().features, digits.x_test)
    torch.testing.assert_close(real.mean(0), seen.mean(0), rtol=0, atol=2e-3)
    torch.testing.assert_close(real.T.cov(), seen.T.cov(), rtol=0, atol=5e-3)


def test_the_floor_falls_as_one_over_n_between_the_sizes_measured():
    real = load_reference()
    measured = real.floors["frechet"].mean(0)
    for k, n in enumerate(SIZES):
        assert real.floor("frechet", n) == pytest.approx(measured[k].item())
    between = [real.floor("frechet", n) for n in (1000, 1250, 1500, 1750, 2000)]
    assert between == sorted(between, reverse=True)
    middle = 2 / (1 / 1000 + 1 / 2000)  # half-way in 1/n
    expected = (measured[3] + measured[4]).item() / 2
    assert real.floor("frechet", round(middle)) == pytest.approx(expected, rel=1e-2)
    for n in (99, 10_001):
        with pytest.raises(ValueError, match="from 100 to 10000"):
            real.floor("frechet", n)


def test_real_digits_score_the_floor():
    try:
        digits = data.mnist()
    except data.DataUnavailable as error:
        pytest.skip(str(error))
    index = torch.randperm(60_000, generator=torch.Generator().manual_seed(7))[:1000]
    verdict = evaluation.judge_samples(digits.x_train[index], digits.y_train[index])
    assert verdict["accuracy"] > 0.99 and min(verdict["by_class"]) > 0.95
    assert verdict["entropy"] > 0.99
    assert verdict["frechet"] == pytest.approx(verdict["floor"]["frechet"], rel=0.3)
    for name in ("precision", "recall", "diversity"):
        assert verdict[name] == pytest.approx(verdict["floor"][name], rel=0.06)


def test_equally_many_of_each_real_digit_are_further_away_than_chance():
    try:
        digits = data.mnist()
    except data.DataUnavailable as error:
        pytest.skip(str(error))
    order = torch.randperm(60_000, generator=torch.Generator().manual_seed(0))
    each = torch.cat([order[digits.y_train[order] == k][:1000] for k in range(10)])
    features = judge.in_batches(judge.load_judge().features, digits.x_train[each])
    real = load_reference()
    distance = fidelity.frechet(real.features, features)
    assert 0.11 < distance < 0.13
    assert 0.07 < real.floor("frechet", 10_000) < 0.1


def test_one_digit_only_is_noticed():
    x = -torch.ones(200, 1, 28, 28)
    x[..., 4:24, 13:16] = 1.0  # a straight 1
    verdict = evaluation.judge_samples(x, torch.arange(200) % 10)
    seen = judge.in_batches(judge.load_judge().features, x)
    expected = fidelity.kernel_distance(load_reference().features, seen)
    assert verdict["kernel"] == pytest.approx(expected)
    assert verdict["accuracy"] == pytest.approx(0.1) and verdict["by_class"][1] == 1.0
    assert verdict["entropy"] == 0.0 and verdict["diversity"] == pytest.approx(0.0, abs=0.05)
    assert verdict["recall"] == 0.0


def test_a_report_says_how_the_samples_were_made():
    report = evaluation.evaluate(
        untrained(), 110, guidance=1.5, steps=2, sampler=samplers.ddpm, seed=3
    )
    assert (report.n, report.steps, report.guidance, report.seed) == (110, 2, 1.5, 3)
    assert report.sampler == "ddpm" and report.floor["frechet"] < report.frechet
    again = json.loads(json.dumps(report.as_dict()))
    assert again["accuracy"] == report.accuracy
    text = str(report)
    assert "110 digits by ddpm, 2 steps, guidance 1.5, seed 3" in text
    assert f"{report.frechet:.4f}" in text


def test_labels_are_drawn_as_often_as_mnist_shows_them():
    y, counts = evaluation.draw_labels(100_000, 1), torch.tensor(evaluation.COUNTS)
    share = torch.bincount(y, minlength=10) / len(y)
    torch.testing.assert_close(share, counts / counts.sum(), atol=0.004, rtol=0)
    assert torch.equal(y[:100], evaluation.draw_labels(100_000, 1)[:100])
    assert not torch.equal(y[:100], evaluation.draw_labels(100, 2))
    try:
        assert torch.bincount(data.mnist().y_train).tolist() == counts.tolist()
    except data.DataUnavailable:
        assert counts.sum() == 60_000


def test_numbers_that_cannot_be_judged_are_refused_before_sampling():
    spy = Spy()
    with pytest.raises(ValueError, match="from 100 to 10000, not 10"):
        evaluation.evaluate(untrained(spy), 10)
    assert not spy.labels


def test_samples_depend_on_the_seed_and_follow_the_labels():
    def draw(seed, sampler=samplers.ddim):
        spy = Spy()
        y = torch.tensor([3, 1, 4] * 100)
        options = {"guidance": 2.0, "steps": 3, "sampler": sampler, "seed": seed}
        parts = list(evaluation.generate(untrained(spy), y, (300, 1, 28, 28), **options))
        asked = [label for label in spy.labels if label is not None]
        assert torch.equal(torch.cat([asked[0], asked[3]]), y)
        assert any(label is None for label in spy.labels)  # guidance asks without the label, too
        return torch.cat(parts)

    assert draw(0).shape == (300, 1, 28, 28) and draw(0).abs().max() <= 1
    for sampler in (samplers.ddim, samplers.ddpm):  # with noise on the way, and without
        assert torch.equal(draw(0, sampler), draw(0, sampler))
        assert not torch.equal(draw(0, sampler), draw(1, sampler))
