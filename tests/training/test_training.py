"""Training: it learns, it repeats itself exactly, it stops and goes on, and it fails loudly."""

import itertools

import pytest
import torch

from course_lib import NO_LABEL, data, networks, oracle, schedules, training
from course_lib.predictions import EPS, V
from course_lib.training import checkpoints, optimizers, recipes
from course_lib.training import trainer as trainers

SCHEDULE = schedules.cosine()
OPTIMIZERS = [optimizers.adamw, optimizers.muon]


def trainer(steps=30, optimizer=optimizers.adamw, **options):
    g = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    if optimizer is optimizers.muon:  # it is made for convolutions
        x, y = torch.randn(200, 1, 8, 8, generator=g), torch.arange(200) % 4
        model = networks.UNet(8, width=8, num_classes=4)
    else:
        x, y = data.labelled(200, generator=g)
        model = networks.PointMLP(width=32, num_classes=4)
    options = {"batch_size": 32, "precision": torch.float32} | options
    return training.Trainer(model, SCHEDULE, V, x, y, steps=steps, optimizer=optimizer, **options)


def losses(run):
    return [record.loss for record in run.run()]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_unet_overfits_one_batch(optimizer):
    torch.manual_seed(0)
    model = networks.UNet(8, width=16, num_classes=2)
    x, y = torch.randn(2, 1, 8, 8).clamp(-1, 1), torch.tensor([0, 1])
    run = training.Trainer(
        model, SCHEDULE, V, x, y, steps=150, batch_size=16, drop_label=0.0, optimizer=optimizer
    )
    values = losses(run)
    assert sum(values[-20:]) < 0.35 * sum(values[:20])


def test_the_network_approaches_the_oracle():
    """Nothing beats the exact denoiser, and a trained network comes close to it."""
    g = torch.Generator().manual_seed(0)
    means = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
    x = means[torch.randint(2, (4000,), generator=g)] + 0.2 * torch.randn(4000, 2, generator=g)
    torch.manual_seed(0)
    run = training.Trainer(
        networks.PointMLP(width=64), SCHEDULE, EPS, x, steps=800, batch_size=256
    )
    losses(run)
    exact = oracle.Mixture(means, 0.2, SCHEDULE)
    fresh = means[torch.randint(2, (4000,), generator=g)] + 0.2 * torch.randn(4000, 2, generator=g)
    for t in (200, 500, 800):
        eps = torch.randn(fresh.shape, generator=g)
        x_t = SCHEDULE.add_noise(fresh, t, eps)
        best = (exact(x_t, t).eps - eps).square().mean()
        ours = (run.denoiser()(x_t, t).eps - eps).square().mean()
        assert best < ours + 1e-3 and ours < best + 0.06


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_one_seed_one_run(optimizer):
    assert losses(trainer(optimizer=optimizer)) == losses(trainer(optimizer=optimizer))
    assert losses(trainer(seed=1)) != losses(trainer(seed=2))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_resume_equals_uninterrupted(tmp_path, optimizer):
    whole = trainer(optimizer=optimizer)
    expected = losses(whole)
    stopped = trainer(optimizer=optimizer)
    for _ in itertools.islice(stopped.run(), 12):
        pass
    checkpoints.save(tmp_path / "run.safetensors", stopped)
    resumed = trainer(optimizer=optimizer)
    checkpoints.resume(tmp_path / "run.safetensors", resumed)
    assert losses(resumed) == expected[12:]
    for a, b in zip(whole.ema.parameters(), resumed.ema.parameters(), strict=True):
        assert torch.equal(a, b)


def test_an_interrupted_loop_goes_on_in_place():
    stopped, whole = trainer(), losses(trainer())
    try:
        for record in stopped.run():
            if record.step == 9:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert stopped.step == 9
    assert losses(stopped) == whole[9:]


def test_the_learning_rate_falls_to_zero_in_a_line():
    rates = [record.lr for record in trainer(steps=10).run()]
    assert rates == pytest.approx([2e-3 * (1 - i / 10) for i in range(10)])


def test_a_run_in_minutes_ends():
    run = trainer(steps=None, minutes=0.01)
    records = list(run.run())
    assert records[-2].seconds < 0.6 <= records[-1].seconds and run.progress == 1


@pytest.mark.parametrize("length", [{}, {"steps": 3, "minutes": 1.0}])
def test_a_run_needs_one_length(length):
    with pytest.raises(ValueError, match="either steps or minutes"):
        training.Trainer(networks.PointMLP(), SCHEDULE, V, torch.zeros(3, 2), **length)


def test_a_loss_that_is_not_finite_stops_before_the_weights_are_hurt():
    run = trainer()
    run.x0 = run.x0.clone()
    for _ in itertools.islice(run.run(), 3):
        pass
    run.x0[:] = float("nan")
    before = [p.clone() for p in run.model.parameters()]
    with pytest.raises(FloatingPointError, match="at step 4: check that the data are finite"):
        next(run.run())
    assert all(torch.equal(a, b) for a, b in zip(before, run.model.parameters(), strict=True))


def test_long_gradients_are_clipped():
    steps = []
    for clip in (1e-4, 1e4):
        run = trainer(optimizer=lambda m: torch.optim.SGD(m.parameters(), lr=1.0), clip_norm=clip)
        before = [p.clone() for p in run.model.parameters()]
        record = next(run.run())
        moved = sum(
            (a - b).square().sum() for a, b in zip(before, run.model.parameters(), strict=True)
        )
        steps.append(moved.sqrt().item())
    assert steps[0] == pytest.approx(1e-4, rel=0.01) and steps[1] == pytest.approx(
        record.norm, rel=0.01
    )


def test_ema_is_warmed_up():
    model = torch.nn.Linear(1, 1, bias=False)
    average = training.ema(model, 0.999)
    value, expected = 0.0, None
    for n in range(40):
        model.weight.data.fill_(float(n))
        average.update_parameters(model)
        decay = min(0.999, (1 + n) / (10 + n))
        expected = value = n if n == 0 else decay * value + (1 - decay) * n
    assert average.module.weight.item() == pytest.approx(expected, rel=1e-4)
    assert average.module.weight.item() > 30


def test_times_are_stratified_and_each_is_uniform():
    g = torch.Generator().manual_seed(0)
    draws = torch.stack([training.stratified_times(10, 1000, g) for _ in range(2000)])
    assert draws.min() == 1 and draws.max() == 1000
    edges = torch.arange(0, 1000, 100)
    assert ((draws > edges) & (draws <= edges + 100)).all()
    assert abs(draws.double().mean() - 500.5) < 3


def test_times_follow_a_density_in_every_batch():
    g = torch.Generator().manual_seed(0)
    density = torch.arange(1.0, 1001.0).double()
    draws = [training.stratified_times(50, 1000, g, density=density) for _ in range(400)]
    share = torch.bincount(torch.cat(draws), minlength=1001)[1:].double() / 20_000
    wanted = density.reshape(10, 100).sum(1) / density.sum()
    assert torch.allclose(share.reshape(10, 100).sum(1), wanted, atol=3e-3)
    below = density.cumsum(0) / density.sum()
    for t in draws[:20]:  # one from each of 50 slices of equal shares
        assert ((below[t - 1] * 50).ceil() - torch.arange(1, 51)).abs().max() <= 1
    two = torch.zeros(1000)
    two[[2, 999]] = 1.0
    often = training.stratified_times(50, 1000, g, density=two)
    assert often.tolist() == [3] * 25 + [1000] * 25


def test_logit_normal_is_a_normal_in_logits():
    shares = training.logit_normal(1000, mean=0.5, std=0.8)
    u = (torch.arange(1, 1001) - 0.5).double() / 1000
    closed = (-((u.logit() - 0.5) ** 2) / (2 * 0.8**2)).exp() / (0.8 * (2 * torch.pi) ** 0.5)
    inside = slice(50, 950)
    assert torch.allclose(shares[inside] * 1000, (closed / (u * (1 - u)))[inside], rtol=1e-3)
    assert shares.sum() == pytest.approx(1)


def test_a_trainer_draws_its_times_by_the_density():
    density, seen = torch.zeros(1000), []
    density[[4, 9]] = 1.0
    run = trainer(steps=3, density=density)
    run.model.register_forward_hook(lambda _, inputs, __: seen.append(inputs[1]))
    losses(run)
    assert torch.cat(seen).unique().tolist() == [5, 10]
    for wrong in (torch.ones(999), torch.ones(1000) - 2):
        with pytest.raises(ValueError, match="for each of the times 1 … 1000"):
            trainer(density=wrong)


def test_labels_are_dropped_one_by_one():
    g = torch.Generator().manual_seed(0)
    y = torch.arange(50_000) % 7
    dropped = training.drop_labels(y, 0.1, g)
    hidden = dropped == NO_LABEL
    assert abs(hidden.double().mean() - 0.1) < 0.005
    assert torch.equal(dropped[~hidden], y[~hidden])
    share = hidden.reshape(-1, 100).double().mean(1)
    assert 0 < share.std() < 0.06  # per batch it would be 0 or 1, with a deviation of 0.3


def test_the_loss_is_what_the_paper_says():
    x0, eps, t = torch.randn(4, 2), torch.randn(4, 2), torch.tensor([1, 30, 500, 999])
    guess = torch.randn(4, 2)
    seen = {}

    def network(x_t, time, y):
        seen["x_t"], seen["t"] = x_t, time
        return guess

    loss = training.diffusion_loss(network, SCHEDULE, EPS, x0, t, eps)
    torch.testing.assert_close(loss, (guess - eps).square().mean(1))
    torch.testing.assert_close(seen["x_t"], SCHEDULE.add_noise(x0, t, eps))
    assert torch.equal(seen["t"], t)


def test_muon_makes_orthogonal_steps():
    g = torch.Generator().manual_seed(0)
    shapes = ((32, 32), (16, 90), (90, 16), (32, 50))
    matrices = [torch.randn(shape, generator=g) for shape in shapes]
    for matrix, step in zip(matrices, optimizers.orthogonalize(matrices), strict=True):
        values = torch.linalg.svdvals(step)
        assert step.shape == matrix.shape and values.min() > 0.3 and values.max() < 1.3
        # the directions are those of the matrix: U f(S) Vᵀ shares its singular vectors
        u, _, v = torch.linalg.svd(matrix, full_matrices=False)
        inner = u.T @ step @ v.T
        torch.testing.assert_close(inner, inner.diagonal().diag(), rtol=0, atol=1e-4)
        assert (inner.diagonal() > 0).all()


def test_muon_leaves_the_outer_layers_to_adam():
    model = networks.UNet(8, width=8, num_classes=3)
    rest, hidden = optimizers.hidden_and_rest(model, 1e-3, 0.02)
    names = {id(p): name for name, p in model.named_parameters()}
    adam = {names[id(p)] for p in rest["params"]}
    assert {"stem.weight", "out.weight", "condition.label.weight", "norm.weight"} <= adam
    assert {names[id(p)] for p in hidden["params"]} >= {
        "middle.blocks.0.conv1.weight",
        "up.0.blocks.0.skip.weight",
    }
    assert len(rest["params"]) + len(hidden["params"]) == len(names)


def test_muon_s_adam_is_torch_s_adam():
    torch.manual_seed(0)
    ours, theirs = torch.nn.Parameter(torch.randn(5)), None
    theirs = torch.nn.Parameter(ours.detach().clone())
    a = optimizers.Muon([{"params": [ours], "lr": 0.1, "orthogonal": False}])
    b = torch.optim.Adam([theirs], lr=0.1, betas=(0.9, 0.99))
    for _ in range(10):
        for p, optimizer in ((ours, a), (theirs, b)):
            optimizer.zero_grad()
            (p**3 + p**2).sum().backward()
            optimizer.step()
    torch.testing.assert_close(ours, theirs)


def test_bfloat16_is_for_processors_that_multiply_tiles(monkeypatch):
    for tiles, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda t=tiles: {"amx_bf16": t}, False)
        assert trainers.best_precision(torch.device("cpu")) == expected
        assert trainers.best_precision(torch.device("mps")) == torch.float32
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert trainers.best_precision(torch.device("cpu")) == torch.float32


def test_mixed_precision_trains(monkeypatch):
    assert losses(trainer(steps=5, precision=torch.bfloat16))[-1] < 5


@pytest.mark.parametrize("name", ["spiral", "shapes"])
def test_recipes_build_what_they_say(name):
    recipe = recipes.RECIPES[name]
    run = recipe.trainer(steps=2, seed=3)
    assert len(losses(run)) == 2 and run.x0.shape[1:] == recipe.sample
    assert (run.y is None) == (recipe.num_classes is None)
    again = recipe.trainer(steps=2, seed=3)
    assert torch.equal(
        next(again.model.parameters()), next(recipe.trainer(steps=2, seed=3).model.parameters())
    )
