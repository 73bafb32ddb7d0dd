"""Guidance at some noises alone."""

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.abilities import Denoise
from genzoo.core.given import Given
from genzoo.models.diffusion.schedule import Schedule

__all__ = ["Between"]


class Between:
    """A guide that is followed where the noise σ/α lies between two, and the model itself elsewhere.

    Near pure noise a guide throws samples together, and near the data it changes nothing that one sees: left out
    there, it keeps more variety, and costs less.

    Args:
        guided: With the guide.
        plain: Without.
        schedule: The schedule.
        low: The least σ/α at which it is followed.
        high: The largest.

    Raises:
        ValueError: If the two are not in order.

    Example:
        >>> from genzoo.models.diffusion import Straight
        >>> part = Between(lambda x_t, t, given: x_t + 1, lambda x_t, t, given: x_t, Straight(), 0.5, 2.0)
        >>> [part(torch.zeros(1), torch.tensor(t), {}).item() for t in (0.2, 0.5, 0.8)]  # σ/α is 1/4, 1 and 4
        [0.0, 1.0, 0.0]

    References:
        Kynkäänniemi et al., 2024, "Applying guidance in a limited interval improves sample and distribution quality in
        diffusion models", arXiv:2404.07724
    """

    def __init__(self, guided: Denoise, plain: Denoise, schedule: Schedule, low: float, high: float) -> None:
        if not 0 <= low < high:
            raise ValueError(
                f"Guidance must lie between a noise σ/α and a larger one, got {low:g} and {high:g}. Swap them."
            )
        self.guided, self.plain, self.schedule, self.low, self.high = guided, plain, schedule, low, high

    def __call__(self, x_t: Float[Tensor, "B *event"], t: Tensor, given: Given) -> Float[Tensor, "B *event"]:
        at = self.schedule.at(t.reshape(-1)).over(x_t)
        ratio = at.sigma / at.alpha
        inside = (ratio >= self.low) & (ratio <= self.high)
        if inside.all():
            return self.guided(x_t, t, given)
        if not inside.any():
            return self.plain(x_t, t, given)
        return torch.where(inside, self.guided(x_t, t, given), self.plain(x_t, t, given))
