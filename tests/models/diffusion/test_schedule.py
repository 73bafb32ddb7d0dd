"""Schedules: from data to noise, with the rates that calculus gives."""

import math

import pytest
import torch

from genzoo.models.diffusion import Cosine, Linear, Schedule, Straight, VarianceExploding
from tests.models.diffusion.oracle import SCHEDULES


@pytest.fixture(params=SCHEDULES, ids=str)
def schedule(request: pytest.FixtureRequest) -> Schedule:
    return request.param


def test_time_runs_from_data_to_noise(schedule: Schedule) -> None:
    t = torch.linspace(0, schedule.t_max, 200, dtype=torch.float64)
    alpha, sigma = schedule(t)
    assert (alpha[0].item(), sigma[0].item()) == (1.0, 0.0)
    assert (schedule.log_snr(t).diff() < 0).all()
    assert schedule.log_snr(t[-1]) < -8


def test_rates_are_derivatives(schedule: Schedule) -> None:
    t = torch.linspace(0.01, schedule.t_max, 50, dtype=torch.float64, requires_grad=True)
    for value, rate in zip(schedule(t), schedule.rates(t), strict=True):
        (slope,) = torch.autograd.grad((value + 0 * t).sum(), t, retain_graph=True)
        assert torch.allclose(rate, slope, rtol=1e-6)


def test_time_inverts_the_ratio(schedule: Schedule) -> None:
    log_snr = torch.linspace(12, -8, 40, dtype=torch.float64)
    assert torch.allclose(schedule.log_snr(schedule.time(log_snr)), log_snr, atol=1e-6)
    assert schedule.time(torch.tensor(-1e3)) == schedule.t_max


def test_variance_is_preserved_where_it_is_said_to_be() -> None:
    t = torch.linspace(0, 0.99, 50, dtype=torch.float64)
    for schedule in (Cosine(), Linear()):
        assert torch.allclose(schedule.at(t[1:]).scale, torch.ones(49, dtype=torch.float64))
    assert torch.allclose(sum(Straight()(t)), torch.ones_like(t))
    assert (VarianceExploding()(t)[0] == 1).all()


def test_linear_is_the_limit_of_a_thousand_steps() -> None:
    """DDPM's own β from 1e-4 to 0.02 in 1000 steps."""
    beta = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    alpha, _ = Linear()(torch.linspace(0, 1, 1001, dtype=torch.float64)[1:])
    assert torch.allclose((1 - beta).cumprod(0).sqrt(), alpha, rtol=0.06)


def test_karras_steps_are_equal_in_time() -> None:
    """σ_i = (σ₁^{1/ρ} + i/N (0 − σ₁^{1/ρ}))^ρ."""
    _, sigma = VarianceExploding()(torch.linspace(1, 0, 11, dtype=torch.float64))
    expected = [(80 ** (1 / 7) * (1 - i / 10)) ** 7 for i in range(11)]
    assert sigma.tolist() == pytest.approx(expected)
    assert math.isclose(sigma[0].item(), 80.0)
