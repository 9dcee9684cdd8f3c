"""Checks for learners: silent when right, and pointing at the mistake when wrong."""

import pytest
import torch

from course_lib import checks, data, networks, schedules

RIGHT = schedules.cosine(100).alpha_bar


@pytest.mark.parametrize(
    "wrong, hint",
    [
        (-RIGHT, "negative"),
        (RIGHT**2, "square root is missing"),
        (RIGHT.sqrt(), "one root too many"),
        (1 - RIGHT, "signal and noise are swapped"),
        (torch.cat([torch.tensor([1.5]), RIGHT[:-1]]), "late by one"),
        (torch.cat([RIGHT[1:], torch.tensor([-0.1])]), "early by one"),
        (RIGHT + 0.01, "largest difference is 0.01"),
        (RIGHT[None], "reshape or an unsqueeze"),
        (RIGHT[:-1], r"should have shape \(101,\)"),
    ],
)
def test_same_guesses_the_mistake(wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        checks.same(wrong, RIGHT, "your table")


def test_same_knows_the_slips_it_is_told_of():
    slips = {"The last entry is missing.": RIGHT[:-1], "It is doubled.": 2 * RIGHT}
    with pytest.raises(AssertionError, match="It is doubled"):
        checks.same(2 * RIGHT, RIGHT, "your table", slips)
    checks.same(RIGHT, RIGHT, "your table", slips)


@pytest.mark.parametrize("wrong, hint", [(None, "is a return missing"), ([1.0], "not a list")])
def test_what_is_no_tensor_is_named(wrong, hint):
    for check in (lambda: checks.same(wrong, RIGHT), lambda: checks.shape(wrong, (2,))):
        with pytest.raises(AssertionError, match=hint):
            check()


def test_same_accepts_rounding(capsys):
    checks.same(RIGHT.float(), RIGHT, "your table")
    assert capsys.readouterr().out == "✓ your table agrees with course_lib.\n"


def test_shape_sees_the_order_and_the_values():
    checks.shape(torch.zeros(2, 3), (2, 3))
    with pytest.raises(AssertionError, match="another order"):
        checks.shape(torch.zeros(3, 2), (2, 3))
    with pytest.raises(AssertionError, match="not finite"):
        checks.shape(torch.full((2,), torch.nan), (2,))


def test_claims_are_checked(capsys):
    checks.claim("water is wet", torch.tensor(True))
    assert capsys.readouterr().out == "✓ water is wet\n"
    with pytest.raises(AssertionError, match="not what happened here: fire is cold"):
        checks.claim("fire is cold", False)


def test_same_distribution_tells_draws_from_changes():
    g = torch.Generator().manual_seed(0)
    a, b = data.spiral(800, generator=g), data.spiral(800, generator=g)
    checks.same_distribution(a, b)
    for changed in (b + 0.15, 1.2 * b, data.moons(800, generator=g)):
        with pytest.raises(AssertionError, match="The two clouds differ"):
            checks.same_distribution(a, changed)


@pytest.mark.parametrize("share", [None, 0.0])
def test_a_dead_time_embedding_is_found(share):
    class Deaf(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.time, self.body = torch.nn.Linear(1, 2), torch.nn.Linear(2, 2)

        def forward(self, x, t):
            heard = self.time(t[:, None].float())
            return self.body(x) if share is None else self.body(x) + share * heard

    x, t = torch.randn(3, 2), torch.tensor([1, 2, 3])
    with pytest.raises(AssertionError, match=r"time\.weight, time\.bias"):
        checks.learns(Deaf(), x, t)
    checks.learns(networks.PointMLP(), x, t)


def test_layers_that_start_at_zero_are_not_dead():
    model = networks.UNet(8, width=8, num_classes=4)
    before = {name: p.clone() for name, p in model.named_parameters()}
    checks.learns(model, torch.randn(2, 1, 8, 8), torch.tensor([1, 2]), torch.tensor([0, 3]))
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())
