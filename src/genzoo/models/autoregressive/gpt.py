"""A decoder-only transformer over symbols.

$$ p(x \\mid given) = \\prod_t p(x_t \\mid x_{<t}, given), $$

all conditionals from one causal transformer: the sequence is read from a start symbol on, and what stands at each
place says what comes next. A condition stands before the start, as vectors of its own.
"""

from dataclasses import dataclass
from typing import Unpack

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor, nn

from genzoo.core.given import NOTHING, Given, GivenSpaceLike, given_rows
from genzoo.core.model import GenerativeModel
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import unflattened
from genzoo.models.ahead import drawn_ahead
from genzoo.models.autoregressive.autoregressive import Autoregressive
from genzoo.models.beams import likeliest
from genzoo.models.choice import PLAIN, Choice, Choosing
from genzoo.models.revisable import Revisable
from genzoo.models.sequences import read, refuse_unlike, scored, symbols
from genzoo.models.stepping import continued, first_symbols
from genzoo.nn.conditioning import Conditioning
from genzoo.nn.transformer import FAST, Cache, Style, Transformer

__all__ = ["GPT"]

GUESSED = 4  # symbols of a draft at a time
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
        self.grid = Grid(space.shape, width) if style.rotary and len(space.shape) == 3 else None
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
        if self.grid is not None:
            before = max(0, begun - (0 if self.prefix is None else sum(self.prefix.counts)))
            h = h + self.grid(before, tokens.shape[1])
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
        tokens = read(x, self.space)
        if torch.compiler.is_exporting():  # a graph has its rows at once
            return self._log_density(tokens, given)
        rows = len(x) if torch.is_grad_enabled() else max(1, PLACES // tokens.shape[1])
        blocks = (slice(first, first + rows) for first in range(0, len(x), rows))
        parts = [self._log_density(tokens[part], given_rows(given, part)) for part in blocks]
        return torch.cat(parts) if parts else torch.zeros(0, dtype=self.dtype, device=x.device)

    def draw(
        self,
        n: int,
        given: Given,
        noise: Noise,
        *,
        prefix: Integer[Tensor, "..."] | None = None,
        ahead: int | None = None,
        draft: GenerativeModel | None = None,
        beams: int | None = None,
        **choosing: Unpack[Choosing],
    ) -> Integer[Tensor, "n *event"]:
        """Samples, symbol by symbol.

        Args:
            n: The number of rows.
            given: The condition.
            noise: Where the draws come from.
            prefix: The first symbols, (t,) for all rows or (n, t) for each; the rest is drawn to follow them.
            ahead: So many symbols are guessed at a time and checked at once: the same samples up to rounding, faster
                for few rows, see `genzoo.models.ahead`.
            draft: A smaller transformer of the same space and conditions that guesses them, by default 4.
            beams: The likeliest sequence that a search along so many finds in place of a draw.
            choosing: How the next symbol is chosen, as in `genzoo.models.choice.Choice`.

        Raises:
            ValueError: If options do not go together.
        """
        chain, choice = self.steps(), Choice(**choosing)
        if ahead is None and draft is None and beams is None:
            return continued(chain, n, given, noise=noise, prefix=prefix, choice=choice)
        start = first_symbols(chain.space, n, prefix)
        known = torch.zeros(n, 0, dtype=torch.long, device=self.device) if start is None else start.to(self.device)
        if beams is not None:
            if ahead is not None or draft is not None or choice != PLAIN:
                raise ValueError("`beams` must stand alone: it draws nothing. Leave out it, or the rest.")
            return unflattened(likeliest(chain, n, given, prefix=known, beams=beams), self.space)
        guesser = None if draft is None else draft.ability(Revisable)
        if draft is not None and guesser is None:
            raise ValueError(f"`draft` must be a gpt, got {type(draft).__name__}. Train a small one.")
        window, choice = GUESSED if ahead is None else ahead, choice.check()
        drawn = drawn_ahead(chain, n, given, noise=noise, prefix=known, choice=choice, window=window, draft=guesser)
        return unflattened(drawn, self.space)

    def steps(self) -> "Steps":
        return Steps(self)

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, style={self.style}"

    def _log_density(self, tokens: Tensor, given: Given) -> Tensor:
        """The log-probability of sequences, all places at once."""
        inputs = torch.cat([self.start(len(tokens)), tokens[:, :-1]], dim=1)
        return scored(self.logits(inputs, given), tokens, self.space)


class Grid(nn.Module):
    """Where the entry that comes next stands in an image: vectors of its row, its column and its channel.

    Args:
        shape: Channels, height and width; entries are read channel by channel, then along the rows.
        width: The length of the vectors.

    Example:
        >>> grid = Grid((3, 4, 5), width=8)
        >>> grid(2, 7).shape
        torch.Size([7, 8])
    """

    def __init__(self, shape: tuple[int, ...], width: int) -> None:
        super().__init__()
        channels, height, columns = shape
        self.sizes = height, columns, channels
        self.row, self.column, self.channel = (nn.Embedding(size, width) for size in self.sizes)
        for table in (self.row, self.column, self.channel):
            nn.init.zeros_(table.weight)

    def forward(self, first: int, count: int) -> Float[Tensor, "T width"]:
        """The vectors of so many entries from one on."""
        _, columns, channels = self.sizes
        place = torch.arange(first, first + count, device=self.row.weight.device)
        row, column, channel = place // (columns * channels), place // channels % columns, place % channels
        where: Tensor = self.row(row) + self.column(column) + self.channel(channel)
        return where


@dataclass
class Read:
    """What a transformer has read, and what it is still to read."""

    caches: list[Cache]
    given: Given
    waiting: Int[Tensor, "n t"]


class Steps(Revisable):
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

    def foresee(self, state: Read, symbols: Int[Tensor, "n k"]) -> Float[Tensor, "n places symbols"]:
        tokens = torch.cat([state.waiting, symbols], dim=1)
        said = self.model.logits(tokens, state.given, state.caches)[:, -symbols.shape[1] - 1 :]
        state.waiting = state.waiting[:, :0]
        return said

    def rewind(self, state: Read, count: int) -> Read:
        """Keys and values of what is taken back stay where they are, to be written over."""
        waiting = min(count, state.waiting.shape[1])
        state.waiting = state.waiting[:, : state.waiting.shape[1] - waiting]
        for cache in state.caches:
            cache.used -= count - waiting
        return state

    def select(self, state: Read, rows: Int[Tensor, " m"]) -> Read:
        return Read([cache.select(rows) for cache in state.caches], given_rows(state.given, rows), state.waiting[rows])
