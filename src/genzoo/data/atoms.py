"""What of a column of reals is no density: values that it holds again and again, and digits that it does not have.

A density of a value that many rows share has no upper limit, so a likelihood of such a column says how narrow a model
may get. A column of prices lies on a grid of hundredths; samples are written on it too.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from torch import Tensor

__all__ = ["SHARE", "digits", "places_of", "repeated", "rounded", "spike_of"]

FIRST = 1000  # values that tell at once whether more digits are needed
MOST_PLACES = 12
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
    if len(values) < 20:
        return None
    if share * len(values) > _most_alike(values):
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


def places_of(values: Float[np.ndarray, " n"]) -> int | None:
    """The digits after the point that say every number of a column; None where there are as many as the type holds.

    Args:
        values: Numbers in float32 or float64; NaN is missing.

    Example:
        >>> places_of(np.array([12.5, 7.25])), places_of(np.array([1 / 3, 0.5]))
        (2, None)
    """
    there = values[np.isfinite(values)]
    if not len(there):
        return None
    exact = 2.0 ** (np.finfo(values.dtype).nmant - 1) / max(1e-12, float(np.abs(there).max()))
    for places in range(MOST_PLACES + 1):
        if 10.0**places > exact:
            return None
        if all((rounded(part, places) == part).all() for part in (there[:FIRST], there)):
            return places
    return None


def digits(names: Sequence[str], x: Float[Tensor, "n D"]) -> dict[str, int]:
    """The digits after the point of the columns that have so few that they are no accident of their type.

    Args:
        names: The names of the columns.
        x: The rows; NaN is missing.

    Example:
        >>> import torch
        >>> digits(("price", "size"), torch.tensor([[12.5, 1 / 3], [7.25, 0.1]]))
        {'price': 2}
    """
    found = {name: places_of(part.numpy()) for name, part in zip(names, x.detach().cpu().T, strict=True)}
    return {name: places for name, places in found.items() if places is not None}


def rounded(values: Float[np.ndarray, " n"], places: int) -> Float[np.ndarray, " n"]:
    """Numbers with so many digits after the point, in their own type; none is −0."""
    return (values.astype(np.float64).round(places) + 0.0).astype(values.dtype)


def _most_alike(values: Float[Tensor, " n"]) -> int:
    """No less than how often the most frequent value occurs, by counts of what their bits are multiplied to."""
    bits = (values.double() + 0.0).numpy().view(np.uint64)  # + 0.0: no −0
    return int(np.bincount((bits * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(52)).astype(np.int64)).max())
