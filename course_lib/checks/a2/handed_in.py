"""The trained model that is handed in: its weights as text, its images, and their judge."""

import base64
import textwrap
from collections.abc import Callable, Mapping
from functools import cache

import safetensors.torch
import torch
from IPython import get_ipython
from torch import Tensor, nn

from course_lib import samplers, say, schedules
from course_lib.data import digits
from course_lib.judging import frechet, in_batches, load_judge, load_reference, nearest
from course_lib.predictions import EPS, Denoiser

NOISE_STEPS = 500
"""T of the model that is handed in."""
STEPS = 25  # of the deterministic sampler that draws with it
HARDEST = {50: 0.5, 200: 0.2, 400: 0.1}
"""What a trained model's mean squared error of the noise must stay below, at three times."""
GOOD, FAIR = 25.0, 60.0
"""The Fréchet distances, n = 200, below which samples earn all points for quality, or some."""


def pack(model: nn.Module) -> str:
    """Write the weights of a network as text, rounded to half precision."""
    halves = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in model.state_dict().items()
    }
    data = safetensors.torch.save(halves)
    return "\n".join(textwrap.wrap(base64.b64encode(data).decode(), 96))


def unpack(text: str) -> dict[str, Tensor]:
    """Read weights that ``pack`` has written, for ``model.load_state_dict``."""
    tensors = safetensors.torch.load(base64.b64decode("".join(text.split())))
    return {
        name: value.float() if value.is_floating_point() else value
        for name, value in tensors.items()
    }


def keep(model: nn.Module) -> None:
    """Put the weights of a network into a new cell below this one, as ``WEIGHTS = …``.

    Raises  RuntimeError outside of a notebook
    """
    shell = get_ipython()
    if shell is None:
        raise RuntimeError("There is no notebook here to put a cell into: print pack(model).")
    text = pack(model)
    shell.set_next_input(f'WEIGHTS = """\n{text}\n"""')
    say(
        f"{len(text) / 1e6:.2f} MB of text are in a new cell below; the notebook says what to do "
        "with them. If your editor shows no new cell, print(checks.pack(network)) and copy that."
    )


@torch.no_grad()
def draw(model: Callable, x: Tensor) -> Tensor:
    """Draw images with a trained network, the same ones whenever the noise is the same.

    model    called as ``model(x_t, t)``, trained with the linear schedule and T = NOISE_STEPS
    x        (B, 1, 28, 28) standard normal noise
    Returns  (B, 1, 28, 28) in [-1, 1], after STEPS steps of DDIM, with x0 clipped
    See      Song et al. 2021 (arXiv:2010.02502), Eq. 12; assignment a3
    """
    schedule = schedules.linear(NOISE_STEPS)
    denoiser = Denoiser(lambda x_t, t, y: model(x_t.clone(), t), schedule, EPS, clip=True)
    return samplers.last(samplers.ddim(denoiser, x, schedule, steps=STEPS)).clamp(-1, 1)


@cache
def references() -> Mapping[str, Tensor]:
    """Return the judge's features (N, 128) of real images of both data sets."""
    small = in_batches(load_judge().features, digits().x_train[:3000])
    return {"mnist": load_reference().features, "digits": small}


def quality(x: Tensor) -> float:
    """Return the Fréchet distance of images x (N, 1, 28, 28) to real ones.

    It is the smaller of the distances to MNIST and to the embedded digits, since a model may
    have been trained with either. It depends on N.
    """
    features = in_batches(load_judge().features, x)
    return min(frechet(real, features) for real in references().values())


def flaw(x: Tensor, again: Tensor) -> str | None:
    """Say why images do not count, whatever their quality: not the noise alone has made them.

    x      (N, 1, 28, 28)
    again  images from the noise of the first of x, drawn in another batch
    """
    if (again - x[: len(again)]).abs().mean() > 0.02:
        return "The same noise does not lead to the same images."
    flat = x.flatten(1)
    apart = torch.cdist(flat, flat).fill_diagonal_(float("inf")).min(dim=1).values
    if (apart < 0.5).double().mean() > 0.2:
        return "Different noise leads to the same images."
    distance, _ = nearest(x, torch.cat([digits().x_train, digits().x_test]))
    if (distance < 0.5).double().mean() > 0.2:
        return "The images are copies of the embedded ones."
    return None


def noisy_digits(count: int, t: int) -> tuple[Tensor, Tensor]:
    """Return real digits that no model was trained with, at time t, and the noise in them."""
    x0, generator = digits().x_test[:count], torch.Generator().manual_seed(t)
    eps = samplers.randn(x0.shape, generator)
    return schedules.linear(NOISE_STEPS).add_noise(x0, t, eps), eps
