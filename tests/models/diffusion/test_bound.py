"""The bound: below the likelihood, tight for a perfect denoiser, a mass on levels, the same on every schedule."""

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from genzoo.core import Batch, Noise, Space
from genzoo.models.diffusion import Cosine, Diffusion, Predicts, Schedule, Straight
from genzoo.models.diffusion.bound import level_log_prob
from genzoo.nn import MLP, Timed
from tests.models.diffusion.oracle import MEAN, SCHEDULES, STD, oracle

X = torch.linspace(0.0, 1.4, 8, dtype=torch.float64)[:, None]


def averaged(model: Diffusion, x: Tensor, times: int, **options: int) -> tuple[Tensor, Tensor]:
    """The mean over draws of the noise, and its standard error."""
    with torch.no_grad():
        draws = model.log_prob(x.repeat(times, 1), **options).reshape(times, len(x))
    return draws.mean(0), draws.std(0) / math.sqrt(times)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_the_bound_of_a_perfect_denoiser_is_tight(schedule: Schedule) -> None:
    model, exact = oracle(schedule), Normal(MEAN, STD).log_prob(X).flatten()
    bound, error = averaged(model, X, 200, samples=50)
    assert (bound <= exact + 4 * error + 1e-3).all()
    assert (bound - exact).abs().max() < 0.01 + 4 * error.max()


def test_the_bound_of_an_imperfect_denoiser_is_lower() -> None:
    model = oracle(Straight())
    mean = model.mean
    model.mean = lambda x_t, t, given: mean(x_t, t, given) + 0.3 * t.reshape(-1, 1)
    x = MEAN + STD * Noise(2).normal(4000, 1, dtype=torch.float64)
    gap = Normal(MEAN, STD).log_prob(x).flatten() - model.log_prob(x)
    assert gap.mean() > 0.01 + 4 * gap.std() / math.sqrt(4000)


def test_more_samples_lower_the_variance_alone() -> None:
    model, x = oracle(Cosine()), X.repeat(60, 1)
    few, many = (model.log_prob(x, samples=k) for k in (1, 20))
    assert many.reshape(60, -1).std(0).mean() < few.reshape(60, -1).std(0).mean() / 3
    assert abs(few.mean() - many.mean()) < 4 * few.std() / math.sqrt(len(x))
    with pytest.raises(ValueError, match="samples"):
        model.log_prob(x, samples=0)


def test_the_last_step_is_a_mass_on_levels() -> None:
    at = Straight().at(torch.tensor(0.2, dtype=torch.float64))
    log_share = torch.tensor([0.7, 0.1, 0.2], dtype=torch.float64).log()
    x_t = torch.randn(1, 2, dtype=torch.float64)
    every = torch.tensor(list(itertools.product(range(3), repeat=2)), dtype=torch.uint8)
    assert level_log_prob(every, x_t.expand(9, 2), at, log_share).exp().sum().item() == pytest.approx(1)


def small(levels: int | None, dims: int = 2) -> Diffusion:
    net = Timed(MLP(dims, [16], dims, given=8), 8)
    return Diffusion(Space((dims,), levels=levels), None, net, schedule=Cosine(), predicts=Predicts.NOISE).double()


@pytest.mark.parametrize("levels", [2, 5])
def test_masses_of_all_levels_sum_to_less_than_one(levels: int) -> None:
    model = small(levels)
    every = torch.tensor(list(itertools.product(range(levels), repeat=2)), dtype=torch.uint8)
    model.prepare([Batch(every)])
    with torch.no_grad():
        bound, _ = averaged(model, every, 200)
    assert bound.exp().sum() <= 1


def test_what_is_prepared_is_the_share_of_levels() -> None:
    model = small(4, dims=3)
    model.prepare([Batch(torch.tensor([[0, 0, 1]], dtype=torch.uint8))] * 2)
    assert torch.allclose(model.log_share.exp() * 10, torch.tensor([5.0, 3, 1, 1], dtype=torch.float64))


def test_scores_are_those_of_the_data() -> None:
    score = oracle(Straight()).score(X)
    assert torch.allclose(score, (MEAN - X) / STD**2, atol=0.05)
    assert not small(4).can("score")


def test_noise_belongs_to_rows() -> None:
    model, x = small(None), Noise(3).normal(10, 2, dtype=torch.float64)
    whole = model.log_prob(x, seed=1)
    assert torch.allclose(whole[4:], model.log_prob(x[4:], seed=1, start=4))
