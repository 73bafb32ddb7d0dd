"""Schedules: from data to noise, with the rates that calculus gives."""

import math

import pytest
import torch

from genzoo.core import Noise
from genzoo.models.diffusion import EDM, Cosine, Discrete, Learned, Linear, Shifted, Straight
from genzoo.models.diffusion.bound import prior_rate
from genzoo.models.diffusion.learned import Warp
from tests.models.diffusion.oracle import OTHERS, SCHEDULES


def test_time_runs_from_data_to_noise() -> None:
    for schedule in (*SCHEDULES, *OTHERS):
        t = torch.linspace(0, schedule.t_max, 200, dtype=torch.float64)
        alpha, sigma = schedule(t)
        assert (alpha[0].item(), sigma[0].item()) == pytest.approx((1.0, 0.0), abs=1e-6), schedule
        assert (schedule.log_snr(t).diff() < 0).all(), schedule
        assert schedule.log_snr(t[-1]) < -7, schedule


def test_rates_are_derivatives() -> None:
    for schedule in (*SCHEDULES, *OTHERS):
        t, h = torch.linspace(0.0113, schedule.t_max - 0.0113, 50, dtype=torch.float64), 1e-6
        for k, rate in enumerate(schedule.rates(t)):
            slope = (schedule(t + h)[k] - schedule(t - h)[k]) / (2 * h)
            assert torch.allclose(rate, slope, rtol=1e-4, atol=1e-7), schedule


def test_time_inverts_the_ratio() -> None:
    log_snr = torch.linspace(12, -7, 40, dtype=torch.float64)
    for schedule in (*SCHEDULES, *OTHERS):
        schedule = schedule.double() if isinstance(schedule, Learned) else schedule
        assert torch.allclose(schedule.log_snr(schedule.time(log_snr)), log_snr, atol=1e-6), schedule
        assert schedule.time(torch.tensor(-1e3)) == schedule.t_max, schedule


def test_levels_are_those_of_the_chain_and_x_at_the_end_is_the_closed_form() -> None:
    """T single steps and the closed form have one mean and one variance, and hardly anything of the data is left."""
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    mean, variance = torch.tensor(1.0).double(), torch.tensor(0.0).double()
    for beta in betas:
        mean, variance = (1 - beta).sqrt() * mean, (1 - beta) * variance + beta
    alpha, sigma = Discrete.linear()(torch.tensor(1.0, dtype=torch.float64))
    assert (mean.item(), variance.item()) == pytest.approx((alpha.item(), sigma.item() ** 2), rel=1e-9)
    assert alpha.item() ** 2 == pytest.approx(4.04e-5, rel=2e-3)
    bits = prior_rate(torch.ones(1, 1).double(), Discrete.linear().at(torch.tensor(1.0).double())) / math.log(2)
    assert bits.item() == pytest.approx(2.9e-5, rel=0.02)
    rescaled = Discrete.linear().to_zero()
    assert (rescaled.alphas[0], rescaled.alphas[-1]) == pytest.approx((Discrete.linear().alphas[0], 0.0))
    with pytest.raises(ValueError, match="must fall"):
        Discrete((0.5, 0.7))


def test_a_shift_moves_the_ratio_alone() -> None:
    t = torch.linspace(0.05, 0.9, 7, dtype=torch.float64)
    for base in SCHEDULES:
        moved = base.log_snr(t) - Shifted(base, 3.0).log_snr(t)
        assert torch.allclose(moved, torch.full_like(t, 2 * math.log(3.0))), base
    with pytest.raises(ValueError, match="positive"):
        Shifted(Straight(), 0.0)


def test_clocks_are_learned_where_the_loss_varies() -> None:
    """A density goes to the root of the mean square of what is integrated, and the loss varies less."""
    warp = Warp(16).double()
    optimizer = torch.optim.SGD(warp.parameters(), lr=4.0)
    for page in range(60):
        s = warp.quantile(Noise(0).tick(page).uniform(512, dtype=torch.float64)).detach()
        loss = warp.regret(s, (1 + 4 * s) / warp.density(s))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() == 0
    s = torch.linspace(0.05, 0.95, 10, dtype=torch.float64)
    assert torch.allclose(warp.density(s), (1 + 4 * s) / 3, rtol=0.15)
    u = torch.linspace(0.001, 0.999, 11, dtype=torch.float64)
    assert torch.allclose(warp.share(warp.quantile(u)), u, atol=1e-10)


def test_variance_is_preserved_where_it_is_said_to_be() -> None:
    t = torch.linspace(0, 0.99, 50, dtype=torch.float64)
    for schedule in (Cosine(), Linear()):
        assert torch.allclose(schedule.at(t[1:]).scale, torch.ones(49, dtype=torch.float64))
    assert torch.allclose(sum(Straight()(t)), torch.ones_like(t))
    assert (EDM()(t)[0] == 1).all()


def test_linear_is_the_limit_of_a_thousand_steps() -> None:
    """DDPM's own β from 1e-4 to 0.02 in 1000 steps."""
    beta = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    alpha, _ = Linear()(torch.linspace(0, 1, 1001, dtype=torch.float64)[1:])
    assert torch.allclose((1 - beta).cumprod(0).sqrt(), alpha, rtol=0.06)


def test_karras_steps_are_equal_in_time() -> None:
    """σ_i = (σ₁^{1/ρ} + i/N (0 − σ₁^{1/ρ}))^ρ."""
    _, sigma = EDM()(torch.linspace(1, 0, 11, dtype=torch.float64))
    expected = [(80 ** (1 / 7) * (1 - i / 10)) ** 7 for i in range(11)]
    assert sigma.tolist() == pytest.approx(expected)
    assert math.isclose(sigma[0].item(), 80.0)
