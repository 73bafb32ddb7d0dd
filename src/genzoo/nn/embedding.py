"""Conditions as one vector.

A network without attention sees a condition as an embedding: the tokens of each name pooled to a vector, and the null
condition — the one asked for when nothing is given — is a learned vector like the others.
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.core.given import GivenLike, GivenSpaceLike, as_given
from genzoo.nn.conditioning import Conditioning, Tokens

__all__ = ["Conditioned", "Embedding", "Pool"]


class Pool(nn.Module):
    """Many tokens as one vector: each is changed on its own, and the mean of those that are there is mapped again,

    $$ v = W \\, \\frac{\\sum_t m_t\\, a(V h_t + b)}{\\sum_t m_t}. $$

    Args:
        width: The length of the vectors.

    Example:
        >>> told = Tokens(torch.randn(2, 5, 8), torch.ones(2, 5, dtype=torch.bool))
        >>> Pool(8)(told).shape
        torch.Size([2, 8])

    References:
        Zaheer et al., 2017, "Deep sets", arXiv:1703.06114
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.each, self.whole = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.activation = nn.SiLU()

    def forward(self, told: Tokens) -> Float[Tensor, "B width"]:
        share = told.present.to(told.values.dtype)
        share = share / share.sum(1, keepdim=True)
        return self.whole((share[:, None] @ self.activation(self.each(told.values))).squeeze(1))


class Embedding(nn.Module):
    """A condition as a vector, several of them side by side or summed.

    Args:
        given_space: What the condition is: a space, or names of spaces.
        width: The length of each vector.
        merge: Whether the vectors of several conditions are added or concatenated.

    Attributes:
        width: The length of the result.

    Example:
        >>> from genzoo.core import Space
        >>> embed = Embedding({"label": Space((), levels=10), "angle": Space((2,))}, 8, merge="concat")
        >>> embed({"label": torch.tensor([3, -1]), "angle": torch.zeros(2, 2)}).shape
        torch.Size([2, 16])
    """

    def __init__(self, given_space: GivenSpaceLike, width: int, *, merge: Literal["sum", "concat"] = "sum") -> None:
        super().__init__()
        self.tokens = Conditioning(given_space, width)
        self.pools = nn.ModuleList(Pool(width) if count > 1 else nn.Identity() for count in self.tokens.counts)
        self.merge, self.width = merge, width * (len(self.pools) if merge == "concat" else 1)

    def forward(self, given: GivenLike) -> Float[Tensor, "B width"]:
        told = zip(self.tokens.each(as_given(given)), self.pools, strict=True)
        vectors = [pool(part) if isinstance(pool, Pool) else part.values[:, 0] for part, pool in told]
        if len(vectors) == 1:
            return vectors[0]
        return torch.cat(vectors, dim=1) if self.merge == "concat" else torch.stack(vectors).sum(0)


class Conditioned(nn.Module):
    """A network called with the condition itself, which it embeds; without a condition it is the bare network.

    Args:
        net: Called as net(x, embedding).
        given_space: What the condition is, `None` for no condition.
        width: The length of the embedding, which `net` was built for.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.nn.mlp import MLP
        >>> net = Conditioned(MLP(2, [8], 1, given=4), Space((), levels=3), 4)
        >>> net(torch.zeros(5, 2), torch.tensor([0, 1, 2, -1, 0])).shape
        torch.Size([5, 1])
    """

    def __init__(self, net: nn.Module, given_space: GivenSpaceLike = None, width: int = 0) -> None:
        super().__init__()
        self.net = net
        self.embedding = Embedding(given_space, width) if given_space else None

    def forward(self, x: Float[Tensor, "B *event"], given: GivenLike = None) -> Float[Tensor, "B *outputs"]:
        if self.embedding is None or given is None:
            return self.net(x)
        return self.net(x, self.embedding(given))
