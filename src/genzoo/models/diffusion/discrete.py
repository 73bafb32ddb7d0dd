"""Schedules in discrete time: noise added in T steps, as published models have it."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.models.diffusion.schedule import Schedule

__all__ = ["Discrete"]


@dataclass(frozen=True)
class Discrete(Schedule):
    """A variance-preserving schedule of T levels,

    $$ \\alpha_k^2 = \\prod_{i \\le k} (1 - \\beta_i), \\qquad \\sigma_k^2 = 1 - \\alpha_k^2, \\qquad t_k = k / T, $$

    with α in straight lines between them, so that samplers may stop anywhere.

    Args:
        alphas: α₁ … α_T, falling.

    Raises:
        ValueError: If they do not fall within [0, 1).

    Example:
        >>> schedule = Discrete.linear(1000)
        >>> alpha, sigma = schedule(torch.tensor([0.001, 1.0], dtype=torch.float64))
        >>> (alpha**2).tolist()[0], round((alpha**2).tolist()[1] * 1e5, 2)
        (0.9999, 4.04)

    References:
        Ho, Jain & Abbeel, 2020, "Denoising diffusion probabilistic models", arXiv:2006.11239
    """

    is_smooth: ClassVar[bool] = False
    alphas: tuple[float, ...] = field(repr=False)
    levels: int = field(init=False)
    table: Tensor = field(init=False, repr=False, compare=False)  # α₀ = 1, α₁ …

    def __post_init__(self) -> None:
        alphas = torch.tensor((1.0, *self.alphas), dtype=torch.float64)
        if not (len(alphas) > 1 and (alphas.diff() < 0).all() and alphas[-1] >= 0):
            raise ValueError(
                "The signal must fall from level to level within [0, 1). Give alphas, not betas, in their order."
            )
        object.__setattr__(self, "levels", len(self.alphas))
        object.__setattr__(self, "table", alphas)

    @classmethod
    def of_betas(cls, betas: Float[Tensor, " T"]) -> "Discrete":
        """The schedule of β₁ … β_T."""
        return cls(tuple((1 - betas.double()).cumprod(0).sqrt().tolist()))

    @classmethod
    def linear(cls, levels: int = 1000, first: float = 1e-4, last: float = 0.02) -> "Discrete":
        """DDPM's: β from `first` to `last` by equal steps."""
        return cls.of_betas(torch.linspace(first, last, levels, dtype=torch.float64))

    @classmethod
    def cosine(cls, levels: int = 1000, offset: float = 0.008, most: float = 0.999) -> "Discrete":
        """The improved one: α² = f(t)/f(0), f = cos²((t + s)/(1 + s) · π/2), no β above `most`."""
        places = torch.linspace(0, 1, levels + 1, dtype=torch.float64)
        curve = ((places + offset) / (1 + offset) * math.pi / 2).cos().square()
        return cls.of_betas((1 - curve[1:] / curve[:-1]).clamp_max(most))

    def to_zero(self) -> "Discrete":
        """Shifted and stretched until no signal is left at the last level and the first stays as it is.

        References:
            Lin, Liu, Li & Yang, 2024, "Common diffusion noise schedules and sample steps are flawed",
            arXiv:2305.08891
        """
        first, last = self.alphas[0], self.alphas[-1]
        return Discrete(tuple((alpha - last) * first / (first - last) for alpha in self.alphas))

    def __call__(self, t: Float[Tensor, "*rows"]) -> tuple[Float[Tensor, "*rows"], Float[Tensor, "*rows"]]:
        alpha, _ = self._line(t)
        return alpha.to(t.dtype), (1 - alpha.square()).clamp_min(0).sqrt().to(t.dtype)

    def rates(self, t: Float[Tensor, "*rows"]) -> tuple[Float[Tensor, "*rows"], Float[Tensor, "*rows"]]:
        alpha, slope = self._line(t)
        return slope.to(t.dtype), (-alpha * slope / (1 - alpha.square()).sqrt()).to(t.dtype)

    def inverse(self, log_snr: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        alpha, falling = log_snr.double().sigmoid().sqrt(), -self.table.to(log_snr.device)
        below = (torch.searchsorted(falling, -alpha) - 1).clamp(0, self.levels - 1)
        share = (-alpha - falling[below]) / (falling[below + 1] - falling[below])
        return ((below + share) / self.levels).clamp(0, 1).to(log_snr.dtype)

    def _line(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """α and its slope in float64: near the data 1 − α² would have few digits in float32."""
        alphas, place = self.table.to(t.device), t.double() * self.levels
        below = place.floor().clamp(0, self.levels - 1).long()
        slope = alphas[below + 1] - alphas[below]
        return alphas[below] + (place - below) * slope, slope * self.levels
