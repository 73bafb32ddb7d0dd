"""The discretized logistic distribution: a mass on levels from a density on numbers."""

from typing import Any

import torch
from jaxtyping import Float, Integer, Shaped
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.nn.functional import logsigmoid

from genzoo._random import at_least_single
from genzoo.core.noise import Noise
from genzoo.distributions.levels import centered, quantized

__all__ = ["DiscretizedLogistic"]


class DiscretizedLogistic(Distribution):
    """A logistic density on numbers, its mass gathered at the nearest of L levels spread over [−1, 1],

    $$ P(x) = \\sigma(a) - \\sigma(b), \\quad a = \\frac{y + \\delta - \\mu}{s},\\; b = \\frac{y - \\delta - \\mu}{s},
       \\quad y = \\frac{2x}{L-1} - 1,\\; \\delta = \\frac{1}{L-1}, $$

    with a = ∞ at the highest level and b = −∞ at the lowest: the edges take the tails and the mass sums to one. It is
    computed as the product it equals, which cancels nothing however far the tail:

    $$ \\sigma(a) - \\sigma(b) = \\sigma(a)\\,\\sigma(-b)\\,(1 - e^{-(a-b)}). $$

    Args:
        loc: μ, in units where the levels span [−1, 1].
        log_scale: log s, in the same units.
        levels: L, the number of levels.

    Example:
        >>> mass = DiscretizedLogistic(torch.tensor(0.3), torch.tensor(-2.0), 256)
        >>> round(mass.log_prob(torch.arange(256)).exp().sum().item(), 5)
        1.0

    References:
        Salimans, Karpathy, Chen & Kingma, 2017, "PixelCNN++: Improving the PixelCNN with discretized logistic mixture
        likelihood and other modifications", arXiv:1701.05517
    """

    arg_constraints: dict[str, constraints.Constraint] = {}

    def __init__(
        self, loc: Float[Tensor, "*batch"], log_scale: Float[Tensor, "*batch"], levels: int, validate_args: Any = None
    ) -> None:
        self.loc, self.log_scale = torch.broadcast_tensors(loc, log_scale)
        self.levels = levels
        super().__init__(self.loc.shape, validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        return constraints.integer_interval(0, self.levels - 1)

    def expand(self, batch_shape: Any, _instance: Any = None) -> "DiscretizedLogistic":
        return DiscretizedLogistic(self.loc.expand(batch_shape), self.log_scale.expand(batch_shape), self.levels)

    def log_prob(self, value: Shaped[Tensor, "..."]) -> Float[Tensor, "..."]:
        per_scale = (-self.log_scale).exp()
        half = per_scale / max(1, self.levels - 1)
        middle = (centered(value, self.levels, self.loc.dtype) - self.loc) * per_scale
        below, above = value > 0, value < self.levels - 1
        width = (-torch.expm1(-2 * half)).log()  # log(1 − exp(b − a))
        return (
            torch.where(above, logsigmoid(middle + half), 0)
            + torch.where(below, logsigmoid(half - middle), 0)
            + torch.where(above & below, width, 0)
        )

    def draw(self, noise: Noise) -> Integer[Tensor, "*batch"]:
        """The nearest level to a draw from the density."""
        uniform = noise.uniform(*self.loc.shape, dtype=at_least_single(self.loc.dtype))
        return quantized(self.loc + self.log_scale.exp() * uniform.logit(), self.levels)

    @property
    def mean(self) -> Float[Tensor, "*batch"]:
        """E x = Σ_{v ≥ 1} P(x ≥ v)."""
        per_scale = (-self.log_scale).exp()
        edges = (2 * v / (self.levels - 1) - 1 - 1 / (self.levels - 1) for v in range(1, self.levels))
        return sum((((self.loc - edge) * per_scale).sigmoid() for edge in edges), torch.zeros_like(self.loc))

    @property
    def mode(self) -> Integer[Tensor, "*batch"]:
        """The likeliest level: the one nearest to μ, unless an edge has gathered more."""
        near = quantized(self.loc, self.levels)
        candidates = torch.stack([near, torch.zeros_like(near), torch.full_like(near, self.levels - 1)])
        best = torch.stack([self.log_prob(x) for x in candidates]).argmax(0, keepdim=True)
        return candidates.gather(0, best).squeeze(0)
