"""Statistics of weighted rows, and their standard errors by the bootstrap.

A statistic of one or several sets of rows is written as $T(w_1, w_2, …)$, each $w$ being one weight per row with sum
1. Its value is that at equal weights; its error is its spread when rows are drawn again with replacement,

$$ \\hat\\sigma^2 = \\mathrm{Var}\\, T(k_1 / n_1, k_2 / n_2, …), \\qquad
   k_j \\sim \\mathrm{Multinomial}(n_j; 1/n_j, …). $$

Distances between two sets are nowhere near normal when the sets are alike: there the error is too large rather than
too small, and their bias is upwards. That is why such a distance stands beside that of real rows to real rows.

References:
    Efron, 1979, "Bootstrap methods: another look at the jackknife", Ann. Statist. 7
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from genzoo.core.noise import Noise
from genzoo.evaluation.measurement import Estimate

__all__ = ["Pooled", "bootstrap", "estimate", "mean_of", "resampled"]

BLOCK = 1 << 18  # numbers drawn at a time


def bootstrap(
    statistic: Callable[..., Sequence[float] | np.ndarray], *sizes: int, draws: int = 100, seed: int = 0
) -> list[Estimate]:
    """The statistics of some sets of rows, each with its standard error.

    Args:
        statistic: Statistics from one vector of weights per set.
        sizes: The number of rows of each set.
        draws: How often rows are drawn again.
        seed: Names the draws.

    Example:
        >>> x = np.arange(100.0)
        >>> round(bootstrap(lambda w: [x @ w], 100)[0].value, 6)
        49.5
    """
    weights = (resampled(n, draws, seed, part) for part, n in enumerate(sizes))
    values = [np.asarray(statistic(*rows), dtype=float) for rows in zip(*weights, strict=True)]
    return [estimate(column) for column in np.stack(values).T]


def resampled(n: int, draws: int, seed: int = 0, part: int = 0) -> Float[np.ndarray, "times n"]:
    """Weights of n rows: first equal ones, then one row of weights for each draw with replacement.

    Args:
        n: The number of rows.
        draws: How often they are drawn again.
        seed: Names the draws.
        part: Which of several sets of rows it is, so that they are drawn independently.

    Example:
        >>> resampled(4, 2).shape, resampled(4, 2)[0].tolist()
        ((3, 4), [0.25, 0.25, 0.25, 0.25])
    """
    weights, step = np.full((1 + draws, n), 1 / n), max(1, BLOCK // max(1, n))
    for start in range(0, draws, step):
        rows = Noise(seed, "bootstrap", part, start=start).integers(n, min(step, draws - start), n).numpy()
        for draw, index in enumerate(rows, start=1 + start):
            weights[draw] = np.bincount(index, minlength=n) / n
    return weights


def estimate(values: Float[np.ndarray, " times"]) -> Estimate:
    """The value at equal weights, which comes first, with the spread over the draws that follow it.

    Example:
        >>> estimate(np.array([2.0, 1.0, 3.0, 2.0]))
        Estimate(value=2.0, error=1.0)
    """
    there = values[1:][~np.isnan(values[1:])]
    return Estimate(float(values[0]), float(there.std(ddof=1)) if len(there) > 1 else None)


def mean_of(values: Sequence[float] | Sequence[bool] | np.ndarray) -> Estimate:
    """The mean of one value per row, with its standard error.

    Example:
        >>> mean_of([1.0, 0.0, 1.0, 0.0]).value
        0.5
    """
    values = np.asarray(values, dtype=float)
    error = float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else None
    return Estimate(float(values.mean()), error)


class Pooled:
    """Two sets of numbers, sorted together once, and distances between their distributions; NaN counts as absent.

    Args:
        a: One set.
        b: The other.

    Example:
        >>> pooled, half = Pooled(np.array([0.0, 2.0]), np.array([1.0, 3.0])), np.full(2, 0.5)
        >>> pooled.wasserstein(half, half), pooled.kolmogorov(half, half)
        (1.0, 0.5)
    """

    def __init__(self, a: Float[np.ndarray, " n"], b: Float[np.ndarray, " m"]) -> None:
        values = np.concatenate([a, b])
        self.there = ~np.isnan(values)
        self.first, self.order = len(a), np.argsort(values, kind="stable")
        self.sorted = values[self.order]
        self.last = np.append(self.sorted[1:] > self.sorted[:-1], True)  # of equal values; NaN sorts to the end
        self.steps = np.nan_to_num(np.diff(self.sorted))

    def wasserstein(self, a: Float[np.ndarray, " n"], b: Float[np.ndarray, " m"]) -> float:
        """The 1-Wasserstein distance, ∫ |F_a(x) − F_b(x)| dx."""
        return float(np.abs(self._gaps(a, b)[:-1]) @ self.steps)

    def kolmogorov(self, a: Float[np.ndarray, " n"], b: Float[np.ndarray, " m"]) -> float:
        """Kolmogorov and Smirnov's distance, max over x of |F_a(x) − F_b(x)|."""
        return float(np.abs(self._gaps(a, b)[self.last]).max(initial=0.0))

    def _gaps(self, a: Float[np.ndarray, " n"], b: Float[np.ndarray, " m"]) -> Float[np.ndarray, " N"]:
        """F_a − F_b after each value; a set without a value has none."""
        a, b = a * self.there[: self.first], b * self.there[self.first :]
        with np.errstate(invalid="ignore", divide="ignore"):
            weights = np.concatenate([a / a.sum(), -b / b.sum()])
        return np.cumsum(weights[self.order])
