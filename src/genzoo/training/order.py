"""The order of data: which rows are in batch number b.

Every epoch is a permutation that depends on (seed, epoch) alone, and batch b is items [bB, (b+1)B) of the epochs laid
end to end. The position in the data is thus a function of the step, and there is no loader state to save. A foreign
DataLoader keeps its own order, which nobody can wind forward: after a resume its epoch begins again, and it is said.
"""

import abc
import functools
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from genzoo.core import GivenLike, Noise, map_given
from genzoo.training.config import TrainConfig

__all__ = ["ForeignOrder", "KeyedOrder", "Order", "Part", "Source", "order_of"]

Share = Callable[[int], slice]
COUNTED = 1000  # batches of a stream that are counted, and then stand for an epoch


@runtime_checkable
class Source(Protocol):
    """Rows that can be gathered by number: what the engine needs of data."""

    def __len__(self) -> int: ...

    def gather(self, index: Tensor, *, seed: int = 0, epoch: int = 0) -> tuple[Tensor, GivenLike]:
        """The rows of an index, seen through the views of (seed, epoch, row)."""


class Part(NamedTuple):
    """A process's part of a batch: its rows, the number of the first one, and the rows of the whole batch."""

    x: Tensor
    given: GivenLike
    start: int
    total: int


def whole(rows: int) -> slice:
    """The share of a process that is alone."""
    return slice(0, rows)


class Order(abc.ABC):
    """The batches of a source, numbered without end.

    Attributes:
        passes: The number of batches in one pass.
    """

    passes: int

    @abc.abstractmethod
    def batch(self, number: int, share: Share = whole) -> Part:
        """A share of batch `number`; its rows are numbered within the batch."""

    @abc.abstractmethod
    def in_pass(self, number: int, share: Share = whole) -> Part:
        """A share of batch `number` of a pass that holds every row once; rows are numbered within the source."""

    def once(self, number: int) -> Part:
        """Batch `number` of the first pass, without the rows of the next that a whole batch would end with."""
        return self.batch(number)

    def numbers(self, number: int, share: Share = whole) -> Tensor | None:
        """The numbers in the data of the rows in a share of batch `number`; None if nobody knows them."""
        return None


class KeyedOrder(Order):
    """Our own order, a function of the seed.

    Args:
        source: The rows.
        batch_size: B, the number of rows of every batch.
        seed: Names the permutations.

    Raises:
        ValueError: If there are no rows.

    Example:
        >>> from genzoo.data import read
        >>> order = KeyedOrder(read(torch.arange(20.0).reshape(10, 2)).train, batch_size=4, seed=0)
        >>> len(order.batch(3).x)
        4
    """

    def __init__(self, source: Source, batch_size: int, seed: int) -> None:
        if len(source) == 0:
            raise ValueError("Training needs at least one row, got none. Check the split or the data folder.")
        self.source, self.batch_size, self.seed = source, batch_size, seed
        self.passes = -(-len(source) // batch_size)
        self.permutation = functools.lru_cache(maxsize=2)(self._permutation)

    def batch(self, number: int, share: Share = whole) -> Part:
        part, first = share(self.batch_size), number * self.batch_size
        segments = self._segments(first + part.start, first + part.stop)
        x, given = join([self.source.gather(index, seed=self.seed, epoch=epoch) for epoch, index in segments])
        return Part(x, given, part.start, self.batch_size)

    def in_pass(self, number: int, share: Share = whole) -> Part:
        first = number * self.batch_size
        rows = min(len(self.source) - first, self.batch_size)
        part = share(rows)
        index = torch.arange(first + part.start, first + part.stop)
        return Part(*self.source.gather(index, seed=self.seed, epoch=0), first + part.start, rows)

    def once(self, number: int) -> Part:
        rows = min(len(self.source) - number * self.batch_size, self.batch_size)
        return self.batch(number, lambda _: slice(0, rows))

    def numbers(self, number: int, share: Share = whole) -> Tensor | None:
        part, first = share(self.batch_size), number * self.batch_size
        return torch.cat([index for _, index in self._segments(first + part.start, first + part.stop)])

    def _segments(self, begin: int, end: int) -> Iterator[tuple[int, Tensor]]:
        n = len(self.source)
        while begin < end:
            epoch, place = divmod(begin, n)
            stop = min(n, place + end - begin)
            yield epoch, self.permutation(epoch)[place:stop]
            begin += stop - place

    def _permutation(self, epoch: int) -> Tensor:
        return Noise(self.seed, "order", epoch).permutation(len(self.source))


class ForeignOrder(Order):
    """The batches of somebody else's DataLoader, one epoch after the other.

    One of a stream has no length: its batches are counted once, up to a thousand, which then stand for an epoch.

    Args:
        loader: Yields x, (x, given), or a mapping with "x" and the parts of the condition.
        say: Where it is told that an epoch begins again.

    Example:
        >>> rows = torch.utils.data.TensorDataset(torch.arange(5.0)[:, None])
        >>> order = ForeignOrder(DataLoader(rows, batch_size=2), print)
        >>> [order.batch(number).x.flatten().tolist() for number in range(4)]
        [[0.0, 1.0], [2.0, 3.0], [4.0], [0.0, 1.0]]
    """

    def __init__(self, loader: DataLoader[Any], say: Callable[[str], None]) -> None:
        self.loader, self.say = loader, say
        self.passes = _batches(loader, say)
        self.ahead: Iterator[Any] = iter(())
        self.next = 0

    def batch(self, number: int, share: Share = whole) -> Part:
        if number != self.next:  # another course took over, or a resume
            self.ahead = iter(())
            if number % self.passes:
                self.say("a foreign DataLoader cannot be wound forward: its epoch begins again")
        self.next = number + 1
        x, given = rows_of(self._following())
        part = share(len(x))
        return Part(x[part], map_given(lambda rows: rows[part], given), part.start, len(x))

    def in_pass(self, number: int, share: Share = whole) -> Part:
        x, given, start, total = self.batch(number, share)
        return Part(x, given, start + number * (self.loader.batch_size or total), total)

    def _following(self) -> Any:
        for batch in self.ahead:
            return batch
        self.ahead = iter(self.loader)
        return next(self.ahead)


def _batches(loader: DataLoader[Any], say: Callable[[str], None]) -> int:
    """The batches of an epoch; of a stream those that come, or as many as are counted.

    Raises:
        ValueError: If a stream is empty.
    """
    try:
        return len(loader)
    except TypeError:
        count = sum(1 for _ in itertools.islice(loader, COUNTED))
    if not count:
        raise ValueError("A DataLoader must yield at least one batch, got none. Check its data set.")
    say(f"a stream without a length: {count:,} batches are taken as an epoch")
    return count


def order_of(source: Source | DataLoader[Any], config: TrainConfig, say: Callable[[str], None]) -> Order:
    """The order that suits a source."""
    if isinstance(source, DataLoader):
        return ForeignOrder(source, say)
    return KeyedOrder(source, config.batch_size, config.seed)


def rows_of(batch: Any) -> tuple[Tensor, GivenLike]:
    """The rows and conditions of what a foreign loader yields.

    Raises:
        TypeError: If it is no tensor, pair, or mapping with "x".

    Example:
        >>> rows_of({"x": torch.zeros(2, 3), "label": torch.arange(2)})[1]
        {'label': tensor([0, 1])}
    """
    match batch:
        case Tensor():
            return batch, None
        case [Tensor() as x]:
            return x, None
        case [Tensor() as x, (Tensor() | Mapping()) as given]:
            return x, given
        case {"x": Tensor() as x, **others}:
            return x, others or None
    raise TypeError(
        f"A DataLoader must yield x, (x, given) or a mapping with 'x', got {type(batch).__name__}. Set its collate_fn."
    )


def join(parts: list[tuple[Tensor, Any]]) -> tuple[Tensor, GivenLike]:
    """Consecutive pieces of a batch as one."""
    if len(parts) == 1:
        return parts[0]
    xs, givens = zip(*parts, strict=True)
    if givens[0] is None:
        return torch.cat(xs), None
    if isinstance(givens[0], Tensor):
        return torch.cat(xs), torch.cat(givens)
    return torch.cat(xs), {name: torch.cat([given[name] for given in givens]) for name in givens[0]}
