"""A stream of words: the numbers of some rows and pages of one draw, made a chunk at a time.

`genzoo.core.noise` says what is drawn, and keeps the pages that were made ahead; here stands how a counter
(row, page, block, draw) becomes words, and words become uniform and normal numbers.

References:
    Box & Muller, 1958, "A note on the generation of random normal deviates"
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from genzoo._random import philox, words

__all__ = ["Maker", "Stream", "Words", "integer_words", "normals", "uniforms"]

CHUNK = 1 << 14  # blocks of four words at a time, so that they stay in cache

Maker = Callable[["Words", tuple[int, ...], torch.dtype], Tensor]


class Words(NamedTuple):
    """The words of some rows of a draw: counter = (row, page, block, draw), under one key or one of each row."""

    key: int | np.ndarray
    draw: int
    row: np.ndarray
    page: np.ndarray
    device: torch.device

    def make(self, width: int, dtype: torch.dtype = torch.int64, *, shift: int = 0, lane: int = 0) -> Tensor:
        """(rows, width) words without their low bits; lane 1 holds the low halves of 53-bit uniforms."""
        draw = 2 * self.draw + lane
        if self.device.type == "cpu":
            out = torch.empty(len(self.row), width, dtype=dtype)
            words(self.row.view(np.uint64), self.page.view(np.uint64), draw, self.key, out.numpy(), shift)
            return out
        c0, c1 = (torch.from_numpy(part).to(self.device)[:, None] for part in (self.row, self.page))
        c2 = torch.arange(-(-width // 4), device=self.device)[None]
        key = self.key if isinstance(self.key, int) else torch.from_numpy(self.key.view(np.int64)).to(c0)[:, None]
        found = torch.stack(philox(c0, c1, c2, torch.full_like(c2, draw), key), dim=-1)
        return (found.flatten(1)[:, :width] >> shift).to(dtype)


class Stream(NamedTuple):
    """One draw of a stream, for rows that count from `start` or have the numbers `start + chosen`."""

    key: int
    draw: int
    start: int
    chosen: Tensor | None
    device: torch.device

    def numbers(self, make: Maker, pages: range, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """The numbers of some pages, one page's rows after another's, a chunk at a time.

        Args:
            make: `integer_words`, `uniforms` or `normals`.
            pages: Which pages.
            shape: The shape on one page, rows first.
            dtype: The type of the numbers.
        """
        rows, *rest = shape
        total, chunk = len(pages) * rows, CHUNK if self.device.type == "cpu" else 64 * CHUNK
        step = max(1, 4 * chunk // max(4, math.prod(rest)))
        if step >= total:
            return make(self._words(pages, rows, range(total)), (total, *rest), dtype)
        out = torch.empty(total, *rest, dtype=dtype, device=self.device)
        for i in range(0, total, step):
            part = out[i : i + step]
            part.copy_(make(self._words(pages, rows, range(i, i + len(part))), tuple(part.shape), dtype))
        return out

    def _words(self, pages: range, rows: int, part: range) -> Words:
        row, page = np.arange(part.start, part.stop), np.full(len(part), pages.start)
        if len(pages) > 1:
            row, page = row % rows, page + row // rows
        row = row if self.chosen is None else self.chosen.numpy()[row]
        return Words(self.key, self.draw, row + self.start, page, self.device)


def integer_words(source: Words, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Uniform integers in [0, 2³²) as int64."""
    return source.make(math.prod(shape[1:])).reshape(shape)


def uniforms(source: Words, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Uniform numbers in [0, 1): as many bits of one word as the type has digits, or in float64 53 bits of two."""
    width = math.prod(shape[1:])
    if dtype != torch.float64:
        bits = 1 - round(math.log2(torch.finfo(dtype).eps))  # with more, some would be rounded to 1
        return source.make(width, torch.float32, shift=32 - bits).mul_(2.0**-bits).to(dtype).reshape(shape)
    high, low = source.make(width, dtype), source.make(width, dtype, shift=11, lane=1)
    return high.mul_(2.0**21).add_(low).mul_(2.0**-53).reshape(shape)


def normals(source: Words, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Standard normal numbers by Box and Muller's map, in float64 and rounded once."""
    width = math.prod(shape[1:])
    half = (width + 1) // 2
    pair = source.make(2 * half, torch.float64)
    first, second = pair[:, :half], pair[:, half:]
    radius = first.add(0.5).mul_(2.0**-32).log_().mul_(-2).sqrt_()
    angle = second.mul(2 * math.pi * 2.0**-32)
    both = torch.cat([radius * angle.cos(), radius * angle.sin()], dim=1)
    return both[:, :width].to(dtype).reshape(shape)
