"""Flows: densities that integrate to one, samples that follow them, the start, the options, the refusals."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from genzoo.core import Batch, Noise, Space
from genzoo.models import Dequantized, Standardized
from genzoo.models.flows import ActNorm, Chain, Flow, Logit, Nets, coupling_flow

LABEL = Space((), levels=3)


@pytest.fixture(autouse=True)
def _double() -> None:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def bent(model: Flow, std: float = 0.4) -> Flow:
    """A flow away from its start."""
    for name, parameter in model.named_parameters():
        if "last" in name:
            nn.init.normal_(parameter, std=std)
    return model.eval()


def grid(low: float, high: float, points: int = 600) -> tuple[torch.Tensor, float]:
    axis = torch.linspace(low, high, points)
    return torch.cartesian_prod(axis, axis), ((high - low) / (points - 1)) ** 2


def test_densities_of_the_plane_integrate_to_one() -> None:
    model = bent(coupling_flow(Space((2,)), nets=Nets(width=16), depth=4))
    x, volume = grid(-25, 25)
    with torch.no_grad():
        assert model.log_prob(x).exp().sum().item() * volume == pytest.approx(1, abs=1e-3)


def test_conditional_densities_integrate_to_one() -> None:
    model = bent(coupling_flow(Space((2,)), LABEL, nets=Nets(width=16), depth=2, drop_given=0.1))
    x, volume = grid(-25, 25)
    with torch.no_grad():
        densities = [model.log_prob(x, torch.full((len(x),), label)).exp() for label in (0, 1, 2, -1)]
    for density in densities:
        assert density.sum().item() * volume == pytest.approx(1, abs=1e-3)
    assert not torch.allclose(densities[0], densities[1])


def test_a_logit_keeps_all_density_within_its_interval() -> None:
    model = bent(coupling_flow(Space((2,)), nets=Nets(width=16), depth=2, high=4), std=0.2)
    edge = 4 * 0.05 / 0.9
    x, volume = grid(-edge + 1e-4, 4 + edge - 1e-4, 800)
    with torch.no_grad():
        assert model.log_prob(x).exp().sum().item() * volume == pytest.approx(1, abs=1e-3)
    samples = model.sample(2000, seed=0)
    assert -edge < samples.min() < samples.max() < 4 + edge


def test_samples_follow_the_density() -> None:
    model = bent(coupling_flow(Space((2,)), nets=Nets(width=16), depth=4))
    axis = torch.linspace(-25, 25, 800)
    with torch.no_grad():
        density = model.log_prob(torch.cartesian_prod(axis, axis)).exp().reshape(800, 800)
    samples = model.sample(4000, seed=1)
    for d in range(2):
        cumulative = density.sum(1 - d).cumsum(0) * (50 / 799) ** 2
        assert stats.kstest(samples[:, d].numpy(), lambda v, c=cumulative: np.interp(v, axis, c)).pvalue > 1e-3


def test_an_untrained_flow_is_the_normal_that_its_start_saw() -> None:
    x = torch.tensor([[1.0, 10.0], [3.0, 50.0], [5.0, 30.0]])
    model = coupling_flow(Space((2,)), nets=Nets(width=4), depth=2)
    model.prepare([Batch(x)])
    normal = torch.distributions.Normal(x.mean(0), x.std(0, correction=0))
    assert torch.allclose(model.log_prob(x), normal.log_prob(x).sum(1))


def test_the_start_reads_no_more_batches_than_it_needs() -> None:
    model = Flow(Space((2,)), None, ActNorm(2), rows=100)
    left = iter([Batch(torch.randn(60, 2)) for _ in range(5)])
    model.prepare(left)
    assert len(list(left)) == 3
    assert model.bijection.started


def test_encoding_inverts_decoding_through_the_wrappers() -> None:
    x = 500 + 30 * torch.randn(64, 3)
    model = Standardized(coupling_flow(Space((3,)), LABEL, nets=Nets(width=16), depth=4))
    given = torch.arange(64) % 3
    model.prepare([Batch(x, given)])
    bent(model)
    assert torch.allclose(model.decode(model.encode(x, given), given), x, atol=1e-9)
    pixels = Dequantized(coupling_flow(Space((1, 4, 4)), nets=Nets("conv", 4), depth=2, high=256), 256)
    bytes_ = Noise(0).integers(256, 20, 1, 4, 4).to(torch.uint8)
    pixels.prepare([Batch(bytes_)])
    bent(pixels)
    assert torch.equal(pixels.decode(pixels.encode(bytes_)), bytes_)


def test_temperature_shrinks_the_noise() -> None:
    model = Flow(Space((2,)), None, Chain())
    cold, warm = (model.sample(500, seed=0, temperature=t) for t in (0.5, 1.0))
    assert torch.equal(cold, warm / 2)
    assert torch.equal(model.sample(3, seed=0, temperature=0.0), torch.zeros(3, 2))
    with pytest.raises(ValueError, match="temperature"):
        model.sample(3, temperature=-1.0)


def test_an_identity_flow_is_the_standard_normal() -> None:
    model, x = Flow(Space((3,)), None, Chain()), torch.randn(4, 3)
    assert torch.allclose(model.log_prob(x), -x.square().sum(1) / 2 - 1.5 * math.log(2 * math.pi))


def test_spaces_that_no_flow_fits_are_refused() -> None:
    with pytest.raises(ValueError, match="Dequantized"):
        Flow(Space((2,), levels=4), None, Logit(4))
    with pytest.raises(ValueError, match="fixed shape"):
        Flow(Space((2,), ragged=True), None, Chain())
    with pytest.raises(ValueError, match="as many entries"):
        Flow(Space((2,)), None, Chain(), latent=(3,))
    with pytest.raises(ValueError, match="even sides"):
        coupling_flow(Space((1, 7, 8)), nets=Nets("conv"))
