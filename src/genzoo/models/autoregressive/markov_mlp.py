"""A Markov chain of higher order on symbols: a perceptron sees the last d and says the next.

$$ p(x \\mid given) = \\prod_t p\\big(x_t \\mid f(x_{t-d}, \\dots, x_{t-1}, t, given)\\big). $$

What is said is a softmax over the symbols, or a mixture of discretized logistics where there are many.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor, nn
from torch.nn.functional import pad

from genzoo.core.abilities import Sequential
from genzoo.core.given import NOTHING, Given, GivenSpaceLike
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import centered, flattened
from genzoo.models.autoregressive.autoregressive import Autoregressive
from genzoo.models.autoregressive.heads import CategoricalHead, Head, LogisticsHead
from genzoo.models.sequences import check_padding, counted, refuse_unlike, symbols
from genzoo.nn.embedding import Embedding
from genzoo.nn.window import Window

__all__ = ["MarkovMLP"]

FEW = 128  # symbols up to which each has a vector and a logit of its own
SMALL = 16  # the length of a symbol's vector


class MarkovMLP(Autoregressive):
    """A perceptron on the last d symbols, in reading order; before the first stands a start.

    Args:
        space: What one x is: levels, of a fixed shape or ragged.
        given_space: What the model is conditioned on, if anything.
        order: d, how many symbols are seen.
        width: Units of a hidden layer.
        depth: Hidden layers.
        places: Whether the place t is told, too; if not, the chain is homogeneous.
        components: The logistics of a mixture, for more than 128 levels.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Raises:
        ValueError: If the space is not discrete, or d, width or depth is not positive.

    Example:
        >>> model = MarkovMLP(Space((12,), levels=27, ragged=True), order=3, width=16)
        >>> bool((model.log_prob(model.sample(5, seed=0)) < 0).all())
        True

    References:
        Shannon, 1948, "A mathematical theory of communication" (chains of order d)
        Bengio, Ducharme, Vincent & Jauvin, 2003, "A neural probabilistic language model"
    """

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        order: int = 8,
        width: int = 256,
        depth: int = 2,
        places: bool = False,
        components: int = 5,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space)
        refuse_unlike(space, "MarkovMLP")
        self.order, self.drop_given, count = order, drop_given, symbols(space)
        many = count > FEW and not space.ragged
        self.head: Head = LogisticsHead(count, components) if many else CategoricalHead(count, by_column=True)
        self.table = None if many else nn.Embedding(1 + (space.levels or 0), SMALL)  # the last one starts
        self.embedding = Embedding(given_space, width) if given_space else None
        self.net = Window(
            2 if many else SMALL,
            self.head.count,
            order=order,
            width=width,
            depth=depth,
            places=space.dims if places else 0,
            given=width if given_space else 0,
        )
        nn.init.zeros_(self.net.last.weight)
        with torch.no_grad():
            self.net.last.bias.copy_(self.head.broad())

    def log_density(self, x: Integer[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        check_padding(x, self.space)
        tokens = flattened(x, self.space)
        before = torch.cat([self.start(len(tokens)), self.vectors(tokens[:, :-1])], dim=1)
        said = self.net(before, self.embedded(given))
        said = said.float() if said.dtype in (torch.bfloat16, torch.float16) else said
        return (self.head(said).log_prob(tokens.to(said.dtype)) * counted(tokens, self.space)).sum(1)

    def steps(self) -> Sequential:
        return Steps(self)

    def start(self, n: int) -> Float[Tensor, "n d features"]:
        """What stands before the first symbol."""
        if self.table is None:
            return torch.zeros(n, self.order, 2, dtype=self.dtype, device=self.device)
        return self.table.weight[-1].expand(n, self.order, -1)

    def vectors(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T features"]:
        """What the network sees of symbols; of many levels a number, and that there is one."""
        if self.table is not None:
            return self.table(tokens)
        return pad(centered(tokens, self.space.levels or 0, self.dtype)[..., None], (0, 1), value=1.0)

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, order={self.order}"


class Past(NamedTuple):
    """What a chain of order d knows: the vectors of the last d, how many came, and the condition as a vector."""

    last: Float[Tensor, "n d features"]
    came: int
    told: Tensor | None


class Steps(Sequential):
    """A chain symbol by symbol: the state is the last d."""

    def __init__(self, model: MarkovMLP) -> None:
        self.model, self.space, self.symbols = model, model.space, symbols(model.space)

    def begin(self, n: int, given: Given = NOTHING) -> Past:
        return Past(self.model.start(n), 0, self.model.embedded(given))

    def logits(self, state: Past) -> Float[Tensor, "n symbols"]:
        said = self.model.net(state.last, state.told, start=state.came)
        return self.model.head.logits(said.squeeze(1))

    def take(self, state: Past, symbol: Int[Tensor, " n"]) -> Past:
        last = torch.cat([state.last[:, 1:], self.model.vectors(symbol[:, None])], dim=1)
        return Past(last, state.came + 1, state.told)
