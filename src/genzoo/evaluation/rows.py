"""Rows: some of them, evenly spread; and through a network, some at a time."""

import dataclasses
from collections.abc import Callable

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.data import Rows

__all__ = ["in_chunks", "spread"]

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
