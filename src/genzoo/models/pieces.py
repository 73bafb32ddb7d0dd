"""Pieces: columns of any kind, cut so that every entry is a number of its piece and a place within.

A level is a piece. A whole number is one, or lies in one of several. Reals lie in intervals of as many rows each,
narrower ones toward the ends, and a value that many rows share, such as 0, is a piece by itself. What lies beyond the
training rows is in a tail. Within a piece x is uniform, in a tail exponential, and nothing else is known of it, so

$$ p(x) = P(j_1, …, j_D) \\prod_d q_d(x_d | j_d), \\qquad q_d = 1 / h_{j_d} \\text{ in a piece of width } h, $$

with P a mass of the numbers of pieces. This is a density of reals times a mass of all else; of a real column in which
values are shared, its measure is that of lengths and a unit for each such value.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from genzoo.core.space import Column
from genzoo.distributions.region import Range, Region, moved_into
from genzoo.models.float64_buffers import Wide

__all__ = ["Pieces", "Smoothing"]

SHARED, ABOVE = 10, 5.0  # rows that share a real value, and how many times as many as share those beside it
BOUND = 1e-9  # the mass beyond an end that several rows share: nobody is −1 years old
LEAST_ROWS = 4  # of the narrowest piece of reals, at an end
RAREST = 1e-300  # places in a tail
NEAREST, FARTHEST = 1e-15, 40.0  # of places on the normal line
WIDEST = 3.0  # of a quantile as a number
BACKGROUND = 1e-3  # of a column's own shares in a normal law of its pieces


class Smoothing(NamedTuple):
    """How much the pieces of a column lean on a law of few parameters, in rows.

    Attributes:
        numbers: Of numbers and ordered levels, whose law is normal on the line that their frequencies divide.
        levels: Of levels without an order, whose law is that of all rows.
        narrowest: The least standard deviation of a normal law.
        edges: Of states in a tree, whose law given a parent's is that of all rows.
    """

    numbers: float = 20.0
    levels: float = 2.0
    narrowest: float = 0.05
    edges: float = 1.0


class Pieces(Wide):
    """The pieces of columns, found in training rows.

    Pieces are numbered through all columns, those of entry d from `starts[d]` on; a missing entry has the number
    after the last.

    Args:
        columns: What each entry of a row is.
        bins: How many pieces as many rows each a column of numbers has, about; twice as many are kept for numbers
            that have a piece each.

    Raises:
        ValueError: If there are fewer than 4 bins.

    Example:
        >>> pieces = Pieces((Column("real"), Column("integer"), Column("categorical", 2)), bins=4)
        >>> x = torch.tensor([[0.3, 7.0, 1.0], [0.4, 9.0, 0.0], [0.9, 7.0, 1.0]], dtype=torch.float64)
        >>> pieces.fit(x)
        >>> codes = pieces.codes(x)
        >>> pieces.values(codes, torch.full((3, 3), 0.5, dtype=torch.float64))[:, 1:].tolist()
        [[7.0, 1.0], [9.0, 0.0], [7.0, 1.0]]
    """

    cuts: Tensor
    atoms: Tensor
    scales: Tensor
    shares: Tensor

    def __init__(self, columns: Sequence[Column], *, bins: int = 128) -> None:
        super().__init__()
        if bins < 4:
            raise ValueError(f"`bins` must be at least 4, got {bins}. Raise it.")
        self.columns, self.most = tuple(columns), 2 * bins
        self.sizes = [self.most if column.levels is None else column.levels for column in columns]
        self.starts = np.cumsum([0, *self.sizes]).tolist()
        self.numeric = [d for d, column in enumerate(columns) if column.levels is None]
        width = len(self.numeric)
        cuts = torch.full((width, self.most - 1), torch.inf, dtype=torch.float64)
        cuts[:, 0] = 0.0
        self.register_buffer("cuts", cuts)  # between the pieces of a column of numbers
        self.register_buffer("atoms", torch.zeros(width, self.most, dtype=torch.bool))
        self.register_buffer("scales", torch.ones(width, 2, dtype=torch.float64))  # of the tails
        even = [
            torch.arange(size) < 2 if column.levels is None else torch.ones(size)
            for column, size in zip(columns, self.sizes, strict=True)
        ]
        self.register_buffer("shares", torch.cat([part.double() / part.sum() for part in even]))

    @property
    def count(self) -> int:
        """P, the number of all pieces."""
        return int(self.starts[-1])

    def span(self, entry: int) -> slice:
        """The pieces of an entry."""
        return slice(self.starts[entry], self.starts[entry + 1])

    def fit(self, x: Float[Tensor, "n D"]) -> None:
        """Finds pieces, and how many rows lie in each.

        Args:
            x: Training rows; missing entries do not count.
        """
        for place, d in enumerate(self.numeric):
            values = x[:, d].double().cpu().numpy()
            values, whole = values[~np.isnan(values)], self.columns[d].kind == "integer"
            if not len(values):
                continue
            cuts, atoms = _cuts(values, whole, self.most)
            self.cuts[place] = torch.inf
            self.cuts[place, : len(cuts)] = torch.from_numpy(cuts)
            self.atoms[place] = False
            self.atoms[place, 1 : len(cuts)] = torch.from_numpy(atoms)
            self.scales[place] = torch.tensor(_reach(values, cuts), dtype=torch.float64)
        codes = self.codes(x.double())
        for d, column in enumerate(self.columns):
            span = self.span(d)
            counts = (codes[:, d][codes[:, d] < self.count] - span.start).bincount(minlength=self.sizes[d]).double()
            counts = counts + 0.5 if column.levels is not None else self._with_tails(d, counts, x[:, d].double())
            self.shares[span] = counts / counts.sum()

    def codes(self, x: Shaped[Tensor, "B D"]) -> Int[Tensor, "B D"]:
        """The number of each entry's piece, `count` where it is missing."""
        x = x.double()
        found = x.nan_to_num(0.0).long() if len(self.numeric) < x.shape[1] else torch.zeros_like(x, dtype=torch.int64)
        if self.numeric:
            found[:, self.numeric] = torch.searchsorted(
                self.cuts, x[:, self.numeric].T.contiguous(), right=True
            ).T.clamp_max(self.most - 1)
        starts = torch.tensor(self.starts[:-1], device=x.device)
        return torch.where(x.isnan(), self.count, found + starts)

    def log_within(self, x: Shaped[Tensor, "B D"], codes: Int[Tensor, "B D"]) -> Float[Tensor, " B"]:
        """log ∏ q_d of the entries that are there: densities of reals, masses of whole numbers."""
        total = torch.zeros(len(x), dtype=torch.float64, device=x.device)
        for place, d in enumerate(self.numeric):
            value, piece = x[:, d].double(), (codes[:, d] - self.starts[d]).clamp_max(self.most - 1)
            first, last, end = self._ends(place)
            scale = self.scales[place]
            inner = torch.where(self.atoms[place], 0.0, -(self._high(place) - self._low(place)).log())[piece]
            if self.columns[d].kind == "integer":
                below = -(first - 1 - value) / scale[0] + torch.log(-torch.expm1(-1 / scale[0]))
                above = -(value - last) / scale[1] + torch.log(-torch.expm1(-1 / scale[1]))
            else:
                below = -(first - value) / scale[0] - scale[0].log()
                above = -(value - last) / scale[1] - scale[1].log()
            found = torch.where(piece == 0, below, torch.where(piece >= end, above, inner))
            total += found.where(~value.isnan(), 0.0)
        return total

    def values(self, codes: Int[Tensor, "B D"], u: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        """The entries at places u in [0, 1) of their pieces; in a tail u is the share of what lies farther out.

        Entries without a piece become any number.
        """
        x = (codes - torch.tensor(self.starts[:-1], device=codes.device)).double()
        for place, d in enumerate(self.numeric):
            piece, part = x[:, d].long().clamp_max(self.most - 1), u[:, d].double()
            first, last, end = self._ends(place)
            low, high, atom = self._low(place)[piece], self._high(place)[piece], self.atoms[place][piece]
            inner = torch.where(atom, low, (low + part * (high - low)).minimum(torch.nextafter(high, low)))
            far = part.clamp_min(RAREST).log()
            below, above = first + self.scales[place, 0] * far, last - self.scales[place, 1] * far
            below = below.minimum(torch.nextafter(first, below - 1))  # the end itself is of the next piece
            found = torch.where(piece == 0, below, torch.where(piece >= end, above, inner))
            x[:, d] = found.floor() if self.columns[d].kind == "integer" else found
        return x

    def stretches(self, region: Region) -> Float[Tensor, "P 2"]:
        """What of each piece lies in a region, as an interval of places u; empty where none does."""
        whole = torch.tensor([0.0, 1.0], dtype=torch.float64, device=self.cuts.device).repeat(self.count, 1)
        for d, part in region.items():
            column, span = self.columns[d], self.span(d)
            if column.levels is None:
                if not isinstance(part, Range):
                    raise ValueError(f"Entry {d} holds numbers, so a region must give an interval of it, got {part}.")
                whole[span] = self._within(self.numeric.index(d), column.kind == "integer", part)
            else:
                levels = torch.arange(column.levels)
                inside = part.holds(levels) if isinstance(part, Range) else torch.isin(levels, _numbers(part))
                whole[span, 1] = inside.double().to(whole.device)
        return whole

    def held(self, x: Float[Tensor, "B D"], region: Region) -> Float[Tensor, "B D"]:
        """Values that were drawn within a region, without the rounding that may lead out of it."""
        numeric = {d: part for d, part in region.items() if isinstance(part, Range) and d in self.numeric}
        whole = {d: ends_of(part, self.columns[d].kind == "integer") for d, part in numeric.items()}
        return moved_into(x, {d: Range(*ends) for d, ends in whole.items()})

    def features(self, codes: Int[Tensor, "n D"], d: int) -> Float[Tensor, "n F"]:
        """An entry as numbers between which distances make sense: its quantile as a normal number, or its level."""
        size, span = self.sizes[d], self.span(d)
        there = codes[:, d] < self.count
        piece = torch.where(there, codes[:, d] - span.start, 0)
        if self.columns[d].kind == "categorical":
            return torch.nn.functional.one_hot(piece, size).float() * there[:, None]
        return (_line(self.shares[span])[1].clamp(-WIDEST, WIDEST)[piece] * there).float()[:, None]

    def coarse(self, codes: Int[Tensor, "n D"], levels: int = 16) -> Float[Tensor, "n D L"]:
        """Entries as one of few levels, numbers by their quantile, the rarest of many levels as one; all zero where
        missing."""
        found = torch.zeros(len(codes), len(self.columns), levels, dtype=torch.float32, device=codes.device)
        for d, column in enumerate(self.columns):
            share = self.shares[self.span(d)]
            if column.levels is None or (column.levels > levels and column.kind == "ordered"):
                place = ((share.cumsum(0) - share / 2) * levels).long()
            else:
                place = torch.arange(len(share)) if len(share) <= levels else (-share).argsort().argsort()
            there = codes[:, d] < self.count
            level = place.to(codes.device).clamp(0, levels - 1)[torch.where(there, codes[:, d] - self.starts[d], 0)]
            found[:, d].scatter_(1, level[:, None], there[:, None].float())
        return found

    def smoothed(self, counts: Float[Tensor, "P K"], how: Smoothing) -> Float[Tensor, "P K"]:
        """Laws of the pieces of each column from counts, which lean on a law of few parameters where rows are few.

        Args:
            counts: How many rows each of K parts has in each piece.
            how: How much they lean.
        """
        found = torch.empty_like(counts, dtype=torch.float64)
        for d, column in enumerate(self.columns):
            span = self.span(d)
            own, share = counts[span].double(), self.shares[span][:, None]
            is_ordered = column.kind != "categorical"
            law = _normal(own, share, how.narrowest) if is_ordered else share
            rows = how.numbers if is_ordered else how.levels
            odds = own + rows * law
            found[span] = odds / odds.sum(0)
        return found

    def _with_tails(self, d: int, counts: Tensor, values: Tensor) -> Tensor:
        """Counts of a column of numbers with something in every piece, and in the tails as little as there may be."""
        place = self.numeric.index(d)
        end = self._ends(place)[2]
        low, high = values[~values.isnan()].aminmax() if bool((~values.isnan()).any()) else (0.0, 0.0)
        counts = counts.clone()
        counts[1:end] += 1e-3
        for tail, extreme in ((0, low), (end, high)):
            counts[tail] = 0.5 if int((values == extreme).sum()) < SHARED else BOUND * len(values)
        return counts

    def _ends(self, place: int) -> tuple[Tensor, Tensor, int]:
        """The first cut and the last, and the number of the piece after it."""
        end = int((self.cuts[place] < torch.inf).sum())
        return self.cuts[place, 0], self.cuts[place, end - 1], end

    def _low(self, place: int) -> Tensor:
        """The lower ends of the pieces; those of tails are not asked for."""
        return torch.cat([self.cuts[place, :1], self.cuts[place]])

    def _high(self, place: int) -> Tensor:
        return torch.cat([self.cuts[place], self.cuts[place, -1:]])

    def _within(self, place: int, whole: bool, part: Range) -> Float[Tensor, "L 2"]:
        """The places in each piece of a column that lie in an interval."""
        low, high = ends_of(part, whole)
        below = self._place(place, low), self._place(place, high + 1 if whole else high)
        end = self._ends(place)[2]
        found = torch.stack(below, 1)
        found[end] = found[end].flip(0)  # of the upper tail, what lies farther out
        atoms = self.atoms[place]
        holds = part.holds(self._low(place)).double()
        found[atoms] = torch.stack([torch.zeros_like(holds), holds], 1)[atoms]
        found[:, 1] = found[:, 1].maximum(found[:, 0])
        return found

    def _place(self, place: int, value: float) -> Float[Tensor, " L"]:
        """The place of a value in each piece, at an end of those that it does not lie in."""
        first, last, end = self._ends(place)
        low, high = self._low(place), self._high(place)
        inner = ((value - low) / (high - low)).nan_to_num(1.0).clamp(0, 1)
        piece = torch.arange(len(low), device=low.device)
        below = torch.exp(torch.clamp_max((value - first) / self.scales[place, 0], 0.0))
        above = torch.exp(torch.clamp_max((last - value) / self.scales[place, 1], 0.0))
        found = torch.where(piece == 0, below, torch.where(piece == end, above, inner))
        return torch.where(piece > end, 0.0, found)


def ends_of(part: Range, whole: bool) -> tuple[float, float]:
    """The least and the largest number of an interval, or of the whole numbers in it.

    Example:
        >>> ends_of(Range(0.5, 3, below=True), whole=True)
        (1.0, 2.0)
    """
    low, high = float(part.low), float(part.high)
    if not whole:
        return math.nextafter(low, math.inf) if part.above else low, (
            math.nextafter(high, -math.inf) if part.below else high
        )
    if math.isfinite(low):
        low = math.floor(low) + 1.0 if part.above else float(math.ceil(low))
    if math.isfinite(high):
        high = math.ceil(high) - 1.0 if part.below else float(math.floor(high))
    return low, high


def _numbers(levels: frozenset[int]) -> Tensor:
    return torch.tensor(sorted(levels), dtype=torch.int64)


def _normal(counts: Tensor, share: Tensor, narrowest: float) -> Float[Tensor, "L K"]:
    """The normal law of each part, on the line that the shares of all rows divide as N(0, 1) does."""
    edges, middle = _line(share.flatten())
    edges, middle = edges[:, None], middle[:, None]
    weights = counts + 0.5 * share
    weights = weights / weights.sum(0)
    mean = (weights * middle).sum(0)
    deviation = (weights * (middle - mean).square()).sum(0).sqrt().clamp_min(narrowest)
    mass = torch.special.ndtr((edges - mean) / deviation).diff(dim=0).clamp_min(0)
    return (1 - BACKGROUND) * mass + BACKGROUND * share


def _line(share: Float[Tensor, " L"]) -> tuple[Float[Tensor, " L1"], Float[Tensor, " L"]]:
    """Where pieces lie on the line that their shares divide as N(0, 1) does: their ends, and their middles."""
    up_to = torch.cat([torch.zeros_like(share[:1]), share.cumsum(0)]).clamp(NEAREST, 1 - NEAREST)
    edges, middle = torch.special.ndtri(up_to), torch.special.ndtri((up_to[1:] + up_to[:-1]) / 2)
    edges[0], edges[-1] = -FARTHEST, FARTHEST
    return edges, middle


def _cuts(values: np.ndarray, whole: bool, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Cuts between the pieces of a column, and which of the pieces between them are a single real."""
    different, counts = np.unique(values, return_counts=True)
    if whole:
        cuts = np.unique(np.concatenate([different, different + 1]))
        if len(cuts) < most:
            return cuts, np.zeros(len(cuts) - 1, dtype=bool)
    spikes = _spikes(different, counts, whole, most)
    after = spikes + 1 if whole else np.nextafter(spikes, np.inf)
    rest = np.sort(values[~np.isin(values, spikes)])
    inner = _quantile_cuts(rest, whole, most // 2 - 2 * len(spikes)) if len(rest) else rest
    cuts = np.unique(np.concatenate([inner, spikes, after]))
    return cuts, ~np.array(whole) & np.isin(cuts[:-1], spikes)


def _spikes(different: np.ndarray, counts: np.ndarray, whole: bool, most: int) -> np.ndarray:
    """Values that many rows share: more whole numbers than a piece has; of reals far more than those beside, too."""
    if whole:
        often = counts >= max(SHARED, 4 * counts.sum() / most)
    else:
        beside = np.pad(counts.astype(float), 2, constant_values=1.0)
        near = np.maximum.reduce([beside[:-4], beside[1:-3], beside[3:-1], beside[4:]])
        often = (counts >= max(SHARED, counts.sum() / most / 2)) & (counts >= ABOVE * near)
    order = np.argsort(-counts[often], kind="stable")[: most // 8]
    return np.sort(different[often][order])


def _quantile_cuts(values: np.ndarray, whole: bool, pieces: int) -> np.ndarray:
    """Cuts that leave as many rows in each piece, and half as many again and again toward the ends."""
    pieces = max(4, pieces)
    parts, share = [np.arange(1, pieces) / pieces], 0.5 / pieces
    while share * len(values) >= LEAST_ROWS:
        parts.append(np.array([share, 1 - share]))
        share /= 2
    different = np.unique(values)
    at = np.searchsorted(different, values[(np.concatenate(parts) * len(values)).astype(np.int64)])
    at = np.unique(at[at > 0])
    if whole:
        return np.concatenate([[different[0]], different[at], [different[-1] + 1]])
    margin = (different[-1] - different[0]) / len(different) / 2 or np.spacing(np.abs(different[-1]))
    between = (different[at] + different[at - 1]) / 2
    return np.concatenate([[different[0] - margin], between, [different[-1] + margin]])


def _reach(values: np.ndarray, cuts: np.ndarray) -> list[float]:
    """How far the tails reach: as far as the last hundredth of the rows."""
    low, high = np.quantile(values, [0.01, 0.99])
    return [float(max(low - cuts[0], cuts[1] - cuts[0])), float(max(cuts[-1] - high, cuts[-1] - cuts[-2]))]
