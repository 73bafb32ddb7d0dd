"""Work in parts, so that memory stays flat, and in smaller ones where those do not fit."""

import gc
import logging
import math
import re
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["FEW", "by_part", "in_parts", "is_out_of_memory"]

log = logging.getLogger("genzoo.progress")
T = TypeVar("T")

FEW = 64  # rows that are never parted
WORDS = re.compile(r"out of memory|can't allocate memory|not enough memory|cannot allocate memory", re.IGNORECASE)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is no more memory: torch's for a device or a processor, or Python's own.

    Example:
        >>> is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"))
        True
    """
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and bool(WORDS.search(str(error))))


def by_part(n: int, size: int, make: Callable[[int, int], T], *, quiet: bool = False) -> Iterator[T]:
    """What is made of n rows, some at a time; half as many where they do not fit into the memory.

    Args:
        n: How many rows.
        size: How many at a time, at most.
        make: Makes the rows from a first one to before a last one.
        quiet: Whether to keep to oneself how many are done, as of parts of a part.

    Raises:
        MemoryError: If not even one row fits.

    Example:
        >>> list(by_part(5, 2, range))
        [range(0, 2), range(2, 4), range(4, 5)]
    """
    first = 0
    while first < n:
        last = min(n, first + size)
        part = _made(make, first, last)
        if part:
            if not quiet:
                log.debug("%s of %s rows are done", f"{last:,}", f"{n:,}")
            yield part[0]
            first = last
        elif last - first == 1:
            raise MemoryError("not even one row fits into the memory")
        else:
            size = _smaller(last - first)


def in_parts(n: int, size: int, make: Callable[[slice], "Tensor"]) -> "Tensor":
    """The same as one tensor, made of parts that are nearly alike: products of a single row round in a way of their
    own.

    Args:
        n: How many rows.
        size: How many at a time, at most, but no fewer than 64.
        make: Makes the rows of a slice.
    """
    if n <= max(FEW, size):
        return make(slice(0, n))
    import torch

    size = math.ceil(n / math.ceil(n / max(FEW, size)))
    return torch.cat(list(by_part(n, size, lambda first, last: make(slice(first, last)), quiet=True)))


def _made(make: Callable[[int, int], T], first: int, last: int) -> tuple[T] | None:
    try:
        return (make(first, last),)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return None


def _smaller(size: int) -> int:
    """Half the rows, once what was allocated in vain is free again."""
    logging.getLogger("genzoo").info("%d rows at a time do not fit into the memory: trying %d", size, size // 2)
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    return size // 2
