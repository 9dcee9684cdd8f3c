"""The clinic of assignment a4_diagnosis: it runs a program, shows its symptoms, and checks a mend.

A program is handed over as functions: ``loss(net, x0, y, t, eps, u)`` and
``sample(net, x, y, noise)``. The clinic brings the data, the network and the optimizer, all of
them healthy. What it says of a mended program is what it measured; it knows the name of no fault.
"""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from course_lib import NO_LABEL, networks, showing
from course_lib.checks.hints import plainly, require, shaped

T = 25
"""The last time of every program of the assignment."""
BLUR = 0.05  # standard deviation of a cluster
CENTRES = math.sqrt(2) * torch.tensor(
    [[math.cos(k * math.pi / 4), math.sin(k * math.pi / 4)] for k in range(8)],
    device="cpu",
    dtype=torch.float32,
)
"""(8, 2) centres of the clusters; centre k has the label k % 4."""


@dataclass(frozen=True)
class Symptoms:
    """What one run of a program shows.

    losses      of every training step
    by_time     (T,) loss at each t = 1 … T, on data that were not trained on
    data        (N, D) data as the program prepares them, with their labels (N,)
    drawn       (N, D) samples, asked for by the labels of the data
    unlabelled  (N, D) samples without a label
    """

    losses: Sequence[float]
    by_time: Tensor
    data: Tensor
    labels: Tensor
    drawn: Tensor
    unlabelled: Tensor


class Patient:
    """A program with clusters of points for data: eight of them, and four labels.

    loss, sample  the program's functions
    others        functions of its own by which these two ask the network, ``ask(net, x_t, t, y)``
    """

    steps, batch, lr, count = 600, 256, 4e-3, 800

    def __init__(self, loss: Callable, sample: Callable, *others: Callable) -> None:
        self.loss, self.sample, self.others = loss, sample, others

    def functions(self) -> tuple[Callable, ...]:
        """Return all functions of the program."""
        return (self.loss, self.sample, *self.others)

    def asks(self) -> tuple[Callable, ...]:
        """Return the functions by which the program asks the network."""
        return self.others

    def network(self) -> nn.Module:
        """Return a fresh network."""
        return networks.PointMLP(2, width=64, num_classes=4)

    def data(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return n points (n, 2) and their labels (n,)."""
        cluster = torch.arange(n) % 8
        x0 = CENTRES[cluster] + BLUR * torch.randn(n, 2, generator=generator)
        return x0, cluster % 4

    @functools.cached_property
    @plainly
    def symptoms(self) -> Symptoms:
        """Train a network by the program's loss, and sample by its sampler; seconds, and once."""
        g = torch.Generator().manual_seed(0)
        torch.manual_seed(0)
        net, (x0, y) = self.network(), self.data(4000, g)
        losses = self._train(net, x0, y, g)
        held, labels = self.data(self.count, g)
        with torch.no_grad():
            by_time = torch.stack([self._loss_at(net, held, labels, t) for t in range(1, T + 1)])
            start = torch.randn(held.shape, generator=g)
            noise = torch.randn(T + 1, *held.shape, generator=g)
            drawn, free = (
                shaped(self.sample(net, start, label, noise), tuple(held.shape), "The sample")
                for label in (labels, torch.full_like(labels, NO_LABEL))
            )
        return Symptoms(losses, by_time, held, labels, drawn.float(), free.float())

    def _train(self, net: nn.Module, x0: Tensor, y: Tensor, g: torch.Generator) -> list[float]:
        """Train a network; return the loss of every step."""
        optimizer = torch.optim.Adam(net.parameters(), lr=self.lr)
        falling = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, self.steps)
        losses = []
        for _ in range(self.steps):
            rows = torch.randint(len(x0), (self.batch,), generator=g)
            t = torch.randint(1, T + 1, rows.shape, generator=g)
            eps = torch.randn(x0[rows].shape, generator=g)
            u = torch.rand(rows.shape, generator=g)
            loss = self.loss(net, x0[rows], y[rows], t, eps, u)
            require(loss.shape == (), "The loss should be one number.")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            falling.step()
            losses.append(loss.item())
        return losses

    def _loss_at(self, net: nn.Module, x0: Tensor, y: Tensor, t: int) -> Tensor:
        """Return the program's loss at one time, with the same noise at all times."""
        g = torch.Generator().manual_seed(1)
        eps = torch.randn(x0.shape, generator=g)
        return self.loss(net, x0, y, torch.full(y.shape, t), eps, torch.full(y.shape, 0.5))

    def table(self) -> Tensor:
        """Return the share of the signal (T + 1,), ᾱ, in what the loss shows the network."""
        seen: list[Tensor] = []

        def spy(x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
            seen.append(x_t)
            return torch.zeros_like(x_t)

        t, ones = torch.arange(1, T + 1), torch.ones(T, 2)
        self.loss(spy, ones, t % 4, t, 0 * ones, torch.full((T,), 0.5))
        return torch.cat([torch.ones(1), seen[-1][:, 0].detach() ** 2]).double()

    def show(self) -> Figure:
        """Draw both losses, the data, and samples with and without labels."""
        s = self.symptoms
        figure, axes = plt.subplots(1, 5, figsize=(13, 2.7), layout="constrained")
        axes[0].plot(s.losses, lw=0.6)
        axes[0].set(title="loss", xlabel="training step", yscale="log")
        axes[1].plot(range(1, T + 1), s.by_time, marker="o", ms=3)
        low, high = s.by_time.min() / 1.5, s.by_time.max() * 1.5
        low = min(low, high / 20)  # a curve that is nearly flat should look so
        axes[1].set(title="loss by time", xlabel="t", yscale="log", ylim=(low, high))
        titles = ("data", "asked for by label", "without a label")
        for ax, title, x in zip(axes[2:], titles, (s.data, s.drawn, s.unlabelled)):
            self._draw(ax, x, s.labels if title != titles[2] else None)
            ax.set_title(title, fontsize=10)
        return figure

    def _draw(self, ax: plt.Axes, x: Tensor, y: Tensor | None) -> None:
        """Draw points, coloured by the label that was asked for."""
        colours = {"c": y, "cmap": "tab10", "vmin": 0, "vmax": 9}
        ax.scatter(*x.T, s=2, **({"c": "tab:blue"} if y is None else colours))
        lim = showing.LIMIT
        ax.set(xlim=(-lim, lim), ylim=(-lim, lim), aspect="equal", xticks=[], yticks=[])

    @plainly
    def check(self) -> str:
        """Compare the samples with the data; return a sentence about them.

        Raises  AssertionError that tells what is still to be seen
        """
        require(
            self.table()[T] < 0.01,
            "In training, the network still sees a good deal of the data at t = T.",
        )
        s = self.symptoms
        centre = torch.cdist(s.drawn, CENTRES).argmin(1)
        right = (centre % 4 == s.labels).double().mean()
        require(right > 0.97, f"Only {right:.0%} of the samples lie where their label does.")
        usual = _spread(s.data)
        # Few samples in training have no label, so those without one may be less sharp.
        for name, x, most in (("with", s.drawn, 1.9), ("without", s.unlabelled, 7.0)):
            spread, far = _spread(x), x.norm(dim=1).mean() / math.sqrt(2)
            require(
                0.5 * usual < spread < most * usual,
                f"Samples {name} labels lie {spread:.2f} from the nearest centre on average, and "
                f"data {usual:.2f}.",
            )
            require(
                abs(far - 1) < 0.06,
                f"Samples {name} labels lie {far:.2f} times as far out as the data.",
            )
        return f"samples lie {_spread(s.drawn):.2f} from the nearest centre, data {usual:.2f}"


def _spread(x: Tensor) -> float:
    """Return the mean distance of points (N, 2) from the nearest centre."""
    return torch.cdist(x, CENTRES).min(1).values.mean().item()
