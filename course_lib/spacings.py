"""Where a sampler stops on its way: functions from a schedule and ``steps`` to times.

Each returns a falling list of ``steps + 1`` different times that ends at 0, and can be passed to
every sampler as ``spacing``. The default is ``Schedule.timesteps``: evenly spaced, and starting at
T itself, which is the only place where pure noise is the right thing to start from.
"""

from course_lib.schedules import Schedule, evenly


def uniform(schedule: Schedule, steps: int) -> list[int]:
    """Take every c-th time from 1, c = T / steps: the first DDIM's rule, which does not reach T.

    With T = 1000 and 20 steps it starts at 951. Pure noise is put there although x_951 still holds
    some signal; notebook 05 measures what that costs.
    Raises  ValueError unless ``steps`` divides T
    See     Song et al. 2021 (arXiv:2010.02502), Section 5, with t counted from 1
    """
    schedule.check_steps(steps)
    if schedule.T % steps:
        raise ValueError(
            f"uniform takes every c-th time, so steps must divide T = {schedule.T}, and {steps} "
            f"does not."
        )
    return [*range(1 + schedule.T - schedule.T // steps, 0, -(schedule.T // steps)), 0]


def quadratic(schedule: Schedule, steps: int) -> list[int]:
    """Let t grow as the square of the step number, so that most stops are at little noise.

    See  Song et al. 2021 (arXiv:2010.02502), Appendix D.2
    """
    return _power(schedule, steps, 2.0)


def square_root(schedule: Schedule, steps: int) -> list[int]:
    """Let t grow as the root of the step number, so that most stops are at much noise.

    It is meant for samplers that add fresh noise in every step, and so mend on the way down what
    went wrong at much noise. ``make sampling`` shows what it does for DDIM.
    """
    return _power(schedule, steps, 0.5)


def karras(
    schedule: Schedule, steps: int, *, largest: float = 80.0, rho: float = 7.0
) -> list[int]:
    """Space the noise-to-signal ratio sigma/alpha evenly in its rho-th root.

    T takes the place of the first stop, since pure noise is right only there. The last one before
    0 is t = 1, as in the paper, so that of few steps one is spent on very little noise.

    largest  ratio that stands for the first stop; beyond it a step changes nothing to be seen
    rho      larger values put more stops at little noise
    See      Karras et al. 2022 (arXiv:2206.00364), Eq. 5 and Table 1
    """
    schedule.check_steps(steps)
    ratio = (schedule.sigma / schedule.alpha)[1:]  # of t = 1…T, rising, infinite where alpha is 0
    first, final = ratio.clamp(max=largest)[[-1, 0]] ** (1 / rho)
    wanted = evenly(float(first), float(final), steps) ** rho
    nearest = (ratio[None, :] - wanted[:, None]).abs().argmin(dim=1) + 1
    return _distinct([schedule.T, *nearest[1:].tolist(), 0])


def _power(schedule: Schedule, steps: int, exponent: float) -> list[int]:
    schedule.check_steps(steps)
    u = evenly(1, 0, steps + 1)
    return _distinct((schedule.T * u**exponent).round().int().tolist())


def _distinct(times: list[int]) -> list[int]:
    """Move times that coincide apart, leaving a stop for each of those still to come."""
    apart = times[:1]
    for left, t in zip(range(len(times) - 2, -1, -1), times[1:], strict=True):
        apart.append(max(left, min(t, apart[-1] - 1)))
    return apart
