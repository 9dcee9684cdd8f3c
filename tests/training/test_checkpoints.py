"""Checkpoints: whole or not at all, exact, and refused when they do not fit."""

import itertools

import pytest
import torch
from safetensors.torch import save_file

from course_lib import data, networks, schedules, training
from course_lib.predictions import EPS, Denoiser, V
from course_lib.training import checkpoints, recipes


def trainer(width=16, steps=6, schedule=None, **options):
    torch.manual_seed(0)
    x, y = data.labelled(64, generator=torch.Generator().manual_seed(0))
    model = networks.PointMLP(width=width, num_classes=4)
    return training.Trainer(
        model, schedule or schedules.cosine(), V, x, y, steps=steps, batch_size=8, **options
    )


@pytest.fixture
def saved(tmp_path):
    run = trainer()
    for _ in itertools.islice(run.run(), 4):
        pass
    path = tmp_path / "new folder" / "run.safetensors"
    checkpoints.save(path, run, recipe="shapes", seed=0)
    return path, run


def test_a_loaded_denoiser_answers_as_the_saved_one(saved):
    path, run = saved
    x, y = torch.randn(5, 2), torch.tensor([0, 1, 2, 3, -1])
    for average in (True, False):
        loaded = checkpoints.load_denoiser(
            path, networks.PointMLP(width=16, num_classes=4), average=average
        )
        assert torch.equal(loaded(x, 300, y).x0, run.denoiser(average=average)(x, 300, y).x0)
        assert loaded.schedule.name == "cosine" and loaded.prediction is V


def test_the_description_stands_beside_the_weights(saved):
    _, about = checkpoints.read(saved[0])
    assert about["recipe"] == "shapes" and about["step"] == 4 and about["prediction"] == "v"


@pytest.mark.parametrize(
    "other, hint",
    [
        (lambda: trainer(width=32), "do not fit this model"),
        (lambda: trainer(steps=7), "steps = 6, not 7"),
        (lambda: trainer(drop_label=0.2), "drop_label = 0.1, not 0.2"),
        (lambda: trainer(schedule=schedules.linear()), "another schedule"),
    ],
)
def test_another_run_is_refused(saved, other, hint):
    with pytest.raises(checkpoints.CheckpointError, match=hint):
        checkpoints.resume(saved[0], other())


def test_what_is_not_a_checkpoint_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="course train"):
        checkpoints.read(tmp_path / "none")
    (tmp_path / "text").write_text("hello")
    save_file({"a": torch.zeros(1)}, tmp_path / "foreign")
    for name in ("text", "foreign"):
        with pytest.raises(checkpoints.CheckpointError, match="not a checkpoint of this course"):
            checkpoints.read(tmp_path / name)


def test_a_write_that_fails_leaves_the_old_file(saved, monkeypatch):
    path, run = saved
    before = path.read_bytes()

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "save_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save(path, run)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["run.safetensors"]


def test_a_truncated_file_is_refused(saved):
    path, _ = saved
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(checkpoints.CheckpointError):
        checkpoints.read(path)


def test_a_slim_checkpoint_samples_alike_and_cannot_be_resumed(tmp_path):
    run = recipes.SHAPES.trainer(steps=3)
    list(run.run())
    whole, slim = tmp_path / "whole.safetensors", tmp_path / "slim.safetensors"
    checkpoints.save(whole, run, recipe="shapes", seed=0)
    checkpoints.slim(whole, slim)
    assert slim.stat().st_size < whole.stat().st_size / 6
    a, b = recipes.load(whole), recipes.load(slim)
    x = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))
    y = torch.arange(20) % 4
    torch.testing.assert_close(a(x, 500, y).x0, b(x, 500, y).x0, rtol=0, atol=2e-3)
    assert torch.equal(b.schedule.alpha, run.schedule.alpha) and b.prediction == run.prediction
    assert checkpoints.about(slim)["seed"] == 0
    with pytest.raises(checkpoints.CheckpointError, match="cannot be resumed"):
        checkpoints.resume(slim, recipes.SHAPES.trainer(steps=3))


def test_load_builds_the_network_that_was_saved(tmp_path):
    run = recipes.SPIRAL.trainer(steps=2)
    list(run.run())
    path = tmp_path / "spiral.safetensors"
    checkpoints.save(path, run, recipe="spiral")
    x = torch.randn(5, 2)
    for average, model in ((True, run.ema.module), (False, run.model)):
        expected = Denoiser(model.eval(), run.schedule, run.prediction)(x, 300)
        torch.testing.assert_close(recipes.load(path, average=average)(x, 300), expected)


def test_what_holds_no_diffusion_model_is_refused(tmp_path):
    path = tmp_path / "judge.safetensors"
    checkpoints.write(path, {"a": torch.zeros(1)}, {"recipe": "judge"})
    with pytest.raises(checkpoints.CheckpointError, match="no diffusion model"):
        recipes.load(path)


def test_resuming_with_another_prediction_is_refused(tmp_path):
    path, run = tmp_path / "run.safetensors", trainer()
    checkpoints.save(path, run)
    other = trainer()
    other.prediction = EPS
    with pytest.raises(checkpoints.CheckpointError, match="prediction = v, not eps"):
        checkpoints.resume(path, other)


def test_a_loaded_network_lies_in_the_layout_that_a_cpu_is_faster_in():
    weight = recipes.load("twin-cosine-0").model.middle.blocks[0].conv1.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert not weight.is_contiguous()


class Tied(torch.nn.Module):
    """A network whose last layer has the weights of its middle one."""

    def __init__(self):
        super().__init__()
        self.first, self.middle = torch.nn.Linear(2, 8), torch.nn.Linear(8, 8)
        self.last, self.out = torch.nn.Linear(8, 8), torch.nn.Linear(8, 2)
        self.last.weight = self.middle.weight

    def forward(self, x, t, y=None):
        return self.out(self.last(self.middle(self.first(x)).relu()).relu())


def compiled(model):
    return torch.compile(model, backend="eager")


def partly(model):
    model.first = compiled(model.first)
    return model


WRAPPED = {
    "plain": lambda model: model,
    "compiled": compiled,
    "partly compiled": partly,
    "parallel": torch.nn.DataParallel,
    "both": lambda model: compiled(torch.nn.DataParallel(model)),
}


@pytest.mark.parametrize("network", [networks.PointMLP, Tied])
@pytest.mark.parametrize("there", WRAPPED)
@pytest.mark.parametrize("here", WRAPPED)
def test_what_wraps_a_network_does_not_matter_to_its_checkpoint(tmp_path, network, there, here):
    def build(wrap):
        torch.manual_seed(0)
        x = data.spiral(32, generator=torch.Generator().manual_seed(0))
        wrapped = WRAPPED[wrap](network())
        return training.Trainer(wrapped, schedules.cosine(), V, x, steps=4, batch_size=8)

    run, path = build(there), tmp_path / "run.safetensors"
    for _ in itertools.islice(run.run(), 2):
        pass
    checkpoints.save(path, run)
    assert not any(
        "_orig_mod" in key or "module.module" in key for key in checkpoints.read(path)[0]
    )
    x = torch.randn(5, 2)
    for average in (True, False):
        loaded = checkpoints.load_denoiser(path, WRAPPED[here](network()), average=average)
        torch.testing.assert_close(loaded(x, 300), run.denoiser(average=average)(x, 300))
    other = build(here)
    checkpoints.resume(path, other)
    assert [r.loss for r in other.run()] == pytest.approx([r.loss for r in run.run()])


def test_a_network_with_a_part_called_module_keeps_its_name(tmp_path):
    class Own(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.module = torch.nn.Linear(2, 2)

        def forward(self, x, t, y=None):
            return self.module(x)

    run = training.Trainer(Own(), schedules.cosine(), V, torch.zeros(4, 2), steps=1)
    checkpoints.save(tmp_path / "own", run)
    checkpoints.load_denoiser(tmp_path / "own", Own())


def test_a_file_whose_names_are_those_of_a_compiled_network_is_read(saved):
    path, run = saved
    tensors, about = checkpoints.read(path)
    old = {key.replace("ema.module.", "ema.module._orig_mod."): t for key, t in tensors.items()}
    checkpoints.write(path, old, about)
    x = torch.randn(5, 2)
    loaded = checkpoints.load_denoiser(path, networks.PointMLP(width=16, num_classes=4))
    assert torch.equal(loaded(x, 300).x0, run.denoiser()(x, 300).x0)
