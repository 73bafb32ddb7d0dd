"""Rows as metrics take them: vectors of finite numbers in one precision, whatever they were given as.

A metric of rows that are no numbers is a number like any other, only a false one: NaN is at no distance from anything
and sorts to an end, ∞ hides all else, and bytes wrap around at 256. So every metric takes its rows from here.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.distributions.estimate import NotFinite, TooFew

__all__ = ["Samples", "checked_numbers", "checked_rows", "is_finite"]

Samples = Tensor | np.ndarray | Sequence[Any]
"""Rows as a tensor, as an array of NumPy or as lists, of real or of whole numbers."""
SHORT = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.float16, torch.bfloat16, torch.float32)


def checked_rows(*sets: Samples, what: str = "A distance between samples") -> tuple[Float[Tensor, "_ _"], ...]:
    """Sets of vectors in one precision that holds them all, on one device.

    Numbers of up to 32 bits become float32, longer ones float64.

    Args:
        sets: Rows of each.
        what: What is measured, as the subject of a sentence.

    Raises:
        ValueError: If a set is no matrix of real numbers, or rows of one have another length than those of another.
        TooFew: If a set has no rows.
        NotFinite: If a number is NaN or infinite.

    Example:
        >>> checked_rows(torch.tensor([[3, 250]], dtype=torch.uint8), [[0.5, 1.0]])
        (tensor([[  3., 250.]]), tensor([[0.5000, 1.0000]]))
    """
    rows = [_tensor(each, what) for each in sets]
    for each in rows:
        if each.ndim != 2:
            raise ValueError(
                f"{what} takes rows that are vectors, a matrix (rows, entries), got {tuple(each.shape)}. "
                "Lay rows flat: x.flatten(1); a column of numbers is x[:, None]."
            )
    if len({each.shape[1] for each in rows if len(each)}) > 1:
        lengths = " and ".join(str(each.shape[1]) for each in rows)
        raise ValueError(f"{what} takes rows of one length, got {lengths} entries. Give the same columns of each.")
    return _alike(rows, what)


def checked_numbers(*sets: Samples, what: str = "A distance between samples") -> tuple[Float[Tensor, " _"], ...]:
    """Sets of single numbers in one precision that holds them all, on one device.

    Args:
        sets: The numbers of each.
        what: What is measured, as the subject of a sentence.

    Raises:
        ValueError: If a set is no vector of real numbers.
        TooFew: If a set is empty.
        NotFinite: If a number is NaN or infinite.

    Example:
        >>> checked_numbers([1, 2], np.array([0.5]))
        (tensor([1., 2.], dtype=torch.float64), tensor([0.5000], dtype=torch.float64))
    """
    numbers = [_tensor(each, what) for each in sets]
    for each in numbers:
        if each.ndim != 1:
            raise ValueError(f"{what} takes single numbers, one a row, got {tuple(each.shape)}. Give one column.")
    return _alike(numbers, what)


def _tensor(rows: Samples, what: str) -> Tensor:
    """Real numbers of any kind as a tensor."""
    if not isinstance(rows, Tensor | np.ndarray) and len(rows) and isinstance(rows[0], Tensor):
        rows = torch.stack(list(rows))
    try:
        found = torch.as_tensor(rows)
    except (TypeError, ValueError, RuntimeError) as problem:
        raise ValueError(
            f"{what} takes rows of numbers, got {type(rows).__name__}: {problem}. Convert them."
        ) from None
    if found.is_complex():
        raise ValueError(f"{what} takes real numbers, got {found.dtype}. Give real and imaginary parts as columns.")
    return found


def is_finite(x: Tensor) -> bool:
    """Whether all numbers are finite: as a rule told by their sum, a tenth of the price of looking at each.

    Example:
        >>> is_finite(torch.tensor([3e38, 3e38])), is_finite(torch.tensor([1.0, torch.nan]))
        (True, False)
    """
    return bool(x.sum().isfinite()) or bool(x.isfinite().all())


def _alike(sets: list[Tensor], what: str) -> tuple[Tensor, ...]:
    """In one precision on the device of the first, if all are there and finite."""
    if not all(map(len, sets)):
        counts = " and ".join(f"{len(each):,}" for each in sets)
        raise TooFew(f"{what} needs at least 1 row of each sample, got {counts}. Draw more.")
    precise = any(each.dtype not in SHORT for each in sets)
    dtype, device = torch.float64 if precise else torch.float32, sets[0].device
    for each in sets:
        if each.is_floating_point() and not is_finite(each):
            bad = int((~each.isfinite()).reshape(len(each), -1).any(1).sum())
            raise NotFinite(
                f"{what} takes finite numbers, got NaN or ∞ in {bad:,} of {len(each):,} rows. A model that draws them "
                "has diverged; if entries are missing, leave those rows out and say how many."
            )
    return tuple(each.to(device, dtype) for each in sets)
