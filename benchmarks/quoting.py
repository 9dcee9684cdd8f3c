"""How the benchmarks quote what the judges say: above the floor, over seeds, with an error."""

from collections.abc import Iterable

import torch

from course_lib.judging import JUDGES


def above(verdict: dict) -> float:
    """Return a verdict's Fréchet distance above its floor."""
    return verdict["frechet"] - verdict["floor"]["frechet"]


def over_seeds(values: Iterable[float], form: str) -> str:
    """Return the mean of values from several seeds ± its standard error, or the value of one."""
    values = torch.tensor(list(values), dtype=torch.float64)
    mean = f"{values.mean():{form}}"
    if len(values) < 2:
        return mean
    return f"{mean} ± {values.std() / len(values) ** 0.5:{form.lstrip('+')}}"


def distances(reports: list[dict]) -> str:
    """Return what each judge says of a distance above its floor, the first judge first.

    reports  one for each seed. The error of several is that of their mean, training or sampling
             included as the seeds were; that of one holds which samples were drawn.
    """
    said = []
    for judge in JUDGES:
        verdicts = [report["verdicts"][judge] for report in reports]
        if len(verdicts) == 1:
            said.append(f"{above(verdicts[0]):+.2f} ± {verdicts[0]['bar']:.2f}")
        else:
            said.append(over_seeds(map(above, verdicts), "+.2f"))
    return ", ".join(said)


def accuracies(reports: list[dict]) -> str:
    """Return what share each judge reads as asked, over all reports, the first judge first."""
    means = [
        sum(report["verdicts"][judge]["accuracy"] for report in reports) / len(reports)
        for judge in JUDGES
    ]
    return ", ".join(f"{mean:.1%}" for mean in means)
