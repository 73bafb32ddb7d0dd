"""A bijection the other way round."""

from jaxtyping import Float
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.models.flows.bijection import Bijection, Embedded

__all__ = ["Inverse"]


class Inverse(Bijection):
    """The inverse of a bijection as a bijection: what was quick to score is quick to draw,

    $$ z = f^{-1}(x), \\qquad \\log \\left| \\det \\frac{\\partial z}{\\partial x} \\right|
       = -\\log \\left| \\det \\frac{\\partial f}{\\partial z} \\right|. $$

    Args:
        inner: f.

    Example:
        >>> import torch
        >>> from genzoo.models.flows import ActNorm
        >>> norm = ActNorm(2)
        >>> z = norm.start(torch.tensor([[10.0, 1.0], [30.0, 3.0]]))
        >>> Inverse(norm)(z)[0].round().tolist()
        [[10.0, 1.0], [30.0, 3.0]]
    """

    def __init__(self, inner: Bijection) -> None:
        super().__init__()
        self.inner = inner

    def forward(
        self, x: Float[Tensor, "B *event"], given: Embedded = None
    ) -> tuple[Float[Tensor, "B *latent"], Float[Tensor, " B"]]:
        z = self.inner.inverse(x, given)
        return z, -self.inner(z, given)[1]

    def estimated(
        self, x: Float[Tensor, "B *event"], given: Embedded, noise: Noise
    ) -> tuple[Float[Tensor, "B *latent"], Float[Tensor, " B"]]:
        z = self.inner.inverse(x, given)
        return z, -self.inner.estimated(z, given, noise)[1]

    def inverse(self, z: Float[Tensor, "B *latent"], given: Embedded = None) -> Float[Tensor, "B *event"]:
        return self.inner(z, given)[0]
