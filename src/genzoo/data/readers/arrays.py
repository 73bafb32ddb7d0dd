"""One array as rows of a space: bytes of shape (n, H, W) and (n, H, W, C) are images and become (n, C, H, W)."""

import torch
from jaxtyping import Shaped
from torch import Tensor

from genzoo.core import Space
from genzoo.core.errors import DataError
from genzoo.data.picture import CHANNELS

__all__ = ["LARGE", "as_rows"]

PIECE, LARGE = 1 << 24, 1 << 28  # bytes looked at at a time; bytes from which an array is mapped


def as_rows(x: Shaped[Tensor, "n *shape"], levels: int | None = None) -> tuple[Tensor, Space]:
    """Rows in the form and dtype of their space, and that space.

    Args:
        x: Rows: bytes, booleans, integers below `levels`, or reals.
        levels: The number of values of an integer; by default 256 for bytes and 2 for booleans.

    Raises:
        DataError: If there are no rows, a real is not finite, or the levels of integers are unknown.

    Example:
        >>> as_rows(torch.zeros(5, 28, 28, dtype=torch.uint8))[1]
        Space(shape=(1, 28, 28), levels=256, ragged=False)
    """
    if x.ndim == 0 or len(x) == 0:
        raise DataError(f"Data must have rows, got shape {tuple(x.shape)}. Put the rows on the first axis.")
    if x.is_floating_point() and levels is None:
        x = x.detach().cpu().float()
        if bad := sum(int((~part.isfinite()).sum()) for part in x.split(_per_piece(x))):
            raise DataError(f"Reals must be finite, got {bad} that are not. Fill or drop them.")
        return x, Space(tuple(x.shape[1:]))
    if levels is None:
        levels = {torch.uint8: 256, torch.bool: 2}.get(x.dtype)
    if levels is None:
        raise DataError(f"Integers must have a known number of levels, got {x.dtype}. Pass `levels=`.")
    if x.is_floating_point() and not all(torch.equal(part, part.round()) for part in x.split(_per_piece(x))):
        raise DataError(f"Data with levels={levels} must hold whole numbers, got fractions. Leave `levels` out.")
    x = _channels_first(x.detach().cpu()) if x.dtype == torch.uint8 else x.detach().cpu()
    space = Space(tuple(x.shape[1:]), levels=levels)
    if int(x.min()) < 0 or int(x.max()) >= levels:
        raise DataError(
            f"Values must lie in [0, {levels}), got [{int(x.min())}, {int(x.max())}]. Pass right `levels`."
        )
    x = x.to(getattr(torch, space.dtype))
    return x if x.nbytes > LARGE else x.contiguous(), space  # what is large may be mapped: no copy


def _per_piece(x: Tensor) -> int:
    """How many rows are looked at at a time."""
    return max(1, PIECE // max(1, x[:1].nbytes))


def _channels_first(x: Tensor) -> Tensor:
    if x.ndim == 3:
        return x[:, None]
    if x.ndim == 4 and x.shape[-1] in CHANNELS and x.shape[1] not in CHANNELS:
        return x.permute(0, 3, 1, 2)
    return x
