"""The discretized logistic: a mass, in float32, however extreme."""

import pytest
import torch
from scipy import stats

from genzoo.core import Noise, Space
from genzoo.distributions import DiscretizedLogistic, Observation, centered, quantized
from genzoo.distributions.draws import draw


@pytest.mark.parametrize("levels", [1, 2, 3, 17, 256])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_sums_to_one(levels: int, dtype: torch.dtype) -> None:
    loc, log_scale = torch.meshgrid(
        torch.tensor([-30.0, -1.0, -0.3, 0.0, 0.77, 1.0, 5.0], dtype=dtype),
        torch.tensor([-7.0, -3.0, -1.0, 0.0, 4.0], dtype=dtype),
        indexing="ij",
    )
    mass = DiscretizedLogistic(loc[..., None], log_scale[..., None], levels)
    total = mass.log_prob(torch.arange(levels)).logsumexp(-1)
    assert torch.allclose(total, torch.zeros_like(total), atol=2e-4 if dtype is torch.float32 else 1e-12)


def test_it_is_the_integral_of_the_density() -> None:
    loc, scale, levels = 0.2, 0.15, 17
    value = torch.arange(1, 16)
    y = centered(value, levels).double()
    law = stats.logistic(loc, scale)
    exact = torch.from_numpy(law.cdf(y + 1 / 16) - law.cdf(y - 1 / 16)).log()
    mass = DiscretizedLogistic(torch.tensor(loc).double(), torch.tensor(scale).double().log(), levels)
    assert torch.allclose(mass.log_prob(value), exact, atol=1e-6)


def test_far_tails_are_finite_with_finite_gradients() -> None:
    loc = torch.tensor([-1.0, 1.0, 0.0, 1e4], requires_grad=True)
    log_scale = torch.tensor([-7.0, -7.0, -7.0, 0.0], requires_grad=True)
    log_prob = DiscretizedLogistic(loc, log_scale, 256).log_prob(torch.tensor([200, 3, 0, 7]))
    log_prob.sum().backward()
    assert log_prob.isfinite().all()
    assert loc.grad.isfinite().all()
    assert log_scale.grad.isfinite().all()
    assert (log_prob < -500).all()


def test_float32_agrees_with_float64() -> None:
    loc, log_scale = Noise(0).normal(500), 3 * Noise(1).normal(500) - 3
    x = Noise(2).integers(256, 500)
    coarse = DiscretizedLogistic(loc, log_scale, 256).log_prob(x).double()
    fine = DiscretizedLogistic(loc.double(), log_scale.double(), 256).log_prob(x)
    assert torch.allclose(coarse, fine, rtol=1e-4, atol=1e-4)


def test_draws_follow_the_mass() -> None:
    mass = DiscretizedLogistic(torch.tensor(0.4), torch.tensor(-1.0), 9)
    n = 20_000
    counts = draw(mass, Noise(0), rows=n).long().bincount(minlength=9)
    expected = mass.log_prob(torch.arange(9)).double().exp()
    assert stats.chisquare(counts, n * expected / expected.sum()).pvalue > 1e-3


@pytest.mark.parametrize("loc", [-3.0, -0.8, 0.1, 0.9, 2.0])
@pytest.mark.parametrize("log_scale", [-4.0, -0.5, 1.5])
def test_mean_and_mode_are_those_of_the_mass(loc: float, log_scale: float) -> None:
    mass = DiscretizedLogistic(torch.tensor(loc), torch.tensor(log_scale), 17)
    log_prob = mass.log_prob(torch.arange(17))
    assert mass.log_prob(mass.mode).item() == pytest.approx(log_prob.max().item())
    assert mass.mean.item() == pytest.approx((log_prob.exp() * torch.arange(17)).sum().item(), abs=1e-3)


@pytest.mark.parametrize("levels", [1, 2, 17, 256, 1000])
def test_levels_come_back_from_numbers(levels: int) -> None:
    x = torch.arange(levels)
    y = centered(x, levels)
    assert -1 <= y.min() <= y.max() <= 1
    back = quantized(y, levels)
    assert torch.equal(back.long(), x)
    assert back.dtype == getattr(torch, Space((), levels=levels).dtype)


@pytest.mark.parametrize("levels", [2, 3, 256])
def test_observations_of_levels_are_masses(levels: int) -> None:
    observe = Observation(Space((2,), levels=levels))
    p = observe(Noise(0).normal(1, observe.count * 2).expand(levels, -1))
    x = torch.arange(levels, dtype=torch.uint8)[:, None].expand(-1, 2)
    entries = p.base_dist.log_prob(x).exp().sum(0)
    assert torch.allclose(entries, torch.ones(2), atol=1e-4)
    assert p.mode.dtype == torch.uint8


def test_observations_of_reals_have_a_floor() -> None:
    p = Observation(Space((2,)), least=-3.0)(torch.full((1, 4), -100.0))
    assert torch.allclose(p.base_dist.scale.log(), torch.full((1, 2), -3.0))
