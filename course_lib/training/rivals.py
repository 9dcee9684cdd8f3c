"""Rivals of diffusion, to be trained for as long and judged as strictly: a small GAN and a VAE.

Both draw a digit in one call of a ``Decoder``, from a latent vector z and a label y. They differ
in the network that teaches it: a GAN's ``Critic`` tells real digits from drawn ones, a VAE's
``Encoder`` says which z would have drawn a given digit.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from course_lib.samplers import randn
from course_lib.training.loop import Run, ema

CLASSES = 10
PACK = 2  # images that the critic sees at once
BATCH = 500  # images drawn at a time


class Decoder(nn.Module):
    """Draw images in one call, (B, latent) and labels (B,) → (B, 1, 28, 28) in [-1, 1].

    latent  length of z
    width   channels at 7×7, a multiple of 8; as in the U-Net, few are left at full size
    See     Radford et al. 2016 (arXiv:1511.06434), Section 3
    """

    def __init__(self, latent: int, width: int = 64) -> None:
        super().__init__()
        self.latent = latent
        self.label = nn.Embedding(CLASSES, latent)
        self.layers = nn.Sequential(
            nn.Linear(2 * latent, width * 7 * 7, bias=False),
            nn.Unflatten(1, (width, 7, 7)),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Upsample(scale_factor=2.0),
            nn.Conv2d(width, width // 2, 3, padding=1, bias=False),  # (B, width/2, 14, 14)
            nn.BatchNorm2d(width // 2),
            nn.ReLU(),
            nn.PixelShuffle(2),
            nn.Conv2d(width // 8, 1, 3, padding=1),  # (B, 1, 28, 28)
        )

    def logits(self, z: Tensor, y: Tensor) -> Tensor:
        """Return log(p / (1 − p)), (B, 1, 28, 28), where p in 0…1 is how white a pixel is."""
        return self.layers(torch.cat([z, self.label(y)], dim=1))

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Return images (B, 1, 28, 28): 2p − 1."""
        return torch.tanh(self.logits(z, y) / 2)


def eye(images: int, features: int, width: int = 64) -> nn.Sequential:
    """Build the part that looks at several images at once, (B, images, 28, 28) → (B, features)."""
    return nn.Sequential(
        nn.PixelUnshuffle(2),
        nn.Conv2d(4 * images, width // 2, 3, padding=1),  # (B, width/2, 14, 14)
        nn.LeakyReLU(0.2),
        nn.Conv2d(width // 2, width, 4, stride=2, padding=1),  # (B, width, 7, 7)
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(width * 7 * 7, features),
        nn.LeakyReLU(0.2),
    )


class Critic(nn.Module):
    """Score images x (B, 1, 28, 28) with labels y (B,), PACK at a time: high where they look real.

    One digit that is drawn ever again looks real on its own; beside its copy it gives itself
    away. Every layer is divided by its largest singular value, so that the score cannot change
    much faster than the images do.
    See  Lin et al. 2018 (arXiv:1712.04086) for the packs; Miyato et al. 2018 (arXiv:1802.05957),
         Section 2.1; Miyato & Koyama 2018 (arXiv:1802.05637), Section 3, for the labels
    """

    def __init__(self, features: int = 96) -> None:
        super().__init__()
        self.eye = eye(PACK, features)
        self.score, self.label = nn.Linear(features, 1), nn.Embedding(CLASSES, features)
        for layer in (*self.eye, self.score, self.label):
            if hasattr(layer, "weight"):
                spectral_norm(layer)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return (B / PACK,) scores.

        Raises  ValueError if B is not a multiple of PACK
        """
        if len(y) % PACK:
            raise ValueError(
                f"The critic looks at {PACK} images at once: give it a multiple of {PACK}, "
                f"not {len(y)}."
            )
        h = self.eye(x.reshape(-1, PACK, *x.shape[2:]))
        label = self.label(y).reshape(-1, PACK, h.shape[1]).mean(1)
        return self.score(h).squeeze(1) + (label * h).sum(1)


class Encoder(nn.Module):
    """Say which z would draw images x (B, 1, 28, 28) with labels y (B,): a Gaussian for each."""

    def __init__(self, latent: int, features: int = 96) -> None:
        super().__init__()
        self.eye = eye(1, features)
        self.label = nn.Embedding(CLASSES, features)
        self.out = nn.Linear(features, 2 * latent)

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return its mean and its log variance, (B, latent) each."""
        mean, log_variance = self.out(self.eye(x) + self.label(y)).chunk(2, dim=1)
        return mean, log_variance


class Rival(Run):
    """Everything that a training run of a GAN or a VAE is made of; build one of these two.

    x           (N, 1, 28, 28) training images in [-1, 1]
    y           (N,) labels, 0 to 9
    latent      length of z
    lr          learning rate of the first step
    betas       Adam's two decay rates
    steps, minutes, batch_size, seed
                as in ``Trainer``; the seed decides the initial weights too
    """

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        *,
        latent: int = 16,
        lr: float = 4e-3,
        betas: tuple[float, float] = (0.5, 0.99),
        steps: int | None = None,
        minutes: float | None = None,
        batch_size: int = 64,
        seed: int = 0,
    ) -> None:
        self.x, self.y, self.batch_size = x, y, batch_size
        with torch.random.fork_rng(devices=[]), torch.device("cpu"):
            torch.manual_seed(seed)
            self.decoder = Decoder(latent).float().to(memory_format=torch.channels_last)
            self.teacher = self._teacher(latent).float().to(memory_format=torch.channels_last)
        self.ema = ema(self.decoder, 0.999)
        self.draws, self.teaches = (
            torch.optim.Adam(network.parameters(), lr, betas)
            for network in (self.decoder, self.teacher)
        )
        super().__init__([self.draws, self.teaches], steps=steps, minutes=minutes, seed=seed)

    def _step(self) -> tuple[float, float]:
        size, g = (self.batch_size,), self.generator
        index = torch.randint(len(self.x), size, generator=g, device=g.device)
        loss, norm = self._learn(self.x[index], self.y[index])
        if math.isnan(loss):
            raise self._diverged("The loss is not a number")
        self.ema.update_parameters(self.decoder)
        return loss, norm

    def _teacher(self, latent: int) -> nn.Module:
        """Build the network that teaches the decoder."""
        raise NotImplementedError

    def _learn(self, x: Tensor, y: Tensor) -> tuple[float, float]:
        """Make one step on a batch; return its loss and the length of the decoder's gradient."""
        raise NotImplementedError

    def _noise(self, count: int) -> Tensor:
        """Draw a latent vector for each of ``count`` images."""
        return randn((count, self.decoder.latent), self.generator)

    @torch.no_grad()
    def sample(self, y: Tensor, *, seed: int = 0) -> Tensor:
        """Draw images (N, 1, 28, 28) for labels y (N,), with the average of the weights."""
        decoder, generator = self.ema.module.eval(), torch.Generator().manual_seed(seed)
        z = randn((len(y), decoder.latent), generator)
        return torch.cat([decoder(*part) for part in zip(z.split(BATCH), y.split(BATCH))])


class GAN(Rival):
    """A generative adversarial network: a decoder and a critic, each trained to defeat the other.

    The loss that it reports is the critic's: 2 where the critic cannot tell real digits from
    drawn ones, 0 where it always can. It does not fall as the digits get better.
    See  Goodfellow et al. 2014 (arXiv:1406.2661); Lim & Ye 2017 (arXiv:1705.02894) for the loss
    """

    def _teacher(self, latent: int) -> Critic:
        return Critic()

    def _learn(self, x: Tensor, y: Tensor) -> tuple[float, float]:
        order = y.argsort()  # most packs then show one digit, and differ in everything else
        x, y = x[order], y[order]
        drawn = self.decoder(self._noise(len(x)), y)
        real, fake = self.teacher(x, y), self.teacher(drawn.detach(), y)
        loss = F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        self.teaches.zero_grad()
        loss.backward()
        self.teaches.step()

        self.teacher.requires_grad_(False)
        self.draws.zero_grad()
        self.teacher(drawn, y).mean().neg().backward()
        self.teacher.requires_grad_(True)
        norm = nn.utils.get_total_norm([p.grad for p in self.decoder.parameters()])
        self.draws.step()
        return loss.item(), norm.item()


class VAE(Rival):
    """A variational autoencoder: an encoder names the z of every image, a decoder draws it again.

    The loss that it reports bounds the negative log likelihood, in nats per image; a grey pixel
    counts as partly white and partly black.
    See  Kingma & Welling 2014 (arXiv:1312.6114), Eq. 10
    """

    def _teacher(self, latent: int) -> Encoder:
        return Encoder(latent)

    def _learn(self, x: Tensor, y: Tensor) -> tuple[float, float]:
        mean, log_variance = self.teacher(x, y)
        z = mean + (log_variance / 2).exp() * self._noise(len(x))
        logits = self.decoder.logits(z, y)
        wrong = F.binary_cross_entropy_with_logits(logits, (x + 1) / 2, reduction="none")
        told = (mean.square() + log_variance.exp() - log_variance - 1) / 2
        loss = (wrong.flatten(1).sum(1) + told.sum(1)).mean()
        for optimizer in (self.draws, self.teaches):
            optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.get_total_norm([p.grad for p in self.decoder.parameters()])
        for optimizer in (self.draws, self.teaches):
            optimizer.step()
        return loss.item(), norm.item()
