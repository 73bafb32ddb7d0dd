"""Symbols in an order, each coded by what the model expects of it after those before:

$$ -\\log_2 p(x) = \\sum_t -\\log_2 p(x_t \\mid x_{<t}), $$

which a range coder reaches within some bits of all rows together. Who decodes asks the same conditionals in the same
order, one symbol after another, and so does who encodes.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from genzoo.core.abilities import Sequential
from genzoo.core.errors import DataError
from genzoo.core.given import NOTHING, Given
from genzoo.tasks.coding.fixed_point import STEP, TOP, Doubts, priced, weights
from genzoo.tasks.coding.road import Packed, Road, coder, surprises, words_of

__all__ = ["Order"]

SYMBOLS = 1 << 16  # that are packed together, at least
LEAST, MOST = 64, 4096  # rows that are


class Order(Road):
    """Rows by conditionals over an order.

    Args:
        chain: The conditionals, of a model in double precision.
        as_symbols: Rows as sequences; those of varying lengths end with the last symbol, and go on with it.
        as_rows: Sequences as rows.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.autoregressive import Bigram
        >>> from genzoo.distributions.levels import flattened, unflattened
        >>> space = Space((30,), levels=4)
        >>> chain = Bigram(space).double().ability(Sequential)
        >>> road = Order(chain, lambda x: flattened(x, space), lambda s: unflattened(s, space))
        >>> x = torch.randint(4, (100, 30), dtype=torch.uint8)
        >>> packed = road.pack(x, {})
        >>> len(packed.words), torch.equal(road.unpack(packed.words, packed.doubts, 100, {}), x)  # 2 bits a symbol
        (752, True)

    References:
        Shannon, 1948, "A mathematical theory of communication"
        Martin, 1979, "Range encoding: an algorithm for removing redundancy from a digitised message"
    """

    name = "order"

    def __init__(
        self, chain: Sequential, as_symbols: Callable[[Tensor], Tensor], as_rows: Callable[[Tensor], Tensor]
    ) -> None:
        self.chain, self.as_symbols, self.as_rows = chain, as_symbols, as_rows
        self.end = chain.symbols - 1 if chain.space.ragged else None
        self.rows = min(MOST, max(LEAST, SYMBOLS // max(1, chain.space.dims)))

    @torch.no_grad()
    def pack(self, x: Shaped[Tensor, "n *event"], given: Given = NOTHING) -> Packed:
        return self.pack_symbols(self.as_symbols(x), None, given)

    @torch.no_grad()
    def unpack(self, words: bytes, doubts: bytes, n: int, given: Given = NOTHING) -> Shaped[Tensor, "n *event"]:
        longest = self.chain.space.dims
        found = self.unpack_symbols(words, doubts, np.full(n, longest), given)
        if self.end is not None:
            found = torch.nn.functional.pad(found, (0, longest - found.shape[1]), value=self.end)
        return self.as_rows(found)

    @torch.no_grad()
    def pack_symbols(self, symbols: Int[Tensor, "n T"], lengths: np.ndarray | None, given: Given = NOTHING) -> Packed:
        """Sequences as bytes. They may be longer than the model's: it then reads the last half of what it can before
        it goes on.

        Args:
            symbols: The sequences.
            lengths: The length of each; by default that of all, or up to its end.
            given: The condition.
        """
        known, stream = symbols.cpu().numpy().astype(np.int32), coder()
        encoder, family = stream.queue.RangeEncoder(), stream.model.Categorical(perfect=False)
        doubts, nats, charged = Doubts(), 0.0, 0
        lengths = np.full(len(known), known.shape[1]) if lengths is None else lengths
        ended = np.zeros(len(known), dtype=bool)
        for t, logits in self._asked(known, lengths, given):
            live = (t < lengths) & ~ended
            found, said = surprises(logits), known[live, t]
            masses = weights(doubts.round(found, STEP, t, TOP))[live]
            encoder.encode(said, family, masses)
            paid, without = priced(found[live], said)
            nats, charged = nats + paid, charged + without
            ended |= self._ends(known[:, t])
        return Packed(encoder.get_compressed().astype("<u4").tobytes(), doubts.to_bytes(), nats, charged)

    @torch.no_grad()
    def unpack_symbols(self, words: bytes, doubts: bytes, lengths: np.ndarray, given: Given = NOTHING) -> Tensor:
        """The sequences that bytes are, those that ended going on with their end.

        Args:
            words: What the entropy coder wrote.
            doubts: Which way numbers were rounded.
            lengths: The length of each sequence, at most.
            given: The condition.

        Raises:
            DataError: If they are no sequences.
        """
        stream, settled = coder(), Doubts(doubts)
        decoder, family = stream.queue.RangeDecoder(words_of(words)), stream.model.Categorical(perfect=False)
        n, longest = len(lengths), int(lengths.max(initial=0))
        known = np.full((n, longest), 0 if self.end is None else self.end, dtype=np.int32)
        ended, last = np.zeros(n, dtype=bool), 0
        for t, logits in self._asked(known, lengths, given):
            live, last = (t < lengths) & ~ended, t + 1
            masses = weights(settled.round(surprises(logits), STEP, t, TOP))[live]
            try:
                known[live, t] = decoder.decode(family, masses)
            except (AssertionError, ValueError, KeyError) as error:
                cause = f"The bytes must be symbols of the model, got: {error}."
                raise DataError(f"{cause} Fetch the file again.") from error
            ended |= self._ends(known[:, t])
            if ended.all():
                break
        return torch.from_numpy(known[:, :last].astype(np.int64))

    def _asked(self, known: np.ndarray, lengths: np.ndarray, given: Given) -> Iterator[tuple[int, Tensor]]:
        """The logits of each place in turn; what stands there must be known before the next one is asked for."""
        longest, reach = known.shape[1], self.chain.space.dims
        begin = 0
        while begin < longest:
            first = max(0, begin - reach // 2)
            state = self.chain.begin(len(known), given)
            end = min(longest, first + reach)
            for t in range(first, end):
                if t >= begin:
                    yield t, self.chain.logits(state)
                    if self.end is not None and bool(self._ends(known[:, t]).all()):
                        return
                else:
                    self.chain.logits(state)
                if t + 1 < end:
                    state = self.chain.take(state, self._placed(known[:, t]))
            begin = end

    def _placed(self, symbols: np.ndarray) -> Tensor:
        return torch.from_numpy(symbols.astype(np.int64))

    def _ends(self, symbols: np.ndarray) -> np.ndarray:
        found: np.ndarray = np.zeros(len(symbols), dtype=bool) if self.end is None else symbols == self.end
        return found
