"""Chains that see the level of an entry as one number near zero, and start from the entries' frequencies."""

from collections.abc import Iterable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.core.game import Batch
from genzoo.core.given import GivenSpaceLike
from genzoo.core.space import Space
from genzoo.distributions.levels import centered
from genzoo.models.autoregressive.autoregressive import Autoregressive
from genzoo.models.autoregressive.heads import Head
from genzoo.models.sequences import first_tokens, refuse_unlike

__all__ = ["CenteredChain"]


class CenteredChain(Autoregressive):
    """A chain over rows of one length. What comes in is u = 2x/(L−1) − 1 less its mean over the training rows, so that
    weights and biases are learned apart; biases start from the frequencies of the training rows.

    Args:
        space: What one x is: levels, of a fixed shape.
        given_space: What the model is conditioned on, if anything.

    Raises:
        ValueError: If the space is not discrete or is ragged.
    """

    head: Head
    bias: Tensor
    center: Tensor

    def __init__(self, space: Space, given_space: GivenSpaceLike = None) -> None:
        super().__init__(space, given_space)
        refuse_unlike(space, type(self).__name__, ragged=False)
        self.register_buffer("center", torch.zeros(space.dims))

    def prepare(self, batches: Iterable[Batch]) -> None:
        """Centers what comes in, and starts from each entry's frequencies."""
        tokens = first_tokens(batches, self.space)
        with torch.no_grad():
            self.center.copy_(centered(tokens, self.space.levels or 0, self.dtype).mean(0))
            self.bias.copy_(self.head.marginal(tokens))

    def numbers(self, tokens: Int[Tensor, "B T"], first: int = 0) -> Float[Tensor, "B T"]:
        """Levels as numbers near zero, from entry `first` on."""
        center = self.center[first : first + tokens.shape[1]]
        return centered(tokens, self.space.levels or 0, self.dtype) - center

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}"
