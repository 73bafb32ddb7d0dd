"""Columns as tokens, each with a law of its own for the place within.

Within a token, the place of a value is the share u of the token's mass that lies below it. So a part of a column is an
interval of places of each token, and a draw from it a uniform number.
"""

import abc

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.distributions.region import Range
from genzoo.models.float64_buffers import Wide

__all__ = ["Alphabet", "Levels", "Part"]

Part = Range | frozenset[int]


class Alphabet(Wide, abc.ABC):
    """The tokens of one column, numbered from 0; `tokens` stands for elsewhere, −1 for a missing value.

    Attributes:
        tokens: The most that there can be.
        ordered: Whether neighbours are alike.
        rows: How many training rows have each token.
    """

    tokens: int
    ordered: bool
    rows: Tensor

    @abc.abstractmethod
    def fit(self, x: Float[Tensor, " n"]) -> None:
        """Finds tokens, and how often each occurs, by training values that are there."""

    @property
    @abc.abstractmethod
    def used(self) -> int:
        """The number of tokens that there are."""

    @abc.abstractmethod
    def ranks(self) -> Float[Tensor, " tokens"]:
        """Places of tokens in [0, 1]."""

    @abc.abstractmethod
    def read(self, x: Float[Tensor, " B"]) -> tuple[Int[Tensor, " B"], Float[Tensor, " B"]]:
        """The token of each value, and the log-density of the value within it; −1 and 0 where one is missing."""

    @abc.abstractmethod
    def law(self, log_p: Float[Tensor, "B used"]) -> Float[Tensor, "B L"]:
        """The probabilities of tokens, and of elsewhere if there is such a thing, from log-probabilities of tokens."""

    @abc.abstractmethod
    def at(self, token: Int[Tensor, " B"], u: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """The values at places u of tokens."""

    @abc.abstractmethod
    def stretches(self, part: Part) -> Float[Tensor, "L 2"]:
        """Between which places of each token a part of the line lies."""

    @abc.abstractmethod
    def held(self, x: Float[Tensor, " B"], part: Part | None) -> Float[Tensor, " B"]:
        """Values of a part of the line, without the rounding that may lead out of it; of no part, within the range of
        the training rows."""

    def of(self, x: Float[Tensor, " B"]) -> Int[Tensor, " B"]:
        """The token of each value."""
        return self.read(x)[0]

    def log_within(self, x: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """The log-density of values within their tokens; 0 where one is missing."""
        return self.read(x)[1]

    def reached(self, part: Part) -> Part:
        """What of a part of the line draws are taken from: that among the training rows, where any of it is."""
        return part

    def log_prob(
        self, x: Float[Tensor, " B"], token: Int[Tensor, " B"], log_p: Float[Tensor, "B used"]
    ) -> Float[Tensor, " B"]:
        """log p of values whose tokens have log-probabilities; 0 where one is missing."""
        known = log_p.gather(1, token.clamp(0, self.used - 1)[:, None]).squeeze(1)
        rest, lacks = self.log_rest()
        return (torch.where(token < self.tokens, known + rest, lacks) + self.log_within(x)).where(token >= 0, 0)

    def log_rest(self) -> tuple[Tensor, Tensor]:
        """log (1 − ε) and log ε."""
        none = self.rows.new_zeros(())
        return none, none - torch.inf

    def draw(self, token: Int[Tensor, " B"], u: Float[Tensor, "B 2"]) -> Float[Tensor, " B"]:
        """A value of each token, or with probability ε one of elsewhere, within the range of the training rows."""
        return self.draw_in(torch.where(u[:, 1] < self.log_rest()[1].exp(), self.tokens, token), None, u[:, 0])

    def masses(self, log_p: Float[Tensor, "B used"], part: Part) -> Float[Tensor, "B L"]:
        """How much probability of each token lies in a part of the line."""
        low, high = self.stretches(part).unbind(1)
        return self.law(log_p) * (high - low)

    def draw_in(self, token: Int[Tensor, " B"], part: Part | None, u: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """A value of each token in a part of the line; of no part, within the range of the training rows."""
        if part is not None:
            low, high = self.stretches(part)[token].unbind(1)
            u = low + u * (high - low)
        return self.held(self.at(token, u), part)


class Levels(Alphabet):
    """A column of L levels: each is a token, and there is no elsewhere.

    Args:
        count: L.
        ordered: Whether neighbours are alike.

    Example:
        >>> Levels(3).stretches(frozenset([2]))[:, 1].tolist()
        [0.0, 0.0, 1.0]
    """

    def __init__(self, count: int, *, ordered: bool = False) -> None:
        super().__init__()
        self.tokens, self.ordered = count, ordered
        self.register_buffer("rows", torch.zeros(count, dtype=torch.float64))

    def fit(self, x: Float[Tensor, " n"]) -> None:
        self.rows.copy_(x.long().bincount(minlength=self.tokens))

    @property
    def used(self) -> int:
        return self.tokens

    def ranks(self) -> Float[Tensor, " tokens"]:
        return (torch.arange(self.tokens, device=self.rows.device) + 0.5) / self.tokens

    def read(self, x: Float[Tensor, " B"]) -> tuple[Int[Tensor, " B"], Float[Tensor, " B"]]:
        return x.nan_to_num(-1.0).long(), torch.zeros_like(x, dtype=torch.float64)

    def law(self, log_p: Float[Tensor, "B used"]) -> Float[Tensor, "B L"]:
        return log_p.double().exp()

    def at(self, token: Int[Tensor, " B"], u: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        return token.double()

    def stretches(self, part: Part) -> Float[Tensor, "L 2"]:
        levels = torch.arange(self.tokens, dtype=torch.float64, device=self.rows.device)
        holds = part.holds(levels) if isinstance(part, Range) else torch.isin(levels, levels.new_tensor([*part]))
        return torch.stack([torch.zeros_like(levels), holds.double()], 1)

    def held(self, x: Float[Tensor, " B"], part: Part | None) -> Float[Tensor, " B"]:
        return x
