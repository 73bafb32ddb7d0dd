"""Any condition read by a transformer to one vector: a text, above all, whose words mean what they do side by side.

Tokens are joined by fours where there are many, then every token looks at every other, and the mean of those that are
there is mapped to the vector.

References:
    Devlin et al., 2019, "BERT", arXiv:1810.04805 (every token looks both ways)
    Clark, Garrette, Turc & Wieting, 2022, "CANINE", arXiv:2103.06874 (characters joined by strided convolution)
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.core.given import GivenLike, GivenSpaceLike, as_given
from genzoo.nn.conditioning import Conditioning, Tokens
from genzoo.nn.mmdit import MANY, Joined
from genzoo.nn.uvit import Block

__all__ = ["Reading"]


class Reading(nn.Module):
    """A transformer from a condition to a vector.

    Args:
        given_space: What the condition is: a space, or names of spaces.
        outputs: The length of the vector.
        width: The length of a token's vector.
        depth: The number of blocks.
        heads: Heads of attention, at most: they share out the width.

    Example:
        >>> from genzoo.core import Space
        >>> read = Reading(Space((7,), levels=27, ragged=True), 8, width=16, depth=1)
        >>> read(torch.tensor([[2, 5] + 5 * [27], 7 * [1]])).shape
        torch.Size([2, 8])
    """

    def __init__(
        self, given_space: GivenSpaceLike, outputs: int, *, width: int = 128, depth: int = 2, heads: int = 4
    ) -> None:
        super().__init__()
        heads = next(count for count in range(heads, 0, -1) if width % count == 0)
        self.tokens = Conditioning(given_space, width)
        count = sum(self.tokens.counts)
        self.joined = Joined(width, width) if count >= MANY else None
        self.order = nn.Parameter(0.1 * torch.randn((count + 3) // 4 if self.joined else count, width))
        self.blocks = nn.ModuleList(Block(width, heads, skips=False) for _ in range(depth))
        self.norm, self.last = nn.LayerNorm(width), nn.Linear(width, outputs)

    def read(self, given: GivenLike) -> Tokens:
        """The tokens, each having looked at the others."""
        told = self.tokens(as_given(given))
        told = told if self.joined is None else self.joined(told)
        h = told.values + self.order
        for block in self.blocks:
            h = block(h, hidden=~told.present)
        return Tokens(self.norm(h) * told.present[..., None], told.present)

    def whole(self, told: Tokens) -> Float[Tensor, "B outputs"]:
        """The vector of tokens that were read."""
        said: Tensor = self.last(told.values.sum(1) / told.present.sum(1, keepdim=True))
        return said

    def forward(self, given: GivenLike) -> Float[Tensor, "B outputs"]:
        return self.whole(self.read(given))
