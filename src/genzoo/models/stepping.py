"""What follows from conditionals over an order: samples, continuations, streams and scores of single entries.

All of it is written once, on `Sequential`: a model says what comes next, given what has come, and nothing else.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float, Int, Integer
from torch import Tensor

from genzoo.core.abilities import Sequential
from genzoo.core.given import NOTHING, Given, given_rows
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import flattened, unflattened
from genzoo.models.choice import PLAIN, Choice, chosen, with_said
from genzoo.models.sequences import counted

__all__ = ["continued", "entry_log_probs", "first_symbols", "none_said", "stream"]

ROWS = 256  # rows that are drawn together, so that what they remember stays within memory


def stream(
    chain: Sequential,
    n: int,
    given: Given = NOTHING,
    *,
    noise: Noise,
    prefix: Int[Tensor, "n t"] | None = None,
    choice: Choice = PLAIN,
) -> Iterator[Int[Tensor, " n"]]:
    """The symbols of n sequences, one place after another, as soon as they are drawn.

    Where lengths vary, a row that has ended goes on with its end; the stream ends when all rows have.

    Args:
        chain: The conditionals.
        n: The number of rows.
        given: The condition in full.
        noise: Where the draws come from; place t has its page t.
        prefix: The first symbols of each row, −1 after the last of a row that has fewer; the rest is drawn to follow
            them.
        choice: How the next symbol is chosen.

    Raises:
        ValueError: If a number of the choice is out of range.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.autoregressive import Bigram
        >>> chain = Bigram(Space((5,), levels=3)).ability(Sequential)
        >>> len([symbol for symbol in stream(chain, 2, noise=Noise(0))])
        5
    """
    choice.check()
    state, told = chain.begin(n, given), [] if prefix is None else list(prefix.to(noise.device).unbind(1))
    said = none_said(chain, n, noise.device) if choice.remembers else None
    end = chain.symbols - 1 if chain.space.ragged else -1
    ended: Tensor | None = None
    for t in range(chain.space.dims):
        if t < len(told) and bool((told[t] >= 0).all()):
            symbol = told[t]
        else:
            symbol = chosen(chain.logits(state), noise.tick(t), choice, said)
            symbol = torch.where(told[t] < 0, symbol, told[t]) if t < len(told) else symbol
        symbol = symbol if ended is None else symbol.masked_fill(ended, end)
        said = with_said(said, symbol[:, None])
        ended = symbol == end if ended is None else ended | (symbol == end)
        yield symbol
        if t + 1 < chain.space.dims and not (chain.space.ragged and bool(ended.all())):
            state = chain.take(state, symbol)
        else:
            return


def continued(
    chain: Sequential,
    n: int,
    given: Given,
    *,
    noise: Noise,
    prefix: Integer[Tensor, "..."] | None = None,
    choice: Choice = PLAIN,
) -> Integer[Tensor, "n *event"]:
    """Samples, as rows of the space.

    Args:
        chain: The conditionals.
        n: The number of rows.
        given: The condition in full.
        noise: Where the draws come from.
        prefix: The first symbols, (t,) for all rows or (n, t) for each.
        choice: How the next symbol is chosen.

    Raises:
        ValueError: If the prefix does not fit, or a number of the choice is out of range.
    """
    choice.check()
    start = first_symbols(chain.space, n, prefix)
    tokens = torch.full((n, chain.space.dims), chain.symbols - 1, device=noise.device)
    for first in range(0, n, ROWS):
        part = slice(first, min(first + ROWS, n))
        begun = None if start is None else start[part]
        rows, own = given_rows(given, part), noise.rows(part)
        drawn = stream(chain, part.stop - first, rows, noise=own, prefix=begun, choice=choice)
        for t, symbol in enumerate(drawn):
            tokens[part, t] = symbol
    return unflattened(tokens, chain.space)


def entry_log_probs(chain: Sequential, x: Integer[Tensor, "B *event"], given: Given = NOTHING) -> Float[Tensor, "B D"]:
    """log p(x_t | x_<t, given) of every entry in its order, by steps; zero after the end.

    Args:
        chain: The conditionals.
        x: Rows of the space.
        given: The condition in full.
    """
    tokens, state = flattened(x, chain.space), chain.begin(len(x), given)
    steps = []
    for t in range(tokens.shape[1]):
        steps.append(chain.logits(state).log_softmax(-1).gather(1, tokens[:, t : t + 1]))
        if t + 1 < tokens.shape[1]:
            state = chain.take(state, tokens[:, t])
    return torch.cat(steps, dim=1) * counted(tokens, chain.space)


def none_said(chain: Sequential, n: int, device: torch.device) -> Bool[Tensor, "n symbols"]:
    """That nothing has been said yet."""
    return torch.zeros(n, chain.symbols, dtype=torch.bool, device=device)


def first_symbols(space: Space, n: int, prefix: Tensor | None) -> Int[Tensor, "n t"] | None:
    """What each row is to begin with.

    Raises:
        ValueError: If there are too many symbols or rows, or a symbol is none of the space.
    """
    if prefix is None:
        return None
    prefix = prefix.long()
    if prefix.ndim not in (1, 2) or prefix.shape[-1] > space.dims or (prefix.ndim == 2 and len(prefix) != n):
        raise ValueError(
            f"`prefix` must be up to {space.dims} symbols, (t,) or ({n}, t), got {tuple(prefix.shape)}. "
            "Flatten it in raster order, or shorten it."
        )
    if prefix.numel() and not 0 <= int(prefix.min()) <= int(prefix.max()) < (space.levels or 0):
        raise ValueError(f"`prefix` must hold symbols in [0, {space.levels}), got {prefix.tolist()}.")
    return prefix.expand(n, prefix.shape[-1])
