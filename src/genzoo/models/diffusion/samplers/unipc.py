"""UniPC: a predictor whose step is made again, at no cost, once the next mean is known."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.models.diffusion.samplers.dpm import finite
from genzoo.models.diffusion.samplers.sampler import Passed, Past, Sampler, half_log_snr
from genzoo.models.diffusion.schedule import Moment, Schedule

__all__ = ["UniPC"]


@dataclass(frozen=True)
class UniPC(Sampler):
    """With h the step in l = log α/σ and D_m = (x̂_m − x̂_t)/r_m the differences at l_t + r_m h,

    $$ x_s = \\frac{\\sigma_s}{\\sigma_t} x_t
       + \\alpha_s (1 - e^{-h}) \\left(\\hat x_t + \\sum_m \\rho_m D_m\\right), $$

    the weights ρ being such that polynomials of the order are solved exactly. The predictor takes the differences to
    times gone by; the corrector makes the same step with the one to s among them, when x̂_s is known: one order more,
    without a call of the network.

    Args:
        order: p, 1 to 3; with the corrector the method is of order p + 1.

    Raises:
        ValueError: If the order is none of these.

    References:
        Zhao et al., 2023, "UniPC: a unified predictor-corrector framework for fast sampling of diffusion models",
        arXiv:2302.04867 (its B₂)
    """

    memory: ClassVar[int] = 3
    order: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.order <= 3:
            raise ValueError(f"The order must be 1 to 3, got {self.order}.")

    def usual(self, schedule: Schedule) -> str:
        return "karras"

    def step(self, now: Passed, at_s: Moment, noise: Noise, past: Past = ()) -> Tensor:
        return self._reach(finite(now, past, self.order if at_s.sigma > 0 else 1), at_s, None)

    def refine(self, x: Tensor, mean: Tensor, at_t: Moment, past: Past) -> Tensor:
        if not past:
            return x
        return self._reach(finite(past[-1], list(past)[:-1], self.order), at_t, mean)

    def _reach(self, seen: list[Passed], at_s: Moment, mean: Tensor | None) -> Tensor:
        now = seen[0]
        h = half_log_snr(at_s) - half_log_snr(now.at)
        places = [(half_log_snr(each.at) - half_log_snr(now.at)) / h for each in seen[1:]]
        means = [each.mean for each in seen[1:]]
        if mean is not None and now.at.alpha > 0:
            places, means = [*places, torch.ones_like(h)], [*means, mean]
        direction = now.mean
        for weight, place, other in zip(weights(places, h), places, means, strict=True):
            direction = direction + weight * (other - now.mean) / place
        return at_s.sigma / now.at.sigma * now.x - at_s.alpha * torch.expm1(-h) * direction


def weights(places: list[Tensor], h: Tensor) -> list[float]:
    """The weights ρ of differences at some places, in units of the step; 1/2 for a single one.

    Args:
        places: r_m.
        h: The step.
    """
    if len(places) <= 1:
        return [0.5] * len(places)
    r, minus = torch.stack(places).double(), -h.double().item()
    powers = torch.stack([r**k for k in range(len(places))])
    phi, moments = math.expm1(minus) / minus - 1, []
    for k in range(1, len(places) + 1):
        moments.append(phi * math.factorial(k) / math.expm1(minus))
        phi = phi / minus - 1 / math.factorial(k + 1)
    solved: list[float] = torch.linalg.solve(powers, r.new_tensor(moments)).tolist()
    return solved
