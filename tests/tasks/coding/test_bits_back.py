"""Bits back: rows come back, at the price of the evidence lower bound, start-up apart."""

import math

import numpy as np
import pytest
import torch

from genzoo.core import Batch, GenerativeModel, Noise, Space
from genzoo.core.errors import DataError
from genzoo.models import Dequantized
from genzoo.models.abilities import Layers
from genzoo.models.autoencoders import VAE, GaussianAutoencoder, LadderAutoencoder, LadderPrior, MixturePrior
from genzoo.tasks.coding import BitsBack, Latents
from tests.zoo import ready
from tests.zoo.entry import batch

SPACE = Space((1, 12, 12), levels=8)


def pictures(n: int) -> torch.Tensor:
    """Bars of a row's own place and shade, with noise."""
    noise = Noise(0)
    place, shade = noise.at("place").integers(10, n, 1, 1, 1), noise.at("shade").integers(4, n, 1, 1, 1)
    bars = (torch.arange(12) - place).abs() < 2
    return (bars * (shade + 3) + noise.at("speck").integers(2, n, *SPACE.shape)).to(torch.uint8)


@pytest.fixture(scope="module", params=["vae", "ladder"])
def trained(request: pytest.FixtureRequest) -> GenerativeModel:
    torch.manual_seed(0)
    if request.param == "vae":
        model = VAE(SPACE, None, GaussianAutoencoder.mlp(SPACE, latent=4, hidden=[64]))
    else:
        both = LadderAutoencoder.mlp(SPACE, sizes=[4, 2], hidden=[64])
        model = VAE(SPACE, None, both, prior=LadderPrior())
    optimizer, x = torch.optim.Adam(model.parameters(), lr=3e-3), pictures(128)
    for step in range(80):
        loss = model.loss(Batch(x, {}, Noise(0).tick(step)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.double().eval()


def test_rows_come_back_at_the_price_of_the_bound(trained: GenerativeModel) -> None:
    road, x = BitsBack(trained.able(Layers)), pictures(300)
    with torch.no_grad():
        packed = road.pack(x, {})
        assert torch.equal(road.unpack(packed.words, packed.doubts, len(x), {}), x)
        bound = -sum(trained.log_prob(x, seed=seed).sum().item() for seed in range(8)) / 8
    assert packed.nats == pytest.approx(bound, rel=0.01)  # one draw of z against eight
    bits = packed.nats / math.log(2)
    assert 0 < 8 * len(packed.words) / bits - 1 < 0.02


@pytest.mark.parametrize("name", ["vae/given", "vae/conv", "vae/bits", "ladder_vae"])
def test_small_ones_come_back(name: str) -> None:
    model = ready(name).double()
    data, road = batch(model, 20), BitsBack(model.able(Layers))
    given = model.checked_given(data.given, 20)
    with torch.no_grad():
        packed = road.pack(data.x, given)
        assert torch.equal(road.unpack(packed.words, packed.doubts, 20, given), data.x)


def test_bytes_of_another_are_refused(trained: GenerativeModel) -> None:
    road, x = BitsBack(trained.able(Layers)), pictures(30)
    with torch.no_grad():
        packed = road.pack(x, {})
        for words in (b"", np.array([1 << 30, 5], dtype="<u4").tobytes(), packed.words[:-40]):
            with pytest.raises(DataError):
                road.unpack(words, packed.doubts, 30, {})


def test_what_has_no_layers_says_so() -> None:
    both = GaussianAutoencoder.mlp(SPACE, latent=2, hidden=[8])
    assert VAE(SPACE, None, both, prior=MixturePrior(both.latent, 3)).ability(Layers) is None
    reals = VAE(Space((4,)), None, GaussianAutoencoder.mlp(Space((4,)), latent=2, hidden=[8]))
    layers = Dequantized(reals, 5).able(Layers)
    assert layers.space != Dequantized(reals, 5).space  # they are of what it sees, not of rows


def test_a_wider_grid_is_fewer_bytes_and_farther(trained: GenerativeModel) -> None:
    x, found = pictures(100), []
    with torch.no_grad():
        for width in (0.05, 0.4, 2.0):
            road = Latents(trained.able(Layers), trained.decode, width)
            packed = road.pack(x, {})
            back = road.unpack(packed.words, packed.doubts, len(x), {})
            found.append((len(packed.words), (back.double() - x.double()).square().mean().item()))
    sizes, errors = zip(*found, strict=True)
    assert sizes[0] > sizes[1] > sizes[2]
    assert errors[0] <= errors[1] * 1.01 < errors[2]


def test_a_grid_has_its_bounds(trained: GenerativeModel) -> None:
    for width in (1e-30, 100.0):
        with pytest.raises(DataError, match="A grid must be"):
            Latents(trained.able(Layers), trained.decode, width).pack(pictures(2), {})
