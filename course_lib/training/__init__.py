"""Training: from data and a network to a denoiser, kept in a file.

Read `objective` first (what a network is trained to do), then `loop` and `trainer`. `optimizers`
make the steps, `recipes` hold the settings that work, and `checkpoints` are files of what was
trained. `distillation` makes a student of few steps out of a trained model, and `rivals` are a GAN
and a VAE, trained in the same loop to be compared with diffusion.
"""

from course_lib.training.checkpoints import about, card, load_denoiser, resume, save, shipped
from course_lib.training.distillation import Distiller, leap, pseudo_huber
from course_lib.training.loop import Record, ema
from course_lib.training.objective import (
    diffusion_loss,
    drop_labels,
    logit_normal,
    stratified_times,
)
from course_lib.training.optimizers import adamw, muon
from course_lib.training.recipes import load
from course_lib.training.rivals import GAN, VAE
from course_lib.training.trainer import Trainer

__all__ = [
    "GAN",
    "VAE",
    "Distiller",
    "Record",
    "Trainer",
    "about",
    "adamw",
    "card",
    "diffusion_loss",
    "drop_labels",
    "ema",
    "leap",
    "load",
    "load_denoiser",
    "logit_normal",
    "muon",
    "pseudo_huber",
    "resume",
    "save",
    "shipped",
    "stratified_times",
]
