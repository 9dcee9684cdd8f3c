"""The package works whatever default dtype and default device a reader has set.

There may be no GPU here, so torch's "meta" plays it: whatever is made there by mistake has no
values, and cannot be mixed with what is on the CPU.
"""

import ast

import draw_map
import pytest
import torch

from course_lib import checks, data, judging, networks, samplers, schedules, solvers, spacings
from course_lib import training as trainings
from course_lib.checks import a1, a3
from course_lib.guidance import Guided
from course_lib.oracle import finite
from course_lib.predictions import Denoiser, V
from course_lib.training import checkpoints, recipes

FACTORIES = set(
    "arange empty eye full linspace logspace ones rand randint randn randperm tensor zeros".split()
)


@pytest.fixture(params=["float64", "meta"])
def changed(request):
    """A reader's default, and nothing left of it afterwards."""
    if request.param == "float64":
        torch.set_default_dtype(torch.float64)
    else:
        torch.set_default_device("meta")
    yield request.param
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)


def is_plain(*tensors):
    return all(x.device.type == "cpu" and x.dtype in (torch.float32, torch.int64) for x in tensors)


@pytest.mark.parametrize("name", ["linear", "quadratic", "cosine", "sigmoid", "flow"])
def test_schedules_are_the_same(changed, name):
    made = getattr(schedules, name)(50)
    assert made.alpha.device.type == "cpu" and made.alpha.dtype == torch.float64
    assert made.beta[0] == 0 and made.snr[1] > 1 and made.timesteps(5) == [50, 40, 30, 20, 10, 0]
    for spacing in (spacings.uniform, spacings.quadratic, spacings.karras):
        assert spacing(made, 10)[-1] == 0
    for t in (3, torch.tensor([3, 4], device="cpu")):
        x0 = torch.ones(2, 2, device="cpu", dtype=torch.float32)
        assert is_plain(made.add_noise(x0, t, x0))


def test_tables_that_were_made_by_the_defaults_become_a_schedule():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        assert schedules.from_beta(torch.full((50,), 0.2), "mine").alpha.dtype == torch.float64
        assert schedules.Schedule([1.0, 0.05], [0.0, 1.0]).T == 1
    finally:
        torch.set_default_dtype(before)


def test_data_are_the_same(changed):
    generator = torch.Generator().manual_seed(0)
    for shape in data.SHAPES:
        assert is_plain(shape(10, generator=generator))
    assert is_plain(*data.labelled(10, generator=generator))
    digits = data.digits()
    assert is_plain(digits.x_train, digits.y_train, digits.x_test, digits.y_test)
    assert 0.1 < float((digits.x_train + 1).mean() / 2) < 0.2


def test_random_draws_do_not_depend_on_the_defaults():
    def drawn():
        generator = torch.Generator().manual_seed(0)
        x, y = data.labelled(50, generator=generator)
        t = trainings.stratified_times(50, 10, generator)
        return (
            x,
            y,
            t,
            trainings.drop_labels(y, 0.5, generator),
            data.moons(5, generator=generator),
        )

    usual = drawn()
    torch.set_default_dtype(torch.float64)
    try:
        assert all(torch.equal(a, b) for a, b in zip(drawn(), usual))
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("optimizer", [trainings.adamw, trainings.muon])
def test_a_trainer_trains_and_its_denoiser_answers(changed, optimizer, tmp_path):
    if changed == "meta" and optimizer is trainings.adamw:
        pytest.skip("AdamW itself keeps its count of steps on the default device")
    generator = torch.Generator().manual_seed(0)
    x, y = data.labelled(40, generator=generator)
    with torch.device("cpu"):
        model = networks.PointMLP(width=16, num_classes=4)
    run = trainings.Trainer(
        model, schedules.cosine(50), V, x, y, steps=3, batch_size=8, optimizer=optimizer
    )
    assert all(record.loss < 10 for record in run.run())
    start, labels = samplers.randn((4, 2), generator), y[:4]
    denoiser = Guided(run.denoiser(), 2.0)
    for walk in (samplers.ddpm, samplers.ddim, solvers.heun, solvers.dpm_solver, solvers.euler):
        end = samplers.last(walk(denoiser, start, run.schedule, steps=2, y=labels))
        assert is_plain(end) and end.isfinite().all()
    checkpoints.save(tmp_path / "run", run)


def test_a_network_of_the_default_precision_is_trained_in_it():
    torch.set_default_dtype(torch.float64)
    try:
        model = networks.UNet(8, width=8, num_classes=4)
    finally:
        torch.set_default_dtype(torch.float32)
    x, y = torch.randn(16, 1, 8, 8), torch.arange(16) % 4
    run = trainings.Trainer(model, schedules.cosine(50), V, x, y, steps=2, batch_size=4)
    assert len(list(run.run())) == 2 and next(model.parameters()).dtype == torch.float64
    assert is_plain(*run.denoiser()(x, 3, y))
    asked = []
    Denoiser(lambda x, t, y: asked.append((x, t)) or x, run.schedule, V)(x, 3)
    assert is_plain(*asked[0])


def test_recipes_and_rivals_begin_alike(changed):
    weights = recipes.MNIST_SMALL.network().parameters()
    assert is_plain(*weights)
    generator = torch.Generator().manual_seed(0)
    x, y = samplers.randn((8, 1, 28, 28), generator), torch.arange(8, device="cpu")
    if changed == "float64":
        for kind in (trainings.GAN, trainings.VAE):
            run = kind(x, y, steps=1, batch_size=4)
            assert len(list(run.run())) == 1 and is_plain(run.sample(y))


def test_shipped_models_draw_and_judges_judge(changed):
    y = judging.quota_labels(100)
    denoiser = recipes.load("twin-cosine-0")
    x = torch.cat(list(judging.generate(denoiser, y, (100, 1, 28, 28), steps=1)))
    assert is_plain(x, y)
    for name in ("first", "second"):
        verdict = judging.judge_samples(x, y, name)
        assert verdict.frechet > 0 and verdict.bar > 0
        assert judging.judge_samples(x.double(), y, name).accuracy == verdict.accuracy


def test_the_exact_denoiser_and_distances_work(changed):
    schedule, g = schedules.cosine(50), torch.Generator().manual_seed(0)
    points = data.spiral(30, generator=g)
    x0, _ = finite(points, schedule)(points, 10)
    assert is_plain(x0) and judging.sliced_distance(points, x0) < 1
    errors = judging.error_by_time(
        finite(points, schedule), schedule, points, [1, 10], generator=g
    )
    assert errors.v.isfinite().all()
    trials = judging.seeded_noise([0, 1], 3)
    assert is_plain(trials) and len(trials) == 6


def test_checks_run_with_torch_s_own_defaults(changed, capsys):
    def drop_labels(y, share, generator):
        return y.masked_fill(torch.rand(y.shape, generator=generator) < share, -1)

    def embed(t, d):
        w = torch.exp(-torch.arange(d // 2) / (d // 2) * torch.log(torch.tensor(10000.0)))
        return torch.cat([(t[:, None] * w).cos(), (t[:, None] * w).sin()], dim=1)

    a1.embedding(embed)
    a3.drop(drop_labels)
    points = data.spiral(50, generator=torch.Generator().manual_seed(0))
    checks.same(points, points.double())
    checks.same_distribution(points, points, rounds=5)
    with torch.device("cpu"):
        model = networks.PointMLP().float()
    checks.learns(model, points, torch.arange(1, 51, device="cpu"))
    assert capsys.readouterr().out.count("✓") == 5
    assert torch.get_default_dtype() == (torch.float64 if changed == "float64" else torch.float32)


def factories(path):
    """Calls of ``torch.zeros`` and its like, and whether they say where."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Attribute) and getattr(called.value, "id", "") == "torch":
            if called.attr in FACTORIES:
                told = {keyword.arg for keyword in node.keywords}
                yield node.lineno, bool(told & {"device", None})  # None is **FLOATS and its like


@pytest.mark.parametrize("name", [n for n in draw_map.modules() if ".grading" not in n])
def test_whatever_is_made_says_where(name):
    """What needs a GPU to fail is read instead; the checks run in `plainly`, tested above."""
    if draw_map.room(name) == "checks":
        pytest.skip("runs with torch's own defaults")
    missing = [line for line, told in factories(draw_map.modules()[name]) if not told]
    assert not missing, f"{name}: no device in the lines {missing}"
