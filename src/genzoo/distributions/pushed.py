"""Distributions pushed through an invertible map, whose draws come with their densities.

$$ z = f(e; c), \\quad e \\sim p(e), \\qquad
   \\log q(z) = \\log p(e) - \\log \\left| \\det \\frac{\\partial f}{\\partial e} \\right|. $$

The density of a draw costs nothing beyond the draw; that of any other z needs the inverse of f, which may be slow.

References:
    Rezende & Mohamed, 2015, "Variational inference with normalizing flows", arXiv:1505.05770
"""

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from genzoo.core.noise import Noise
from genzoo.distributions.draws import draw

__all__ = ["Invertible", "Pushed", "drawn"]


@runtime_checkable
class Invertible(Protocol):
    """An invertible map of rows, under a condition of each."""

    def __call__(self, x: Any, given: Any = None) -> Any:
        """z, and log |det ∂z/∂x| of each row."""

    def inverse(self, z: Any, given: Any = None) -> Any:
        """The x whose z this is."""


class Pushed(Distribution):
    """What an invertible map makes of a distribution.

    Args:
        base: p(e).
        through: f.
        given: c, one row per row of e.

    Example:
        >>> import torch
        >>> from torch.distributions import Independent, Normal
        >>> class Twice:
        ...     def __call__(self, x, given=None):
        ...         return 2 * x, x.new_full((len(x),), torch.tensor(2.0).log().item())
        ...     def inverse(self, z, given=None):
        ...         return z / 2
        >>> q = Pushed(Independent(Normal(torch.zeros(3, 1), 1.0), 1), Twice())
        >>> wide = Independent(Normal(torch.zeros(3, 1), 2.0), 1)
        >>> z, log_q = drawn(q, Noise(0))
        >>> torch.allclose(log_q, wide.log_prob(z)), torch.allclose(q.log_prob(z), wide.log_prob(z))
        (True, True)
    """

    def __init__(self, base: Distribution, through: Invertible, given: Tensor | None = None) -> None:
        super().__init__(base.batch_shape, base.event_shape, validate_args=False)
        self.base, self.through, self.given = base, through, given

    def drawn(self, noise: Noise) -> tuple[Float[Tensor, "B *event"], Float[Tensor, " B"]]:
        """A draw of each row, and log q of it."""
        e = draw(self.base, noise)
        z, ladj = self.through(e, self.given)
        return z, self.base.log_prob(e) - ladj

    def draw(self, noise: Noise) -> Float[Tensor, "B *event"]:
        """A draw of each row."""
        return self.drawn(noise)[0]

    def log_prob(self, value: Float[Tensor, "B *event"]) -> Float[Tensor, " B"]:
        """log q of any z, by the inverse."""
        e = self.through.inverse(value, self.given)
        log_q: Tensor = self.base.log_prob(e) - self.through(e, self.given)[1]
        return log_q

    @property
    def mean(self) -> Float[Tensor, "B *event"]:
        """What becomes of the base's mean: a z in the middle, and not the mean, which has no closed form."""
        z: Tensor = self.through(self.base.mean, self.given)[0]
        return z


def drawn(q: Distribution, noise: Noise) -> tuple[Tensor, Tensor]:
    """A draw of each row of a distribution, and its log-density.

    Args:
        q: The distribution.
        noise: Where the numbers come from.
    """
    if isinstance(q, Pushed):
        return q.drawn(noise)
    z = draw(q, noise)
    return z, q.log_prob(z)
