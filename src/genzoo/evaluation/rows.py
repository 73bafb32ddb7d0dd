"""Rows: some of them, evenly spread; those without gaps; and through a network, some at a time."""

import dataclasses
from collections.abc import Callable

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.data import Rows

__all__ = ["complete", "in_chunks", "spread"]

CHUNK = 500


def in_chunks(
    function: Callable[[Tensor], Tensor],
    x: Shaped[Tensor, "n *shape"],
    *,
    device: torch.device | str = "cpu",
    chunk: int = CHUNK,
) -> Float[Tensor, "n D"]:
    """A function of rows applied to some rows at a time, without gradients; the result is on the CPU.

    Args:
        function: Rows to rows, each by itself.
        x: The rows.
        device: Where the function computes.
        chunk: How many at a time.

    Example:
        >>> in_chunks(lambda rows: 2 * rows, torch.ones(3, 1), chunk=2).tolist()
        [[2.0], [2.0], [2.0]]
    """
    some = x if len(x) else x.new_zeros(1, *x.shape[1:])  # not every network takes no rows
    with torch.no_grad():
        parts = [function(part.to(device)).float().cpu() for part in some.split(chunk)]
    return torch.cat(parts)[: len(x)]


def spread(rows: Rows, n: int) -> Rows:
    """n of the rows, evenly spread; all where there are fewer.

    Args:
        rows: The rows.
        n: How many.

    Example:
        >>> import genzoo
        >>> len(spread(genzoo.read("ring").test, 10))
        10
    """
    if n >= len(rows):
        return rows
    return dataclasses.replace(rows, numbers=rows.numbers[torch.arange(n) * len(rows) // n])


def complete(rows: Rows) -> Rows:
    """The rows without missing entries: what samples, which have none, can be held against.

    Args:
        rows: The rows.

    Raises:
        ValueError: If every row lacks an entry.

    Example:
        >>> from genzoo.core import Space
        >>> x = torch.tensor([[1.0, 2.0], [float("nan"), 3.0]])
        >>> complete(Rows(x, None, torch.arange(2), Space((2,)))).x
        tensor([[1., 2.]])
    """
    if rows.space.is_discrete or rows.space.ragged or not len(rows):
        return rows
    whole = ~rows.x.flatten(1).isnan().any(1)
    if whole.all():
        return rows
    if not whole.any():
        raise ValueError("Samples are held against rows without missing entries, got none. Read with missing=impute.")
    return dataclasses.replace(rows, numbers=rows.numbers[whole])
