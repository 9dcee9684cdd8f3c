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
    a, b = checkpoints.load(whole), checkpoints.load(slim)
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
        torch.testing.assert_close(checkpoints.load(path, average=average)(x, 300), expected)


def test_what_holds_no_diffusion_model_is_refused(tmp_path):
    path = tmp_path / "judge.safetensors"
    checkpoints.write(path, {"a": torch.zeros(1)}, {"recipe": "judge"})
    with pytest.raises(checkpoints.CheckpointError, match="no diffusion model"):
        checkpoints.load(path)


def test_resuming_with_another_prediction_is_refused(tmp_path):
    path, run = tmp_path / "run.safetensors", trainer()
    checkpoints.save(path, run)
    other = trainer()
    other.prediction = EPS
    with pytest.raises(checkpoints.CheckpointError, match="prediction = v, not eps"):
        checkpoints.resume(path, other)


def test_a_loaded_network_lies_in_the_layout_that_a_cpu_is_faster_in():
    weight = checkpoints.load("twin-cosine-0").model.middle.blocks[0].conv1.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert not weight.is_contiguous()
