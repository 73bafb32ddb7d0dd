"""Parts of models that are conditional distributions.

Inside a model, a component that is a conditional density is a module that *returns a distribution*: an encoder
q(z | x), a decoder p(x | z), an autoregressive head. Outside, a `GenerativeModel` is all that anyone sees.

References:
    Rozet et al., 2022, "Zuko: normalizing flows in PyTorch" (lazy distributions)
"""

import abc

from torch import Tensor, nn
from torch.distributions import Distribution

from genzoo.core.given import NOTHING, Given
from genzoo.core.space import Space

__all__ = ["Autoencoder", "Conditional"]


class Conditional(nn.Module, abc.ABC):
    """A conditional distribution p(· | c): a module that returns a distribution.

    Example:
        >>> import torch
        >>> class Line(Conditional):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.slope = nn.Parameter(torch.ones(()))
        ...     def forward(self, c):
        ...         return torch.distributions.Normal(self.slope * c, 1.0)
        >>> Line()(torch.zeros(5)).batch_shape
        torch.Size([5])
    """

    @abc.abstractmethod
    def forward(self, c: Tensor) -> Distribution:
        """The distribution given c, one row of its batch per row of c."""


class Autoencoder(nn.Module, abc.ABC):
    """A pair of conditional distributions, q(z | x, given) and p(x | z, given), over a latent space.

    Any model can be the prior of any autoencoder. An autoencoder that is not stochastic returns point masses.

    Attributes:
        latent: What one z is.
        has_density: Whether the two distributions have densities; point masses have none.

    Example:
        >>> import torch
        >>> from torch.distributions import Independent, Normal
        >>> class Identity(Autoencoder):
        ...     latent = Space((2,))
        ...     def posterior(self, x, given=NOTHING):
        ...         return Independent(Normal(x, 1.0), 1)
        ...     def likelihood(self, z, given=NOTHING):
        ...         return Independent(Normal(z, 1.0), 1)
        >>> Identity().posterior(torch.zeros(3, 2)).event_shape
        torch.Size([2])
    """

    latent: Space
    has_density: bool = True

    @abc.abstractmethod
    def posterior(self, x: Tensor, given: Given = NOTHING) -> Distribution:
        """q(z | x, given), one row per row of x."""

    @abc.abstractmethod
    def likelihood(self, z: Tensor, given: Given = NOTHING) -> Distribution:
        """p(x | z, given), one row per row of z."""

    def mean(self, z: Tensor, given: Given = NOTHING) -> Tensor:
        """E[x | z, given], differentiable in z; of levels a real number."""
        mean: Tensor = self.likelihood(z, given).mean
        return mean
