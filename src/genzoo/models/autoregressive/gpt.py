"""A decoder-only transformer over symbols.

$$ p(x \\mid given) = \\prod_t p(x_t \\mid x_{<t}, given), $$

all conditionals from one causal transformer: the sequence is read from a start symbol on, and what stands at each
place says what comes next. A condition stands before the start, as vectors of its own.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor, nn

from genzoo.core.abilities import Sequential
from genzoo.core.given import NOTHING, Given, GivenSpaceLike, given_rows
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.autoregressive.autoregressive import Autoregressive
from genzoo.models.sequences import check_padding, counted, flattened, refuse_unlike, scored, symbols
from genzoo.nn.conditioning import Conditioning
from genzoo.nn.transformer import FAST, Cache, Style, Transformer

__all__ = ["GPT"]

PLACES = 1 << 15  # places that are scored together, where no gradient is wanted


class GPT(Autoregressive):
    """A generative pretrained transformer on symbols: letters, bytes, ids, pixels of few levels.

    Sequences may vary in length: the end is a symbol too, so that `log_prob` is a mass over all lengths. With
    the style `GPT2`, a ragged space and as many symbols, it is GPT-2 to the last digit.

    Args:
        space: What one x is: levels, of a fixed shape or ragged.
        given_space: What the model is conditioned on, if anything; its tokens stand before the sequence.
        width: The length of the vectors.
        depth: The number of blocks.
        heads: Heads of attention.
        style: What the blocks are made of; without rotary embedding, places have learned vectors, and the vectors
            that symbols are read from are those that they are written with.
        dropout: The share of numbers dropped in training.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Raises:
        ValueError: If the space is not discrete, or the width does not divide among the heads.

    Example:
        >>> model = GPT(Space((12,), levels=27, ragged=True), width=16, depth=1, heads=2)
        >>> x = model.sample(5, seed=0, prefix=torch.tensor([3, 1]), temperature=0.8, top_k=5)
        >>> x.shape, x[:, :2].unique(dim=0).tolist(), bool((model.log_prob(x) < 0).all())
        (torch.Size([5, 12]), [[3, 1]], True)

    References:
        Radford et al., 2019, "Language models are unsupervised multitask learners"
        Jordan et al., 2024, "modded-nanogpt" (the default style)
    """

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        width: int = 128,
        depth: int = 4,
        heads: int = 4,
        style: Style = FAST,
        dropout: float = 0.0,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space)
        refuse_unlike(space, "GPT")
        self.style, self.drop_given = style, drop_given
        self.prefix = Conditioning(given_space, width) if given_space else None
        places = (0 if self.prefix is None else sum(self.prefix.counts)) + space.dims
        self.table = nn.Embedding(1 + (space.levels or 0), width)  # the last one starts, and ends where lengths vary
        self.place = None if style.rotary else nn.Embedding(places, width)
        self.drop = nn.Dropout(dropout)
        self.transformer = Transformer(width, depth, heads, places, style=style, dropout=dropout)
        self.head = nn.Embedding(symbols(space), width) if style.rotary else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Starts the tables anew: at first every symbol is as likely."""
        if self.head is not None:
            nn.init.zeros_(self.head.weight)
        if not self.style.from_zero:
            for table in (self.table, self.place):
                if table is not None:
                    nn.init.normal_(table.weight, std=0.02)

    def logits(
        self, tokens: Int[Tensor, "B T"], given: Given = NOTHING, caches: list[Cache] | None = None
    ) -> Float[Tensor, "B T symbols"]:
        """What comes after each symbol: unnormalized log-probabilities.

        Args:
            tokens: Symbols, the first of them the start symbol; with caches, those that follow.
            given: The condition, which stands before the first symbol; none with caches that hold it already.
            caches: Keys and values of what came before; they take in these.
        """
        h = self.table(tokens)
        begun, absent = caches[0].used if caches else 0, None
        if self.prefix is not None and not begun:
            told = self.prefix(given)
            h = torch.cat([told.values.to(h.dtype), h], dim=1)
            absent = ~told.present if len(self.prefix.counts) < told.present.shape[1] else None
        if self.place is not None:
            h = h + self.place.weight[begun : begun + h.shape[1]]
        h = self.transformer(self.drop(h), caches, absent)[:, -tokens.shape[1] :]
        head = self.table if self.head is None else self.head
        return h @ head.weight[: symbols(self.space)].mT

    def start(self, n: int) -> Int[Tensor, "n 1"]:
        """The start symbol, a row each."""
        return torch.full((n, 1), self.space.levels or 0, device=self.device)

    def log_density(self, x: Integer[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        check_padding(x, self.space)
        tokens = flattened(x, self.space)
        if self.space.ragged and len(tokens):  # nothing is learned from places where every row has ended
            tokens = tokens[:, : int(counted(tokens, self.space).sum(1).max())]
        rows = len(x) if torch.is_grad_enabled() else max(1, PLACES // tokens.shape[1])
        blocks = (slice(first, first + rows) for first in range(0, len(x), rows))
        parts = [self._log_density(tokens[part], given_rows(given, part)) for part in blocks]
        return torch.cat(parts) if parts else torch.zeros(0, dtype=self.dtype, device=x.device)

    def steps(self) -> Sequential:
        return Steps(self)

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, style={self.style}"

    def _log_density(self, tokens: Tensor, given: Given) -> Tensor:
        """The log-probability of sequences, all places at once."""
        inputs = torch.cat([self.start(len(tokens)), tokens[:, :-1]], dim=1)
        return scored(self.logits(inputs, given), tokens, self.space)


@dataclass
class Read:
    """What a transformer has read, and what it is still to read."""

    caches: list[Cache]
    given: Given
    waiting: Int[Tensor, "n t"]


class Steps(Sequential):
    """A transformer symbol by symbol: keys and values of the past are kept."""

    def __init__(self, model: GPT) -> None:
        self.model, self.space, self.symbols = model, model.space, symbols(model.space)

    def begin(self, n: int, given: Given = NOTHING) -> Read:
        caches = self.model.transformer.caches(n, like=self.model.table.weight)
        return Read(caches, given, self.model.start(n))

    def logits(self, state: Read) -> Float[Tensor, "n symbols"]:
        said = self.model.logits(state.waiting, state.given, state.caches)[:, -1]
        state.waiting = state.waiting[:, :0]
        return said

    def take(self, state: Read, symbol: Int[Tensor, " n"]) -> Read:
        """Symbols wait until they are asked about, so that a prefix is read at once."""
        state.waiting = torch.cat([state.waiting, symbol[:, None]], dim=1)
        return state
