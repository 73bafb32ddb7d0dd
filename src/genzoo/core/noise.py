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
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.distributions import Distribution

__all__ = ["Noise", "fresh_seed", "philox", "seeded"]

MASK = 0xFFFFFFFF
CHUNK = 1 << 14  # blocks of four words at a time, so that the rounds stay in cache
PAGES, AHEAD = 16, 1 << 16  # small draws are made for up to 16 pages, while those hold at most 65,536 numbers

Maker = Callable[["_Source", tuple[int, ...], torch.dtype], Tensor]


def fresh_seed() -> int:
    """A seed nobody chose, from the operating system; record it wherever it is used."""
    return secrets.randbits(31)


def philox(c0: Any, c1: Any, c2: Any, c3: Any, key: int) -> tuple[Any, Any, Any, Any]:
    """The four 32-bit words of Philox-4×32-10 at a counter (c0, c1, c2, c3).

    The same lines run on NumPy's uint64 arrays, whose calls cost half of torch's on a CPU, and on int64 tensors of any
    device; products wrap modulo 2⁶⁴ in both, and masking keeps the 32 bits that count.

    Args:
        c0: The first counter word, an array or tensor of values below 2³².
        c1: The second, broadcastable with the first, as the others.
        c2: The third.
        c3: The fourth.
        key: 64 bits of key.

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
        return self._draw("words", _words, shape, torch.int64)

    def uniform(self, *shape: int, dtype: torch.dtype | None = None) -> Float[Tensor, "n *rest"]:
        """Uniform numbers in [0, 1), on a grid of 2⁻²⁴ (float32) or 2⁻⁵³ (float64, which refines the same numbers)."""
        return self._draw("uniform", _uniform, shape, dtype or torch.get_default_dtype())

    def normal(self, *shape: int, dtype: torch.dtype | None = None) -> Float[Tensor, "n *rest"]:
        """Standard normal numbers by Box and Muller's map of two uniforms,

        $$ z_0, z_1 = \\sqrt{-2 \\log u_1}\\,(\\cos 2\\pi u_2, \\sin 2\\pi u_2), $$

        computed in float64 and rounded once, hence within 2 ulp on every device.
        """
        return self._draw("normal", _normal, shape, dtype or torch.get_default_dtype())

    def bernoulli(self, probs: Float[Tensor, "n *rest"]) -> Float[Tensor, "n *rest"]:
        """Ones with the given probabilities, else zeros."""
        return (self.uniform(*probs.shape, dtype=probs.dtype) < probs).to(probs.dtype)

    def categorical(self, logits: Float[Tensor, "n *rest levels"]) -> Int[Tensor, "n *rest"]:
        """Class numbers with probabilities softmax(logits), by inversion of the cumulative distribution."""
        edges = logits.softmax(-1).cumsum(-1)
        uniform = self.uniform(*logits.shape[:-1], dtype=logits.dtype).unsqueeze(-1) * edges[..., -1:]
        return torch.searchsorted(edges, uniform, right=True).squeeze(-1).clamp_max(logits.shape[-1] - 1)

    def integers(self, high: int, *shape: int) -> Int[Tensor, "n *rest"]:
        """Uniform integers in [0, high), for high up to 2³¹ (bias below high / 2³²)."""
        return (self.words(*shape) * high) >> 32

    def permutation(self, n: int) -> Int[Tensor, " n"]:
        """A uniformly random order of 0, …, n − 1; the same for every row, worker and device."""
        words = Noise(self.seed, *self.path, "permutation", self.draws).words(n, 2)
        self.draws += 1
        return ((words[:, 0] << 31) ^ words[:, 1]).argsort(stable=True)

    def draw(self, distribution: Distribution, rows: int | None = None) -> Shaped[Tensor, "n *rest"]:
        """A draw from a distribution, reparametrised where the distribution can be.

        Args:
            distribution: One of those that `genzoo.core.draws` knows, or any with a method `draw(noise)`.
            rows: The number of independent rows, for a distribution whose batch has no row axis.

        Raises:
            TypeError: If nothing is known about drawing from this kind of distribution.
        """
        from genzoo.core.draws import draw

        if rows is not None:
            distribution = distribution.expand(torch.Size([rows, *distribution.batch_shape]))
        return draw(distribution, self)

    def _copy(self, **changes: Any) -> "Noise":
        other = copy.copy(self)
        vars(other).update(changes)
        return other

    def _draw(self, kind: str, make: Maker, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        self.draws += 1
        ahead = min(PAGES, AHEAD // max(1, math.prod(shape)))
        if self.pages is None or self.index is not None or ahead < 2:
            return make(self._source(shape[0], range(self.page, self.page + 1)), shape, dtype)
        name = (self.key, self.draws, kind, shape, dtype, self.start)
        first = self.page - self.page % ahead
        block, kept = self.pages.get(name, (-1, self.index))
        if kept is None or block != first:
            kept = make(self._source(shape[0], range(first, first + ahead)), (ahead * shape[0], *shape[1:]), dtype)
            self.pages[name] = (first, kept)
        return kept[(self.page - first) * shape[0] :][: shape[0]].clone()

    def _source(self, rows: int, pages: range) -> "_Source":
        if self.index is not None and len(self.index) != rows:
            raise ValueError(
                f"The first axis of a draw is the row axis: this noise is for {len(self.index)} rows, got {rows}. "
                "Draw one row per row, or take `noise.rows(…)` first."
            )
        number = torch.arange(rows) if self.index is None else self.index
        return _Source(self.key, self.draws, number + self.start, pages, self.device)

    def __repr__(self) -> str:
        return f"Noise({', '.join(repr(part) for part in (self.seed, *self.path))}, start={self.start})"


class _Source(NamedTuple):
    """The words of one draw: counter = (row, page, block, draw)."""

    key: int
    draw: int
    rows: Tensor
    pages: range
    device: torch.device

    def words(self, width: int, lane: int = 0) -> Tensor:
        """(pages · rows, width) words; lane 1 holds the low halves of 53-bit uniforms."""
        blocks = -(-width // 4)
        page = torch.arange(self.pages.start, self.pages.stop).repeat_interleave(len(self.rows))
        row = self.rows.repeat(len(self.pages))
        step = max(1, CHUNK // max(1, blocks))
        parts = [
            self._blocks(row[i : i + step], page[i : i + step], blocks, lane) for i in range(0, max(1, len(row)), step)
        ]
        return (parts[0] if len(parts) == 1 else torch.cat(parts)).flatten(1)[:, :width]

    def _blocks(self, row: Tensor, page: Tensor, blocks: int, lane: int) -> Tensor:
        draw = 2 * self.draw + lane
        if self.device.type == "cpu":
            a0, a1 = (part.numpy().astype(np.uint64)[:, None] for part in (row, page))
            words = philox(a0, a1, np.arange(blocks, dtype=np.uint64)[None], np.uint64(draw), self.key)
            return torch.from_numpy(np.stack(words, axis=-1).view(np.int64))
        c0, c1 = (part.to(self.device)[:, None] for part in (row, page))
        c2 = torch.arange(blocks, device=self.device)[None]
        return torch.stack(philox(c0, c1, c2, torch.full_like(c2, draw), self.key), dim=-1)


def _words(source: _Source, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    return source.words(math.prod(shape[1:])).reshape(shape)


def _uniform(source: _Source, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    high = _words(source, shape, dtype)
    if dtype != torch.float64:
        return ((high >> 8).float() * 2.0**-24).to(dtype)
    low = source.words(math.prod(shape[1:]), lane=1).reshape(shape)
    return (high * 2**21 + (low >> 11)).double() * 2.0**-53


def _normal(source: _Source, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    width = math.prod(shape[1:])
    half = (width + 1) // 2
    first, second = source.words(2 * half).double().split(half, dim=1) if half else (source.words(0).double(),) * 2
    radius = first.add(0.5).mul_(2.0**-32).log_().mul_(-2).sqrt_()
    angle = second.mul(2 * math.pi * 2.0**-32)
    both = torch.cat([radius * angle.cos(), radius * angle.sin()], dim=1)
    return both[:, :width].to(dtype).reshape(shape)


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
