"""The linear congruential generator,

$$ X_{n+1} = (a X_n + c) \\bmod m, \\qquad U_n = X_n / m. $$

A step is an affine map, and so is any number of steps: k of them are $X \\mapsto (A_k X + C_k) \\bmod m$ with
$A_{j+k} = A_j A_k$ and $C_{j+k} = A_j C_k + C_j$. Hence a jump costs O(log k), and a block of L consecutive words,
L steps further, is the next block: one multiplication of arrays instead of L steps that wait for each other.

For m = 2^k the lowest j + 1 bits of X are a generator modulo 2^(j+1) by themselves, so bit j repeats after at most
2^(j+1) words: the reason why no test of low bits is ever passed.

References:
    Lehmer, 1951, "Mathematical methods in large-scale computing units"
    Hull & Dobell, 1962, "Random number generators"
    Park & Miller, 1988, "Random number generators: good ones are hard to find"
"""

import math
import operator
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

__all__ = ["LinearCongruential", "ansi_c", "minstd", "randu"]

LANES = 1 << 14  # words in a block: as many as a core's first caches hold


class LinearCongruential:
    """X' = (a X + c) mod m, exact for any integers; the defaults are the lecture's.

    Args:
        a: The multiplier, 0 < a < m.
        c: The increment, 0 ≤ c < m.
        m: The modulus, at least 2.
        seed: The state X₀ before the first word, 0 ≤ X₀ < m.

    Raises:
        TypeError: If one of them is no integer.
        ValueError: If one of them is out of its range, or c and the seed are both 0, which gives zeros for ever.

    Example:
        >>> LinearCongruential(seed=1).words(5).tolist()
        [22695478, 8561967, 719750332, 71484141, 763924754]
        >>> LinearCongruential(seed=1).jump(4).words(1).tolist()
        [763924754]
        >>> LinearCongruential(5, 3, 16, seed=0).uniform(4)
        array([0.1875, 0.125 , 0.8125, 0.25  ])
    """

    def __init__(self, a: int = 22_695_477, c: int = 1, m: int = 2**31, seed: int = 1) -> None:
        self.a, self.c, self.m, self.state = map(_integer, ("a", "c", "m", "seed"), (a, c, m, seed))
        if self.m < 2:
            raise ValueError(f"The modulus must be at least 2, got m = {m}. The lecture's is 2**31.")
        if not 0 < self.a < self.m:
            raise ValueError(f"The multiplier must be in 0 < a < m = {m}, got a = {a}. Reduce it: a % m.")
        if not 0 <= self.c < self.m:
            raise ValueError(f"The increment must be in 0 <= c < m = {m}, got c = {c}. Reduce it: c % m.")
        if not 0 <= self.state < self.m:
            raise ValueError(f"The seed must be in 0 <= seed < m = {m}, got {seed}. Reduce it: seed % m.")
        if self.c == self.state == 0:
            raise ValueError("With c = 0 the seed must not be 0, for zero is followed by zeros only. Take seed = 1.")

    @property
    def has_full_period(self) -> bool:
        """Whether every state is visited, by Hull and Dobell's theorem.

        So it is just when c and m have no common divisor, a − 1 is divisible by every prime that divides m, and by 4
        if m is.
        """
        primes = pow(self.a - 1, self.m.bit_length(), self.m) == 0
        return math.gcd(self.c, self.m) == 1 and primes and (self.m % 4 != 0 or (self.a - 1) % 4 == 0)

    def jump(self, k: int) -> "LinearCongruential":
        """Moves k ≥ 0 steps ahead in O(log k); returns itself.

        Raises:
            ValueError: If k is negative.
        """
        if k < 0:
            raise ValueError(f"A jump must go ahead, got k = {k}. Start again from the seed.")
        multiplier, increment = self._steps(k)
        self.state = (multiplier * self.state + increment) % self.m
        return self

    def words(self, n: int) -> Shaped[np.ndarray, " n"]:
        """The next n words: uint32 if m ≤ 2³², uint64 if m ≤ 2⁶⁴, else Python's integers."""
        out = np.empty(n, np.uint32 if self.m <= 2**32 else np.uint64 if self.m <= 2**64 else object)
        kind = self._arithmetic()
        if kind is None:
            for i in range(n):
                out[i] = self.state = (self.a * self.state + self.c) % self.m
        elif n:
            self._fill(out, kind)
            self.state = int(out[-1])
        return out

    def uniform(self, n: int) -> Float[np.ndarray, " n"]:
        """The next n numbers U = X / m in [0, 1); 0 among them."""
        words = self.words(n)
        if words.dtype == object:
            numbers = np.array([word / self.m for word in words], np.float64)
        else:
            numbers = words / float(self.m)
        return np.minimum(numbers, 1 - 2.0**-53)  # beyond 53 bits the quotient may round up to 1

    def _steps(self, k: int) -> tuple[int, int]:
        """(A_k, C_k), by squaring."""
        (a, c), (whole, rest) = (self.a, self.c), (1, 0)
        while k:
            if k & 1:
                whole, rest = whole * a % self.m, (rest * a + c) % self.m
            a, c, k = a * a % self.m, (a + 1) * c % self.m, k >> 1
        return whole, rest

    def _arithmetic(self) -> Any:
        """The unsigned type in which a X + c comes out right: modulo 2³² or 2⁶⁴ by wrapping, or without overflow."""
        if self.m & (self.m - 1) == 0 and self.m <= 2**64:
            return np.uint32 if self.m <= 2**32 else np.uint64
        return np.uint64 if self.m <= 2**32 else None

    def _fill(self, out: np.ndarray, kind: Any) -> None:
        block = np.array([(self.a * self.state + self.c) % self.m], kind)
        while len(block) < min(LANES, len(out)):  # L words and the L words after them are 2 L words
            block = np.concatenate([block, self._after(block, self._steps(len(block)), np.empty_like(block))])
        step = self._steps(len(block))
        out[: len(block)] = block[: len(out)]
        for i in range(len(block), len(out), len(block)):
            part = out[i : i + len(block)]
            if part.dtype == kind and len(part) == len(block):
                block = self._after(block, step, part)
            else:
                block = self._after(block, step, np.empty_like(block))
                part[:] = block[: len(part)]

    def _after(self, block: np.ndarray, step: tuple[int, int], out: np.ndarray) -> np.ndarray:
        """(A X + C) mod m."""
        kind = out.dtype.type
        np.multiply(block, kind(step[0]), out=out)
        out += kind(step[1])
        if self.m & (self.m - 1) == 0:
            out &= kind(self.m - 1)
        else:
            out %= kind(self.m)
        return out

    def __repr__(self) -> str:
        return f"LinearCongruential(a={self.a}, c={self.c}, m={self.m}, seed={self.state})"


def ansi_c(seed: int = 1) -> LinearCongruential:
    """The example of the C standard, a = 1103515245, c = 12345, m = 2³¹, with all its bits."""
    return LinearCongruential(1_103_515_245, 12_345, 2**31, seed)


def randu(seed: int = 1) -> LinearCongruential:
    """RANDU, a = 65539, c = 0, m = 2³¹; the seed should be odd.

    As (2¹⁶ + 3)² = 6 (2¹⁶ + 3) − 9 modulo 2³¹, every word is X'' = 6 X' − 9 X: its triples lie in 15 planes.
    """
    return LinearCongruential(65_539, 0, 2**31, seed)


def minstd(seed: int = 1) -> LinearCongruential:
    """Park and Miller's minimal standard, a = 16807, c = 0, m = 2³¹ − 1."""
    return LinearCongruential(16_807, 0, 2**31 - 1, seed)


def _integer(name: str, value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}. Exact arithmetic needs exact numbers.") from None
