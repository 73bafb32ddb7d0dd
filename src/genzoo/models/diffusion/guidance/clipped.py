"""Answers kept in range."""

from jaxtyping import Float
from torch import Tensor

from genzoo.core.abilities import Denoise
from genzoo.core.given import Given

__all__ = ["Clipped"]


class Clipped:
    """Means kept in the range that the data have.

    Args:
        denoise: What is wrapped.
        low: The least value, of all entries or of each.
        high: The largest.
    """

    def __init__(self, denoise: Denoise, low: Float[Tensor, "*event"], high: Float[Tensor, "*event"]) -> None:
        self.denoise, self.low, self.high = denoise, low, high

    def __call__(self, x_t: Float[Tensor, "B *event"], t: Tensor, given: Given) -> Float[Tensor, "B *event"]:
        return self.denoise(x_t, t, given).clamp(self.low, self.high)
