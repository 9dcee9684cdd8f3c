"""The visible checks of assignment a6_flow_and_few_steps: what is wrong, never the answer.

Every check calls your functions on small inputs whose outcome follows from what they are meant
to do, and prints "✓ …" or raises an AssertionError with a hint. `slopes` and `paired` are how the
grader asks about gradients, and the checks ask in the same way. It stays one file, in the order of
the exercises.
"""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from course_lib import say
from course_lib.checks.hints import plainly, require, shaped


class Field(nn.Module):
    """A velocity that anybody can follow: x @ mix + u push; it notes what it was asked."""

    def __init__(self, mix: Tensor, push: Tensor) -> None:
        super().__init__()
        self.mix, self.push = nn.Parameter(mix.clone()), nn.Parameter(push.clone())
        self.asked: list[tuple[Tensor, Tensor]] = []

    def forward(self, x: Tensor, u: Tensor) -> Tensor:
        """Return (B, D) from x (B, D) and times u (B,).

        Raises  AssertionError if u has another shape
        """
        each = torch.as_tensor(u).shape == (len(x),)
        require(each, "The network should be told a time for each of the samples, shape (B,).")
        self.asked.append((x.detach().clone(), torch.as_tensor(u).detach().clone()))
        return x @ self.mix.to(x) + u[:, None].to(x) * self.push.to(x)


def slopes(
    loss: Callable,
    fields: list[tuple[Tensor, Tensor]],
    x0: Tensor,
    eps: Tensor,
    u: Tensor,
    s: Tensor,
) -> list[Tensor]:
    """Return a consistency loss, and its gradients for the student's, target's, teacher's mix.

    fields   pairs of mix (D, D) and push (D,); if there are two, the student is its own target
    Returns  [(), (D, D), (D, D), (D, D)]; zeros where no gradient flows
    """
    networks = [Field(*field) for field in fields]
    student, target, teacher = networks if len(networks) == 3 else [networks[0], *networks]
    value = loss(student, target, teacher, x0, eps, u, s)
    mixes = [network.mix for network in (student, target, teacher)]
    found = [None] * 3
    if getattr(value, "requires_grad", False):
        found = torch.autograd.grad(value, mixes, allow_unused=True)
    return [value, *(torch.zeros_like(m) if g is None else g for m, g in zip(mixes, found))]


def paired(reflow_pairs: Callable, noise: Tensor, size: int, mix: Tensor) -> list:
    """Return noise and ends (N, D), whether a gradient flows, and the most rows asked at once.

    The solver works in place, as some do, and its network can be learned from.
    """
    field, rows = nn.Parameter(mix.clone()), [0]

    def solve(x: Tensor) -> Tensor:
        rows.append(len(x))
        end = x @ field
        with torch.no_grad():
            x.zero_()
        return end

    start, ends = reflow_pairs(solve, noise, size)
    return [start, ends, float(torch.as_tensor(ends).requires_grad), max(rows)]


@plainly
def lines(velocity: Callable, endpoints: Callable) -> None:
    """Check where a point gets that walks with your velocity, and the way back to both ends."""
    for shape in ((5, 2), (1, 5), (3, 1, 8, 8)):
        x0, eps = torch.randn(shape), torch.randn(shape)
        before = x0.clone(), eps.clone()
        v = shaped(velocity(x0, eps), shape, "The velocity")
        end = x0.double() + v
        require(not torch.allclose(x0.double() - v, eps.double()), "The line runs backwards.")
        require(torch.allclose(end, eps.double(), atol=1e-5), "x0 + v should arrive at the noise.")
        t = torch.linspace(0, 40, len(x0)).round().long()
        share = (t / 40).reshape(-1, *[1] * (len(shape) - 1))
        x_t = x0 + share * (eps - x0)
        way = eps - x0
        kept = x_t.clone(), way.clone()
        found = endpoints(x_t, way, t, 40)
        names, ends = ("x0", "eps"), before
        for name, got, end in zip(names, found, ends):
            got = shaped(got, shape, name)
            right = torch.allclose(got, end.double(), atol=1e-4)
            require(right, f"{name} is not the end of the line that the point lies on.")
        same = torch.equal(x_t, kept[0]) and torch.equal(way, kept[1]) and torch.equal(x0, ends[0])
        require(same, "What was passed in should not be changed in place.")
    say("✓ A line, and both of its ends.")


@plainly
def conversion(as_flow: Callable) -> None:
    """Check the conversion with a model that knows the answer, also where no signal is left."""
    angle = torch.linspace(0, torch.pi / 2, 9)
    alpha, sigma = angle.cos(), angle.sin()
    alpha[-1] = 0.0
    for shape in ((9, 2), (1, 5), (9, 1, 8, 8)):
        x0, eps = torch.randn(shape), torch.randn(shape)
        t = torch.arange(9)[-len(x0) :]
        a, b = (table[t].reshape(-1, *[1] * (len(shape) - 1)) for table in (alpha, sigma))

        def model(x: Tensor, told: Tensor, a=a, b=b, x0=x0, eps=eps, t=t) -> Tensor:
            at = torch.as_tensor(told)
            require(at.shape == t.shape and (at == t).all(), "The model should be told t, (B,).")
            scaled = torch.allclose(x, a * x0 + b * eps, atol=1e-4)
            require(scaled, "The model should see x_t, at the size that it was trained with.")
            return a * eps - b * x0

        r = b / (a + b)
        z = (1 - r) * x0 + r * eps
        before = z.clone()
        time, v = as_flow(model, z, t, alpha, sigma)
        time, v = shaped(time, (len(x0),), "r"), shaped(v, shape, "The velocity")
        point = z.double() + (1 - time.reshape(r.shape)) * v
        require(torch.equal(z, before), "z should not be changed in place.")
        hint = "Going on along the line for the rest of the time, 1 − r, should lead to the noise."
        require(torch.allclose(point, eps.double(), atol=1e-4), hint)
        back = z.double() - time.reshape(r.shape) * v
        require(torch.allclose(back, x0.double(), atol=1e-4), "Going back should lead to x0.")
    say("✓ A curved path has become a straight one.")


@plainly
def loss(flow_loss: Callable) -> None:
    """Check what the network is shown and told, and the value and slope of the loss."""
    for B, D in ((1, 2), (6, 5)):
        x0, eps, u = torch.randn(B, D), torch.randn(B, D), torch.linspace(0, 0.9, B) + 0.05
        before = [x0.clone(), eps.clone(), u.clone()]
        field = Field(torch.zeros(D, D), torch.zeros(D))
        value = flow_loss(field, x0, eps, u)
        require(len(field.asked) == 1, "Ask the network once.")
        seen, told = field.asked[0]
        for old, new in zip(before, (x0, eps, u)):
            require(torch.equal(old, new), "What was passed in should not be changed in place.")
        require(torch.allclose(told.float(), u), "The network should be told u as it is.")
        share = ((seen - x0) / (eps - x0)).mean(1)
        hint = (
            "The network should be shown a point of the line, a share u of the way to the noise."
        )
        require(torch.allclose(share, u, atol=1e-2), hint)
        flat = shaped(value, (), "The loss").item()
        expected = (eps - x0).square().mean().item()
        hint = "A network that answers 0 should pay the mean square of the velocity's entries."
        require(abs(flat - expected) < 1e-3 * expected, hint)
        require(getattr(value, "requires_grad", False), "Nothing can be learned from this loss.")
        near = Field(torch.zeros(D, D), torch.full((D,), 3.0))
        right = (3 * u[:, None] - (eps - x0)).square().mean().item()
        other = shaped(flow_loss(near, x0, eps, u), (), "The loss").item()
        require(abs(other - right) < 1e-3 * right, "The loss has the wrong target.")
    say("✓ The loss asks at one point of each line for its velocity.")


def _walked(solver: Callable, times: list[float], twice: bool) -> None:
    """Check at which points and times a solver asks, and where it arrives."""
    mix, push = torch.tensor([[0.3, -0.4], [0.2, 0.1]]), torch.tensor([0.7, -0.5])
    field, x = Field(mix, push).requires_grad_(False), torch.randn(3, 2)
    start = x.clone()
    end = shaped(solver(field, x, times), (3, 2), "The result")
    told = [round(float(u[0]), 4) for _, u in field.asked]
    due = []
    for t, s in pairwise(times):
        due += [t, s] if twice and s > 0 else [t]
    require(
        all(u == 0 for u in told) is False and (0.0 not in told or 0.0 in due),
        "Nothing should be asked at time 0, where no network was trained.",
    )
    require(len(told) == len(due), f"{len(told)} questions, where {len(due)} are needed.")
    require(told == [round(u, 4) for u in due], "The network is asked at other times.")
    require(torch.equal(field.asked[0][0], start), "The first question is about the start.")
    questions = iter(field.asked)
    at = start
    for t, s in pairwise(times):
        seen, _ = next(questions)
        require(torch.allclose(seen, at, atol=1e-5), "A step does not begin where the last ended.")
        slope = at @ mix + t * push
        if twice and s > 0:
            trial, _ = next(questions)
            hint = "The second question should be about the point where a step of Euler ends."
            require(torch.allclose(trial, at + (s - t) * slope, atol=1e-5), hint)
            slope = (slope + trial @ mix + s * push) / 2
        at = at + (s - t) * slope
    require(torch.allclose(end.float(), at, atol=1e-4), "The last step is wrong, or missing.")


@plainly
def euler(solver: Callable) -> None:
    """Check Euler's method along uneven times."""
    for times in ([1.0, 0.7, 0.2, 0.0], [0.9, 0.4, 0.1], [1.0, 0.0]):
        _walked(solver, times, False)
    say("✓ Every step goes straight, as far as the times say.")


@plainly
def heun(solver: Callable) -> None:
    """Check Heun's method along uneven times, with and without time 0."""
    for times in ([1.0, 0.7, 0.2, 0.0], [0.9, 0.4, 0.1], [1.0, 0.0]):
        _walked(solver, times, True)
    say("✓ Every step looks ahead, save one to time 0.")


@plainly
def pairs(reflow_pairs: Callable) -> None:
    """Check that noise and ends belong together, and are what they should be."""
    mix = torch.tensor([[0.5, 1.0], [-1.0, 0.25]])
    for count, size in ((7, 3), (1, 4), (6, 2)):
        noise = torch.randn(count, 2)
        before = noise.clone()
        start, ends, learns, rows = paired(reflow_pairs, noise, size, mix)
        start, ends = shaped(start, (count, 2), "The noise"), shaped(ends, (count, 2), "The ends")
        require(torch.equal(noise, before), "A solver may work in place: give it a copy.")
        same = torch.allclose(start, before.double())
        require(same, "The noise of the pairs is not the noise that was passed in, in its order.")
        right = torch.allclose(ends, (before @ mix).double(), atol=1e-5)
        require(right, "An end does not belong to the noise in the same row.")
        require(rows <= size, f"{rows} rows were solved at once, where {size} were allowed.")
        require(not learns, "The pairs are data: no gradient should lead back from them.")
    say("✓ Each noise with its own end.")


@plainly
def consistency(jump: Callable, consistency_loss: Callable) -> None:
    """Check the boundary, the loss of a student that is right, and where gradients flow."""
    g = torch.Generator().manual_seed(3)
    fields = [(torch.randn(2, 2, generator=g), torch.randn(2, generator=g)) for _ in range(3)]
    x, zero = torch.randn(4, 2, generator=g), torch.zeros(4)
    student = Field(*fields[0])
    end = shaped(jump(student, x, zero), (4, 2), "The jump")
    require(torch.allclose(end.float(), x), "At time 0 the jump should stay where it is.")
    constant = Field(torch.zeros(2, 2), torch.zeros(2))
    constant.forward = lambda x, u: torch.ones_like(x)
    u = torch.tensor([0.2, 0.5, 0.9, 1.0])
    end = shaped(jump(constant, x, u), (4, 2), "The jump").float()
    require(torch.allclose(end + u[:, None], x), "With velocity 1, the jump goes as far as u.")
    x0, eps = torch.randn(4, 2, generator=g), torch.randn(4, 2, generator=g)
    s = torch.tensor([0.0, 0.4, 0.5, 0.8])
    before = [part.clone() for part in (x0, eps, u, s)]
    still = (torch.zeros(2, 2), torch.zeros(2))
    value, *_ = slopes(consistency_loss, [still, still, still], x0, eps, u, s)
    for old, new in zip(before, (x0, eps, u, s)):
        require(torch.equal(old, new), "What was passed in should not be changed in place.")
    require(
        shaped(value, (), "The loss").abs() < 1e-9,
        "Where nothing moves, all jumps agree, and the loss is 0.",
    )
    value, of_student, of_target, of_teacher = slopes(consistency_loss, fields, x0, eps, u, s)
    shaped(value, (), "The loss")
    require(of_student.abs().max() > 0, "The student should learn from the loss.")
    require(of_target.abs().max() == 0, "The target should stand still: no gradient through it.")
    require(of_teacher.abs().max() == 0, "The teacher should stand still: no gradient through it.")
    asked = [Field(*field) for field in fields]
    consistency_loss(*asked, x0, eps, u, s)
    told = [network.asked[0][1] if network.asked else None for network in asked]
    require(all(t is not None for t in told), "All three networks should be asked.")
    require(torch.allclose(told[0], u), "The student should jump from time u.")
    require(torch.allclose(told[1], s), "The target should jump from time s.")
    require(torch.allclose(told[2], u), "The teacher should be asked where its step begins.")
    mixed = x0 + u[:, None] * (eps - x0)
    places = [network.asked[0][0] for network in asked]
    require(torch.allclose(places[0], mixed, atol=1e-5), "The student should see the line at u.")
    require(torch.allclose(places[2], mixed, atol=1e-5), "The teacher should see the line at u.")
    moved = places[1] - mixed
    slope = mixed @ fields[2][0] + u[:, None] * fields[2][1]
    hint = "The target should jump from where one Euler step of the teacher leads."
    require(torch.allclose(moved, (s - u)[:, None] * slope, atol=1e-4), hint)
    far = places[1] - s[:, None] * (places[1] @ fields[1][0] + s[:, None] * fields[1][1])
    near = mixed - u[:, None] * (mixed @ fields[0][0] + u[:, None] * fields[0][1])
    right = (far - near).square().mean()
    hint = "The loss should be the mean square of what two jumps differ by."
    require(torch.allclose(value.float(), right, rtol=1e-3), hint)
    value, own, *_ = slopes(consistency_loss, [fields[0], fields[2]], x0, eps, u, s)
    again = slopes(consistency_loss, [fields[0], fields[0], fields[2]], x0, eps, u, s)[1]
    hint = "A student that is its own target should learn as if the target were another network."
    require(torch.allclose(own, again, atol=1e-4), hint)
    say("✓ Two jumps from one path, of which only one learns.")
