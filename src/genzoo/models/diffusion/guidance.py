"""Guidance: functions that wrap `denoise` and are `denoise` again.

A sampler asks for nothing but `denoise(x_t, t, given)` = E[x | x_t, given], so whatever changes the answer — stronger
conditions, a known range — works with every sampler.
"""

from jaxtyping import Float
from torch import Tensor

from genzoo.core.abilities import Denoise
from genzoo.core.given import Given, null_like

__all__ = ["ClassifierFree", "Clipped"]


class ClassifierFree:
    """Conditions followed more strongly than the data do, by the difference that they make,

    $$ \\hat x = (1 + w)\\,\\mathbb E[x \\mid x_t, given] - w\\,\\mathbb E[x \\mid x_t]. $$

    Args:
        denoise: What is wrapped; it must know the null condition.
        weight: w; 0 is the model itself, −1 forgets the condition.

    Example:
        >>> import torch
        >>> strong = ClassifierFree(lambda x_t, t, given: given["label"].double().clamp_min(0), 2.0)
        >>> strong(torch.zeros(2), torch.tensor(0.5), {"label": torch.tensor([1, 3])})
        tensor([3., 9.], dtype=torch.float64)

    References:
        Ho & Salimans, 2022, "Classifier-free diffusion guidance", arXiv:2207.12598
    """

    def __init__(self, denoise: Denoise, weight: float) -> None:
        self.denoise, self.weight = denoise, weight

    def __call__(self, x_t: Float[Tensor, "B *event"], t: Tensor, given: Given) -> Float[Tensor, "B *event"]:
        unguided = self.denoise(x_t, t, null_like(given))
        return (1 + self.weight) * self.denoise(x_t, t, given) - self.weight * unguided


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
