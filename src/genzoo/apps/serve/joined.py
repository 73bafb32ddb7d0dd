"""Noise of several requests one after another: rows that are drawn together and have the numbers of each alone."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from genzoo._stream import Maker, Words
from genzoo.core.noise import Noise

__all__ = ["Apart", "Joined"]

AT_ONCE = 1 << 16  # numbers of all requests that are made in one go; more are made request by request, in cache


class Apart(Exception):
    """Rows of several seeds cannot be drawn together: the model asks the noise for what all of them share."""


class Joined(Noise):
    """Rows of several noises, one noise's after another's; each row has the numbers that it has alone.

    Args:
        parts: The noises, each with the number of its rows.
        order: The row of all of them, one after another, that each row is; by default they stay in order.

    Example:
        >>> joined = Joined([(Noise(3), 2), (Noise(5), 1)])
        >>> x = joined.at("z").normal(3, 4)
        >>> torch.equal(x[:2], Noise(3).at("z").normal(2, 4)), torch.equal(x[2:], Noise(5).at("z").normal(1, 4))
        (True, True)
    """

    def __init__(self, parts: Sequence[tuple[Noise, int]], order: Int[Tensor, " n"] | None = None) -> None:
        self.parts, self.order = list(parts), order
        self.device = self.parts[0][0].device

    def __getattr__(self, name: str) -> Any:
        raise Apart(f"all rows share its {name}")

    def at(self, *path: int | str) -> "Joined":
        return self._each(lambda noise: noise.at(*path))

    def tick(self, page: int) -> "Joined":
        return self._each(lambda noise: noise.tick(page))

    def to(self, device: torch.device | str) -> "Joined":
        return self._each(lambda noise: noise.to(device))

    def rows(self, index: slice | Int[Tensor, " n"]) -> "Joined":
        if self.order is not None:
            raise Apart("rows are chosen among chosen ones")
        wanted = torch.arange(self._ends()[-1])[index] if isinstance(index, slice) else index.cpu()
        chosen, places = [], []
        for (noise, n), end in zip(self.parts, self._ends(), strict=True):
            mine = ((wanted >= end - n) & (wanted < end)).nonzero().flatten()
            if len(mine):
                chosen.append((noise.rows(wanted[mine] - (end - n)), len(mine)))
                places.append(mine)
        order = torch.cat(places).argsort()
        return Joined(chosen, None if bool((order.diff() > 0).all()) else order)

    def permutation(self, n: int) -> Tensor:
        raise Apart("one order of all rows is drawn")

    def _each(self, change: Callable[[Noise], Noise]) -> "Joined":
        return Joined([(change(noise), n) for noise, n in self.parts], self.order)

    def _ends(self) -> list[int]:
        return list(itertools.accumulate(n for _, n in self.parts))

    def _draw(self, kind: str, make: Maker, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        rows, *rest = shape
        if rows != self._ends()[-1]:
            raise Apart(f"{rows} rows of noise are drawn for {self._ends()[-1]} rows")
        if math.prod(shape) <= AT_ONCE:
            drawn = make(self._words(), shape, dtype)
        else:
            drawn = torch.cat([noise._draw(kind, make, (n, *rest), dtype) for noise, n in self.parts])
        return drawn if self.order is None else drawn[self.order.to(drawn.device)]

    def _words(self) -> Words:
        """The next draw of all, whose rows have the keys of their noises."""
        for noise, _ in self.parts:
            noise.draws += 1
        counts, (first, _) = [n for _, n in self.parts], self.parts[0]
        keys = np.array([noise.key for noise, _ in self.parts], np.uint64).repeat(counts)
        pages = np.array([noise.page for noise, _ in self.parts]).repeat(counts)
        rows = [np.arange(n) if noise.index is None else noise.index.numpy() for noise, n in self.parts]
        starts = np.array([noise.start for noise, _ in self.parts]).repeat(counts)
        return Words(keys, first.draws, np.concatenate(rows) + starts, pages, self.device)
