"""Noise: every random draw of training and sampling.

A counter-based generator is a keyed bijection of a counter: word number c of the stream with key k is
$\\mathrm{Philox}_k(c)$, with no state to carry. Here the counter is (row, page, block, draw) and the key is a hash of
the seed and a path of names, so that **row i of a draw depends on the key and on i alone**: not on the batch size, on
the order or number of the workers, nor on the device. That one property gives samples that do not change with the
batch size, several processes that see the numbers of one, and exact resume without saving any generator.

References:
    Salmon, Moraes, Dror & Shaw, 2011, "Parallel random numbers: as easy as 1, 2, 3", SC '11 (Philox-4×32-10)
    Box & Muller, 1958, "A note on the generation of random normal deviates"
"""

import contextlib
import copy
import hashlib
import math
import secrets
from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo._random import at_least_single, choose
from genzoo._stream import Maker, Stream, integer_words, normals, uniforms

__all__ = ["Noise", "fresh_seed", "seeded"]

PAGES, AHEAD = 16, 1 << 16  # small draws are made for up to 16 pages, while those hold at most 65,536 numbers


def fresh_seed() -> int:
    """A seed nobody chose, from the operating system; record it wherever it is used."""
    return secrets.randbits(31)


class Noise:
    """A stream of random numbers in which row i depends on (seed, path, tick, i) alone.

    The first axis of every draw is the row axis. Draws are numbered as they are made, so a program that makes the same
    calls gets the same numbers; `at` gives an independent stream for a part of the program, `tick` the next page of
    the same one.

    Args:
        seed: Any integer.
        path: Names that single out this stream, such as ("train", player).
        start: The number of the first row.
        device: Where the numbers are wanted.

    Example:
        >>> whole = Noise(7).normal(4, 2)
        >>> halves = torch.cat([Noise(7).normal(2, 2), Noise(7, start=2).normal(2, 2)])
        >>> torch.equal(whole, halves)
        True
        >>> torch.equal(Noise(7).at("prior").normal(4, 2), whole)
        False
    """

    def __init__(self, seed: int, *path: int | str, start: int = 0, device: torch.device | str = "cpu") -> None:
        self.seed, self.path, self.start = int(seed), path, start
        self.device = torch.device(device)
        self.index: Tensor | None = None
        self.page, self.draws = 0, 0
        self.pages: dict[Any, tuple[int, Tensor]] | None = None
        name = "\0".join(repr(part) for part in (self.seed, *path)).encode()
        self.key = int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "little")

    def at(self, *path: int | str) -> "Noise":
        """An independent stream over the same rows, keyed by the path from here."""
        child = Noise(self.seed, *self.path, *path, start=self.start, device=self.device)
        child.index, child.page, child.pages = self.index, self.page, self.pages
        return child

    def tick(self, page: int) -> "Noise":
        """The stream's page for one step of a loop.

        Pages are independent. Small draws are made for several pages at once and kept for the steps to come: the
        same bits at a fraction of the calls.
        """
        other = self._copy(page=page, draws=0)
        self.pages = other.pages = {} if self.pages is None else self.pages
        return other

    def rows(self, index: slice | Int[Tensor, " n"]) -> "Noise":
        """This stream for some of its rows only: a slice, or row numbers counted from the first."""
        if isinstance(index, Tensor):
            return self._copy(index=index.cpu() if self.index is None else self.index[index.cpu()])
        if self.index is not None:
            return self._copy(index=self.index[index])
        return self._copy(start=self.start + (index.start or 0))

    def to(self, device: torch.device | str) -> "Noise":
        """This stream with its numbers on another device: the same bits."""
        return self._copy(device=torch.device(device))

    def words(self, *shape: int) -> Int[Tensor, "n *rest"]:
        """Uniform integers in [0, 2³²) as int64."""
        return self._draw("words", integer_words, shape, torch.int64)

    def uniform(self, *shape: int, dtype: torch.dtype | None = None) -> Float[Tensor, "n *rest"]:
        """Uniform numbers in [0, 1), on a grid as fine as the type's at 1: 2⁻²⁴ for float32, 2⁻⁸ for bfloat16.

        All types have the same numbers, the finer ones with more digits. What is compared with them, or made from
        them, is made in float32 at least and rounded at the end: a grid of 2⁻⁸ has no small probabilities.
        """
        return self._draw("uniform", uniforms, shape, dtype or torch.get_default_dtype())

    def normal(self, *shape: int, dtype: torch.dtype | None = None) -> Float[Tensor, "n *rest"]:
        """Standard normal numbers by Box and Muller's map of two uniforms,

        $$ z_0, z_1 = \\sqrt{-2 \\log u_1}\\,(\\cos 2\\pi u_2, \\sin 2\\pi u_2), $$

        computed in float64 and rounded once, hence within 2 ulp on every device.
        """
        return self._draw("normal", normals, shape, dtype or torch.get_default_dtype())

    def bernoulli(self, probs: Float[Tensor, "n *rest"]) -> Float[Tensor, "n *rest"]:
        """Ones with the given probabilities, else zeros."""
        return self.uniform(*probs.shape, dtype=at_least_single(probs.dtype)).lt_(probs.detach()).to(probs.dtype)

    def categorical(self, logits: Float[Tensor, "n *rest levels"]) -> Int[Tensor, "n *rest"]:
        """Class numbers with probabilities softmax(logits), by inversion of the cumulative distribution."""
        return choose(logits, self.uniform(*logits.shape[:-1], dtype=at_least_single(logits.dtype)))

    def integers(self, high: int, *shape: int) -> Int[Tensor, "n *rest"]:
        """Uniform integers in [0, high), for high up to 2³¹ (bias below high / 2³²)."""
        return (self.words(*shape) * high) >> 32

    def permutation(self, n: int) -> Int[Tensor, " n"]:
        """A uniformly random order of 0, …, n − 1; the same for every row, worker and device."""
        words = Noise(self.seed, *self.path, "permutation", self.draws).words(n, 2)
        self.draws += 1
        return ((words[:, 0] << 31) ^ words[:, 1]).argsort(stable=True)

    def _copy(self, **changes: Any) -> "Noise":
        other = copy.copy(self)
        vars(other).update(changes)
        return other

    def _draw(self, kind: str, make: Maker, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        self.draws += 1
        ahead = min(PAGES, AHEAD // max(1, math.prod(shape)))
        if self.pages is None or self.index is not None or ahead < 2:
            return self._made(make, range(self.page, self.page + 1), shape, dtype)
        name = (self.key, self.draws, kind, shape, dtype, self.start)
        first = self.page - self.page % ahead
        block, kept = self.pages.get(name, (-1, self.index))
        if kept is None or block != first:
            kept = self._made(make, range(first, first + ahead), shape, dtype)
            self.pages[name] = (first, kept)
        return kept[(self.page - first) * shape[0] :][: shape[0]].clone()

    def _made(self, make: Maker, pages: range, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        if self.index is not None and len(self.index) != shape[0]:
            raise ValueError(
                f"The first axis of a draw is the row axis: this noise is for {len(self.index)} rows, got {shape[0]}. "
                "Draw one row per row, or take `noise.rows(…)` first."
            )
        return Stream(self.key, self.draws, self.start, self.index, self.device).numbers(make, pages, shape, dtype)

    def __repr__(self) -> str:
        return f"Noise({', '.join(repr(part) for part in (self.seed, *self.path))}, start={self.start})"


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Global randomness set to a seed for a while and put back as it was: parameter initialisation and dropout.

    Example:
        >>> before = torch.get_rng_state()
        >>> with seeded(3):
        ...     weight = torch.nn.Linear(2, 2).weight
        >>> torch.equal(before, torch.get_rng_state())
        True
    """
    generators = [torch.default_generator]
    if torch.cuda.is_initialized():
        generators.append(torch.cuda.default_generators[torch.cuda.current_device()])
    states = [generator.get_state() for generator in generators]  # fork_rng does the same, fifty times slower
    try:
        for generator in generators:
            generator.manual_seed(seed)
        yield
    finally:
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)
