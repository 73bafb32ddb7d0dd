"""What a fit asks of rows: that there are enough of them, of the model's space, finite, and not all on a plane."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.errors import ColumnError, DataError, refuse_infinite
from genzoo.core.game import Batch
from genzoo.core.model import GenerativeModel
from genzoo.distributions.degenerate import FLAT, WIDEN, dependent, refuse_dependent, refuse_still
from genzoo.models.classical.moments import spectrum
from genzoo.models.labels import labels_of

__all__ = [
    "FirstRows",
    "refuse_plane",
    "refuse_singular",
    "some_rows",
]


class FirstRows(NamedTuple):
    """The first batch, and the first rows of all, in float64, with their labels."""

    batch: Batch
    x: Tensor
    labels: Tensor


def some_rows(
    model: GenerativeModel, batches: Iterable[Batch], most: int, *, least: int = 1, lacking: bool = False
) -> FirstRows:
    """Up to so many rows, looked over.

    Args:
        model: Whose start it is.
        batches: Where they come from; no more than needed are taken.
        most: How many, at most.
        least: How many there must be.
        lacking: Whether entries may be missing.

    Raises:
        ValueError: If there are fewer rows than `least`, or they or their labels are not of the model's space.
        ColumnError: If an entry is infinite, or missing where none may be, or all of a column is.
        DataError: If there are too few.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import Gaussian
        >>> some_rows(Gaussian(Space((2,))), [Batch(torch.zeros(3, 2)), Batch(torch.zeros(3, 2))], 4).x.shape
        torch.Size([4, 2])
    """
    some: list[Batch] = []
    for batch in batches:
        some.append(batch)
        if sum(map(len, some)) >= most:
            break
    seen = [model.checked_batch(batch) for batch in some]
    x = torch.cat([rows.flatten(1) for rows, _ in seen])[:most].double() if some else torch.zeros(0, 1)
    if len(x) < least:
        many = f"{len(x)} sample{'s' if len(x) != 1 else ''}"
        raise DataError(
            f"{type(model).__name__} needs at least {least} rows, got {many}. Pass more rows, or ask for fewer parts."
        )
    refuse_infinite(x, lacking=lacking)
    if bare := x.isnan().all(0).nonzero().flatten().tolist():
        raise ColumnError(bare, "must have some values, got none.", "Drop it.")
    labels = torch.cat([labels_of(given, len(rows), x.device) for rows, given in seen])
    return FirstRows(some[0], x, labels[: len(x)])


def refuse_singular(x: Float[Tensor, "n D"], *, full: bool = False, rank: int | None = None, fix: str = WIDEN) -> None:
    """Raises if rows have no density: a column that never varies or, beyond a diagonal, columns that give each other.

    Args:
        x: Rows, the missing entries as NaN.
        full: Whether all of the covariance is fitted.
        rank: How many directions have a variance of their own, where all others share one.
        fix: What else than to drop a column can be done.

    Raises:
        ColumnError: Naming the columns.
        DataError: If there are too few rows.

    Example:
        >>> refuse_singular(torch.tensor([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]), full=True)
        Traceback (most recent call last):
        ...
        genzoo.core.errors.ColumnError: Columns 0, 1 (counted from 0) must not determine each other, got ...
    """
    mean = x.nanmean(0)
    off = torch.where(x.isnan(), 0, x - mean)
    refuse_still(mean, off.square().mean(0).sqrt(), fix)
    if x.isnan().any() or not (full or rank):
        return
    covariance, least = off.T @ off / len(x), (rank or x.shape[1] - 1) + 2
    if len(x) < least:
        kind = f"of rank {rank}" if rank else f"of {x.shape[1]} columns, in full,"
        raise DataError(
            f"A covariance {kind} needs at least {least} rows, got {len(x)}. Pass more, take a diagonal one, or {fix}."
        )
    if rank:
        refuse_plane(covariance, rank, fix)
    else:
        refuse_dependent(covariance, fix)


def refuse_plane(covariance: Float[Tensor, "D D"], rank: int, fix: str = WIDEN, *, rows: float = math.inf) -> None:
    """Raises if so many components leave nothing for the noise, of one variance in all other directions.

    Args:
        covariance: Of columns that vary.
        rank: The number of components.
        fix: What else can be done.
        rows: How many rows it is the covariance of; where they are few, it has few directions.

    Raises:
        ColumnError: Naming the columns that others give.

    Example:
        >>> refuse_plane(torch.ones(3, 3) + torch.eye(3), rank=2)
    """
    spread = covariance.diagonal().sqrt()
    if rows < len(covariance) / 2 and spectrum(covariance / spread / spread[:, None], rows)[0][rank] > FLAT:
        return
    sets = dependent(covariance)
    reached = len(covariance) - len(sets)
    if reached <= rank < len(covariance):
        lower = f"lower `rank` to {reached - 1}" if reached > 1 else "take another model"
        raise ColumnError(
            sorted(set().union(*sets)),
            f"must leave a variance to the noise beside {rank} components, got columns that are sums of multiples of "
            f"the others, {reached} directions in all.",
            f"Drop what others give, {lower}, or {fix}.",
        )
