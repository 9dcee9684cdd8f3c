"""The visible checks of assignment a3_sampling_and_guidance: what is wrong, never the answer.

Every check calls your functions on small inputs whose outcome follows from what they are meant
to do, and prints "✓ …" or raises an AssertionError with a hint.
"""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from course_lib import say, schedules
from course_lib.checks.hints import plainly, require, shaped

LINE = torch.linspace(1, 0, 11, device="cpu", dtype=torch.float32)
"""A table ᾱ that anybody can follow: 1, 0.9, …, 0."""


@plainly
def times(timesteps: Callable) -> None:
    """Check the times of samplers with few and with many steps."""
    for T, steps in ((50, 20), (100, 7), (8, 8), (30, 1)):
        found = shaped(timesteps(T, steps), (steps + 1,), f"timesteps({T}, {steps})")
        require((found == found.round()).all(), "Times should be whole numbers.")
        require(found[0] == T, "The first time should be T, to which pure noise belongs.")
        require(found[-1] == 0, "The last time should be 0, where the data are.")
        gaps = -found.diff()
        require(gaps.min() > 0, "The times should fall at every step.")
        require(
            gaps.max() - gaps.min() <= 1,
            f"timesteps({T}, {steps}) has gaps between {gaps.min():.0f} and {gaps.max():.0f}: "
            "evenly spaced times never differ by more than 1 in their gaps.",
        )
        off = (found - torch.linspace(T, 0, steps + 1, dtype=torch.float64)).abs().max()
        require(off < 0.51, f"A time is {off:.2f} away from its place: take the nearest number.")
    say("✓ The times fall evenly from T to 0.")


@plainly
def step(ddim_step: Callable) -> None:
    """Check a step with noise that is known, and the spread that it leaves."""
    alpha_bar = schedules.linear(50).alpha_bar.float()
    g = torch.Generator().manual_seed(0)
    point = torch.tensor([1.5, -0.5])
    eps, z = torch.randn(4000, 2, generator=g), torch.randn(4000, 2, generator=g)
    for t, s in ((40, 20), (30, 29), (5, 0)):
        x_t = alpha_bar[t].sqrt() * point + (1 - alpha_bar[t]).sqrt() * eps
        on_way = alpha_bar[s].sqrt() * point + (1 - alpha_bar[s]).sqrt() * eps
        fresh = {}  # how much of z is in the result
        for eta in (0.0, 0.5, 1.0):
            x_s = shaped(ddim_step(x_t, eps, t, s, eta, z, alpha_bar), (4000, 2), "x_s")
            off = (x_s.mean(0) - alpha_bar[s].sqrt() * point).abs().max()
            require(off < 0.08, "The points' mean is not where the forward process has it at s.")
            if s == 0:
                require(x_s.std(0).max() < 1e-3, "On the way to s = 0 no noise may be left.")
                continue
            spread = x_s.std(0).mean() / (1 - alpha_bar[s]).sqrt()
            require(
                0.95 < spread < 1.05,
                f"With eta = {eta}, the points spread {spread:.0%} as far as they should at s: "
                "fresh noise should take the place of estimated noise, and not come on top.",
            )
            fresh[eta] = (x_s * z).mean()
            if eta == 0:
                same = torch.allclose(x_s.float(), on_way, atol=1e-4)
                require(same, "With eta = 0 and the true noise, the step should miss nothing.")
            else:
                other = (x_s.float() - on_way).abs().max() > 1e-3
                require(other, f"With eta = {eta}, some of the noise should be fresh.")
        if s:
            share = fresh[0.5] / fresh[1.0]
            require(
                0.45 < share < 0.55,
                f"With eta = 0.5, z enters {share:.2f} times as strongly as with eta = 1.",
            )
    say("✓ Whatever eta is, the points arrive where the forward process has them.")


@plainly
def clip(clip_x0: Callable) -> None:
    """Check that the two guesses still add up to x_t."""
    x_t, eps = 2 * torch.randn(64, 2), torch.randn(64, 2)
    x0, again = (shaped(v, (64, 2), "Each guess") for v in clip_x0(x_t, eps, 5, LINE))
    require(x0.abs().max() <= 1, "x0 should stay between −1 and 1.")
    require(x0.min() < 0, "x0 should be allowed to be negative.")
    far = x0.abs() == 1
    require(far.any() and not far.all(), "What lies inside of [−1, 1] should stay, and only that.")
    mixed = (LINE[5].sqrt() * x0 + (1 - LINE[5]).sqrt() * again).float()
    require(torch.allclose(mixed, x_t, atol=1e-4), "x0 and eps should still mix to x_t.")
    mild = torch.as_tensor(clip_x0(0.04 * x_t, 0.04 * eps, 5, LINE)[1]).float()
    require(torch.allclose(mild, 0.04 * eps, atol=1e-4), "What needs no clipping changes.")
    say("✓ x0 stays within bounds, and eps fits to it.")


@plainly
def sampler(ddim: Callable) -> None:
    """Check which times, points and noise a sampler passes on."""
    order, asked, moved = [9, 6, 5, 1, 0], [], []
    x, noise = torch.randn(3, 2), torch.randn(5, 3, 2)
    start = x.clone()

    def model(x: Tensor, t: Tensor) -> Tensor:
        each = torch.as_tensor(t).shape == (3,)
        require(each, "The network should be told a time for each of the samples, shape (B,).")
        asked.append((torch.as_tensor(t).tolist(), x.clone()))
        return x + 1

    def move(x: Tensor, eps: Tensor, t: int, s: int, z: Tensor) -> Tensor:
        require(torch.equal(eps, asked[-1][1] + 1), "move should get the network's answer.")
        moved.append((int(t), int(s), z, 0.5 * x))
        return 0.5 * x

    end = shaped(ddim(model, move, x, order, noise), (3, 2), "The sample")
    pairs = [(t, s) for t, s, _, _ in moved]
    require(len(pairs) == 4, f"Five times make four moves, not {len(pairs)}.")
    require(pairs == list(pairwise(order)), "Every move should go to the next of the times.")
    require(
        [t for t, _ in asked] == [[t] * 3 for t in order[:-1]], "The network is told a wrong t."
    )
    require(torch.equal(asked[0][1], start), "The network should first see the starting noise.")
    for (_, seen), (_, _, _, before) in zip(asked[1:], moved):
        require(torch.equal(seen, before), "The network should always see the newest x.")
    right = all(torch.equal(z, noise[i]) for i, (_, _, z, _) in enumerate(moved))
    require(right, "Move number i (from 0) should get noise[i].")
    require(
        torch.equal(end.float(), moved[-1][3]), "The result should be what the last move gave."
    )
    moved.clear()
    ddim(model, move, start, order, noise[:4])
    require(len(moved) == 4, "The times say how many moves there are, not the draws of noise.")
    say("✓ The sampler moves along the times that it was given.")


@plainly
def drop(drop_labels: Callable) -> None:
    """Check which labels are dropped, and how many."""
    y = torch.arange(4000) % 4
    first, second, third = (
        shaped(drop_labels(y, 0.25, torch.Generator().manual_seed(seed)), (4000,), "The labels")
        for seed in (1, 1, 2)
    )
    raw = drop_labels(y, 0.25, torch.Generator().manual_seed(1))
    whole = not torch.as_tensor(raw).is_floating_point()
    require(whole, "Labels should stay whole numbers: the network looks them up.")
    gone = first == -1
    require((first[~gone] == y[~gone]).all(), "A label that is not dropped should stay.")
    require(gone.any() and not gone.all(), "Decide for each sample, and not for the whole batch.")
    require(
        (gone.double().mean() - 0.25).abs() < 0.05, f"{gone.double().mean():.0%} were dropped."
    )
    halves = (gone[:2000].double().mean() - gone[2000:].double().mean()).abs()
    require(halves < 0.1, "The labels that are dropped lie side by side.")
    require(torch.equal(first, second), "The same generator should drop the same labels.")
    require(not torch.equal(first, third), "Another generator should drop other labels.")
    generator = torch.Generator().manual_seed(1)
    batches = [torch.as_tensor(drop_labels(y, 0.25, generator)) for _ in range(6)]
    again = torch.equal(batches[0], batches[1])
    require(not again, "A second draw from one generator should drop other labels.")
    counts = {int((batch == -1).sum()) for batch in batches}
    require(len(counts) > 1, "Every batch loses equally many: each label has a chance of its own.")
    require((y >= 0).all(), "The labels that were passed in should not be changed in place.")
    say("✓ Each label is dropped by a chance of its own.")


@plainly
def guidance(guided_eps: Callable) -> None:
    """Check guidance with a network that answers 0 without a label, and the label with one."""
    x, t, y = torch.randn(4, 2), torch.full((4,), 3), torch.tensor([2, 0, 1, 3])

    def model(x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return torch.zeros_like(x_t) if y is None else (y[:, None] + 1.0).expand_as(x_t)

    label = model(x, t, y).double()
    for w in (0.0, 1.0, 3.0):
        answer = shaped(guided_eps(model, x, t, y, w), (4, 2), "eps")
        require(
            torch.allclose(answer, w * label),
            f"Guidance {w:g} should lie {w:g} times as far from the answer without a label as "
            "the answer with one does.",
        )
    say("✓ 0 ignores the label, and 1 is plain conditional sampling.")


@plainly
def enough(enough_steps: Callable) -> None:
    """Check the rule on a table in no order."""
    steps, distance = torch.tensor([20, 5, 50, 10]), torch.tensor([1.1, 3.0, 1.2, 1.4])
    found = enough_steps(steps, distance, 1.0)
    require(int(found) in steps.tolist(), "The answer should be one of the numbers of steps.")
    require(int(found) not in (20, 50), "A smaller number of steps is good enough too.")
    require(int(found) != 5, "That one is farther than one and a half floors.")
    require(int(enough_steps(steps, distance, 0.75)) == 20, "Does the floor enter as a factor?")
    tie = enough_steps(torch.tensor([4, 8]), torch.tensor([0.75, 0.5]), 0.5)
    require(int(tie) == 4, '"At most" holds for a distance of just 1.5 floors, too.')
    say("✓ The smallest number of steps that is good enough.")


@plainly
def elbow(find_elbow: Callable) -> None:
    """Check the rule on a curve with a flat top."""
    w = torch.tensor([0.5, 1.0, 2.5, 4.0])
    found = float(find_elbow(w, torch.tensor([0.3, 0.8, 0.93, 0.99])))
    require(found in w.tolist(), "The answer should be one of the guidances.")
    require(found != 4, "A smaller guidance is as good to within 0.1.")
    require(found == 2.5, "That guidance is not within 0.1 of the best.")
    weak = float(find_elbow(w, torch.tensor([0.3, 0.45, 0.58, 0.65])))
    require(weak == 2.5, "Within 0.1 of the *best*, also where the best is no more than 0.65.")
    say("✓ The smallest guidance that is nearly the best.")
