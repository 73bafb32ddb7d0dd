"""From uniform numbers to others: laws, extremes, and numbers at the edge."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from genzoo.core import Noise
from genzoo.randomness import LinearCongruential, box_muller, exponential, inverse_cdf, polar, rejection

N = 100_000


def uniform(n: int, name: str = "u") -> np.ndarray:
    return Noise(0, name).uniform(n, dtype=torch.float64).numpy()


def lecture(words: np.ndarray) -> np.ndarray:
    """The lecture's generator after each of these words."""
    return (22_695_477 * words + 1) % 2**31


def test_box_muller_is_normal_and_uncorrelated() -> None:
    z0, z1 = box_muller(uniform(N), uniform(N, "v"))
    assert stats.kstest(z0, "norm").pvalue > 1e-3
    assert stats.kstest(z1, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(z0, z1)[0, 1]) < 4 / math.sqrt(N)
    assert stats.cramervonmises((z0 + z1) / math.sqrt(2), "norm").pvalue > 1e-3


def test_zero_is_guarded() -> None:
    for z in box_muller(np.zeros(2), np.array([0.0, 0.7])):
        assert (z == 0).all()
    assert exponential(np.zeros(1)).tolist() == [0.0]
    assert polar(np.array([0.0, 0.5]), np.array([0.0, 0.5]))[0].shape == (0,)


def test_thirty_one_bits_bound_the_normal() -> None:
    z, _ = box_muller(np.array([(2**31 - 1) / 2**31]), np.zeros(1))
    assert z[0] == pytest.approx(math.sqrt(62 * math.log(2)), abs=1e-12)
    assert round(z[0], 4) == 6.5555


@pytest.mark.parametrize("flipped", [True, False], ids=["1 - U", "U"])
def test_consecutive_words_reach_less(flipped: bool) -> None:
    """|Z₀| > 5.9 needs a radius above 5.9, hence one of the words looked at here: extremes of the whole period."""
    nearest = np.arange(1, 1 + math.ceil(2**31 * math.exp(-(5.9**2) / 2)))
    words = 2**31 - nearest if flipped else nearest
    u1 = words / 2**31 if flipped else 1 - words / 2**31  # `box_muller` takes 1 − U₁
    z0, _ = box_muller(u1, lecture(words) / 2**31)
    assert (round(z0.min(), 3), round(z0.max(), 3)) == (-5.938, 6.541)


def test_consecutive_words_are_those_of_the_generator() -> None:
    words = LinearCongruential(seed=7).words(1000).astype(np.int64)
    assert (lecture(words[:-1]) == words[1:]).all()


def test_polar_is_normal_and_keeps_pi_quarters() -> None:
    z0, z1 = polar(uniform(N), uniform(N, "v"))
    assert stats.kstest(np.concatenate([z0, z1]), "norm").pvalue > 1e-3
    assert len(z0) / N == pytest.approx(math.pi / 4, abs=5e-3)


def test_exponential_by_inversion() -> None:
    assert stats.kstest(exponential(uniform(N), 2.5), stats.expon(scale=0.4).cdf).pvalue > 1e-3
    with pytest.raises(ValueError, match="rate must be positive"):
        exponential(np.zeros(1), 0.0)


@pytest.mark.parametrize(
    "law", [stats.norm(1, 2), stats.gamma(0.7), stats.poisson(3.5)], ids=["norm", "gamma", "poisson"]
)
def test_any_distribution_function_is_inverted(law) -> None:
    u = np.concatenate([uniform(2000), [0.0, 1e-12, 1 - 2.0**-40]])
    x = inverse_cdf(u, law.cdf, -40.0, 80.0)
    assert np.allclose(x[:-2][u[:-2] > 0], law.ppf(u[:-2][u[:-2] > 0]), rtol=1e-9, atol=1e-9)
    assert (law.cdf(x) >= u).all()


def test_what_cannot_be_inverted_is_refused() -> None:
    with pytest.raises(ValueError, match="low < high"):
        inverse_cdf(np.zeros(1), np.square, 1.0, 0.0)
    with pytest.raises(ValueError, match="at least the largest U"):
        inverse_cdf(np.array([0.9]), lambda x: x / 2, 0.0, 1.0)


def test_rejection_keeps_one_in_m() -> None:
    """The half-circle's law under the uniform one: M = 4/π."""
    bound = 4 / math.pi
    found = rejection(
        N,
        lambda x: 2 / math.pi * np.sqrt(1 - x**2),
        lambda u: 2 * u - 1,
        lambda x: np.full(x.shape, 0.5),
        bound,
        LinearCongruential(seed=3).uniform,
    )
    assert len(found.x) == N
    assert found.acceptance == pytest.approx(1 / bound, abs=4 / math.sqrt(found.proposals))
    assert stats.kstest(found.x, stats.semicircular.cdf).pvalue > 1e-3


def test_bounds_that_are_none_are_refused() -> None:
    arguments = (lambda x: 2 * x, lambda u: u, np.ones_like, 1.5, LinearCongruential().uniform)
    with pytest.raises(ValueError, match="M must bound"):
        rejection(100, *arguments)
    with pytest.raises(ValueError, match="must be positive"):
        rejection(0, *arguments)
