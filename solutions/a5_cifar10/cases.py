"""What the grader of a5_cifar10 is tested with: wrong answers, and right ones."""

from course_lib.grading.demo import Alternate, Mutant

MUTANTS = [
    # 1. the network
    Mutant(
        "a dead time",
        "ex1_network",
        " + self.time(vector)[:, :, None, None]",
        "",
        says="time does not reach",
        also="ex2_train",
    ),
    Mutant(
        "normalised over the batch",
        "ex1_network",
        "vector = self.time(waves(t, self.dim))",
        "vector = self.time(waves(t, self.dim))\n        x_t = x_t - x_t.mean(0)",
        says="alone",
        also="ex2_train",
    ),
    Mutant(
        "chance in the network",
        "ex1_network",
        "x + self.conv2(F.silu(h))",
        "x + self.conv2(F.dropout(F.silu(h), 0.1))",
        says="alone",
        also="ex2_train",
    ),
    Mutant(
        "one colour forgotten",
        "ex1_network",
        "F.pixel_unshuffle(x_t, 2)",
        "F.pixel_unshuffle(x_t[:, [1, 1, 2]], 2)",
        says="shape",
        then=(
            "return x_t + F.pixel_shuffle(self.out(F.silu(h)), 2)",
            "return F.pixel_shuffle(self.out(F.silu(h)), 2)[:, :2]",
        ),
        also="ex2_train",
    ),
    Mutant(
        "blind to red",
        "ex1_network",
        "vector = self.time(waves(t, self.dim))",
        "vector = self.time(waves(t, self.dim))\n        x_t = x_t[:, [1, 1, 2]]",
        says="does not see red",
        also="ex2_train",
    ),
    Mutant(
        "an answer in grey",
        "ex1_network",
        "return x_t + F.pixel_shuffle(self.out(F.silu(h)), 2)",
        "h = x_t + F.pixel_shuffle(self.out(F.silu(h)), 2)\n"
        "        return h.mean(1, keepdim=True).expand(x_t.shape)",
        says="one and the same answer",
        also="ex2_train",
    ),
    Mutant(
        "input changed in place",
        "ex1_network",
        "vector = self.time(waves(t, self.dim))",
        "vector = self.time(waves(t, self.dim))\n        x_t *= 1.5",
        says="in place",
        also="ex2_train",
    ),
    Mutant(
        "sides of sixteen only",
        "ex1_network",
        "h = self.down(fine)",
        "h = self.down(fine[..., : fine.shape[-1] // 8 * 8, : fine.shape[-1] // 8 * 8])",
        says="stops with",
        also="ex2_train",
    ),
    # 2. training
    Mutant("trained on x0", "ex2_train", "t) - eps)", "t) - batch)", says="drawn to x0"),
    Mutant(
        "no steps are taken", "ex2_train", "        optimizer.step()\n", "", says="do not move"
    ),
    Mutant("sign swapped", "ex2_train", "t) - eps)", "t) + eps)", says="wrong sign"),
    Mutant("one step only", "ex2_train", "range(steps)", "range(min(steps, 1))", says="fewer"),
    Mutant(
        "learning rate far too small", "ex2_train", "lr=3e-3", "lr=3e-7", says="hardly learned"
    ),
    Mutant("three times the steps", "ex2_train", "range(steps)", "range(3 * steps)", "more steps"),
    Mutant(
        "one t for the batch",
        "ex2_train",
        "(len(batch),), generator=generator)",
        "(1,), generator=generator).expand(len(batch))",
        says="whole batch",
    ),
    Mutant("one t, told once", "ex2_train", "(len(batch),), gen", "(1,), gen", says="whole batch"),
    Mutant(
        "t from 0 to T - 1",
        "ex2_train",
        "torch.randint(1, SCHEDULE.T + 1,",
        "torch.randint(0, SCHEDULE.T,",
        says="t = 0",
    ),
    Mutant(
        "t from 0 to T",
        "ex2_train",
        "torch.randint(1, SCHEDULE.T + 1,",
        "torch.randint(0, SCHEDULE.T + 1,",
        says="t = 0",
    ),
    Mutant(
        "t from 1 to T - 1", "ex2_train", "SCHEDULE.T + 1", "SCHEDULE.T", says="t = T is never"
    ),
    Mutant("t from 200", "ex2_train", "randint(1,", "randint(200,", says="never drawn"),
    Mutant(
        "small times oftener",
        "ex2_train",
        "t = torch.randint(1, SCHEDULE.T + 1, (len(batch),), generator=generator)",
        "u = torch.rand(len(batch), generator=generator)\n"
        "        t = (SCHEDULE.T * u**1.3).ceil().long().clamp(min=1)",
        says="not uniform",
    ),
    Mutant(
        "told one less", "ex2_train", "eps), t) - eps", "eps), t - 1) - eps", says="told t − 1"
    ),
    Mutant(
        "told one more", "ex2_train", "eps), t) - eps", "eps), t + 1) - eps", says="told t + 1"
    ),
    Mutant(
        "told t / T", "ex2_train", "eps), t) - eps", "eps), t / SCHEDULE.T) - eps", "whole numbers"
    ),
    Mutant("absolute error", "ex2_train", ".square().mean()", ".abs().mean()", says="absolute"),
    Mutant(
        "late times count more",
        "ex2_train",
        "- eps).square()",
        "- eps).mul(t[:, None, None, None] ** 0.5).square()",
        says="not that of the mean squared",
    ),
    Mutant(
        "clean images shown",
        "ex2_train",
        "SCHEDULE.add_noise(batch, t, eps)",
        "batch",
        says="clean images",
    ),
    Mutant("uniform noise", "ex2_train", "torch.randn(", "torch.rand(", says="mean 0"),
    Mutant(
        "uniform noise of the right size",
        "ex2_train",
        "eps = torch.randn(batch.shape, generator=generator)",
        "eps = 12**0.5 * (torch.rand(batch.shape, generator=generator) - 0.5)",
        says="not Gaussian",
    ),
    Mutant(
        "one noise for the batch",
        "ex2_train",
        "torch.randn(batch.shape, generator=generator)",
        "torch.randn(batch.shape[1:], generator=generator).expand(batch.shape)",
        says="share their noise",
    ),
    Mutant(
        "grey noise",
        "ex2_train",
        "torch.randn(batch.shape, generator=generator)",
        "torch.randn(batch[:, :1].shape, generator=generator).expand(batch.shape)",
        says="colours share",
    ),
    Mutant(
        "generator unused",
        "ex2_train",
        ", generator=generator)",
        ")",
        says="come from the generator",
    ),
    Mutant(
        "only the noise from the generator",
        "ex2_train",
        "(len(batch),), generator=generator)",
        "(len(batch),))",
        says="come from the generator",
    ),
    Mutant(
        "a generator made anew",
        "ex2_train",
        "    losses = []\n",
        "    losses = []\n"
        "    generator = torch.Generator().manual_seed(generator.initial_seed())\n",
        says="the same again",
    ),
    Mutant(
        "images changed in place",
        "ex2_train",
        "    losses = []\n",
        "    losses = []\n    x0.add_(1).div_(2)\n",
        says="in place",
    ),
    Mutant("no list", "ex2_train", "    return losses\n", "", says="list of the losses"),
]

ALTERNATES = [
    Alternate(
        "no halving at all",
        "ex1_network",
        """
class Plain(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.clock = nn.Sequential(nn.Linear(1, 32), nn.SiLU(), nn.Linear(32, 4 * width))
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.layers = nn.ModuleList(
            nn.Conv2d(width, width, 3, padding=d, dilation=d) for d in (1, 2, 1, 2)
        )
        self.last = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, x, t):
        h = self.first(x)
        shifts = self.clock(t[:, None] / 500 - 1).chunk(4, dim=1)
        for layer, shift in zip(self.layers, shifts):
            h = h + layer(F.gelu(h + shift[..., None, None]))
        return x + self.last(F.gelu(h))

def network(size):
    return Plain()

def look(model):
    return [tuple(p.shape) for p in model.parameters()]
""",
    ),
    Alternate(
        "time as a picture",
        "ex1_network",
        """
def network(size):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(28, 64, 3, padding=1), nn.Conv2d(64, 64, 3, padding=1)
            self.c, self.d = nn.Conv2d(64, 64, 3, padding=1), nn.Conv2d(64, 12, 1)

        def forward(self, x, t):
            small = F.pixel_unshuffle(x, 2)
            angle = t[:, None] / 1000 * torch.pi * torch.tensor([0.5, 1, 2, 3, 5, 8, 13, 21])
            clock = torch.cat([angle.sin(), angle.cos()], 1)[:, :, None, None]
            h = torch.cat([small, clock.expand(-1, -1, *small.shape[2:])], 1)
            h = F.silu(self.a(h))
            h = h + F.silu(self.b(h))
            h = h + F.silu(self.c(h))
            return x + F.pixel_shuffle(self.d(h), 2)

    return Net()
""",
    ),
    Alternate(
        "training with AdamW and epochs",
        "ex2_train",
        """
def train(model, x0, steps, generator):
    opt, losses = torch.optim.AdamW(model.parameters(), 2e-3, betas=(0.9, 0.99)), []
    while len(losses) < steps:
        for rows in torch.randperm(len(x0), generator=generator).split(64):
            if len(losses) == steps:
                break
            x, t = x0[rows], torch.randint(1, 1001, (len(rows),), generator=generator)
            z = torch.empty_like(x).normal_(generator=generator)
            a = SCHEDULE.alpha[t].float().view(-1, 1, 1, 1)
            s = SCHEDULE.sigma[t].float().view(-1, 1, 1, 1)
            loss = F.mse_loss(model(a * x + s * z, t), z)
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            losses.append(loss.item())
    return losses
""",
    ),
    Alternate(
        "an average of the weights, and times spread evenly",
        "ex2_train",
        """
import copy

def train(model, x0, steps, generator):
    average = copy.deepcopy(model)
    opt = torch.optim.AdamW(model.parameters(), lr=6e-3)
    fall = torch.optim.lr_scheduler.OneCycleLR(opt, 6e-3, total_steps=steps)
    losses = []
    for step in range(steps):
        x = x0[torch.randperm(len(x0), generator=generator)[:48]]
        u = torch.rand(len(x), generator=generator)
        t = ((torch.arange(len(x)) + u) / len(x) * SCHEDULE.T).floor().long() + 1
        z = torch.randn(x.shape, generator=generator)
        loss = F.mse_loss(model(SCHEDULE.add_noise(x, t, z), t), z)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(model.parameters(), 1.0)
        opt.step()
        fall.step()
        with torch.no_grad():
            for slow, fast in zip(average.parameters(), model.parameters()):
                slow.lerp_(fast, 1 - min(0.9, step / (step + 10)))
        losses.append(loss.detach())
    model.load_state_dict(average.state_dict())
    return losses
""",
    ),
    Alternate(
        "gradients of two halves, and a look at the error now and then",
        "ex2_train",
        """
def train(model, x0, steps, generator):
    opt = torch.optim.Adamax(model.parameters(), 8e-3)
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(opt, steps)
    losses = []
    for step in range(steps):
        total = 0.0
        for _ in range(2):
            x = x0[torch.randint(len(x0), (24,), generator=generator)].flip(3)
            t = 1 + (SCHEDULE.T * torch.rand(24, generator=generator)).long()
            z = torch.randn(x.shape, generator=generator)
            loss = (model(x_t=SCHEDULE.add_noise(x, t, z), t=t) - z).pow(2).mean() / 2
            loss.backward()
            total += loss.item()
        opt.step()
        opt.zero_grad()
        fall.step()
        if step % 10 == 0:
            with torch.no_grad():
                model(x, t)
        losses.append(total)
    return losses
""",
    ),
    Alternate(
        "batches from a loader",
        "ex2_train",
        """
from itertools import cycle, islice
from torch.utils.data import DataLoader

def train(model, x0, steps, generator):
    loader = DataLoader(x0, batch_size=50, shuffle=True, generator=generator, drop_last=True)
    opt = torch.optim.Adam(model.parameters(), 3e-3)
    return [one(model, opt, x, generator) for x in islice(cycle(loader), steps)]

def one(model, opt, x, generator):
    t = torch.randint(1, 1001, (len(x),), generator=generator)
    z = torch.randn(x.size(), generator=generator)
    loss = F.mse_loss(model(SCHEDULE.add_noise(x, t, z), t), z)
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss.item()
""",
    ),
]
