"""Cells: where the values of a discrete column lie on the line.

A density becomes a mass when every value has an interval of the line to itself: x + u for whole numbers; for levels
the stretches that divide N(0, 1) as the training rows divide the levels.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from genzoo.core.space import Column

__all__ = ["Cells"]

FARTHEST = 2.0**53  # whole numbers up to here are float64
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

    @torch.no_grad()
    def fit(self, x: Shaped[Tensor, "n D"]) -> None:
        """Sets the widths of levels to their frequencies, each counted once more.

        Args:
            x: Training rows; missing entries do not count.
        """
        for share, count, entries in zip(self.shares, self.counts, x[:, self.leveled].T, strict=True):
            there = entries[~entries.isnan()].long()
            share[:count] = there.bincount(minlength=count).double() + 1
            share /= share.sum()
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
            self.ends[0] = torch.minimum(self.ends[0], entries.nan_to_num(FARTHEST).amin(0))
            self.ends[1] = torch.maximum(self.ends[1], entries.nan_to_num(-FARTHEST).amax(0))

    def forward(self, x: Shaped[Tensor, "B D"], u: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        """Rows of reals, in float64; missing entries stay NaN."""
        y = x.double().clone()
        y[:, self.whole] += u[:, self.whole]
        if len(self.counts):
            y[:, self.leveled] = self._quantiles(y[:, self.leveled], u[:, self.leveled])
        return y

    def inverse(self, y: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        """The values in whose cells the entries lie; whole numbers beyond those of the training rows go to the nearest
        of them: nobody is −11 years old."""
        x = y.double().clone()
        low, high = self.ends
        x[:, self.whole] = x[:, self.whole].floor().maximum(low).minimum(high.maximum(low)) + 0.0  # no −0
        if len(self.counts):
            below = torch.special.ndtr(x[:, self.leveled]).T.contiguous()
            level = torch.searchsorted(self.shares.double().cumsum(1), below, right=True)
            last = torch.tensor(self.counts, device=y.device)[:, None] - 1
            x[:, self.leveled] = torch.minimum(level, last).double().T
        return x

    def log_slope(self, x: Shaped[Tensor, "B D"], y: Float[Tensor, "B D"]) -> Float[Tensor, " B"]:
        """log |dy/du| of each row, of the entries that are there: log f_x − log φ(y) for levels, zero for others."""
        y, share = y[:, self.leveled], self._of(self.shares, x[:, self.leveled].double())
        slopes = share.log() + 0.5 * y.square() + 0.5 * math.log(2 * math.pi)
        return slopes.where(~y.isnan(), 0).sum(1)

    def _quantiles(self, x: Float[Tensor, "B C"], u: Float[Tensor, "B C"]) -> Float[Tensor, "B C"]:
        share, up_to = self._of(self.shares, x), self._of(self.shares.double().cumsum(1), x)
        below = up_to - share + u * share
        return torch.special.ndtri(below.clamp(NEAREST, 1 - NEAREST)).where(~x.isnan(), torch.nan)

    def _of(self, table: Float[Tensor, "C L"], x: Float[Tensor, "B C"]) -> Float[Tensor, "B C"]:
        """The entry of each column's own row at its level."""
        column = torch.arange(len(self.counts), device=x.device)
        return table.double()[column, x.nan_to_num(0).long()]
