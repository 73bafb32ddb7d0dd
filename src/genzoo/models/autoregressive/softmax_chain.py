"""A chain of softmax regressions: one for each entry, on all entries before it.

$$ p(x_d = l \\mid x_{<d}, given) = \\mathrm{softmax}_l\\Big(b_{dl} + \\sum_{e<d} W_{del}\\, u_e + (V c)_{dl}\\Big), $$

with u_e the level of entry e as a number near zero, and c the embedding of a condition. On two levels, where one logit
does, this is the fully visible sigmoid belief network. There are L D (D − 1)/2 weights: on MNIST's 784 bytes with 256
levels 78,776,320 numbers, biases included.
"""

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor, nn

from genzoo.core.abilities import Sequential
from genzoo.core.given import NOTHING, Given, GivenSpaceLike
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import flattened
from genzoo.models.autoregressive.centered import CenteredChain
from genzoo.models.autoregressive.heads import CategoricalHead
from genzoo.nn.embedding import Embedding

__all__ = ["SoftmaxChain"]

GIVEN = 32  # the length of a condition's vector


class SoftmaxChain(CenteredChain):
    """A softmax regression for each entry on those before it, all trained at once.

    Biases start from the frequencies of the training rows, weights from zero. What comes in is centered, so that
    weights and biases are learned apart.

    Args:
        space: What one x is: levels, of a fixed shape.
        given_space: What the model is conditioned on, if anything.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Raises:
        ValueError: If the space is not discrete or is ragged.

    Example:
        >>> model = SoftmaxChain(Space((1, 28, 28), levels=2))
        >>> model.parameter_count == 784 * 783 // 2 + 784
        True
        >>> x = model.sample(5, seed=0)
        >>> x.dtype, bool((model.log_prob(x) < 0).all())
        (torch.uint8, True)

    References:
        Frey, Hinton & Dayan, 1996, "Does the wake-sleep algorithm produce good density estimators?"
        Neal, 1992, "Connectionist learning of belief networks" (sigmoid belief networks)
    """

    def __init__(self, space: Space, given_space: GivenSpaceLike = None, *, drop_given: float = 0.0) -> None:
        super().__init__(space, given_space)
        self.drop_given = drop_given
        self.head = CategoricalHead(space.levels or 0)
        before, count = space.dims * (space.dims - 1) // 2, self.head.count
        self.weight = nn.Parameter(torch.zeros(before, count))  # of entry 1 its one row, of entry 2 two, and so on
        self.bias = nn.Parameter(torch.zeros(space.dims, count))
        self.embedding = Embedding(given_space, GIVEN) if given_space else None
        self.shift = nn.Linear(GIVEN, space.dims * count, bias=False) if given_space else None

    def log_density(self, x: Integer[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        tokens = flattened(x, self.space)
        u, shift = self.numbers(tokens), self.shifted(given)
        parts = [torch.zeros_like(self.bias[:1]).expand(len(x), -1)]
        parts += [u[:, :d] @ weight for d, weight in enumerate(self.weights(), start=1)]
        said = torch.stack(parts, dim=1) + self.bias
        said = said if shift is None else said + shift
        return self.head(said).log_prob(tokens.to(said.dtype)).sum(1)

    def steps(self) -> Sequential:
        return Steps(self)

    def weights(self) -> tuple[Float[Tensor, "before count"], ...]:
        """The weights of entries 1 … D − 1, a row for each entry before it."""
        return self.weight.split(list(range(1, self.space.dims)))

    def shifted(self, given: Given) -> Float[Tensor, "B D count"] | None:
        """What the condition adds to the logits, if there is one."""
        told = self.embedded(given)
        return None if self.shift is None or told is None else self.shift(told).unflatten(1, self.bias.shape)


class Steps(Sequential):
    """A chain entry by entry: the state is what is known, and what the condition adds."""

    def __init__(self, model: SoftmaxChain) -> None:
        self.model, self.space, self.symbols = model, model.space, model.space.levels or 0
        self.weights = (model.weight[:0], *model.weights())

    def begin(self, n: int, given: Given = NOTHING) -> tuple[Tensor, Tensor | None]:
        return self.model.bias.new_empty(n, 0), self.model.shifted(given)

    def logits(self, state: tuple[Tensor, Tensor | None]) -> Float[Tensor, "n symbols"]:
        u, shift = state
        said = u @ self.weights[u.shape[1]] + self.model.bias[u.shape[1]]
        return self.model.head.logits(said if shift is None else said + shift[:, u.shape[1]])

    def take(self, state: tuple[Tensor, Tensor | None], symbol: Int[Tensor, " n"]) -> tuple[Tensor, Tensor | None]:
        u, shift = state
        return torch.cat([u, self.model.numbers(symbol[:, None], u.shape[1])], dim=1), shift
