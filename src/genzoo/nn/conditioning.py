"""Conditions as tokens: any mapping of spaces becomes a sequence of vectors that networks attend to.

A label is one token, a vector of reals one, a text one for each symbol and its end, an image or a sound one for each
patch. Whatever the condition, a token says whether it is there: padding is not, and a null condition is a single
learned vector, so that "nothing was said" is something a network can learn, and differs from an empty text.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from genzoo.core.given import Given, GivenSpaceLike, as_given_space
from genzoo.core.space import Space
from genzoo.nn.characters import CODE_POINTS, Characters

__all__ = ["Conditioning", "Tokens", "is_sequence"]

SHORT = 64  # reals up to which a vector is one token; the most patches of an image, and of a sound


class Tokens(NamedTuple):
    """Vectors, and which of them are there.

    Attributes:
        values: The vectors; those that are not there are zero.
        present: Which are there; at least one in each row.
    """

    values: Float[Tensor, "B T width"]
    present: Bool[Tensor, "B T"]


class Labels(nn.Module):
    """One token from a table of vectors, the last of them for null."""

    count = 1

    def __init__(self, space: Space, width: int) -> None:
        super().__init__()
        self.null = space.levels or 1
        self.table = nn.Embedding(self.null + 1, width)

    def forward(self, rows: Tensor) -> Tokens:
        values = self.table(torch.where(rows < 0, self.null, rows))[:, None]
        return Tokens(values, torch.ones_like(values[..., 0], dtype=torch.bool))


class Symbols(nn.Module):
    """A token for each entry of a sequence of levels: its symbol's vector and its place's. A text shorter than the
    longest has a token for its end, so that an empty one is no null; entries of a fixed number may be null one by
    one."""

    def __init__(self, space: Space, width: int) -> None:
        super().__init__()
        self.end, self.null, self.ragged = space.levels or 1, 1 + (space.levels or 1), space.ragged
        self.count = space.dims
        is_text = space.levels == CODE_POINTS
        self.table: nn.Module = Characters(width) if is_text else nn.Embedding(self.null + 1, width)
        self.place = nn.Parameter(0.02 * torch.randn(space.dims, width))

    def forward(self, rows: Tensor) -> Tokens:
        rows = rows.flatten(1).long()
        null, present = rows < 0, torch.ones_like(rows, dtype=torch.bool)
        if self.ragged:  # all up to the end, itself included; of a null text one vector
            null = null.any(1, keepdim=True)
            present[:, 1:] = (rows[:, :-1] != self.end) & ~null
        return _told(self.table(torch.where(null, self.null, rows)) + self.place, present)


class Vector(nn.Module):
    """One token for a few reals, in a row or a window of steps: a linear map of them, or a learned
    vector where they are null."""

    count = 1

    def __init__(self, space: Space, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(space.dims, width)
        self.null = nn.Parameter(torch.zeros(width))

    def forward(self, rows: Tensor) -> Tokens:
        flat = (rows.flatten(1) if rows.ndim > 1 else rows[:, None]).to(self.null.dtype)
        null = flat.isnan().any(1, keepdim=True)
        # The null rows are zeroed before the map, because 0 · NaN would poison the gradient of its weights.
        values = torch.where(null, self.null, self.linear(flat.masked_fill(null, 0)))[:, None]
        return Tokens(values, torch.ones_like(values[..., 0], dtype=torch.bool))


class Patches(nn.Module):
    """A token for each square of an image, or each stretch of a sound: a linear map of its numbers, and its place's
    vector. Levels are numbers in [−1, 1]; a stretch of padding alone is not there."""

    def __init__(self, space: Space, width: int) -> None:
        super().__init__()
        self.levels = space.levels
        self.sides, size = _patch(space)
        self.count = math.prod(-(-length // side) for length, side in zip(size, self.sides, strict=True))
        self.linear = nn.Linear(math.prod(self.sides) * (space.dims // math.prod(size)), width)
        self.place = nn.Parameter(0.02 * torch.randn(self.count, width))
        self.null = nn.Parameter(torch.zeros(width))

    def forward(self, rows: Tensor) -> Tokens:
        lacking = rows < 0 if self.levels is not None and rows.dtype != torch.uint8 else None
        numbers = rows.to(self.null.dtype)
        if self.levels is not None:
            numbers = numbers * (2 / max(1, self.levels - 1)) - 1
            numbers = numbers if lacking is None else numbers.masked_fill(lacking, torch.nan)
        parts = _cut(numbers if len(self.sides) == 2 else _as_line(numbers), self.sides)
        present = ~parts.isnan().all(2)
        null = ~present.any(1)
        values = self.linear(parts.nan_to_num(0.0)) + self.place
        values = torch.where(null[:, None, None], self.null, values)
        return _told(values, torch.cat([present[:, :1] | null[:, None], present[:, 1:]], dim=1))


class Conditioning(nn.Module):
    """Any condition as tokens, name after name.

    Args:
        given_space: What the condition is: a space, or names of spaces.
        width: The length of each vector.

    Attributes:
        counts: The number of tokens of each name.

    Example:
        >>> spaces = {"label": Space((), levels=10), "text": Space((7,), levels=27, ragged=True)}
        >>> told = Conditioning(spaces, 8)({"label": torch.tensor([3]), "text": torch.tensor([[2, 5] + 5 * [27]])})
        >>> told.values.shape, told.present.int().tolist()
        (torch.Size([1, 8, 8]), [[1, 1, 1, 1, 0, 0, 0, 0]])

    References:
        Vaswani et al., 2017, "Attention is all you need", arXiv:1706.03762 (symbols and places)
        Dosovitskiy et al., 2021, "An image is worth 16×16 words", arXiv:2010.11929 (patches)
        Ho & Salimans, 2022, "Classifier-free diffusion guidance", arXiv:2207.12598 (null as a condition)
    """

    def __init__(self, given_space: GivenSpaceLike, width: int) -> None:
        super().__init__()
        spaces = as_given_space(given_space)
        self.names, self.width = list(spaces), width
        self.parts = nn.ModuleList(_kind(space)(space, width) for space in spaces.values())
        self.counts: list[int] = [part.count for part in self.parts]  # type: ignore[misc]

    def each(self, given: Given) -> list[Tokens]:
        """The tokens of each name."""
        return [part(given[name]) for name, part in zip(self.names, self.parts, strict=True)]

    def forward(self, given: Given) -> Tokens:
        told = self.each(given)
        if len(told) == 1:
            return told[0]
        return Tokens(torch.cat([part.values for part in told], dim=1), torch.cat([part.present for part in told], 1))


def is_sequence(space: Space) -> bool:
    """Whether a condition is many tokens, which a network had better attend to than see as one vector.

    Example:
        >>> is_sequence(Space((), levels=10)), is_sequence(Space((7,), levels=27, ragged=True))
        (False, True)
    """
    return _kind(space) in (Symbols, Patches) and space.dims > 1


def _kind(space: Space) -> type[nn.Module]:
    if space.is_discrete and not space.shape:
        return Labels
    if space.is_discrete and len(space.shape) < 3:
        return Symbols
    few = space.dims <= SHORT and len(space.shape) < (3 if space.is_real else 2)  # of a window of steps, too
    return Vector if few and not space.ragged else Patches


def _patch(space: Space) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The sides of a patch, the least with which there are few enough, and the lengths of what is cut."""
    if len(space.shape) == 3:
        height, width = space.shape[1:]
        side = next(p for p in range(1, height + width + 1) if -(-height // p) * -(-width // p) <= SHORT)
        return (side, side), (height, width)
    length = space.shape[0]
    return (-(-length // SHORT),), (length,)


def _as_line(rows: Tensor) -> Tensor:
    """(B, T, …) as (B, C, T)."""
    return rows[:, None] if rows.ndim == 2 else rows.flatten(2).mT


def _cut(rows: Tensor, sides: tuple[int, ...]) -> Tensor:
    """(B, C, *lengths) as (B, patches, numbers of one), what lacks at an edge being NaN."""
    margins = [end for length, side in zip(rows.shape[:1:-1], sides[::-1], strict=True) for end in (0, -length % side)]
    rows = nn.functional.pad(rows, margins, value=torch.nan)
    for axis, side in enumerate(sides):
        rows = rows.unfold(2 + axis, side, side)
    k = len(sides)
    return rows.movedim(1, 1 + k).flatten(1, k).flatten(2)


def _told(values: Tensor, present: Tensor) -> Tokens:
    return Tokens(values.masked_fill(~present[..., None], 0), present)
