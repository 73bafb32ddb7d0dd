"""What a row of a table holds, as one number of 64 bits that tells rows apart and chooses their split.

A cell that is a number counts by its value, any other by its word, and all that say that there is nothing alike:

$$ w = \\mathrm{bits}(value) \\text{ or } \\mathrm{hash}(word), \\quad h_0 = D, \\quad h_j = m(h_{j-1} \\oplus w_j), $$

m being a bijection of 64 bits that lets each of them depend on all. So a table is split alike whatever it is kept in,
and however its numbers are written.

References:
    Steele, Lea & Flood, 2014, "Fast splittable pseudorandom number generators", OOPSLA '14 (m, its second mixer)
"""

import hashlib
import re
from collections.abc import Collection, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.data.cells import Numbers, looked_up
from genzoo.data.columns import is_number

__all__ = ["contents", "uniform_of"]

ID = re.compile(r"\s*[-+]?0\d")  # a number that is written as ids are is a word
NOTHING = 0x7FF8_0000_0000_0000  # the bits of NaN
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
PIECE = 1 << 15  # rows at a time, which stay in the cache


def contents(columns: Sequence[Sequence[str]], gone: Collection[str]) -> Int[Tensor, " n"]:
    """One number for each row of a table.

    Args:
        columns: The cells of each column.
        gone: The words that say that nothing is there.

    Example:
        >>> a, b, c = contents([["1", "1.0", "1"], ["red", "red", "blue"]], ("",)).tolist()
        >>> a == b, a == c
        (True, False)
    """
    n, words = len(columns[0]), [_words(cells, gone) for cells in columns]
    found = np.full(n, len(columns), dtype=np.uint64)
    for start in range(0, n, PIECE):
        part = found[start : start + PIECE]
        for word in words:
            part ^= word[start : start + PIECE]
            _mix(part)
    return torch.from_numpy(found.view(np.int64))


def uniform_of(
    words: Int[Tensor, " n"], purpose: str = "split", numbers: Int[Tensor, " k"] | None = None
) -> Float[Tensor, " any"]:
    """One number in [0, 1) for each row, by what it holds.

    Args:
        words: What `contents` made.
        purpose: Up to 16 bytes that make numbers for different purposes independent.
        numbers: Which rows; None for all.

    Example:
        >>> u = uniform_of(contents([["1", "2", "1"]], ("",)))
        >>> bool(u[0] == u[2]), bool(u[0] == u[1])
        (True, False)
    """
    mixed = (words if numbers is None else words[numbers]).numpy().view(np.uint64) ^ _hash(purpose, "purpose")
    for start in range(0, len(mixed), PIECE):
        _mix(mixed[start : start + PIECE])
    return torch.from_numpy((mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def _mix(h: np.ndarray) -> None:
    for shift, factor in ((30, FIRST), (27, SECOND)):
        h ^= h >> np.uint64(shift)
        h *= factor
    h ^= h >> np.uint64(31)


def _words(cells: Sequence[str], gone: Collection[str]) -> np.ndarray:
    """A number of 64 bits for each cell of a column."""
    if isinstance(cells, Numbers):
        bits = (cells.values + 0.0).view(np.uint64)  # + 0.0: no −0
        if cells.gone.any():
            bits[cells.gone] = NOTHING
        return bits
    return looked_up(cells, lambda cell: _word(cell, gone), np.uint64)


def _word(cell: str, gone: Collection[str]) -> np.uint64:
    if cell.strip() in gone:
        return np.uint64(NOTHING)
    if is_number(cell) and not ID.match(cell):
        return (np.float64(cell) + 0.0).view(np.uint64)
    return _hash(cell)


def _hash(word: str, person: str = "") -> np.uint64:
    digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8, person=person.encode())
    return np.uint64(int.from_bytes(digest.digest(), "big"))
