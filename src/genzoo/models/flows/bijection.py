"""Bijections: invertible maps whose change of volume is known.

If z = f(x) is invertible and z has the density p(z), then x has the density

$$ \\log p(x) = \\log p(f(x)) + \\log \\left| \\det \\frac{\\partial f}{\\partial x} \\right|. $$

A bijection tells both in one pass: z, and the logarithm of the determinant (`ladj`, log-abs-det-Jacobian). Those of a
chain add up. A condition reaches a bijection as an embedding, one vector a row, as it reaches a network.

References:
    Tabak & Vanden-Eijnden, 2010, "Density estimation by dual ascent of the log-likelihood"
    Papamakarios, Nalisnick, Rezende, Mohamed & Lakshminarayanan, 2021, "Normalizing flows for probabilistic modeling
        and inference", arXiv:1912.02762
"""

import abc
from collections.abc import Sequence
from typing import cast

from jaxtyping import Float
from torch import Tensor, nn

from genzoo.core.noise import Noise

__all__ = ["Bijection", "Chain"]

Embedded = Float[Tensor, "B width"] | None


class Bijection(nn.Module, abc.ABC):
    """An invertible map z = f(x; given) of rows, with log |det ∂z/∂x| of each.

    Example:
        >>> import torch
        >>> class Double(Bijection):
        ...     def forward(self, x, given=None):
        ...         return 2 * x, x.new_full((len(x),), x[0].numel() * torch.tensor(2.0).log())
        ...     def inverse(self, z, given=None):
        ...         return z / 2
        >>> z, ladj = Double()(torch.ones(1, 3))
        >>> z.tolist(), round(ladj.item(), 4)
        ([[2.0, 2.0, 2.0]], 2.0794)
    """

    @abc.abstractmethod
    def forward(
        self, x: Float[Tensor, "B *event"], given: Embedded = None
    ) -> tuple[Float[Tensor, "B *latent"], Float[Tensor, " B"]]:
        """z and log |det ∂z/∂x|, one row per row of x."""

    @abc.abstractmethod
    def inverse(self, z: Float[Tensor, "B *latent"], given: Embedded = None) -> Float[Tensor, "B *event"]:
        """The x whose z this is."""

    def estimated(
        self, x: Float[Tensor, "B *event"], given: Embedded, noise: Noise
    ) -> tuple[Float[Tensor, "B *latent"], Float[Tensor, " B"]]:
        """The same as training sees it: an unbiased estimate of the determinant's logarithm, where the exact one is
        dear."""
        return self(x, given)

    def start(self, x: Float[Tensor, "B *event"], given: Embedded = None) -> Float[Tensor, "B *latent"]:
        """Takes a data-dependent start from rows, where the bijection has one, and returns their z."""
        return self(x, given)[0]


class Chain(Bijection):
    """Bijections one after another: their ladj add up.

    Args:
        parts: The bijections, from x to z.

    Example:
        >>> import torch
        >>> from genzoo.models.flows import Shuffle
        >>> Chain(Shuffle(), Shuffle())(torch.arange(4.0)[None])[0]
        tensor([[0., 1., 2., 3.]])
    """

    def __init__(self, *parts: Bijection) -> None:
        super().__init__()
        self.parts = cast(Sequence[Bijection], nn.ModuleList(parts))

    def forward(
        self, x: Float[Tensor, "B *event"], given: Embedded = None
    ) -> tuple[Float[Tensor, "B *latent"], Float[Tensor, " B"]]:
        ladj = x.new_zeros(len(x))
        for part in self.parts:
            x, change = part(x, given)
            ladj = ladj + change
        return x, ladj

    def estimated(
        self, x: Float[Tensor, "B *event"], given: Embedded, noise: Noise
    ) -> tuple[Float[Tensor, "B *latent"], Float[Tensor, " B"]]:
        ladj = x.new_zeros(len(x))
        for part in self.parts:
            x, change = part.estimated(x, given, noise)
            ladj = ladj + change
        return x, ladj

    def inverse(self, z: Float[Tensor, "B *latent"], given: Embedded = None) -> Float[Tensor, "B *event"]:
        for part in reversed(self.parts):
            z = part.inverse(z, given)
        return z

    def start(self, x: Float[Tensor, "B *event"], given: Embedded = None) -> Float[Tensor, "B *latent"]:
        for part in self.parts:
            x = part.start(x, given)
        return x
