"""Look at a student's network, fresh and trained, and return its answers.

The visible checks and the grader's questions both look through this; what is right it does not
know.
"""

from collections.abc import Callable

import torch
from torch import Tensor

SIZE, STEPS = 8, 80
"""Side of the pictures on which the grader trains a network, and for how many steps."""


@torch.no_grad()
def look(network: Callable, x: Tensor, t: Tensor) -> list[Tensor]:
    """Ask a new network about one batch in several ways.

    network  function from the size of an image to a network
    x, t     (B, 3, S, S) images and (B,) times
    Returns  its answers, each (B, 3, S, S): for the batch; for each image alone; for the times
             in the opposite order; and with a change in red, in green and in blue. Then, as 0
             or 1, whether it has changed what it was asked about.
    """
    torch.manual_seed(0)
    model = network(x.shape[-1])
    for weights in model.parameters():  # so that a layer that starts at zero takes part
        fan_in = weights[0].numel() if weights.ndim > 1 else 1
        weights.add_(0.3 * torch.randn_like(weights) / fan_in**0.5)
    model.eval()
    changes = torch.zeros(())

    def ask(images: Tensor, times: Tensor) -> Tensor:
        given = images.clone(), times.clone()
        answer = model(*given)
        same = torch.equal(given[0], images) and torch.equal(given[1], times)
        changes.add_(not same)
        return answer

    alone = torch.cat([ask(x[i : i + 1], t[i : i + 1]) for i in range(len(x))])
    coloured = [ask(x + torch.eye(3)[c][:, None, None], t) for c in range(3)]
    return [ask(x, t), alone, ask(x, t.flip(0)), *coloured, changes.clamp(max=1)]


def learn(network: Callable, train: Callable, x0: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
    """Train a new network on some images, and return its guess of the noise in others.

    network, train  the student's functions
    x0              (N, 3, S, S) images to train on
    x_t, t          (B, 3, S, S) noisy images and (B,) their times
    """
    torch.manual_seed(0)
    model = network(x0.shape[-1])
    model.train()
    train(model, x0, STEPS, torch.Generator().manual_seed(0))
    model.eval()
    with torch.no_grad():
        return model(x_t, t)
