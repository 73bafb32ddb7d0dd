"""The noise that genzoo makes of a seed and a row, by NumPy alone: this file is copied beside every exported graph.

Philox-4×32-10 is a keyed bijection of a counter (row, page, block, draw); the key is a hash of the seed and a path of
names. So row i of a seed is the same here, in genzoo, and in whatever batch it is asked for.

References:
    Salmon, Moraes, Dror & Shaw, 2011, "Parallel random numbers: as easy as 1, 2, 3", SC '11 (Philox-4×32-10)
    Box & Muller, 1958, "A note on the generation of random normal deviates"
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["key", "made", "noise", "philox", "words"]

MASK = 0xFFFFFFFF


def key(seed: int, path: Sequence[int | str]) -> int:
    """The key of a stream: 64 bits of BLAKE2b of the seed and the path.

    Args:
        seed: Any integer.
        path: The stream's names.

    Example:
        >>> hex(key(7, ["sample"]))
        '0xe4087e5a5bf498d4'
    """
    name = "\0".join(repr(part) for part in (int(seed), *path)).encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "little")


def philox(c0: Any, c1: Any, c2: Any, c3: Any, key: int) -> tuple[Any, Any, Any, Any]:
    """The four 32-bit words at a counter.

    Args:
        c0: The first counter word, an array of uint64 below 2³².
        c1: The second, broadcastable with the first, as the others.
        c2: The third.
        c3: The fourth.
        key: 64 bits of key.

    Example:
        >>> zero = np.zeros(1, np.uint64)
        >>> [hex(int(word[0])) for word in philox(zero, zero, zero, zero, 0)]
        ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    mask, half = np.uint64(MASK), np.uint64(32)
    k0, k1 = key & MASK, key >> 32
    for _ in range(10):
        p0, p1 = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c2 = (p1 >> half) ^ c1 ^ np.uint64(k0) & mask, (p0 >> half) ^ c3 ^ np.uint64(k1) & mask
        c1, c3 = p1 & mask, p0 & mask
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return c0, c1, c2, c3


def words(key: int, draw: int, page: int, rows: np.ndarray, width: int, lane: int = 0) -> np.ndarray:
    """(rows, width) words of one draw, each row's its own.

    Args:
        key: The stream's key.
        draw: The number of the draw, from 1 on.
        page: The stream's page.
        rows: The numbers of the rows.
        width: How many words a row has.
        lane: 1 for the low halves of 53-bit numbers.
    """
    blocks = np.arange(-(-width // 4), dtype=np.uint64)[None]
    counter = rows.astype(np.uint64)[:, None], np.uint64(page), blocks, np.uint64(2 * draw + lane)
    found = np.stack(np.broadcast_arrays(*philox(*counter, key)), axis=-1)
    return found.reshape(len(rows), -1)[:, :width]


def made(asked: Mapping[str, Any], seed: int, n: int, start: int = 0) -> np.ndarray:
    """The numbers of one input of a graph.

    Args:
        asked: The input, as `genzoo.json` tells it: path, page, draw, kind, shape and dtype.
        seed: Names the noise.
        n: The number of rows.
        start: The number of the first row.
    """
    shape = tuple(asked["shape"][1:])
    rows, width = np.arange(start, start + n), math.prod(shape)
    stream = key(seed, asked["path"]), asked["draw"], asked["page"], rows
    numbers = _normal(stream, width) if asked["kind"] == "normal" else _plain(stream, width, asked)
    return numbers.astype(asked["dtype"]).reshape(n, *shape)


def noise(graph: Mapping[str, Any], seed: int, n: int, start: int = 0) -> dict[str, np.ndarray]:
    """The noise of a graph, by the names of its inputs.

    Args:
        graph: One of the graphs in `genzoo.json`.
        seed: Names the noise.
        n: The number of rows.
        start: The number of the first row: rows 0…9 and 10…19 of a seed are rows 0…19 of it.
    """
    return {each["name"]: made(each, seed, n, start) for each in graph["inputs"] if each["is"] == "noise"}


def _plain(stream: tuple[int, int, int, np.ndarray], width: int, asked: Mapping[str, Any]) -> np.ndarray:
    if asked["kind"] == "words":
        return words(*stream, width)
    if asked["dtype"] == "float64":
        high, low = words(*stream, width), words(*stream, width, lane=1) >> np.uint64(11)
        return (high.astype(float) * 2.0**21 + low) * 2.0**-53
    return (words(*stream, width) >> np.uint64(8)).astype(np.float32) * np.float32(2.0**-24)


def _normal(stream: tuple[int, int, int, np.ndarray], width: int) -> np.ndarray:
    """By Box and Muller's map, in float64."""
    half = (width + 1) // 2
    pair = words(*stream, 2 * half).astype(float)
    radius = np.sqrt(-2 * np.log((pair[:, :half] + 0.5) * 2.0**-32))
    angle = pair[:, half:] * (2 * math.pi * 2.0**-32)
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)[:, :width]
