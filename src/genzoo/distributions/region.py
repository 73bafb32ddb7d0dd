"""Regions of rows: what some entries must be, the others being free.

A region is a box, an interval or a set of levels for each entry that it names. An event in words, `age > 60 and sex ==
'F'`, is a union of boxes that share no row.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Bool, Shaped
from torch import Tensor

__all__ = ["Interval", "Region", "inside"]


class Interval(NamedTuple):
    """Numbers between two ends.

    Attributes:
        low: The lower end.
        high: The upper end.
        above: Whether the lower end is left out.
        below: Whether the upper end is left out.

    Example:
        >>> str(Interval(low=60, above=True)), str(Interval(0, 1))
        ('(60, inf]', '[0, 1]')
    """

    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    below: bool = False

    def holds(self, x: Shaped[Tensor, "*B"]) -> Bool[Tensor, "*B"]:
        """Whether numbers lie in it; what is missing does not."""
        over = x > self.low if self.above else x >= self.low
        return over & (x < self.high if self.below else x <= self.high)

    def __str__(self) -> str:
        return f"{'(' if self.above else '['}{self.low:g}, {self.high:g}{')' if self.below else ']'}"


Region = Mapping[int, Interval | frozenset[int]]  # by the number of the entry


def inside(x: Shaped[Tensor, "B D"], region: Region) -> Bool[Tensor, " B"]:
    """Whether rows lie in a region; a row lacking an entry that the region names does not.

    Args:
        x: Rows.
        region: Where they may lie.

    Example:
        >>> inside(torch.tensor([[61.0, 0.0], [60.0, 1.0]]), {0: Interval(60, above=True), 1: frozenset([0, 2])})
        tensor([ True, False])
    """
    found = torch.ones(len(x), dtype=torch.bool, device=x.device)
    for entry, part in region.items():
        column = x[:, entry]
        if isinstance(part, Interval):
            found &= part.holds(column)
        else:
            found &= torch.isin(column, torch.tensor(sorted(part), dtype=column.dtype, device=x.device))
    return found
