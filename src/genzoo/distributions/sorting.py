"""Sorting many rows of float32 at once, which is nearly all that a sliced distance does.

NumPy sorts with AVX-512 where it can; on processors that write compressed vectors slowly (AMD's Zen 4) that is three
times slower than its AVX2. A radix sort does not compare: a float's bits, with the sign bit flipped (all bits if it is
negative), are an integer in the same order, and three passes of counting over 11 bits each put integers in order. With
extra `fast` both are tried once on this machine, and the faster is kept; the order that they find is the same.
"""

import functools
import time
from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from torch import Tensor

from genzoo._compiled import compiled, is_there

__all__ = ["sorted_rows"]

LARGE = 1 << 21  # numbers in a call from which compiling is worth its second

Sort = Callable[[np.ndarray], None]


def sorted_rows(rows: Float[Tensor, "L n"]) -> Float[Tensor, "L n"]:
    """Each row in ascending order; on a CPU in the memory of the argument.

    Args:
        rows: Finite or infinite numbers, no NaN.

    Example:
        >>> import torch
        >>> sorted_rows(torch.tensor([[2.0, -1.0, 0.5]]))
        tensor([[-1.0000,  0.5000,  2.0000]])
    """
    if rows.device.type != "cpu":
        return rows.sort(1).values
    values = rows.detach().numpy()
    fits = values.dtype == np.float32 and values.flags.c_contiguous
    sort = fastest() if fits and values.size >= LARGE else sort_by_comparison
    sort(values)
    return rows


def sort_by_comparison(rows: np.ndarray) -> None:
    """NumPy's sort of each row, in place."""
    rows.sort(axis=1)


def sort_by_radix(rows: np.ndarray) -> None:
    """The radix sort of each row of contiguous float32, in place; it is compiled."""
    compiled(radix)(rows.view(np.uint32))


@functools.cache
def fastest() -> Sort:
    """The faster of the two on this machine, tried on a few rows."""
    if not is_there():
        return sort_by_comparison
    ramp = np.sin(np.arange(80_000, dtype=np.float32) ** 2).reshape(8, -1)
    sort_by_radix(ramp.copy())  # compiles

    def cost(sort: Sort) -> float:
        took = []
        for _ in range(3):
            rows, start = ramp.copy(), time.perf_counter()
            sort(rows)
            took.append(time.perf_counter() - start)
        return min(took)

    return min((sort_by_comparison, sort_by_radix), key=cost)


def radix(rows: np.ndarray) -> None:
    """Bits of float32 as whole numbers, each row into the order of the floats."""
    negative, ones, digit = np.uint32(0x80000000), np.uint32(0xFFFFFFFF), np.uint32(2047)
    n = rows.shape[1]
    spare = np.empty(n, np.uint32)
    for line in range(rows.shape[0]):
        source, target = rows[line], spare
        count = np.zeros((3, 2049), np.int64)
        for i in range(n):
            key = source[i]
            key ^= negative if key < negative else ones
            source[i] = key
            count[0, (key & digit) + 1] += 1
            count[1, ((key >> np.uint32(11)) & digit) + 1] += 1
            count[2, (key >> np.uint32(22)) + 1] += 1
        for part in range(3):
            start = np.cumsum(count[part])
            shift = np.uint32(11 * part)
            for i in range(n):
                key = source[i]
                place = (key >> shift) & digit
                target[start[place]] = key
                start[place] += 1
            source, target = target, source
        for i in range(n):  # after three passes the sorted keys lie in the spare row
            key = spare[i]
            rows[line, i] = key ^ (negative if key >= negative else ones)
