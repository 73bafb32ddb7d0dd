"""Posteriors of a simulator's parameters against the Gaussian, whose posterior is known."""

import math

import pytest
import torch
from torch.distributions import Independent, Normal, Uniform

from genzoo.core import Noise
from genzoo.zoo import Inferred, Mistake, infer

PRIOR = Independent(Normal(torch.zeros(2), 1.0), 1)
QUICK = {"recipe": "mixture_density", "settings": {"components": 1, "width": 16, "depth": 1}, "device": "cpu"}


def seen(theta: torch.Tensor, noise: Noise) -> torch.Tensor:
    return theta + noise.normal(*theta.shape)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Inferred:
    out = tmp_path_factory.mktemp("inferred") / "run"
    return infer(PRIOR, seen, simulations=4000, out=out, seed=0, steps=250, **QUICK)


def test_draws_are_those_of_the_posterior_and_strange_observations_are_told(found: Inferred) -> None:
    """x = θ + ε: the posterior is N(x / 2, 1/2)."""
    x = torch.tensor([[0.5, -1.0], [40.0, 0.0]])
    draws = found.posterior(x, 4000, seed=0)
    assert draws.x.shape == (4000, 2, 2)
    assert (draws.mean()[0] - x[0] / 2).abs().max() < 0.15
    assert (draws.std()[0] / math.sqrt(0.5) - 1).abs().max() < 0.1
    p = draws.diagnostics["p"]
    assert p[0] > 0.05
    assert p[1] < 0.002
    assert draws.diagnostics["outside the prior"].tolist() == [0.0, 0.0]
    usual = found.strangeness(found.simulator(found.theta[:400], Noise(9)))
    assert abs((usual < 0.1).double().mean() - 0.1) < 0.05


def test_what_the_prior_rules_out_is_drawn_again(tmp_path) -> None:
    """Half of what one Gaussian says of an observation at the edge lies outside; what is kept is the half inside."""
    square = Independent(Uniform(-torch.ones(2), torch.ones(2)), 1)
    known = infer(square, seen, simulations=500, out=tmp_path / "run", steps=60, **QUICK)
    x = torch.tensor([[0.2, 0.0], [3.0, 3.0]])
    draws, model = known.posterior(x, 500, seed=0), known.run.generative
    assert (draws.x.abs() <= 1).all()
    first = model.sample(1000, x.repeat_interleave(500, 0), seed=0).unflatten(0, (2, 500)).transpose(0, 1)
    inside = (first.abs() <= 1).all(-1)
    assert draws.x[inside].equal(first[inside])
    assert torch.allclose(draws.diagnostics["outside the prior"], 1 - inside.double().mean(0))
    assert draws.diagnostics["outside the prior"].max() > 0.1
    assert draws.x[:, :1].equal(known.posterior(x[:1], 500, seed=0).x)


def test_a_posterior_that_is_right_passes_and_one_that_returns_the_prior_does_not(found: Inferred) -> None:
    told = found.calibrated(400, draws=29)
    assert told.is_right, str(told)
    assert abs(told.spread.value - 1) < 0.15
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(found.run.generative, "sample", lambda n, given, seed: Noise(seed, "prior").normal(n, 2))
        blind = found.calibrated(400, draws=29)
    assert not blind.is_right
    assert "wrong" in str(blind)


def test_what_is_wrong_with_a_simulator_is_told(found: Inferred, tmp_path) -> None:
    def broken(theta: torch.Tensor, noise: Noise) -> torch.Tensor:
        return torch.where(theta > 1.2, torch.nan, seen(theta, noise))

    with pytest.raises(Mistake, match=r"NaN or ∞ in \d+ of 300") as told:
        infer(PRIOR, broken, simulations=300, **QUICK)
    assert "drop_failed=True" in str(told.value)
    kept = infer(PRIOR, broken, simulations=300, drop_failed=True, out=tmp_path / "run", steps=1, **QUICK)
    assert kept.failed == 300 - len(kept.x) > 0
    with pytest.raises(Mistake, match="Every entry of the observation must vary"):
        infer(PRIOR, lambda theta, noise: torch.ones(len(theta), 2), simulations=100, **QUICK)
    fixed = Independent(Normal(torch.tensor([0.0, 5.0]), torch.tensor([1.0, 1e-9])), 1)
    with pytest.raises(Mistake, match="Every parameter must vary"):
        infer(fixed, seen, simulations=100, **QUICK)
    with pytest.raises(Mistake, match="parameters that are a vector"):
        infer(Normal(0.0, 1.0), seen, **QUICK)
    with pytest.raises(Mistake, match="must make a row of each"):
        infer(PRIOR, lambda theta, noise: theta[:3], simulations=100, **QUICK)
    for wrong in (torch.zeros(1, 3), torch.tensor([[0.0, torch.nan]])):
        with pytest.raises(ValueError, match="finite rows of"):
            found.posterior(wrong)
