"""Standard errors by the bootstrap against repetition, distances of one dimension against SciPy."""

import math

import numpy as np
import pytest
from scipy import stats

from genzoo.core.noise import Noise
from genzoo.evaluation import weighted
from genzoo.evaluation.weighted import Pooled, bootstrap, mean_of


def numbers(seed: int, n: int, scale: float = 1.0) -> np.ndarray:
    return scale * Noise(seed).normal(n).double().numpy()


def test_error_of_a_mean_is_the_textbooks():
    x = numbers(0, 400)
    got = bootstrap(lambda w: [x @ w, 2 * (x @ w)], 400, draws=400)
    assert got[0].value == pytest.approx(x.mean())
    assert got[0].error == pytest.approx(x.std() / 20, rel=0.1)
    assert got[1].error == pytest.approx(2 * got[0].error)
    assert mean_of(x).error == pytest.approx(x.std(ddof=1) / 20)
    assert mean_of([1.0]).error is None


def test_draws_do_not_depend_on_the_block(monkeypatch):
    whole = weighted.resampled(50, 9, seed=3)
    monkeypatch.setattr(weighted, "BLOCK", 120)
    assert np.array_equal(weighted.resampled(50, 9, seed=3), whole)


def test_draws_are_named_by_the_seed_and_independent_between_sets():
    def both(a, b):
        return [a[0], b[0]]

    assert bootstrap(both, 5, 5, draws=9, seed=1) == bootstrap(both, 5, 5, draws=9, seed=1)
    assert bootstrap(both, 5, 5, draws=9, seed=1) != bootstrap(both, 5, 5, draws=9, seed=2)
    pairs = []
    bootstrap(lambda a, b: pairs.append((a * 5).tolist() == (b * 5).tolist()) or [0.0], 5, 5, draws=9)
    assert pairs.count(True) <= 2  # equal weights, and chance


def test_error_of_a_distance_is_the_spread_over_repetitions():
    def distance(seed, draws):
        pooled = Pooled(numbers(seed, 200), numbers(seed + 1000, 200) + 1)
        return bootstrap(lambda v, w: [pooled.wasserstein(v, w)], 200, 200, draws=draws)[0]

    spread = np.std([distance(seed, 2).value for seed in range(100)], ddof=1)
    error = np.mean([distance(seed, 60).error for seed in range(10)])
    assert error == pytest.approx(spread, rel=0.2)


@pytest.mark.parametrize("rounded", [False, True])
def test_pooled_distances_equal_scipys(rounded):
    a, b = numbers(1, 300), numbers(2, 500, 1.5)
    if rounded:
        a, b = a.round(), b.round()
    u, v = np.full(300, 1 / 300), np.full(500, 1 / 500)
    assert Pooled(a, b).wasserstein(u, v) == pytest.approx(stats.wasserstein_distance(a, b))
    assert Pooled(a, b).kolmogorov(u, v) == pytest.approx(stats.ks_2samp(a, b).statistic)
    weights = np.abs(numbers(3, 300))
    weights /= weights.sum()
    assert Pooled(a, b).wasserstein(weights, v) == pytest.approx(stats.wasserstein_distance(a, b, weights))


def test_what_is_missing_does_not_count():
    a, b = numbers(1, 30), numbers(2, 50)
    holes = np.append(a, [np.nan] * 10)
    with_holes = Pooled(holes, b).wasserstein(np.full(40, 1 / 40), np.full(50, 1 / 50))
    assert with_holes == pytest.approx(stats.wasserstein_distance(a, b))
    nothing = Pooled(np.full(3, np.nan), b)
    assert math.isnan(nothing.kolmogorov(np.full(3, 1 / 3), np.full(50, 1 / 50)))
