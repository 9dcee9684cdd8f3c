"""The rivals of diffusion: they learn, they repeat themselves exactly, and they fail loudly."""

import itertools
import math

import pytest
import torch

from course_lib.training import loop, rivals

RIVALS = [rivals.GAN, rivals.VAE]


def halves(n=400):
    """Class 0 is white on the left, class 1 on the right; the white is more or less bright."""
    g = torch.Generator().manual_seed(0)
    x, y = torch.full((n, 1, 28, 28), -1.0), torch.arange(n) % 2
    bright = 0.5 + torch.rand(n, 1, 1, 1, generator=g) / 2
    left = torch.arange(28) < 14
    white = torch.where(y.bool()[:, None], ~left, left)[:, None, None]  # (N, 1, 1, 28)
    return torch.where(white, bright, x), y


def losses(run):
    return [record.loss for record in run.run()]


@pytest.mark.parametrize("rival", RIVALS)
def test_it_learns_to_draw_what_is_asked_for(rival):
    x, y = halves()
    run = rival(x, y, steps=60, seed=0)
    losses(run)
    drawn = run.sample(y[:40])
    means = [x[y == label].mean(0) for label in (0, 1)]
    for label in (0, 1):
        mine = drawn[y[:40] == label]
        right, wrong = ((mine - mean).square().mean() for mean in (means[label], means[1 - label]))
        assert right < 0.2 * wrong


def test_the_bound_on_the_likelihood_falls():
    run = losses(rivals.VAE(*halves(), steps=40))
    assert sum(run[-5:]) < 0.7 * sum(run[:5])


def test_the_encoder_tells_where_z_is_drawn():
    """It says mean 3 and variance 1/4 for every number of z: that tells 4.943 nats of each."""
    latent, means, variances = 5, 3.0, 0.25
    nats = (means**2 + variances - math.log(variances) - 1) / 2

    def first_loss(bias):
        """Return the first loss of a run whose decoder does not listen, and the z it was given."""
        run, given = rivals.VAE(*halves(8), steps=1, latent=latent), []
        with torch.no_grad():
            run.decoder.layers[0].weight[:, :latent] = 0
            run.teacher.out.weight.zero_()
            run.teacher.out.bias.copy_(bias)
        run.decoder.layers.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
        return losses(run)[0], given[0][:, :latent]

    silent, _ = first_loss(torch.zeros(2 * latent))
    loss, z = first_loss(torch.tensor([means, math.log(variances)]).repeat_interleave(latent))
    assert loss - silent == pytest.approx(latent * nats, rel=1e-3)
    assert abs(z.mean() - means) < 0.15 and abs(z.var() - variances) < 0.08


def test_a_fooled_critic_has_loss_two():
    """At first nothing is told apart, and the two hinges add up to 2."""
    first = next(rivals.GAN(*halves(), steps=10).run())
    assert 1.5 < first.loss < 2.5


@pytest.mark.parametrize("rival", RIVALS)
def test_one_seed_one_run(rival):
    x, y = halves(40)
    first, second, other = (rival(x, y, steps=3, batch_size=8, seed=s) for s in (1, 1, 2))
    assert losses(first) == losses(second) != losses(other)
    assert torch.equal(first.sample(y), second.sample(y))
    assert not torch.equal(first.sample(y), first.sample(y, seed=1))


@pytest.mark.parametrize("rival", RIVALS)
def test_building_leaves_the_global_seed_alone(rival):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    rival(*halves(8), steps=1)
    assert torch.rand(1) == expected


@pytest.mark.parametrize("rival", RIVALS)
def test_an_interrupted_loop_goes_on_in_place(rival):
    x, y = halves(40)
    whole, stopped = (rival(x, y, steps=5, batch_size=8) for _ in range(2))
    begun = [record.loss for record in itertools.islice(stopped.run(), 2)]
    assert begun + losses(stopped) == losses(whole)


@pytest.mark.parametrize("rival", RIVALS)
def test_samples_are_images_from_the_average_of_the_weights(rival):
    x, y = halves(40)
    run = rival(x, y, steps=12, batch_size=8)
    losses(run)
    many = run.sample(y.repeat(15))  # more than one batch
    assert many.shape == (600, 1, 28, 28) and many.abs().max() <= 1 and not many.requires_grad
    with torch.no_grad():
        for p in run.decoder.parameters():
            p.zero_()
    assert torch.equal(run.sample(y.repeat(15)), many)


def test_networks_have_the_shapes_that_they_promise():
    z, y, x = torch.randn(6, 7), torch.arange(6), torch.rand(6, 1, 28, 28)
    decoder = rivals.Decoder(7, width=16)
    assert decoder(z, y).shape == (6, 1, 28, 28)
    assert torch.allclose((decoder(z, y) + 1) / 2, decoder.logits(z, y).sigmoid(), atol=1e-6)
    assert rivals.Critic()(x, y).shape == (6 / rivals.PACK,)
    assert [part.shape for part in rivals.Encoder(7)(x, y)] == [(6, 7), (6, 7)]


@pytest.mark.parametrize("network", ["decoder", "teacher"])
def test_every_network_hears_the_label(network):
    for rival in RIVALS:
        part = getattr(rival(*halves(8), steps=1), network).eval()
        generator = torch.Generator().manual_seed(0)
        shape = (part.latent,) if network == "decoder" else (1, 28, 28)
        given = torch.rand(rivals.PACK, *shape, generator=generator)
        one, two = (part(given, torch.full((rivals.PACK,), label)) for label in (3, 4))
        one, two = (out[0] if isinstance(out, tuple) else out for out in (one, two))
        assert not torch.allclose(one, two)


def test_the_critic_compares_the_images_of_a_pack():
    """Were each scored on its own, two copies of a and two of b would add up to both of (a, b)."""
    critic, y = rivals.Critic().eval(), torch.zeros(2, dtype=torch.long)
    a, b = torch.randn(2, 1, 28, 28)
    score = {pair: critic(torch.stack(pair), y) for pair in ((a, a), (b, b), (a, b))}
    same, mixed = score[a, a] + score[b, b], 2 * score[a, b]
    assert not torch.allclose(same, mixed, atol=1e-4)


def test_a_pack_shows_one_digit_wherever_it_can():
    x, y = halves(40)
    run = rivals.GAN(x, y, steps=1, batch_size=8)
    given = []
    run.teacher.register_forward_pre_hook(lambda _, inputs: given.append(inputs))
    losses(run)
    images, labels = given[0]  # the real ones
    assert labels.tolist() == sorted(labels.tolist()) and 0 < labels.sum() < 8
    right = (images[..., 14:] > images[..., :14]).flatten(1).all(1)
    assert torch.equal(right.long(), labels)


def test_an_incomplete_pack_is_refused():
    with pytest.raises(ValueError, match="multiple of 2, not 7"):
        losses(rivals.GAN(*halves(40), steps=1, batch_size=7))


def test_the_critic_cannot_change_faster_than_its_layers_allow():
    """Each layer is divided by its largest singular value, so no layer stretches any input."""
    run = rivals.GAN(*halves(), steps=30)
    losses(run)
    weights = [layer.weight for layer in run.teacher.eye if hasattr(layer, "weight")]
    for weight in (*weights, run.teacher.score.weight, run.teacher.label.weight):
        largest = torch.linalg.matrix_norm(weight.flatten(1), ord=2)
        assert 0.8 < largest < 1.2


@pytest.mark.parametrize("rival", RIVALS)
def test_the_learning_rate_falls_to_zero_in_a_line(rival):
    rates = [r.lr for r in rival(*halves(8), steps=4, batch_size=4, lr=1e-3).run()]
    assert rates == pytest.approx([1e-3, 7.5e-4, 5e-4, 2.5e-4])


@pytest.mark.parametrize("rival", RIVALS)
def test_a_run_in_minutes_counts_the_time_of_its_steps(rival, monkeypatch):
    """By a clock that moves a minute whenever it is read, each step takes one."""
    monkeypatch.setattr(loop.time, "perf_counter", itertools.count(0.0, 60.0).__next__)
    records = list(rival(*halves(8), minutes=3.0, batch_size=4, lr=3e-3).run())
    assert [r.seconds for r in records] == [60, 120, 180]
    assert [r.lr for r in records] == pytest.approx([3e-3, 2e-3, 1e-3])


@pytest.mark.parametrize("rival", RIVALS)
@pytest.mark.parametrize("length", [{}, {"steps": 3, "minutes": 1.0}])
def test_a_run_needs_one_length(rival, length):
    with pytest.raises(ValueError, match="either steps or minutes"):
        rival(*halves(8), **length)


@pytest.mark.parametrize("rival", RIVALS)
def test_broken_data_stop_the_run(rival):
    x, y = halves(8)
    x[3] = float("nan")
    with pytest.raises(FloatingPointError, match="finite, and images in"):
        losses(rival(x, y, steps=20, batch_size=8))
