"""The models that come with the course: described truly, and as good as their cards say."""

import hashlib
from functools import partial

import pytest
import torch

from course_lib import samplers, solvers
from course_lib.judging import JUDGES, evaluation, quota_labels
from course_lib.training import checkpoints, recipes


@pytest.fixture(params=checkpoints.shipped())
def name(request):
    return request.param


def test_all_that_04_and_09_compare_is_shipped():
    kinds = ("linear", "cosine", "quadratic", "flow", "flow-middle")
    twins = {f"twin-{kind}-{k}" for kind in kinds for k in range(3)}
    assert set(checkpoints.shipped()) == twins | {"mnist", "mnist-fast"}
    size = sum(path.stat().st_size for path in checkpoints.WEIGHTS.rglob("*") if path.is_file())
    assert size < 20e6  # bytes, the judges and their references included


def test_a_card_belongs_to_its_weights(name):
    card, about = checkpoints.card(name), checkpoints.about(name)
    digest = hashlib.sha256(checkpoints.find(name).read_bytes()).hexdigest()
    assert card["sha256"] == digest
    assert card["command"].startswith(f"course train {about['recipe']} ")
    assert f"--steps {about['step']} --seed {about['seed']}" in card["command"]
    assert card["images"] == about["step"] * about["settings"]["batch_size"]
    assert card["minutes"] == pytest.approx(about["seconds"] / 60, abs=0.06)


def test_a_fresh_evaluation_agrees_with_the_card(name):
    card = checkpoints.card(name)
    stated = card["reports"][0]
    options = {name: stated[name] for name in ("guidance", "steps")}
    options["sampler"] = {"ddim": samplers.ddim, "consistency": samplers.consistency}[
        stated["sampler"]
    ]
    model = recipes.load(name)
    fresh = evaluation.evaluate(model, stated["n"], seed=stated["seed"] + 1, **options)
    for judge, said in fresh.verdicts.items():
        card_says = stated["verdicts"][judge]
        accuracy, above = card_says["accuracy"], said.distance.above
        assert said.accuracy == pytest.approx(accuracy, abs=card["tolerance"]["accuracy"])
        expected = card_says["frechet"] - card_says["floor"]["frechet"]
        assert above == pytest.approx(expected, rel=card["tolerance"]["above"], abs=4 * said.bar)


def test_the_main_model_is_as_good_as_the_readme_says():
    reports = checkpoints.card("mnist")["reports"]
    best = "ddim(eta=1.0, spacing=square_root)"  # what `course evaluate` does by itself
    large = [r for r in reports if r["n"] == 5000 and r["sampler"] == best]
    plain, guided = sorted(large, key=lambda report: report["guidance"])
    assert (plain["guidance"], guided["guidance"]) == (1.0, 1.3)
    assert plain["steps"] == guided["steps"] == 20
    for judge in JUDGES:
        said, firmly = (report["verdicts"][judge] for report in (plain, guided))
        assert said["frechet"] - said["floor"]["frechet"] <= 0.1
        assert firmly["accuracy"] >= 0.99 and min(firmly["by_class"]) >= 0.975


def test_second_order_steps_with_fresh_noise_leave_more_full_white():
    """What the judges do not see: a step of first order ends in an average, which is greyer."""
    denoiser, y = recipes.load("mnist"), quota_labels(60)
    white = {}
    for sampler in (samplers.ddim, solvers.dpm_solver):
        fresh = partial(sampler, eta=1.0)
        parts = evaluation.generate(denoiser, y, (60, 1, 28, 28), sampler=fresh)
        white[sampler] = (torch.cat(list(parts)) > 0.98).double().mean().item()
    assert white[solvers.dpm_solver] > 1.2 * white[samplers.ddim]
    assert 0.02 < white[solvers.dpm_solver] < 0.06  # real digits have 0.052


def test_an_unknown_name_lists_the_shipped_ones():
    with pytest.raises(FileNotFoundError, match="comes with the course: mnist"):
        recipes.load("minst")
