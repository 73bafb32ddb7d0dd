"""Normalizations against those that are known."""

import math

import pytest
import torch
from torch import Tensor

from genzoo.core import Noise
from genzoo.mcmc import Annealed, Kernel, ais, bits, geometric, gibbs, hmc, random_walk, singles
from tests.mcmc.known import COVARIANCE, LOG_Z, MASS, STATES, agreement, binary, gaussian, logits, place

BETAS = torch.linspace(0, 1, 40)


def uniform(x: Tensor) -> Tensor:
    return torch.zeros(len(x), dtype=torch.float64)


def sweep(beta: float) -> Kernel:
    return gibbs(bits(lambda sites, x: beta * logits(sites, x)), singles(4))


def annealed(n: int, seed: int = 0, betas: Tensor = BETAS) -> Annealed:
    start = Noise(seed, "start").integers(2, n, 4).double()
    path = geometric(uniform, binary)
    return ais(path, sweep, start, Noise(seed), betas=betas, log_z=4 * math.log(2))


def test_an_enumerated_model() -> None:
    found = annealed(4000)
    assert found.error < 0.01
    assert abs(found.log_z - LOG_Z) < 4 * found.error
    assert not found.trouble
    assert 3500 < found.ess <= 4000
    weights = (found.log_weights - found.log_weights.max()).exp()
    kept = found.x[Noise(1).uniform(4000) < weights]  # the weighted chains are draws of the model
    assert agreement(place(kept).bincount(minlength=16), MASS) > 1e-3


def test_weights_are_unbiased_even_where_chains_do_not_mix() -> None:
    two = torch.tensor([0.0, 1.0])  # importance sampling: no steps between
    found = annealed(200_000, betas=two)
    relative = found.log_weights.exp() * 16 / math.exp(LOG_Z)
    assert relative.mean().item() == pytest.approx(1, abs=4 * float(relative.std()) / 200_000**0.5)


def test_intervals_cover() -> None:
    """Of a hundred estimates by a hundred chains each."""
    whole = annealed(10_000, betas=torch.linspace(0, 1, 10))
    parts = [whole._replace(log_weights=part).interval for part in whole.log_weights.split(100)]
    assert 88 <= sum(low <= LOG_Z <= high for low, high in parts) <= 100


def test_a_gaussian_from_another() -> None:
    def wide(x: Tensor) -> Tensor:
        return -x.square().sum(1) / 18

    path = geometric(wide, gaussian)
    log_z = 1.5 * math.log(2 * math.pi) + COVARIANCE.logdet().item() / 2
    start = 3 * Noise(0).normal(2000, 3, dtype=torch.float64)
    found = ais(
        path,
        lambda beta: hmc(path(beta), step_size=0.3, steps=4),
        start,
        Noise(1),
        betas=BETAS,
        log_z=1.5 * math.log(18 * math.pi),
    )
    assert abs(found.log_z - log_z) < 4 * found.error < 0.5


def test_more_steps_rise_to_the_answer() -> None:
    """Of few steps log Ẑ is too low on average, by about half its variance."""
    few, many = (
        torch.stack(
            [part.logsumexp(0) for part in annealed(20_000, betas=torch.linspace(0, 1, n)).log_weights.split(5)]
        )
        for n in (3, 20)
    )
    below = [float((part - math.log(5) + 4 * math.log(2) - LOG_Z).mean()) for part in (few, many)]
    assert below[0] < 4 * below[1] < 0


def test_weights_that_rest_on_few_chains_are_said_to() -> None:
    heavy = Annealed(torch.zeros(100, 1), torch.linspace(0, 300, 100))
    assert "rests on 1.1 of 100 chains" in heavy.trouble
    assert heavy.interval[0] == -math.inf
    assert "not numbers" in Annealed(torch.zeros(2, 1), torch.tensor([0.0, math.nan])).trouble


@pytest.mark.parametrize("betas", [[0.0], [1.0, 0.0], [0.0, 0.5], [0.1, 1.0], [0.0, 0.5, 0.5, 1.0], []])
def test_betas_must_rise_from_zero_to_one(betas: list[float]) -> None:
    with pytest.raises(ValueError, match="must rise"):
        ais(geometric(uniform, binary), sweep, STATES, Noise(0), betas=betas)


def test_a_path_ends_at_its_ends() -> None:
    path = geometric(lambda x: torch.full((len(x),), -math.inf), gaussian)
    x = torch.zeros(2, 3, dtype=torch.float64)
    assert torch.equal(path(1.0).log_prob(x), gaussian(x))
    assert random_walk(path(1.0), scale=1.0).init(x).log_prob.isfinite().all()
