"""Diffusion models, from a 2-D spiral to guided image generation, on two CPU cores.

Everything rests on one line, ``x_t = alpha[t] * x0 + sigma[t] * eps``: a *schedule* holds the two
tables, a *denoiser* guesses x0 and eps from x_t, and a *sampler* walks from t = T (noise) to
t = 0 (data) with the help of a denoiser. Imports run strictly downwards:

    level 0   schedules, models, shapes, data, optimizers, fidelity, hints
    level 1   predictions, judge, spacings
    level 2   oracle, guidance, samplers, training
    level 3   solvers, metrics, evaluation, plotting, recipes, rivals, grading
    level 4   checks, a1_checks, a2_checks, a3_checks, a4_checks, a5_checks, widgets, checkpoints
    level 5   cli
"""

__version__ = "0.1.0"
