"""Autoencoders of codes, alone and with a prior over their codes."""

import pytest
import torch

from genzoo.core import Batch, Noise, Space
from genzoo.models import LatentModel
from genzoo.models.autoencoders import Codebook, CodedAutoencoder
from genzoo.models.classical import Histogram
from genzoo.testing import rows
from tests.zoo.autoencoders import codes_under_a_prior, vq_vae
from tests.zoo.entry import BITS, BYTES


def test_what_is_encoded_and_decoded_is_what_the_loss_sees() -> None:
    model, x = vq_vae(BITS).eval(), rows(BITS, 6)
    z = model.encode(x)
    losses = model.losses(Batch(x, noise=Noise(0)))
    truth = -model.autoencoder.likelihood(z).log_prob(x).mean()
    assert torch.allclose(losses["distortion"], truth, rtol=1e-5)
    assert 1 <= losses["perplexity"] <= 5
    assert torch.equal(model.decode(z), model.autoencoder.mean(z).round().to(torch.uint8))


def test_codes_begin_at_what_the_encoder_says() -> None:
    model, x = vq_vae(BYTES), rows(BYTES, 40)
    far = 100 * torch.ones(5, 2)
    model.autoencoder.quantizer.vectors.copy_(far)
    model.prepare([Batch(x[:20], noise=Noise(0)), Batch(x[20:], noise=Noise(0))])
    said = model.autoencoder.vectors(x).transpose(1, 2).flatten(0, 1)
    assert torch.cdist(model.autoencoder.quantizer.vectors, said).min(1).values.max() < said.std() * 3


def test_the_bound_is_that_of_the_codes() -> None:
    model, x = codes_under_a_prior(), rows(BITS, 6)
    z = model.encode(x)
    bound = model.autoencoder.likelihood(z).log_prob(x) + model.prior.log_prob(z)
    assert torch.allclose(model.log_prob(x), bound, atol=1e-5)


def test_a_bound_sums_to_less_than_one_over_all_rows() -> None:
    space = Space((1, 2, 2), levels=2)
    both = CodedAutoencoder.conv(space, Codebook(3, 2), width=4, halvings=1)
    model = LatentModel(space, both, Histogram(both.latent))
    model.prior.accumulate(Batch(torch.tensor([[0], [1], [2], [2]])))
    model.prior.finish()
    every = torch.cartesian_prod(*[torch.arange(2)] * 4).view(-1, 1, 2, 2).to(torch.uint8)
    assert 0 < model.log_prob(every).exp().sum() <= 1 + 1e-5


def test_what_is_no_code_is_refused() -> None:
    model = vq_vae(BITS)
    for z in (torch.zeros(1, 4), torch.full((1, 4), 5), torch.full((1, 4), -1), torch.zeros(1, 3, dtype=torch.int64)):
        with pytest.raises(ValueError, match="z must be codes"):
            model.decode(z)
    with pytest.raises(ValueError, match="halved 9 times"):
        CodedAutoencoder.conv(BITS, Codebook(5, 2), halvings=9)
