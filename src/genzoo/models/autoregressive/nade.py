"""NADE: the neural autoregressive distribution estimator.

$$ a_d = c + \\mathrm{emb}(given) + \\sum_{e<d} W_e\\, u_e, \\qquad
   p(x_d \\mid x_{<d}, given) = p(x_d; U_d\\, \\mathrm{relu}(a_d) + b_d), $$

one hidden layer whose sum grows by a term from entry to entry, so that all D conditionals cost D·H. The weights that
an entry comes in by are the same for all that follow it, as in a restricted Boltzmann machine, of which this is the
tractable relative.
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
from genzoo.models.autoregressive.heads import CategoricalHead, Head, LogisticsHead
from genzoo.nn.embedding import Embedding
from genzoo.nn.growing_sum import growing_sum

__all__ = ["NADE"]

FEW = 32  # levels up to which every one gets a logit


class NADE(CenteredChain):
    """A neural autoregressive distribution estimator for levels of a fixed shape, in raster order.

    Args:
        space: What one x is: levels, of a fixed shape.
        given_space: What the model is conditioned on, if anything.
        width: H, the hidden units.
        components: The logistics of a mixture, for more than 32 levels.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Raises:
        ValueError: If the space is not discrete or is ragged, or the width is not positive.

    Example:
        >>> model = NADE(Space((1, 4, 4), levels=2), width=32)
        >>> x = model.sample(5, seed=0)
        >>> x.dtype, bool((model.log_prob(x) < 0).all())
        (torch.uint8, True)

    References:
        Larochelle & Murray, 2011, "The neural autoregressive distribution estimator"
        Uria, Côté, Gregor, Murray & Larochelle, 2016, "Neural autoregressive distribution estimation",
        arXiv:1605.02226
    """

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        width: int = 500,
        components: int = 5,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space)
        if width < 1:
            raise ValueError(f"`width` must be at least 1, got {width}.")
        self.drop_given, levels = drop_given, space.levels or 0
        self.head: Head = CategoricalHead(levels) if levels <= FEW else LogisticsHead(levels, components)
        self.inward = nn.Parameter(torch.empty(space.dims, width))
        self.constant = nn.Parameter(torch.zeros(width))
        self.outward = nn.Parameter(torch.zeros(space.dims, width, self.head.count))
        self.bias = nn.Parameter(self.head.broad().repeat(space.dims, 1))
        self.embedding = Embedding(given_space, width) if given_space else None
        nn.init.normal_(self.inward, std=space.dims**-0.5)

    def log_density(self, x: Integer[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        tokens = flattened(x, self.space)
        said = growing_sum(self.numbers(tokens), self.began(len(x), given), self.inward, self.outward) + self.bias
        said = said.float() if said.dtype in (torch.bfloat16, torch.float16) else said
        return self.head(said).log_prob(tokens.to(said.dtype)).sum(1)

    def steps(self) -> Sequential:
        return Steps(self)

    def began(self, n: int, given: Given) -> Float[Tensor, "n width"]:
        """The sum before the first entry."""
        told = self.embedded(given)
        return self.constant.expand(n, -1) if told is None else self.constant + told


class Steps(Sequential):
    """The sum entry by entry, and how many have come."""

    def __init__(self, model: NADE) -> None:
        self.model, self.space, self.symbols = model, model.space, model.space.levels or 0

    def begin(self, n: int, given: Given = NOTHING) -> tuple[Tensor, int]:
        return self.model.began(n, given), 0

    def logits(self, state: tuple[Tensor, int]) -> Float[Tensor, "n symbols"]:
        total, entry = state
        said = total.relu() @ self.model.outward[entry] + self.model.bias[entry]
        return self.model.head.logits(said)

    def take(self, state: tuple[Tensor, int], symbol: Int[Tensor, " n"]) -> tuple[Tensor, int]:
        total, entry = state
        u = self.model.numbers(symbol[:, None], entry)
        return total + u * self.model.inward[entry], entry + 1
