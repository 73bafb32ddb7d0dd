"""Maps of circles and of products of circles, whose points are angles.

A continuous increasing map of a circle onto itself has a slope of 1 somewhere, for its slopes have the mean 1. Turned
so that this place lies at ±π, it is a map of the interval [−π, π] with slopes of 1 at its ends; turned back, it is
what it was. So a rotation, a spline and a rotation are all that there is.

References:
    Rezende, Papamakarios, Racanière et al., 2020, "Normalizing flows on tori and spheres", arXiv:2002.02428
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.models.flows.base import Base
from genzoo.models.flows.coupling import Elementwise
from genzoo.models.flows.spline import Spline

__all__ = ["CircularSpline", "Torus", "wrapped"]


def wrapped(x: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """Angles in [−π, π).

    Example:
        >>> wrapped(torch.tensor([-math.pi, 3 * math.pi / 2])).div(math.pi).round(decimals=4).tolist()
        [-1.0, -0.5]
    """
    return torch.remainder(x + math.pi, 2 * math.pi) - math.pi


@dataclass(frozen=True)
class CircularSpline(Elementwise):
    """A rotation, a spline of [−π, π] and a rotation,

    $$ z = s(x + \\varphi) + \\psi \\pmod{2\\pi}, $$

    smooth around the circle. The parameters are those of the spline, φ and ψ. Angles that differ by whole turns are
    one point.

    Attributes:
        bins: Pieces of the spline.

    Example:
        >>> z, ladj = CircularSpline().forward(torch.tensor([[3.0, 4.0]]), torch.zeros(1, CircularSpline().numbers, 2))
        >>> [[round(value, 4) for value in row] for row in z.tolist()]
        [[3.0, -2.2832]]
    """

    bins: int = 8

    @property
    def numbers(self) -> int:
        return self._spline.numbers + 2

    def forward(
        self, x: Float[Tensor, "B C *rest"], raw: Float[Tensor, "B numbers C *rest"]
    ) -> tuple[Float[Tensor, "B C *rest"], Float[Tensor, "B C *rest"]]:
        z, ladj = self._spline.forward(wrapped(x + raw[:, -2]), raw[:, :-2].contiguous())
        return wrapped(z + raw[:, -1]), ladj

    def inverse(
        self, z: Float[Tensor, "B C *rest"], raw: Float[Tensor, "B numbers C *rest"]
    ) -> Float[Tensor, "B C *rest"]:
        return wrapped(self._spline.inverse(wrapped(z - raw[:, -1]), raw[:, :-2]) - raw[:, -2])

    @property
    def _spline(self) -> Spline:
        return Spline(self.bins, math.pi)


class Torus(Base):
    """The uniform density of D angles in [−π, π), $(2\\pi)^{-D}$.

    Example:
        >>> round(Torus().log_prob(torch.zeros(1, 2), None).item(), 4)
        -3.6758
    """

    def log_prob(self, z: Float[Tensor, "B *latent"], given: Tensor | None) -> Float[Tensor, " B"]:
        return z.new_full((len(z),), -z[:1].numel() * math.log(2 * math.pi))

    def moved(self, noise: Float[Tensor, "B *latent"], given: Tensor | None) -> Float[Tensor, "B *latent"]:
        """Normal numbers by their distribution function; less noise stays nearer to 0."""
        return (2 * torch.special.ndtr(noise) - 1) * math.pi
