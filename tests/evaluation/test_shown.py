"""Pictures are measured as they are shown: the mean of a decoder, unless its noise is asked for."""

import dataclasses

import pytest
import torch

from genzoo.core import GenerativeModel, Space
from genzoo.data import read
from genzoo.evaluation import Examiner, Protocol, as_shown
from genzoo.models import Dequantized, Standardized
from genzoo.models.autoencoders import VAE, GaussianAutoencoder
from genzoo.models.classical import PPCA, FactorAnalysis, Gaussian, GaussianMixture
from genzoo.models.latent import LatentModel

SPACE = Space((1, 8, 8), levels=17)
BOTH = GaussianAutoencoder.mlp(SPACE, latent=2, hidden=[8])
NOISY = {
    "vae": VAE(SPACE, None, BOTH),
    "latent": LatentModel(SPACE, BOTH, Gaussian(BOTH.latent)),
    "ppca": Dequantized(PPCA(Space((1, 8, 8))), 17),
    "low_rank": Dequantized(Gaussian(Space((1, 8, 8)), covariance="low_rank", rank=2), 17),
    "factor_analysis": Dequantized(Standardized(FactorAnalysis(Space((1, 8, 8)))), 17),
}


@pytest.mark.parametrize("model", NOISY.values(), ids=NOISY)
def test_every_decoder_with_noise_has_one_option_for_it(model: GenerativeModel):
    assert as_shown(model) == {"noise": False}
    noisy, mean = (model.sample(5, seed=0, noise=noise) for noise in (True, False))
    assert torch.equal(noisy, model.sample(5, seed=0))
    assert not torch.equal(noisy, mean)
    assert mean.dtype == noisy.dtype
    assert torch.equal(mean[3:], model.sample(2, seed=0, start=3, noise=False))


def test_what_adds_no_noise_or_shows_no_picture_is_left_alone():
    assert as_shown(Dequantized(Gaussian(Space((1, 8, 8))), 17)) == {}
    assert as_shown(Dequantized(GaussianMixture(Space((1, 8, 8)), covariance="diag"), 17)) == {}
    assert as_shown(PPCA(Space((6,)))) == {}


def test_what_is_measured_is_what_is_written():
    data, model = read("digits"), NOISY["vae"]
    few = Protocol(rows=10, samples=20)
    assert torch.equal(Examiner(data, few)(model).samples, model.sample(20, seed=0, noise=False))
    asked = dataclasses.replace(few, sampling={"noise": True})
    assert torch.equal(Examiner(data, asked)(model).samples, model.sample(20, seed=0))
    prints = [Examiner(data, each)(model).measurements[-1].fingerprint for each in (few, asked)]
    assert prints[0] != prints[1]
