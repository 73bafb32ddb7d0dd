"""Residual blocks: what they promise of distances, of their way back, and of their estimates."""

import itertools

import pytest
import torch
from torch import Tensor, nn

from genzoo.core import Batch, Noise, Space
from genzoo.models.flows import Residual, residual_flow
from genzoo.models.flows.residual import ON, SURE
from genzoo.nn import LipschitzMLP, spectral_bound


def steep(dims: int, bound: float = 0.9, size: float = 3.0) -> LipschitzMLP:
    """A network whose matrices are far above their bound, so that all of it is used."""
    net = LipschitzMLP(dims, 10, bound=bound).double()
    for layer in net.layers:
        nn.init.normal_(layer.weight, std=size)
        nn.init.normal_(layer.bias)
    return net


@pytest.mark.parametrize("shape", [(3, 3), (64, 64), (2, 64), (64, 2), (5, 1)])
def test_the_bound_is_above_the_largest_singular_value_and_near(shape: tuple[int, int]) -> None:
    for weight in (torch.randn(shape), 1e-3 * torch.randn(shape), 1e3 * torch.randn(shape), torch.ones(shape)):
        largest = torch.linalg.matrix_norm(weight.double(), 2)
        assert largest * (1 - 1e-5) < spectral_bound(weight) < 1.01 * largest
    for equal in (torch.eye(64), -5 * nn.init.orthogonal_(torch.empty(64, 64))):  # where an iteration is at its worst
        assert 1 - 1e-5 < spectral_bound(equal) / equal[0].norm() < 1.01
    assert spectral_bound(torch.zeros(3, 3)) < 1e-12
    weight = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(spectral_bound, weight)


@pytest.mark.parametrize("bound", [0.5, 0.9, 0.99])
def test_no_distance_grows_by_more_than_the_bound(bound: float) -> None:
    net = steep(3, bound, size=30.0)
    x, y = (5 * torch.randn(2000, 3).double() for _ in range(2))
    y[1000:] = x[1000:] + 1e-4 * torch.randn(1000, 3)
    ratio = (net(x) - net(y)).norm(dim=1) / (x - y).norm(dim=1)
    assert ratio.max() < bound
    assert torch.linalg.matrix_norm(net.jacobian(net.told(x, None, net.weights())[1], net.weights()), 2).max() < bound
    with pytest.raises(ValueError, match=r"must be in \(0, 1\), got 1"):
        LipschitzMLP(2, 4, bound=1)


def test_the_jacobian_written_out_is_that_of_autograd() -> None:
    net, x = steep(3), torch.randn(4, 3).double()
    found = net.jacobian(net.told(x, None, net.weights())[1], net.weights())
    for row, expected in zip(x, found, strict=True):
        assert torch.allclose(torch.autograd.functional.jacobian(lambda x: net(x[None])[0], row), expected)


@pytest.mark.parametrize("dims", [2, 9])
@pytest.mark.parametrize("bound", [0.9, 0.97])
def test_the_way_back_is_found_from_afar(dims: int, bound: float) -> None:
    """By Newton's steps in two dimensions, by fixed point in nine."""
    block, x = Residual(steep(dims, bound)), 100 * torch.randn(100, dims).double()
    with torch.no_grad():
        z, _ = block(x)
        assert (block.inverse(z) - x).abs().max() < 1e-9
        assert torch.allclose(block.inverse(z)[3:5], block.inverse(z[3:5]), rtol=0, atol=1e-10)


@pytest.mark.parametrize("dims", [2, 9])
def test_gradients_of_the_way_back_are_those_of_the_inverse(dims: int) -> None:
    block, z = Residual(steep(dims)), torch.randn(3, dims).double().requires_grad_()
    assert torch.autograd.gradcheck(block.inverse, z)
    back = torch.autograd.functional.jacobian(lambda z: block.inverse(z[None])[0], z[0].detach())
    there = torch.autograd.functional.jacobian(lambda x: block(x[None])[0][0], block.inverse(z)[0].detach())
    assert torch.allclose(back @ there, torch.eye(dims).double())
    weight = block.net.layers[1].weight
    (slope,) = torch.autograd.grad(block.inverse(z.detach()).sum(), weight)
    step = torch.zeros_like(weight)
    step[2, 3] = 1e-6
    ends = []
    for sign in (1, -1):
        with torch.no_grad():
            weight += sign * step
            ends.append(block.inverse(z.detach()).sum().item())
            weight -= sign * step
    assert slope[2, 3].item() == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-4, abs=1e-7)


def expected(block: Residual, x: Tensor, most: int) -> Tensor:
    """The mean of the estimates over all rows of signs and all ends of the coin, the later ones left out."""
    weights = block.net.weights()
    _, slopes = block.net.told(x, None, weights)
    total, rows = torch.zeros(len(x)).double(), list(itertools.product([-1.0, 1.0], repeat=x.shape[1]))
    for signs, terms in itertools.product(rows, range(SURE, most)):
        share = ON ** (terms - SURE) * ((1 - ON) if terms < most - 1 else 1) / len(rows)
        v = torch.tensor(signs).double().expand_as(x)
        total += share * block.series(v, torch.full((len(x),), terms), slopes, weights)
    return total


def test_estimates_have_the_exact_mean() -> None:
    """Over all that chance can say, not over some of its words; gradients too."""
    block, x = Residual(steep(3, 0.5)), torch.randn(2, 3).double()
    found, exact = expected(block, x, 30), block(x)[1]
    assert torch.allclose(found, exact, atol=1e-7)
    assert exact.abs().max() > 0.01
    grads = [torch.autograd.grad(each.sum(), block.net.layers[1].weight)[0] for each in (found, exact)]
    assert torch.allclose(*grads, atol=1e-6)


def test_draws_of_the_estimate_agree_with_the_exact_one() -> None:
    block, x = Residual(steep(10, 0.8)), torch.randn(1, 10).double()
    drawn = block.estimated(x.expand(20_000, -1), None, Noise(0))[1].detach()
    assert abs(drawn.mean() - block(x)[1].item()) < 5 * drawn.std() / 20_000**0.5
    assert drawn.std() > 0.01
    assert torch.equal(block.estimated(x.expand(5, -1), None, Noise(0, start=2))[1].argsort(), drawn[2:7].argsort())


def test_few_entries_are_never_estimated() -> None:
    x = torch.randn(5, 3).double()
    block = Residual(steep(3))
    assert torch.equal(block.estimated(x, None, Noise(0))[1], block(x)[1])
    assert not torch.equal(Residual(block.net, exact=False).estimated(x, None, Noise(0))[1], block(x)[1])


def test_it_learns_from_estimates() -> None:
    """In ten dimensions, where the loss of training is an estimate: correlated data against its entropy."""
    mix = torch.eye(10) + 0.5 * torch.ones(10, 10) / 10
    x = torch.randn(500, 10) @ mix
    model = residual_flow(Space((10,)), width=16, depth=2)
    model.prepare([Batch(x)])
    before = -model.eval().log_prob(x).mean()
    for step in range(30):
        loss = model.train().loss(Batch(x, noise=Noise(0).tick(step)))
        slopes = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for parameter, slope in zip(model.parameters(), slopes, strict=True):
                parameter -= 0.3 * slope
    after = -model.eval().log_prob(x).mean()
    assert after < before - 0.05
    assert loss.item() == pytest.approx(after.item(), abs=0.2)
