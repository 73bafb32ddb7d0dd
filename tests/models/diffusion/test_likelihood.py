"""Likelihoods of chains and of flows against closed forms."""

import math

import pytest
import torch
from torch.distributions import Normal

from genzoo.core import Batch, Noise, Space
from genzoo.models.diffusion import Chain, Cosine, Diffusion, Predicts, Schedule, Straight, flow_log_prob
from genzoo.nn import MLP, Timed
from tests.models.diffusion.oracle import MEAN, SCHEDULES, STD, oracle

X = MEAN + STD * Noise(2).normal(3000, 1, dtype=torch.float64)
NLL = -Normal(MEAN, STD).log_prob(X).flatten()


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_a_chain_with_learned_variances_is_exact_for_a_gaussian(schedule: Schedule) -> None:
    """Its kernels are then the posteriors, however few they are; with given variances the bound is loose."""
    for steps in (3, 20):
        chain, free = (Chain(oracle(schedule), steps, spread) for spread in ("small", "large"))
        given = [(each.parts(X, seed=1).total - NLL).mean().item() for each in (chain, free)]
        assert min(given) > 1
        chain.learn([Batch(X, noise=Noise(5))])
        gap = chain.parts(X, seed=1).total - NLL
        assert abs(gap.mean()) < 4 * gap.std() / math.sqrt(len(X)) + 0.005


def test_many_steps_are_the_bound_in_continuous_time() -> None:
    model, gaps = oracle(Cosine()), []
    for steps in (20, 120):
        parts = Chain(model, steps).parts(X)
        assert torch.allclose(parts.total, parts.last + parts.steps.sum(1) + parts.first)
        assert (parts.steps >= 0).all()
        assert parts.last.max() < 1e-3
        gaps.append(parts.total.mean().item() + model.log_prob(X).mean().item())
    assert 0.05 < gaps[1] < gaps[0] / 5


def test_the_first_part_of_levels_is_a_mass() -> None:
    net = Timed(MLP(2, [8], 2, given=4), 4)
    model = Diffusion(Space((2,), levels=3), None, net, schedule=Cosine(), predicts=Predicts.NOISE)
    parts = Chain(model, 5).parts(torch.tensor([[0, 2], [1, 1]], dtype=torch.uint8))
    assert (parts.first >= 0).all()
    with pytest.raises(ValueError, match="at least one step"):
        Chain(model, 0)


@pytest.mark.parametrize("schedule", [Straight(), Cosine()], ids=str)
def test_the_flow_of_a_gaussian_has_its_density(schedule: Schedule) -> None:
    """It is an affine map to x at the last time, whose law is taken for a normal one that knows no data."""
    model, x = oracle(schedule), X[:50]
    first = schedule.at(schedule.time(torch.tensor(-2 * math.log(0.002), dtype=torch.float64)))
    last = model.ends()[1]
    before, after = (torch.hypot(end.alpha * STD, end.sigma) for end in (first, last))
    end = last.alpha * MEAN + after / before * first.alpha * (x - MEAN)
    exact = Normal(0.0, last.scale).log_prob(end).flatten() + (after * first.alpha / before).log()
    errors = [(flow_log_prob(model, x, steps=steps).value - exact).abs().max() for steps in (40, 160)]
    assert errors[1] < errors[0] / 12 < 0.005  # of second order
    assert (exact + NLL[:50]).abs().max() < 0.02


def test_probes_estimate_the_trace_and_say_how_well() -> None:
    torch.manual_seed(0)
    net = Timed(MLP(4, [16], 4, given=8), 8)
    model = Diffusion(Space((4,)), None, net, schedule=Cosine(), predicts=Predicts.PRECONDITIONED).double()
    x = 0.5 * Noise(3).normal(64, 4, dtype=torch.float64)
    exact, guess = (flow_log_prob(model, x, steps=20, probes=probes) for probes in (None, 16))
    assert (exact.error == 0).all()
    off = (guess.value - exact.value) / guess.error
    assert (off.abs() < 2.5).double().mean() > 0.8
    assert abs((guess.value - exact.value).mean()) < 3 * (guess.value - exact.value).std() / 8
    assert flow_log_prob(model, x[:2], steps=3, probes=1).error.isnan().all()
    with pytest.raises(ValueError, match="at least one probe"):
        flow_log_prob(model, x, probes=0)


def test_the_flow_of_levels_is_below_their_mass() -> None:
    """All data are one level, so its mass is 1; spread over its cell, the flow cannot say more in expectation."""
    net = Timed(MLP(2, [8], 2, given=4), 4)
    model = Diffusion(Space((2,), levels=4), None, net, schedule=Cosine(), predicts=Predicts.NOISE)
    every = torch.cartesian_prod(torch.arange(4), torch.arange(4)).byte().repeat(40, 1)
    mass = flow_log_prob(model, every, steps=20).value.reshape(40, 16).mean(0).exp().sum()
    assert mass < 1.02
