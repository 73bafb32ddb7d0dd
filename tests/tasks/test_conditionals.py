"""Entries of a row given the others: exact where the order allows, weighted elsewhere, against closed forms."""

import math

import pytest
import torch

from genzoo.core import Batch, Space
from genzoo.models.classical import Gaussian
from genzoo.models.flows import ActNorm, Autoregressive, Chain, Flow, MaskedNets, autoregressive_flow
from genzoo.nn import MaskedMLP
from genzoo.tasks import WeightsCollapsed, conditional


def stirred(model: Flow) -> Flow:
    for parameter in model.parameters():
        with torch.no_grad():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def gaussian() -> tuple[Gaussian, torch.Tensor]:
    model, covariance = Gaussian(Space((3,))), torch.tensor([[1.0, 0.8, 0.3], [0.8, 2.0, -0.4], [0.3, -0.4, 1.5]])
    rows = torch.randn(4000, 3, dtype=torch.float64) @ torch.linalg.cholesky(covariance.double()).T
    batch = Batch(rows.float())
    model.prepare([batch])
    model.begin()
    model.accumulate(batch)
    model.finish()
    return model, rows.T.cov(correction=0)


def test_weighted_draws_are_those_of_a_gaussian() -> None:
    model, covariance = gaussian()
    found = conditional(model, {1: 2.0}, 4000, seed=1)
    slope = covariance[[0, 2], 1] / covariance[1, 1]
    mean, spread = 2.0 * slope, covariance[[0, 2]][:, [0, 2]] - torch.outer(slope, covariance[1, [0, 2]])
    assert found.method == "importance"
    assert found.missing == (0, 2)
    assert found.ess > 4000
    assert (found.x[:, 1] == 2).all()
    drawn = found.x[:, [0, 2]].double()
    assert torch.allclose(drawn.mean(0), mean, atol=0.12)
    assert torch.allclose(drawn.T.cov(), spread, atol=0.15)
    assert torch.allclose(found.quantiles([0.5])[0], drawn.median(0).values, atol=1e-2)
    known = -(2.0**2) / covariance[1, 1] / 2 - math.log(2 * math.pi * covariance[1, 1]) / 2
    assert found.log_known == pytest.approx(known.item(), abs=0.05)


def test_what_comes_first_in_every_map_is_known_exactly() -> None:
    one_way = Chain(*(Autoregressive(MaskedMLP(4, 1, 2, width=8, depth=1)) for _ in range(2)), ActNorm(4))
    flow = stirred(Flow(Space((4,)), None, one_way))
    found = conditional(flow, {0: 0.3, 1: -1.0}, 2000, seed=2)
    assert (found.method, found.ess) == ("prefix", 2000)
    assert torch.equal(found.x[:, :2], torch.tensor([0.3, -1.0]).expand(2000, 2))
    weighted = conditional(flow, {1: -1.0, 2: 0.2}, 2000, seed=2)
    assert weighted.method == "importance"


def test_exact_and_weighted_draws_agree() -> None:
    flow = stirred(autoregressive_flow(Space((3,)), nets=MaskedNets(8, 1), depth=1))
    turned = stirred(autoregressive_flow(Space((3,)), nets=MaskedNets(8, 1), depth=2))
    assert conditional(turned, {0: 0.5}, 10).method == "importance"
    exact = conditional(flow, {0: 0.5}, 4000)
    flow.abilities = lambda: []  # without a latent there is nothing to fix
    weighted = conditional(flow, {0: 0.5}, 4000, seed=3)
    assert (exact.method, weighted.method) == ("prefix", "importance")
    places = [0.1, 0.5, 0.9]
    assert torch.allclose(exact.quantiles(places), weighted.quantiles(places), atol=0.15)


def test_what_cannot_be_asked_is_refused() -> None:
    model, _ = gaussian()
    with pytest.raises(ValueError, match="some not, got"):
        conditional(model, {0: 1.0, 1: 1.0, 2: 1.0})
    with pytest.raises(ValueError, match="Name 1 to 2"):
        conditional(model, {5: 1.0})
    with pytest.raises(TypeError, match="vectors of reals"):
        conditional(autoregressive_flow(Space((2, 2))), {0: 1.0})
    with pytest.raises(WeightsCollapsed, match="must be worth"):
        conditional(model, {1: 2.0}, proposals=200, fewest=300)
