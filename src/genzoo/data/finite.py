"""Rows of reals that a fit can use: none infinite, and none missing where none may be."""

from jaxtyping import Float
from torch import Tensor

from genzoo.data.error import ColumnError

__all__ = ["refuse_infinite"]


def refuse_infinite(x: Float[Tensor, "B D"], *, lacking: bool = False) -> None:
    """Raises if an entry is infinite, or missing where none may be.

    Args:
        x: Rows, the missing entries as NaN.
        lacking: Whether entries may be missing.

    Raises:
        ColumnError: Naming the columns.

    Example:
        >>> import torch
        >>> refuse_infinite(torch.tensor([[1.0, torch.inf]]))
        Traceback (most recent call last):
        ...
        genzoo.data.error.ColumnError: Column 1 (counted from 0) must be finite, got infinite values. Drop those ...
    """
    if x.sum().isfinite():  # one look for all of them
        return
    if bad := x.isinf().any(0).nonzero().flatten().tolist():
        raise ColumnError(bad, "must be finite, got infinite values.", "Drop those rows, or clip them.")
    if not lacking and (bad := x.isnan().any(0).nonzero().flatten().tolist()):
        raise ColumnError(
            bad, "must have a value in every row, got missing ones.", "Drop or impute them, or take gaussian_mixture."
        )
