"""Corruptions: what an autoencoder that removes noise is shown in the place of x.

All are of the numbers that networks see: levels between −1 and 1, reals in the units they come in.
"""

import abc

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.noise import Noise

__all__ = ["Corruption", "GaussianNoise", "Masking", "SaltAndPepper"]


class Corruption(abc.ABC):
    """q(x̃ | x), drawn anew whenever a row is seen."""

    @abc.abstractmethod
    def of(self, y: Float[Tensor, "B D"], noise: Noise) -> Float[Tensor, "B D"]:
        """Rows that are corrupted."""


class GaussianNoise(Corruption):
    """x̃ = x + σ ε, ε ~ N(0, I).

    Args:
        sigma: σ.

    Raises:
        ValueError: If it is not positive.

    Example:
        >>> round(GaussianNoise(0.5).of(torch.zeros(1000, 2), Noise(0)).std().item(), 1)
        0.5

    References:
        Vincent, 2011, "A connection between score matching and denoising autoencoders"
    """

    def __init__(self, sigma: float) -> None:
        if not sigma > 0:
            raise ValueError(f"Noise must have a positive standard deviation, got {sigma}. Set 0.5.")
        self.sigma = sigma

    def of(self, y: Float[Tensor, "B D"], noise: Noise) -> Float[Tensor, "B D"]:
        return y + self.sigma * noise.normal(*y.shape, dtype=y.dtype)

    def __repr__(self) -> str:
        return f"GaussianNoise({self.sigma:g})"


class Masking(Corruption):
    """Each entry is lost with some probability, and is then a fixed number.

    Args:
        share: The probability.
        value: The number: −1 is black where levels are seen, 0 the mean of reals in standard units.

    Raises:
        ValueError: If the share is not in (0, 1).

    Example:
        >>> Masking(0.25).of(torch.ones(1000, 2), Noise(0)).mean().item()
        0.7...

    References:
        Vincent et al., 2010, "Stacked denoising autoencoders"
    """

    def __init__(self, share: float, value: float = 0.0) -> None:
        self.share, self.value = _checked(share), value

    def of(self, y: Float[Tensor, "B D"], noise: Noise) -> Float[Tensor, "B D"]:
        return y.masked_fill(noise.uniform(*y.shape) < self.share, self.value)

    def __repr__(self) -> str:
        return f"Masking({self.share:g}, {self.value:g})"


class SaltAndPepper(Corruption):
    """Each entry becomes with some probability one of the two ends, either as likely.

    Args:
        share: The probability.
        ends: The two numbers.

    Raises:
        ValueError: If the share is not in (0, 1).

    Example:
        >>> sorted(SaltAndPepper(0.5).of(torch.zeros(50, 2), Noise(0)).unique().tolist())
        [-1.0, 0.0, 1.0]

    References:
        Vincent et al., 2010, "Stacked denoising autoencoders"
    """

    def __init__(self, share: float, ends: tuple[float, float] = (-1.0, 1.0)) -> None:
        self.share, self.ends = _checked(share), ends

    def of(self, y: Float[Tensor, "B D"], noise: Noise) -> Float[Tensor, "B D"]:
        u, (low, high) = noise.uniform(*y.shape), self.ends
        return torch.where(u < self.share / 2, low, torch.where(u < self.share, high, y))

    def __repr__(self) -> str:
        return f"SaltAndPepper({self.share:g}, {self.ends})"


def _checked(share: float) -> float:
    if not 0 < share < 1:
        raise ValueError(f"The share of entries must be in (0, 1), got {share}. Set 0.25.")
    return share
