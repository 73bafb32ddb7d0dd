"""Drawing ahead: guesses of the next symbols are checked in one pass, and those that are right are kept.

Whatever symbol a row draws at a place is a function of what came before and of a uniform number that belongs to the
place. So a guess can be checked: one pass over k guessed symbols says what each of the k + 1 places draws *if the
guesses before it are right*. The guesses up to the first wrong one are the sample, and so is the symbol that stands
in place of that one. The sample is the one of drawing symbol by symbol, of the same uniforms.

Who guesses? What the last pass drew at these places (Jacobi's iteration for the system x_t = f_t(x_<t), which needs
no other model), or a smaller model with the same uniforms (speculative decoding, coupled).

References:
    Song, Meng, Liao & Ermon, 2021, "Accelerating feedforward computation via parallel nonlinear equation solving",
        arXiv:2002.03629
    Santilli et al., 2023, "Accelerating transformer inference for translation via parallel decoding", arXiv:2305.10427
    Leviathan, Kalman & Matias, 2023, "Fast inference from transformers via speculative decoding", arXiv:2211.17192
"""

import abc
import copy
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo._random import choose
from genzoo.core.given import Given, given_rows
from genzoo.core.noise import Noise
from genzoo.models.choice import Choice, limited, with_said
from genzoo.models.revisable import Revisable
from genzoo.models.stepping import none_said

__all__ = ["drawn_ahead"]


class Guesser(abc.ABC):
    """Who guesses what comes next in one row."""

    @abc.abstractmethod
    def guess(self, row: "Row", count: int) -> Int[Tensor, " k"]:
        """So many symbols, or fewer."""

    @abc.abstractmethod
    def learn(self, row: "Row", drawn: Int[Tensor, " places"], right: int) -> None:
        """Hears what was drawn at the guessed places and at the one after, and how many guesses were right."""


class Row:
    """A row on its way.

    Args:
        chain: The conditionals.
        noise: Where the draws come from; place t has its page t.
        choice: How symbols are chosen.
        symbols: Those so far.
    """

    def __init__(self, chain: Revisable, noise: Noise, choice: Choice, symbols: Int[Tensor, " t"]) -> None:
        self.chain, self.noise, self.choice, self.symbols = chain, noise, choice, symbols
        self.uniforms: Tensor | None = None
        empty = none_said(chain, 1, symbols.device) if choice.remembers else None
        self.said = with_said(empty, symbols[None])

    def drawn(self, logits: Float[Tensor, "places symbols"], guessed: Int[Tensor, " k"]) -> Int[Tensor, " places"]:
        """What the next places draw, if what was guessed for those before each of them is right."""
        said = self.said
        if said is not None:
            each = said.expand(len(logits), -1).clone()
            for place in range(1, len(logits)):
                each[place:, guessed[place - 1]] = True
            said = each
        t, allowed = len(self.symbols), limited(logits, self.choice, said)
        if self.uniforms is None:  # those of drawing symbol by symbol, in the same precision
            pages = [self.noise.tick(t) for t in range(self.chain.space.dims)]
            self.uniforms = torch.cat([page.uniform(1, dtype=allowed.dtype) for page in pages])
        return choose(allowed, self.uniforms[t : t + len(logits)])

    def add(self, symbols: Int[Tensor, " k"]) -> None:
        """Takes in symbols that are right."""
        self.symbols = torch.cat([self.symbols, symbols])
        self.said = with_said(self.said, symbols[None])


class Jacobi(Guesser):
    """The last pass's draws of the places to come, and for those beyond it the last symbol again."""

    def __init__(self) -> None:
        self.left: Tensor | None = None

    def guess(self, row: Row, count: int) -> Int[Tensor, " k"]:
        last = row.symbols[-1:] if self.left is None or not len(self.left) else self.left[-1:]
        known = row.symbols[:0] if self.left is None else self.left[:count]
        return torch.cat([known, last.expand(count - len(known))]) if len(last) else row.symbols[:0]

    def learn(self, row: Row, drawn: Int[Tensor, " places"], right: int) -> None:
        self.left = drawn[right + 1 :]


class Draft(Guesser):
    """A smaller model, which draws with the same uniforms."""

    def __init__(self, chain: Revisable, given: Given, known: Int[Tensor, " t"]) -> None:
        self.chain, self.state, self.guessed = chain, _after(chain, given, known), 0

    def guess(self, row: Row, count: int) -> Int[Tensor, " k"]:
        ahead = copy.copy(row)
        for _ in range(count):
            ahead.add(ahead.drawn(self.chain.logits(self.state), row.symbols[:0]))
            self.state = self.chain.take(self.state, ahead.symbols[-1:])
        self.guessed = count
        return ahead.symbols[len(row.symbols) :]

    def learn(self, row: Row, drawn: Int[Tensor, " places"], right: int) -> None:
        if wrong := self.guessed - right:
            self.state = self.chain.rewind(self.state, wrong)
        self.state = self.chain.take(self.state, drawn[right : right + 1])


def drawn_ahead(
    chain: Revisable,
    n: int,
    given: Given,
    *,
    noise: Noise,
    prefix: Int[Tensor, "n t"] | None,
    choice: Choice,
    window: int,
    draft: Revisable | None = None,
) -> Int[Tensor, "n D"]:
    """Samples as symbols, row by row, those of `genzoo.models.stepping.continued` up to rounding.

    Args:
        chain: The conditionals.
        n: The number of rows.
        given: The condition in full.
        noise: Where the draws come from.
        prefix: The first symbols of each row.
        choice: How the next symbol is chosen.
        window: The most symbols that are guessed at a time.
        draft: A smaller model's conditionals, which guess; without, Jacobi's iteration does.

    Raises:
        ValueError: If the window is none, or the draft speaks of other symbols.
    """
    _check(chain, draft, window)
    tokens = torch.full((n, chain.space.dims), chain.symbols - 1, device=noise.device)
    for i in range(n):
        own, told = noise.rows(slice(i, i + 1)), given_rows(given, slice(i, i + 1))
        known = tokens[i, :0] if prefix is None else prefix[i].to(noise.device)
        row = Row(chain, own, choice, known)
        guesser = Jacobi() if draft is None else Draft(draft, told, known)
        symbols = _continued(chain, _after(chain, told, known), row, guesser, window)
        tokens[i, : len(symbols)] = symbols
    return tokens


def _continued(chain: Revisable, state: Any, row: Row, guesser: Guesser, window: int) -> Int[Tensor, " t"]:
    """The symbols of a row up to its end."""
    end, places = (chain.symbols - 1 if chain.space.ragged else -1), chain.space.dims
    while len(row.symbols) < places:
        guessed = guesser.guess(row, min(window, places - len(row.symbols) - 1))
        drawn = row.drawn(chain.foresee(state, guessed[None])[0], guessed)
        wrong = (guessed != drawn[:-1]).nonzero()
        right = int(wrong[0]) if len(wrong) else len(guessed)
        fresh = drawn[: right + 1]
        if over := (fresh == end).nonzero().flatten().tolist():
            row.add(fresh[: over[0] + 1])
            break
        row.add(fresh)
        if len(row.symbols) < places:
            state = chain.take(chain.rewind(state, len(guessed) - right), fresh[-1:])
            guesser.learn(row, drawn, right)
    return row.symbols


def _after(chain: Revisable, given: Given, known: Int[Tensor, " t"]) -> Any:
    """The state of one row after its first symbols."""
    state = chain.begin(1, given)
    for symbol in known:
        state = chain.take(state, symbol[None])
    return state


def _check(chain: Revisable, draft: Revisable | None, window: int) -> None:
    if window < 1:
        raise ValueError(f"`ahead` must be at least 1, got {window}. Leave it out to draw symbol by symbol.")
    if draft is not None and (draft.symbols, draft.space) != (chain.symbols, chain.space):
        raise ValueError(
            f"`draft` must be a model of {chain.space}, got one of {draft.space}. Train it on these data."
        )
