"""Entries given others, and masses of regions, behind a map of the data.

What a part knows of its own entries is known of the data's, where the map takes each entry by itself: units shift and
stretch, and a level or a whole number is a stretch of the line. A region of the data is then one box of the part, or
several that share no row, since levels that a region names need not be neighbors.
"""

import itertools
import math
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.core.given import Given, given_rows
from genzoo.core.model import GenerativeModel, Unsupported
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.conditioned import ConditionedLike
from genzoo.distributions.region import Range, Region, moved_into
from genzoo.models.abilities import Conditioning, Events, Imputation, Map
from genzoo.models.cells import Cells

__all__ = [
    "CellEvents", "CellImputation", "ScaledConditioning", "ScaledEvents", "ScaledImputation",
]  # fmt: skip

TRIED = 8  # places in the cells of a row, of which one is chosen
MOST = 4096  # boxes of a region
RunOf = tuple[float, float]  # values from one to another, of a column


class ScaledImputation(Imputation):
    """The missing entries of a part that sees every entry in other units.

    Args:
        inner: The part's.
        before: The map.
    """

    def __init__(self, inner: Imputation, before: Map) -> None:
        self.inner, self.before, self.space, self.exact = inner, before, inner.space, inner.exact
        self.consistent = inner.consistent

    def impute(self, x: Float[Tensor, "B *event"], given: Given, noise: Noise) -> Shaped[Tensor, "B *event"]:
        y, told = self.before.within(x, given)
        drawn = self.before.outward(self.inner.impute(y, told, noise))
        return torch.where(x.isnan(), drawn.to(x.dtype), x)


class ScaledConditioning(Conditioning):
    """The law of a row given a measurement, of a part that sees every entry in other units, $x = m + s u$.

    Args:
        inner: The part's.
        before: The map.
        shift: m, a number or one for each entry.
        scale: s.
        exact: Whether x is m + s u, and not only within a cell of it.
    """

    def __init__(self, inner: Conditioning, before: Map, shift: Tensor, scale: Tensor, *, exact: bool = True) -> None:
        self.inner, self.before, self.space = inner, before, inner.space
        self.shift, self.scale, self.exact = shift.flatten().double(), scale.flatten().double(), exact and inner.exact

    def condition(
        self, matrix: Float[Tensor, "m D"], y: Float[Tensor, "B m"], variance: Float[Tensor, " m"], given: Given
    ) -> ConditionedLike:
        seen = matrix @ self.shift.to(matrix).expand(matrix.shape[1])
        inner = self.inner.condition(matrix * self.scale.to(matrix), y - seen, variance, self.before.rule(given))
        return _InUnits(inner, self.shift, self.scale)


class _InUnits:
    """The law of m + s u."""

    def __init__(self, inner: ConditionedLike, shift: Tensor, scale: Tensor) -> None:
        self.inner, self.shift, self.scale = inner, shift, scale

    @property
    def log_evidence(self) -> Float[Tensor, " B"]:
        return self.inner.log_evidence

    def mean(self) -> Float[Tensor, "B D"]:
        return self.shift + self.scale * self.inner.mean()

    def draw(self, n: int, noise: Noise) -> Float[Tensor, "rows D"]:
        return self.shift + self.scale * self.inner.draw(n, noise)


class ScaledEvents(Events):
    """Masses and draws of a part that sees every entry in other units.

    Args:
        inner: The part's.
        before: The map.
        shift: What is taken from each entry.
        scale: What it is then divided by.
    """

    def __init__(self, inner: Events, before: Map, shift: Tensor, scale: Tensor) -> None:
        self.inner, self.before, self.space, self.consistent = inner, before, inner.space, inner.consistent
        self.shift, self.scale = shift.flatten(), scale.flatten()

    def log_mass(self, n: int, region: Region, given: Given) -> Float[Tensor, " n"]:
        return self.inner.log_mass(n, self._inside(region), self.before.rule(given))

    def draw_within(self, n: int, region: Region, given: Given, noise: Noise) -> Shaped[Tensor, "n *event"]:
        y = self.inner.draw_within(n, self._inside(region), self.before.rule(given), noise)
        x = self.before.outward(y)
        return moved_into(x.flatten(1), region).reshape(x.shape)

    def _inside(self, region: Region) -> Region:
        return {entry: self._scaled(entry, part) for entry, part in region.items()}

    def _scaled(self, entry: int, part: Range | frozenset[int]) -> Range | frozenset[int]:
        if not isinstance(part, Range):
            return part  # of a part that has levels, in no units
        shift, scale = self.shift[entry].item(), self.scale[entry].item()
        return part._replace(low=(part.low - shift) / scale, high=(part.high - shift) / scale)


class CellImputation(Imputation):
    """The missing entries of a part that sees levels and whole numbers somewhere in their cells.

    Where in its cell an entry lies depends on the others. So a few places are drawn, and one of them is chosen by how
    likely the part holds it; with many it is $p(u \\mid x_k)$.

    Args:
        inner: The part's.
        part: The part itself: where its density takes no missing entries, one place is drawn.
        before: The map.
        cells: Where values lie; None of plain levels, whose cell is [x, x + 1).
        space: What one x is.
    """

    def __init__(
        self, inner: Imputation, part: GenerativeModel, before: Map, cells: Cells | None, space: Space
    ) -> None:
        self.inner, self.part, self.before, self.cells, self.space = inner, part, before, cells, space
        self.exact, self.consistent = inner.exact and space.is_real, inner.consistent

    def impute(self, x: Float[Tensor, "B *event"], given: Given, noise: Noise) -> Shaped[Tensor, "B *event"]:
        tried = 1 if self.exact or not self.part.takes_missing() else TRIED
        places, weights = zip(*(self._place(x, given, noise.at("place", k)) for k in range(tried)), strict=True)
        which = noise.at("which").categorical(torch.stack(weights, 1)) if tried > 1 else torch.zeros(len(x)).long()
        y = torch.stack(places)[which.to(x.device), torch.arange(len(x), device=x.device)]
        drawn = self.before.outward(self.inner.impute(y, given, noise.at("entries")))
        return torch.where(x.isnan(), drawn.to(x.dtype), x)

    def _place(self, x: Tensor, given: Given, noise: Noise) -> tuple[Tensor, Tensor]:
        """Rows at random places of their cells, and how likely the part holds them there, in logarithms."""
        u = noise.at("cell").uniform(*x.shape, dtype=torch.float64)
        y = x + u if self.cells is None else self.cells(x, u)
        if self.exact or not self.part.takes_missing():
            return y, y.new_zeros(len(y))
        slope = 0.0 if self.cells is None else self.cells.log_slope(x, y)
        return y, self.part.log_density(y, given, noise.at("density")).double() + slope


class CellEvents(Events):
    """Masses of levels and whole numbers of a part that sees them as stretches of the line.

    Args:
        inner: The part's.
        before: The map.
        cells: Where values lie; None of plain levels, whose cell is [x, x + 1).
        space: What one x is.
    """

    def __init__(self, inner: Events, before: Map, cells: Cells | None, space: Space) -> None:
        self.inner, self.before, self.cells, self.space = inner, before, cells, space
        self.consistent = inner.consistent

    def log_mass(self, n: int, region: Region, given: Given) -> Float[Tensor, " n"]:
        return self._masses(n, self._boxes(region), given).logsumexp(1)

    def draw_within(self, n: int, region: Region, given: Given, noise: Noise) -> Shaped[Tensor, "n *event"]:
        boxes = self._boxes(region)
        which = noise.at("box").categorical(self._masses(n, boxes, given))
        y = torch.zeros(n, *self.inner.space.shape, dtype=torch.float64, device=which.device)
        for k in which.unique().tolist():
            rows, told = (which == k).nonzero().squeeze(1), self.before.rule(given)
            one = self.inner.draw_within(len(rows), boxes[k], given_rows(told, rows), noise.at("within").rows(rows))
            y[rows] = one.double()
        x = self.before.outward(y)
        return moved_into(x.flatten(1), self._whole(region)).reshape(x.shape)

    def _whole(self, region: Region) -> Region:
        """The region with whole numbers at the ends of whole columns."""
        columns = self.space.columns or [None] * self.space.dims
        whole = {entry for entry, column in enumerate(columns) if column is None or column.is_discrete}
        return {
            entry: Range(_next(part.low, part.above), -_next(-part.high, part.below))
            if isinstance(part, Range) and entry in whole
            else part
            for entry, part in region.items()
        }

    def _masses(self, n: int, boxes: Sequence[Region], given: Given) -> Float[Tensor, "n boxes"]:
        if not boxes:
            return torch.full((n, 1), -torch.inf)
        told = self.before.rule(given)
        return torch.stack([self.inner.log_mass(n, box, told) for box in boxes], 1)

    def _boxes(self, region: Region) -> list[Region]:
        """The boxes of the part that a region is made of."""
        sides = [[(entry, side) for side in self._sides(entry, part)] for entry, part in region.items()]
        if math.prod(map(len, sides)) > MOST:
            raise Unsupported(f"A region must be at most {MOST} boxes, got more. Name fewer levels.")
        return [dict(chosen) for chosen in itertools.product(*sides)]

    def _sides(self, entry: int, part: Range | frozenset[int]) -> list[Range]:
        """The stretches of the line that belong to some values of a column."""
        column = None if self.space.columns is None else self.space.columns[entry]
        if column is not None and column.kind == "real":
            return [part] if isinstance(part, Range) else []
        low, high = self._ends(entry)
        runs = _runs(part, low, high)
        return [self._stretch(entry, first, last, first <= low, last >= high) for first, last in runs]

    def _ends(self, entry: int) -> RunOf:
        """The least value that the map makes, and the largest."""
        column = None if self.space.columns is None else self.space.columns[entry]
        levels = self.space.levels if column is None else column.levels
        if levels is not None or self.cells is None:
            return 0.0, float(levels or 1) - 1
        low, high = self.cells.ends[:, int((self.cells.whole == entry).nonzero())].tolist()
        return low, high

    def _stretch(self, entry: int, first: float, last: float, is_least: bool, is_most: bool) -> Range:
        """From the lower edge of a value to the upper edge of another; what lies beyond the ends goes to them."""
        low, high = -math.inf, math.inf
        if self.cells is None:
            edges = first, last + 1
        else:
            row = torch.zeros(2, self.space.dims, dtype=torch.float64, device=self.cells.ends.device)
            row[:, entry] = row.new_tensor([first, last])
            u = torch.zeros_like(row)
            u[1] = 1.0
            edges = tuple(self.cells(row, u)[:, entry].tolist())
        return Range(low if is_least else edges[0], high if is_most else edges[1], below=not is_most)


def _runs(part: Range | frozenset[int], low: float, high: float) -> list[RunOf]:
    """The whole numbers of a part of a column, from the least to the largest that there is, in runs without a gap."""
    if isinstance(part, Range):
        first, last = max(low, _next(part.low, part.above)), min(high, -_next(-part.high, part.below))
        return [(first, last)] if first <= last else []
    values = sorted(value for value in part if low <= value <= high)
    return list(_without_gaps(values))


def _without_gaps(values: Sequence[int]) -> Iterator[RunOf]:
    for _, run in itertools.groupby(enumerate(values), lambda pair: pair[1] - pair[0]):
        numbers = [value for _, value in run]
        yield float(numbers[0]), float(numbers[-1])


def _next(end: float, is_out: bool) -> float:
    """The least whole number from an end on."""
    if math.isinf(end):
        return end
    return math.floor(end) + 1.0 if is_out else float(math.ceil(end))
