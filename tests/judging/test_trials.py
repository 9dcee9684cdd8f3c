"""Trials: the same models and noise for every way, and both judges' word on each."""

import pytest
import torch

from course_lib import judging


@pytest.fixture(scope="module")
def trials():
    """One way whose samples are noise, and another that is a little darker, 2 models × 2 seeds."""
    found = judging.Trials(100)
    noise = judging.seeded_noise([0, 1], 100).reshape(1, 2, 100, 1, 28, 28).clamp(-1, 1)
    noise = torch.cat([noise, 0.9 * noise])
    found.add("noise", noise)
    found.add("darker", (noise - 0.5).clamp(-1, 1))
    found.add("flat", noise[0])
    return found


def test_noise_is_that_of_its_seed_whatever_else_is_asked():
    three = judging.seeded_noise([0, 1, 2], 5)
    assert torch.equal(three[5:10], judging.seeded_noise([1], 5))
    assert not torch.equal(three[:5], three[5:10])


@pytest.mark.parametrize("name", judging.JUDGES)
def test_a_score_is_that_of_judge_samples(trials, name):
    x = 0.9 * judging.seeded_noise([1], 100).clamp(-1, 1)
    verdict = judging.judge_samples(x, judging.quota_labels(100), name)
    for measure in trials.MEASURES:
        score = trials.scores["noise"][name][measure][1, 1].item()
        assert score == pytest.approx(getattr(verdict, measure), rel=1e-4)
    mean = trials.mean("noise", name, "frechet").mean
    raw = trials.scores["noise"][name]["frechet"].mean().item()
    assert mean == pytest.approx(raw - verdict.floor["frechet"], rel=1e-4)


def test_misread_digits_are_counted_for_each_model():
    made = judging.Trials(100)
    made.scores["made"] = {"first": {"accuracy": torch.tensor([[0.9, 0.8], [1.0, 0.97]])}}
    assert made.misread("made", "first") == [30, 3]
    made.scores["one model"] = {"first": {"accuracy": torch.tensor([0.9, 0.8, 1.0])}}
    assert made.misread("one model", "first") == [10, 20, 0]


def test_versus_compares_in_pairs_and_asks_both_judges(trials, capsys):
    found = {
        j: judging.compare(*(trials.scores[w][j]["frechet"] for w in ("noise", "darker")))
        for j in judging.JUDGES
    }
    assert trials.versus("noise", "darker") == judging.agreed(found)
    printed = capsys.readouterr().out
    assert f"noise minus darker, frechet: first {found['first'].mean:+.2f} ± " in printed
    assert f"second {found['second'].mean:+.2f} ± {found['second'].error:.2f}: " in printed
    assert trials.versus("noise", "noise") == "inconclusive"


def test_the_table_and_the_curves_say_the_same(trials):
    lines = trials.table(["noise", "flat"]).split("\n")
    assert len(lines) == 2 * 4 + 1 and lines[0].startswith("first judge") and lines[4] == ""
    value, error = trials.curves(["noise"])["second"]["frechet"][0]
    assert f"{value:.3f} ± {error:.3f}" in lines[6]
    assert trials.floors()["first"]["frechet"][0] == 0 and " 0.000 ± " in lines[3]
