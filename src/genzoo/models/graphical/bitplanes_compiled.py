"""The sweeps of `bitplanes` compiled by numba: the same words, the same draws, the same states, bit for bit.

The compiler turns the loops over words into vector instructions. Nothing is kept on disk: the first sweep of a process
waits a few seconds for it.
"""

import functools
from collections.abc import Callable
from typing import Any, no_type_check

import numpy as np

from genzoo.models.graphical.bitplanes import BITS, Lanes, Rule

__all__ = ["compiled_sweeps", "is_there"]

BLOCK = 1 << 10  # words at a time, so that generators and draws stay in the first cache


@functools.cache
def is_there() -> bool:
    """Whether numba, the extra `fast`, is installed."""
    try:
        import numba  # noqa: F401
    except ImportError:
        return False
    return True


def compiled_sweeps(
    planes: np.ndarray, twist: bool, rule: Rule, lanes: tuple[Lanes, Lanes], masks: np.ndarray
) -> None:
    """Runs half sweeps over both colors in turn, in place, as many as there are masks.

    Args:
        planes: (2, G, R, H) words, the color of the corner first.
        twist: Whether the 64 bits are strips of one lattice.
        rule: Heat bath or Metropolis.
        lanes: The generators of either color.
        masks: (half sweeps, 2, bits) thresholds.

    Raises:
        ImportError: If numba is missing.
    """
    even, odd = lanes
    states = ((even.a, even.b, even.c), (odd.a, odd.b, odd.c))
    _kernels()(planes, twist, rule == "heat-bath", *states, np.uint64(even.counter), masks)
    for lane in lanes:
        lane.counter += BITS * len(masks) // 2


@functools.cache
def _kernels() -> Callable[..., None]:
    import numba

    return _sweeps(numba.njit, _draws(numba.njit), _heat_bath(numba.njit), _metropolis(numba.njit))


@no_type_check  # numba must see the bare functions, not ones that check their arguments
def _draws(njit: Any) -> Any:
    """Random words against both thresholds, as `Lanes.below`; (r ∧ w) ∨ (T ∧ (r ⊕ w)) is r ∨ w or r ∧ w."""

    @njit
    def step(a, b, c, counter):
        word = a + b + counter
        turned = c << np.uint64(24) | c >> np.uint64(40)
        return b ^ (b >> np.uint64(11)), c + (c << np.uint64(3)), turned + word, word

    @njit
    def decide(below, mask, word):
        return (below & word) | (mask & (below ^ word))

    @njit
    def draws(a, b, c, counter, masks, first, second, coin):
        for i in range(len(a)):
            first[i] = second[i] = np.uint64(0)
        for k in range(0, BITS, 4):  # four words in registers for each turn through memory
            t0, t1, t2, t3 = masks[0, k], masks[0, k + 1], masks[0, k + 2], masks[0, k + 3]
            u0, u1, u2, u3 = masks[1, k], masks[1, k + 1], masks[1, k + 2], masks[1, k + 3]
            at = counter + np.uint64(k)
            for i in range(len(a)):
                x, y, z, word = step(a[i], b[i], c[i], at)
                f, g = decide(first[i], t0, word), decide(second[i], u0, word)
                x, y, z, word = step(x, y, z, at + np.uint64(1))
                f, g = decide(f, t1, word), decide(g, u1, word)
                x, y, z, word = step(x, y, z, at + np.uint64(2))
                f, g = decide(f, t2, word), decide(g, u2, word)
                x, y, z, word = step(x, y, z, at + np.uint64(3))
                first[i], second[i] = decide(f, t3, word), decide(g, u3, word)
                a[i], b[i], c[i], coin[i] = x, y, z, word

    return draws


@no_type_check
def _heat_bath(njit: Any) -> Any:
    @njit
    def update(own, up, down, left, right, first, second, coin):
        for k in range(len(own)):
            some, other = up[k] ^ down[k], left[k] ^ right[k]
            odd = some ^ other
            both, too = up[k] & down[k], left[k] & right[k]
            tie = (some & other) | (~odd & (both ^ too))
            most, all_ = (both | too) ^ first[k], (both & too) ^ second[k]
            own[k] = odd & most | ~odd & (tie & coin[k] | ~tie & all_)

    return update


@no_type_check
def _metropolis(njit: Any) -> Any:
    @njit
    def update(own, up, down, left, right, first, second, coin):
        for k in range(len(own)):
            a, b, c, d = up[k] ^ ~own[k], down[k] ^ ~own[k], left[k] ^ ~own[k], right[k] ^ ~own[k]
            all_ = a & b & c & d
            three = ((a & b) & (c ^ d)) | ((a ^ b) & (c & d))
            own[k] ^= ~(all_ | three) | three & first[k] | second[k]

    return update


@no_type_check
def _sweeps(njit: Any, draws: Any, heat_bath: Any, metropolis: Any) -> Any:
    @njit
    def beside(other, row, parity, side):
        width = len(side)
        if row % 2 == parity:
            side[0] = other[row, width - 1]
            side[1:] = other[row, : width - 1]
        else:
            side[width - 1] = other[row, 0]
            side[: width - 1] = other[row, 1:]

    @njit
    def above(other, row, twist, out):
        out[:] = other[row - 1]
        if twist and row == 0:
            out[:] = out << np.uint64(1) | out >> np.uint64(63)

    @njit
    def under(other, row, twist, out):
        last = row == len(other) - 1
        out[:] = other[0 if last else row + 1]
        if twist and last:
            out[:] = out >> np.uint64(1) | out << np.uint64(63)

    @njit
    def half(own, other, parity, twist, heat, state, counter, masks):
        a, b, c = state
        groups, rows, width = own.shape
        step = max(1, BLOCK // width)
        size = step * width
        f, s, coin = np.empty(size, np.uint64), np.empty(size, np.uint64), np.empty(size, np.uint64)
        up, down, side = np.empty(width, np.uint64), np.empty(width, np.uint64), np.empty(width, np.uint64)
        for first in range(0, groups * rows, step):
            last = min(first + step, groups * rows)
            now = slice(first * width, last * width)
            draws(a[now], b[now], c[now], counter, masks, f, s, coin)
            for at in range(first, last):
                g, row = divmod(at, rows)
                now = slice((at - first) * width, (at - first + 1) * width)
                draw = f[now], s[now], coin[now]
                above(other[g], row, twist, up)
                under(other[g], row, twist, down)
                beside(other[g], row, parity, side)
                if heat:
                    heat_bath(own[g, row], up, down, other[g, row], side, *draw)
                else:
                    metropolis(own[g, row], up, down, other[g, row], side, *draw)

    @njit
    def sweeps(planes, twist, heat, even, odd, counter, masks):
        for i in range(0, len(masks), 2):
            half(planes[0], planes[1], 0, twist, heat, even, counter, masks[i])
            half(planes[1], planes[0], 1, twist, heat, odd, counter, masks[i + 1])
            counter += np.uint64(BITS)

    return sweeps
