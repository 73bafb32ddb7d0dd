"""The bigram: a Markov chain of symbols, fitted by counting.

$$ p(x) = p(x_1) \\prod_{t > 1} p(x_t \\mid x_{t-1}), \\qquad
   p(b \\mid a) = \\frac{n_{ab} + \\alpha}{\\sum_c (n_{ac} + \\alpha)}. $$
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor

from genzoo.core.abilities import Sequential
from genzoo.core.game import Batch, DirectFit, Done, Metrics
from genzoo.core.given import NOTHING, Given
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import flattened
from genzoo.models.autoregressive.autoregressive import Autoregressive
from genzoo.models.sequences import check_padding, counted, refuse_unlike, symbols

__all__ = ["Bigram"]


class Bigram(Autoregressive, DirectFit):
    """A Markov chain: each symbol depends on the one before it alone, the first on the start. The least that a model
    of sequences must beat.

    Args:
        space: What one x is: levels, of a fixed shape or ragged.
        smoothing: α, what is added to every count; zero would make what was never seen impossible.

    Raises:
        ValueError: If the space is not discrete, has more than 4,096 levels, or α is not positive.

    Example:
        >>> model = Bigram(Space((4,), levels=2), smoothing=1.0)
        >>> data = Batch(torch.tensor([[0, 1, 0, 1], [0, 1, 0, 1]]))
        >>> model.begin(); model.accumulate(data); metrics = model.finish()
        >>> model.counts.tolist()
        [[0.0, 4.0], [2.0, 0.0], [2.0, 0.0]]

    References:
        Shannon, 1948, "A mathematical theory of communication" (Markov approximations to English)
    """

    counts: Tensor
    sums: Tensor

    def __init__(self, space: Space, *, smoothing: float = 0.1) -> None:
        super().__init__(space)
        refuse_unlike(space, "Bigram")
        if (space.levels or 0) > 4096 or smoothing <= 0:
            raise ValueError(
                f"Bigram needs up to 4,096 levels and a positive `smoothing`, got {space.levels} and {smoothing}."
            )
        self.smoothing = smoothing
        size = (1 + (space.levels or 0), symbols(space))  # the last row counts what comes first
        self.register_buffer("counts", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("sums", torch.zeros(size, dtype=torch.float64))

    @property
    def parameter_count(self) -> int:
        return self.counts.shape[0] * (self.counts.shape[1] - 1)

    def log_density(self, x: Integer[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        check_padding(x, self.space)
        tokens = flattened(x, self.space)
        return (self.log_probs()[self._before(tokens), tokens] * counted(tokens, self.space)).sum(1)

    def steps(self) -> Sequential:
        return Steps(self)

    def begin(self) -> None:
        self.sums.zero_()

    def accumulate(self, batch: Batch) -> None:
        check_padding(batch.x, self.space)
        tokens = flattened(batch.x, self.space)
        there = counted(tokens, self.space)
        pairs = (self._before(tokens) * self.sums.shape[1] + tokens)[there]
        self.sums += pairs.bincount(minlength=self.sums.numel()).view_as(self.sums)

    def statistics(self) -> Sequence[Tensor]:
        return [self.sums]

    def finish(self) -> Metrics:
        self.counts.copy_(self.sums)
        nats = -(self.sums * self.log_probs()).sum() / self.sums[-1].sum().clamp_min(1)
        return Done(loss=nats.item())

    def extra_repr(self) -> str:
        return f"{self.space}, smoothing={self.smoothing}"

    def log_probs(self) -> Float[Tensor, "before symbols"]:
        """log p(b | a), a row for each symbol a and the last one for the start."""
        odds = self.counts + self.smoothing
        return (odds / odds.sum(1, keepdim=True)).log()

    def _before(self, tokens: Tensor) -> Tensor:
        return torch.cat([torch.full_like(tokens[:, :1], self.space.levels or 0), tokens[:, :-1]], dim=1)


class Steps(Sequential):
    """A chain symbol by symbol: the state is the last one."""

    def __init__(self, model: Bigram) -> None:
        self.space, self.symbols = model.space, symbols(model.space)
        self.table = model.log_probs()

    def begin(self, n: int, given: Given = NOTHING) -> Int[Tensor, " n"]:
        return torch.full((n,), self.space.levels or 0, device=self.table.device)

    def logits(self, state: Int[Tensor, " n"]) -> Float[Tensor, "n symbols"]:
        return self.table[state]

    def take(self, state: Int[Tensor, " n"], symbol: Int[Tensor, " n"]) -> Int[Tensor, " n"]:
        return symbol
