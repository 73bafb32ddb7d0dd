"""Guidance across the answer rather than along it."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.models.diffusion.guidance.rule import Rule
from genzoo.models.diffusion.schedule import Moment

__all__ = ["Projected"]


@dataclass(frozen=True)
class Projected(Rule):
    """What tells the two answers apart without its part along the better one, which only makes it stronger,

    $$ \\hat x = \\hat x_1 + w\\,(\\Delta_\\perp + \\eta\\,\\Delta_\\parallel), \\qquad
       \\Delta = \\min\\!\\left(1, \\frac{r}{\\|\\hat x_1 - \\hat x_0\\|}\\right) (\\hat x_1 - \\hat x_0). $$

    Args:
        weight: w.
        parallel: η; 1 is the plain rule.
        radius: r, the largest difference that counts in full, in units of one entry's: the root of the mean square; by
            default any does.

    Example:
        >>> import torch
        >>> from genzoo.models.diffusion import Straight
        >>> better, worse = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
        >>> Projected(2.0)(better, worse, better, Straight().at(torch.tensor(0.5)))
        tensor([[ 1., -2.]])

    References:
        Sadat, Hilliges & Weber, 2025, "Eliminating oversaturation and artifacts of high guidance scales in diffusion
        models", arXiv:2410.02416
    """

    weight: float
    parallel: float = 0.0
    radius: float | None = None

    def __call__(
        self,
        better: Float[Tensor, "B *event"],
        worse: Float[Tensor, "B *event"],
        x_t: Float[Tensor, "B *event"],
        at: Moment,
    ) -> Float[Tensor, "B *event"]:
        apart, along = (better - worse).flatten(1), torch.nn.functional.normalize(better.flatten(1), dim=1)
        if self.radius is not None:
            size = apart.square().mean(1, keepdim=True).sqrt()
            apart = apart * (self.radius / size.clamp_min(1e-12)).clamp_max(1.0)
        parallel = (apart * along).sum(1, keepdim=True) * along
        return better + self.weight * (apart + (self.parallel - 1) * parallel).reshape(better.shape)
