"""Rows that several ranks make together, each some of them, so that all of them have all."""

from collections.abc import Callable, Iterator
from contextvars import ContextVar

import torch
from torch import Tensor

from genzoo._memory import by_part

__all__ = ["agreed", "meet", "rows_by_rank"]

DTYPES = (torch.float32, torch.float64, torch.uint8, torch.int64, torch.int32, torch.int16, torch.bool, torch.float16)
AXES = 8  # of a tensor, at most

_met: ContextVar[bool] = ContextVar("met", default=False)


def meet() -> None:
    """From here on all ranks call what comes alike; of one process nothing changes."""
    _met.set(torch.distributed.is_available() and torch.distributed.is_initialized())


def agreed(number: int) -> int:
    """The first rank's number, on every rank.

    Args:
        number: A whole number of 64 bits.

    Example:
        >>> agreed(3)
        3
    """
    if not _met.get():
        return number
    return int(_from(0, torch.tensor(number)))


def rows_by_rank(n: int, size: int, make: Callable[[int, int], Tensor]) -> Iterator[Tensor]:
    """What is made of n rows, some at a time and in order; of N ranks each makes every N-th part.

    Parts are those that one process makes, so the rows are the same to the bit.

    Args:
        n: How many rows.
        size: How many at a time, at most.
        make: Makes the rows from a first one to before a last one, on the processor.

    Example:
        >>> [part.tolist() for part in rows_by_rank(5, 2, torch.arange)]
        [[0, 1], [2, 3], [4]]
    """
    if not _met.get():
        yield from by_part(n, size, make)
        return
    rank, ranks = torch.distributed.get_rank(), torch.distributed.get_world_size()
    for first in range(0, n, ranks * size):
        begins = [first + k * size for k in range(ranks) if first + k * size < n]
        own = Tensor()
        if rank < len(begins):
            own = _made(begins[rank], min(n, begins[rank] + size), make)
        like = _alike(own)
        for k, begin in enumerate(begins):
            rows = own if k == rank else like.new_empty(min(n, begin + size) - begin, *like.shape[1:])
            yield _from(k, rows)


def _made(begin: int, end: int, make: Callable[[int, int], Tensor]) -> Tensor:
    """A part, in halves where it does not fit into the memory."""
    parts = list(by_part(end - begin, end - begin, lambda a, b: make(begin + a, begin + b)))
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _alike(own: Tensor) -> Tensor:
    """No rows of the type and shape that the first rank's have."""
    kind = DTYPES.index(own.dtype) if own.dtype in DTYPES else -1
    said = torch.tensor([kind, own.dim(), *own.shape, *[0] * (AXES - own.dim())])
    dtype, axes, *shape = _from(0, said).tolist()
    return torch.empty(0, *shape[1:axes], dtype=DTYPES[dtype])


def _from(rank: int, tensor: Tensor) -> Tensor:
    """One rank's tensor, on every rank."""
    device = "cuda" if torch.distributed.get_backend() == "nccl" else "cpu"
    sent = tensor.contiguous().to(device)
    torch.distributed.broadcast(sent, rank)
    return sent.to(tensor.device)
