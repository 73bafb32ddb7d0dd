"""What a flow's latents are drawn from."""

import abc
import math

from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["Base", "NormalBase", "StandardNormal"]


class Base(nn.Module, abc.ABC):
    """A density p(z | given) that is easy to draw from; the condition comes as the flow's embedding."""

    @abc.abstractmethod
    def log_prob(self, z: Float[Tensor, "B *latent"], given: Tensor | None) -> Float[Tensor, " B"]:
        """log p(z | given)."""

    @abc.abstractmethod
    def moved(self, noise: Float[Tensor, "B *latent"], given: Tensor | None) -> Float[Tensor, "B *latent"]:
        """Standard normal numbers as draws of z; less noise gives less spread."""


class StandardNormal(Base):
    """N(0, I), whatever the condition."""

    def log_prob(self, z: Float[Tensor, "B *latent"], given: Tensor | None) -> Float[Tensor, " B"]:
        return -z.square().flatten(1).sum(1) / 2 - z[:1].numel() * math.log(2 * math.pi) / 2

    def moved(self, noise: Float[Tensor, "B *latent"], given: Tensor | None) -> Float[Tensor, "B *latent"]:
        return noise


class NormalBase(Base):
    """N(μ(given), diag σ²(given)), learned: clusters of classes need not be torn out of one.

    Args:
        dims: The number of entries of z.
        embedding: The length of the condition's embedding; 0 for no condition.

    Example:
        >>> import torch
        >>> NormalBase(3).log_prob(torch.zeros(2, 3), None).shape
        torch.Size([2])

    References:
        Izmailov, Kirichenko, Finzi & Wilson, 2020, "Semi-supervised learning with normalizing flows",
        arXiv:1912.13025 (a Gaussian for each class)
    """

    def __init__(self, dims: int, embedding: int = 0) -> None:
        super().__init__()
        self.said = nn.Linear(max(1, embedding), 2 * dims)
        nn.init.zeros_(self.said.weight)
        nn.init.zeros_(self.said.bias)

    def log_prob(self, z: Float[Tensor, "B *latent"], given: Tensor | None) -> Float[Tensor, " B"]:
        loc, log_scale = self._moments(z.flatten(1), given)
        standard = (z.flatten(1) - loc) * (-log_scale).exp()
        return -(standard.square() / 2 + log_scale + math.log(2 * math.pi) / 2).sum(1)

    def moved(self, noise: Float[Tensor, "B *latent"], given: Tensor | None) -> Float[Tensor, "B *latent"]:
        loc, log_scale = self._moments(noise.flatten(1), given)
        return (loc + log_scale.exp() * noise.flatten(1)).reshape(noise.shape)

    def _moments(self, like: Tensor, given: Tensor | None) -> tuple[Tensor, Tensor]:
        seen = like.new_ones(len(like), 1) if given is None else given
        loc, log_scale = self.said(seen).chunk(2, dim=1)
        return loc, log_scale
