"""Pieces: the tokens of all columns of a table, numbered through.

An entry is the number of its token and a place within, of which nothing else is known, so

$$ p(x) = P(j_1, …, j_D) \\prod_d q_d(x_d | j_d), $$

with P a mass of tokens and q the laws within them, as `Bins` has them for numbers: a density of reals times a mass of
all else.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from genzoo.core.space import Column
from genzoo.distributions.region import Region
from genzoo.models.alphabet import Alphabet
from genzoo.models.bins import alphabet_of
from genzoo.models.float64_buffers import Wide

__all__ = ["Pieces", "Smoothing"]

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

    Pieces are numbered through all columns, those of entry d from `starts[d]` on; of a column of numbers the last is
    elsewhere, and a missing entry has the number after all.

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
        >>> pieces.values(codes, torch.full((3, 3), 0.5, dtype=torch.float64), {})[:, 1:].tolist()
        [[7.0, 1.0], [9.0, 0.0], [7.0, 1.0]]
    """

    shares: Tensor

    def __init__(self, columns: Sequence[Column], *, bins: int = 128) -> None:
        super().__init__()
        if bins < 4:
            raise ValueError(f"`bins` must be at least 4, got {bins}. Raise it.")
        self.columns, self.bins = tuple(columns), bins
        self.parts = nn.ModuleList(alphabet_of(column, bins, fine=1) for column in columns)
        self.sizes = [2 * bins + 1 if column.levels is None else column.levels for column in columns]
        self.starts = np.cumsum([0, *self.sizes]).tolist()
        self.register_buffer("shares", torch.zeros(self.count, dtype=torch.float64))
        self._count()

    @property
    def alphabets(self) -> list[Alphabet]:
        """The tokens of each column."""
        return list(self.parts)  # type: ignore[arg-type]

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
        for alphabet, column in zip(self.alphabets, x.double().T, strict=True):
            alphabet.fit(column[~column.isnan()])
        self._count()

    def read(self, x: Shaped[Tensor, "B D"]) -> tuple[Int[Tensor, "B D"], Float[Tensor, " B"]]:
        """The number of each entry's piece, `count` where it is missing; and log ∏ q_d of the entries that are there:
        densities of reals, masses of whole numbers."""
        columns = x.T.double().contiguous()
        found = [alphabet.read(column) for alphabet, column in zip(self.alphabets, columns, strict=True)]
        codes = [
            torch.where(token < 0, self.count, token + start)
            for (token, _), start in zip(found, self.starts, strict=False)
        ]
        return torch.stack(codes, 1), torch.stack([log_p for _, log_p in found]).sum(0)

    def codes(self, x: Shaped[Tensor, "B D"]) -> Int[Tensor, "B D"]:
        """The number of each entry's piece, `count` where it is missing."""
        return self.read(x)[0]

    def values(self, codes: Int[Tensor, "B D"], u: Float[Tensor, "B D"], region: Region) -> Float[Tensor, "B D"]:
        """The entries at places u in [0, 1) of what lies of their pieces in a region, or within the range of the
        training rows if it does not name them; those without a piece are missing."""
        found = []
        for d, (alphabet, code, place) in enumerate(zip(self.alphabets, codes.T, u.T, strict=True)):
            there, token = code < self.count, (code - self.starts[d]).clamp_max(self.sizes[d] - 1)
            value = alphabet.draw_in(token, region.get(d), place)
            found.append(value.masked_fill(~there, torch.nan))
        return torch.stack(found, 1)

    def within(self, region: Region) -> dict[int, Float[Tensor, " L"]]:
        """How much of each piece of the entries that a region names lies in it."""
        return {d: self.alphabets[d].stretches(part).diff(dim=1).squeeze(1) for d, part in region.items()}

    def reached(self, region: Region) -> Region:
        """What of a region draws are taken from: that within the range of the training rows, where any of it is."""
        return {d: self.alphabets[d].reached(part) for d, part in region.items()}

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
        """Laws of the pieces of each column from counts, which lean on a law of few parameters where rows are few;
        elsewhere has the share that it has of all rows.

        Args:
            counts: How many rows each of K parts has in each piece.
            how: How much they lean.
        """
        found = torch.empty_like(counts, dtype=torch.float64)
        for d, column in enumerate(self.columns):
            span = self.span(d)
            own, share = counts[span].double(), self.shares[span][:, None].expand(-1, counts.shape[1])
            is_ordered = column.kind != "categorical"
            law = _normal(own, share[:, 0], how.narrowest) if is_ordered else share
            odds = own + (how.numbers if is_ordered else how.levels) * law
            if column.levels is None:
                odds = torch.cat([odds[:-1] * ((1 - share[-1:]) / odds[:-1].sum(0)), share[-1:]])
            found[span] = odds / odds.sum(0)
        return found

    def _count(self) -> None:
        """The share of each piece."""
        for d, alphabet in enumerate(self.alphabets):
            rows = alphabet.rows + 0.5 * (self.columns[d].levels is not None)
            self.shares[self.span(d)] = alphabet.law((rows / rows.sum()).log()[None])[0]


def _normal(counts: Tensor, share: Tensor, narrowest: float) -> Float[Tensor, "L K"]:
    """The normal law of each part, on the line that the shares of all rows divide as N(0, 1) does."""
    edges, middle = _line(share)
    edges, middle, share = edges[:, None], middle[:, None], share[:, None]
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
