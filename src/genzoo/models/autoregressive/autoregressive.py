"""What every autoregressive model is: conditionals over an order, from which its samples are drawn.

A named model says how its conditionals are asked one by one (`steps`), and how all of them at once for training
(`log_density`).
"""

import abc
from typing import Unpack

from jaxtyping import Float, Integer
from torch import Tensor

from genzoo.core.abilities import Ability, Sequential
from genzoo.core.given import Given
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.models.choice import Choice, Choosing
from genzoo.models.stepping import continued
from genzoo.nn.embedding import Embedding

__all__ = ["Autoregressive"]


class Autoregressive(GenerativeModel):
    """A product of conditionals over the entries in an order,

    $$ p(x \\mid given) = \\prod_t p(x_t \\mid x_{<t}, given). $$

    References:
        Bengio & Bengio, 2000, "Modeling high-dimensional discrete data with multi-layer neural networks"
    """

    likelihood = Likelihood.EXACT
    block = 1 << 17
    embedding: Embedding | None

    def embedded(self, given: Given) -> Float[Tensor, "B width"] | None:
        """The condition as a vector, if there is one."""
        return self.embedding(given) if self.embedding is not None and given else None

    @abc.abstractmethod
    def steps(self) -> Sequential:
        """The conditionals, to be asked one after another."""

    def draw(
        self,
        n: int,
        given: Given,
        noise: Noise,
        *,
        prefix: Integer[Tensor, "..."] | None = None,
        **choosing: Unpack[Choosing],
    ) -> Integer[Tensor, "n *event"]:
        """Samples, symbol by symbol.

        Args:
            n: The number of rows.
            given: The condition.
            noise: Where the draws come from.
            prefix: The first symbols, (t,) for all rows or (n, t) for each; the rest is drawn to follow them.
            choosing: How the next symbol is chosen: `temperature`, `top_k`, `top_p`, `min_p`, `repetition`, as in
                `genzoo.models.choice.Choice`.
        """
        return continued(self.steps(), n, given, noise=noise, prefix=prefix, choice=Choice(**choosing))

    def options(self, method: str) -> frozenset[str]:
        return super().options(method) | (frozenset(Choosing.__annotations__) if method == "draw" else frozenset())

    def abilities(self) -> list[Ability]:
        return [self.steps()]
