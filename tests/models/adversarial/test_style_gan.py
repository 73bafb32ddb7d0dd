"""StyleGAN: mixing, the mean style, truncation."""

import pytest
import torch

from genzoo.core import Batch, Instant, Noise
from genzoo.models.adversarial import Rules
from tests.zoo.adversarial import stylegan
from tests.zoo.entry import BITS, EVEN, batch


def test_styles_are_mixed_at_a_layer() -> None:
    model = stylegan(EVEN)
    z, other = Noise(0).normal(4, 4), Noise(1).normal(4, 4)
    w, v, layers = model.styles(z), model.styles(other), model.generator.layers
    assert layers == 3
    for at in (0, 1, 3):
        mixed = model.mixed(z, other, at)
        assert torch.equal(mixed[:, :at], w[:, None].expand(-1, at, -1))
        assert torch.equal(mixed[:, at:], v[:, None].expand(-1, layers - at, -1))
    rows = model.mixed(z, other, torch.tensor([0, 1, 2, 3]))
    assert [(rows[i] == w[i]).all(1).sum().item() for i in range(4)] == [0, 1, 2, 3]
    assert torch.allclose(model.painted(model.mixed(z, other, 3), None), model.generate(z), atol=1e-6)


def test_a_share_of_a_batch_has_two_styles() -> None:
    for mixing, share in ((0.0, 0.0), (0.5, 0.5), (1.0, 1.0)):
        model = stylegan(EVEN, mixing=mixing)
        data = Batch(torch.zeros(1000, *EVEN.shape), noise=Noise(0))
        styles = model._training_styles(model.latent_of(data), data, {})
        two = (styles[:, 0] != styles[:, -1]).any(1).float().mean().item()
        assert two == pytest.approx(share, abs=0.05)


def test_the_mean_style_is_that_of_many_latents() -> None:
    model = stylegan(EVEN).train()
    for step in range(25):
        data = Batch(torch.zeros(64, *EVEN.shape), noise=Noise(0).tick(step))
        model.shaped_loss(data)
        generator = next(player for player in model.players() if player.name == "generator")
        generator.after(Instant(step))
    mean = model.styles(Noise(5).normal(4000, 4)).mean(0)
    assert torch.allclose(model.w_mean, mean, atol=0.15)
    before = model.w_mean.clone()
    generator.after(Instant(25))
    assert torch.equal(model.w_mean, before), "no batch was seen since"


def test_psi_brings_styles_to_their_mean() -> None:
    model = stylegan(EVEN).eval()
    model.w_mean.normal_()
    for step in model.generator.synthesis.steps:
        torch.nn.init.zeros_(step.excited.strength)
    mean = model.painted(model.w_mean[None], None).detach()
    assert torch.allclose(model.sample(3, seed=0, psi=0.0), mean.expand(3, -1, -1, -1), atol=1e-6)
    z = Noise(0, "sample").normal(3, 4)
    assert torch.allclose(model.sample(3, seed=0), model.generate(z).detach(), atol=1e-5)
    half = model.painted(0.5 * (model.styles(z) + model.w_mean), None).detach()
    assert torch.allclose(model.sample(3, seed=0, psi=0.5), half, atol=1e-5)
    with pytest.raises(ValueError, match="must not be negative"):
        model.sample(1, psi=-1.0)
    with pytest.raises(ValueError, match=r"lie in \[0, 1\]"):
        stylegan(EVEN, mixing=2.0)


def test_path_lengths_are_measured_from_the_style() -> None:
    model = stylegan(BITS, Rules())
    w, paint = model.shaped_at(batch(model, 5), {})
    assert w.shape == (5, 6)
    assert paint(w).shape == (5, *BITS.shape)
