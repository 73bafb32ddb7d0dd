"""The variational autoencoder against what can be computed otherwise."""

import pytest
import torch
from torch.distributions import Distribution, Independent, Normal

from genzoo.core import NOTHING, Autoencoder, Batch, Given, Noise, Space
from genzoo.distributions.draws import draw
from genzoo.models.autoencoders import VAE, GaussianAutoencoder
from genzoo.testing import rows
from tests.zoo.autoencoders import vae
from tests.zoo.entry import BITS, BYTES, LABEL, REALS


class Linear(Autoencoder):
    """z ~ N(0, 1), x = z + noise, with its exact posterior: the bound is tight."""

    latent = Space((1,))

    def posterior(self, x: torch.Tensor, given: Given = NOTHING) -> Distribution:
        return Independent(Normal(x / 2, 0.5**0.5), 1)

    def likelihood(self, z: torch.Tensor, given: Given = NOTHING) -> Distribution:
        return Independent(Normal(z, 1.0), 1)


def test_the_bound_is_tight_with_the_true_posterior() -> None:
    model = VAE(Space((1,)), None, Linear())
    x = torch.linspace(-3, 3, 9)[:, None]
    exact = Normal(0.0, 2**0.5).log_prob(x).squeeze(1)
    elbo = torch.stack([model.log_prob(x, seed=s) for s in range(2000)]).mean(0)
    assert torch.allclose(elbo, exact, atol=0.1)
    assert torch.allclose(model.log_prob(x, samples=2), exact, atol=1e-5)  # no variance at all


@pytest.mark.parametrize("space", [BYTES, BITS, REALS])
def test_the_loss_is_the_negative_bound(space: Space) -> None:
    model = vae(space)
    batch = Batch(rows(space, 8), noise=Noise(0))
    losses = model.losses(batch)
    bound = model.log_density(batch.x, {}, Noise(0))
    assert torch.allclose(losses["loss"], -bound.mean())
    assert torch.allclose(losses["distortion"] + losses["rate"], losses["loss"])
    assert losses["rate"] >= 0


def test_without_noise_a_sample_is_the_mean_of_its_latent() -> None:
    model = vae(BYTES)
    x = model.sample(4, seed=0, noise=False)
    assert x.dtype == torch.uint8
    assert not torch.equal(model.sample(4, seed=0), x)
    assert torch.equal(model.sample(4, seed=0), model.sample(4, seed=0, noise=True))
    z = Noise(0, "sample").normal(4, *model.autoencoder.latent.shape)
    draws = torch.stack([draw(model.autoencoder.likelihood(z), Noise(i)).double() for i in range(400)])
    assert (draws.mean(0) - x).abs().mean() < 3 * (draws.std(0) / 20).mean() + 0.5


def test_dropped_conditions_train_the_null() -> None:
    model = vae(BYTES, LABEL, drop_given=0.5).train()
    batch = Batch(rows(BYTES, 32), torch.arange(32) % 3, Noise(0))
    model.loss(batch).backward()
    table = model.autoencoder.encoder.embedding.tokens.parts[0].table
    assert table.weight.grad[3].abs().sum() > 0


def test_networks_are_by_argument() -> None:
    space = Space((1, 28, 28), levels=256)
    conv = GaussianAutoencoder.conv(space, LABEL, latent=3, width=4)
    assert VAE(space, LABEL, conv).sample(2, torch.tensor([0, 1]), seed=0).shape == (2, 1, 28, 28)


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="beta"):
        VAE(REALS, None, GaussianAutoencoder.mlp(REALS), beta=-1.0)
    with pytest.raises(ValueError, match="samples"):
        vae(REALS).log_prob(rows(REALS, 2), samples=0)
