"""Sixty-four spins a word: what a sweep of the square lattice does to bit planes, in NumPy.

A comparison of 64 random numbers with one threshold needs no numbers at all. Written in binary, U < T is decided by
the random bits from the last to the first: where T has a one, r ← r ∨ w, where it has a zero, r ← r ∧ w, and bit j
of r says whether the j-th number is below. Sixteen random words decide 64 spins, for both thresholds at once.

T is p·2¹⁶ rounded *at random*, anew in each half sweep, so that no probability is off: its mean over rounding is p to
within 2⁻³³. Random words come from one generator a word of spins, SFC64: adds, shifts and a counter, no
multiplication, 256 bits of state keyed by `Noise`. It is not linear over bits (as xoshiro's or a shift register's
output is), none of its 64 bits is weaker than another (as an LCG's low ones are), and each bit decides a spin.

References:
    Jacobs & Rebbi, 1981, "Multi-spin coding: a very efficient technique for Monte Carlo simulations of spin systems"
    Doty-Humphrey, 2010, "PractRand" (SFC64)
"""

import math
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Int64, UInt64

from genzoo.core.noise import Noise

__all__ = ["BITS", "Lanes", "Rule", "acceptance", "bit_counts", "half_sweep", "neighbors", "threshold_masks"]

Rule = Literal["heat-bath", "metropolis"]
Words = np.ndarray

BITS = 16
BLOCK = 1 << 14  # words at a time, so that generators stay in cache
ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
NINE, ELEVEN, LEFT, RIGHT = (np.uint64(number) for number in (9, 11, 24, 40))


class Lanes:
    """Many SFC64 generators side by side, one for each word of spins.

    Args:
        count: The number of generators.
        noise: What keys them: 192 bits each.

    Example:
        >>> below_third, below_tenth, coin = Lanes(1000, Noise(0)).below(threshold_masks([1 / 3, 0.1], np.zeros(1))[0])
        >>> round(float(np.bitwise_count(below_tenth).mean()) / 64, 2)
        0.1
    """

    WARM_UP = 12

    def __init__(self, count: int, noise: Noise) -> None:
        words = noise.words(count, 6).numpy().astype(np.uint64)
        self.a, self.b, self.c = (
            np.ascontiguousarray(words[:, i] << np.uint64(32) | words[:, i + 3]) for i in range(3)
        )
        self.counter = 1
        for _ in self.words(self.WARM_UP, slice(0, count), np.empty(count, np.uint64)):
            pass
        self.counter += self.WARM_UP

    def words(self, count: int, rows: slice, word: Words) -> Iterator[int]:
        """Puts the next words of some lanes into `word`, one at a time, and yields their number."""
        a, b, c, high = self.a[rows], self.b[rows], self.c[rows], np.empty_like(word)
        for k in range(count):
            np.add(a, b, out=word)
            np.add(word, np.uint64(self.counter + k), out=word)
            np.right_shift(b, ELEVEN, out=a)
            np.bitwise_xor(a, b, out=a)
            np.multiply(c, NINE, out=b)  # c + (c << 3)
            np.left_shift(c, LEFT, out=high)
            np.right_shift(c, RIGHT, out=c)
            np.bitwise_or(c, high, out=c)
            np.add(c, word, out=c)
            yield k

    def below(self, masks: UInt64[np.ndarray, "2 bits"]) -> tuple[Words, Words, Words]:
        """For each bit, whether a fresh uniform number is below each of two thresholds, and below ½."""
        size = len(self.a)
        below, coin = np.zeros((2, size), np.uint64), np.empty(size, np.uint64)
        either = [[np.bitwise_or if one else np.bitwise_and for one in ones] for ones in masks.T != 0]
        for start in range(0, size, BLOCK):
            rows = slice(start, min(size, start + BLOCK))
            first, second, word = below[0, rows], below[1, rows], coin[rows]
            for k in self.words(BITS, rows, word):
                either[k][0](first, word, out=first)
                either[k][1](second, word, out=second)
        self.counter += BITS
        return below[0], below[1], coin


def acceptance(rule: Rule, beta: float) -> tuple[float, float]:
    """The two probabilities that a sweep needs.

    Heat bath: that a spin goes against two or four neighbors more than go with it, $1 / (1 + e^{4\\beta})$ and
    $1 / (1 + e^{8\\beta})$. Metropolis: that a flip is accepted that costs as much, $e^{-4\\beta}$ and $e^{-8\\beta}$.

    Example:
        >>> acceptance("heat-bath", 0.0), acceptance("metropolis", 0.0)
        ((0.5, 0.5), (1.0, 1.0))
    """
    falls = [math.exp(-cost * beta) for cost in (4, 8)]
    first, second = [fall / (1 + fall) for fall in falls] if rule == "heat-bath" else falls
    return first, second


def threshold_masks(probs: Sequence[float], uniform: np.ndarray) -> UInt64[np.ndarray, "n 2 bits"]:
    """Thresholds p·2¹⁶ rounded by a uniform number, as masks: all ones where the k-th last bit is one.

    Example:
        >>> threshold_masks([0.5, 0.25], np.zeros(1)).astype(bool)[0, :, -2:].tolist()
        [[False, True], [True, False]]
    """
    exact = np.asarray(probs) * 2.0**BITS
    whole = np.minimum(np.floor(exact + uniform[:, None]), 2.0**BITS - 1).astype(np.uint64)
    bits = whole[..., None] >> np.arange(BITS, dtype=np.uint64) & np.uint64(1)
    return np.where(bits == 1, ALL, np.uint64(0))


def half_sweep(
    own: UInt64[np.ndarray, "G R H"],
    other: UInt64[np.ndarray, "G R H"],
    parity: int,
    twist: bool,
    rule: Rule,
    draws: tuple[Words, Words, Words],
) -> None:
    """Updates all sites of one color from those of the other, in place.

    Args:
        own: The words of the color to update; row i holds the columns 2k + (i + parity) mod 2.
        other: The words of the other color.
        parity: 0 for the color of the corner, 1 for the other.
        twist: Whether the 64 bits are strips of one lattice, rather than lattices of their own.
        rule: Heat bath or Metropolis.
        draws: What `Lanes.below` drew.
    """
    near = neighbors(other, parity, twist)
    first, second, coin = (words.reshape(own.shape) for words in draws)
    if rule == "heat-bath":
        np.copyto(own, heat_bath(near, first, second, coin))
    else:
        np.bitwise_xor(own, flips([words ^ ~own for words in near], first, second), out=own)


def neighbors(other: UInt64[np.ndarray, "G R H"], parity: int, twist: bool) -> list[Words]:
    """The words above, below, and on both sides of each word of a color."""
    up, down = np.roll(other, 1, axis=1), np.roll(other, -1, axis=1)
    if twist:  # above the first row of a strip is the last row of the strip before
        up[:, 0] = up[:, 0] << 1 | up[:, 0] >> 63
        down[:, -1] = down[:, -1] >> 1 | down[:, -1] << 63
    side = np.empty_like(other)
    side[:, parity::2] = np.roll(other[:, parity::2], 1, axis=2)
    side[:, 1 - parity :: 2] = np.roll(other[:, 1 - parity :: 2], -1, axis=2)
    return [up, down, other, side]


def heat_bath(near: Sequence[Words], first: Words, second: Words, coin: Words) -> Words:
    """The new spins: with most of the neighbors, but for those whose draw says against; a coin where they tie."""
    up, down, left, right = near
    some, other = up ^ down, left ^ right
    odd = some ^ other
    both, too = up & down, left & right
    tie = (some & other) | (~odd & (both ^ too))
    most = (both | too) ^ first  # one pair agrees, the other is torn
    all_ = (both & too) ^ second
    return odd & most | ~odd & (tie & coin | ~tie & all_)


def flips(agree: Sequence[Words], first: Words, second: Words) -> Words:
    """The accepted flips, from the neighbors that agree: at will with two or fewer, else as the draw says."""
    up, down, left, right = agree
    all_ = up & down & left & right
    three = ((up & down) & (left ^ right)) | ((up ^ down) & (left & right))
    return ~(all_ | three) | three & first | second


def bit_counts(words: UInt64[np.ndarray, "n G"]) -> Int64[np.ndarray, "G 64"]:
    """How often each of the 64 bits is set, over the first axis.

    Halves are added as binary numbers whose digits are words, so 64 counters grow at once.

    Example:
        >>> bit_counts(np.array([[1], [3], [1]], np.uint64))[0, :3].tolist()
        [3, 1, 0]
    """
    digits = [words]  # digits[d] holds the bits worth 2ᵈ
    while len(digits[0]) > 8:
        if len(digits[0]) % 2:
            digits = [np.concatenate([digit, np.zeros_like(digit[:1])]) for digit in digits]
        half, total = len(digits[0]) // 2, []
        carry = np.zeros_like(digits[0][:half])
        for digit in digits:
            x, y = digit[:half], digit[half:]
            total.append(x ^ y ^ carry)
            carry = (x & y) | (carry & (x ^ y))
        digits = [*total, carry]
    bits = np.unpackbits(np.stack(digits)[..., None].view(np.uint8), axis=-1, bitorder="little")
    return np.tensordot(1 << np.arange(len(digits)), bits.sum(1, dtype=np.int64), 1)
