"""Nets of lines against least squares, and against the Gaussian that they are."""

import pytest
import torch

from genzoo.core import Batch, Noise, Space
from genzoo.models.classical import Gaussian
from genzoo.models.graphical import LinearGaussianNet

DAG = {2: [0, 1], 3: [2], 0: [4]}


def data(n: int = 2000) -> torch.Tensor:
    return Noise(0).normal(n, 5, dtype=torch.float64) @ Noise(1).normal(5, 5, dtype=torch.float64) + 3


def fitted(model: object, x: torch.Tensor) -> dict[str, float]:
    model.begin()
    for part in x.split(700):
        model.accumulate(Batch(part))
    return model.finish()


def test_weights_are_those_of_least_squares() -> None:
    x, net = data(), LinearGaussianNet(Space((5,)), DAG, floor=1e-12)
    metrics = fitted(net, x)
    for i, above in enumerate(net.parents):
        design = torch.cat([x[:, list(above)], torch.ones(len(x), 1)], 1)
        solution = torch.linalg.lstsq(design, x[:, i]).solution
        left = (x[:, i] - design @ solution).square().mean().sqrt()
        assert torch.allclose(net.weights[i, list(above)], solution[:-1], atol=1e-8)
        assert net.bias[i].item() == pytest.approx(solution[-1].item(), abs=1e-8)
        assert net.sigma[i].item() == pytest.approx(left.item(), rel=1e-8)
    assert metrics["loss"] == pytest.approx(-net.log_prob(x).mean().item(), abs=1e-8)


def test_all_arrows_make_the_full_gaussian() -> None:
    x = data()
    net = LinearGaussianNet(Space((5,)), {i: list(range(i)) for i in range(5)}, floor=1e-9)
    full = Gaussian(Space((5,)), floor=1e-9).double()
    fitted(net, x)
    fitted(full, x)
    assert torch.allclose(net.log_prob(x), full.log_prob(x), atol=1e-6)
    assert net.parameter_count == 20


def test_densities_and_samples_are_those_of_the_joint_gaussian() -> None:
    x, net = data(), LinearGaussianNet(Space((5,)), DAG)
    fitted(net, x)
    mean, covariance = net.gaussian()
    joint = torch.distributions.MultivariateNormal(mean, covariance)
    assert torch.allclose(net.log_prob(x), joint.log_prob(x), atol=1e-8)
    drawn = net.sample(40_000, seed=0).double()
    scale = covariance.diagonal().sqrt()
    assert ((drawn.mean(0) - mean) / scale).abs().max() < 0.03
    assert ((drawn.T.cov() - covariance) / scale / scale[:, None]).abs().max() < 0.05


def test_posteriors_are_ratios_of_densities() -> None:
    x, net = data(), LinearGaussianNet(Space((5,)), DAG)
    fitted(net, x)
    found = net.posterior([1, 3], {0: 2.0, 2: 1.0, 4: -1.0})
    rows = torch.tensor([[2.0, 0.3, 1.0, 0.7, -1.0], [2.0, -0.5, 1.0, 2.0, -1.0]], dtype=torch.float64)
    difference = net.log_prob(rows).diff()
    assert torch.allclose(found.log_prob(rows[:, [1, 3]]).diff(), difference, atol=1e-6)
    assert torch.allclose(net.posterior([2]).mean, net.gaussian()[0][[2]])


def test_impossible_nets_are_refused() -> None:
    with pytest.raises(ValueError, match="0 → 1 → 0"):
        LinearGaussianNet(Space((2,)), {0: [1], 1: [0]})
    with pytest.raises(ValueError, match="BayesNet"):
        LinearGaussianNet(Space((2,), levels=2), {})
    with pytest.raises(ValueError, match="both asked for and known"):
        LinearGaussianNet(Space((2,)), {}).posterior([0], {0: 1.0})
