"""Distances above their floor, and when one is smaller than another."""

import pytest
import torch

from course_lib.judging import (
    Difference,
    above_floor,
    agreed,
    compare,
    fidelity,
    load_reference,
    quota_labels,
    under_quotas,
)


def held_out(reference, count, n):
    """Take count disjoint sets of n real digits under quotas, in random order."""
    left = torch.arange(len(reference.labels))
    for _ in range(count):
        index = left[under_quotas(reference.labels[left], n)]
        yield index
        left = left[~torch.isin(left, index)]


def test_the_bar_is_how_much_the_score_varies():
    """Compare with what is seen from one set of digits to the next."""
    reference = load_reference()
    y, distances = reference.labels, []
    for index in held_out(reference, 9, 1000):
        distances.append(above_floor(reference.features[index] + 0.1, y[index], reference))
    scores = torch.tensor([d.score for d in distances])
    bars = torch.tensor([d.bar for d in distances])
    assert 0.5 < bars.mean() / scores.std() < 2
    assert all(d.above == d.score - d.floor and d.n == 1000 for d in distances)
    assert distances[0].floor == reference.floor("frechet", 1000)


def test_one_fault_stands_as_far_above_the_floor_at_every_n():
    """The reason for a difference: the quotient grows with n."""
    reference, offset = load_reference(), 0.1
    above, times = {}, {}
    for n in (200, 1000, 5000):
        index = next(held_out(reference, 1, n))
        said = above_floor(reference.features[index] + offset, reference.labels[index], reference)
        above[n], times[n] = said.above, said.score / said.floor
    assert above[200] == pytest.approx(above[5000], rel=0.35)
    assert times[5000] > 3 * times[200]


def test_a_floor_is_refused_to_labels_off_the_quotas():
    reference = load_reference()
    with pytest.raises(ValueError, match=r"quota_labels\(200\)"):
        above_floor(torch.zeros(200, 128), torch.arange(200) % 10, reference)
    with pytest.raises(ValueError, match="from 100 to 10000"):
        above_floor(torch.zeros(50, 128), quota_labels(50), reference)


def test_the_score_does_not_depend_on_the_order():
    reference = load_reference("second")
    index = next(held_out(reference, 1, 500))
    features, y = reference.features[index], reference.labels[index]
    plain = above_floor(features, y, reference)
    order = torch.randperm(500, generator=torch.Generator().manual_seed(0))
    mixed = above_floor(features[order], y[order], reference)
    assert mixed.score == pytest.approx(plain.score)
    assert mixed.bar == pytest.approx(plain.bar, rel=0.7)  # other groups, the same size
    assert fidelity.frechet(reference.features, features) == pytest.approx(plain.score)


def false_alarms(rows, columns, spread, trials=1000):
    """How often a comparison of two equal designs calls one better."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    alarms = 0
    for _ in range(trials):
        a, b = (
            spread[0] * normal(rows, 1) + spread[1] * normal(1, columns) + normal(rows, columns)
            for _ in range(2)
        )
        a, b = (a[0], b[0]) if rows == 1 else (a, b)
        alarms += compare(a, b).verdict != "inconclusive"
    return alarms / trials


def test_chance_alone_is_called_a_difference_one_time_in_twenty():
    assert 0.03 < false_alarms(1, 5, (0, 0)) < 0.07


@pytest.mark.parametrize("spread", [(0, 0), (2, 0), (0, 2), (2, 2)])
def test_and_seldom_more_often_if_seeds_are_crossed(spread):
    assert false_alarms(3, 4, spread) < 0.08


def test_sampling_seeds_alone_would_call_training_luck_a_difference():
    generator = torch.Generator().manual_seed(0)
    luck = torch.tensor([[0.5], [-0.3], [0.4]])
    a = luck + 0.01 * torch.randn(3, 8, generator=generator)
    b = 0.01 * torch.randn(3, 8, generator=generator)
    assert compare(a.flatten(), b.flatten()).verdict == "higher"
    assert compare(a, b).verdict == "inconclusive"


def test_pairs_take_out_what_both_share():
    generator = torch.Generator().manual_seed(0)
    noise = 5 * torch.randn(6, generator=generator)
    a = noise + 1 + 0.1 * torch.randn(6, generator=generator)
    said = compare(a, noise)
    assert said.verdict == "higher" and said.mean == pytest.approx(1, abs=0.2)
    assert said.limit == pytest.approx(2.571, abs=1e-3)  # Student, five degrees of freedom
    assert compare(noise, a).verdict == "lower" and "lower" in str(compare(noise, a))


@pytest.mark.parametrize("shape", [(1,), (1, 3), (3, 1), (2, 2, 2)])
def test_too_few_seeds_are_refused(shape):
    with pytest.raises(ValueError, match="at least two seeds of each kind"):
        compare(torch.zeros(shape), torch.zeros(shape))
    with pytest.raises(ValueError, match="at least two seeds"):
        compare(torch.zeros(3), torch.zeros(4))


def test_judges_must_agree():
    lower, higher, unsure = Difference(-1, 0.1, 2), Difference(1, 0.1, 2), Difference(1, 1, 2)
    assert agreed({"first": lower, "second": lower}) == "lower"
    assert agreed({"first": lower, "second": unsure}) == "inconclusive"
    assert agreed({"first": lower, "second": higher}) == "the judges disagree"
