"""Checkpoints: one safetensors file with all that sampling and resuming need; no pickle."""

import json
import os
import tempfile
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from course_lib import WEIGHTS
from course_lib.predictions import EPS, VELOCITY, X0, Denoiser, V
from course_lib.schedules import Schedule
from course_lib.training.trainer import Trainer

PREDICTIONS = {prediction.name: prediction for prediction in (EPS, X0, V, VELOCITY)}
SETTINGS = ("steps", "minutes", "batch_size", "drop_label", "clip_norm")


class CheckpointError(ValueError):
    """The file is not a checkpoint of this course, or belongs to another model or run."""


def write(path: str | Path, tensors: dict[str, Tensor], about: dict) -> None:
    """Write tensors and a JSON-able description, all or nothing.

    The file appears under its name only when it is complete, so that neither Ctrl-C nor a power
    cut can leave half a checkpoint in the place of a whole one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        # copies, since tensors in a file must not share their memory, as tied weights do
        flat = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
        save_file(flat, name, {"course": json.dumps(about)})
        os.chmod(name, 0o644)
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def read(path: str | Path) -> tuple[dict[str, Tensor], dict]:
    """Read what ``write`` wrote: tensors by name, and the description.

    Raises  FileNotFoundError, or CheckpointError if the file is damaged or of another kind
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"There is no checkpoint at {path}: train one with `course train`, or name one that "
            f"comes with the course: {', '.join(shipped()) or 'none'}."
        )
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["course"])
            return {key: file.get_tensor(key) for key in file.keys()}, about
    except (SafetensorError, KeyError, ValueError) as error:
        raise CheckpointError(f"{path} is not a checkpoint of this course: {error}.") from error


def save(path: str | Path, trainer: Trainer, **about: str | float | int) -> None:
    """Save a training run: enough to sample from it, and to go on as if it had never stopped.

    The weights of a network in torch.compile or DataParallel are saved as those of a plain one.

    path    file to write, by custom ending in .safetensors
    about   anything JSON can hold that should stand beside the weights, such as ``recipe="mnist"``
    """
    optimizer = trainer.optimizer.state_dict()
    tensors = {f"model.{name}": weights for name, (_, weights) in _named(trainer.model).items()}
    average = _named(trainer.ema.module)
    tensors |= {f"ema.module.{name}": weights for name, (_, weights) in average.items()}
    tensors["ema.n_averaged"] = trainer.ema.n_averaged
    tensors |= {
        f"optimizer.{index}.{key}": value
        for index, state in optimizer["state"].items()
        for key, value in state.items()
    }
    tensors["schedule.alpha"] = trainer.schedule.alpha
    tensors["schedule.sigma"] = trainer.schedule.sigma
    tensors["generator"] = trainer.generator.get_state()
    description = {
        **about,
        "schedule": trainer.schedule.name,
        "prediction": trainer.prediction.name,
        "step": trainer.step,
        "seconds": trainer.seconds,
        "precision": str(trainer.precision).removeprefix("torch."),
        "settings": {name: getattr(trainer, name) for name in SETTINGS},
        "groups": optimizer["param_groups"],
    }
    write(path, tensors, description)


def resume(path: str | Path, trainer: Trainer) -> None:
    """Put a new trainer, built like the one that was saved, in the state where that one stopped.

    Raises  CheckpointError if the run, the model or the schedule is another one
    """
    tensors, about = read(path)
    if "generator" not in tensors:
        raise CheckpointError(f"{path} holds only what sampling needs, so it cannot be resumed.")
    here = {name: getattr(trainer, name) for name in SETTINGS}
    here["prediction"] = trainer.prediction.name
    there = about["settings"] | {"prediction": about["prediction"]}
    for name, value in here.items():
        if value != there[name]:
            raise CheckpointError(
                f"{path} was trained with {name} = {there[name]}, not {value}: build the trainer "
                f"alike to go on with it."
            )
    for table in ("alpha", "sigma"):
        if not torch.equal(getattr(trainer.schedule, table), tensors[f"schedule.{table}"]):
            raise CheckpointError(
                f"{path} was trained with another schedule, {about['schedule']}."
            )
    _load(trainer.model, _part(tensors, "model."), path)
    _load(trainer.ema.module, _part(tensors, "ema.module."), path)
    trainer.ema.n_averaged.copy_(tensors["ema.n_averaged"])
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in _part(tensors, "optimizer.").items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    trainer.optimizer.load_state_dict({"state": state, "param_groups": about["groups"]})
    trainer.generator.set_state(tensors["generator"])
    trainer.precision = getattr(torch, about["precision"])
    trainer.step, trainer.seconds = about["step"], about["seconds"]


def shipped() -> list[str]:
    """Return the names of the diffusion models that come with the course."""
    return sorted(card.stem for card in WEIGHTS.glob("*.json"))


def card(name: str) -> dict:
    """Return what is known of a shipped model: how it was trained, and what it scored."""
    return json.loads((WEIGHTS / f"{name}.json").read_text(encoding="utf-8"))


def find(name: str | Path) -> Path:
    """Return the path of a checkpoint, given a path or the name of a shipped model."""
    return WEIGHTS / f"{name}.safetensors" if str(name) in shipped() else Path(name)


def slim(path: str | Path, out: str | Path) -> None:
    """Write a checkpoint that can be sampled from, but not resumed: averaged weights in float16.

    Rounding them moves a weight by less than one part in a thousand, and makes the file twelve
    times smaller.
    """
    tensors, about = read(path)
    kept = {k: v.half() for k, v in tensors.items() if k.startswith("ema.module.")}
    kept |= {k: v for k, v in tensors.items() if k.startswith("schedule.")}
    write(out, kept, {k: v for k, v in about.items() if k != "groups"})


def about(name: str | Path) -> dict:
    """Return the description in a checkpoint, given its path or the name of a shipped one."""
    return read(find(name))[1]


def load_denoiser(
    path: str | Path, model: nn.Module, *, average: bool = True, clip: bool = False
) -> Denoiser:
    """Fill a model with saved weights and return it as a denoiser, ready to sample from.

    path     a checkpoint, or the name of a shipped model
    model    a network of the shape that was saved
    average  the moving average of the weights, or those of the last step
    clip     see ``Denoiser``
    Raises   CheckpointError if the weights do not fit the model
    """
    path = find(path)
    tensors, about = read(path)
    weights = _part(tensors, "ema.module." if average else "model.")
    _load(model, weights, path)
    schedule = Schedule(
        tensors["schedule.alpha"],
        tensors["schedule.sigma"],
        about["schedule"],
        max_terminal_signal=1,  # it was accepted when it was trained
    )
    model = model.eval().to(memory_format=torch.channels_last)  # a CPU samples faster in it
    return Denoiser(model, schedule, PREDICTIONS[about["prediction"]], clip=clip)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors under a prefix, without it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _named(module: nn.Module) -> dict[str, tuple[str, Tensor]]:
    """Return a network's weights by the names that they have in a plain one, each with its own.

    DataParallel names all weights "module.…", and torch.compile what it compiled "_orig_mod.…".
    """
    prefix = ""
    while True:
        if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            prefix, module = f"{prefix}module.", module.module
        elif hasattr(module, "_orig_mod"):
            prefix, module = f"{prefix}_orig_mod.", module._orig_mod
        else:
            break
    state = module.state_dict().items()
    return {key.replace("_orig_mod.", ""): (prefix + key, value) for key, value in state}


def _load(module: nn.Module, weights: dict[str, Tensor], path: str | Path) -> None:
    """Load weights that must fit exactly, whatever wraps the module."""
    own = {name: key for name, (key, _) in _named(module).items()}
    weights = {name.replace("_orig_mod.", ""): value for name, value in weights.items()}
    try:
        module.load_state_dict({own.get(name, name): value for name, value in weights.items()})
    except RuntimeError as error:
        raise CheckpointError(
            f"The weights in {path} do not fit this model: build it with the sizes that it was "
            f"trained with. {str(error).splitlines()[-1].strip()}"
        ) from error
