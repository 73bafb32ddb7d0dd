"""Numbers as tokens: a column's line parted, each part with a law of its own for the place within.

A value that many rows share (0 in a column of gains, the cap of a price) is a token of
its own, an *atom*. What lies between atoms is cut where the training rows part into equal numbers, and into half as
many again and again toward the ends; each piece is a histogram of a few finer cells. So with P(k) the probability of
token k,

$$ p(x) = (1 - \\varepsilon) \\sum_k P(k) \\sum_{c \\in k} w_c \\frac{1[x \\in c]}{|c|} + \\varepsilon q(x), $$

where w_c is the share of cell c in its token and cells have no point in common. ε = 1/(n + 1) is the chance that the
next of n + 1 numbers lies beyond the others; q spreads it over *elsewhere*, what no training row covers: gaps, and two
tails of survival (1 + d/s)⁻³ at a distance d from the end. A whole number k is the cell [k − ½, k + ½). An atom among
reals is drawn as the number itself, and its density is its mass over a cell as wide as the gap to the nearest other
value, so that it compares with densities of models that know of no atoms.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.core.space import Column
from genzoo.distributions.region import Range, moved_into, overlap
from genzoo.models.alphabet import Alphabet, Levels, Part

__all__ = ["Bins", "alphabet_of"]

FINE = 8  # cells of a piece, at most
FEWEST = 4  # rows of a cell
POWER = 3.0  # of a tail's survival
WIDE = 0.1  # s, as a share of the range


class Bins(Alphabet):
    """A column of numbers as tokens.

    Args:
        column: What the column is: real, or whole numbers.
        bins: The number of pieces that would hold equally many rows; atoms come to them, as many at most.
        fine: The cells of a piece, at most.

    Example:
        >>> bins = Bins(Column("integer"), 4)
        >>> bins.fit(torch.tensor([0.0] * 50 + list(range(20, 70)), dtype=torch.float64))
        >>> bins.of(torch.tensor([0.0, 20.0, 69.0, 1000.0, torch.nan], dtype=torch.float64)).tolist()
        [0, 1, 2, 8, -1]

    References:
        Tiwald et al., 2025, "TabularARGN: a flexible and efficient auto-regressive framework for generating
        high-fidelity synthetic data", arXiv:2501.12012 (numbers as categories)
    """

    line: Tensor
    parts: Tensor
    ends: Tensor
    ordered = True

    def __init__(self, column: Column, bins: int, *, fine: int = FINE) -> None:
        super().__init__()
        self.whole, self.bins, self.fine, self.tokens = column.kind == "integer", bins, fine, 2 * bins
        cells = (fine + 2) * self.tokens + 4
        self.register_buffer("line", torch.zeros(5, cells, dtype=torch.float64))
        self.register_buffer("parts", torch.zeros(2, cells, dtype=torch.int64))
        self.register_buffer("rows", torch.zeros(self.tokens, dtype=torch.float64))
        self.register_buffer("ends", torch.zeros(2, dtype=torch.float64))  # of the training values
        self.fit(torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0], dtype=torch.float64))

    @torch.no_grad()
    def fit(self, x: Float[Tensor, " n"]) -> None:
        if len(x) == 0:
            return
        values, counts = np.unique(x.double().cpu().numpy(), return_counts=True)
        cells, rows = parted(values, counts, self)
        into = (*self.line[:4], *self.parts)
        for part, found, rest in zip(into, cells, (torch.inf, 0.0, 1.0, torch.nan, self.tokens, 0), strict=True):
            part.fill_(rest)
            part[: len(found)] = torch.from_numpy(found)
        self.parts[1, len(cells.low) :] = torch.arange(len(cells.low), self.parts.shape[1])
        width = self._widths()
        self.line[4] = self.share.log() - torch.where(width.isinf(), 0.0, width.log())
        self.rows.zero_()
        self.rows[: len(rows)] = torch.from_numpy(rows)
        self.ends.copy_(torch.tensor([values[0], values[-1]], dtype=torch.float64))

    @property
    def low(self) -> Float[Tensor, " C"]:
        """Where each cell begins: together they fill the line, from −∞."""
        return self.line[0]

    @property
    def share(self) -> Float[Tensor, " C"]:
        """Of each cell in its token, or in elsewhere."""
        return self.line[1]

    @property
    def before(self) -> Float[Tensor, " C"]:
        """The share of the token's cells below each."""
        return self.line[2]

    @property
    def value(self) -> Float[Tensor, " C"]:
        """The number of an atom, NaN elsewhere."""
        return self.line[3]

    @property
    def slope(self) -> Float[Tensor, " C"]:
        """The log-density of each cell in its token, of tails their log-mass."""
        return self.line[4]

    @property
    def owner(self) -> Int[Tensor, " C"]:
        """The token of each cell."""
        return self.parts[0]

    @property
    def turn(self) -> Int[Tensor, " C"]:
        """The cells token by token."""
        return self.parts[1]

    @property
    def used(self) -> int:
        return int((self.rows > 0).sum())

    def ranks(self) -> Float[Tensor, " tokens"]:
        """Places of tokens in [0, 1]: the share of the training rows below their middle."""
        share = self.rows / self.rows.sum()
        return (share.cumsum(0) - share / 2).clamp(0, 1)

    def read(self, x: Float[Tensor, " B"]) -> tuple[Int[Tensor, " B"], Float[Tensor, " B"]]:
        lacks, y = x.isnan(), x.double().nan_to_num(0.0)
        cell = self._cell(y)
        log_p = self.slope[cell]
        tail = ((cell == 0) | (cell == self._last)).nonzero().squeeze(1)
        if len(tail):  # none of the training rows
            log_p[tail] += self._log_tail(y[tail], cell[tail])
        return self.owner[cell].masked_fill(lacks, -1), log_p.masked_fill(lacks, 0.0)

    def log_rest(self) -> tuple[Tensor, Tensor]:
        n = self.rows.sum()
        return n.log() - n.log1p(), -n.log1p()

    def law(self, log_p: Float[Tensor, "B used"]) -> Float[Tensor, "B L"]:
        found = log_p.new_zeros(len(log_p), self.tokens + 1, dtype=torch.float64)
        log_rest, log_lacks = self.log_rest()
        found[:, : log_p.shape[1]] = (log_p.double() + log_rest).exp()
        found[:, self.tokens] = log_lacks.exp()
        return found

    def at(self, token: Int[Tensor, " B"], u: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        line, place = (self.owner + self.before)[self.turn], token.double() + u
        place = place.minimum(torch.nextafter(token + 1.0, place - 1))  # of this token, though numbers are rounded
        cell = self.turn[torch.searchsorted(line, place, right=True) - 1]
        return self._value(cell, (u - self.before[cell]) / self.share[cell])

    def stretches(self, part: Part) -> Float[Tensor, "L 2"]:
        if not isinstance(part, Range):
            raise ValueError(f"A part of a column of numbers must be an interval, got {part}. Give one.")
        low, high = (self._below(end) for end in _borders_of(part, whole=self.whole))
        if not self.whole:  # an atom is the number that it is drawn as
            holds, is_atom = part.holds(self.value).double(), ~self.value.isnan()
            low, high = torch.where(is_atom, 0.0, low), torch.where(is_atom, holds, high)
        none = self.rows.new_zeros(self.tokens + 1)
        least, most = (none.index_add(0, self.owner, self.share * part) for part in (low, high))
        return torch.stack([least, most.maximum(least)], 1)

    def held(self, x: Float[Tensor, " B"], part: Part | None) -> Float[Tensor, " B"]:
        if part is None:
            return x.clamp(*self.ends)
        assert isinstance(part, Range)
        return moved_into(x[:, None], {0: _whole(part) if self.whole else part})[:, 0]

    def reached(self, part: Part) -> Part:
        assert isinstance(part, Range)
        found = overlap(_whole(part) if self.whole else part, Range(*self.ends.tolist()))
        return found if bool((self.stretches(found).diff(dim=1) > 0).any()) else part

    def rank(self, x: Float[Tensor, " B"], u: Float[Tensor, " B"]) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        """The share of the training rows below each value, a place u between below and up to it where it is whole or
        an atom; and log p of the value by itself."""
        cell, own = self._cell(x), self._own()
        weight = self.share * own
        place = torch.where(self.value.isnan()[cell], self._place(x - 0.5 + u if self.whole else x, cell), u)
        return (weight.cumsum(0) - weight)[cell] + weight[cell] * place, own[cell].log() + self.log_within(x)

    def at_rank(self, share: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """The values below which such shares of the training rows lie, within their range."""
        weight = self.share * self._own()
        upto = weight.cumsum(0)
        cell = torch.searchsorted(upto, share.contiguous(), right=True).clamp_max(self._last)
        return self.held(self._value(cell, (share - (upto - weight)[cell]) / weight[cell]), None)

    def _own(self) -> Float[Tensor, " C"]:
        """The share of the training rows in the token of each cell."""
        return self.law((self.rows / self.rows.sum()).log()[None])[0][self.owner]

    def _cell(self, x: Float[Tensor, " B"]) -> Int[Tensor, " B"]:
        return (torch.searchsorted(self.low, x.double().contiguous(), right=True) - 1).clamp_min(0)

    def _widths(self) -> Float[Tensor, " C"]:
        """The lengths of cells; infinite of tails."""
        edges = torch.cat([self.low, self.low.new_full((1,), torch.inf)])
        return edges.diff().clamp_min(1e-300).nan_to_num(1.0, posinf=torch.inf)

    def _place(self, x: Float[Tensor, " B"], cell: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
        """The share of a cell that lies below a number, 0 or 1 of numbers beside it."""
        width, tail = self._widths()[cell], (1 + self._distance(x, cell)) ** -POWER
        inner = torch.where(width.isinf(), 0.0, (x - self.low[cell]) / width)
        return torch.where(cell == 0, tail, torch.where(cell == self._last, 1 - tail, inner)).clamp(0, 1)

    def _value(self, cell: Int[Tensor, " B"], place: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """The number below which a share of a cell lies, as a value of the column."""
        place, is_left = place.clamp(0, 1), cell == 0
        away = (torch.where(is_left, place, 1 - place).clamp_min(1e-60) ** (-1 / POWER) - 1) * self._scale()
        tail = torch.where(is_left, self.low[1] - away, self.low[self._last] + away)
        width = self._widths()[cell]
        x = torch.where(width.isinf(), tail, self.low[cell] + place * width)
        x = torch.where(is_left | (cell == self._last), x, x.minimum(torch.nextafter(self.low[cell + 1], x - 1)))
        x = (x + 0.5).floor() + 0.0 if self.whole else x  # no −0
        return torch.where(self.value[cell].isnan(), x, self.value[cell])

    def _below(self, end: float) -> Float[Tensor, " C"]:
        """The share of each cell that lies below a number."""
        cells = torch.arange(len(self.low), device=self.low.device)
        return torch.where(cells > self._last, 0.0, self._place(self.low.new_full(cells.shape, end), cells))

    def _distance(self, x: Float[Tensor, " B"], cell: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
        """How far numbers lie in the lower tail, or else in the upper one, in units of the tails' scale."""
        away = torch.where(cell == 0, self.low[1] - x, x - self.low[self._last])
        return (away / self._scale()).clamp_min(0)

    def _log_tail(self, x: Float[Tensor, " B"], cell: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
        """The log-density of a tail, or the log-mass of a whole number there."""
        away = self._distance(x, cell)
        if not self.whole:
            return math.log(POWER) - self._scale().log() - (POWER + 1) * away.log1p()
        near = (away - 0.5 / self._scale()).clamp_min(0)
        far = -POWER * ((near + 1 / self._scale()).log1p() - near.log1p())
        return -POWER * near.log1p() + (-far.expm1()).log()

    @property
    def _last(self) -> int:
        """The number of the upper tail."""
        return int(self.low.isfinite().sum())

    def _scale(self) -> Tensor:
        """s, of the tails."""
        return (WIDE * (self.low[self._last] - self.low[1])).clamp_min(1.0 if self.whole else 1e-300)


def alphabet_of(column: Column, bins: int, *, fine: int = FINE) -> Alphabet:
    """A column's tokens.

    Args:
        column: What it is.
        bins: As of `Bins`, for numbers.
        fine: As of `Bins`.
    """
    if column.levels is None:
        return Bins(column, bins, fine=fine)
    return Levels(column.levels, ordered=column.kind == "ordered")


class Cells(NamedTuple):
    """A parted line: where cells begin, their shares of their tokens, what of these lies below, the numbers of atoms,
    the tokens, and the cells token by token."""

    low: Float[np.ndarray, " C"]
    share: Float[np.ndarray, " C"]
    before: Float[np.ndarray, " C"]
    value: Float[np.ndarray, " C"]
    owner: Int[np.ndarray, " C"]
    turn: Int[np.ndarray, " C"]


def parted(
    values: Float[np.ndarray, " K"], counts: Int[np.ndarray, " K"], how: Bins
) -> tuple[Cells, Float[np.ndarray, " tokens"]]:
    """The cells of a line, and how many rows each token has.

    Args:
        values: The values that occur, in their order.
        counts: How often each does.
        how: The bins that they are for.
    """
    n, bins, least = counts.sum(), how.bins, counts.sum() / (4 * how.bins)
    while True:
        is_atom = counts >= max(2, least)
        if how.whole and len(values) <= bins:
            is_atom[:] = True
        beside = np.concatenate([[True], is_atom, [True]])
        is_atom |= beside[:-2] & beside[2:]
        start = is_atom | np.concatenate([[True], is_atom[:-1]])
        run = start.cumsum() - 1
        token = _halved(_cut(run, counts, np.bincount(run, counts) * bins / n), counts, bins // 8)
        if token[-1] < 2 * bins:
            break
        least *= 2
    rows = np.bincount(token, counts)
    fine = _cut(token, counts, np.minimum(how.fine, rows // FEWEST))
    left, right = _borders(values, is_atom, whole=how.whole)
    first = np.flatnonzero(np.diff(fine, prepend=-1))
    last = np.append(first[1:], len(values)) - 1
    owner = token[first]
    share = np.bincount(fine, counts) / rows[owner]
    value = np.where(is_atom[first], values[first], np.nan)
    return _with_rest(left[first], right[last], (share, value, owner), how.tokens), rows


def _places(group: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The share of its group's rows that lie below the middle of each value."""
    total = np.bincount(group, counts)
    return (counts.cumsum() - counts / 2 - (total.cumsum() - total)[group]) / total[group]


def _numbered(group: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Groups parted where the place in them changes, numbered anew."""
    return ((np.diff(group, prepend=-1) > 0) | (np.diff(place, prepend=0) != 0)).cumsum() - 1


def _cut(group: np.ndarray, counts: np.ndarray, pieces: np.ndarray) -> np.ndarray:
    """Groups of neighbours cut into pieces of about as many rows; the number of each one's piece."""
    return _numbered(group, (_places(group, counts) * pieces.round().clip(1)[group]).astype(np.int64))


def _halved(group: np.ndarray, counts: np.ndarray, most: int) -> np.ndarray:
    """The first group and the last cut into halves, what is nearer to the end again and again."""
    rows, place = np.bincount(group, counts)[group], _places(group, counts)
    away = np.minimum(np.where(group == 0, place, 1.0), np.where(group == group[-1], 1 - place, 1.0))
    times = np.floor(np.minimum(-np.log2(away), np.log2(rows / FEWEST))).clip(0, most)
    return _numbered(group, np.where(place < 0.5, -times, times))


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


def _with_rest(low: np.ndarray, high: np.ndarray, told: tuple[np.ndarray, ...], none: int) -> Cells:
    """The cells with the gaps between them, and two tails."""
    gaps = np.flatnonzero(high[:-1] < low[1:])
    wide = low[1:][gaps] - high[:-1][gaps]
    tails = np.full(2, 0.25 if len(gaps) else 0.5)
    lows = np.concatenate([low, high[:-1][gaps], [-np.inf, high[-1]]])
    order, many = np.argsort(lows, kind="stable"), len(gaps) + 2
    shares = np.concatenate([0.5 * wide / wide.sum() if len(gaps) else wide, tails])
    rest = (shares, np.full(many, np.nan), np.full(many, none))
    share, value, owner = [np.concatenate(parts)[order] for parts in zip(told, rest, strict=True)]
    turn = np.argsort(owner, kind="stable")
    total = share[turn].cumsum() - share[turn]
    start = np.searchsorted(owner[turn], owner[turn])
    before = np.empty_like(share)
    before[turn] = total - total[start]
    return Cells(lows[order], share, before, value, owner, turn)


def _whole(part: Range) -> Range:
    """The least and the largest of the whole numbers in an interval.

    Example:
        >>> str(_whole(Range(0.5, 3, below=True)))
        '[1, 2]'
    """
    low, high = part.low, part.high
    if math.isfinite(low):
        low = math.floor(low) + 1 if part.above else math.ceil(low)
    if math.isfinite(high):
        high = math.ceil(high) - 1 if part.below else math.floor(high)
    return Range(low, high)


def _borders_of(part: Range, *, whole: bool) -> tuple[float, float]:
    """Between which places on the line an interval lies; of whole numbers, with their cells."""
    if not whole:
        return part.low, part.high
    found = _whole(part)
    return found.low - 0.5, found.high + 0.5
