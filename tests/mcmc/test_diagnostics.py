"""Diagnostics against processes whose autocorrelations are known, and what is said of chains that do not mix."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from genzoo.core import Noise
from genzoo.mcmc import autocorrelation_time, bulk_ess, ess, random_walk, rhat, run, summary
from genzoo.mcmc.diagnostics import autocorrelation, normal_ranks


def walk(rho: float, steps: int = 20_000, chains: int = 4, seed: int = 0) -> Tensor:
    """Chains x_t = ρ x_{t−1} + √(1−ρ²) z, begun at their stationary law: τ = (1 + ρ) / (1 − ρ)."""
    z = Noise(seed).normal(steps, chains, dtype=torch.float64)
    x = [z[0]]
    for t in range(1, steps):
        x.append(rho * x[-1] + (1 - rho**2) ** 0.5 * z[t])
    return torch.stack(x)


@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.5, 0.9])
def test_the_autocorrelation_time_of_an_autoregressive_chain(rho: float) -> None:
    x = walk(rho)
    assert autocorrelation_time(x).item() == pytest.approx((1 + rho) / (1 - rho), rel=0.1)
    assert ess(x).item() == pytest.approx(80_000 * (1 - rho) / (1 + rho), rel=0.1)
    if rho >= 0:
        assert bulk_ess(x).item() == pytest.approx(ess(x).item(), rel=0.1)
    assert rhat(x).item() < 1.01
    assert autocorrelation(x)[:4].tolist() == pytest.approx([rho**t for t in range(4)], abs=0.03)


def test_autocorrelations_by_their_definition() -> None:
    x = walk(0.7, steps=50, chains=3).numpy()
    steps = len(x)
    off = x - x.mean(0)
    within = np.array([(off[: steps - t] * off[t:]).sum(0) / steps for t in range(steps)]).mean(1)
    total = within[0] + x.mean(0).var(ddof=1)
    rho = 1 - (within[0] * steps / (steps - 1) - within) / total
    assert autocorrelation(torch.from_numpy(x)).tolist() == pytest.approx(rho.tolist(), abs=1e-12)


def test_ranks_are_those_of_scipy() -> None:
    x = Noise(0).integers(5, 20, 3).double()
    ranks = stats.rankdata(x.numpy().ravel()).reshape(20, 3)
    assert normal_ranks(x).numpy() == pytest.approx(stats.norm.ppf((ranks - 3 / 8) / (60 + 1 / 4)), abs=1e-12)


def test_shifted_scaled_and_drifting_chains_are_found() -> None:
    x = Noise(0).normal(1000, 4)
    first = torch.arange(4) == 0
    assert rhat(x).item() < 1.01
    assert rhat(x + 0.5 * first).item() > 1.02
    assert rhat(x * (1 + 2 * first)).item() > 1.05  # folding sees what means do not
    assert rhat(x + torch.linspace(0, 1, 1000)[:, None]).item() > 1.02  # halves see a drift that chains share
    heavy = torch.tan(torch.pi * (Noise(1).uniform(1000, 4) - 0.5))
    assert rhat(heavy).item() < 1.01
    assert bulk_ess(heavy).item() > 3000


def test_quantities_are_told_apart() -> None:
    x = torch.stack([walk(0.0, 2000), walk(0.9, 2000)], -1)
    assert rhat(x).shape == bulk_ess(x).shape == (2,)
    assert ess(x)[0] > 5 * ess(x)[1]
    both = torch.stack([ess(walk(0.0, 2000)), ess(walk(0.9, 2000))])
    assert torch.allclose(ess(x), both)


def test_a_summary_of_good_chains_says_so() -> None:
    found = summary(walk(0.5)[:, :, None], torch.full((20_000, 4), 0.6), names=["height"])
    assert found.mixed
    assert "Nothing speaks against" in str(found)
    assert "height" in str(found)
    assert "acceptance: 0.60" in str(found)
    assert abs(found.mean.item()) < 4 * found.error.item()
    assert found.error.item() == pytest.approx((3 / 80_000) ** 0.5, rel=0.1)


def test_chains_that_do_not_mix_are_said_not_to() -> None:
    def modes(x: Tensor) -> Tensor:
        return torch.logaddexp(-8 * (x + 4).square().sum(1), -8 * (x - 4).square().sum(1))

    start = torch.tensor([[-4.0], [4.0], [-4.0], [4.0]])
    trace = run(random_walk(modes, scale=0.3), start, Noise(0), 500)
    found = summary(trace.x, trace.accept)
    assert not found.mixed
    assert "do not agree" in found.trouble[0]
    assert "do not agree" in str(found)


@pytest.mark.parametrize(
    ("x", "accept", "said"),
    [
        (torch.zeros(100, 4, 1), None, "No chain ever moved"),
        (torch.arange(4.0).expand(100, 4)[..., None], None, "No chain ever moved"),
        (walk(0.99, 500)[..., None], None, "worth only"),
        (walk(0.0, 500, 1)[..., None], None, "One chain cannot tell"),
        (walk(0.0, 500)[..., None], torch.full((500, 4), 0.01), "Only 1.0 % of the moves"),
        (walk(0.0, 500)[..., None] + torch.inf, None, "infinite or not numbers"),
    ],
)
def test_every_trouble_has_its_words(x: Tensor, accept: Tensor | None, said: str) -> None:
    found = summary(x, accept)
    assert any(said in sentence for sentence in found.trouble)
    assert str(found)


def test_the_worst_are_shown_of_many() -> None:
    x = Noise(0).normal(200, 4, 30)
    x[:, 0, 17] += 3
    said = str(summary(x))
    assert "x[17]" in said
    assert "(10 of 30" in said


def test_too_few_draws_are_refused() -> None:
    for diagnostic in (rhat, ess, bulk_ess, autocorrelation_time):
        with pytest.raises(ValueError, match="4 draws"):
            diagnostic(torch.zeros(3, 4))
    with pytest.raises(ValueError, match="names"):
        summary(torch.zeros(10, 4, 2), names=["one"])
