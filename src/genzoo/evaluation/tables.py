"""Samples of tables: the shape of every column, and the trend of every pair of columns.

A table is a mapping from names to columns: numbers (NaN is missing) or words ("" is missing). All scores lie between 0
and 1, and 1 is best. Of numbers, the shape is one minus Kolmogorov and Smirnov's distance; of words, one minus the
total variation,

$$ 1 - \\max_x |F(x) - G(x)|, \\qquad 1 - \\tfrac{1}{2} \\textstyle\\sum_k |p_k - q_k|. $$

The trend of two columns of numbers is $1 - |\\rho_p - \\rho_q| / 2$ for Pearson's ρ; of words, or of words and numbers
cut into ten bins, one minus the total variation of their joint histogram. Nothing of three columns or more is seen.

References:
    Dat, Patki & Veeramachaneni, 2016, "The synthetic data vault"; the scores are those of the library sdmetrics
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped
from scipy import sparse
from torch import Tensor

from genzoo.core.given import GivenLike
from genzoo.core.noise import Noise
from genzoo.data.codecs.table import PointsCodec, TableCodec
from genzoo.distributions.resampling import require_rows
from genzoo.evaluation.measurement import Estimate
from genzoo.evaluation.weighted import Pooled, estimate, resampled

__all__ = ["Columns", "TableQuality", "alike", "columns_of", "missing_similarity", "table_quality"]

Columns = Mapping[str, np.ndarray]
Bins = Literal["real", "own"]
BINS, MOST_PAIRS = 10, 2000


class TableQuality(NamedTuple):
    """How like real columns the samples' are, each score between 0 and 1.

    Attributes:
        overall: The mean of the two next, or of the first if there is no pair.
        column_shapes: The mean over columns.
        pair_trends: The mean over pairs of columns that have a trend.
        shapes: The score of each column.
        pairs: The score of each pair that has one; of 2,000, where there are more.
    """

    overall: Estimate
    column_shapes: Estimate
    pair_trends: Estimate | None
    shapes: Mapping[str, Estimate]
    pairs: Mapping[tuple[str, str], Estimate]


def columns_of(
    codec: TableCodec | PointsCodec,
    x: Shaped[Tensor, "n D"],
    given: GivenLike = None,
    classes: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, np.ndarray]:
    """Rows of a table's space as columns, in the way that they would be written to a file.

    Args:
        codec: The table's codec.
        x: The rows.
        given: Their conditions, each of which becomes a column; a single one is called "given".
        classes: The words of conditions that are labels, by name as `Data.classes` has them.

    Example:
        >>> import torch
        >>> codec = TableCodec(("age", "kind"), words={"kind": ["red", "white"]}, whole=("age",))
        >>> columns_of(codec, torch.tensor([[38.6, 1.2], [20.0, torch.nan]]))
        {'age': array([39., 20.]), 'kind': array(['white', ''], dtype='<U5')}
    """
    columns = {}
    for name, values in zip(codec.columns, codec.written(x.detach().cpu()).unbind(1), strict=True):
        if isinstance(codec, TableCodec) and name in codec.words:
            part = TableCodec((name,), codec.levels, {name: codec.words[name]})
            columns[name] = np.array(part.cells(values[:, None])[name], dtype=str)
        else:
            columns[name] = values.double().numpy()
    if given is None:
        return columns
    for name, rows in given.items() if isinstance(given, Mapping) else [("", given)]:
        columns |= _condition(name or "given", rows.detach().cpu(), (classes or {}).get(name))
    return columns


def table_quality(
    samples: Columns, real: Columns, *, bins: Bins = "real", draws: int = 50, seed: int = 0
) -> TableQuality:
    """Column shapes, pair trends and their mean.

    Chance lowers every score by about 1/√n, words of many kinds by more: compare with real rows against real rows. A
    column of samples without a value scores 0, one whose numbers are all equal has correlation 0; pairs with a real
    column of equal numbers have no trend and are left out. Of more than 2,000 pairs as many are drawn at random.

    Args:
        samples: The columns of samples.
        real: The same columns of held-out rows.
        bins: What numbers beside words are cut by: "real", ten equal steps over the real range; "own", ten over each
            side's own, as sdmetrics' QualityReport has it, which does not see a shift and is ruled by outliers.
        draws: How often rows are drawn again for the errors.
        seed: Names the draws, and pairs.

    Raises:
        ValueError: If columns differ in name or kind, or a real column holds nothing.
        TooFew: If there are fewer than two rows of either.

    Example:
        >>> real = {"size": np.array([1.0, 2, 3, 4]), "kind": np.array(["a", "a", "b", "b"])}
        >>> swapped = real | {"kind": real["kind"][::-1]}
        >>> scores = table_quality(swapped, real)
        >>> scores.column_shapes.value, scores.pair_trends.value
        (1.0, 0.0)
    """
    columns = [_Column(name, mine, theirs, bins) for name, (mine, theirs) in alike(samples, real).items()]
    n, m = (len(next(iter(table.values()))) for table in (samples, real))
    require_rows(min(n, m), 2, "The quality of a table")
    a, b = resampled(n, draws, seed, 0), resampled(m, draws, seed, 1)
    shapes = {column.name: _shape(column, a, b) for column in columns}
    pairs = {(u.name, v.name): _trend(u, v, a, b) for u, v in _some_pairs(columns, seed)}
    pairs = {names: scores for names, scores in pairs.items() if not np.isnan(scores[0])}
    means = [np.mean(list(shapes.values()), axis=0)]
    if pairs:
        trends = np.array(list(pairs.values()))
        means.append(np.where(np.isnan(trends), trends[:, :1], trends).mean(0))  # a draw may make a column constant
    return TableQuality(
        estimate(np.mean(means, axis=0)),
        estimate(means[0]),
        estimate(means[1]) if pairs else None,
        {name: estimate(scores) for name, scores in shapes.items()},
        {names: estimate(scores) for names, scores in pairs.items()},
    )


def missing_similarity(samples: Columns, real: Columns) -> dict[str, Estimate]:
    """One minus the difference of the shares of missing cells, by column.

    Args:
        samples: The columns of samples.
        real: The same columns of held-out rows.

    Raises:
        ValueError: If columns differ in name or kind.

    Example:
        >>> missing_similarity({"a": np.array([1.0, np.nan])}, {"a": np.array([1.0, 2.0])})["a"].value
        0.5
    """
    found = {}
    for name, pair in alike(samples, real).items():
        shares = [float(missing(values).mean()) for values in pair]
        variance = sum(p * (1 - p) / len(values) for p, values in zip(shares, pair, strict=True))
        found[name] = Estimate(1 - abs(shares[0] - shares[1]), variance**0.5)
    return found


def alike(*tables: Columns) -> dict[str, tuple[np.ndarray, ...]]:
    """The columns of tables side by side, numbers as float64; in the order of the last, which is real.

    Args:
        tables: Tables of the same columns.

    Raises:
        ValueError: If columns differ in name or kind or length, a number is infinite, or the last table has a column
            that holds nothing.

    Example:
        >>> alike({"a": np.array([1])}, {"a": np.array([2.0, 3.0])})
        {'a': (array([1.]), array([2., 3.]))}
    """
    real = tables[-1]
    for table in tables:
        if set(table) != set(real) or not table:
            odd = sorted(set(table) ^ set(real))
            raise ValueError(f"Tables must have the same columns, got {odd or 'none'} in one alone. Add or drop them.")
        if len({len(values) for values in table.values()}) > 1:
            raise ValueError(f"Columns of a table must be equally long, got {[len(v) for v in table.values()]}.")
    side_by_side = {name: tuple(_values(name, table[name]) for table in tables) for name in real}
    for name, values in side_by_side.items():
        if len({part.dtype.kind for part in values}) > 1:
            raise ValueError(f"Column {name!r} must hold numbers in all tables or words in all, got both. Convert it.")
        if missing(values[-1]).all():
            raise ValueError(f"Column {name!r} must hold real values, got none. Leave it out.")
    return side_by_side


def missing(values: np.ndarray) -> np.ndarray:
    """Which cells of a column are missing.

    Example:
        >>> missing(np.array(["a", ""])).tolist(), missing(np.array([np.nan, 0.0])).tolist()
        ([False, True], [True, False])
    """
    return values == "" if values.dtype.kind == "U" else np.isnan(values)


class _Column:
    """A column of samples and of real rows: numbers, and words or bins as codes (−1 or `kinds` where missing)."""

    def __init__(self, name: str, samples: np.ndarray, real: np.ndarray, bins: Bins) -> None:
        self.name, self.is_words = name, real.dtype.kind == "U"
        self.samples, self.real = samples, real
        if self.is_words:
            codes = np.unique(np.concatenate([samples, real]), return_inverse=True)[1]
        else:
            edges = [_edges(real), _edges(real)] if bins == "real" else [_edges(samples, True), _edges(real, True)]
            codes = np.concatenate([np.digitize(v, e) for v, e in zip((samples, real), edges, strict=True)])
        self.codes, self.kinds = codes, 1 + int(codes.max())


def _some_pairs(columns: Sequence[_Column], seed: int) -> list[tuple[_Column, _Column]]:
    """All pairs of columns; of very many some, drawn at random."""
    pairs = list(itertools.combinations(columns, 2))
    if len(pairs) <= MOST_PAIRS:
        return pairs
    return [pairs[k] for k in sorted(Noise(seed, "pairs").permutation(len(pairs))[:MOST_PAIRS].tolist())]


def _shape(column: _Column, a: Float[np.ndarray, "t n"], b: Float[np.ndarray, "t m"]) -> Float[np.ndarray, " t"]:
    """One minus the distance of the two distributions, at each row of weights."""
    if column.is_words:
        there = [~missing(values) for values in (column.samples, column.real)]
        scores = _overlap(column.codes, a * there[0], b * there[1])
    else:
        pooled = Pooled(column.samples, column.real)
        scores = np.array([1 - pooled.kolmogorov(v, w) for v, w in zip(a, b, strict=True)])
    return np.nan_to_num(scores, nan=0.0)


def _trend(
    u: _Column, v: _Column, a: Float[np.ndarray, "t n"], b: Float[np.ndarray, "t m"]
) -> Float[np.ndarray, " t"]:
    """How alike the two columns go together, at each row of weights; NaN where the real ones have no trend."""
    if u.is_words or v.is_words:
        return _overlap(np.unique(u.codes * v.kinds + v.codes, return_inverse=True)[1], a, b)
    mine = np.nan_to_num(_correlation(u.samples, v.samples, a), nan=0.0)
    return 1 - np.abs(mine - _correlation(u.real, v.real, b)) / 2


def _overlap(
    codes: Int[np.ndarray, " N"], a: Float[np.ndarray, "t n"], b: Float[np.ndarray, "t m"]
) -> Float[np.ndarray, " t"]:
    """One minus the total variation between histograms of codes, those of samples first."""
    n, kinds = a.shape[1], 1 + int(codes.max())
    sides = []
    for part, weights in ((codes[:n], a), (codes[n:], b)):
        hot = sparse.csr_array((np.ones(len(part)), (part, np.arange(len(part)))), shape=(kinds, len(part)))
        with np.errstate(invalid="ignore"):
            sides.append((hot @ weights.T) / weights.sum(1))
    return 1 - np.abs(sides[0] - sides[1]).sum(0) / 2


def _correlation(
    x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], weights: Float[np.ndarray, "t n"]
) -> Float[np.ndarray, " t"]:
    """Pearson's correlation where both numbers are there, at each row of weights; NaN if one is constant."""
    there = ~(np.isnan(x) | np.isnan(y))
    if there.sum() < 2 or np.ptp(x[there]) == 0 or np.ptp(y[there]) == 0:
        return np.full(len(weights), np.nan)
    x, y = ((values - values.mean()) / values.std() for values in (x[there], y[there]))
    sums = weights[:, there] @ np.stack([np.ones(len(x)), x, y, x * x, y * y, x * y], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_x, mean_y, xx, yy, xy = (sums[:, 1:] / sums[:, :1]).T
        variances = np.stack([xx - mean_x**2, yy - mean_y**2])
        variances[variances < 1e-12] = np.nan
        return (xy - mean_x * mean_y) / np.sqrt(variances.prod(0))


def _edges(values: Float[np.ndarray, " n"], closed: bool = False) -> Float[np.ndarray, " k"]:
    """The ends of ten equal steps over the range; unless closed, the outer steps go on without end."""
    there = values[~np.isnan(values)]
    edges = np.histogram_bin_edges(there, bins=BINS) if len(there) else np.arange(BINS + 1.0)
    if not closed:
        edges[[0, -1]] = -np.inf, np.inf
    return edges


def _values(name: str, values: np.ndarray) -> np.ndarray:
    if values.ndim != 1 or values.dtype.kind not in "fiubU":
        raise ValueError(f"Column {name!r} must be numbers or words in one dimension, got {values.dtype}. Convert it.")
    if values.dtype.kind == "f" and np.isinf(values).any():
        count = int(np.isinf(values).sum())
        raise ValueError(
            f"Numbers of column {name!r} must be finite or NaN, got {count} that are infinite. Drop those."
        )
    return values.astype(str) if values.dtype.kind in "bU" else values.astype(np.float64)


def _condition(name: str, rows: Tensor, words: Sequence[str] | None) -> dict[str, np.ndarray]:
    """The columns of a condition: words for labels, numbers else."""
    if words is not None:
        known = np.array([*words, ""])  # the null label, −1, is last
        return {name: known[rows.long().numpy()]}
    return dict(_numbered(name, rows))


def _numbered(name: str, rows: Tensor) -> Iterator[tuple[str, np.ndarray]]:
    parts = rows.flatten(1).double().numpy().T if rows.ndim > 1 else rows.double().numpy()[None]
    for k, part in enumerate(parts):
        yield (name if len(parts) == 1 else f"{name}.{k}"), part
