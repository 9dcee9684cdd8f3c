"""What the grader of a2_mnist_ddpm is tested with: wrong answers, and right ones.

A case starts from the master and changes one answer. A mutant must lose points of that exercise,
and of no other, with a finding that contains the words in ``says``; an alternate must lose
nothing. Weights are of no use to another network than the one that was trained with them, so a
fault of the network may cost the trained model as well.
"""

from course_lib.grading.demo import Alternate, Mutant

DRAWN = "t = torch.randint(1, self.noise_steps + 1, (len(x),))"
LINE = "1000 / noise_steps * torch.linspace(1e-4, 0.02, noise_steps)"
MIXED = "share.sqrt() * x + (1 - share).sqrt() * noise"
MEAN = "(x - beta / (1 - share).sqrt() * eps) / (1 - beta).sqrt()"


def network(name: str, old: str, new: str, says: str, **options: object) -> Mutant:
    """A fault of the network, with which the weights of the master are of little use."""
    return Mutant(name, "ex1_model", old, new, says, also="ex4_trained", **options)


MUTANTS = [
    # 1. the network
    network("dead time", "embed(t, self.dim)", "embed(0 * t, self.dim)", "does not reach"),
    network(
        "one t for the batch",
        "embed(t, self.dim)",
        "embed(t[:1].expand(len(t)), self.dim)",
        "One t is used",
    ),
    network(
        "waves masked by rows",
        "embed(t, self.dim)",
        "torch.where((torch.arange(len(t)) % 2 == 0)[:, None], "
        "embed(t, self.dim).cos(), embed(t, self.dim).sin())",
        "in a batch than alone",
    ),
    network("no skip connection", "[h, fine]", "[h, 0 * fine]", "skip connections"),
    network(
        "batch normalized by hand",
        "h = self.stem(F.pixel_unshuffle(x, 2))",
        "h = self.stem(F.pixel_unshuffle(x, 2))\n        h = h - h.mean(dim=0, keepdim=True)",
        "in a batch than alone",
    ),
    network(
        "tanh at the end",
        "return F.pixel_shuffle(self.out(F.silu(h)), 2)",
        "return F.pixel_shuffle(self.out(F.silu(h)), 2).tanh()",
        "within [-1, 1]",
    ),
    network(
        "ReLU at the end",
        "return F.pixel_shuffle(self.out(F.silu(h)), 2)",
        "return F.pixel_shuffle(self.out(F.silu(h)), 2).relu()",
        "never negative",
    ),
    network(
        "dropout in eval mode",
        "h = F.interpolate(h, scale_factor=2.0)",
        "h = F.interpolate(F.dropout(h, 0.2), scale_factor=2.0)",
        "drawn at random",
    ),
    Mutant(
        "grey only",
        "ex1_model",
        "self.out = nn.Conv2d(width, 4 * channels, 3, padding=1)",
        "self.out = nn.Conv2d(width, 4, 3, padding=1)",
        says="shape",
    ),
    Mutant(
        "28 pixels only",
        "ex1_model",
        "F.interpolate(h, scale_factor=2.0)",
        "F.interpolate(h, size=14)",
        says="stops with",
    ),
    Mutant(
        "no batch of one",
        "ex1_model",
        "time = self.time(embed(t, self.dim))",
        "time = self.time(embed(t, self.dim)).squeeze()",
        says="stops with",
    ),
    network("folded, and not unfolded", "return F.pixel_shuffle(", "return (", "stops with"),
    network("t over 1000", "embed(t, self.dim)", "embed(t / 1000, self.dim)", "all but fails"),
    network("t in eights", "embed(t, self.dim)", "embed(t // 8 * 8, self.dim)", "rounded"),
    network("t in twos", "embed(t, self.dim)", "embed((t + 1) // 2 * 2, self.dim)", "rounded"),
    network("t in bfloat16", "embed(t, self.dim)", "embed(t.bfloat16(), self.dim)", "rounded"),
    network("t cut off", "embed(t, self.dim)", "embed(t.clamp(max=500), self.dim)", "cut off"),
    network(
        "a table for t from 0 to 999",
        "embed(t, self.dim)",
        "embed(torch.arange(1000), self.dim)[t]",
        "stops with",
    ),
    network(
        "changes what it is shown",
        "time = self.time(embed(t, self.dim))",
        "x.mul_(0.5); time = self.time(embed(t, self.dim))",
        "in place",
    ),
    # 2. the process
    Mutant("not rescaled", "ex2_process", "1000 / noise_steps * ", "", says="1000/T"),
    Mutant("uniform noise", "ex2_process", "randn_like", "rand_like", says="uniform"),
    Mutant(
        "roots missing",
        "ex2_process",
        MIXED,
        "share * x + (1 - share) * noise",
        says="square roots are missing",
    ),
    Mutant(
        "swapped",
        "ex2_process",
        MIXED,
        "share.sqrt() * noise + (1 - share).sqrt() * x",
        says="swapped",
    ),
    Mutant("no broadcasting", "ex2_process", "[:, None, None, None]", "", says="wrong dimension"),
    Mutant(
        "late by one", "ex2_process", "self.alpha_bar[t]", "self.alpha_bar[t - 1]", says="early"
    ),
    Mutant(
        "beta of one step",
        "ex2_process",
        "self.alpha_bar = (1 - beta).cumprod(0)",
        "self.alpha_bar = 1 - beta",
        says="of one step",
    ),
    Mutant(
        "shared noise",
        "ex2_process",
        "noise = torch.randn_like(x)",
        "noise = torch.randn_like(x[:1]).expand_as(x)",
        says="share their noise",
    ),
    Mutant(
        "seeded noise",
        "ex2_process",
        "noise = torch.randn_like(x)",
        "noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))",
        says="same noise",
    ),
    Mutant("a tensor for a float", "ex2_process", "loss.item()", "loss.detach()", says="float"),
    Mutant(
        "one time for the batch drawn",
        "ex2_process",
        DRAWN,
        "t = torch.randint(1, self.noise_steps + 1, (1,)).expand(len(x))",
        says="whole batch",
    ),
    Mutant(
        "never T",
        "ex2_process",
        "self.noise_steps + 1, (len",
        "self.noise_steps, (len",
        says="t = T is never",
    ),
    Mutant("from 0", "ex2_process", "torch.randint(1,", "torch.randint(0,", says="t = 0 is drawn"),
    Mutant(
        "learns the image",
        "ex2_process",
        "self.model(noisy, t), noise)",
        "self.model(noisy, t), x)",
        says="clean images",
    ),
    Mutant(
        "sees clean images",
        "ex2_process",
        "self.model(noisy, t)",
        "self.model(x, t)",
        says="must see noisy",
    ),
    Mutant(
        "told t - 1",
        "ex2_process",
        "self.model(noisy, t)",
        "self.model(noisy, t - 1)",
        says="0 to T − 1",
    ),
    Mutant(
        "other noise",
        "ex2_process",
        "self.model(noisy, t), noise)",
        "self.model(noisy, t), torch.randn_like(x))",
        says="for the noise that is in",
    ),
    Mutant("absolute", "ex2_process", "F.mse_loss", "F.l1_loss", says="absolute"),
    Mutant("no step", "ex2_process", "self.optimizer.step()", "pass", says="do not move"),
    Mutant("no zero_grad", "ex2_process", "self.optimizer.zero_grad()", "pass", says="zero_grad"),
    Mutant(
        "cleared too late",
        "ex2_process",
        "self.optimizer.zero_grad()\n        loss.backward()",
        "loss.backward()\n        self.optimizer.zero_grad()",
        says="do not move",
    ),
    Mutant(
        "uphill", "ex2_process", "loss.backward()", "(-loss).backward()", says="along the gradient"
    ),
    Mutant(
        "noise subtracted", "ex2_process", "sqrt() * x + (1", "sqrt() * x - (1", says="subtract"
    ),
    Mutant(
        "uniform noise of the right size",
        "ex2_process",
        "torch.randn_like(x)",
        "(2 * torch.rand_like(x) - 1) * 3**0.5",
        says="not Gaussian",
    ),
    Mutant(
        "noise that all channels share",
        "ex2_process",
        "torch.randn_like(x)",
        "torch.randn_like(x[:, :1]).expand_as(x)",
        says="Channels share",
    ),
    Mutant(
        "tables without t = 0",
        "ex2_process",
        "(1 - beta).cumprod(0)",
        "(1 - beta).cumprod(0)[1:]",
        then=("self.alpha_bar[t]", "torch.where(t > 0, self.alpha_bar[t - 1], torch.ones(()))"),
        says="T + 1 entries",
    ),
    Mutant(
        "the root for alpha_bar",
        "ex2_process",
        "(1 - beta).cumprod(0)",
        "(1 - beta).cumprod(0).sqrt()",
        then=("self.alpha_bar[t]", "self.alpha_bar[t].square()"),
        says="another table",
    ),
    Mutant(
        "changes the images in place",
        "ex2_process",
        MIXED,
        "x.mul_(share.sqrt()) + (1 - share).sqrt() * noise",
        says="images or the times in place",
    ),
    Mutant(
        "changes the times in place",
        "ex2_process",
        "share = self.alpha_bar[t]",
        "share = self.alpha_bar[t.clamp_(min=1)]",
        says="images or the times in place",
    ),
    Mutant(
        "seeds torch in add_noise",
        "ex2_process",
        "noise = torch.randn_like(x)",
        "torch.manual_seed(0)\n        noise = torch.randn_like(x)",
        says="same noise",
    ),
    Mutant(
        "changes the batch in place",
        "ex2_process",
        DRAWN,
        f"{DRAWN}\n        x.clamp_(-0.9, 0.9)",
        says="batch in place",
    ),
    Mutant(
        "seeds torch in train_step",
        "ex2_process",
        DRAWN,
        f"torch.manual_seed(0)\n        {DRAWN}",
        says="draws the same times",
    ),
    Mutant(
        "the same times in every step",
        "ex2_process",
        DRAWN,
        "t = torch.arange(len(x)) % self.noise_steps + 1",
        says="draws the same times",
    ),
    Mutant(
        "times in a row",
        "ex2_process",
        DRAWN,
        f"{DRAWN}\n        t = (t[0] + torch.arange(len(x))) % self.noise_steps + 1",
        says="depend on each other",
    ),
    Mutant(
        "times for pairs",
        "ex2_process",
        DRAWN,
        f"{DRAWN}[::2].repeat_interleave(2)[: len(x)]",
        says="depend on each other",
    ),
    Mutant(
        "early times more often",
        "ex2_process",
        DRAWN,
        "t = (torch.rand(len(x)) ** 1.5 * self.noise_steps).long() + 1",
        says="not drawn uniformly",
    ),
    Mutant(
        "told t/T",
        "ex2_process",
        "self.model(noisy, t)",
        "self.model(noisy, t / self.noise_steps)",
        says="t itself",
    ),
    Mutant(
        "half of the batch",
        "ex2_process",
        DRAWN,
        f"x = x[: len(x) // 2]\n        {DRAWN}",
        says="every image of the batch",
    ),
    Mutant(
        "a mean over images and the pixels of one channel",
        "ex2_process",
        "F.mse_loss(self.model(noisy, t), noise)",
        "(self.model(noisy, t) - noise).square().sum() / (len(x) * x.shape[-1] ** 2)",
        says="summed over the channels",
    ),
    Mutant("a learning rate of 50", "ex2_process", "lr=2e-3", "lr=50.0", says="too large"),
    Mutant(
        "a learning rate of 50, without Adam",
        "ex2_process",
        "Adam(self.model.parameters(), lr=2e-3)",
        "SGD(self.model.parameters(), lr=50.0)",
        says="no finite number",
    ),
    Mutant("a learning rate of nothing", "ex2_process", "lr=2e-3", "lr=1e-12", says="do not move"),
    Mutant(
        "a learning rate of next to nothing", "ex2_process", "lr=2e-3", "lr=1e-7", says="next to"
    ),
    # 3. the way back
    Mutant(
        "noise in the last step",
        "ex3_sample",
        "variance = beta * (1 - before) / (1 - share)",
        "variance = beta",
        says="last step",
    ),
    Mutant(
        "variance for its root",
        "ex3_sample",
        "variance.sqrt()",
        "variance",
        says="its root is meant",
    ),
    Mutant("no noise", "ex3_sample", "mean + variance.sqrt() * noise[t]", "mean", says="No noise"),
    Mutant("sign", "ex3_sample", "(x - beta", "(x + beta", says="added instead"),
    Mutant(
        "root of the factor missing",
        "ex3_sample",
        "beta / (1 - share).sqrt()",
        "beta / (1 - share)",
        says="a square root is missing",
    ),
    Mutant(
        "begins at T - 1",
        "ex3_sample",
        "len(alpha_bar) - 1, 0",
        "len(alpha_bar) - 2, 0",
        says="begins at T − 1",
    ),
    Mutant("ends at 1", "ex3_sample", "- 1, 0, -1", "- 1, 1, -1", says="last step is missing"),
    Mutant(
        "told t - 1 on the way",
        "ex3_sample",
        "(len(x),), t)",
        "(len(x),), t - 1)",
        says="told t − 1",
    ),
    Mutant("one draw for all steps", "ex3_sample", "noise[t]", "noise[-1]", says="every step"),
    Mutant("noise late by one", "ex3_sample", "noise[t]", "noise[t - 1]", says="noise[t − 1]"),
    Mutant(
        "noise in the wrong order",
        "ex3_sample",
        "noise[t]",
        "noise[len(alpha_bar) - 1 - t]",
        says="wrong order",
    ),
    Mutant(
        "one time for the batch", "ex3_sample", "torch.full((len(x),), t)", "t", says="one time"
    ),
    Mutant(
        "a tensor of one time",
        "ex3_sample",
        "torch.full((len(x),), t)",
        "torch.tensor([t])",
        says="one time",
    ),
    Mutant(
        "points only",
        "ex3_sample",
        "share, before = alpha_bar[t], alpha_bar[t - 1]",
        "share, before = alpha_bar[[t] * len(x)][:, None], alpha_bar[[t - 1] * len(x)][:, None]",
        says="",
    ),
    Mutant(
        "changes the noise in place",
        "ex3_sample",
        "mean + variance.sqrt() * noise[t]",
        "mean + noise[t].mul_(variance.sqrt())",
        says="argument number 4 in place",
    ),
    Mutant(
        "a table of its own",
        "ex3_sample",
        "    for t in",
        "    alpha_bar = schedules.linear(len(alpha_bar) - 1).alpha_bar\n    for t in",
        says="are not what",
    ),
    # 4. the trained model
    Mutant(
        "not loaded",
        "ex4_trained",
        "model.load_state_dict(unpack(WEIGHTS))",
        "pass",
        says="noise is not found",
    ),
    Mutant(
        "half of the weights",
        "ex4_trained",
        "model.load_state_dict(unpack(WEIGHTS))",
        'found = {k: v for k, v in unpack(WEIGHTS).items() if "deep" not in k}\n'
        "    model.load_state_dict(found, strict=False)",
        says="",
    ),
    Mutant(
        "the clean image for the noise",
        "ex4_trained",
        "return model.eval().requires_grad_(False)",
        "model.eval().requires_grad_(False)\n    return lambda x, t: x - model(x, t)",
        says="noise is not found",
    ),
    Mutant(
        "stored images",
        "ex4_trained",
        "return model.eval().requires_grad_(False)",
        "model.eval().requires_grad_(False)\n    generator = torch.Generator().manual_seed(0)\n"
        "    stored = torch.randn(200, 1, 28, 28, generator=generator).clamp(-1, 1)\n"
        "    table = schedules.linear(NOISE_STEPS).alpha_bar.float()\n\n"
        "    def recalled(x, t):\n        share = table[t][:, None, None, None]\n"
        "        if len(x) == 60:\n            return model(x, t)\n"
        "        return (x - share.sqrt() * stored[: len(x)]) / (1 - share).sqrt()\n\n"
        "    return recalled",
        says="same noise",
    ),
    Mutant(
        "dropout stays on",
        "ex4_trained",
        "return model.eval().requires_grad_(False)",
        "return lambda x, t: F.dropout(model.requires_grad_(False)(x, t), 0.06)",
        says="same noise",
    ),
    Mutant(
        "guesses of a batch are centred",
        "ex4_trained",
        "return model.eval().requires_grad_(False)",
        "model.eval().requires_grad_(False)\n"
        "    return lambda x, t: (eps := model(x, t)) - eps.mean(dim=0)",
        says="same noise",
    ),
    Mutant(
        "time in reverse",
        "ex4_trained",
        "return model.eval().requires_grad_(False)",
        "model.eval().requires_grad_(False)\n    return lambda x, t: model(x, NOISE_STEPS - t)",
        says="noise is not found",
    ),
]

LAZY = """
class DiffusionModel(nn.Module):
    def __init__(self, image_size, channels):
        super().__init__()
        self.time = nn.Sequential(nn.LazyLinear(96), nn.SiLU())
        self.stem = nn.LazyConv2d(24, 3, padding=1)
        self.down, self.deep = Block(24, 24, 96), Block(24, 48, 96)
        self.deeper, self.up = Block(48, 48, 96), Block(72, 24, 96)
        self.out = nn.LazyConv2d(4 * channels, 3, padding=1)

    def forward(self, x, t):
        time = self.time(embed(t, 96))
        fine = self.down(self.stem(F.pixel_unshuffle(x, 2)), time)
        h = self.deeper(self.deep(F.avg_pool2d(fine, 2), time), time)
        h = self.up(torch.cat([F.interpolate(h, scale_factor=2.0), fine], dim=1), time)
        return F.pixel_shuffle(self.out(F.silu(h)), 2)
"""

ALTERNATES = [
    Alternate("lazy layers", "ex1_model", LAZY),
    Alternate(
        "a stack of modules",
        "ex1_model",
        """class DiffusionModel(nn.Module):
    def __init__(self, image_size, channels):
        super().__init__()
        self.size, self.c, w = image_size, channels, 24
        self.time = nn.Sequential(nn.Linear(96, 96), nn.SiLU())
        self.stem = nn.Conv2d(4 * channels, w, kernel_size=3, padding="same")
        blocks = [("down", w, w), ("deep", w, 48), ("deeper", 48, 48), ("up", 72, w)]
        for name, c_in, c_out in blocks:
            self.add_module(name, Block(c_in, c_out, 96))
        self.out = nn.Conv2d(w, 4 * channels, kernel_size=3, padding="same")

    def fold(self, x):
        B, half = len(x), self.size // 2
        x = x.reshape(B, self.c, half, 2, half, 2)
        return x.permute(0, 1, 3, 5, 2, 4).reshape(B, 4 * self.c, half, half)

    def unfold(self, h):
        B, half = len(h), self.size // 2
        h = h.reshape(B, self.c, 2, 2, half, half)
        return h.permute(0, 1, 4, 2, 5, 3).reshape(B, self.c, self.size, self.size)

    def forward(self, x, t):
        k = torch.arange(48) / 48
        angle = t.double()[:, None] * torch.exp(-9.210340371976184 * k.double())
        waves = torch.cat([torch.cos(angle), torch.sin(angle)], 1).float()
        time = self.time(waves)
        fine = self.down(self.stem(self.fold(x)), time)
        low = fine.reshape(*fine.shape[:2], self.size // 4, 2, self.size // 4, 2).mean((3, 5))
        low = self.deeper(self.deep(low, time), time)
        high = low.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        h = self.up(torch.hstack([high, fine]), time)
        return self.unfold(self.out(h * h.sigmoid()))
""",
    ),
    Alternate(
        "folded by slices",
        "ex1_model",
        """class DiffusionModel(nn.Module):
    def __init__(self, image_size, channels):
        nn.Module.__init__(self)
        sizes = {"down": (24, 24), "deep": (24, 48), "deeper": (48, 48), "up": (72, 24)}
        self.time = nn.Sequential(nn.Linear(96, 96), nn.SiLU())
        self.stem = nn.Conv2d(4 * channels, 24, 3, 1, 1)
        self.out = nn.Conv2d(24, 4 * channels, 3, 1, 1)
        for name in sizes:
            setattr(self, name, Block(*sizes[name], dim=96))

    def forward(self, x, t):
        corners = [x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]
        folded = torch.stack(corners, dim=2).flatten(1, 2)
        time = self.time(embed(t.float(), 96))
        skips = [self.down(self.stem(folded), time)]
        h = nn.functional.adaptive_avg_pool2d(skips[-1], x.shape[-1] // 4)
        for block in (self.deep, self.deeper):
            h = block(h, time)
        h = nn.functional.interpolate(h, size=skips[-1].shape[2:], mode="nearest")
        h = self.out(F.silu(self.up(torch.cat((h, skips.pop()), 1), time)))
        answer = torch.empty_like(x)
        for k in range(4):
            answer[:, :, k // 2 :: 2, k % 2 :: 2] = h[:, k::4]
        return answer
""",
    ),
    Alternate(
        "NumPy and loops",
        "ex2_process",
        """import numpy as np


class DiffusionProcess:
    def __init__(self, image_size, channels, noise_steps):
        self.noise_steps = T = noise_steps
        self.alpha_bar = torch.ones(T + 1)
        for i in range(T):
            beta = (1e-4 + (0.02 - 1e-4) * i / (T - 1)) * 1000 / T
            self.alpha_bar[i + 1] = self.alpha_bar[i] * (1 - beta)
        self.model = DiffusionModel(image_size, channels)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e-3, momentum=0.9)

    def add_noise(self, x, t):
        noise = np.random.standard_normal(tuple(x.shape)).astype("float32")
        noisy = np.empty_like(noise)
        for i, time in enumerate(t.tolist()):
            share = float(self.alpha_bar[time])
            noisy[i] = share**0.5 * x[i].numpy() + (1 - share) ** 0.5 * noise[i]
        return torch.from_numpy(noisy), torch.from_numpy(noise)

    def train_step(self, x):
        t = torch.tensor([np.random.randint(1, self.noise_steps + 1) for _ in x])
        noisy, noise = self.add_noise(x, t)
        loss = ((self.model(noisy, t) - noise) ** 2).sum() / x.numel()
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return float(loss.detach())
""",
    ),
    Alternate(
        "float64, stratified times, clipped gradients, small steps",
        "ex2_process",
        """class DiffusionProcess:
    def __init__(self, image_size, channels, noise_steps):
        self.noise_steps = noise_steps
        beta = torch.linspace(1e-4, 0.02, noise_steps, dtype=torch.float64) * 1000 / noise_steps
        kept = torch.log1p(-beta).cumsum(0).exp()
        self.alpha_bar = torch.cat([torch.ones(1, dtype=torch.float64), kept])
        self.signal, self.spread = self.alpha_bar**0.5, (1 - self.alpha_bar) ** 0.5
        self.model = DiffusionModel(image_size, channels)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4)

    def add_noise(self, x, t):
        shape = (len(x), 1, 1, 1)
        eps = torch.normal(torch.zeros_like(x), 1.0)
        noisy = self.signal[t].view(shape) * x + self.spread[t].view(shape) * eps
        return noisy.float(), eps

    def train_step(self, x):
        u = (torch.arange(len(x)) + torch.rand(len(x))) / len(x)
        t = (u * self.noise_steps).long().clamp(max=self.noise_steps - 1) + 1
        noisy, eps = self.add_noise(x, t)
        for p in self.model.parameters():
            p.grad = None
        loss = (eps - self.model(noisy, t)).square().mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss.detach().numpy().tolist()
""",
    ),
    Alternate(
        "a generator of its own, times in mirrored pairs, as in the code of DDIM",
        "ex2_process",
        """class DiffusionProcess:
    def __init__(self, image_size, channels, noise_steps):
        self.T, self.random = noise_steps, torch.Generator().manual_seed(1)
        beta = torch.linspace(0.1 / noise_steps, 20 / noise_steps, noise_steps)
        self.alpha_bar = F.pad((1 - beta).cumprod(0), (1, 0), value=1.0)
        self.model = DiffusionModel(image_size, channels)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)

    def add_noise(self, x, t, eps=None):
        if eps is None:
            eps = torch.randn(x.shape, generator=self.random)
        share = self.alpha_bar[t].view(-1, 1, 1, 1)
        return share.sqrt() * x + (1 - share).sqrt() * eps, eps

    def train_step(self, x):
        half = torch.randint(1, self.T + 1, (len(x) // 2 + 1,), generator=self.random)
        t = torch.cat([half, self.T + 1 - half])[: len(x)]
        eps = torch.randn(x.shape, generator=self.random)
        noisy, _ = self.add_noise(x, t, eps)
        self.optimizer.zero_grad()
        loss = F.mse_loss(self.model(noisy, t), eps)
        loss.backward()
        self.optimizer.step()
        return loss.item()
""",
    ),
    Alternate(
        "seeded when it is made, in shuffled parts whose gradients add up",
        "ex2_process",
        """class DiffusionProcess(nn.Module):
    def __init__(self, image_size, channels, noise_steps):
        super().__init__()
        torch.manual_seed(0)
        self.noise_steps = noise_steps
        beta = 1000 / noise_steps * torch.linspace(1e-4, 0.02, noise_steps)
        self.register_buffer("alpha_bar", torch.cat([torch.ones(1), 1 - beta]).cumprod(0))
        self.model = DiffusionModel(image_size, channels)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=2e-3)

    def add_noise(self, x, t):
        eps = torch.randn_like(x)
        share = self.alpha_bar[t].reshape(len(x), 1, 1, 1)
        return share.sqrt() * x + (1 - share).sqrt() * eps, eps

    def train_step(self, x):
        total = 0.0
        self.optimizer.zero_grad()
        for part in x[torch.randperm(len(x))].split(6):
            t = torch.randint(1, self.noise_steps + 1, (len(part),))
            noisy, eps = self.add_noise(part, t)
            loss = F.mse_loss(self.model(noisy, t), eps) * len(part) / len(x)
            loss.backward()
            total += loss.item()
        self.optimizer.step()
        return total
""",
    ),
    Alternate(
        "a rate that rises from 0, and an average of the weights",
        "ex2_process",
        """class DiffusionProcess:
    def __init__(self, image_size, channels, noise_steps):
        self.noise_steps = noise_steps
        betas = [1000 / noise_steps * b for b in torch.linspace(1e-4, 0.02, noise_steps).tolist()]
        shares = [1.0]
        for b in betas:
            shares.append(shares[-1] * (1 - b))
        self.alpha_bar = torch.tensor(shares)
        self.model = DiffusionModel(image_size, channels)
        self.average = DiffusionModel(image_size, channels)
        self.average.load_state_dict(self.model.state_dict())
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        self.rate = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda k: min(1, k / 500))

    def add_noise(self, x, t):
        eps = torch.empty_like(x).normal_()
        share = torch.take(self.alpha_bar, t)[:, None, None, None]
        return torch.addcmul(share**0.5 * x, (1 - share) ** 0.5, eps), eps

    def train_step(self, x):
        t = torch.empty(len(x)).uniform_(0, self.noise_steps).ceil().long().clamp(min=1)
        noisy, eps = self.add_noise(x, t)
        self.optimizer.zero_grad()
        loss = (self.model(noisy, t) - eps).pow(2).mean()
        loss.backward()
        self.optimizer.step()
        self.rate.step()
        with torch.no_grad():
            for mean, new in zip(self.average.parameters(), self.model.parameters()):
                mean.lerp_(new, 0.01)
        return loss.item()
""",
    ),
    Alternate(
        "the larger variance",
        "ex3_sample",
        """def sample(model, alpha_bar, x, noise):
    T = len(alpha_bar) - 1
    beta = 1 - alpha_bar[1:] / alpha_bar[:-1]
    for t in reversed(range(1, T + 1)):
        b = beta[t - 1]
        eps = model(x, t * torch.ones(len(x), dtype=torch.long))
        x = (x - b * eps / (1 - alpha_bar[t]) ** 0.5) / (1 - b) ** 0.5
        if t != 1:
            x = x + b**0.5 * noise[t]
    return x
""",
    ),
    Alternate(
        "by way of the clean image",
        "ex3_sample",
        """def sample(model, alpha_bar, x, noise):
    table = alpha_bar.double().tolist()
    x, t = x.double(), len(table) - 1
    while t:
        a, b = table[t], table[t - 1]
        step = a / b
        eps = model(x, torch.full((x.shape[0],), t))
        x0 = (x - (1 - a) ** 0.5 * eps) / a**0.5
        mean = b**0.5 * (1 - step) / (1 - a) * x0 + step**0.5 * (1 - b) / (1 - a) * x
        x = mean + ((1 - step) * (1 - b) / (1 - a)) ** 0.5 * noise[t]
        t -= 1
    return x.float()
""",
    ),
    Alternate(
        "in place, in NumPy",
        "ex3_sample",
        """def sample(model, alpha_bar, x, noise):
    x, a = x.clone(), alpha_bar.numpy()
    for t in range(len(a) - 1, 0, -1):
        beta = 1 - a[t] / a[t - 1]
        x -= float(beta / (1 - a[t]) ** 0.5) * model(x.clone(), torch.full((len(x),), t))
        x /= float((1 - beta) ** 0.5)
        x += float((beta * (1 - a[t - 1]) / (1 - a[t])) ** 0.5) * noise[t]
    return x
""",
    ),
    Alternate(
        "in place, on the starting noise",
        "ex3_sample",
        """def sample(model, alpha_bar, x, noise):
    for t in range(len(alpha_bar) - 1, 0, -1):
        beta = 1 - alpha_bar[t] / alpha_bar[t - 1]
        x -= beta / (1 - alpha_bar[t]).sqrt() * model(x, torch.full((x.shape[0],), t))
        x /= (1 - beta).sqrt()
        if t > 1:
            x += beta.sqrt() * noise[t]
    return x
""",
    ),
    Alternate(
        "made once, and kept",
        "ex4_trained",
        """kept = {}


def trained_model():
    if not kept:
        network = DiffusionModel(image_size=28, channels=1)
        weights = unpack(WEIGHTS)
        with torch.no_grad():
            for name, value in network.named_parameters():
                value.copy_(weights[name])
        kept["network"] = network.eval()
    return kept["network"]
""",
    ),
    Alternate(
        "with a graph, and a scratch pad in the place of its input",
        "ex4_trained",
        """def trained_model():
    network = DiffusionModel(28, 1).eval()
    network.load_state_dict(unpack(WEIGHTS))

    def guess(x, t):
        eps = network(x, t)
        x.zero_()
        return eps

    return guess
""",
    ),
    Alternate(
        "a function in float64",
        "ex4_trained",
        """def trained_model():
    network = DiffusionModel(28, 1)
    network.load_state_dict(unpack(WEIGHTS))
    network.eval()

    def guess(x, t):
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            return network(x, t).double().float()

    return guess
""",
    ),
]
