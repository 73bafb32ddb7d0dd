"""What is said of one entry, as a distribution over its levels."""

import abc

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, MixtureSameFamily, Normal
from torch.nn.functional import softplus

from genzoo.core.component import Conditional
from genzoo.distributions.discretized_logistic import DiscretizedLogistic

__all__ = ["CategoricalHead", "GaussiansHead", "Head", "LogisticsHead"]

LOWEST, HIGHEST = -8.0, 3.0  # log-scales, in units where levels span [−1, 1]
NARROW, WIDE = -6.0, 3.0  # log-scales of Gaussians, in standard units: none may stand on a value that repeats


class Head(Conditional):
    """p(x_d | …) from `count` numbers for each entry.

    Attributes:
        count: How many numbers an entry needs.
    """

    count: int

    def broad(self) -> Float[Tensor, " count"]:
        """The numbers of a broad distribution."""
        return torch.zeros(self.count)

    @abc.abstractmethod
    def logits(self, c: Float[Tensor, "*rest count"]) -> Float[Tensor, "*rest levels"]:
        """log p of every level, up to a constant."""

    def marginal(self, tokens: Int[Tensor, "B D"]) -> Float[Tensor, "D count"]:
        """The numbers to start from: what rows say of each entry on its own, or a broad distribution."""
        return self.broad().expand(tokens.shape[1], self.count)


class CategoricalHead(Head):
    """Any distribution over L levels: logits, or for two levels the logit of the second.

    Args:
        levels: L.
        by_column: Whether entries may lack levels, so that each level needs a logit.

    Example:
        >>> CategoricalHead(5)(torch.zeros(3, 4, 5)).batch_shape
        torch.Size([3, 4])
    """

    def __init__(self, levels: int, *, by_column: bool = False) -> None:
        super().__init__()
        self.levels, self.count = levels, 1 if levels == 2 and not by_column else levels

    def marginal(self, tokens: Int[Tensor, "B D"]) -> Float[Tensor, "D count"]:
        counts = torch.stack([(tokens == level).sum(0) for level in range(self.levels)], dim=1)
        logits = (counts + 1).float().log()
        return logits[:, 1:] - logits[:, :1] if self.count == 1 else logits - logits.mean(1, keepdim=True)

    def logits(self, c: Float[Tensor, "*rest count"]) -> Float[Tensor, "*rest levels"]:
        return torch.cat([torch.zeros_like(c), c], dim=-1) if self.count == 1 else c

    def forward(self, c: Float[Tensor, "*rest count"]) -> Distribution:
        if self.count == 1:
            return Bernoulli(logits=c.squeeze(-1), validate_args=False)
        return Categorical(logits=c, validate_args=False)


class LogisticsHead(Head):
    """A mixture of K discretized logistics: 3K numbers, however many levels.

    Args:
        levels: L.
        components: K.

    Example:
        >>> head = LogisticsHead(256, components=3)
        >>> p = head(head.broad().expand(2, 9))
        >>> round(p.log_prob(torch.arange(256)[:, None].expand(256, 2)).exp().sum(0)[0].item(), 4)
        1.0

    References:
        Salimans, Karpathy, Chen & Kingma, 2017, "PixelCNN++", arXiv:1701.05517
    """

    def __init__(self, levels: int, components: int = 5) -> None:
        super().__init__()
        self.levels, self.count = levels, 3 * components

    def broad(self) -> Float[Tensor, " count"]:
        components = self.count // 3
        loc = torch.linspace(-1, 1, components + 2)[1:-1]
        return torch.cat([torch.zeros(components), loc, torch.full((components,), -1.5)])

    def logits(self, c: Float[Tensor, "*rest count"]) -> Float[Tensor, "*rest levels"]:
        level = torch.arange(self.levels, device=c.device).reshape(-1, *[1] * (c.ndim - 1))
        return self(c).log_prob(level.expand(-1, *c.shape[:-1])).movedim(0, -1)

    def forward(self, c: Float[Tensor, "*rest count"]) -> Distribution:
        weights, loc, log_scale = c.chunk(3, dim=-1)
        # Above the upper bound a logistic is flat, all its mass in the two edges, and would be lost to rounding.
        log_scale = bounded(log_scale, LOWEST, HIGHEST)
        mixture = Categorical(logits=weights, validate_args=False)
        return MixtureSameFamily(mixture, DiscretizedLogistic(loc, log_scale, self.levels), validate_args=False)


class GaussiansHead(Head):
    """A mixture of K Gaussians for a real entry in standard units: 3K numbers.

    Args:
        components: K.

    Example:
        >>> GaussiansHead(3)(torch.zeros(4, 9)).sample().shape
        torch.Size([4])

    References:
        Bishop, 1994, "Mixture density networks"
    """

    def __init__(self, components: int = 5) -> None:
        super().__init__()
        self.count = 3 * components

    def broad(self) -> Float[Tensor, " count"]:
        components = self.count // 3
        return torch.cat([torch.zeros(components), torch.linspace(-1.5, 1.5, components), torch.zeros(components)])

    def logits(self, c: Float[Tensor, "*rest count"]) -> Float[Tensor, "*rest levels"]:
        raise ValueError("A real entry has a density, and no logits of levels. Ask for the distribution.")

    def forward(self, c: Float[Tensor, "*rest count"]) -> Distribution:
        weights, loc, log_scale = c.chunk(3, dim=-1)
        gaussians = Normal(loc, bounded(log_scale, NARROW, WIDE).exp(), validate_args=False)
        return MixtureSameFamily(Categorical(logits=weights, validate_args=False), gaussians, validate_args=False)


def bounded(x: Float[Tensor, "*shape"], low: float, high: float) -> Float[Tensor, "*shape"]:
    """Numbers brought between bounds by softplus, which keeps the gradient alive where a clamp would lose it for good.

    Example:
        >>> bounded(torch.tensor([-100.0, 0.0, 100.0]), -8.0, 3.0).round(decimals=1).tolist()
        [-8.0, -0.0, 3.0]
    """
    return high - softplus(high - (low + softplus(x - low)))
