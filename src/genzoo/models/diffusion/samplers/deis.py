"""DEIS: exponential integrators of the flow in the noise."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.models.diffusion.samplers.dpm import finite
from genzoo.models.diffusion.samplers.sampler import Passed, Past, Sampler, flow, half_log_snr
from genzoo.models.diffusion.schedule import Moment, Schedule

__all__ = ["DEIS"]


@dataclass(frozen=True)
class DEIS(Sampler):
    """The flow solved exactly for a noise that is a polynomial in log ρ, ρ = σ/α, through the last ones seen,

    $$ \\frac{x_s}{\\alpha_s} = \\frac{x_t}{\\alpha_t} + \\int_{\\rho_t}^{\\rho_s} \\hat\\varepsilon\\,d\\rho. $$

    Args:
        order: How many noises are looked at, 1 to 3; the last step, to no noise at all, looks at one.

    Raises:
        ValueError: If the order is none of these.

    References:
        Zhang & Chen, 2023, "Fast sampling of diffusion models with exponential integrator", arXiv:2204.13902
    """

    memory: ClassVar[int] = 2
    order: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.order <= 3:
            raise ValueError(f"The order must be 1 to 3, got {self.order}.")

    def usual(self, schedule: Schedule) -> str:
        return "karras"

    def step(self, now: Passed, at_s: Moment, noise: Noise, past: Past = ()) -> Tensor:
        seen = finite(now, past, self.order if at_s.sigma > 0 else 1)
        if len(seen) == 1:
            return flow(now.x, (now.mean, now.noise), now.at, at_s)
        places = torch.stack([half_log_snr(now.at) - half_log_snr(each.at) for each in seen]).double()
        end = (half_log_snr(now.at) - half_log_snr(at_s)).double()  # log ρ_s/ρ_t
        weights = torch.linalg.solve(torch.stack([places**k for k in range(len(seen))]), moments(end, len(seen)))
        rho = now.at.sigma / now.at.alpha
        gained = sum((w * each.noise for w, each in zip(weights.tolist(), seen, strict=True)), start=0 * now.x)
        return at_s.alpha * (now.x / now.at.alpha + rho * gained)


def moments(end: Tensor, count: int) -> Tensor:
    """∫₀^end u^k e^u du for k = 0 … count − 1.

    Args:
        end: The upper limit.
        count: How many.
    """
    found = [torch.expm1(end)]
    for k in range(1, count):
        found.append(end**k * end.exp() - k * found[-1])
    return torch.stack(found)
