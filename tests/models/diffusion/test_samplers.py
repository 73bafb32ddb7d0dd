"""Samplers: with a perfect denoiser they recover the data, at the order they claim."""

import pytest
import torch
from torch import Tensor

from genzoo.core import Noise
from genzoo.models.diffusion import DDIM, Ancestral, Euler, Heun, Multistep, Predicts, Sampler, Schedule, Straight
from genzoo.models.diffusion.samplers import sampler_named
from tests.cover import pairwise
from tests.models.diffusion.oracle import LEGAL, MEAN, SCHEDULES, STD, oracle

SAMPLERS = [Euler(200), Heun(50), Multistep(60), DDIM(200), DDIM(200, eta=0.5), Ancestral(200)]
COVER = pairwise([(*legal, sampler) for legal in LEGAL for sampler in SAMPLERS])


@pytest.mark.parametrize(("schedule", "predicts", "sampler"), COVER, ids=str)
def test_legal_combinations_recover_a_gaussian(schedule: Schedule, predicts: Predicts, sampler: Sampler) -> None:
    x = oracle(schedule, predicts, sampler=sampler).sample(4000, seed=0)
    assert abs(x.mean().item() - MEAN) <= 0.01
    assert abs(x.std().item() / STD - 1) <= 0.03


def exact(schedule: Schedule, x: Tensor) -> Tensor:
    """Where the flow leads from x at t_max, for Gaussian data: quantiles stay quantiles."""
    alpha, sigma = schedule(torch.tensor(schedule.t_max, dtype=torch.float64))
    return MEAN + STD * (x - alpha * MEAN) / torch.hypot(alpha * STD, sigma)


def end(sampler: Sampler, schedule: Schedule, x: Tensor) -> Tensor:
    with torch.no_grad():
        return sampler(oracle(schedule).denoise, schedule, x, {}, Noise(0))


@pytest.mark.parametrize(("sampler", "order"), [(Euler, 1), (DDIM, 1), (Heun, 2), (Multistep, 2)])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_solvers_have_their_order(sampler: type[Sampler], order: int, schedule: Schedule) -> None:
    if order == 1 and not schedule.is_smooth:
        pytest.skip("steps equal in t lose order where σ goes like √t; second order is worth other steps")
    x = torch.tensor([[-1.5], [0.4], [2.0]], dtype=torch.float64)
    coarse, fine = ((end(sampler(steps), schedule, x) - exact(schedule, x)).norm().item() for steps in (100, 200))
    assert coarse / fine == pytest.approx(2**order, rel=0.1)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_named_steps_are_one_step(schedule: Schedule) -> None:
    """Euler's is DDIM's, and with all noise fresh DDIM's is the ancestral one."""
    x = Noise(1).normal(20, 3, dtype=torch.float64)
    assert torch.allclose(end(Euler(17), schedule, x), end(DDIM(17), schedule, x), atol=1e-12)
    assert torch.allclose(end(Ancestral(17), schedule, x), end(DDIM(17, eta=1.0), schedule, x), atol=1e-9)


def test_on_a_straight_line_eulers_step_follows_the_velocity() -> None:
    x, mean = torch.randn(9, 2, dtype=torch.float64), torch.randn(9, 2, dtype=torch.float64)
    at_t, at_s = (Straight().at(torch.tensor(t, dtype=torch.float64)) for t in (0.6, 0.5))
    velocity = at_t.noise_in(x, mean) - mean
    assert torch.allclose(Euler().step(x, mean, at_t, at_s, Noise(0)), x - 0.1 * velocity)


def test_one_step_is_the_mean() -> None:
    x = Noise(1).normal(20, 3, dtype=torch.float64)
    for sampler in (Euler(1), Heun(1), DDIM(1), Ancestral(1)):
        assert torch.allclose(end(sampler, Straight(), x), torch.full_like(x, MEAN))


def test_encoding_and_decoding_follow_one_flow() -> None:
    for schedule in SCHEDULES:
        model = oracle(schedule, sampler=Heun(100))
        x = torch.tensor([[0.1], [0.7], [1.3]], dtype=torch.float64)
        with torch.no_grad():
            z = model.encode(x)
            assert torch.allclose(model.decode(z), x, atol=0.01), schedule
        assert torch.allclose(z, (x - MEAN) / STD, atol=0.02), schedule


def test_samplers_have_names_and_steps() -> None:
    model = oracle(Straight())
    assert torch.equal(model.sample(3, seed=0, sampler="heun", steps=9), model.sample(3, seed=0, sampler=Heun(9)))
    with pytest.raises(ValueError, match="ancestral, ddim, euler, heun"):
        sampler_named("rk45")
    with pytest.raises(ValueError, match="at least one step"):
        model.sample(3, seed=0, steps=0)
