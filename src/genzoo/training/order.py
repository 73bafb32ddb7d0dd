"""The order of data: which rows are in batch number b.

Every epoch is a permutation that depends on (seed, epoch) alone, and batch b is items [bB, (b+1)B) of the epochs laid
end to end. The position in the data is thus a function of the step, and there is no loader state to save.
"""

import functools
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from genzoo.core import Given, Noise

__all__ = ["Order", "Source"]


@runtime_checkable
class Source(Protocol):
    """Rows that can be gathered by number: what the engine needs of data."""

    def __len__(self) -> int: ...

    def gather(self, index: Tensor, *, seed: int = 0, epoch: int = 0) -> tuple[Tensor, Given]:
        """The rows of an index, seen through the views of (seed, epoch, row)."""


class Order:
    """The batches of a source, numbered without end.

    Args:
        source: The rows.
        batch_size: B, the number of rows of every batch.
        seed: Names the permutations.

    Raises:
        ValueError: If there are no rows.

    Example:
        >>> from genzoo.data import read
        >>> order = Order(read(torch.arange(20.0).reshape(10, 2)).train, batch_size=4, seed=0)
        >>> len(order.batch(3)[0])
        4
    """

    def __init__(self, source: Source, batch_size: int, seed: int) -> None:
        if len(source) == 0:
            raise ValueError("Training needs at least one row, got none. Check the split or the data folder.")
        self.source, self.batch_size, self.seed = source, batch_size, seed
        self.permutation = functools.lru_cache(maxsize=2)(self._permutation)

    def batch(self, number: int, part: slice = slice(None)) -> tuple[Tensor, Given]:
        """The rows of batch `number`, or a part of them."""
        first, last, _ = part.indices(self.batch_size)
        begin, end = number * self.batch_size + first, number * self.batch_size + last
        return join([self._gather(epoch, index) for epoch, index in self._segments(begin, end)])

    def one_pass(self, number: int, part: slice | None = None) -> tuple[Tensor, Given]:
        """Batch `number` of one pass in the rows' own order; the last one may be short."""
        index = torch.arange(number * self.batch_size, min(len(self.source), (number + 1) * self.batch_size))
        return self.source.gather(index if part is None else index[part], seed=self.seed, epoch=0)

    @property
    def passes(self) -> int:
        """The number of batches in one pass."""
        return -(-len(self.source) // self.batch_size)

    def _segments(self, begin: int, end: int) -> Iterator[tuple[int, Tensor]]:
        n = len(self.source)
        while begin < end:
            epoch, place = divmod(begin, n)
            stop = min(n, place + end - begin)
            yield epoch, self.permutation(epoch)[place:stop]
            begin += stop - place

    def _gather(self, epoch: int, index: Tensor) -> tuple[Tensor, Given]:
        return self.source.gather(index, seed=self.seed, epoch=epoch)

    def _permutation(self, epoch: int) -> Tensor:
        return Noise(self.seed, "order", epoch).permutation(len(self.source))


def join(parts: list[tuple[Tensor, Any]]) -> tuple[Tensor, Given]:
    """Consecutive pieces of a batch as one."""
    if len(parts) == 1:
        return parts[0]
    xs, givens = zip(*parts, strict=True)
    if givens[0] is None:
        return torch.cat(xs), None
    if isinstance(givens[0], Tensor):
        return torch.cat(xs), torch.cat(givens)
    return torch.cat(xs), {name: torch.cat([given[name] for given in givens]) for name in givens[0]}
