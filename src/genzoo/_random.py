"""Words of a counter-based generator, and classes chosen by them: plainly, and compiled where that pays.

Everything here is a function of its arguments: which road it takes, NumPy's, torch's or Numba's (extra `fast`), is a
matter of time and never of the answer.

References:
    Salmon, Moraes, Dror & Shaw, 2011, "Parallel random numbers: as easy as 1, 2, 3", SC '11 (Philox-4×32-10)
    Chen & Asau, 1974, "On generating random variates from an empirical distribution" (the guide to a table)
"""

from typing import Any, no_type_check

import numpy as np
import torch
from jaxtyping import Float, Int, Integer, Shaped
from torch import Tensor

from genzoo._compiled import once_it_pays

__all__ = ["MASK", "at_least_single", "choose", "philox", "words"]

MASK = 0xFFFFFFFF
ELEMENTS = 1 << 19  # probabilities at a time, so that they stay in cache
COMPILED = (torch.float32, torch.float64)
GUIDE = 1 << 13  # stretches into which a shared distribution is divided


def philox(c0: Any, c1: Any, c2: Any, c3: Any, key: Any) -> tuple[Any, Any, Any, Any]:
    """The four 32-bit words of Philox-4×32-10 at a counter (c0, c1, c2, c3).

    The same lines run on NumPy's uint64 arrays, whose calls cost half of torch's on a CPU, and on int64 tensors of any
    device; products wrap modulo 2⁶⁴ in both, and masking keeps the 32 bits that count.

    Args:
        c0: The first counter word, an array or tensor of values below 2³².
        c1: The second, broadcastable with the first, as the others.
        c2: The third.
        c3: The fourth.
        key: 64 bits of key, a number or as the counter words an array or tensor.

    Example:
        >>> zero = np.zeros(1, np.uint64)
        >>> [hex(int(word[0])) for word in philox(zero, zero, zero, zero, 0)]
        ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    k0, k1 = key & MASK, key >> 32
    for _ in range(10):
        p0, p1 = c0 * 0xD2511F53, c2 * 0xCD9E8D57
        c0 = (p1 >> 32) ^ c1
        c0 ^= k0
        c0 &= MASK
        c2 = (p0 >> 32) ^ c3
        c2 ^= k1
        c2 &= MASK
        c1, c3 = p1, p0
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return c0, c1 & MASK, c2, c3 & MASK


def words(
    row: Integer[np.ndarray, " n"],
    page: Integer[np.ndarray, " n"],
    draw: int,
    key: int | Integer[np.ndarray, " n"],
    out: Shaped[np.ndarray, "n width"],
    shift: int = 0,
) -> None:
    """Fills an array with the first words of Philox at the counters (row, page, 0, draw), (row, page, 1, draw), …

    Args:
        row: The number of each row, as uint64.
        page: The page of each row, as uint64.
        draw: The fourth word of the counter.
        key: 64 bits of key, or those of each row, as uint64.
        out: An array of a type that holds them: the numbers that are wanted need no second pass.
        shift: How many low bits to drop.

    Example:
        >>> out, zero = np.empty((1, 2)), np.zeros(1, np.uint64)
        >>> words(zero, zero, 0, 0, out, shift=16)
        >>> out.tolist() == [[0x6627, 0xe169]]
        True
    """
    blocks = -(-out.shape[1] // 4)
    fill = once_it_pays(_fill, 40 * blocks * len(row), out.dtype) if isinstance(key, int) else None
    if fill is not None and int((row | page).max(initial=0)) <= MASK:
        fill(row, page, np.uint64(draw), np.uint64(key), np.uint64(shift), out)
        return
    counter = row[:, None], page[:, None], np.arange(blocks, dtype=np.uint64)[None], np.uint64(draw)
    for i, word in enumerate(philox(*counter, key if isinstance(key, int) else key[:, None])):
        place = out[:, i::4]
        place[:] = (word >> shift)[:, : place.shape[1]]


def at_least_single(dtype: torch.dtype) -> torch.dtype:
    """The type in which draws are made that come out in a given one: float32 for those of half precision.

    Args:
        dtype: The type that is wanted.

    Example:
        >>> at_least_single(torch.bfloat16), at_least_single(torch.float64)
        (torch.float32, torch.float64)
    """
    return torch.float32 if dtype in (torch.bfloat16, torch.float16) else dtype


def choose(
    logits: Float[Tensor, "*rows levels"], uniform: Float[Tensor, "*rows"], *, probs: bool = False
) -> Int[Tensor, "*rows"]:
    """The class whose stretch of the cumulative distribution holds a uniform number, for each row.

    $$ x = \\min \\{k : u F_{K-1} < F_k\\}, \\qquad F_k = \\sum_{j \\le k} \\mathrm{softmax}(\\text{logits})_j $$

    Args:
        logits: Class logits for each row, summed in float32 at least; one distribution expanded over all rows is
            summed only once.
        uniform: Numbers in [0, 1).
        probs: The first argument holds probabilities, of any positive sum, instead of logits.

    Example:
        >>> choose(torch.tensor([0.25, 0.5, 0.25]).log().expand(3, 3), torch.tensor([0.2, 0.3, 0.8]))
        tensor([0, 1, 2])
    """
    logits, uniform, shape, levels = logits.detach(), _single(uniform), uniform.shape, logits.shape[-1]
    if torch.compiler.is_exporting():  # by operations that every format has
        edges = _edges(logits, probs)
        return edges.le(uniform.unsqueeze(-1) * edges[..., -1:]).sum(-1).clamp_max(levels - 1)
    if logits.device.type != "cpu" or not uniform.numel():
        return _search(_edges(logits, probs), uniform.unsqueeze(-1)).squeeze(-1)
    if all(size == 1 or step == 0 for size, step in zip(shape, logits.stride(), strict=False)):
        return _shared(_edges(logits[(0,) * len(shape)], probs), uniform)
    flat, numbers, step = _single(logits).reshape(-1, levels), uniform.reshape(-1), max(8, ELEMENTS // levels)
    out = torch.empty(len(flat), dtype=torch.int64)
    pick = once_it_pays(_pick, flat.numel(), flat.dtype) if flat.dtype in COMPILED else None
    buffer = flat.new_empty(min(step, len(flat)), levels)  # fresh memory for each part would cost as much as the sums
    for i in range(0, len(flat), step):
        part, u, room = flat[i : i + step], numbers[i : i + step], buffer[: len(flat) - i]
        weights = part if probs else torch.softmax(part, -1, out=room)
        if pick is None:
            out[i : i + step] = _search(torch.cumsum(weights, -1, out=room), u[:, None])[:, 0]
        else:
            pick(weights.contiguous().numpy(), u.contiguous().numpy(), out[i : i + step].numpy())
    return out.reshape(shape)


def _single(x: Tensor) -> Tensor:
    return x.to(at_least_single(x.dtype))


def _edges(logits: Tensor, probs: bool) -> Tensor:
    logits = _single(logits)
    return (logits if probs else logits.softmax(-1)).cumsum(-1)


def _search(edges: Tensor, uniform: Tensor) -> Tensor:
    return torch.searchsorted(edges, uniform * edges[..., -1:], right=True).clamp_max(edges.shape[-1] - 1)


def _shared(edges: Tensor, uniform: Tensor) -> Tensor:
    """One distribution for all rows: a guide says in which stretch of the table to look.

    A number's stretch is a monotone function of the number, so edges in earlier stretches lie below it and edges in
    later ones above it, whatever the rounding; only where an edge lies in its own stretch must it be searched.
    """
    flat, total, last = uniform.reshape(-1), edges[-1], len(edges) - 1
    if len(flat) < 4 * GUIDE or not 0 < float(total) < float("inf"):
        return _search(edges, uniform)

    def stretch(x: Tensor) -> Tensor:
        return (x * (GUIDE / total)).long().clamp_max_(GUIDE - 1)

    guide = torch.searchsorted(stretch(edges), torch.arange(GUIDE + 1))  # edges in earlier stretches
    out = torch.empty(len(flat), dtype=torch.int64)
    find = once_it_pays(_find, 12 * len(flat), edges.dtype) if edges.dtype in COMPILED else None
    if find is not None:
        scale = (GUIDE / total).numpy()[()]
        find(edges.numpy(), guide.numpy(), scale, flat.contiguous().numpy(), out.numpy())
        return out.reshape(uniform.shape)
    for i in range(0, len(flat), 4 * GUIDE):
        x = flat[i : i + 4 * GUIDE] * total
        at = stretch(x)
        found = guide[at]
        unsure = (guide[at + 1] != found).nonzero().squeeze(1)
        found[unsure] = torch.searchsorted(edges, x[unsure], right=True)
        out[i : i + 4 * GUIDE] = found.clamp_max_(last)
    return out.reshape(uniform.shape)


# --- kernels: plain loops that Numba understands --------------------------------------------------------------------


@no_type_check
def _fill(row, page, draw, key, shift, out):
    """`words`; the inner loop runs along the longer side, so that it fills the processor's vectors."""
    mask, half = np.uint64(0xFFFFFFFF), np.uint64(32)

    def block(c0, c1, c2, c3):
        k0, k1 = key & mask, key >> half
        for _ in range(10):
            p0, p1 = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
            c0, c2 = ((p1 >> half) ^ c1 ^ k0) & mask, ((p0 >> half) ^ c3 ^ k1) & mask
            c1, c3 = p1 & mask, p0 & mask
            k0, k1 = (k0 + np.uint64(0x9E3779B9)) & mask, (k1 + np.uint64(0xBB67AE85)) & mask
        return c0 >> shift, c1 >> shift, c2 >> shift, c3 >> shift

    n, width = out.shape
    across = width // 4 if width >= 32 else 0
    for i in range(n if across else 0):
        c0, c1 = row[i] & mask, page[i] & mask
        for b in range(across):
            out[i, 4 * b], out[i, 4 * b + 1], out[i, 4 * b + 2], out[i, 4 * b + 3] = block(c0, c1, np.uint64(b), draw)
    down = np.empty((4, n), out.dtype)
    for b in range(across, (width + 3) // 4):
        for i in range(n):
            down[0, i], down[1, i], down[2, i], down[3, i] = block(row[i] & mask, page[i] & mask, np.uint64(b), draw)
        for k in range(min(4, width - 4 * b)):
            for i in range(n):
                out[i, 4 * b + k] = down[k, i]


@no_type_check
def _pick(weights, uniform, out):
    """`choose` on rows of weights, four at a time, for the partial sums of one row wait for each other.

    Like torch, it sums in float64 and rounds every partial sum, here where one is looked at.
    """
    n, levels = weights.shape
    rounded, sums = weights.dtype.type, np.empty((levels, 4))
    for first in range(0, n, 4):
        i, j, k = min(first + 1, n - 1), min(first + 2, n - 1), min(first + 3, n - 1)
        a = b = c = d = 0.0
        for level in range(levels):
            a, b = a + weights[first, level], b + weights[i, level]
            c, d = c + weights[j, level], d + weights[k, level]
            sums[level, 0], sums[level, 1], sums[level, 2], sums[level, 3] = a, b, c, d
        for r in range(min(4, n - first)):
            x = uniform[first + r] * rounded(sums[levels - 1, r])
            below, left = 0, levels
            while left > 0:
                half = left // 2
                beyond = not rounded(sums[below + half, r]) > x
                below = below + half + 1 if beyond else below
                left = left - half - 1 if beyond else half
            out[first + r] = min(below, levels - 1)


@no_type_check
def _find(edges, guide, scale, uniform, out):
    """`_shared`."""
    last = len(edges) - 1
    for i in range(len(uniform)):
        x = uniform[i] * edges[last]
        at = min(int(x * scale), len(guide) - 2)
        low, high = guide[at], guide[at + 1]
        while low < high:
            middle = (low + high) // 2
            if edges[middle] > x:
                high = middle
            else:
                low = middle + 1
        out[i] = min(low, last)
