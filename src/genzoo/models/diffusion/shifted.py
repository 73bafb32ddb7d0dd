"""A schedule moved along its own clock, as larger images want it."""

import math
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from genzoo.models.diffusion.schedule import Schedule

__all__ = ["Shifted"]


@dataclass(frozen=True)
class Shifted(Schedule):
    """A schedule with s times as much noise for the signal at every time, λ' = λ − 2 log s.

    Neighboring pixels of a larger image say the same, so that noise of one size hides less of it: images with twice
    the side want s twice as large. On a straight line that is

    $$ t' = \\frac{s\\,t}{1 + (s - 1)\\,t}. $$

    Args:
        base: The schedule.
        factor: s; 1 leaves it as it is.

    Raises:
        ValueError: If the factor is not positive.

    Example:
        >>> import torch
        >>> from genzoo.models.diffusion import Straight
        >>> Shifted(Straight(), 3.0)(torch.tensor(0.5))
        (tensor(0.2500), tensor(0.7500))

    References:
        Hoogeboom, Heek & Salimans, 2023, "Simple diffusion", arXiv:2301.11093
        Esser et al., 2024, "Scaling rectified flow transformers for high-resolution image synthesis",
        arXiv:2403.03206
    """

    base: Schedule
    factor: float = 1.0

    def __post_init__(self) -> None:
        if not self.factor > 0:
            raise ValueError(f"The factor of a shift must be positive, got {self.factor}. Take 1 for none.")

    @property
    def t_max(self) -> float:  # type: ignore[override]
        """The last time of the schedule that is shifted: there it may have no signal, and then nor has this one."""
        return self.base.t_max

    @property
    def is_smooth(self) -> bool:  # type: ignore[override]
        """As the schedule that is shifted."""
        return self.base.is_smooth

    def __call__(self, t: Float[Tensor, "*rows"]) -> tuple[Float[Tensor, "*rows"], Float[Tensor, "*rows"]]:
        alpha, sigma = self.base(t)
        return self.base.on_path(alpha, self.factor * sigma)

    def inverse(self, log_snr: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        return self.base.inverse(log_snr + 2 * math.log(self.factor))
