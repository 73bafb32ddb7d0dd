"""DPM-Solver++: exponential integrators of the flow, and of its stochastic twin, in the mean of the data."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.models.diffusion.samplers.sampler import Passed, Past, Sampler, half_log_snr
from genzoo.models.diffusion.schedule import Moment, Schedule

__all__ = ["DPMSolver"]


@dataclass(frozen=True)
class DPMSolver(Sampler):
    """The flow solved exactly for a mean that is a polynomial in l = log α/σ through the last ones seen,

    $$ x_s = \\frac{\\sigma_s}{\\sigma_t} x_t + \\alpha_s \\int_0^h e^{\\tau - h}\\,\\hat x(l_t + \\tau)\\,d\\tau,
       \\qquad h = l_s - l_t. $$

    Of second order the published step weighs the slope by (1 − e^{−h})/2, which differs from the integral by h³. The
    stochastic twin has 2h in the place of h, and fresh noise of deviation σ_s √(1 − e^{−2h}).

    Args:
        order: How many means are looked at, 1 to 3; the last step, to no noise at all, looks at one.
        stochastic: Whether noise is fresh; then of order 2 at most.

    Raises:
        ValueError: If the order is none of these.

    References:
        Lu et al., 2023, "DPM-Solver++: fast solver for guided sampling of diffusion probabilistic models",
        arXiv:2211.01095
    """

    memory: ClassVar[int] = 2
    order: int = 2
    stochastic: bool = False

    @property
    def is_fresh(self) -> bool:
        return self.stochastic

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.order <= 3 - self.stochastic:
            raise ValueError(f"The order must be 1 to {3 - self.stochastic}, got {self.order}.")

    def usual(self, schedule: Schedule) -> str:
        return "karras"

    def step(self, now: Passed, at_s: Moment, noise: Noise, past: Past = ()) -> Tensor:
        seen = finite(now, past, self.order if at_s.sigma > 0 else 1)
        h = half_log_snr(at_s) - half_log_snr(now.at)
        slope, bend = differences(seen, h)
        stretch = 2 * h if self.stochastic else h
        reached = -torch.expm1(-stretch)
        mean = reached * now.mean
        if len(seen) == 2:
            mean = mean + reached / 2 * slope
        if len(seen) == 3:
            mean = mean + (1 - reached / h) * slope + (1 - 2 / h * (1 - reached / h)) * bend
        kept = at_s.sigma / now.at.sigma
        if not self.stochastic:
            return kept * now.x + at_s.alpha * mean
        fresh = at_s.sigma * (-torch.expm1(-2 * h)).sqrt() * noise.normal(*now.x.shape, dtype=now.x.dtype)
        return kept * torch.exp(-h) * now.x + at_s.alpha * mean + fresh


def finite(now: Passed, past: Past, order: int) -> list[Passed]:
    """The newest times first, as many as the order, those at which no signal was left apart: they lie endlessly far.

    Args:
        now: The time left.
        past: The times before it, oldest first.
        order: How many at most.
    """
    seen = [now]
    for each in reversed(past):
        if len(seen) == order or each.at.alpha == 0 or now.at.alpha == 0:
            break
        seen.append(each)
    return seen


def differences(seen: list[Passed], h: Tensor) -> tuple[Tensor, Tensor]:
    """The slope and half the second derivative, in steps of h, of the polynomial through the means seen, newest first.

    Args:
        seen: Up to three times.
        h: The step to come.
    """
    now, zero = seen[0], torch.zeros_like(seen[0].mean)
    if len(seen) == 1:
        return zero, zero
    places = [half_log_snr(each.at) for each in seen]
    newer = (now.mean - seen[1].mean) * h / (places[0] - places[1])
    if len(seen) == 2:
        return newer, zero
    older = (seen[1].mean - seen[2].mean) * h / (places[1] - places[2])
    bend = (newer - older) * h / (places[0] - places[2])
    return newer + bend * (places[0] - places[1]) / h, bend
