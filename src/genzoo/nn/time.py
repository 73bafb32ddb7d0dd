"""Times as vectors, and networks that see one."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.core.given import GivenLike, GivenSpaceLike, as_given
from genzoo.nn.embedding import Embedding
from genzoo.nn.mlp import one_of
from genzoo.nn.reading import Reading

__all__ = ["TimeEmbedding", "Timed"]

SLOW = 30.0  # ω of the shortest wave of times along which a network is differentiated


class TimeEmbedding(nn.Module):
    """A time in [0, 1] as a vector: waves of many lengths, mixed by a small perceptron,

    $$ (\\cos \\omega_k t, \\sin \\omega_k t)_k, \\qquad \\omega_k = \\omega^{k/K}. $$

    Args:
        width: The length of the vector.
        waves: How many lengths, K.
        fastest: ω of the shortest; the slope along time of what sees the vector grows with it.

    Example:
        >>> TimeEmbedding(16)(torch.rand(5)).shape
        torch.Size([5, 16])

    References:
        Vaswani et al., 2017, "Attention is all you need", arXiv:1706.03762
    """

    frequencies: Tensor

    def __init__(self, width: int, *, waves: int = 32, fastest: float = 1000.0) -> None:
        super().__init__()
        frequencies = torch.exp(torch.linspace(0, math.log(fastest), waves))
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.layers = nn.Sequential(nn.Linear(2 * waves, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, t: Float[Tensor, " B"]) -> Float[Tensor, "B width"]:
        angle = t[:, None] * self.frequencies
        return self.layers(torch.cat([angle.cos(), angle.sin()], dim=1))


class Timed(nn.Module):
    """A network called with a time and the condition itself, which it embeds and adds up.

    Args:
        net: Called as net(x, embedding).
        width: The length of the embedding, which `net` was built for.
        given_space: What the condition is, `None` for no condition.
        attends: Whether `net` is called as net(x, embedding, tokens), so that it attends to the condition's tokens.
        reads: Whether the condition is first read by a transformer, `Reading`; else its tokens stand for themselves.
        spans: Whether it may be told a second time, `until`, up to which it speaks; without one it is the first. Both
            are then told by slow waves, for its slope along them is learned.

    Example:
        >>> from genzoo.nn.mlp import MLP
        >>> net = Timed(MLP(2, [8], 2, given=4), 4, spans=True)
        >>> x, t = torch.zeros(5, 2), torch.rand(5)
        >>> torch.allclose(net(x, t), net(x, t, until=t), atol=1e-5), torch.equal(net(x, t), net(x, t, until=1 - t))
        (True, False)
    """

    def __init__(
        self,
        net: nn.Module,
        width: int,
        given_space: GivenSpaceLike = None,
        *,
        attends: bool = False,
        reads: bool = False,
        spans: bool = False,
    ) -> None:
        super().__init__()
        self.attends = attends
        self.net, self.time = net, TimeEmbedding(width, fastest=SLOW if spans else 1000.0)
        self.span = TimeEmbedding(width, fastest=SLOW) if spans else None
        self.embedding: Embedding | Reading | None = None
        if given_space:
            self.embedding = Reading(given_space, width, width=width) if reads else Embedding(given_space, width)
        self.activation = nn.SiLU()

    def forward(
        self,
        x: Float[Tensor, "B *event"],
        t: Float[Tensor, " B"],
        given: GivenLike = None,
        until: Float[Tensor, " B"] | None = None,
    ) -> Float[Tensor, "B *outputs"]:
        vector = self.time(one_of(t))  # samplers ask for one time in all rows
        if self.span is not None:
            vector = vector + self.span(one_of(torch.zeros_like(t[:1]).expand_as(t) if until is None else until - t))
        if self.embedding is None or given is None:
            return self.net(x, self.activation(vector).expand(len(t), -1))
        if isinstance(self.embedding, Reading):
            told = self.embedding.read(given)
            vector = self.activation(vector + self.embedding.whole(told))
            return self.net(x, vector, told) if self.attends else self.net(x, vector)
        vector = self.activation(vector + self.embedding(given))
        return self.net(x, vector, self.embedding.tokens(as_given(given))) if self.attends else self.net(x, vector)
