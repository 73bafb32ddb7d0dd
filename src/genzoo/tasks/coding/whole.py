"""Whole numbers in parts, each coded under the law that the parts before it tell.

An integer flow takes rows to whole numbers and back without loss, so that these are coded in the place of x,

$$ -\\log_2 P(x) = \\sum_k -\\log_2 P(z_k \\mid z_{<k}). $$

A law reaches over all whole numbers, and an entropy coder over those of a window; what lies outside is an escape of a
fixed small mass, and follows as 32 bits. Numbers that the flow rounds on its way back are rounded by the encoder's
doubts, as all else is that decides which way to go.

References:
    Hoogeboom, Peters, van den Berg & Welling, 2019, "Integer discrete flows and lossless compression",
        arXiv:1905.07376
"""

from collections.abc import Callable, Generator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from genzoo.core.errors import DataError
from genzoo.core.given import NOTHING, Given
from genzoo.core.space import Space
from genzoo.tasks.coding.fixed_point import STEP, TOP, Doubts, priced, weights
from genzoo.tasks.coding.road import Packed, Road, coder, words_of

__all__ = ["LatticeLike", "Whole"]

ESCAPE = 14.0  # nats of what lies outside the window
AT_ONCE = 1 << 18  # masses that are computed together
HALF, ROUNDED = 1 << 16, 1 << 31  # of a number that escapes; keys of what the flow rounds


class LatticeLike(Protocol):
    """Rows as whole numbers in parts, and the laws of the parts."""

    space: Space

    def parts(self, x: Tensor, given: Given) -> Sequence[Tensor]:
        """The whole numbers of rows, part after part."""

    def unfold(
        self, n: int, given: Given, settle: Any
    ) -> Generator[Callable[[Tensor, slice], Tensor], Tensor, Tensor]:
        """The law of each part in turn, and x at the end."""


class Whole(Road):
    """Rows by the whole numbers that a model makes of them.

    Args:
        lattice: The numbers and their laws, of a model in double precision.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.abilities import Lattice
        >>> from genzoo.models.flows import IntegerFlow
        >>> space = Space((8,), levels=16)
        >>> road = Whole(IntegerFlow(space, depth=2).double().able(Lattice))
        >>> x = torch.randint(16, (100, 8), dtype=torch.uint8)
        >>> packed = road.pack(x)
        >>> torch.equal(road.unpack(packed.words, packed.doubts, 100), x)
        True
    """

    name, rows = "whole", 64

    def __init__(self, lattice: LatticeLike) -> None:
        self.lattice, self.reach = lattice, 2 * (lattice.space.levels or 1)
        self.values = torch.arange(-self.reach, self.reach)

    @torch.no_grad()
    def pack(self, x: Shaped[Tensor, "n *event"], given: Given = NOTHING) -> Packed:
        encoder, family = coder().queue.RangeEncoder(), coder().model.Categorical(perfect=False)
        doubts, nats, charged = Doubts(), 0.0, 0
        unfolding = self.lattice.unfold(len(x), given, _settled(doubts))
        law, key = next(unfolding), 0
        for numbers in self.lattice.parts(x, given):
            for part in self._slices(numbers.shape):
                z = numbers[:, part].numpy().ravel()
                inside = np.abs(z + 0.5) < self.reach
                symbols = np.where(inside, z + self.reach, len(self.values)).astype(np.int32)
                found = self._surprises(law, part)
                encoder.encode(symbols, family, weights(doubts.round(found, STEP, key, TOP)))
                self._escaped(encoder, z[~inside])
                paid, without = priced(found[inside], symbols[inside])
                nats, charged, key = nats + paid, charged + without + int((~inside).sum()), key + 1
            law = _sent(unfolding, numbers)
        return Packed(encoder.get_compressed().astype("<u4").tobytes(), doubts.to_bytes(), nats, charged)

    @torch.no_grad()
    def unpack(self, words: bytes, doubts: bytes, n: int, given: Given = NOTHING) -> Shaped[Tensor, "n *event"]:
        decoder, family = coder().queue.RangeDecoder(words_of(words)), coder().model.Categorical(perfect=False)
        settled, key = Doubts(doubts), 0
        unfolding = self.lattice.unfold(n, given, _settled(settled))
        law: Any = next(unfolding)
        while not isinstance(law, Tensor):
            length, done = law(self.values[:1], slice(None)).shape[1], []
            for part in self._slices((n, length)):
                masses = weights(settled.round(self._surprises(law, part), STEP, key, TOP))
                done.append(torch.from_numpy(self._numbers(decoder, family, masses).reshape(n, -1)))
                key += 1
            law = _sent(unfolding, torch.cat(done, 1))
        return law

    def _numbers(self, decoder: Any, family: Any, masses: np.ndarray) -> np.ndarray:
        """The next whole numbers of a stream."""
        try:
            z = decoder.decode(family, masses).astype(np.int64) - self.reach
            for place in np.flatnonzero(z == len(self.values) - self.reach):
                high, low = decoder.decode(coder().model.Uniform(HALF), 2)
                z[place] = int(high) * HALF + int(low) - HALF * HALF // 2
        except (AssertionError, ValueError, KeyError) as error:
            cause = f"The bytes must be whole numbers of the model, got: {error}."
            raise DataError(f"{cause} Fetch the file again.") from error
        return z

    def _escaped(self, encoder: Any, z: np.ndarray) -> None:
        """Numbers outside the window, one after another."""
        for number in z.astype(np.int64) + HALF * HALF // 2:
            if not 0 <= number < HALF * HALF:
                raise DataError("Numbers of a flow must have 32 bits to be coded. Its weights are broken.")
            halves = np.array([number // HALF, number % HALF], dtype=np.int32)
            encoder.encode(halves, coder().model.Uniform(HALF))

    def _surprises(self, law: Callable[[Tensor, slice], Tensor], part: slice) -> np.ndarray:
        """−log P of the window's numbers and of an escape, a row for each entry of a part."""
        found = -law(self.values, part).flatten(0, 1).to(torch.float64)
        return torch.nn.functional.pad(found, (0, 1), value=ESCAPE).numpy()

    def _slices(self, shape: Sequence[int]) -> list[slice]:
        size = max(1, AT_ONCE // (shape[0] * len(self.values)))
        return [slice(first, first + size) for first in range(0, shape[1], size)]


def _settled(doubts: Doubts) -> Any:
    """How a flow rounds, so that who decodes rounds alike."""
    return lambda t, key: torch.from_numpy(doubts.round(t.numpy(), 1.0, ROUNDED + key)).to(t)


def _sent(unfolding: Any, numbers: Tensor) -> Any:
    """The law of the part after these numbers, or x."""
    try:
        return unfolding.send(numbers)
    except StopIteration as end:
        return end.value
