"""The distribution of data given what a network says, suited to the space."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Independent, Normal

from genzoo.core.component import Conditional
from genzoo.core.space import Space
from genzoo.distributions.discretized_logistic import DiscretizedLogistic

__all__ = ["Observation"]


class _Bits(Bernoulli):
    """A Bernoulli distribution of bytes: torch's wants numbers of its own type, and has no mode at one half."""

    def log_prob(self, value: Tensor) -> Tensor:
        return super().log_prob(value.to(self.logits.dtype))

    @property
    def mode(self) -> Tensor:
        return (self.logits > 0).to(torch.uint8)


class Observation(Conditional):
    """p(x | h) for every entry of x on its own, h being a network's output.

    Over levels it is a mass: Bernoulli if there are two, a discretized logistic if there are more. Over reals it is a
    Gaussian with a scale for every entry.

    Args:
        space: What one x is.
        least: The smallest log-scale, in units where levels span [−1, 1], or in those of real data.

    Attributes:
        count: How many numbers of h an entry needs; h has `count` times as many channels as x.

    Example:
        >>> observe = Observation(Space((1, 8, 8), levels=17))
        >>> p = observe(torch.zeros(5, observe.count, 8, 8))
        >>> p.log_prob(torch.zeros(5, 1, 8, 8, dtype=torch.uint8)).shape
        torch.Size([5])
    """

    def __init__(self, space: Space, *, least: float = -7.0) -> None:
        super().__init__()
        self.space, self.least = space, least
        self.count = 1 if space.levels == 2 else 2

    def forward(self, c: Float[Tensor, "B *outputs"]) -> Distribution:
        first, *rest = c.reshape(len(c), self.count, *self.space.shape).unbind(1)
        return Independent(self._entries(first, *rest), len(self.space.shape), validate_args=False)

    def _entries(self, loc: Tensor, scale: Tensor | None = None) -> Distribution:
        if scale is None:
            return _Bits(logits=loc, validate_args=False)
        # A softplus keeps the gradient alive at the floor, where a clamp would lose it for good.
        log_scale = self.least + torch.nn.functional.softplus(scale - self.least)
        if self.space.levels is not None:
            return DiscretizedLogistic(loc, log_scale, self.space.levels)
        return Normal(loc, log_scale.exp(), validate_args=False)
