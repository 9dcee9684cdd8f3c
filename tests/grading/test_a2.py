"""The judges of a2_mnist_ddpm: other networks pass, shares of points add up, tricks do not pay."""

import contextlib
import importlib.util
from collections.abc import Generator

import numpy as np
import pytest
import torch
from audit import SOLUTIONS
from torch import nn

from course_lib import networks, schedules
from course_lib.checks import a2
from course_lib.data import digits
from course_lib.grading.calls import Call
from course_lib.grading.harness import tensor
from course_lib.grading.probes import Exercise, Partial, Probe
from course_lib.grading.results import Mark
from course_lib.grading.run import answer_probes
from course_lib.grading.sandbox import Limits
from course_lib.grading.session import Reply

PATH = SOLUTIONS / "a2_mnist_ddpm" / "grading.py"


@pytest.fixture(scope="module")
def grading():
    spec = importlib.util.spec_from_file_location("grading_a2", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def findings(grading, network):
    """Put the probes of the first exercise to a network, without a sandbox."""
    torch.manual_seed(0)
    functions = {
        "asked_network": a2.answers,
        "asked_lesson": a2.learned,
        "asked_times": a2.told_apart,
    }
    found = []
    for probe in grading.networks(np.random.default_rng(0)):
        calls = probe.calls if isinstance(probe.calls, Generator) else (c for c in probe.calls)
        outputs, back = [], None
        with contextlib.suppress(StopIteration):
            while call := calls.send(back):
                asked = [tensor(a) if isinstance(a, np.ndarray) else a for a in call.args]
                back = functions[call.function](network, *asked)
                back = back if isinstance(back, tuple) else [torch.as_tensor(back)]
                outputs += (back := [a.double().numpy() for a in back])
        found.append(probe.judge(outputs, {}))
    return [finding for finding in found if finding]


class Waves(nn.Module):
    """A formula as a layer."""

    def __init__(self, formula):
        super().__init__()
        self.formula = formula

    def forward(self, t):
        return self.formula(t)


def layers_for(features):
    return nn.Linear(features, 64), nn.SiLU(), nn.Linear(64, 32)


def fourier(frequencies):
    def waves(t):
        angles = 2 * np.pi * t[:, None] / 1000 * frequencies
        return torch.cat([angles.cos(), angles.sin()], dim=1)

    return nn.Sequential(Waves(waves), *layers_for(2 * len(frequencies)))


CLOCKS = {
    "t/T": lambda: nn.Sequential(Waves(lambda t: t[:, None] / 1000), *layers_for(1)),
    "waves": lambda: nn.Sequential(Waves(lambda t: networks.sinusoidal(t, 32)), *layers_for(32)),
    "random frequencies": lambda: fourier(16 * torch.randn(16)),
    "slow random frequencies": lambda: fourier(torch.randn(16)),
    "a table": lambda: nn.Embedding(1001, 32),
}


class Textbook(nn.Module):
    """Full-size convolutions, pooling, concatenated skips, and a time that is added."""

    def __init__(self, image_size, channels):
        super().__init__()
        self.time = self.clock()
        self.down1, self.down2 = self.pair(channels, 16), self.pair(16, 32)
        self.low = self.pair(32, 32)
        self.up2, self.up1 = self.pair(64, 16), self.pair(32, 16)
        self.out = nn.Conv2d(16, channels, 1)

    clock = staticmethod(CLOCKS["t/T"])

    @staticmethod
    def pair(c_in, c_out):
        layers = [nn.Conv2d(c_in, c_out, 3, padding=1), nn.BatchNorm2d(c_out), nn.ReLU()]
        return nn.Sequential(*layers, nn.Conv2d(c_out, c_out, 3, padding=1), nn.ReLU())

    def forward(self, x, t):
        one = self.down1(x)
        two = self.down2(nn.functional.max_pool2d(one, 2))
        time = self.time(t)[:, :, None, None]
        low = self.low(nn.functional.max_pool2d(two, 2) + time)
        grow = nn.Upsample(scale_factor=2, mode="bilinear")
        two = self.up2(torch.cat([grow(low), two], 1))
        return self.out(self.up1(torch.cat([grow(two), one], 1)))


class Near(nn.Module):
    """Three convolutions and a norm: nothing is seen from afar."""

    def __init__(self, image_size, channels):
        super().__init__()
        self.time = nn.Linear(16, 16)
        self.first = nn.Conv2d(channels, 16, 3, padding=1)
        self.second, self.norm = nn.Conv2d(16, 16, 3, padding=1), nn.GroupNorm(4, 16)
        self.third = nn.Conv2d(16, channels, 3, padding=1)

    def forward(self, x, t):
        h = self.first(x) + self.time(networks.sinusoidal(t, 16))[:, :, None, None]
        return self.third(self.norm(self.second(h.relu())))


class Cheat(nn.Module):
    """No network: its input, moved a little by the time and by a sum over the image."""

    def __init__(self, image_size, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x, t):
        place = torch.arange(x.shape[-1]) / x.shape[-1]
        far = (x * place).mean((1, 2, 3), keepdim=True)
        return x + t[:, None, None, None] / 1e4 + far + 0 * self.weight


class Formula(Cheat):
    """No network: the closed formula for images that are all paper or all ink."""

    def forward(self, x, t):
        share = schedules.linear(1000).alpha_bar.float().clamp(max=0.9999)[t][:, None, None, None]
        sign = x.mean((1, 2, 3), keepdim=True).sign()
        place = torch.linspace(-1, 1, x.shape[-1])
        tilt = (x * place).mean((1, 2, 3), keepdim=True)
        return (x - share.sqrt() * sign) / (1 - share).sqrt() + tilt + 0 * self.weight


class Zero(nn.Linear):
    """No network either."""

    def __init__(self, image_size, channels):
        super().__init__(1, 1)

    def forward(self, x, t):
        return torch.zeros_like(x) + 0 * self.weight.sum()


@pytest.mark.parametrize("network", [Cheat, Formula, Zero])
def test_what_is_no_network_earns_nothing(grading, network):
    costs = [getattr(finding, "costs", 1.0) for finding in set(findings(grading, network))]
    assert sum(costs) > 0.99


@pytest.mark.parametrize("width", [16, 32])
def test_the_courses_own_network_passes(grading, width):
    assert not findings(grading, lambda size, channels: networks.UNet(size, channels, width=width))


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_textbook_network_passes_with_any_clock_that_can_be_read(grading, clock):
    kind = type("Timed", (Textbook,), {"clock": staticmethod(CLOCKS[clock])})
    assert not findings(grading, kind)


def test_waves_of_t_over_1000_lose_the_time_also_where_it_enters_at_the_bottom(grading):
    def clock():
        return nn.Sequential(Waves(lambda t: networks.sinusoidal(t / 1000, 32)), *layers_for(32))

    (finding,) = findings(grading, type("Slow", (Textbook,), {"clock": staticmethod(clock)}))
    assert "all but fails" in finding and finding.costs == pytest.approx(1 / 3)


def test_a_network_that_sees_near_things_only_loses_a_share(grading):
    (finding,) = findings(grading, Near)
    assert "Pixels nine apart" in finding and finding.costs == pytest.approx(1 / 6)


def judged(grading, images, again=None):
    images = images.numpy().astype(float)
    return grading.judge_images(images, images[19::-1] if again is None else again)


def test_real_digits_earn_all_points(grading):
    assert judged(grading, digits(seed=1).x_train[:200]) is None


def test_spoiled_digits_earn_some_points_and_noise_none(grading):
    real, generator = digits(seed=1).x_train[:200], torch.Generator().manual_seed(0)
    noise = torch.randn(real.shape, generator=generator)
    some = judged(grading, (real + 0.25 * noise).clamp(-1, 1))
    none = judged(grading, noise.clamp(-1, 1))
    assert (some.costs, none.costs) == (0.3, 0.7)


@pytest.mark.parametrize(
    "images, says",
    [
        (lambda: digits().x_train[:200], "copies"),
        (lambda: digits().x_test[:200], "copies"),
        (lambda: digits().x_test[:10].repeat(20, 1, 1, 1), "same images"),
    ],
)
def test_tricks_do_not_pay(grading, images, says):
    finding = judged(grading, images())
    assert says in finding and finding.costs == 0.7


def test_images_that_do_not_follow_the_noise_do_not_pay(grading):
    images = digits().x_test[:200]
    assert "same noise" in judged(grading, images, images[100:120].numpy())


def test_the_grader_walks_as_the_course_draws(grading):
    def network(x, t):
        return 0.9 * x + torch.sin(3 * x) * t[:, None, None, None] / 1000

    noise = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    table, drawn = schedules.linear(a2.NOISE_STEPS).alpha_bar.numpy(), []
    walk, back = grading.walks_back([noise.double().numpy()], table, drawn), None
    for _ in range(a2.STEPS):
        x, t = (torch.from_numpy(argument) for argument in walk.send(back).args)
        back = [network(x, t).numpy()]
    with pytest.raises(StopIteration):
        walk.send(back)
    expected = a2.draw(network, noise)
    assert torch.allclose(torch.from_numpy(drawn[0]).float(), expected, atol=1e-4)


def test_a_finding_can_cost_a_share_and_costs_it_once():
    class Session:
        def request(self, header, arrays, seconds):
            return Reply(True, arrays={"0": np.zeros(())})

    def probe(finding):
        return Probe([Call("f", [], [()])], lambda outputs, seen: finding)

    told = [Partial("a", 0.3), Partial("a", 0.3), None, Partial("b", 0.25)]
    exercise = Exercise("ex1_f", "f", 20, lambda rng: map(probe, told))
    mark = Mark("ex1_f", "f", 20)
    answer_probes(Session(), exercise, mark, np.random.default_rng(0), Limits())
    assert (mark.score, mark.findings) == (9.0, ["a", "b"])
    assert {type(finding) for finding in mark.findings} == {str}  # what a process can send
    assert [record["finding"] for record in mark.evidence] == ["a", "a", None, "b"]


def test_weights_survive_being_written_as_text():
    torch.manual_seed(0)
    one, other = Textbook(28, 1), Textbook(28, 1)
    other.load_state_dict(a2.unpack(a2.pack(one)))
    for a, b in zip(one.parameters(), other.parameters()):
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-6)
    assert max(map(len, a2.pack(one).splitlines())) <= 96


def test_there_is_nothing_to_keep_weights_in_outside_of_a_notebook():
    with pytest.raises(RuntimeError, match="no notebook"):
        a2.keep(nn.Linear(1, 1))


def test_the_stand_in_gives_its_place_back():
    class Process:
        def __init__(self, image_size, channels, noise_steps):
            self.model = names["DiffusionModel"](image_size, channels)

    names = {"DiffusionModel": Textbook, "DiffusionProcess": Process}
    made = a2.process(names, torch.zeros(1, 1, 8, 8), 10)
    assert isinstance(made.model, a2.StandIn)
    assert names["DiffusionModel"] is Textbook
