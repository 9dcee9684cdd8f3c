"""The command line, from training to a picture, and its one-sentence errors."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from course_lib import cli, data, judging, training
from course_lib.training import checkpoints, recipes

run = CliRunner().invoke


def course(*arguments):
    return run(cli.app, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli") / "shapes.safetensors"
    result = course("train", "shapes", "--steps", 30, "--out", path)
    assert result.exit_code == 0, result.output
    return path


def test_help_teaches():
    for words in ([], ["train"], ["sample"], ["evaluate"]):
        text = re.sub(r"\x1b\[[0-9;]*m", "", course(*words, "--help").output)
        assert "train" in text.lower() and len(text) > 300
    assert "Example:" in course("sample", "--help").output


def test_training_says_what_it_did(trained):
    _, about = checkpoints.read(trained)
    assert about["recipe"] == "shapes" and about["step"] == 30


def test_samples_become_a_picture(trained, tmp_path):
    out = tmp_path / "cloud.png"
    result = course(
        "sample",
        "--checkpoint",
        trained,
        "--labels",
        "02",
        "--steps",
        5,
        "--out",
        out,
    )
    assert result.exit_code == 0, result.output
    assert np.array(Image.open(out)).std() > 5


def test_one_seed_one_picture(trained, tmp_path):
    pictures = []
    for i, seed in enumerate((1, 1, 2)):
        out = tmp_path / f"{i}.png"
        course(
            "sample",
            "--checkpoint",
            trained,
            "--steps",
            3,
            "-n",
            400,
            "--seed",
            seed,
            "--out",
            out,
        )
        pictures.append(np.array(Image.open(out)))
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])


def test_a_grid_of_images(tmp_path, monkeypatch):
    from course_lib import networks

    small = replace(recipes.MNIST, model=lambda: networks.UNet(width=8, num_classes=10))
    monkeypatch.setitem(recipes.RECIPES, "mnist", small)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setattr("course_lib.data.images.mnist", _no_mnist)
    path, out = tmp_path / "m.safetensors", tmp_path / "grid.png"
    result = course("train", "mnist", "--steps", 2, "--out", path)
    assert result.exit_code == 0, result.output
    result = course("sample", "--checkpoint", path, "-n", 20, "--steps", 2, "--out", out)
    assert result.exit_code == 0, result.output
    assert np.array(Image.open(out)).std() > 5
    out = tmp_path / "arrays.npz"
    for sampler in ("ddim", "ddpm", "consistency", "heun", "dpm-solver", "euler"):
        options = ("--sampler", sampler, "--labels", "37", "-n", 5, "--steps", 2, "--out", out)
        options = (*options, "--overwrite")
        result = course("sample", "--checkpoint", path, *options)
        assert result.exit_code == 0, result.output
        arrays = np.load(out)
        assert arrays["x"].shape == (5, 1, 28, 28) and arrays["y"].tolist() == [3, 7, 3, 7, 3]
        assert arrays["x"].dtype == np.float32 and np.abs(arrays["x"]).max() <= 1
    options = ("--checkpoint", path, "-n", 100, "--steps", 1, "--guidance", 1)
    report = course("evaluate", *options, "--json")
    assert report.exit_code == 0, report.output
    figures = json.loads(report.stdout)
    assert course("sample", *options, "--overwrite", "--out", out).exit_code == 0
    x, y = (torch.from_numpy(np.load(out)[name]) for name in "xy")
    assert torch.equal(y, judging.quota_labels(100))
    first = figures["verdicts"]["first"]
    assert judging.judge_samples(x, y).frechet == first["frechet"]  # the same digits
    assert figures["n"] == 100 and figures["steps"] == 1 and figures["guidance"] == 1
    assert first["frechet"] > 5 * first["floor"]["frechet"]
    few = ("evaluate", "--checkpoint", path, "-n", 100, "--steps", 1)
    for options, name in (
        ((), "ddim(eta=1.0, spacing=square_root)"),
        (("--eta", 0.5, "--spacing", "even"), "ddim(eta=0.5)"),
        (("--eta", 0), "ddim(eta=0.0)"),
        (("--sampler", "ddpm"), "ddpm(spacing=square_root)"),
        (("--sampler", "heun"), "heun"),
        (("--sampler", "dpm-solver"), "dpm_solver"),
        (("--sampler", "dpm-solver", "--eta", 1), "dpm_solver(eta=1.0)"),
        (("--sampler", "heun", "--spacing", "karras"), "heun(spacing=karras)"),
    ):
        assert f"100 digits by {name}, 1 steps" in course(*few, *options).stdout


@pytest.mark.parametrize("command", ["train", "sample", "evaluate", "grade", "similar"])
def test_the_help_tells_what_happens_by_default(command, monkeypatch):
    """Square brackets would be read as marks for colours, and vanish."""
    monkeypatch.setenv("COLUMNS", "200")
    text = course(command, "--help").stdout
    assert "(default: " in text
    assert " ." not in text


def test_a_distilled_model_takes_few_steps_unless_told(tmp_path):
    options = ("--checkpoint", "mnist-fast", "-n", 100)
    assert "100 digits by consistency, 2 steps" in course("evaluate", *options).stdout
    told = course("evaluate", *options, "--sampler", "ddim", "--steps", 1).stdout
    assert "100 digits by ddim" in told and "1 steps" in told
    refused = course("evaluate", *options, "--steps", 3)
    assert refused.exit_code == 2 and "one of 1, 2, 4, 8" in refused.output
    refused = course("evaluate", *options, "--likelihood")
    assert refused.exit_code == 2 and "bounds nothing" in refused.output


def test_the_bits_of_test_digits(monkeypatch):
    """A model that knows nothing needs about eight bits for a byte; ours needs fewer."""
    monkeypatch.setattr("course_lib.data.mnist", data.digits)  # so that no download is needed
    result = course(
        "evaluate", "--checkpoint", "twin-cosine-0", "-n", 100, "--likelihood", "--json"
    )
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    parts = [figures[name]["bits"] for name in ("prior", "diffusion", "reconstruction")]
    assert figures["total"]["bits"] == pytest.approx(sum(parts)) and figures["n"] == 100
    assert 0.5 < figures["total"]["bits"] < 6
    table = course("evaluate", "--checkpoint", "twin-cosine-0", "-n", 100, "--likelihood").stdout
    assert f"at most {figures['total']['bits']:.3f} ± {figures['total']['error']:.3f}" in table


def test_only_digits_are_judged(trained):
    result = course("evaluate", "--checkpoint", trained)
    assert result.exit_code == 2 and "the judges read digits" in result.output


def _no_mnist(*_, **__):
    from course_lib import data

    raise data.DataUnavailable("no network here.")


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["--labels", "07"], "digits from 0 to 3, not '07'"),
        (["--labels", "x"], "digits from 0 to 3"),
        (["--steps", 2000], "steps must be between 1 and T = 1000"),
    ],
)
def test_bad_input_ends_in_one_sentence(trained, arguments, sentence):
    result = course("sample", "--checkpoint", trained, "-n", 8, "--steps", 2, *arguments)
    assert result.exit_code == 2
    errors = [line for line in result.output.splitlines() if line.startswith("Error")]
    assert len(errors) == 1 and sentence in errors[0]
    assert "Traceback" not in result.output


def test_files_are_neither_overwritten_nor_imagined(trained, tmp_path):
    before = trained.read_bytes()
    result = course("train", "shapes", "--steps", 5, "--out", trained)
    assert result.exit_code == 2 and "--resume" in result.output
    assert trained.read_bytes() == before
    missing = tmp_path / "none.safetensors"
    assert "no checkpoint at" in course("sample", "--checkpoint", missing).output
    assert "no checkpoint at" in course("train", "shapes", "--resume", "--out", missing).output
    assert not missing.exists()
    assert "not both" in course("train", "shapes", "--steps", 5, "--minutes", 1).output


def test_ctrl_c_keeps_what_was_trained_and_resume_goes_on(trained, tmp_path, monkeypatch):
    path, real = tmp_path / "cut.safetensors", training.Trainer.run

    def interrupted(self):
        for record in real(self):
            yield record
            if record.step == 12:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training.Trainer, "run", interrupted)
        result = course("train", "shapes", "--steps", 30, "--out", path)
    assert "--resume" in result.output and checkpoints.read(path)[1]["step"] == 12
    other = course("train", "shapes", "--steps", 40, "--resume", "--out", path)
    assert other.exit_code == 2 and "steps = 30, not 40" in other.output
    assert course("train", "shapes", "--steps", 30, "--resume", "--out", path).exit_code == 0
    cut, whole = checkpoints.read(path)[0], checkpoints.read(trained)[0]
    assert all((cut[key] == whole[key]).all() for key in whole)


def test_a_judge_needs_mnist(monkeypatch, tmp_path):
    monkeypatch.setattr("course_lib.data.mnist", _no_mnist)
    result = course("train", "second-judge", "--out", tmp_path / "judge.safetensors")
    assert result.exit_code == 2 and "no network here" in result.output


# What is to be written is looked at before any work


@pytest.fixture
def idle(monkeypatch):
    """No training and no sampling: whoever begins either fails."""

    def working(*_, **__):
        raise AssertionError("the work has begun")

    monkeypatch.setattr("course_lib.training.recipes.Recipe.trainer", working)
    monkeypatch.setattr("course_lib.judging.evaluation.generate", working)
    monkeypatch.setattr("course_lib.data.mnist", working)


def refuse_files(*_, **__):
    raise PermissionError(13, "Permission denied")


COMMANDS = {
    "train": (["train", "shapes", "--steps", 5], ".safetensors"),
    "judge": (["train", "first-judge"], ".safetensors"),
    "sample": (["sample", "--checkpoint", "twin-cosine-0"], ".png"),
    "arrays": (["sample", "--checkpoint", "twin-cosine-0"], ".npz"),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "name, sentence",
    [
        ("no/such/folder/a", "there is no folder"),
        ("file/a", "there is no folder"),
        ("folder", "is a folder: name a file"),
        ("there", "exists: add --"),
        ("link", "exists: add --"),
        ("a.nonsense", "must end in ."),
        ("bare", "must end in ."),
        ("read only", "cannot be written: Permission denied"),
        ("a" * 252, "cannot be written: File name too long"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_at_once(
    command, name, sentence, idle, tmp_path, monkeypatch
):
    words, ending = COMMANDS[command]
    (tmp_path / "file").write_text("")
    (tmp_path / f"folder{ending}").mkdir()
    (tmp_path / f"there{ending}").write_text("mine")
    (tmp_path / f"link{ending}").symlink_to(tmp_path / "nothing")
    before = sorted(tmp_path.iterdir())
    if name == "read only":
        monkeypatch.setattr("tempfile.TemporaryFile", refuse_files)
    out = tmp_path / (name if name in ("a.nonsense", "bare") else f"{name}{ending}")
    result = course(*words, "--out", out)
    assert result.exit_code == 2, result.output
    (line,) = result.output.splitlines()
    assert line.startswith("Error: ") and sentence in line and str(out.parent) in line
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / f"there{ending}").read_text() == "mine"


@pytest.mark.parametrize("beside", ["a.json", "a-reference.safetensors"])
def test_what_a_judge_would_write_beside_is_looked_at_too(idle, tmp_path, beside):
    (tmp_path / beside).write_text("mine")
    result = course("train", "first-judge", "--out", tmp_path / "a.safetensors")
    assert result.exit_code == 2 and f"{beside} exists" in result.output


@pytest.mark.parametrize("name", ["cloud.PNG", "cloud.NPZ", "cloud.Pdf"])
def test_endings_in_capitals_work(trained, tmp_path, name):
    options = ("--steps", 2, "-n", 8, "--out", tmp_path / name)
    for more in ((), ("--overwrite",)):
        result = course("sample", "--checkpoint", trained, *options, *more)
        assert result.exit_code == 0, result.output
    assert [path.name for path in tmp_path.iterdir()] == [name]
    if name == "cloud.NPZ":
        assert np.load(tmp_path / name)["x"].shape == (8, 2)


def test_a_checkpoint_may_end_in_capitals(tmp_path):
    path = tmp_path / "SHAPES.SAFETENSORS"
    assert course("train", "shapes", "--steps", 2, "--out", path).exit_code == 0
    assert course("train", "shapes", "--steps", 2, "--out", path, "--overwrite").exit_code == 0
    assert checkpoints.read(path)[1]["step"] == 2


def test_a_checkpoint_without_a_recipe_says_what_is_missing(tmp_path):
    path, run = tmp_path / "a.safetensors", recipes.SPIRAL.trainer(steps=1)
    checkpoints.save(path, run)
    options = ("--checkpoint", path, "--steps", 2, "-n", 8, "--out", tmp_path / "a.png")
    result = course("sample", *options)
    assert result.exit_code == 2 and "load_denoiser" in result.output
    assert "recipe=" in result.output and "mnist-small" in result.output
    checkpoints.save(path, run, recipe="spiral")
    assert course("sample", *options).exit_code == 0
