"""A decoder-only transformer over symbols.

$$ p(x \\mid given) = \\prod_t p(x_t \\mid x_{<t}, given), $$

all conditionals from one causal transformer: the sequence is read from a start symbol on, and what stands at each
place says what comes next. A condition stands before the start, as vectors of its own.
"""

from collections.abc import Iterator, Mapping

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from genzoo.core.given import Given, GivenSpace
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.autoregressive.choice import check_choice, chosen
from genzoo.models.autoregressive.sequences import (
    check_padding,
    counted,
    flattened,
    refuse_unlike,
    symbols,
    unflattened,
)
from genzoo.nn.embedding import Embedding
from genzoo.nn.transformer import FAST, Cache, Style, Transformer

__all__ = ["GPT"]

ROWS = 256  # rows that are drawn together, so that their keys and values stay within memory
PLACES = 1 << 15  # places that are scored together, where no gradient is wanted


class GPT(GenerativeModel):
    """A generative pretrained transformer on symbols: letters, bytes, ids, pixels of few levels.

    Sequences may vary in length: the end is a symbol too, so that `log_prob` is a mass over all lengths. With
    the style `GPT2`, a ragged space and as many symbols, it is GPT-2 to the last digit.

    Args:
        space: What one x is: levels, of a fixed shape or ragged.
        given: What the model is conditioned on, if anything; it stands before the sequence, each entry of levels a
            vector, reals one vector together.
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

    likelihood = Likelihood.EXACT

    def __init__(
        self,
        space: Space,
        given: GivenSpace = None,
        *,
        width: int = 128,
        depth: int = 4,
        heads: int = 4,
        style: Style = FAST,
        dropout: float = 0.0,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given)
        refuse_unlike(space, "GPT")
        self.style, self.drop_given = style, drop_given
        self.prefix = None if given is None else Prefix(given, width)
        places = (0 if self.prefix is None else self.prefix.places) + space.dims
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
        self, tokens: Int[Tensor, "B T"], given: Given = None, caches: list[Cache] | None = None
    ) -> Float[Tensor, "B T symbols"]:
        """What comes after each symbol: unnormalized log-probabilities.

        Args:
            tokens: Symbols, the first of them the start symbol; with caches, those that follow.
            given: The condition, which stands before the first symbol; none with caches that hold it already.
            caches: Keys and values of what came before; they take in these.
        """
        h = self.table(tokens)
        begun = caches[0].used if caches else 0
        if self.prefix is not None and not begun:
            h = torch.cat([self.prefix(given).to(h.dtype), h], dim=1)
        if self.place is not None:
            h = h + self.place.weight[begun : begun + h.shape[1]]
        h = self.transformer(self.drop(h), caches)[:, -tokens.shape[1] :]
        head = self.table if self.head is None else self.head
        return h @ head.weight[: symbols(self.space)].mT

    def log_density(self, x: Integer[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        check_padding(x, self.space)
        tokens = flattened(x, self.space)
        if self.space.ragged and len(tokens):  # nothing is learned from places where every row has ended
            tokens = tokens[:, : int(counted(tokens, self.space).sum(1).max())]
        rows = len(x) if torch.is_grad_enabled() else max(1, PLACES // tokens.shape[1])
        parts = [self._log_density(tokens[part], _rows(given, part)) for part in _blocks(len(x), rows)]
        return torch.cat(parts) if parts else torch.zeros(0, dtype=self.dtype, device=x.device)

    def draw(
        self,
        n: int,
        given: Given,
        noise: Noise,
        *,
        prefix: Integer[Tensor, "..."] | None = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
    ) -> Integer[Tensor, "n *event"]:
        """Samples, symbol by symbol.

        Args:
            n: The number of rows.
            given: The condition.
            noise: Where the draws come from.
            prefix: The first symbols, (t,) for all rows or (n, t) for each; the rest is drawn to follow them.
            temperature: Divides the logits: below 1 the likely becomes likelier; 0 takes the likeliest.
            top_k: Only the so many likeliest symbols are drawn from.
            top_p: Only the likeliest symbols are drawn from that together have this probability.
        """
        check_choice(temperature, top_k, top_p)
        start = self._start(n, prefix)
        tokens = torch.full((n, self.space.dims), self.space.levels or 0, device=self.device)
        choice = (temperature, top_k, top_p)
        for part in _blocks(n, ROWS):
            self._continue(tokens[part], start[part], _rows(given, part), noise.rows(part), choice)
        return unflattened(tokens, self.space)

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given}, style={self.style}"

    def _log_density(self, tokens: Tensor, given: Given) -> Tensor:
        """The log-probability of sequences, all places at once."""
        inputs = torch.cat([self._start(len(tokens), None), tokens[:, :-1]], dim=1)
        logits = self.logits(inputs, given)
        logits = logits.float() if logits.dtype == torch.bfloat16 else logits
        nats = cross_entropy(logits.flatten(0, 1), tokens.flatten(), reduction="none").view_as(tokens)
        return -(nats * counted(tokens, self.space)).sum(1)

    def _start(self, n: int, prefix: Tensor | None) -> Tensor:
        """The start symbol and what is to follow it, a row each."""
        start = torch.full((n, 1), self.space.levels or 0, device=self.device)
        if prefix is None:
            return start
        prefix = prefix.to(self.device).long()
        if prefix.ndim not in (1, 2) or prefix.shape[-1] > self.space.dims or (prefix.ndim == 2 and len(prefix) != n):
            raise ValueError(
                f"`prefix` must be up to {self.space.dims} symbols, (t,) or ({n}, t), got {tuple(prefix.shape)}. "
                "Flatten it in raster order, or shorten it."
            )
        if prefix.numel() and not 0 <= int(prefix.min()) <= int(prefix.max()) < (self.space.levels or 0):
            raise ValueError(f"`prefix` must hold symbols in [0, {self.space.levels}), got {prefix.tolist()}.")
        return torch.cat([start, prefix.expand(n, prefix.shape[-1])], dim=1)

    def _continue(
        self, tokens: Tensor, start: Tensor, given: Given, noise: Noise, choice: tuple[float, int | None, float | None]
    ) -> None:
        """Writes into `tokens` what stands in `start` and what is drawn to follow it."""
        known, end = start.shape[1] - 1, self.space.levels
        tokens[:, :known] = start[:, 1:]
        caches = self.transformer.caches(len(tokens), like=self.table.weight)
        ended = torch.zeros(len(tokens), dtype=torch.bool, device=tokens.device)
        step = start
        for t in range(known, tokens.shape[1]):
            logits = self.logits(step, given if t == known else None, caches)[:, -1]
            drawn = chosen(logits, noise.tick(t), *choice)
            tokens[:, t] = drawn.masked_fill(ended, end or 0)
            ended |= tokens[:, t] == end
            if ended.all():
                return
            step = tokens[:, t : t + 1]


class Prefix(nn.Module):
    """A condition as vectors before a sequence: one for each entry of levels, one for all reals of a part together."""

    def __init__(self, given: Space | Mapping[str, Space], width: int) -> None:
        super().__init__()
        spaces = {"given": given} if isinstance(given, Space) else given
        self.parts = nn.ModuleDict(
            {name: (Entries if part.is_discrete else Embedding)(part, width) for name, part in spaces.items()}
        )
        self.places = sum(part.dims if part.is_discrete else 1 for part in spaces.values())

    def forward(self, given: Given) -> Float[Tensor, "B places width"]:
        rows = given if isinstance(given, Mapping) else {"given": given}
        vectors = [part(rows[name]) for name, part in self.parts.items()]
        return torch.cat([v if v.ndim == 3 else v[:, None] for v in vectors], dim=1)


class Entries(nn.Module):
    """A vector for each entry: that of its level, of padding, or of null, and that of its place."""

    def __init__(self, space: Space, width: int) -> None:
        super().__init__()
        self.null = 1 + (space.levels or 0)
        self.table = nn.Embedding(self.null + 1, width)
        self.place = nn.Parameter(torch.zeros(space.dims, width))

    def forward(self, given: Tensor) -> Tensor:
        rows = given.reshape(len(given), -1)
        return self.table(torch.where(rows < 0, self.null, rows)) + self.place[: rows.shape[1]]


def _blocks(n: int, rows: int) -> Iterator[slice]:
    return (slice(first, first + rows) for first in range(0, n, rows))


def _rows(given: Given, part: slice) -> Given:
    if given is None or isinstance(given, Tensor):
        return None if given is None else given[part]
    return {name: rows[part] for name, rows in given.items()}
