"""Diffusion models, from a 2-D spiral to guided image generation, on two CPU cores.

Everything rests on one line, ``x_t = alpha[t] * x0 + sigma[t] * eps``, where t = 0 is data and
t = T is noise. The modules of this folder are the theory. Read them first, in this order:

    schedules    how much signal and noise is in x_t: the tables alpha and sigma
    predictions  what a network's output means: a denoiser guesses x0 and eps from x_t
    samplers     how guesses become samples: DDPM and DDIM walk from t = T to t = 0
    spacings     where a sampler stops on its way
    solvers      the same way as a differential equation: Euler, Heun, DPM-Solver++, and back
    guidance     how a label is followed more closely than it was in training
    oracle       the best guess there is, in closed form; samplers are tested against it
    likelihood   how likely data are, by the flow and by the loss

Around it lie the rooms, each a folder whose first line says what it is for:

    networks     what is trained: an MLP for points, a U-Net for images
    data         what it is trained on: shapes in the plane, images of digits
    training     how: the objective, the loop, optimizers, recipes, checkpoints
    judging      how good samples are, measured beside what real data score
    showing      figures and sliders
    checks       what says "✓" to a learner, or what is wrong, with a hint
    grading      the grader of assignments, which trusts nothing
    cli          the command line, ``course``
    weights      what comes trained: the models, each with a card, and the judge
"""

import sys
from pathlib import Path

__version__ = "0.1.0"

NO_LABEL = -1
"""The label of a sample whose label was dropped; ``y=None`` gives it to the whole batch."""

WEIGHTS = Path(__file__).parent / "weights"
"""Folder of the trained models that come with the course."""

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
"""Folder of what was measured on one machine, in the course's own folder, for the notebooks."""


def say(text: str) -> None:
    """Print a line, even to a stream that lacks its signs, as Windows' cp1252 lacks "✓"."""
    try:
        print(text)
    except UnicodeEncodeError:
        encoding = getattr(sys.stdout, "encoding", None) or "ascii"
        plain = text.replace("✓", "OK:").replace("✗", "NOT YET:")
        print(plain.encode(encoding, "replace").decode(encoding))
