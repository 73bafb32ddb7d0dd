"""A uniform distribution on a segment of the plane: the example on which divergences fail and transport does not.

P lives on {0} × [0, 1], Q on {θ} × [0, 1]. Unless θ = 0 no point belongs to both, so whatever compares densities sees
two strangers however near they are, and gives a generator that could move θ no slope to go down:

$$ \\mathrm{TV} = 1, \\quad \\mathrm{KL} = \\infty, \\quad \\mathrm{JS} = \\log 2, \\quad W_k = |\\theta|,
   \\qquad \\partial_\\theta W_k = \\mathrm{sign}\\,\\theta. $$

References:
    Arjovsky, Chintala & Bottou, 2017, "Wasserstein GAN", arXiv:1701.07875 (Example 1)
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, constraints

from genzoo.core.noise import Noise

__all__ = ["Segment"]


class Segment(Distribution):
    """The uniform distribution on the segment {θ} × [0, 1].

    It has no density in the plane; `log_prob` is that along its own line, −∞ off it. Log-ratios of two segments are
    right all the same: ±∞ where one of them has no mass, 0 where both are one.

    Args:
        theta: θ, where on the first axis the segment stands.

    Example:
        >>> segment = Segment(torch.tensor(0.5))
        >>> segment.log_prob(torch.tensor([[0.5, 0.2], [0.0, 0.2]]))
        tensor([0., -inf])
    """

    arg_constraints: dict[str, constraints.Constraint] = {}
    support = constraints.real_vector

    def __init__(self, theta: Float[Tensor, "*batch"], validate_args: Any = None) -> None:
        self.theta = theta
        super().__init__(theta.shape, torch.Size([2]), validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> "Segment":
        return Segment(self.theta.expand(batch_shape))

    def log_prob(self, value: Float[Tensor, "*rows 2"]) -> Float[Tensor, "*rows"]:
        along, across = value[..., 1], value[..., 0]
        on = (across == self.theta) & (along >= 0) & (along <= 1)
        return torch.where(on, 0, -torch.inf).to(value)

    def draw(self, noise: Noise) -> Float[Tensor, "*batch 2"]:
        """Points of the segment, differentiable in θ."""
        along = noise.uniform(*self.batch_shape, dtype=self.theta.dtype)
        return torch.stack([self.theta.expand(along.shape), along], dim=-1)
