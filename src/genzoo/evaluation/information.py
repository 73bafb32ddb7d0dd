"""How much two columns tell of each other, whatever their kinds, and how far off samples are in it.

Numbers are cut at the deciles of the real column, words are as they are, a missing cell is a kind of its own. Of two
columns so coded the normalized mutual information is

$$ \\mathrm{NMI}(u, v) = \\frac{2\\, I(u; v)}{H(u) + H(v)}, $$

0 where they are independent and 1 where each determines the other; the distance of two tables is the mean over pairs
of $|\\mathrm{NMI}_p - \\mathrm{NMI}_q|$. Of few rows mutual information is too large, alike on both sides: both are
cut to one number of rows.

References:
    Strehl & Ghosh, 2002, "Cluster ensembles: a knowledge reuse framework …" (normalized mutual information)
"""

import itertools

import numpy as np
from jaxtyping import Float, Int

from genzoo.core.noise import Noise
from genzoo.distributions.resampling import require_rows
from genzoo.evaluation.measurement import Estimate
from genzoo.evaluation.tables import Columns, alike, missing
from genzoo.evaluation.weighted import estimate, resampled

__all__ = ["entropy_of", "information_distance", "normalized_information"]

BINS, LEAST, MOST_PAIRS = 10, 10, 300


def information_distance(samples: Columns, real: Columns, *, draws: int = 20, seed: int = 0) -> Estimate:
    """The mean difference of normalized mutual information over pairs of columns.

    Args:
        samples: The columns of samples.
        real: The same columns of held-out rows.
        draws: How often rows are drawn again for the error.
        seed: Names the draws, the rows that are taken of the larger side, and pairs where there are more than 300.

    Raises:
        ValueError: If columns differ in name or kind, or there is but one.
        TooFew: If there are fewer than ten rows of either.

    Example:
        >>> x = np.arange(200.0)
        >>> real = {"a": x, "b": x % 10}
        >>> information_distance({"a": x, "b": x // 20}, real).value > 0.9
        True
    """
    columns = alike(samples, real)
    if len(columns) < 2:
        raise ValueError(f"Mutual information is of two columns, got {list(columns)}. Give more.")
    n = min(len(values) for values in next(iter(columns.values())))
    require_rows(n, LEAST, "Mutual information")
    sides = []
    for part in (0, 1):
        rows = Noise(seed, "information", part).permutation(len(next(iter(columns.values()))[part]))[:n].numpy()
        sides.append([_codes(pair[part][rows], pair[1]) for pair in columns.values()])
    weights = [resampled(n, draws, seed, part) for part in (0, 1)]
    pairs = list(itertools.combinations(range(len(columns)), 2))
    some = Noise(seed, "pairs").permutation(len(pairs))[:MOST_PAIRS].tolist()
    gaps = []
    for i, j in (pairs[k] for k in sorted(some)):
        mine, theirs = (_information(side[i], side[j], w) for side, w in zip(sides, weights, strict=True))
        gaps.append(np.abs(mine - theirs))
    return estimate(np.mean(gaps, axis=0))


def normalized_information(u: Int[np.ndarray, " n"], v: Int[np.ndarray, " n"]) -> float:
    """2 I(u; v) / (H(u) + H(v)) of codes; 0 where both never vary.

    Args:
        u: The codes of a column.
        v: Those of another.

    Example:
        >>> normalized_information(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]))
        1.0
    """
    return float(_information(u, v, np.full((1, len(u)), 1 / len(u)))[0])


def _codes(values: np.ndarray, real: np.ndarray) -> Int[np.ndarray, " n"]:
    """A column as codes: words by their order among all, numbers by the deciles of the real ones."""
    if real.dtype.kind == "U":
        return np.unique(values, return_inverse=True)[1]
    edges = np.unique(np.quantile(real[~missing(real)], np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.where(missing(values), BINS, np.searchsorted(edges, values, side="right"))


def _information(
    u: Int[np.ndarray, " n"], v: Int[np.ndarray, " n"], weights: Float[np.ndarray, "t n"]
) -> Float[np.ndarray, " t"]:
    """The normalized mutual information at each row of weights."""
    width = int(v.max()) + 1
    both = u * width + v
    size = (int(u.max()) + 1) * width
    found = []
    for row in weights:
        joint = np.bincount(both, row, size).reshape(-1, width)
        sides = entropy_of(joint.sum(1)), entropy_of(joint.sum(0))
        total = sum(sides)
        found.append(2 * max(0.0, total - entropy_of(joint.ravel())) / total if total > 1e-12 else 0.0)
    return np.array(found)


def entropy_of(p: Float[np.ndarray, " k"]) -> float:
    """−Σ p log p of weights that need not sum to one.

    Args:
        p: The weights, none of them negative.
    """
    there = p[p > 0] / p.sum()
    return float(-(there * np.log(there)).sum())
