"""Intervals hold the truth as often as they say: measured over replications, and exactly where that can be summed."""

import math

import pytest
import torch
from scipy import stats

from genzoo.core import Noise
from genzoo.tasks.intervals import Interval, of_mean, of_proportion, of_quantile, of_variance

REPLICATIONS = 1000


def coverage(intervals: list[Interval], truth: float) -> float:
    return sum(truth in found for found in intervals) / len(intervals)


@pytest.fixture(scope="module")
def normals() -> torch.Tensor:
    return Noise(1).normal(REPLICATIONS, 400, dtype=torch.float64)


def test_students_interval_is_scipys(normals) -> None:
    for n in (2, 5, 400):
        x = normals[0, :n]
        low, high = stats.t.interval(0.95, n - 1, x.mean().item(), (x.std() / math.sqrt(n)).item())
        assert of_mean(x)[1:] == pytest.approx((low, high))


@pytest.mark.parametrize(("hits", "n"), [(0, 20), (1, 20), (13, 20), (20, 20), (3, 100_000)])
@pytest.mark.parametrize("exact", [False, True])
def test_intervals_of_proportions_are_scipys(hits: int, n: int, exact: bool) -> None:
    theirs = stats.binomtest(hits, n).proportion_ci(method="exact" if exact else "wilson")
    assert of_proportion(hits, n, exact=exact)[1:] == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_means_are_covered(normals) -> None:
    assert coverage([of_mean(row[:10]) for row in normals], 0.0) == pytest.approx(0.95, abs=0.03)
    assert coverage([of_mean(row.exp()) for row in normals], math.exp(0.5)) == pytest.approx(0.95, abs=0.03)


def test_variances_are_covered(normals) -> None:
    assert coverage([of_variance(row) for row in normals], 1.0) == pytest.approx(0.95, abs=0.03)
    few = normals[0, :5]
    assert of_variance(few).value == pytest.approx(few.var().item(), rel=1e-12)  # without bias, which few rows show


@pytest.mark.parametrize("q", [0.05, 0.5, 0.9])
def test_quantiles_are_covered(normals, q: float) -> None:
    found = [of_quantile(row, q) for row in normals.sort(1).values]
    assert coverage(found, stats.norm.ppf(q)) == pytest.approx(0.95, abs=0.03)


@pytest.mark.parametrize("p", [0.03, 0.3, 0.5])
def test_proportions_are_covered(p: float) -> None:
    """Exactly: the sum of the probabilities of all counts whose interval holds p."""
    n = 400
    chance = {k: stats.binom.pmf(k, n, p) for k in range(n + 1)}
    wilson = sum(chance[k] for k in chance if p in of_proportion(k, n))
    exact = sum(chance[k] for k in chance if p in of_proportion(k, n, exact=True))
    assert wilson == pytest.approx(0.95, abs=0.02)
    assert 0.95 <= exact <= 0.98


@pytest.mark.parametrize("n", [1, 2, 7, 50, 3000])
@pytest.mark.parametrize("q", [0.001, 0.3, 0.5, 0.99])
def test_order_statistics_cover_at_least_so_often_and_not_much_more(n: int, q: float) -> None:
    found = of_quantile(torch.arange(1.0, n + 1), q)
    low = 0 if found.low == -math.inf else int(found.low)
    high = n + 1 if found.high == math.inf else int(found.high)
    chance = stats.binom.cdf(high - 1, n, q) - stats.binom.cdf(low - 1, n, q)
    assert chance >= 0.95
    if low > 1:  # one order statistic tighter would be too tight
        assert stats.binom.cdf(low, n, q) > 0.025


def test_degenerate_samples_have_honest_intervals() -> None:
    assert of_mean(torch.ones(1)).width == math.inf
    assert of_mean(torch.tensor([1.0, math.inf]))[1:] == (-math.inf, math.inf)
    assert of_variance(torch.ones(5)) == Interval(0.0, 0.0, 0.0)
    assert of_quantile(torch.tensor([math.inf, math.inf]), 0.5).value == math.inf
