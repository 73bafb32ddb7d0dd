"""Pairs of an x and a vector, as one flat row, before a network for each."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["Joined"]


class Joined(nn.Module):
    """A network of pairs (x, z) that stand side by side in a row: x is put into features first,

    $$ F(x, z) = f(\\varphi(x), z). $$

    Args:
        features: φ, called as features(x, …).
        net: f, called as net(both, …) with the features, then z.
        shape: The shape of one x.

    Example:
        >>> from genzoo.nn import MLP, ConvEncoder
        >>> critic = Joined(ConvEncoder((1, 8, 8), 16, width=4), MLP(16 + 3, [32], 1), (1, 8, 8))
        >>> critic(torch.zeros(5, 64 + 3)).shape
        torch.Size([5, 1])
    """

    def __init__(self, features: nn.Module, net: nn.Module, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.features, self.net, self.shape = features, net, shape

    def forward(self, pair: Float[Tensor, "B pair"], *given: Tensor) -> Float[Tensor, "B outputs"]:
        x, z = pair.tensor_split([math.prod(self.shape)], dim=1)
        said: Tensor = self.net(torch.cat([self.features(x.unflatten(1, self.shape), *given), z], dim=1), *given)
        return said
