"""Guidance of flows with the worse velocity scaled to fit."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from genzoo.models.diffusion.guidance.rule import Rule
from genzoo.models.diffusion.schedule import Moment

__all__ = ["ZeroStar"]


@dataclass(frozen=True)
class ZeroStar(Rule):
    """The plain rule for the flow's velocities, v = x̂ dα/dt + ε̂ dσ/dt, after the worse was scaled to lie nearest to
    the better,

    $$ v = v_1 + w\\,(v_1 - s\\,v_0), \\qquad s = \\frac{v_1 \\cdot v_0}{\\|v_0\\|^2}. $$

    Where a network knows little yet, what both have in common is not followed. The published method also rests for the
    first steps.

    Args:
        weight: w.

    Example:
        >>> import torch
        >>> from genzoo.models.diffusion import Straight
        >>> better = torch.tensor([[1.0, 2.0]])
        >>> ZeroStar(2.0)(better, better / 2, 0 * better, Straight().at(torch.tensor(0.5)))  # velocities are parallel
        tensor([[1., 2.]])

    References:
        Fan et al., 2025, "CFG-Zero*: improved classifier-free guidance for flow matching models", arXiv:2503.18886
    """

    weight: float

    def __call__(
        self,
        better: Float[Tensor, "B *event"],
        worse: Float[Tensor, "B *event"],
        x_t: Float[Tensor, "B *event"],
        at: Moment,
    ) -> Float[Tensor, "B *event"]:
        v1, v0 = (at.d_alpha * mean + at.d_sigma * at.noise_in(x_t, mean) for mean in (better, worse))
        dims = tuple(range(1, x_t.ndim))
        s = (v1 * v0).sum(dims, keepdim=True) / v0.square().sum(dims, keepdim=True).clamp_min(1e-12)
        v = v1 + self.weight * (v1 - s * v0)
        return (v - at.d_sigma / at.sigma * x_t) / (at.d_alpha - at.d_sigma * at.alpha / at.sigma)
