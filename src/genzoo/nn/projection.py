"""The projection critic: what is said of a row is moved by how well its features agree with the condition."""

from jaxtyping import Float
from torch import Tensor, nn

from genzoo.core.given import GivenLike, GivenSpaceLike
from genzoo.nn.embedding import Embedding

__all__ = ["Projected"]


class Projected(nn.Module):
    """A critic of features φ and an embedding e of the condition,

    $$ D(x, y) = w^\\top \\varphi(x) + b + e(y)^\\top \\varphi(x), $$

    the form that the log-ratio of two conditional densities has if each is log-linear in the condition.

    Args:
        features: φ, called as features(x).
        width: How many features there are.
        given_space: What the condition is; without one the critic is wᵀφ(x) + b.

    Example:
        >>> import torch
        >>> from genzoo.core import Space
        >>> from genzoo.nn import MLP
        >>> critic = Projected(MLP(2, [16], 8), 8, Space((), levels=3))
        >>> critic(torch.zeros(4, 2), torch.tensor([0, 1, 2, -1])).shape
        torch.Size([4, 1])

    References:
        Miyato & Koyama, 2018, "cGANs with projection discriminator", arXiv:1802.05637
    """

    def __init__(self, features: nn.Module, width: int, given_space: GivenSpaceLike) -> None:
        super().__init__()
        self.features, self.last = features, nn.Linear(width, 1)
        self.embedding = Embedding(given_space, width) if given_space else None

    def forward(self, x: Float[Tensor, "B *event"], given: GivenLike = None) -> Float[Tensor, "B 1"]:
        h = self.features(x)
        said: Tensor = self.last(h)
        if given is None or self.embedding is None:
            return said
        return said + (self.embedding(given) * h).sum(1, keepdim=True)
