"""What a fit asks of the first rows it sees: that there are enough of them, finite, and not all on a plane."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.game import Batch
from genzoo.data.error import ColumnError
from genzoo.models.classical.labels import labels_of

__all__ = ["FirstRows", "refuse_infinite", "refuse_singular", "some_rows"]

FLAT = 1e-10  # the least eigenvalue of correlations that is no rounding error of float32 rows


class FirstRows(NamedTuple):
    """The first batch, and the first rows of all, in float64, with their labels."""

    batch: Batch
    x: Tensor
    labels: Tensor


def some_rows(name: str, batches: Iterable[Batch], most: int, *, least: int = 1, lacking: bool = False) -> FirstRows:
    """Up to so many rows, looked over.

    Args:
        name: Whose start it is, for errors.
        batches: Where they come from; no more than needed are taken.
        most: How many, at most.
        least: How many there must be.
        lacking: Whether entries may be missing.

    Raises:
        ValueError: If there are fewer rows than `least`.
        ColumnError: If an entry is infinite, or missing where none may be, or all of a column is.

    Example:
        >>> some_rows("Gaussian", [Batch(torch.zeros(3, 2)), Batch(torch.zeros(3, 2))], 4).x.shape
        torch.Size([4, 2])
    """
    some: list[Batch] = []
    for batch in batches:
        some.append(batch)
        if sum(map(len, some)) >= most:
            break
    x = torch.cat([batch.x.flatten(1) for batch in some])[:most].double() if some else torch.zeros(0, 1)
    if len(x) < least:
        many = f"{len(x)} sample{'s' if len(x) != 1 else ''}"
        raise ValueError(f"{name} needs at least {least} rows, got {many}. Pass more rows, or ask for fewer parts.")
    refuse_infinite(x, lacking=lacking)
    if bare := x.isnan().all(0).nonzero().flatten().tolist():
        raise ColumnError(bare, "must have some values, got none.", "Drop it.")
    labels = torch.cat([labels_of(batch.given, len(batch), x.device) for batch in some])
    return FirstRows(some[0], x, labels[: len(x)])


def refuse_infinite(x: Float[Tensor, "B D"], *, lacking: bool = False) -> None:
    """Raises if an entry is infinite, or missing where none may be.

    Raises:
        ColumnError: Naming the columns.
    """
    if bad := x.isinf().any(0).nonzero().flatten().tolist():
        raise ColumnError(bad, "must be finite, got infinite values.", "Drop those rows, or clip them.")
    if not lacking and (bad := x.isnan().any(0).nonzero().flatten().tolist()):
        raise ColumnError(
            bad, "must have a value in every row, got missing ones.", "Drop or impute them, or take gaussian_mixture."
        )


def refuse_singular(x: Float[Tensor, "n D"], *, full: bool) -> None:
    """Raises if rows have no density: a column that never varies or, with a full covariance, one that others give.

    Args:
        x: Rows, the missing ones as NaN.
        full: Whether all of the covariance is fitted, or its diagonal alone.

    Raises:
        ColumnError: Naming the columns.

    Example:
        >>> refuse_singular(torch.tensor([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]), full=True)
        Traceback (most recent call last):
        ...
        genzoo.data.error.ColumnError: Columns 0, 1 (counted from 0) must not determine each other, got ...
    """
    mean = x.nanmean(0)
    off = torch.where(x.isnan(), 0, x - mean)
    spread = off.square().mean(0).sqrt()
    if still := (spread <= 1e-7 * mean.abs()).nonzero().flatten().tolist():
        raise ColumnError(
            still, "must vary, got one value in all rows.", "Drop it, or set floor=1e-6 to give it a width."
        )
    if not full or len(x) <= x.shape[1] or x.isnan().any():
        return
    unit = off / spread
    values, vectors = torch.linalg.eigh(unit.T @ unit / len(x))
    if values[0] < FLAT:
        part = vectors[:, 0].abs()
        columns = (part > 0.1 * part.max()).nonzero().flatten().tolist()
        raise ColumnError(
            columns,
            "must not determine each other, got columns that are sums of multiples of the others.",
            "Drop one of them, or set floor=1e-6 to give them a width.",
        )
