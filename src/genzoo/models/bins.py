"""Numbers as categories: a column's line parted into tokens, each with a law of its own for the place within.

A value that many rows share (0 in a column of gains, the cap of a price) is a token of its own, an *atom*. What lies
between atoms is cut where the training rows part into equal numbers, and each piece is a histogram of a few finer
cells. So with P(k) the probability of token k,

$$ p(x) = (1 - \\varepsilon) \\sum_k P(k) \\sum_{c \\in k} w_c \\frac{1[x \\in c]}{|c|} + \\varepsilon q(x), $$

where w_c is the share of cell c in its token and cells have no point in common. ε = 1/(n + 1) is the chance that the
next of n + 1 numbers lies beyond the others; q spreads it over what no training row covers, gaps and two tails of
survival (1 + d/s)⁻³ at a distance d from the end. A whole number k is the cell [k − ½, k + ½). An atom among reals is
drawn as the number itself, and its density is its mass over a cell as wide as the gap to the nearest other value.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.core.space import Column
from genzoo.distributions.region import Range
from genzoo.models.float64_buffers import Wide

__all__ = ["Alphabet", "Bins", "Levels", "alphabet_of"]

FINE = 8  # cells of a piece, at most
FEWEST = 4  # rows of a cell
POWER = 3.0  # of a tail's survival
WIDE = 0.1  # s, as a share of the range

Part = Range | frozenset[int]


class Levels(Wide):
    """A column of L levels: each is a token.

    Args:
        count: L.
        ordered: Whether neighbours are alike.
    """

    rows: Tensor

    def __init__(self, count: int, *, ordered: bool = False) -> None:
        super().__init__()
        self.tokens, self.ordered = count, ordered
        self.register_buffer("rows", torch.zeros(count, dtype=torch.float64))

    def fit(self, x: Float[Tensor, " n"]) -> None:
        """Counts how often each level occurs."""
        self.rows.copy_(x.long().bincount(minlength=self.tokens))

    @property
    def used(self) -> int:
        """The number of tokens."""
        return self.tokens

    def ranks(self) -> Float[Tensor, " tokens"]:
        """Places of tokens in [0, 1]."""
        return (torch.arange(self.tokens, device=self.rows.device) + 0.5) / self.tokens

    def of(self, x: Float[Tensor, " B"]) -> Int[Tensor, " B"]:
        """The token of each value, −1 where it is missing."""
        return x.nan_to_num(-1.0).long()

    def log_prob(
        self, x: Float[Tensor, " B"], token: Int[Tensor, " B"], log_p: Float[Tensor, "B used"]
    ) -> Float[Tensor, " B"]:
        """log p of values whose tokens have log-probabilities; 0 where one is missing."""
        return log_p.gather(1, token.clamp_min(0)[:, None]).squeeze(1).where(token >= 0, 0)

    def draw(self, token: Int[Tensor, " B"], u: Float[Tensor, "B 2"]) -> Float[Tensor, " B"]:
        """A value of each token."""
        return token.double()

    def masses(self, log_p: Float[Tensor, "B used"], part: Part) -> Float[Tensor, "B pieces"]:
        """The probabilities of the pieces of a part of the line."""
        levels = torch.arange(self.tokens, device=log_p.device).double()
        held = part.holds(levels) if isinstance(part, Range) else torch.isin(levels, levels.new_tensor([*part]))
        return log_p.double().exp() * held

    def owners(self, part: Part) -> Int[Tensor, " pieces"]:
        """The token of each piece."""
        return torch.arange(self.tokens, device=self.rows.device)

    def draw_in(self, piece: Int[Tensor, " B"], part: Part, u: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """A value in a piece of a part of the line."""
        return piece.double()


class Bins(Wide):
    """A column of numbers as tokens.

    Args:
        column: What the column is: real, or whole numbers.
        bins: The number of pieces that would hold equally many rows; atoms come to them, as many at most.

    Example:
        >>> bins = Bins(Column("integer"), 4)
        >>> bins.fit(torch.tensor([0.0] * 50 + list(range(20, 70)), dtype=torch.float64))
        >>> bins.of(torch.tensor([0.0, 20.0, 69.0, 1000.0], dtype=torch.float64)).tolist()
        [0, 1, 2, -1]

    References:
        Tiwald et al., 2025, "TabularARGN: a flexible and efficient auto-regressive framework for generating
        high-fidelity synthetic data", arXiv:2501.12012 (numbers as categories)
    """

    line: Tensor
    owner: Tensor
    rows: Tensor
    reach: Tensor
    ordered = True

    def __init__(self, column: Column, bins: int) -> None:
        super().__init__()
        self.whole, self.bins, self.tokens = column.kind == "integer", bins, 2 * bins
        cells = (FINE + 2) * self.tokens + 4
        self.register_buffer("line", torch.zeros(3, cells, dtype=torch.float64))
        self.register_buffer("owner", torch.zeros(cells, dtype=torch.int64))  # the token of each cell, −1 for none
        self.register_buffer("rows", torch.zeros(self.tokens, dtype=torch.float64))
        self.register_buffer("reach", torch.zeros(2, dtype=torch.float64))
        self.fit(torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0], dtype=torch.float64))

    @torch.no_grad()
    def fit(self, x: Float[Tensor, " n"]) -> None:
        """Parts the line by training values."""
        if len(x) == 0:
            return
        values, counts = np.unique(x.double().cpu().numpy(), return_counts=True)
        cells, rows = parted(values, counts, self.bins, whole=self.whole)
        parts = (*self.line, self.owner)
        for part, found, rest in zip(parts, cells, (torch.inf, 0.0, torch.nan, -1), strict=True):
            part.fill_(rest)
            part[: len(found)] = torch.from_numpy(found)
        self.rows.zero_()
        self.rows[: len(rows)] = torch.from_numpy(rows)
        self.reach.copy_(torch.tensor([values[0], values[-1]], dtype=torch.float64))

    @property
    def low(self) -> Float[Tensor, " C"]:
        """Where each cell begins: together they fill the line, from −∞."""
        return self.line[0]

    @property
    def share(self) -> Float[Tensor, " C"]:
        """Of each cell in its token, or in what has none."""
        return self.line[1]

    @property
    def value(self) -> Float[Tensor, " C"]:
        """The number of an atom, NaN elsewhere."""
        return self.line[2]

    @property
    def ends(self) -> Float[Tensor, " 2"]:
        """The least and the greatest of the training values."""
        return self.reach

    @property
    def used(self) -> int:
        """The number of tokens that there are."""
        return 1 + int(self.owner.max())

    def ranks(self) -> Float[Tensor, " tokens"]:
        """Places of tokens in [0, 1]: the share of the training rows below their middle."""
        share = self.rows / self.rows.sum()
        return (share.cumsum(0) - share / 2).clamp(0, 1)

    def of(self, x: Float[Tensor, " B"]) -> Int[Tensor, " B"]:
        """The token of each value; −1 where it is missing, or lies where no training row did."""
        return self.owner[self._cell(x.double().nan_to_num(0.0))].masked_fill(x.isnan(), -1)

    def log_prob(
        self, x: Float[Tensor, " B"], token: Int[Tensor, " B"], log_p: Float[Tensor, "B used"]
    ) -> Float[Tensor, " B"]:
        """log p of values whose tokens have log-probabilities; 0 where one is missing."""
        y = x.double().nan_to_num(0.0)
        cell = self._cell(y)
        width, (log_rest, log_lacks) = self._widths()[cell], self._log_lacks()
        law = self.share[cell].log() + torch.where(width.isinf(), self._log_tail(y), -width.log())
        known = log_p.gather(1, token.clamp_min(0)[:, None]).squeeze(1) + log_rest
        return (law + torch.where(token >= 0, known, log_lacks)).where(~x.isnan(), 0)

    def draw(self, token: Int[Tensor, " B"], u: Float[Tensor, "B 2"]) -> Float[Tensor, " B"]:
        """A value of each token, or with probability ε one of what has none; beyond the ends, the end."""
        lacks, covered = self._log_lacks()[1].exp(), self.owner >= 0
        upto, upto_none = (self.share.where(part, 0).cumsum(0) for part in (covered, ~covered & (self.share > 0)))
        at, none = token + u[:, 0], u[:, 0] * upto_none[-1]
        is_none = u[:, 1] < lacks
        cell = torch.where(
            is_none, torch.searchsorted(upto_none, none, right=True), torch.searchsorted(upto, at, right=True)
        ).clamp_max(len(self.low) - 2)
        before = torch.where(is_none, upto_none[cell], upto[cell]) - self.share[cell]
        place = ((torch.where(is_none, none, at) - before) / self.share[cell]).clamp(0, 1)
        width, is_left = self._widths()[cell], cell == 0
        inner = self.low[cell] + place * width
        least, most = self.ends
        x = torch.where(width.isinf(), torch.where(is_left, least, most), inner)
        return self._at(x, cell).clamp(least, most)

    def rank(self, x: Float[Tensor, " B"], u: Float[Tensor, " B"]) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        """The share of the training rows below each value, a place u between below and up to it where it is whole or
        an atom; and log p of the value by itself."""
        cell, weight, atom = self._cell(x), self._weights(), ~self.value.isnan()
        width = self._widths()[cell]
        y = torch.where(atom[cell], self.low[cell] + u * width, x - 0.5 + u if self.whole else x)
        tail = torch.where(cell == 0, self._survival(y), 1 - self._survival(y))
        place = torch.where(width.isinf(), tail, (y - self.low[cell]) / width)
        law = torch.where(width.isinf(), self._log_tail(x), -width.log())
        return (weight.cumsum(0) - weight)[cell] + weight[cell] * place.clamp(0, 1), weight[cell].log() + law

    def at_rank(self, share: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """The values below which such shares of the training rows lie, within their range."""
        weight = self._weights()
        upto = weight.cumsum(0)
        cell = torch.searchsorted(upto, share.contiguous(), right=True).clamp_max(self._last)
        place = ((share - (upto - weight)[cell]) / weight[cell]).clamp(0, 1)
        width, (least, most) = self._widths()[cell], self.ends
        inner = self.low[cell] + place * width
        x = torch.where(width.isinf(), torch.where(cell == 0, least, most), inner)
        return self._at(x, cell).clamp(least, most)

    def _weights(self) -> Float[Tensor, " C"]:
        """The share of the training rows in each cell."""
        log_rest, log_lacks = self._log_lacks()
        own = (self.rows / self.rows.sum())[self.owner.clamp_min(0)] * log_rest.exp()
        return self.share * torch.where(self.owner >= 0, own, log_lacks.exp())

    def masses(self, log_p: Float[Tensor, "B used"], part: Part) -> Float[Tensor, "B pieces"]:
        """The probabilities of the pieces of a part of the line: of each cell in each of its intervals."""
        length = self._pieces(part)[2]
        log_rest, log_lacks = self._log_lacks()
        of_owner = (log_p.double() + log_rest).exp()[:, self.owner.clamp_min(0)]
        of_owner = torch.where(self.owner >= 0, of_owner, log_lacks.exp())
        return (of_owner[:, None] * self.share * length).flatten(1)

    def owners(self, part: Part) -> Int[Tensor, " pieces"]:
        """The token of each piece, −1 for none."""
        return self.owner.repeat(1 if isinstance(part, Range) else len(part))

    def draw_in(self, piece: Int[Tensor, " B"], part: Part, u: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """A value in a piece of a part of the line."""
        low, high, _ = (found.flatten()[piece] for found in self._pieces(part))
        cell = piece % len(self.low)
        first, last = (self._survival(end) for end in (low, high))
        tail = self._quantile(first + u * (last - first), is_left=cell == 0)
        return self._at(torch.where(self._widths()[cell].isinf(), tail, low + u * (high - low)), cell)

    def _pieces(self, part: Part) -> tuple[Tensor, Tensor, Tensor]:
        """(intervals, cells): where they meet, and the share of the cell that lies there."""
        parts = [part] if isinstance(part, Range) else [Range(value, value) for value in sorted(part)]
        held = torch.stack([p.holds(self.value) for p in parts])
        ends = torch.tensor([_ends(p, whole=self.whole) for p in parts], dtype=torch.float64, device=self.low.device)
        edges, width = self._edges(), self._widths()
        low, high = ends[:, :1].maximum(edges[:-1]), ends[:, 1:].minimum(edges[1:])
        tail = (self._survival(low) - self._survival(high)).abs()
        length = torch.where(width.isinf(), tail, (high - low) / width)
        length = torch.where(self.value.isnan(), length.where(high > low, 0), held.double())
        return low, high, length.where(self.share > 0, 0)

    def _edges(self) -> Float[Tensor, " edges"]:
        return torch.cat([self.low, self.low.new_full((1,), torch.inf)])

    def _widths(self) -> Float[Tensor, " C"]:
        """The lengths of cells; infinite of tails."""
        return self._edges().diff().clamp_min(1e-300).nan_to_num(1.0, posinf=torch.inf)

    def _cell(self, x: Float[Tensor, " B"]) -> Int[Tensor, " B"]:
        return (torch.searchsorted(self.low, x.double().contiguous(), right=True) - 1).clamp_min(0)

    def _log_lacks(self) -> tuple[Tensor, Tensor]:
        """log (1 − ε) and log ε."""
        n = self.rows.sum()
        return n.log() - n.log1p(), -n.log1p()

    def _distance(self, x: Tensor) -> Tensor:
        """How far beyond the ends numbers lie, in units of the tails' scale; 0 within."""
        first, last = self.low[1], self.low[self._last]
        return ((first - x).maximum(x - last) / self._scale()).clamp_min(0)

    def _survival(self, x: Tensor) -> Tensor:
        """How much of a tail lies beyond a number."""
        return (1 + self._distance(x)) ** -POWER

    def _quantile(self, survival: Tensor, is_left: Tensor) -> Tensor:
        """The number beyond which so much of a tail lies."""
        away = (survival ** (-1 / POWER) - 1) * self._scale()
        return torch.where(is_left, self.low[1] - away, self.low[self._last] + away)

    def _log_tail(self, x: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """The log-density of a tail, or the log-mass of a whole number there."""
        if not self.whole:
            return math.log(POWER) - self._scale().log() - (POWER + 1) * self._distance(x).log1p()
        near = (self._distance(x) - 0.5 / self._scale()).clamp_min(0)
        far = -POWER * ((near + 1 / self._scale()).log1p() - near.log1p())
        return -POWER * near.log1p() + (-far.expm1()).log()

    @property
    def _last(self) -> int:
        """The number of the upper tail."""
        return int(self.low.isfinite().sum())

    def _scale(self) -> Tensor:
        """s, of the tails."""
        return (WIDE * (self.low[self._last] - self.low[1])).clamp_min(1.0 if self.whole else 1e-300)

    def _at(self, x: Tensor, cell: Tensor) -> Tensor:
        """Places in cells as values of the column."""
        x = (x + 0.5).floor() + 0.0 if self.whole else x  # no −0
        return torch.where(self.value[cell].isnan(), x, self.value[cell])


Alphabet = Levels | Bins


def alphabet_of(column: Column, bins: int) -> Alphabet:
    """A column's tokens.

    Args:
        column: What it is.
        bins: As of `Bins`, for numbers.
    """
    return Bins(column, bins) if column.levels is None else Levels(column.levels, ordered=column.kind == "ordered")


class Cells(NamedTuple):
    """A parted line: where cells begin, their shares of their tokens, the numbers of atoms, the tokens."""

    low: Float[np.ndarray, " C"]
    share: Float[np.ndarray, " C"]
    value: Float[np.ndarray, " C"]
    owner: Int[np.ndarray, " C"]


def parted(
    values: Float[np.ndarray, " K"], counts: Int[np.ndarray, " K"], bins: int, *, whole: bool
) -> tuple[Cells, Float[np.ndarray, " tokens"]]:
    """The cells of a line, and how many rows each token has.

    Args:
        values: The values that occur, in their order.
        counts: How often each does.
        bins: As of `Bins`.
        whole: Whether they are whole numbers.
    """
    n, least = counts.sum(), counts.sum() / (2 * bins)
    while True:
        is_atom = counts >= max(2, least)
        if whole and len(values) <= bins:
            is_atom[:] = True
        beside = np.concatenate([[True], is_atom, [True]])
        is_atom |= beside[:-2] & beside[2:]
        start = is_atom | np.concatenate([[True], is_atom[:-1]])
        run = start.cumsum() - 1
        token = _cut(run, counts, np.bincount(run, counts) * bins / n)
        if token[-1] < 2 * bins:
            break
        least *= 2
    rows = np.bincount(token, counts)
    fine = _cut(token, counts, np.minimum(FINE, rows // FEWEST))
    left, right = _borders(values, is_atom, whole=whole)
    first = np.flatnonzero(np.diff(fine, prepend=-1))
    last = np.append(first[1:], len(values)) - 1
    low, high, owner = left[first], right[last], token[first]
    share = np.bincount(fine, counts) / rows[owner]
    value = np.where(is_atom[first], values[first], np.nan)
    return _with_rest(low, high, Cells(low, share, value, owner)), rows


def _cut(group: np.ndarray, counts: np.ndarray, pieces: np.ndarray) -> np.ndarray:
    """Groups of neighbours cut into pieces of about as many rows; the number of each one's piece."""
    total = np.bincount(group, counts)
    before = counts.cumsum() - counts / 2 - (total.cumsum() - total)[group]
    place = (before / total[group] * pieces.round().clip(1)[group]).astype(np.int64)
    new = (np.diff(group, prepend=-1) > 0) | (np.diff(place, prepend=0) != 0)
    return new.cumsum() - 1


def _borders(values: np.ndarray, is_atom: np.ndarray, *, whole: bool) -> tuple[np.ndarray, np.ndarray]:
    """From where to where each value's place on the line reaches."""
    middle = (values[:-1] + values[1:]) / 2
    middle = np.floor(middle) + 0.5 if whole else middle
    left, right = np.append(-np.inf, middle), np.append(middle, np.inf)
    half = np.full(len(values), 0.5) if whole else np.minimum(values - left, right - values)
    half = np.where(np.isinf(half), 5e-4 * np.maximum(1, np.abs(values)), half)  # of a value that is the only one
    beside = np.concatenate([[True], is_atom, [True]])
    if whole:
        left, right = (
            np.where(is_atom | other, values + side, border)
            for side, border, other in ((-0.5, left, beside[:-2]), (0.5, right, beside[2:]))
        )
    else:
        left, right = (np.where(is_atom, values + side, border) for side, border in ((-half, left), (half, right)))
    left[0] = values[0] if np.isinf(left[0]) else left[0]
    right[-1] = np.nextafter(values[-1], np.inf) if np.isinf(right[-1]) else right[-1]
    return left, right


def _with_rest(low: np.ndarray, high: np.ndarray, cells: Cells) -> Cells:
    """The cells with the gaps between them, and two tails."""
    gaps = np.flatnonzero(high[:-1] < low[1:])
    wide = low[1:][gaps] - high[:-1][gaps]
    tails = np.full(2, 0.25 if len(gaps) else 0.5)
    lows = np.concatenate([low, high[:-1][gaps], [-np.inf, high[-1]]])
    shares = np.concatenate([cells.share, 0.5 * wide / wide.sum() if len(gaps) else wide, tails])
    none = len(gaps) + 2
    owners = np.concatenate([cells.owner, np.full(none, -1)])
    value = np.concatenate([cells.value, np.full(none, np.nan)])
    order = np.argsort(lows, kind="stable")
    return Cells(lows[order], shares[order], value[order], owners[order])


def _ends(part: Range, *, whole: bool) -> tuple[float, float]:
    """Between which places on the line an interval lies; of whole numbers, with their cells."""
    if not whole:
        return part.low, part.high
    low = part.low if math.isinf(part.low) else math.floor(part.low) + 1 if part.above else math.ceil(part.low)
    high = part.high if math.isinf(part.high) else math.ceil(part.high) - 1 if part.below else math.floor(part.high)
    return low - 0.5, high + 0.5
