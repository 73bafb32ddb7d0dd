"""Regions of rows: what some entries must be, the others being free.

A region is a box, an interval or a set of levels for each entry that it names. An event in words, `age > 60 and sex ==
'F'`, is a union of boxes that share no row.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Shaped
from torch import Tensor

from genzoo.core.given import Given
from genzoo.core.noise import Noise

__all__ = ["EventsLike", "ImputationLike", "Range", "Region", "inside", "moved_into", "overlap"]


class Range(NamedTuple):
    """Numbers between two ends.

    Attributes:
        low: The lower end.
        high: The upper end.
        above: Whether the lower end is left out.
        below: Whether the upper end is left out.

    Example:
        >>> str(Range(low=60, above=True)), str(Range(0, 1))
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


def overlap(a: Range, b: Range) -> Range:
    """What lies in both of two intervals; an empty one ends before it begins.

    Example:
        >>> str(overlap(Range(high=3), Range(1, 5, above=True)))
        '(1, 3]'
    """
    low, above = max((a.low, a.above), (b.low, b.above))
    high, not_below = min((a.high, not a.below), (b.high, not b.below))
    return Range(low, high, above, not not_below)


Region = Mapping[int, Range | frozenset[int]]  # by the number of the entry


def inside(x: Shaped[Tensor, "B D"], region: Region) -> Bool[Tensor, " B"]:
    """Whether rows lie in a region; a row lacking an entry that the region names does not.

    Args:
        x: Rows.
        region: Where they may lie.

    Example:
        >>> inside(torch.tensor([[61.0, 0.0], [60.0, 1.0]]), {0: Range(60, above=True), 1: frozenset([0, 2])})
        tensor([ True, False])
    """
    found = torch.ones(len(x), dtype=torch.bool, device=x.device)
    for entry, part in region.items():
        column = x[:, entry]
        if isinstance(part, Range):
            found &= part.holds(column)
        else:
            found &= torch.isin(column, torch.tensor(sorted(part), dtype=column.dtype, device=x.device))
    return found


def moved_into(x: Shaped[Tensor, "B D"], region: Region) -> Shaped[Tensor, "B D"]:
    """Rows of a region that rounding has pushed out of it, back in: each entry goes to the nearest value within.

    Args:
        x: Rows in the region, but for rounding.
        region: Where they lie.

    Example:
        >>> moved_into(torch.tensor([[60.0, 3.0]]), {0: Range(60, above=True), 1: frozenset([0, 2])})
        tensor([[60.0000,  2.0000]])
    """
    kind, x = x.dtype, x.clone() if x.is_floating_point() else x.double()
    for entry, part in region.items():
        column = x[:, entry]
        if isinstance(part, Range):
            low, high = (torch.tensor(end, dtype=torch.float64).to(x) for end in (part.low, part.high))
            up, down = x.new_tensor(math.inf), x.new_tensor(-math.inf)
            low = torch.nextafter(low, up) if part.above or low.double() < part.low else low
            high = torch.nextafter(high, down) if part.below or high.double() > part.high else high
            x[:, entry] = column.clamp(low, high)
        else:
            values = torch.tensor(sorted(part), dtype=x.dtype, device=x.device)
            x[:, entry] = values[(column[:, None] - values).abs().argmin(1)]
    return x.to(kind)


@runtime_checkable
class ImputationLike(Protocol):
    """What draws the entries of rows that are missing, given the others."""

    exact: bool
    consistent: bool

    def impute(self, x: Tensor, given: Given, noise: Noise) -> Tensor:
        """Rows whose missing entries (NaN) are drawn."""


@runtime_checkable
class EventsLike(Protocol):
    """What knows the probability of a region, and draws from within."""

    consistent: bool

    def log_mass(self, n: int, region: Region, given: Given) -> Tensor:
        """log P(x in R | given) for each of n rows of the condition."""

    def draw_within(self, n: int, region: Region, given: Given, noise: Noise) -> Tensor:
        """n rows within."""
