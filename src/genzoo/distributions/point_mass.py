"""The point mass: a distribution that is certain."""

from typing import ClassVar

import torch
from jaxtyping import Float, Shaped
from torch import Size, Tensor
from torch.distributions import Distribution, constraints

from genzoo.core.noise import Noise

__all__ = ["PointMass"]


class PointMass(Distribution):
    """Dirac's delta at a point: every draw is the point, and E f(x) = f(point).

    Its mass is one at the point and zero elsewhere. As a density of reals it is infinite there: the limit of
    $N(x; \\mu, \\sigma^2)$ as σ → 0.

    Args:
        point: Where it is.
        dims: How many of the last axes make up one x.

    Example:
        >>> p = PointMass(torch.tensor([[1.0, 2.0]]), 1)
        >>> p.log_prob(torch.tensor([[1.0, 2.0]])).item(), p.log_prob(torch.tensor([[1.0, 2.1]])).item()
        (inf, -inf)
        >>> p.draw(Noise(0)).tolist()
        [[1.0, 2.0]]

    References:
        Dirac, 1930, "The principles of quantum mechanics", §15
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, point: Shaped[Tensor, "*batch"], dims: int = 0) -> None:
        self.point, split = point, point.ndim - dims
        super().__init__(point.shape[:split], point.shape[split:], validate_args=False)

    def draw(self, noise: Noise) -> Shaped[Tensor, "*batch"]:
        """The point."""
        return self.point

    def log_prob(self, value: Shaped[Tensor, "*batch"]) -> Float[Tensor, "*rows"]:
        """0 at the point for integers, ∞ for reals; −∞ elsewhere."""
        same = value == self.point
        same = same.flatten(len(self.batch_shape)).all(-1) if self.event_shape else same
        there = torch.inf if self.point.is_floating_point() else 0.0
        return torch.where(same, there, -torch.inf)

    def cdf(self, value: Float[Tensor, "*batch"]) -> Float[Tensor, "*rows"]:
        """The step at a point on the line: 0 below it, 1 from it on."""
        return (value >= self.point).to(torch.promote_types(self.point.dtype, torch.float32))

    def icdf(self, value: Float[Tensor, "*batch"]) -> Float[Tensor, "*rows"]:
        """The point on the line, which every quantile is."""
        return self.point.expand(torch.broadcast_shapes(value.shape, self.point.shape))

    def expand(self, batch_shape: Size | list[int] | tuple[int, ...], _instance: object = None) -> "PointMass":
        """The same point for a batch of another shape."""
        return PointMass(self.point.expand(Size(batch_shape) + self.event_shape), len(self.event_shape))

    @property
    def mean(self) -> Tensor:
        return self.point

    @property
    def mode(self) -> Tensor:
        return self.point

    @property
    def variance(self) -> Tensor:
        return torch.zeros_like(self.point)
