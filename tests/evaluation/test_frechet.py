"""The Fréchet distance against SciPy's matrix square root, and its standard error against repetition."""

import numpy as np
import pytest
import torch
from scipy import linalg

from genzoo.core.noise import Noise
from genzoo.distributions.frechet import Moments, frechet_distance
from genzoo.evaluation import TooFew
from genzoo.evaluation.frechet import frechet_error, frechet_of_features


def normal_moments(seed: int, dims: int = 12, n: int = 200) -> Moments:
    noise = Noise(seed)
    mixing = noise.normal(dims, dims, dtype=torch.float64)
    return Moments.of(noise.normal(n, dims, dtype=torch.float64) @ mixing + seed)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_equals_the_matrix_square_root(seed):
    a, b = normal_moments(seed), normal_moments(seed + 10)
    root = linalg.sqrtm(a.covariance.numpy() @ b.covariance.numpy()).real
    traces = np.trace(a.covariance.numpy() + b.covariance.numpy() - 2 * root)
    oracle = float((a.mean - b.mean).square().sum()) + traces
    assert frechet_distance(a, b) == pytest.approx(oracle, rel=1e-6)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-6)


def test_is_zero_between_equals_even_when_a_column_is_constant():
    values = torch.cat([Noise(0).normal(100, 3), torch.ones(100, 1)], dim=1)
    assert frechet_distance(Moments.of(values), Moments.of(values)) == pytest.approx(0, abs=1e-6)
    assert frechet_error(values, Moments.of(values)) == pytest.approx(0, abs=1e-6)


def test_standard_error_is_the_spread_over_repetitions():
    reference = Moments(torch.zeros(4, dtype=torch.float64), torch.eye(4, dtype=torch.float64))
    draws = [1.5 * Noise(seed).normal(400, 4) + 0.5 for seed in range(200)]
    spread = torch.tensor([frechet_distance(Moments.of(values), reference) for values in draws]).std().item()
    errors = torch.tensor([frechet_error(values, reference) for values in draws[:20]]).mean().item()
    assert errors == pytest.approx(spread, rel=0.15)


def test_of_features_has_value_and_error_and_refuses_singular_covariances():
    x, y = Noise(0).normal(200, 2, 12).unbind(1)
    found = frechet_of_features(x, y)
    assert found.value == pytest.approx(frechet_distance(Moments.of(x), Moments.of(y)), rel=1e-9)
    assert found.error == pytest.approx(frechet_error(x, Moments.of(y)), rel=1e-9)
    with pytest.raises(TooFew, match="A Fréchet distance in 12 dimensions needs at least 13 rows, got 12. Draw more."):
        frechet_of_features(x[:12], y)


@pytest.mark.parametrize("n", [200, 800])
def test_bias_at_few_rows_is_the_known_one(n):
    draws = [Noise(seed).normal(n, 2, 10).unbind(1) for seed in range(30)]
    mean = sum(frechet_of_features(x, y).value for x, y in draws) / 30
    assert mean == pytest.approx((2 * 10 + 10 * 11 / 2) / n, rel=0.08)
