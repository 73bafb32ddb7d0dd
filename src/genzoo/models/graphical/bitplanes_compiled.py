"""The sweeps of `bitplanes` as loops that Numba compiles: the same words, the same draws, the same states.

The compiler turns the loops over words into vector instructions.
"""

from typing import no_type_check

import numpy as np

from genzoo._compiled import compiled, once_it_pays
from genzoo.models.graphical.bitplanes import BITS, Lanes, Rule

__all__ = ["compiled_sweeps", "they_pay"]

BLOCK = 1 << 10  # words at a time, so that generators and draws stay in the first cache
PLAIN = 40  # nanoseconds of a word in half a sweep: NumPy takes 60, but these take half as long again to compile


def they_pay(planes: np.ndarray, rule: Rule, masks: np.ndarray) -> bool:
    """Whether so many half sweeps, and those before them, have cost as much in NumPy as compiling does.

    Args:
        planes: (2, G, R, H) words.
        rule: Heat bath or Metropolis.
        masks: (half sweeps, 2, bits) thresholds.
    """
    return once_it_pays(_sweeps, PLAIN * planes[0].size * len(masks), rule) is not None


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
        ImportError: If Numba is missing.
    """
    even, odd = ((lane.a, lane.b, lane.c, np.uint64(lane.counter)) for lane in lanes)
    update = _heat_bath if rule == "heat-bath" else _metropolis
    compiled(_sweeps)(planes, twist, even, odd, masks, compiled(_half), compiled(_draws), compiled(update))
    for lane in lanes:
        lane.counter += BITS * len(masks) // 2


# --- kernels: plain loops that Numba understands --------------------------------------------------------------------


@no_type_check
def _sweeps(planes, twist, even, odd, masks, half, draws, update):
    (a, b, c, first), (x, y, z, _) = even, odd
    for i in range(0, len(masks), 2):
        counter = first + np.uint64(BITS // 2 * i)
        parity = i % 2  # 0, but no literal, for which all would be compiled once and for 1 once more
        half(planes[0], planes[1], parity, twist, (a, b, c, counter), masks[i], draws, update)
        half(planes[1], planes[0], 1 - parity, twist, (x, y, z, counter), masks[i + 1], draws, update)


@no_type_check
def _half(own, other, parity, twist, lanes, masks, draws, update):
    def beside(row, right, side):  # loops, for to give a slice to a slice takes three seconds to compile
        last = len(row) - 1
        if right:
            side[0] = row[last]
            for i in range(last):
                side[i + 1] = row[i]
        else:
            side[last] = row[0]
            for i in range(last):
                side[i] = row[i + 1]

    def above(row, around, out):
        for i in range(len(row)):
            out[i] = row[i] << np.uint64(1) | row[i] >> np.uint64(63) if around else row[i]

    def under(row, around, out):
        for i in range(len(row)):
            out[i] = row[i] >> np.uint64(1) | row[i] << np.uint64(63) if around else row[i]

    a, b, c, counter = lanes
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
            g, row = at // rows, at % rows
            now = slice((at - first) * width, (at - first + 1) * width)
            above(other[g, row - 1], twist and row == 0, up)
            under(other[g, (row + 1) % rows], twist and row == rows - 1, down)
            beside(other[g, row], row % 2 == parity, side)
            update(own[g, row], up, down, other[g, row], side, f[now], s[now], coin[now])


@no_type_check
def _draws(a, b, c, counter, masks, first, second, coin):
    """Random words against both thresholds, as `Lanes.below`; (r ∧ w) ∨ (T ∧ (r ⊕ w)) is r ∨ w or r ∧ w."""

    def step(a, b, c, counter):
        word = a + b + counter
        turned = c << np.uint64(24) | c >> np.uint64(40)
        return b ^ (b >> np.uint64(11)), c + (c << np.uint64(3)), turned + word, word

    def decide(below, mask, word):
        return (below & word) | (mask & (below ^ word))

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


@no_type_check
def _heat_bath(own, up, down, left, right, first, second, coin):
    for k in range(len(own)):
        some, other = up[k] ^ down[k], left[k] ^ right[k]
        odd = some ^ other
        both, too = up[k] & down[k], left[k] & right[k]
        tie = (some & other) | (~odd & (both ^ too))
        most, all_ = (both | too) ^ first[k], (both & too) ^ second[k]
        own[k] = odd & most | ~odd & (tie & coin[k] | ~tie & all_)


@no_type_check
def _metropolis(own, up, down, left, right, first, second, coin):
    for k in range(len(own)):
        a, b, c, d = up[k] ^ ~own[k], down[k] ^ ~own[k], left[k] ^ ~own[k], right[k] ^ ~own[k]
        all_ = a & b & c & d
        three = ((a & b) & (c ^ d)) | ((a ^ b) & (c & d))
        own[k] ^= ~(all_ | three) | three & first[k] | second[k]
