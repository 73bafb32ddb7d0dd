"""Cells of a column, kept as what they are: words once each, numbers as numbers, and as written only when asked.

A column is a sequence of words. A list is one; `Coded` keeps every different word once, `Numbers` what numbers it
spells. All three answer alike, so that what is decided of a column never depends on how it is kept.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, overload

import numpy as np

__all__ = ["Cells", "Coded", "Numbers", "different", "joined", "kept", "looked_up", "mapped"]


class Cells(Sequence[str]):
    """A column that spells its cells only when they are looked at."""

    @property
    def spelled(self) -> list[str]:
        """All cells, as written."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[str]:
        return iter(self.spelled)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        return self.spelled[place]


@dataclasses.dataclass(frozen=True, eq=False)
class Coded(Cells):
    """A column of words.

    Attributes:
        words: The different words, all of which occur.
        codes: The place among them of each cell.

    Example:
        >>> column = Coded(["red", "white"], np.array([0, 1, 0]))
        >>> list(column), column[1]
        (['red', 'white', 'red'], 'white')
    """

    words: list[str]
    codes: np.ndarray

    def __len__(self) -> int:
        return len(self.codes)

    @functools.cached_property
    def spelled(self) -> list[str]:
        return [self.words[code] for code in self.codes.tolist()]


@dataclasses.dataclass(frozen=True, eq=False)
class Numbers(Cells):
    """A column in which every cell is a finite number, or one of the words for nothing; and none is an id with zeros
    in front.

    Attributes:
        values: The numbers in float64, NaN where there is nothing.
        spell: The cells as written.
        first: The first of them, where these are at hand.

    Example:
        >>> column = Numbers(np.array([0.5, np.nan]), lambda: [".5", ""])
        >>> len(column), list(column)
        (2, ['.5', ''])
    """

    values: np.ndarray
    spell: Callable[[], list[str]]
    first: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.values)

    @functools.cached_property
    def spelled(self) -> list[str]:
        return self.spell()

    @functools.cached_property
    def gone(self) -> np.ndarray:
        """Where there is nothing."""
        return np.isnan(self.values)

    def are_reals(self, labels: int) -> bool:
        """Whether they are no labels: some are not whole, or more than so many are different."""
        there = self.values[~self.gone]
        return bool((there != np.round(there)).any()) or len(np.unique(there)) > labels

    def blank(self) -> "Numbers":
        """The same numbers, nothing being written as an empty cell."""
        if not self.gone.any():
            return self
        return Numbers(
            self.values,
            lambda: ["" if gone else cell for cell, gone in zip(self, self.gone.tolist(), strict=True)],
            ["" if gone else cell for cell, gone in zip(self.first, self.gone.tolist(), strict=False)],
        )


def different(cells: Sequence[str]) -> Collection[str]:
    """The different cells of a column.

    Example:
        >>> sorted(different(["red", "white", "red"]))
        ['red', 'white']
    """
    return cells.words if isinstance(cells, Coded) else set(cells)


def mapped(cells: Sequence[str], change: Callable[[str], str]) -> Sequence[str]:
    """A column in which every cell became another, which depends on the cell alone.

    Example:
        >>> mapped(["a", "b"], str.upper)
        ['A', 'B']
    """
    if isinstance(cells, Coded):
        words, codes = list(map(change, cells.words)), cells.codes
        if len(once := list(dict.fromkeys(words))) < len(words):
            place = {word: code for code, word in enumerate(once)}
            codes = np.array([place[word] for word in words], dtype=np.int32)[codes]
        return Coded(once, codes)
    new = {cell: change(cell) for cell in set(cells)}
    return [new[cell] for cell in cells]


def looked_up(cells: Sequence[str], value: Callable[[str], Any], dtype: Any) -> np.ndarray:
    """What a function of a cell makes of every cell.

    Example:
        >>> looked_up(["1", "2", "1"], float, np.float64)
        array([1., 2., 1.])
    """
    if isinstance(cells, Coded):
        return np.array([value(word) for word in cells.words], dtype=dtype)[cells.codes]
    of = {cell: value(cell) for cell in set(cells)}
    return np.array([of[cell] for cell in cells], dtype=dtype)


def kept(cells: Sequence[str], rows: np.ndarray) -> Sequence[str]:
    """Some cells, in order.

    Args:
        cells: The column.
        rows: The numbers of those that stay.

    Example:
        >>> kept(["a", "b", "c"], np.array([0, 2]))
        ['a', 'c']
    """
    if isinstance(cells, Coded):
        used, codes = np.unique(cells.codes[rows], return_inverse=True)
        return Coded([cells.words[code] for code in used.tolist()], codes)
    if isinstance(cells, Numbers):
        first = [cells.first[i] for i in rows[rows < len(cells.first)].tolist()]
        return Numbers(cells.values[rows], lambda: [cells[i] for i in rows.tolist()], first)
    return [cells[i] for i in rows.tolist()]


def joined(parts: Sequence[Sequence[str]]) -> Sequence[str]:
    """Columns one below the other.

    Example:
        >>> joined([["a"], ["b", "c"]])
        ['a', 'b', 'c']
    """
    if len(parts) == 1:
        return parts[0]
    numbers = [part for part in parts if isinstance(part, Numbers)]
    if len(numbers) == len(parts):
        return Numbers(
            np.concatenate([part.values for part in numbers]),
            lambda: list(itertools.chain.from_iterable(parts)),
            numbers[0].first,
        )
    return list(itertools.chain.from_iterable(parts))
