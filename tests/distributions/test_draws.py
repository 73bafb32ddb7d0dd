"""Draws: every registered distribution comes out with its own law."""

import pytest
import torch
from scipy import stats
from torch import distributions as td

from genzoo._random import at_least_single
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


HALF = {
    "normal": lambda d: td.Normal(d(1.0), d(2.0)),
    "uniform": lambda d: td.Uniform(d(1.0), d(2.0)),
    "exponential": lambda d: td.Exponential(d(2.0)),
    "laplace": lambda d: td.Laplace(d(1.0), d(0.5)),
    "gumbel": lambda d: td.Gumbel(d(1.0), d(2.0)),
    "lognormal": lambda d: td.LogNormal(d(0.0), d(0.5)),
    "vector": lambda d: td.MultivariateNormal(d([1.0, -1.0]), scale_tril=d([[1.4, 0.0], [0.6, 0.8]])),
    "mixture": lambda d: td.MixtureSameFamily(
        td.Categorical(d([0.25, 0.75])), td.Normal(d([0.0, 8.0]), d([1.0, 1.0]))
    ),
    "bernoulli": lambda d: td.Bernoulli(d(0.001)),
    "categorical": lambda d: td.Categorical(logits=d([-torch.inf, 0.0, -7.0, -torch.inf])),
}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_draws_of_half_precision_are_those_of_float32_rounded(dtype: torch.dtype) -> None:
    for kind, made in HALF.items():
        half, single = (
            draw(made(lambda v, t=t: torch.tensor(v, dtype=dtype).to(t)), Noise(0, kind), rows=N)
            for t in (dtype, torch.float32)
        )
        assert half.dtype == (torch.int64 if kind == "categorical" else dtype), kind
        assert half.isfinite().all(), kind
        if kind == "uniform":
            assert (half < 2).all()
        if kind == "categorical":
            assert set(half.tolist()) == {1, 2}
        off = (half.double() - single.double()).abs() > 4 * torch.finfo(dtype).eps * single.double().abs().clamp_min(1)
        assert off.double().mean() < 1e-3, kind  # a mixture near an edge may take the other part


def test_ends_of_uniform_numbers_make_no_infinite_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    for dtype in (torch.bfloat16, torch.float16, torch.float32, torch.float64):
        ends = torch.tensor([0.0, 1 - torch.finfo(at_least_single(dtype)).eps / 2], dtype=at_least_single(dtype))
        monkeypatch.setattr(Noise, "uniform", lambda self, *shape, ends=ends, **options: ends.clone())
        for kind in ("uniform", "exponential", "laplace", "gumbel"):
            x = draw(HALF[kind](lambda v, t=dtype: torch.tensor(v, dtype=t)), Noise(0), rows=2)
            assert x.isfinite().all(), (kind, dtype)


def test_own_distributions_bring_their_own_draw() -> None:
    class Two(td.Distribution):
        arg_constraints = {}

        def draw(self, noise: Noise) -> torch.Tensor:
            return noise.integers(2, 5)

    assert draw(Two(), Noise(0)).shape == (5,)
    with pytest.raises(TypeError, match=r"draws\.register"):
        draw(td.Poisson(torch.ones(3)), Noise(0))
