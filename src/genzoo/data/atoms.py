"""What of a column of reals is no density: values that it holds again and again, and digits that it does not have.

A density of a value that many rows share has no upper limit, so a likelihood of such a column says how narrow a model
may get. A column of prices lies on a grid of hundredths; samples are written on it too.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from torch import Tensor

__all__ = [
    "SHARE", "Grid", "digits", "grid_of", "grids", "may_repeat", "places_of", "repeated", "rounded", "spike_of",
]  # fmt: skip

FIRST = 1000  # values that tell at once whether more digits are needed
MOST_PLACES = 12
TIED = 0.05  # of the first values, from which on a grid is looked for
NEAR = 0.02  # steps that a number may be off its grid
OFTEN, SHARE = 10, 0.1  # rows that share a value; the share of all rows in which such values are no accident


def spike_of(values: Float[Tensor, " n"], share: float = 0.1) -> tuple[float, float] | None:
    """The value that a column holds most often and in what share of its rows, if that is no accident of reals.

    Args:
        values: Numbers, none missing.
        share: The least share that counts, of at least 20 values.

    Example:
        >>> import torch
        >>> spike_of(torch.cat([torch.zeros(10), torch.arange(1.0, 31)]))
        (0.0, 0.25)
    """
    if len(values) < 20 or share * len(values) > _crowds(values).max():
        return None
    different, counts = values.unique(return_counts=True)
    most = int(counts.argmax())
    found = float(counts[most]) / len(values)
    return (float(different[most]), found) if found >= share else None


def repeated(values: Float[Tensor, " n"]) -> float:
    """The share of rows whose value stands in ten rows at least.

    Args:
        values: Numbers, none missing.

    Example:
        >>> import torch
        >>> repeated(torch.cat([torch.zeros(10), torch.arange(1.0, 31)]))
        0.25
    """
    counts = values.unique(return_counts=True)[1]
    return int(counts[counts >= OFTEN].sum()) / max(1, len(values))


def may_repeat(values: Float[Tensor, " n"]) -> bool:
    """Whether a tenth of the rows may hold values that ten rows share, or rows are few; False is sure, and no sorting.

    Args:
        values: Numbers, none missing.

    Example:
        >>> import torch
        >>> may_repeat(torch.arange(5000.0)), may_repeat(torch.arange(5000.0) // 50)
        (False, True)
    """
    if len(values) < OFTEN / SHARE:
        return True
    counts = _crowds(values)
    return bool(counts[counts >= OFTEN].sum() >= SHARE * len(values))


def places_of(values: Float[np.ndarray, " n"]) -> int | None:
    """The digits after the point that say every number of a column; None where there are as many as the type holds.

    Args:
        values: Numbers in float32 or float64; NaN is missing.

    Example:
        >>> places_of(np.array([12.5, 7.25])), places_of(np.array([1 / 3, 0.5]))
        (2, None)
    """
    first = values[:FIRST]
    return None if np.isfinite(first).any() and _fewest(first) is None else _fewest(values)


def _fewest(values: Float[np.ndarray, " n"]) -> int | None:
    there = values[np.isfinite(values)]
    if not len(there):
        return None
    exact = 2.0 ** (np.finfo(values.dtype).nmant - 1) / max(1e-12, float(np.abs(there).max()))
    return next((k for k in range(MOST_PLACES + 1) if 10.0**k <= exact and (rounded(there, k) == there).all()), None)


def digits(columns: Mapping[str, Float[Tensor, " n"]]) -> dict[str, int]:
    """The digits after the point of the columns that have so few that they are no accident of their type.

    Args:
        columns: Numbers by the names of the columns; NaN is missing.

    Example:
        >>> import torch
        >>> digits({"price": torch.tensor([12.5, 7.25]), "size": torch.tensor([1 / 3, 0.1])})
        {'price': 2}
    """
    found = {name: places_of(values.detach().cpu().numpy()) for name, values in columns.items()}
    return {name: places for name, places in found.items() if places is not None}


class Grid(NamedTuple):
    """Numbers first + k step of whole k: what was rounded, and then brought to other units.

    Example:
        >>> Grid(0.5, 0.25).nearest(np.array([0.7, 0.7501, 0.75]))
        array([0.75  , 0.7501, 0.75  ])
    """

    first: float
    step: float

    def nearest(self, values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """The numbers of the grid, in the type of the values; what is there but for rounding stays."""
        found = self.first + self.step * ((values.astype(np.float64) - self.first) / self.step).round()
        return np.where(np.abs(found - values) < NEAR * self.step, values, found).astype(values.dtype)


def grid_of(values: Float[np.ndarray, " n"]) -> Grid | None:
    """The grid on which all numbers of a column lie, if many rows share one and it is no accident of their type.

    Args:
        values: Numbers in float32 or float64; NaN is missing.

    Example:
        >>> hundredths = np.random.default_rng(0).integers(0, 100, 400) / 100
        >>> round(grid_of((hundredths - 0.3) / 0.7).step * 0.7, 9), grid_of(np.random.default_rng(0).random(400))
        (0.01, None)
    """
    there = values[np.isfinite(values)]
    if len(there) < 2 or len(np.unique(first := there[: 5 * FIRST])) > (1 - TIED) * len(first):
        return None
    different = np.unique(there).astype(np.float64)
    gaps = np.diff(different)
    step = gaps.min(initial=np.inf)
    coarsest = 100 * np.finfo(there.dtype).eps * np.abs(different).max()
    if len(gaps) < 2 or not coarsest < step:
        return None
    for reach in (10, 100, np.inf):  # small gaps tell the step well enough for larger ones
        some = gaps[gaps < reach * step]
        step = some.sum() / (some / step).round().sum()
    off = (different - different[0]) / step
    return Grid(float(different[0]), float(step)) if np.abs(off - off.round()).max() < NEAR else None


def grids(columns: Mapping[str, Float[Tensor, " n"]]) -> dict[str, Grid]:
    """The grids of the columns that lie on one.

    Args:
        columns: Numbers by the names of the columns; NaN is missing.
    """
    found = {name: grid_of(values.detach().cpu().numpy()) for name, values in columns.items()}
    return {name: grid for name, grid in found.items() if grid is not None}


def rounded(values: Float[np.ndarray, " n"], places: int) -> Float[np.ndarray, " n"]:
    """Numbers with so many digits after the point, in their own type; none is −0."""
    return (values.astype(np.float64).round(places) + 0.0).astype(values.dtype)


def _crowds(values: Float[Tensor, " n"]) -> np.ndarray:
    """How many numbers fall into each of many classes, in which equal ones meet: by the highest bits of a multiple of
    theirs, as in a hash table."""
    size = max(12, (len(values) // 2).bit_length())
    bits = (values.double() + 0.0).numpy().view(np.uint64)  # + 0.0: no −0
    return np.bincount((bits * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(64 - size)).view(np.int64))
