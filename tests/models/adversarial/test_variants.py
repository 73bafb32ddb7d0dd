"""Variants of the game, each against what its equation says of small cases."""

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from genzoo.core import Batch, Noise, Space
from genzoo.distributions import sinkhorn_divergence
from genzoo.models.adversarial import (
    ALI,
    VEEGAN,
    Ahead,
    AuxiliaryGAN,
    Drifting,
    Rules,
    UnrolledGAN,
    Wasserstein,
    drift,
    sinkhorn_drift,
)
from genzoo.nn import Classifying, Conditioned
from tests.zoo import ready
from tests.zoo.adversarial import auxiliary, drifting, paired, perceptrons
from tests.zoo.entry import BITS, BOTH, LABEL, REALS, batch

PLANE = Space((1,))


def straight(weight: float, inputs: int = 1) -> Conditioned:
    """x ↦ w x."""
    line = nn.Linear(inputs, 1, bias=False)
    nn.init.constant_(line.weight, weight)
    return Conditioned(line)


def test_the_unrolled_loss_is_that_after_steps_by_hand() -> None:
    """D = w x against samples g z by the Wasserstein loss w (E g z − E x): each step adds η (E x − g E z) to w, so
    that L_G = −w_K g E z, and its slope by g sees that w_K depends on g."""
    eta, steps, w, g = 0.3, 4, 0.7, 1.5
    model = UnrolledGAN(PLANE, None, straight(g), straight(w), Rules(Wasserstein()), Ahead(steps, eta), latent=1)
    data = Batch(torch.randn(32, 1) + 3, noise=Noise(0))
    z, x = model.latent_of(data).mean().item(), data.x.mean().item()
    loss = model.generator_loss(data)
    assert loss.item() == pytest.approx(-(w + steps * eta * (x - g * z)) * g * z, abs=1e-5)
    loss.backward()
    slope = -(w + steps * eta * (x - 2 * g * z)) * z
    assert model.generator.net.weight.grad.item() == pytest.approx(slope, abs=1e-5)
    assert model.critic.net.weight.grad is None
    assert model.critic.net.weight.item() == pytest.approx(w)


def test_ali_exchanges_the_labels_of_pairs() -> None:
    model, data = paired(ALI, REALS), batch(paired(ALI, REALS), 16)
    real, fake = model.real(data, {}), model.fake(data, {})
    assert torch.equal(real[:, :3], data.x)
    assert torch.equal(fake[:, 3:], model.latent_of(data))
    assert torch.allclose(fake[:, :3], model.generate(model.latent_of(data)))
    expected = softplus(-model.critic(fake)).mean() + softplus(model.critic(real)).mean()
    assert model.generator_loss(data).item() == pytest.approx(expected.item(), abs=1e-6)


def test_an_encoder_of_the_true_posterior_leaves_ali_nothing_to_tell() -> None:
    """x = 2 z, z ~ N(0, 1): q(z | x) = x / 2, and both kinds of pair have one law."""
    encoder = nn.Linear(1, 2)
    encoder.weight.data, encoder.bias.data = torch.tensor([[0.5], [0.0]]), torch.tensor([0.0, -8.0])
    model = ALI(PLANE, None, straight(2.0), Conditioned(encoder), straight(1.0, 2), Rules(), latent=1)
    data = Batch(2 * Noise(1).normal(20_000, 1))
    moments = [pairs.T.cov() for pairs in (model.real(data, {}), model.fake(data, {}))]
    assert torch.allclose(*moments, atol=0.1)
    assert model.encode(torch.tensor([[3.0]])).item() == pytest.approx(1.5)


def test_veegan_lowers_the_reconstruction_of_latents_and_not_of_data() -> None:
    """G = g z, F = f x, D = 0: L = (1 − f g)² E z²."""
    encoder, critic = straight(0.4), straight(0.0, 2)
    model = VEEGAN(PLANE, None, straight(2.0), encoder, critic, Rules(), latent=1)
    data = Batch(torch.randn(64, 1))
    square = model.latent_of(data).square().mean().item()
    losses = model.generator_loss(data)
    assert losses["loss"].item() == pytest.approx((1 - 0.8) ** 2 * square, abs=1e-6)
    losses["loss"].backward()
    assert encoder.net.weight.grad.item() == pytest.approx(-2 * 2.0 * (1 - 0.8) * square, abs=1e-5)
    assert torch.equal(model.encode(torch.ones(1, 1)), torch.tensor([[0.4]]))


def test_an_auxiliary_classifier_adds_the_surprise_at_the_class() -> None:
    model = auxiliary().eval()  # no class is dropped
    data = batch(model, 12)
    nn.init.zeros_(model.critic.label.weight)
    model.critic.label.bias.data = torch.tensor([0.0, 1.0, 2.0])
    log_p = torch.log_softmax(torch.tensor([0.0, 1.0, 2.0]), 0)
    label = data.given["given"]
    expected = -log_p[label].mean().item()
    assert model.critic_loss(data)["class"].item() == pytest.approx(2 * expected, abs=1e-5)
    assert model.generator_loss(data)["class"].item() == pytest.approx(expected, abs=1e-5)
    assert model.surprise(data.x, {"given": torch.full_like(label, -1)}).item() == 0
    for wrong in (None, BOTH, Space((2,))):
        with pytest.raises(ValueError, match="must be one class"):
            AuxiliaryGAN(REALS, wrong, perceptrons(REALS)[0], Classifying(nn.Identity(), 3, 3), Rules())


def test_losses_are_in_single_precision_where_networks_run_in_less() -> None:
    for name in ("dcgan", "r3gan", "ali", "veegan", "unrolled_gan", "auxiliary_gan", "drifting"):
        model = ready(name).train()
        for player in model.players():
            with torch.autocast("cpu", torch.bfloat16):
                loss = player.loss(batch(model, 8))
            assert (loss if isinstance(loss, torch.Tensor) else loss["loss"]).dtype == torch.float32, name


# --- drifting -------------------------------------------------------------------------------------------------------


def test_the_drift_by_gaussians_is_the_difference_of_blurred_scores() -> None:
    """V / h² = ∇ log Σ_j k(x, y_j) − ∇ log Σ_{j≠i} k(x, x_j), found by autograd."""
    x, data, h = Noise(0).normal(6, 2, dtype=torch.float64), Noise(1).normal(9, 2, dtype=torch.float64) + 1, 0.7
    for i in range(len(x)):
        at = x[i].clone().requires_grad_()
        others = torch.cat([x[:i], x[i + 1 :]])
        scores = [
            torch.autograd.grad((-(at - rows).square().sum(1) / (2 * h * h)).logsumexp(0), at)[0]
            for rows in (data, others)
        ]
        expected = h * h * (scores[0] - scores[1])
        assert torch.allclose(drift(x, data, h, kernel="gauss")[i], expected, atol=1e-9)


def test_the_drift_by_transport_is_the_gradient_of_the_sinkhorn_divergence() -> None:
    x, data, h = Noise(0).normal(7, 2, dtype=torch.float64), Noise(1).normal(7, 2, dtype=torch.float64) + 1, 0.7
    at = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(sinkhorn_divergence(at, data, epsilon=2 * h * h, steps=500), at)
    assert torch.allclose(sinkhorn_drift(x, data, h, steps=400), -len(x) / 2 * slope, atol=1e-4)


def test_only_the_drift_by_transport_sees_that_a_mode_is_too_heavy() -> None:
    """Two modes far apart, data one half each, samples 30 and 10: by kernels all rests, by transport ten must go."""
    blur = 0.01 * Noise(0).normal(80, 1)
    modes = torch.tensor([[-1.0], [1.0]])
    data = modes.repeat_interleave(20, dim=0) + blur[:40]
    x = torch.cat([modes[:1].expand(30, 1), modes[1:].expand(10, 1)]) + blur[40:]
    assert drift(x, data, 0.05).abs().max() < 0.1
    moved = sinkhorn_drift(x, data, 0.05)
    assert moved[:30].mean().item() == pytest.approx(2 / 3, abs=0.03)  # a third of them, by two
    assert moved[30:].abs().max() < 0.1


def test_samples_distributed_as_data_do_not_drift_on_average() -> None:
    """The mean of V over many draws is zero where both have one law, and toward the data where they are apart."""
    x, same, far = Noise(0).normal(800, 2), Noise(1).normal(800, 2), Noise(2).normal(800, 2) + 2
    for kernel in ("laplace", "gauss"):
        assert drift(x, same, 0.5, kernel=kernel).mean(0).abs().max() < 0.1
        assert drift(x, far, 0.5, kernel=kernel).mean(0).min() > 0.3


def test_a_sample_drifts_among_its_own_class_and_one_of_none_among_all() -> None:
    model = drifting(BITS, LABEL).eval()
    data = Batch(torch.zeros(6, *BITS.shape, dtype=torch.uint8), torch.tensor([0, 0, 1, 1, 2, 2]))
    x, rows = torch.zeros(6, 16), torch.arange(6.0)[:, None].expand(6, 16)
    moved = model.moved(x, rows, data, {"given": torch.tensor([0, 0, 1, 1, -1, -1])})
    inside = [(0, 1), (0, 1), (2, 3), (2, 3), (0, 5), (0, 5)]
    assert all(2 * low <= at <= 2 * high + 1e-4 for (low, high), at in zip(inside, moved[:, 0].tolist(), strict=True))
    alone = model.moved(x, rows, data, {"given": torch.tensor([0, 1, 2, -1, -1, -1])})
    assert (alone[:3] == 0).all()  # with no other sample of its class there is nothing to compare


def test_widths_come_down_to_themselves() -> None:
    model = Drifting(PLANE, None, straight(1.0), widths=[0.1], wider=10.0, latent=1)
    x, data = torch.tensor([[0.0], [0.1]]), torch.tensor([[3.0], [3.5]])
    for progress, h in ((0.0, 1.0), (0.3, math.sqrt(0.1)), (0.6, 0.1), (1.0, 0.1)):
        at = Batch(torch.zeros(2, 1), progress=progress)
        assert torch.allclose(model.moved(x, data, at, {}), x + drift(x, data, h), atol=1e-6)


def test_what_drifting_refuses() -> None:
    for wrong, words in (({"widths": []}, "positive"), ({"widths": [0.1], "wider": 0.5}, "no smaller")):
        with pytest.raises(ValueError, match=words):
            Drifting(PLANE, None, straight(1.0), latent=1, **wrong)
    with pytest.raises(ValueError, match="has no condition"):
        Drifting(PLANE, LABEL, straight(1.0), latent=1, kernel="sinkhorn")
    with pytest.raises(ValueError, match="must be classes"):
        Drifting(PLANE, {"angle": Space((2,))}, straight(1.0), latent=1)
