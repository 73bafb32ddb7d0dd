"""Draws: every registered distribution comes out with its own law."""

import pytest
import torch
from scipy import stats
from torch import distributions as td

from genzoo.core import Noise
from genzoo.distributions.draws import draw

N = 20_000
CONTINUOUS = {
    "normal": (td.Normal(1.0, 2.0), stats.norm(1, 2)),
    "uniform": (td.Uniform(-1.0, 3.0), stats.uniform(-1, 4)),
    "exponential": (td.Exponential(2.0), stats.expon(scale=0.5)),
    "laplace": (td.Laplace(1.0, 0.5), stats.laplace(1, 0.5)),
    "gumbel": (td.Gumbel(1.0, 2.0), stats.gumbel_r(1, 2)),
    "lognormal": (td.LogNormal(0.0, 0.5), stats.lognorm(0.5)),
}


@pytest.mark.parametrize("kind", CONTINUOUS)
def test_continuous_draws_follow_their_law(kind: str) -> None:
    distribution, law = CONTINUOUS[kind]
    x = draw(distribution, Noise(0, kind), rows=N)
    assert x.shape == (N,)
    assert stats.kstest(x.numpy(), law.cdf).pvalue > 1e-3


def test_discrete_draws_follow_their_law() -> None:
    probs = torch.tensor([0.1, 0.6, 0.3])
    counts = draw(td.Categorical(probs), Noise(0), rows=N).bincount(minlength=3)
    assert stats.chisquare(counts, N * probs.double() / probs.double().sum()).pvalue > 1e-3
    assert draw(td.Bernoulli(0.3), Noise(1), rows=N).mean().item() == pytest.approx(0.3, abs=0.015)


def test_joint_draws_have_their_covariance() -> None:
    covariance = torch.tensor([[2.0, 0.8], [0.8, 1.0]])
    x = draw(td.MultivariateNormal(torch.tensor([1.0, -1.0]), covariance), Noise(0), rows=N)
    assert torch.allclose(x.T.cov(), covariance, atol=0.06)
    assert torch.allclose(x.mean(0), torch.tensor([1.0, -1.0]), atol=0.05)


def test_mixtures_pick_whole_events() -> None:
    parts = td.Independent(td.Normal(torch.tensor([[0.0, 0.0], [10.0, 10.0]]), 0.1), 1)
    mixture = td.MixtureSameFamily(td.Categorical(torch.tensor([0.25, 0.75])), parts)
    x = draw(mixture, Noise(0), rows=N)
    assert x.shape == (N, 2)
    assert ((x[:, 0] > 5) == (x[:, 1] > 5)).all()
    assert (x[:, 0] > 5).float().mean().item() == pytest.approx(0.75, abs=0.015)


def test_draws_are_differentiable_in_their_parameters() -> None:
    loc = torch.zeros(4, requires_grad=True)
    draw(td.Independent(td.Normal(loc, 1.0), 0), Noise(0)).sum().backward()
    assert torch.equal(loc.grad, torch.ones(4))


def test_own_distributions_bring_their_own_draw() -> None:
    class Two(td.Distribution):
        arg_constraints = {}

        def draw(self, noise: Noise) -> torch.Tensor:
            return noise.integers(2, 5)

    assert draw(Two(), Noise(0)).shape == (5,)
    with pytest.raises(TypeError, match=r"draws\.register"):
        draw(td.Poisson(torch.ones(3)), Noise(0))
