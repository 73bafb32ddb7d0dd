"""One array as rows of a space: bytes of shape (n, H, W) and (n, H, W, C) are images and become (n, C, H, W).

Floats are reals, whatever they hold; with two long sides and values in [0, 1] they are images, too. Integers in flat
rows are whole numbers, unless they are told to be levels.
"""

import math
from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.core import Column, Space
from genzoo.core.errors import DataError
from genzoo.data.codecs.catalog import within_unit
from genzoo.data.picture import CHANNELS

__all__ = ["LARGE", "as_rows", "as_table", "loses_digits"]

DEEP = 1 << 16  # values of a pixel of 16 bits
SIDE = 8  # of the least picture of reals

PARTED = 1 << 15  # numbers looked at at a time, which stay in the cache
PIECE, LARGE = 1 << 24, 1 << 28  # bytes looked at at a time; bytes from which an array is mapped


def as_rows(x: Shaped[Tensor, "n *shape"], levels: int | None = None, *, gaps: bool = False) -> tuple[Tensor, Space]:
    """Rows in the form and dtype of their space, and that space; bytes, and reals in [0, 1], may be images.

    Args:
        x: Rows: bytes, booleans, integers below `levels`, or reals.
        levels: The number of values of an integer; by default 256 for bytes, 2 for booleans, 65,536 for deeper pixels.
        gaps: Whether reals may be missing, NaN.

    Raises:
        DataError: If there are no rows, a real is not finite, or the levels of integers are unknown.

    Example:
        >>> as_rows(torch.zeros(5, 28, 28, dtype=torch.uint8))[1]
        Space(shape=(1, 28, 28), levels=256, ragged=False)
    """
    if x.ndim == 0 or len(x) == 0:
        raise DataError(f"Data must have rows, got shape {tuple(x.shape)}. Put the rows on the first axis.")
    _refuse_complex(x)
    if x.is_floating_point() and levels is None:
        x = x.detach().cpu().float()
        bad = sum(int((part.isinf() | (part.isnan() & (not gaps))).sum()) for part in x.split(_per_piece(x)))
        if bad:
            raise DataError(f"Reals must be finite, got {bad} that are not. Fill or drop them.")
        x = _channels_first(x) if _are_pictures(x) else x
        return x, Space(tuple(x.shape[1:]))
    if levels is None:
        levels = {torch.uint8: 256, torch.bool: 2}.get(x.dtype)
    deep = levels is None and x.ndim == 4 and int(x.min()) >= 0 and int(x.max()) < DEEP
    levels = DEEP if deep else levels  # pixels of 16 bits
    if levels is None:
        raise DataError(f"Integers must have a known number of levels, got {x.dtype}. Pass `levels=`.")
    if x.is_floating_point() and not all(torch.equal(part, part.round()) for part in x.split(_per_piece(x))):
        raise DataError(f"Data with levels={levels} must hold whole numbers, got fractions. Leave `levels` out.")
    x = _channels_first(x.detach().cpu()) if deep or x.dtype == torch.uint8 else x.detach().cpu()
    space = Space(tuple(x.shape[1:]), levels=levels)
    if int(x.min()) < 0 or int(x.max()) >= levels:
        raise DataError(
            f"Values must lie in [0, {levels}), got [{int(x.min())}, {int(x.max())}]. Pass right `levels`."
        )
    x = x.to(getattr(torch, space.dtype))
    return x if x.nbytes > LARGE else x.contiguous(), space  # what is large may be mapped: no copy


def as_table(x: Shaped[Tensor, "n *shape"]) -> tuple[Tensor, Space] | None:
    """Rows as columns of whole numbers or of reals in float64, where neither levels nor float32 would do; else None.

    Args:
        x: Rows without known levels.

    Example:
        >>> str(as_table(torch.tensor([[-3, 7]]))[1])
        '2 columns (2 integer)'
    """
    if x.ndim != 2 or not x.numel() or x.dtype in (torch.uint8, torch.bool):
        return None
    _refuse_complex(x)
    x, dims = x.detach().cpu(), x.shape[1]
    if not x.is_floating_point():
        return x.double(), Space((dims,), columns=(Column("integer"),) * dims)
    if x.dtype == torch.float64 and x.nbytes <= LARGE and not x.isinf().any() and loses_digits(x.T):
        return x, Space((dims,), columns=tuple(Column("real", missing=bool(part.isnan().any())) for part in x.T))
    return None


def _refuse_complex(x: Tensor) -> None:
    if x.is_complex():
        raise DataError(
            f"Arrays must hold real numbers, got {str(x.dtype).removeprefix('torch.')}. Put the parts side by side: "
            "np.stack([x.real, x.imag], axis=-1)."
        )


def loses_digits(columns: Iterable[Float[Tensor, " n"]]) -> bool:
    """Whether float32 would move values of a column by more than 1e-5 of the middle half's spread, or has none for
    them: Julian days a minute apart become one.

    Args:
        columns: Numbers in float64; NaN is missing.

    Example:
        >>> minutes = torch.arange(9.0).double() / 1440
        >>> loses_digits([2459000.5 + minutes]), loses_digits([minutes])
        (True, False)
    """
    lacks = ((column, column.isnan()) for column in columns)
    return any(_lost(column[~gone] if gone.any() else column) for column, gone in lacks)


def _lost(values: Float[Tensor, " n"]) -> bool:
    off = max((float((part - part.float()).abs().max()) for part in values.split(PARTED)), default=0.0)
    if off in (0.0, math.inf):
        return off > 0
    n, low, high = len(values), len(values) // 4, 3 * len(values) // 4
    if n > PARTED and _is_wider(values.numpy(), 2e5 * off, low, n - high):
        return False
    ordered = np.partition(values.numpy(), (low, high))
    spread = float(ordered[high] - ordered[low]) or float(values.max() - values.min())
    return spread > 0 and off > 1e-5 * spread


def _is_wider(values: np.ndarray, width: float, below: int, above: int) -> bool:
    """Whether the spread surely is more than that, since enough values lie on both sides of so wide a stretch; some
    rows tell where to look."""
    start, end = np.quantile(values[:: len(values) // 1000], (0.35, 0.65))
    return bool(end - start > width and (values < start).sum() > below and (values > end).sum() >= above)


def _per_piece(x: Tensor) -> int:
    """How many rows are looked at at a time."""
    return max(1, PIECE // max(1, x[:1].nbytes))


def _are_pictures(x: Tensor) -> bool:
    """Whether reals have the form and the range, [0, 1], of pictures."""
    sides = x.shape[1:] if x.ndim == 3 else x.shape[1:3] if x.ndim == 4 and x.shape[-1] in CHANNELS else ()
    return len(sides) == 2 and min(sides) >= SIDE and within_unit(x)


def _channels_first(x: Tensor) -> Tensor:
    if x.ndim == 3:
        return x[:, None]
    if x.ndim == 4 and x.shape[-1] in CHANNELS and x.shape[1] not in CHANNELS:
        return x.permute(0, 3, 1, 2)
    return x
