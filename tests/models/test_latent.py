import copy

import pytest
import torch

from genzoo.core import Likelihood, Noise, Space
from genzoo.models import LatentModel
from genzoo.models.autoencoders import VAE, GaussianAutoencoder
from genzoo.models.classical import GaussianMixture
from genzoo.training import TrainConfig, train
from tests.training.toys import Rows

REALS = Space((3,))


def autoencoder_of(space=REALS):
    torch.manual_seed(0)
    return GaussianAutoencoder.mlp(space, latent=2, hidden=[16])


def standard_normal():
    """N(0, I) as a model: the prior that a VAE has."""
    prior = GaussianMixture(Space((2,)), components=1)
    prior.gaussians.start(torch.zeros(1, 2, dtype=torch.float64), torch.eye(2, dtype=torch.float64))
    return prior


def test_with_a_standard_normal_prior_the_bound_is_a_vaes():
    both, x = autoencoder_of(), Noise(0).normal(4000, 3)
    vae, latent = VAE(REALS, None, both), LatentModel(REALS, both, standard_normal())
    with torch.no_grad():
        difference = latent.log_prob(x) - vae.log_prob(x)
    assert abs(difference.mean()) < 4 * difference.std() / len(x) ** 0.5, "one has its divergence in closed form"


def test_stage_two_raises_the_bound_and_leaves_the_autoencoder_as_it_is():
    both, x = autoencoder_of(), 3 * Noise(0).normal(500, 3)
    before = copy.deepcopy(both.state_dict())
    model = LatentModel(REALS, both, GaussianMixture(both.latent, components=3))
    start = LatentModel(REALS, both, standard_normal())
    trained = train(model, Rows(x), TrainConfig(device="cpu", batch_size=100)).model
    for name, value in before.items():
        assert torch.equal(value, trained.autoencoder.state_dict()[name])
        assert torch.equal(value, both.state_dict()[name])
    with torch.no_grad():
        assert trained.log_prob(x).mean() > start.log_prob(x).mean()


def test_the_autoencoder_stays_in_eval_and_out_of_the_game():
    model = LatentModel(REALS, autoencoder_of(), VAE(Space((2,)), None, autoencoder_of(Space((2,)))))
    model.train()
    assert model.prior.training
    assert not any(part.training for part in model.autoencoder.modules())
    moving = {id(p) for player in model.players() for p in player.parameters()}
    assert moving == {id(p) for p in model.prior.parameters()}
    assert model.likelihood is Likelihood.BOUND


def test_the_prior_must_be_over_the_latents():
    with pytest.raises(ValueError, match="over the autoencoder's latents"):
        LatentModel(REALS, autoencoder_of(), GaussianMixture(Space((5,))))
