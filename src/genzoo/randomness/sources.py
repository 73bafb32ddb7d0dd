"""Where words come from: what the tests need to know of a generator."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt64

from genzoo.core.noise import Noise

__all__ = ["NoiseWords", "NumpyWords", "WordSource"]


@runtime_checkable
class WordSource(Protocol):
    """Words that should be uniform in {0, …, m − 1}; a `LinearCongruential` is one."""

    m: int

    def words(self, n: int) -> np.ndarray:
        """The next n words, of an unsigned type."""
        ...


class NumpyWords:
    """The words of one of NumPy's bit generators as they come.

    Args:
        bits: Such as `np.random.PCG64(seed)`.

    Example:
        >>> NumpyWords(np.random.PCG64(0)).words(3).dtype
        dtype('uint64')
    """

    def __init__(self, bits: Any) -> None:
        self.bits = bits
        self.m = 2**32 if type(bits).__name__ == "MT19937" else 2**64

    def words(self, n: int) -> UInt64[np.ndarray, " n"]:
        """The next n words."""
        words: np.ndarray = self.bits.random_raw(n)
        return words


class NoiseWords:
    """The 32-bit words of a `Noise`: those that all of genzoo draws from.

    Args:
        noise: The stream; every call of `words` is one draw.

    Example:
        >>> NoiseWords(Noise(0)).words(3).dtype
        dtype('uint64')
    """

    m = 2**32

    def __init__(self, noise: Noise) -> None:
        self.noise = noise

    def words(self, n: int) -> UInt64[np.ndarray, " n"]:
        """The next n words, in rows of 1024."""
        return self.noise.words(-(-n // 1024), 1024).numpy().view(np.uint64).reshape(-1)[:n]
