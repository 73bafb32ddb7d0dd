"""Grids: at which times a sampler stops on its way from noise to data.

A grid is a function of a schedule and a number of steps; it begins at the last time and ends at 0.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.models.diffusion.schedule import Schedule

__all__ = ["GRIDS", "Grid", "angle", "diffusers", "karras", "log_snr", "quadratic", "uniform"]

Grid = Callable[[Schedule, int], Tensor]
FINEST, COARSEST = 0.002, 80.0  # σ/α between which the noise is spread; before and after stands one step


def uniform(schedule: Schedule, steps: int) -> Float[Tensor, " times"]:
    """Steps equal in t.

    Args:
        schedule: The schedule.
        steps: How many.
    """
    return torch.linspace(schedule.t_max, 0, steps + 1, dtype=torch.float64)


def quadratic(schedule: Schedule, steps: int) -> Float[Tensor, " times"]:
    """Steps equal in √t: the shorter the less noise there is.

    Args:
        schedule: The schedule.
        steps: How many.

    References:
        Song, Meng & Ermon, 2021, "Denoising diffusion implicit models", arXiv:2010.02502
    """
    return schedule.t_max * torch.linspace(1, 0, steps + 1, dtype=torch.float64).square()


def angle(schedule: Schedule, steps: int) -> Float[Tensor, " times"]:
    """Steps equal in the angle arctan(2σ/α).

    Data of about unit variance change at an even pace along it, whatever the schedule's own clock.

    Args:
        schedule: The schedule.
        steps: How many.
    """
    alpha, sigma = schedule(torch.tensor(schedule.t_max, dtype=torch.float64))
    angles = torch.linspace(math.atan2(2 * sigma.item(), alpha.item()), 0, steps + 1, dtype=torch.float64)
    return _between(schedule, angles[1:-1].tan() / 2)


def karras(schedule: Schedule, steps: int) -> Float[Tensor, " times"]:
    """Steps equal in (σ/α)^{1/7}, down to σ = 0.002 α, and one step to the data.

    Args:
        schedule: The schedule.
        steps: How many.

    References:
        Karras, Aittala, Aila & Laine, 2022, arXiv:2206.00364
    """
    high, low = (end ** (1 / 7) for end in _ends(schedule))
    return _between(schedule, torch.linspace(high, low, max(2, steps), dtype=torch.float64)[1:steps] ** 7)


def log_snr(schedule: Schedule, steps: int) -> Float[Tensor, " times"]:
    """Steps equal in λ = log α²/σ², down to σ = 0.002 α, and one step to the data.

    Args:
        schedule: The schedule.
        steps: How many.

    References:
        Lu et al., 2022, "DPM-Solver: a fast ODE solver for diffusion probabilistic model sampling in around 10
        steps", arXiv:2206.00927
    """
    high, low = (math.log(end) for end in _ends(schedule))
    return _between(schedule, torch.linspace(high, low, max(2, steps), dtype=torch.float64)[1:steps].exp())


def diffusers(schedule: Schedule, steps: int) -> Float[Tensor, " times"]:
    """Steps equal in t down to t = σ(0.001), and one to the data: flow matching's in the library diffusers, where a
    shift of the schedule counts a second time.

    Args:
        schedule: The schedule, straight or shifted.
        steps: How many.
    """
    least = schedule(torch.tensor(0.001, dtype=torch.float64))[1].item()
    return torch.cat([torch.linspace(schedule.t_max, least, steps, dtype=torch.float64), torch.zeros(1).double()])


def _ends(schedule: Schedule) -> tuple[float, float]:
    alpha, sigma = schedule(torch.tensor(schedule.t_max, dtype=torch.float64))
    return min(COARSEST, (sigma / alpha).item()), FINEST


def _between(schedule: Schedule, noises: Float[Tensor, " inner"]) -> Float[Tensor, " times"]:
    """Times at which σ/α is as given, from the last time to 0."""
    between = schedule.time(-2 * noises.log())
    return torch.cat([noises.new_tensor([schedule.t_max]), between, noises.new_zeros(1)])


GRIDS: dict[str, Grid] = {
    "uniform": uniform,
    "quadratic": quadratic,
    "angle": angle,
    "karras": karras,
    "log_snr": log_snr,
    "diffusers": diffusers,
}
