"""Networks: shapes, labels, and errors that say what was wrong."""

import pytest
import torch

from course_lib import NO_LABEL, networks


def test_sinusoidal_agrees_with_a_loop():
    t, dim = torch.tensor([0.0, 1.0, 412.0, 1000.0]), 8
    for i, time in enumerate(t.tolist()):
        for k in range(dim // 2):
            angle = torch.tensor(time * 10_000 ** (-k / (dim // 2)))
            assert networks.sinusoidal(t, dim)[i, k].item() == pytest.approx(
                angle.cos().item(), abs=1e-3
            )
            assert networks.sinusoidal(t, dim)[i, k + 4].item() == pytest.approx(
                angle.sin().item(), abs=1e-3
            )


def test_every_time_has_its_own_embedding():
    table = networks.sinusoidal(torch.arange(1001), 64)
    distance = torch.cdist(table, table) + 10 * torch.eye(1001)
    assert distance.min() > 0.1


def test_sinusoidal_refuses_an_odd_length():
    with pytest.raises(ValueError, match="even"):
        networks.sinusoidal(torch.arange(3), 7)


@pytest.mark.parametrize(
    "options, size, channels",
    [
        ({}, 28, 1),
        ({"multipliers": (1, 2, 2), "width": 16}, 32, 3),
        ({"patch": 1, "multipliers": (1, 1, 2), "width": 8, "blocks": 2}, 20, 2),
        ({"patch": 4, "multipliers": (1,), "width": 16}, 12, 1),
    ],
)
def test_unet_keeps_the_shape(options, size, channels):
    model = networks.UNet(size, channels, num_classes=5, **options)
    x, t = torch.randn(3, channels, size, size), torch.tensor([1, 50, 1000])
    assert model(x, t).shape == x.shape
    assert model(x, t, torch.tensor([0, 4, -1])).shape == x.shape


def awaken(model):
    """Give every parameter a random value, so that zeros at the start hide nothing."""
    g = torch.Generator().manual_seed(0)
    for p in model.parameters():
        p.data = 0.2 * torch.randn(p.shape, generator=g)
    return model.eval()


@pytest.fixture(params=["mlp", "unet"])
def network(request):
    if request.param == "mlp":
        return awaken(networks.PointMLP(width=16, num_classes=3)), torch.randn(4, 2)
    return awaken(networks.UNet(8, width=8, num_classes=3)), torch.randn(4, 1, 8, 8)


def test_time_and_label_change_the_answer(network):
    model, x = network
    t, y = torch.tensor([5, 5, 5, 5]), torch.tensor([0, 1, 2, -1])
    base = model(x, t, y)
    assert (base - model(x, t + 1, y)).abs().flatten(1).amax(1).min() > 1e-4
    assert (base - model(x, t, y.roll(1))).abs().flatten(1).amax(1).min() > 1e-4


def test_no_label_means_one_thing(network):
    model, x = network
    t = torch.full((4,), 5)
    torch.testing.assert_close(model(x, t), model(x, t, torch.full((4,), NO_LABEL)))


def test_samples_do_not_mix(network):
    model, x = network
    t, y = torch.tensor([1, 30, 400, 900]), torch.tensor([0, 1, 2, -1])
    together = model(x, t, y)
    alone = torch.cat([model(x[i : i + 1], t[i : i + 1], y[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("label", [3, -2, 100])
def test_a_label_out_of_range_is_refused(network, label):
    model, x = network
    with pytest.raises(ValueError, match="Labels run from 0 to 2"):
        model(x, torch.full((4,), 5), torch.tensor([0, 0, 0, label]))


def test_labels_must_be_one_per_sample(network):
    model, x = network
    with pytest.raises(ValueError, match="one label per sample"):
        model(x, torch.full((4,), 5), torch.tensor([1]))


def test_labels_for_a_network_without_labels_are_refused():
    with pytest.raises(ValueError, match="without labels"):
        networks.PointMLP()(torch.zeros(1, 2), torch.tensor([1]), torch.tensor([0]))


def test_wrong_sizes_are_refused_in_words():
    with pytest.raises(ValueError, match="divisible by 4"):
        networks.UNet(30)
    with pytest.raises(ValueError, match=r"must be \(2, 1, 28, 28\), not \(2, 3, 28, 28\)"):
        networks.UNet(28)(torch.zeros(2, 3, 28, 28), torch.tensor([1, 2]))
    with pytest.raises(ValueError, match=r"\(B, 2\)"):
        networks.PointMLP()(torch.zeros(2, 3), torch.tensor([1, 2]))


def test_attention_ignores_the_order_of_places():
    attention = awaken(networks.Attention(16))
    x, order = torch.randn(2, 16, 3, 3), torch.randperm(9)
    mixed = attention(x.flatten(2)[..., order].reshape(2, 16, 3, 3)).flatten(2)
    torch.testing.assert_close(mixed, attention(x).flatten(2)[..., order], rtol=1e-4, atol=1e-5)


def test_a_fresh_unet_answers_zero_and_every_parameter_takes_part():
    model = networks.UNet(8, width=8, num_classes=3)
    x, t = torch.randn(2, 1, 8, 8), torch.tensor([1, 2])
    assert model(x, t).abs().max() == 0
    model = awaken(model)
    model(x, t).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in model.parameters())
