"""Reports on generated digits, and the real ones that stand beside them."""

import json

import pytest
import torch

from course_lib import data, networks, samplers, schedules
from course_lib.judging import evaluation, fidelity, judge, quota_labels
from course_lib.judging.reference import COUNTS, SIZES, load_reference, quotas, under_quotas
from course_lib.predictions import Denoiser, V


@pytest.fixture(params=judge.JUDGES)
def name(request):
    return request.param


@pytest.fixture
def digits():
    try:
        return data.mnist()
    except data.DataUnavailable as error:
        pytest.skip(str(error))


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


def test_the_reference_is_what_the_shipped_judge_sees(name, digits):
    """Needs the data: it keeps the shipped reference and the shipped judge together."""
    real = load_reference(name)
    assert real.features.shape == (10_000, 128)
    seen = judge.in_batches(judge.load_judge(name).features, digits.x_test)
    torch.testing.assert_close(real.features.mean(0), seen.mean(0), rtol=0, atol=2e-3)
    torch.testing.assert_close(real.features.T.cov(), seen.T.cov(), rtol=0, atol=5e-3)
    assert real.labels.bincount().tolist() == list(COUNTS) == digits.y_test.bincount().tolist()


def test_a_card_of_a_judge_tells_its_error_on_digits_it_never_saw(name, digits):
    card = judge.judge_card(name)
    right = judge.accuracy(judge.load_judge(name), digits.x_test, digits.y_test)
    assert card["accuracy"] == pytest.approx(right, abs=5e-4) and right > 0.99
    unseen = digits.x_train[judge.SEEN :], digits.y_train[judge.SEEN :]
    floor = load_reference(name).floor("accuracy", 10_000)
    assert floor == pytest.approx(judge.accuracy(judge.load_judge(name), *unseen), abs=2e-3)


def test_two_judges_do_not_look_alike():
    one, two = (judge.JUDGES[name]() for name in judge.JUDGES)
    kinds = [{type(layer).__name__ for layer in model.modules()} for model in (one, two)]
    assert "MaxPool2d" in kinds[0] - kinds[1] and "GroupNorm" in kinds[1] - kinds[0]
    commands = [judge.judge_card(name)["command"] for name in judge.JUDGES]
    assert len({command.split("--seed")[1] for command in commands}) == 2


def test_the_floor_falls_as_one_over_n_between_the_sizes_measured(name):
    real = load_reference(name)
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


def test_quotas_make_floors_steady(name, digits):
    """What the labels alone add, if left to chance: the reason for quotas."""
    real = load_reference(name)
    features = judge.in_batches(judge.load_judge(name).features, digits.x_train[judge.SEEN :])
    generator = torch.Generator().manual_seed(5)
    by_chance = torch.tensor(
        [
            fidelity.frechet(
                real.features, features[torch.randperm(20_000, generator=generator)[:1000]]
            )
            for _ in range(8)
        ]
    )
    assert by_chance.mean() > real.floor("frechet", 1000)
    assert by_chance.std() > 1.5 * real.spread("frechet", 1000)


def test_real_digits_score_the_floor(name, digits):
    x, y = digits.x_train[judge.SEEN :], digits.y_train[judge.SEEN :]
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(7))
    index = order[under_quotas(y[order], 1000)]
    said = evaluation.judge_samples(x[index], y[index], name)
    assert said.accuracy == pytest.approx(said.floor["accuracy"], abs=0.01)
    assert min(said.by_class) > 0.95 and said.entropy > 0.99
    spread = load_reference(name).spread("frechet", 1000)
    assert abs(said.distance.above) < 4 * spread
    assert said.rejected == pytest.approx(0.01, abs=0.012)
    for measure in ("precision", "recall", "diversity"):
        assert getattr(said, measure) == pytest.approx(said.floor[measure], rel=0.06)


def test_equally_many_of_each_real_digit_are_further_away_than_under_quotas(digits):
    order = torch.randperm(60_000, generator=torch.Generator().manual_seed(0))
    each = torch.cat([order[digits.y_train[order] == k][:1000] for k in range(10)])
    features = judge.in_batches(judge.load_judge().features, digits.x_train[each])
    real = load_reference()
    distance = fidelity.frechet(real.features, features)
    assert distance > real.floor("frechet", 10_000) + 3 * real.spread("frechet", 10_000)


def test_one_digit_only_is_noticed(name):
    x = -torch.ones(200, 1, 28, 28)
    x[..., 4:24, 13:16] = 1.0  # a straight 1
    y = quota_labels(200)
    said = evaluation.judge_samples(x, y, name)
    seen = judge.in_batches(judge.load_judge(name).features, x)
    expected = fidelity.kernel_distance(load_reference(name).features, seen)
    assert said.kernel == pytest.approx(expected)
    share = (y == 1).double().mean().item()
    assert said.accuracy == pytest.approx(share) and said.by_class[1] == 1.0
    assert said.entropy == 0.0 and said.diversity == pytest.approx(0.0, abs=0.05)
    assert said.recall == 0.0


def test_what_is_no_digit_is_rejected(name):
    noise = torch.rand(200, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert evaluation.judge_samples(noise, quota_labels(200), name).rejected > 0.95


def test_a_report_says_how_the_samples_were_made():
    report = evaluation.evaluate(
        untrained(), 110, guidance=1.5, steps=2, sampler=samplers.ddpm, seed=3
    )
    assert (report.n, report.steps, report.guidance, report.seed) == (110, 2, 1.5, 3)
    said = report.verdicts["second"]
    assert report.sampler == "ddpm" and said.floor["frechet"] < said.frechet
    again = json.loads(json.dumps(report.as_dict()))
    assert again["verdicts"]["second"]["accuracy"] == said.accuracy
    text = str(report)
    assert "110 digits by ddpm, 2 steps, guidance 1.5, seed 3" in text
    assert all(f"{said.frechet:.4f}" in text for said in report.verdicts.values())
    assert str(said.distance) in text


def test_labels_keep_the_quotas():
    for n in (100, 137, 1000, 10_000):
        y = quota_labels(n)
        assert len(y) == n and y.bincount(minlength=10).tolist() == quotas(n)
        assert all(abs(q - n * c / 10_000) < 1 for q, c in zip(quotas(n), COUNTS, strict=True))
        assert torch.equal(y, quota_labels(n))
    assert quota_labels(100)[:20].unique().numel() > 5  # mixed, not sorted
    index = under_quotas(torch.arange(3000) % 10, 1000)
    assert (torch.arange(3000) % 10)[index].bincount().tolist() == quotas(1000)
    with pytest.raises(ValueError, match="need 114 of 1, but there are 100"):
        under_quotas(torch.arange(1000) % 10, 1000)


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
