"""Calibration of draws that are right, too sure, too wide, or beside the truth."""

import pytest
import torch

from genzoo.core import Noise
from genzoo.evaluation import calibrated, coverage, ranks, spread_error, uniform_chance

X = Noise(0).normal(24, 800, 5, dtype=torch.float64)


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_spread_is_told(factor: float) -> None:
    """Of draws of N(0, f²) for truths of N(0, 1): var (1 + 1/n) over 1 + f²/n, and the chance that |x| < f q."""
    draws, truth = factor * X[1:], X[0]
    n = len(draws)
    found = spread_error(draws, truth)
    expected = (1 + 1 / n) * factor**2 / (1 + factor**2 / n)
    assert found.error is not None
    assert abs(found.value - expected) < 4 * found.error
    right = uniform_chance(ranks(draws, truth), n) > 0.001
    assert right == (factor == 1.0)
    covered = coverage(draws, truth, 0.8)
    assert covered.error is not None
    if factor == 1.0:
        assert abs(covered.value - 0.8) < 4 * covered.error
    else:
        assert (covered.value < 0.7) == (factor < 1)


def test_a_mean_beside_the_truth_is_told() -> None:
    assert uniform_chance(ranks(X[1:] + 0.4, X[0]), 23) < 1e-6
    assert spread_error(X[1:] + 1.0, X[0]).value < 0.6


def test_levels_tie() -> None:
    """Integers that often agree are covered as often as they should be, and entries that never vary too."""
    levels = (X > 0).long()
    levels[:, :, 0] = 1
    for level in (0.5, 0.9):
        found = coverage(levels[1:], levels[0], level)
        assert found.error is not None
        assert abs(found.value - level) < 4 * found.error + 1e-9
    assert uniform_chance(ranks(levels[1:], levels[0]), 23) > 0.001


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(ValueError, match="Stack them"):
        spread_error(X[:1], X[0])
    with pytest.raises(ValueError, match="Stack them"):
        coverage(X[1:, :3], X[0])
    with pytest.raises(ValueError, match="between 0 and 1"):
        coverage(X[1:], X[0], 1.0)


def test_posteriors_that_are_too_sure_too_wide_or_the_prior_are_caught() -> None:
    """x = θ + ε, both of N(0, 1): p(θ | x) = N(x / 2, 1/2), of temperature 0.7, of 1.4, and the prior in its place.

    Draws of the prior have the spread of their errors and their ranks are uniform, unless one looks at x."""
    noise = Noise(1)
    theta = noise.at("theta").normal(800, 2, dtype=torch.float64)
    x = theta + noise.at("x").normal(800, 2, dtype=torch.float64)
    off = noise.at("draws").normal(800, 39, 2, dtype=torch.float64).transpose(0, 1) * 0.5**0.5
    near = x / 2 + 0.3 * noise.at("near").normal(800, 2, dtype=torch.float64)
    right, sure, wide = (calibrated(x / 2 + factor * off, theta, near=near) for factor in (1.0, 0.7, 1.4))
    prior = off * 2**0.5
    assert right.is_right, str(right)
    assert "nothing speaks" in str(right)
    assert abs(right.spread.value - 1) < 4 * right.spread.error
    assert abs(right.covered.value - 0.9) < 4 * right.covered.error
    assert not sure.is_right
    assert "too sure" in str(sure)
    assert not wide.is_right
    assert "too wide" in str(wide)
    assert calibrated(prior, theta).is_right  # the blind spot of ranks
    blind = calibrated(prior, theta, near=near)
    assert not blind.is_right
    assert "too little of what was seen" in str(blind)
