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
    # 2. training
    Mutant("trained on x0", "ex2_train", "t) - eps)", "t) - batch)", says="guesses x0"),
    Mutant(
        "no steps are taken", "ex2_train", "        optimizer.step()\n", "", says="hardly learned"
    ),
    Mutant("sign swapped", "ex2_train", "t) - eps)", "t) + eps)", says="wrong sign"),
    Mutant(
        "one step only",
        "ex2_train",
        "in range(steps)",
        "in range(min(steps, 1))",
        says="hardly learned",
    ),
    Mutant(
        "learning rate far too small", "ex2_train", "lr=3e-3", "lr=3e-7", says="hardly learned"
    ),
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
]
