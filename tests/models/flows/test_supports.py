"""Densities on circles and simplices: normalized, seamless, and those of closed forms."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import Dirichlet, StickBreakingTransform

from genzoo.core import Space
from genzoo.core.errors import DataError
from genzoo.models.flows import (
    Chain,
    CircularSpline,
    Coupling,
    Flow,
    LogRatio,
    Separate,
    Shuffle,
    StickBreaking,
    Torus,
)
from genzoo.nn import MLP, AngleMLP


def stirred(flow: Flow, size: float = 1.0) -> Flow:
    for parameter in flow.parameters():
        torch.nn.init.normal_(parameter, std=size)
    return flow.double().eval()


def circle() -> Flow:
    return stirred(Flow(Space((1,)), None, Separate(1, CircularSpline(5)), base=Torus()))


def torus() -> Flow:
    halves = [Coupling(AngleMLP(1, [16], 13), 2, CircularSpline(4), flip=flip) for flip in (False, True)]
    return stirred(Flow(Space((2,)), None, Chain(halves[0], Shuffle(), halves[1]), base=Torus()), 0.5)


def test_densities_on_a_circle_integrate_to_one_and_have_no_seam() -> None:
    model, n = circle(), 4000
    x = torch.linspace(-math.pi, math.pi, n + 1, dtype=torch.float64)[:, None]
    density = model.log_prob(x).exp()
    assert (density[:-1].sum() * 2 * math.pi / n).item() == pytest.approx(1, abs=1e-5)
    assert density.max() > 2 * density.min()
    assert density[0].item() == pytest.approx(density[-1].item(), rel=1e-9)
    turned = model.log_prob(x + 2 * math.pi)
    assert torch.allclose(turned, density.log(), atol=1e-9)
    seam = torch.tensor([[math.pi - 1e-7], [-math.pi + 1e-7]], dtype=torch.float64)
    assert model.score(seam)[0].item() == pytest.approx(model.score(seam)[1].item(), abs=1e-3)
    drawn = model.sample(3000, seed=0)[:, 0].numpy()
    cumulative = (density.cumsum(0) * 2 * math.pi / n).detach().numpy()
    assert stats.kstest(drawn, lambda v: np.interp(v, x[:, 0].numpy(), cumulative)).pvalue > 1e-3
    assert abs(drawn).max() <= math.pi


def test_densities_on_a_torus_integrate_to_one() -> None:
    model, n = torus(), 300
    axis = (torch.arange(n, dtype=torch.float64) / n * 2 - 1) * math.pi
    x = torch.cartesian_prod(axis, axis)
    density = model.log_prob(x).exp()
    assert (density.sum() * (2 * math.pi / n) ** 2).item() == pytest.approx(1, abs=1e-3)
    assert density.max() > 3 * density.min()
    moved = x[:50] + 2 * math.pi * torch.tensor([1.0, -2.0])
    assert torch.allclose(model.log_prob(moved), density[:50].log(), atol=1e-9)
    around = model.decode(model.encode(x[:50])) - x[:50]
    assert (around / (2 * math.pi) - (around / (2 * math.pi)).round()).abs().max() < 1e-9


def test_the_stick_is_that_of_torch() -> None:
    x = Dirichlet(torch.tensor([0.5, 1.0, 2.0, 3.0], dtype=torch.float64)).sample((100,))
    expected = StickBreakingTransform().inv(x)
    z, ladj = StickBreaking()(x[:, :-1])
    assert torch.allclose(z, expected)
    assert torch.allclose(ladj, -StickBreakingTransform().log_abs_det_jacobian(expected, x))


@pytest.mark.parametrize("kind", [LogRatio, StickBreaking])
def test_densities_of_shares_integrate_to_one(kind: type[LogRatio]) -> None:
    model, n = Flow(Space((2,)), None, kind()).double().eval(), 400
    axis = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    x = torch.cartesian_prod(axis, axis)
    x = x[x.sum(1) < 1 - 1e-9]
    assert (model.log_prob(x).exp().sum() / n**2).item() == pytest.approx(1, abs=1e-2)
    drawn = model.sample(2000, seed=0)
    assert (drawn > 0).all()
    assert (drawn.sum(1) < 1).all()
    inside = (x[:, 0] < 0.3) & (x[:, 1] < 0.3)
    share = (model.log_prob(x[inside]).exp().sum() / n**2).item()
    assert (drawn < 0.3).all(1).double().mean().item() == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize("kind", [LogRatio, StickBreaking])
def test_shares_far_in_a_corner_come_back(kind: type[LogRatio]) -> None:
    z = torch.tensor([[30.0, -30.0, 3.0], [-200.0, 1.0, -5.0], [5.0, 5.0, 5.0]], dtype=torch.float64)
    x = kind().inverse(z)
    assert (x >= 0).all()
    assert torch.allclose(kind().inverse(kind()(x[1:])[0]), x[1:], rtol=1e-9, atol=0)


@pytest.mark.parametrize("kind", [LogRatio, StickBreaking])
def test_rows_that_are_no_shares_are_named(kind: type[LogRatio]) -> None:
    good, bad = torch.tensor([[0.2, 0.3], [0.4, 0.4]]), torch.tensor([[0.2, 0.3], [0.0, 0.4], [0.7, 0.4]])
    kind()(good)
    with pytest.raises(DataError, match=r"in row 1 and 1 more\. Give x\[:, :-1\]"):
        kind()(bad)


def test_networks_of_angles_see_circles() -> None:
    net = AngleMLP(2, [8, 8], 3, given=4)
    x, given = torch.randn(5, 2), torch.randn(5, 4)
    assert torch.allclose(net(x, given), net(x + 2 * math.pi, given), atol=1e-4)
    assert isinstance(net.last, torch.nn.Linear)
    assert isinstance(net.body, MLP)
