"""Parametrizations: conversions agree, illegal pairs are refused."""

import math

import pytest
import torch

from genzoo.core import Batch, Noise, Space
from genzoo.models.diffusion import (
    EDM,
    ELBO,
    P2,
    SNR,
    Cosine,
    Diffusion,
    Discrete,
    Emphasis,
    Importance,
    Learned,
    Levels,
    Linear,
    MinSNR,
    Preconditioned,
    Predicts,
    Shifted,
    Straight,
)
from tests.models.diffusion.oracle import LEGAL, Oracle, mean_of, oracle


def test_conversions_agree_with_the_closed_form() -> None:
    for schedule, predicts in LEGAL:
        model, noise = oracle(schedule, predicts), Noise(0)
        for t in torch.linspace(0.02, schedule.t_max, 5, dtype=torch.float64):
            alpha, sigma = schedule(t)
            x_t = alpha * 0.7 + sigma * noise.normal(50, 1, dtype=torch.float64)
            assert torch.allclose(model.mean(x_t, t), mean_of(x_t, alpha, sigma), atol=1e-6), f"{schedule} {predicts}"


def test_what_is_said_and_what_is_meant_are_one() -> None:
    noise, t = Noise(0), torch.full((40,), 0.4, dtype=torch.float64)
    x, epsilon = noise.normal(40, 3, dtype=torch.float64), noise.normal(40, 3, dtype=torch.float64)
    for schedule, predicts in LEGAL:
        at = schedule.at(t).over(x)
        x_t, said = at.mix(x, epsilon), predicts.target(x, epsilon, at)
        assert torch.allclose(predicts.mean(said, x_t, at), x, atol=1e-9), f"{schedule} {predicts}"
        moved = (predicts.mean(said + 1, x_t, at) - x).abs()
        assert torch.allclose(moved, predicts.reach(at).expand_as(x), rtol=1e-6), f"{schedule} {predicts}"


def test_a_weight_makes_all_parametrizations_one_loss() -> None:
    """w(λ) weighs the error of the mean, so an equal mean has an equal loss whatever was predicted."""
    batch = Batch(torch.randn(64, 1, dtype=torch.float64), noise=Noise(5))
    for weight in (SNR(), ELBO(), P2(), MinSNR(), Preconditioned()):
        losses = [oracle(Cosine(), p, emphasis=Emphasis(weight=weight)).loss(batch).item() for p in Predicts]
        assert losses == pytest.approx([losses[0]] * len(losses), rel=1e-6)
        for plain, of in ((Predicts.NOISE, SNR()), (Predicts.PRECONDITIONED, Preconditioned())):
            if weight == of:
                assert losses[0] == pytest.approx(oracle(Cosine(), plain).loss(batch).item(), rel=1e-6)


def test_both_velocities_are_one_on_a_quarter_circle() -> None:
    x, epsilon = torch.randn(5, 2), torch.randn(5, 2)
    at = Cosine().at(torch.rand(5)).over(x)
    slope = Predicts.VELOCITY.target(x, epsilon, at)
    assert torch.allclose(slope, math.pi / 2 * Predicts.V.target(x, epsilon, at), atol=1e-5)
    score = -epsilon / at.sigma
    assert torch.allclose(Predicts.SCORE.target(x, epsilon, at), score)


def test_velocity_of_a_straight_line_is_noise_minus_data() -> None:
    x, epsilon = torch.randn(5, 2), torch.randn(5, 2)
    at = Straight().at(torch.rand(5)).over(x)
    assert torch.allclose(Predicts.VELOCITY.target(x, epsilon, at), epsilon - x)


def test_preconditioning_is_that_of_karras() -> None:
    """c_skip = 1/(σ² + 1), c_out = σ/√(σ² + 1) for data of unit variance; the sign of F is convention."""
    at = EDM().at(torch.tensor(0.5, dtype=torch.float64))
    x_t, said = torch.randn(7, 1, dtype=torch.float64), torch.randn(7, 1, dtype=torch.float64)
    skip, out = 1 / (at.sigma**2 + 1), at.sigma / (at.sigma**2 + 1).sqrt()
    assert torch.allclose(Predicts.PRECONDITIONED.mean(said, x_t, at), skip * x_t + out * said)


def test_noise_and_score_say_nothing_where_no_signal_is_left() -> None:
    for schedule in (Straight(), Cosine(t_max=1.0), Discrete.linear().to_zero(), Shifted(Straight(), 3.0)):
        for predicts in (Predicts.NOISE, Predicts.SCORE):
            with pytest.raises(ValueError, match=r"needs some signal at every time: .* Predict Predicts\.VELOCITY"):
                oracle(schedule, predicts)


def test_parts_that_make_no_sound_loss_are_refused() -> None:
    with pytest.raises(ValueError, match="counts without bound where there is little noise"):
        oracle(Cosine(), Predicts.SCORE, emphasis=Emphasis())
    for part in ({"schedule": Learned(Cosine())}, {"schedule": Cosine(), "emphasis": Emphasis(Importance())}):
        with pytest.raises(ValueError, match="A clock is learned by a loss that does not depend on it"):
            oracle(**{"emphasis": Emphasis(weight=SNR())} | part)
    with pytest.raises(ValueError, match="needs every time"):
        oracle(Discrete.linear(), emphasis=Emphasis(Levels(), ELBO()))


def test_rows_of_many_lengths_are_refused() -> None:
    net = Oracle(Linear(), Predicts.NOISE)
    with pytest.raises(ValueError, match="one shape"):
        Diffusion(Space((4,), ragged=True), None, net, schedule=Linear(), predicts=Predicts.NOISE)
