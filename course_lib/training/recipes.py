"""The recommended settings for each data set of the course: what to train, on what, and how."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from course_lib import data, networks, schedules
from course_lib.predictions import VELOCITY, Denoiser, Prediction, V
from course_lib.schedules import Schedule
from course_lib.training import checkpoints
from course_lib.training.distillation import Distiller
from course_lib.training.objective import logit_normal
from course_lib.training.optimizers import adamw, muon
from course_lib.training.trainer import Trainer


@dataclass(frozen=True)
class Recipe:
    """A model, its schedule and its data, and the settings that train it well.

    name        what the command line calls it
    load        function that returns the data, x0 (N, *D) and y (N,) or None
    model       function that builds the network, with fresh weights
    schedule    function that builds the noise schedule
    prediction  what the network outputs
    minutes     a training time that gives good samples on two CPU cores
    sample      shape of one sample, (*D)
    num_classes number of labels, or None
    settings    further arguments of ``Trainer``, or of ``Distiller`` where there is a teacher
    teacher     function that returns the denoiser to be distilled, whose weights the student
                begins with; None where a model is trained on data
    """

    name: str
    load: Callable[[], tuple[Tensor, Tensor | None]]
    model: Callable[[], nn.Module]
    schedule: Callable[[], Schedule]
    prediction: Prediction
    minutes: float
    sample: tuple[int, ...]
    num_classes: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    teacher: Callable[[], Denoiser] | None = None

    def network(self) -> nn.Module:
        """Return a fresh network, float32 on the CPU whatever torch's defaults are."""
        with torch.device("cpu"):
            return self.model().float()

    def trainer(
        self, *, steps: int | None = None, minutes: float | None = None, seed: int = 0
    ) -> Trainer:
        """Return a Trainer for this recipe; ``seed`` also decides the initial weights.

        steps, minutes  length of the run; the recipe's own minutes if neither is given
        """
        x0, y = self.load()
        if steps is None and minutes is None:
            minutes = self.minutes
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = self.network()
        run, length = Trainer, {"steps": steps, "minutes": minutes}
        if self.teacher is not None:
            teacher = self.teacher()
            model.load_state_dict(teacher.model.state_dict(), strict=False)
            run = partial(Distiller, teacher)
        about = (model, self.schedule(), self.prediction, x0, y)
        return run(*about, seed=seed, **length, **self.settings)


def _spiral() -> tuple[Tensor, None]:
    return data.spiral(20_000, generator=torch.Generator().manual_seed(0)), None


def _shapes() -> tuple[Tensor, Tensor]:
    return data.labelled(20_000, generator=torch.Generator().manual_seed(0))


def _mnist() -> tuple[Tensor, Tensor]:
    digits = data.load_images()
    return digits.x_train, digits.y_train


def _unet(width: int, guided: bool = False) -> Callable[[], nn.Module]:
    sizes = {"image_size": 28, "channels": 1, "width": width, "num_classes": 10}
    return partial(networks.UNet, **sizes, guided=guided)


SPIRAL = Recipe(
    "spiral",
    _spiral,
    networks.PointMLP,
    schedules.cosine,
    V,
    minutes=0.5,
    sample=(2,),
    settings={"batch_size": 512, "optimizer": partial(adamw, lr=3e-3)},
)
SHAPES = Recipe(
    "shapes",
    _shapes,
    lambda: networks.PointMLP(num_classes=len(data.SHAPES)),
    schedules.cosine,
    V,
    minutes=1.0,
    sample=(2,),
    num_classes=len(data.SHAPES),
    settings={"batch_size": 512, "optimizer": partial(adamw, lr=3e-3)},
)
MNIST = Recipe(
    "mnist",
    _mnist,
    _unet(48),
    schedules.cosine,
    V,
    minutes=5.0,
    sample=(1, 28, 28),
    num_classes=10,
    settings={"optimizer": muon},
)
MNIST_SMALL = replace(MNIST, name="mnist-small", model=_unet(32), minutes=1.0)
MNIST_LARGE = replace(MNIST, name="mnist-large", model=_unet(64), minutes=60.0)
"""A wider network learns more from an image and sees fewer of them in a minute: of these three,
each is the best in its own time."""

TWINS = tuple(
    replace(MNIST, name=f"twin-{schedule.__name__}", model=_unet(24), schedule=schedule, minutes=2)
    for schedule in (schedules.linear, schedules.cosine, schedules.quadratic)
)
"""Three small models that differ in nothing but their noise schedule."""

FLOW = replace(TWINS[1], name="twin-flow", schedule=schedules.flow, prediction=VELOCITY)
FLOW_MIDDLE = replace(
    FLOW, name="twin-flow-middle", settings=MNIST.settings | {"density": logit_normal(1000)}
)
"""Two more that predict the velocity on the straight line, the second with logit-normal times."""


def _mnist_model() -> Denoiser:
    return checkpoints.load_denoiser("mnist", MNIST_LARGE.network())


MNIST_FAST = replace(
    MNIST_LARGE,
    name="mnist-fast",
    model=_unet(64, guided=True),
    teacher=_mnist_model,
    minutes=30.0,
    settings=MNIST.settings | {"guidance": (1.0, 3.0), "clip": True, "stops": 8},
)
"""The shipped model's student: digits in one or two evaluations, under a guidance it is told."""

RECIPES = {
    recipe.name: recipe
    for recipe in (
        *(SPIRAL, SHAPES, MNIST, MNIST_SMALL, MNIST_LARGE, MNIST_FAST),
        *(*TWINS, FLOW, FLOW_MIDDLE),
    )
}


def trained_by(name: str | Path) -> Recipe:
    """Return the recipe that a checkpoint was trained by, given its path or a shipped name.

    Raises   FileNotFoundError, or CheckpointError if the file names none
    """
    named = checkpoints.about(name).get("recipe")
    if named is None:
        raise checkpoints.CheckpointError(
            f"{name} does not say which network it holds: use `load_denoiser(path, model)` in "
            "Python, or save it by `save(path, trainer, recipe=…)` with the one that builds the "
            f"network: {', '.join(RECIPES)}."
        )
    if named not in RECIPES:
        raise checkpoints.CheckpointError(
            f"{name} holds no diffusion model: train one with `course train`."
        )
    return RECIPES[named]


def load(name: str | Path, *, average: bool = True) -> Denoiser:
    """Return a model that `course train` has written, or one that comes with the course.

    name     a path, or one of ``shipped()``, such as "mnist"
    average  the moving average of the weights, or those of the last step
    Raises   FileNotFoundError, or CheckpointError if the file holds no diffusion model
    """
    return checkpoints.load_denoiser(name, trained_by(name).network(), average=average)
