"""Cells: where the values of a discrete column lie on the line.

A density becomes a mass when every value has an interval of the line to itself: x + u for whole numbers; for levels,
and for whole numbers of a narrow range, the stretches that divide N(0, 1) as the training rows divide the values.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from genzoo.core.space import Column

__all__ = ["Cells"]

FARTHEST = 2.0**53  # whole numbers up to here are float64
NARROW = 32  # whole numbers of a narrow range
NEAREST = 2.0**-53  # how near to 0 and 1 a share may come: float64 has a quantile there


class Cells(nn.Module):
    """The map from rows with a kind by column, and a place u in [0, 1) of each entry's cell, to rows of reals.

    Args:
        columns: What each entry of a row is.

    Example:
        >>> cells = Cells((Column("real"), Column("integer"), Column("categorical", 2)))
        >>> x = torch.tensor([[0.3, 7.0, 1.0]], dtype=torch.float64)
        >>> y = cells(x, torch.full((1, 3), 0.5, dtype=torch.float64))
        >>> [round(value, 4) for value in y[0].tolist()], cells.inverse(y)[0].tolist()
        ([0.3, 7.5, 0.6745], [0.3, 7.0, 1.0])
    """

    shares: Tensor
    ends: Tensor
    whole: Tensor
    leveled: Tensor

    def __init__(self, columns: Sequence[Column]) -> None:
        super().__init__()
        self.counts = [column.levels for column in columns if column.levels is not None]
        shares = torch.zeros(len(self.counts), max(self.counts, default=1), dtype=torch.float64)
        for share, count in zip(shares, self.counts, strict=True):
            share[:count] = 1 / count
        self.register_buffer("shares", shares)  # (C, L), zero from a column's own levels on
        leveled = [place for place, column in enumerate(columns) if column.levels is not None]
        self.register_buffer("leveled", torch.tensor(leveled, dtype=torch.int64), persistent=False)
        whole = [place for place, column in enumerate(columns) if column.kind == "integer"]
        self.register_buffer("whole", torch.tensor(whole, dtype=torch.int64), persistent=False)
        ends = torch.tensor([[-FARTHEST], [FARTHEST]], dtype=torch.float64).repeat(1, len(whole))
        self.register_buffer("ends", ends)  # (2, W), the least and the most of the training rows
        self.narrow = Stretches(len(whole))

    @torch.no_grad()
    def fit(self, x: Shaped[Tensor, "n D"]) -> None:
        """Sets the widths of levels, and of whole numbers of a narrow range, to their frequencies, each counted once
        more.

        Args:
            x: Training rows; missing entries do not count.
        """
        for share, count, entries in zip(self.shares, self.counts, x[:, self.leveled].T, strict=True):
            there = entries[~entries.isnan()].long()
            share[:count] = there.bincount(minlength=count).double() + 1
            share /= share.sum()
        self.narrow.fit(x[:, self.whole].double())
        self.ends.copy_(torch.tensor([[FARTHEST], [-FARTHEST]]))
        self.widen(x)

    @torch.no_grad()
    def widen(self, x: Shaped[Tensor, "n D"]) -> None:
        """Widens the range of whole numbers to that of further rows.

        Args:
            x: Training rows; missing entries do not count.
        """
        entries = x[:, self.whole].double()
        if entries.numel():
            self.narrow.widen(entries)
            self.ends[0] = torch.minimum(self.ends[0], entries.nan_to_num(FARTHEST).amin(0))
            self.ends[1] = torch.maximum(self.ends[1], entries.nan_to_num(-FARTHEST).amax(0))

    def forward(self, x: Shaped[Tensor, "B D"], u: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        """Rows of reals, in float64; missing entries stay NaN."""
        y = x.double().clone()
        if len(self.whole):
            y[:, self.whole] = self.narrow(y[:, self.whole], u[:, self.whole])
        if len(self.counts):
            y[:, self.leveled] = self._quantiles(y[:, self.leveled], u[:, self.leveled])
        return y

    def inverse(self, y: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        """The values in whose cells the entries lie; whole numbers beyond those of the training rows go to the nearest
        of them: nobody is −11 years old."""
        x = y.double().clone()
        low, high = self.ends
        if len(self.whole):
            found = self.narrow.inverse(x[:, self.whole])
            x[:, self.whole] = found.maximum(low).minimum(high.maximum(low)) + 0.0  # no −0
        if len(self.counts):
            below = torch.special.ndtr(x[:, self.leveled]).T.contiguous()
            level = torch.searchsorted(self.shares.double().cumsum(1), below, right=True)
            last = torch.tensor(self.counts, device=y.device)[:, None] - 1
            x[:, self.leveled] = torch.minimum(level, last).double().T
        return x

    def log_slope(self, x: Shaped[Tensor, "B D"], y: Float[Tensor, "B D"]) -> Float[Tensor, " B"]:
        """log |dy/du| of each row, of the entries that are there: log f_x − log φ(y) in stretches, zero elsewhere."""
        whole = self.narrow.log_slope(x[:, self.whole].double(), y[:, self.whole]).sum(1)
        y, share = y[:, self.leveled], self._of(self.shares, x[:, self.leveled].double())
        return whole + _slope(share.log(), y).where(~y.isnan(), 0).sum(1)

    def _quantiles(self, x: Float[Tensor, "B C"], u: Float[Tensor, "B C"]) -> Float[Tensor, "B C"]:
        share, up_to = self._of(self.shares, x), self._of(self.shares.double().cumsum(1), x)
        below = up_to - share + u * share
        return torch.special.ndtri(below.clamp(NEAREST, 1 - NEAREST)).where(~x.isnan(), torch.nan)

    def _of(self, table: Float[Tensor, "C L"], x: Float[Tensor, "B C"]) -> Float[Tensor, "B C"]:
        """The entry of each column's own row at its level."""
        column = torch.arange(len(self.counts), device=x.device)
        return table.double()[column, x.nan_to_num(0).long()]


class Stretches(nn.Module):
    """Whole numbers of columns: those of a narrow range divide N(0, 1) as often as they occur, others are x + u.

    Beyond the range of the training rows each further number has half the stretch of the one before, so that there is
    mass on every whole number, and together no more than one.

    Args:
        columns: How many columns there are.
    """

    few: Tensor
    low: Tensor
    width: Tensor
    shares: Tensor
    tail: Tensor

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.register_buffer("few", torch.zeros(columns, dtype=torch.bool))
        self.register_buffer("low", torch.zeros(columns, dtype=torch.float64))
        self.register_buffer("width", torch.ones(columns, dtype=torch.float64))
        self.register_buffer("shares", torch.zeros(columns, NARROW, dtype=torch.float64))
        self.register_buffer("tail", torch.ones(columns, dtype=torch.float64))  # on either side

    def fit(self, x: Float[Tensor, "n W"]) -> None:
        """Finds the columns of a narrow range, and how often each number occurs in them.

        Args:
            x: Training rows; missing entries do not count.
        """
        for place, entries in enumerate(x.T):
            there = entries[~entries.isnan()]
            low, high = (there.min(), there.max()) if len(there) else (0.0, FARTHEST)
            self.few[place] = bool(high - low < NARROW)
            if self.few[place]:
                counts = (there - low).long().bincount(minlength=int(high - low) + 1).double() + 1
                self.low[place], self.width[place] = low, len(counts)
                self.tail[place] = 0.5 / (counts.sum() + 1)
                self.shares[place] = 0.0
                self.shares[place, : len(counts)] = counts / (counts.sum() + 1)

    def widen(self, x: Float[Tensor, "n W"]) -> None:
        """Takes columns for wide ones in which further rows leave the range far behind.

        Args:
            x: Training rows; missing entries do not count.
        """
        place = (x - self.low).nan_to_num(0.0)
        self.few &= ~((place < -NARROW) | (place >= self.width + NARROW)).any(0)

    def forward(self, x: Float[Tensor, "B W"], u: Float[Tensor, "B W"]) -> Float[Tensor, "B W"]:
        """Where numbers lie, at a place u of their stretch."""
        share, below = self._log_share(x).exp(), self._below(x)
        is_high = x - self.low >= self.width
        y = torch.special.ndtri((below + torch.where(is_high, 1 - u, u) * share).clamp(NEAREST, 1 - NEAREST))
        return torch.where(self.few & ~x.isnan(), torch.where(is_high, -y, y), x + u)

    def inverse(self, y: Float[Tensor, "B W"]) -> Float[Tensor, "B W"]:
        """The numbers in whose stretches some places lie."""
        low, high = (torch.special.ndtr(part).clamp_min(NEAREST) for part in (y, -y))  # the mass on either side
        steps = (self.tail[:, None] + self.shares.cumsum(1)).contiguous()
        inner = torch.searchsorted(steps, low.T.contiguous(), right=True).T.double().minimum(self.width - 1)
        beyond = self.width + torch.log2(self.tail / high).floor()
        place = torch.where(low < self.tail, -torch.log2(self.tail / low).ceil(), inner)
        place = torch.where(high <= self.tail, beyond, place)
        return torch.where(self.few, self.low + place, y.floor())

    def log_slope(self, x: Float[Tensor, "B W"], y: Float[Tensor, "B W"]) -> Float[Tensor, "B W"]:
        """log |dy/du| of each entry; zero where it is missing."""
        return _slope(self._log_share(x), y).where(self.few & ~y.isnan(), 0)

    def _log_share(self, x: Float[Tensor, "B W"]) -> Float[Tensor, "B W"]:
        """The logarithm of each number's share."""
        place = (x - self.low).nan_to_num(0.0)
        beyond = torch.where(place < 0, -place, place - self.width + 1)
        inner = self.shares.T.gather(0, self._inner(place)).clamp_min(1e-300).log()
        is_inner = (place >= 0) & (place < self.width)
        return torch.where(is_inner, inner, self.tail.log() - math.log(2) * beyond)

    def _below(self, x: Float[Tensor, "B W"]) -> Float[Tensor, "B W"]:
        """The mass below each number; of those above the range, the mass above it."""
        place, share = (x - self.low).nan_to_num(0.0), self._log_share(x).exp()
        up_to = self.tail + self.shares.cumsum(1).T.gather(0, self._inner(place))
        return torch.where((place >= 0) & (place < self.width), up_to - share, share)

    def _inner(self, place: Float[Tensor, "B W"]) -> Tensor:
        return place.clamp_min(0).minimum(self.width - 1).long()


def _slope(log_share: Tensor, y: Tensor) -> Tensor:
    """log f − log φ(y)."""
    return log_share + 0.5 * y.square() + 0.5 * math.log(2 * math.pi)
