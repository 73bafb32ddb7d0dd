"""Tests of random words: what uniform and independent ones would show, and how surprising it is that these do not.

Each test takes words from a source, computes one number whose distribution under the hypothesis is known, and gives
its p-value, two-sided: words that fit too well are no better than words that do not fit. A generator with a lattice
passes what looks at few numbers coarsely, and fails what counts coincidences: of n birthdays among k days, sorted, as
many as n³ / 4k spacings should agree, and a lattice has either hardly any or almost all.

References:
    Knuth, 1997, "The art of computer programming", volume 2, §3.3
    Marsaglia, 1968, "Random numbers fall mainly in the planes"; 1985, "A current view of random number generators"
    L'Ecuyer & Simard, 2001, "On the performance of birthday spacings tests with certain families of random number
        generators"; 2007, "TestU01: a C library for empirical testing of random number generators"
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped, UInt64
from scipy import stats

from genzoo.randomness.sources import WordSource

__all__ = [
    "Outcome",
    "birthday_spacings",
    "bit_period",
    "cells",
    "examine",
    "kolmogorov_smirnov",
    "lag_correlation",
    "mean",
    "planes",
    "serial",
    "top_bits",
    "uniform",
]

ALARM = 1e-6


class Outcome(NamedTuple):
    """What a test saw, what it should have seen about, and the two-sided p-value."""

    test: str
    seen: float
    expected: float
    p: float

    @property
    def failed(self) -> bool:
        """Whether chance shows this less than once in a million times."""
        return self.p < ALARM


def examine(source: WordSource, draws: int = 20_000_000) -> list[Outcome]:
    """All tests in turn, each on words that follow those of the one before.

    Args:
        source: Where the words come from.
        draws: The words that each larger test takes.

    Raises:
        ValueError: If there are too few draws for the tests to mean anything.

    Example:
        >>> from genzoo.randomness import randu
        >>> [each.test for each in examine(randu(), 100_000) if each.failed][:1]
        ['serial triples']
    """
    if draws < 50_000:
        raise ValueError(f"The tests need 50,000 draws at least, got {draws}. Ask for more.")
    pairs = draws // 4
    bits = round(math.log2(pairs**3 / 108) / 2)  # 27 equal spacings expected, as near as whole bits allow
    return [
        mean(source, draws),
        kolmogorov_smirnov(source, min(draws, 1_000_000)),
        cells(source, draws),
        lag_correlation(source, draws),
        serial(source, draws, 2, 256 if draws >= 2_000_000 else 64),
        serial(source, draws, 3, 64 if draws >= 10_000_000 else 16),
        birthday_spacings(source, pairs, bits=bits, together=2),
        birthday_spacings(source, 4096, repeats=max(5, draws // 40_000)),
        bit_period(source, 0),
        bit_period(source, 8),
        planes(source),
    ]


def uniform(source: WordSource, n: int) -> Float[np.ndarray, " n"]:
    """The next n words as numbers U = X / m."""
    return np.minimum((source.words(n) / float(source.m)).astype(np.float64), 1 - 2.0**-53)


def top_bits(source: WordSource, n: int, bits: int) -> UInt64[np.ndarray, " n"]:
    """⌊2^bits U⌋ for the next n words, exactly."""
    words, size = source.words(n), source.m.bit_length() - 1
    if source.m == 1 << size and size <= 64:
        words = words.astype(np.uint64)
        return words >> np.uint64(size - bits) if bits <= size else words << np.uint64(bits - size)
    if size + 1 + bits <= 64:
        return (words.astype(np.uint64) << np.uint64(bits)) // np.uint64(source.m)
    return np.array([(int(word) << bits) // source.m for word in words], np.uint64)


def mean(source: WordSource, n: int) -> Outcome:
    """The mean of U against its normal law, 1/2 with variance 1 / 12 n."""
    found = float(uniform(source, n).mean())
    return Outcome("mean", found, 0.5, _normal((found - 0.5) * math.sqrt(12 * n)))


def kolmogorov_smirnov(source: WordSource, n: int) -> Outcome:
    """The largest distance between the empirical distribution function and the diagonal."""
    found = stats.kstest(uniform(source, n), "uniform")
    p = float(found.pvalue)
    return Outcome("Kolmogorov-Smirnov", float(found.statistic), 0.8687 / math.sqrt(n), min(1.0, 2 * min(p, 1 - p)))


def cells(source: WordSource, n: int, count: int = 1024) -> Outcome:
    """χ² of the numbers of U in equal cells."""
    where = (uniform(source, n) * count).astype(np.int64)
    return _chi_square(f"{count} cells", where, count)


def lag_correlation(source: WordSource, n: int) -> Outcome:
    """The correlation of each U with the next; √n times it is standard normal."""
    off = uniform(source, n) - 0.5
    found = float(off[:-1] @ off[1:] / (off @ off))
    return Outcome("lag-1 correlation", found, 0.0, _normal(found * math.sqrt(n)))


def serial(source: WordSource, n: int, together: int, count: int) -> Outcome:
    """χ² of the numbers of disjoint pairs or triples in the cells of a grid with `count` to a side."""
    where = (uniform(source, n - n % together) * count).astype(np.int64).reshape(-1, together)
    flat = where @ count ** np.arange(together)
    return _chi_square(f"serial {'pairs' if together == 2 else 'triples'}", flat, count**together)


def birthday_spacings(source: WordSource, n: int, *, bits: int = 31, together: int = 1, repeats: int = 1) -> Outcome:
    """How many spacings between n sorted birthdays equal another: nearly Poisson with mean n³ / 4k for each repeat.

    Args:
        source: Where the words come from.
        n: Birthdays in a year.
        bits: The high bits taken of a word; k = 2^(bits · together), or the modulus where that is less.
        together: Words that make one birthday.
        repeats: Years.
    """
    days = min(2**bits, source.m) ** together
    seen = 0
    for _ in range(repeats):
        if days < 2**bits:
            parts = source.words(n).astype(np.uint64)[:, None]
        else:
            parts = top_bits(source, n * together, bits).reshape(n, together)
        day = parts[:, 0]
        for part in parts.T[1:]:
            day = (day << np.uint64(bits)) | part
        spacings = np.diff(np.sort(day))
        spacings.sort()
        seen += int((spacings[1:] == spacings[:-1]).sum())
    expected = repeats * n**3 / (4 * days)
    kind = "birthday spacings" if together == 1 else "birthday spacings of pairs"
    return Outcome(kind, float(seen), expected, _poisson(seen, expected))


def bit_period(source: WordSource, bit: int, n: int = 1 << 17) -> Outcome:
    """The period of one bit of the words, the lowest being bit 0; 0 if n words show none up to n / 2.

    Where the first 64 bits come again a period may have ended; whether it did, the rest tells.
    """
    words = source.words(n)
    bits = ((words >> bit) & 1).astype(np.uint64)
    windows = np.zeros(n - 63, np.uint64)
    for i in range(64):
        windows = (windows << np.uint64(1)) | bits[i : n - 63 + i]
    again = np.flatnonzero(windows[1 : n // 2] == windows[0]) + 1
    found = next((int(k) for k in again if np.array_equal(bits[k:], bits[:-k])), 0)
    return Outcome(f"period of bit {bit}", float(found), 0.0, 0.0 if found else 1.0)


def planes(source: WordSource, n: int = 30_000, count: int = 1 << 21) -> Outcome:
    """The distinct values of 9 Xₙ − 6 Xₙ₊₁ + Xₙ₊₂ modulo m, in `count` cells; on RANDU's planes there is one."""
    words = [int(word) for word in source.words(n + 2)]
    off = [(9 * x - 6 * y + z) % source.m for x, y, z in zip(words, words[1:], words[2:], strict=False)]
    seen = len({value * count // source.m for value in off})
    expected = count * -math.expm1(n * math.log1p(-1 / count))
    return Outcome("values of 9x - 6y + z", float(seen), expected, _poisson(n - seen, n - expected))


def _chi_square(name: str, where: Shaped[np.ndarray, " n"], count: int) -> Outcome:
    seen, expected = np.bincount(where, minlength=count), len(where) / count
    statistic = float(((seen - expected) ** 2).sum() / expected)
    law = stats.chi2(count - 1)
    return Outcome(name, statistic, count - 1.0, min(1.0, 2 * float(min(law.cdf(statistic), law.sf(statistic)))))


def _normal(z: float) -> float:
    return math.erfc(abs(z) / math.sqrt(2))


def _poisson(seen: int, expected: float) -> float:
    law = stats.poisson(expected)
    return min(1.0, 2 * float(min(law.cdf(seen), law.sf(seen - 1))))
