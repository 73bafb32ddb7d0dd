"""Steps as long as their error allows, chosen for each row alone."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.models.diffusion.samplers.grids import FINEST
from genzoo.models.diffusion.samplers.heun import averaged
from genzoo.models.diffusion.samplers.sampler import Passed, Past, Sampler, Watch, flow
from genzoo.models.diffusion.schedule import Moment, Schedule

__all__ = ["Adaptive"]


@dataclass(frozen=True)
class Adaptive(Sampler):
    """Heun's step with Euler's beside it: their difference is the error of the shorter one, and must stay small.

    With e the root mean square of a row's error over `tolerance` · √(α² + σ²) at the time reached, a step is kept
    where e ≤ 1, and the next is 0.9 e^{−1/2} times as long. Each row has a clock of its own, the angle arctan(2σ/α),
    so that a row never depends on the others. Below σ = 0.002 α the mean is taken.

    Args:
        steps: The most steps, kept ones and others, that a row may take; what is not there by then goes in one step.
        tolerance: The error that is let through.

    References:
        Fehlberg, 1969, "Low-order classical Runge–Kutta formulas with stepsize control"
        Jolicoeur-Martineau et al., 2021, "Gotta go fast when generating data with score-based models",
        arXiv:2105.14080
    """

    calls: ClassVar[int] = 2
    steps: int = 500
    tolerance: float = 0.02

    def along(
        self,
        times: Float[Tensor, " times"],
        denoise: Callable[[Tensor, Tensor], Tensor],
        schedule: Schedule,
        x: Float[Tensor, "B *event"],
        noise: Noise,
        watch: Watch | None = None,
    ) -> Float[Tensor, "B *event"]:
        last = x.new_full((len(x),), math.atan(2 * FINEST))
        angle = angle_at(schedule, times[0]).expand_as(last).clone()
        length = (angle - last) / 10
        for _ in range(self.steps):
            if not (going := angle > last).any():
                break
            to = torch.maximum(angle - length, last)
            now = seen(x, angle, denoise, schedule)
            if watch is not None:
                watch(now)
            at_s = schedule.at(time_at(schedule, to)).over(x)
            y = self.step(now, at_s, noise)
            better = averaged(now, y, at_s, lambda y, to=to: denoise(y, time_at(schedule, to)))  # type: ignore[misc]
            error = ((better - y) / (self.tolerance * at_s.scale)).flatten(1).square().mean(1).sqrt()
            kept = going & (error <= 1)
            x = torch.where(kept.reshape(-1, *[1] * (x.ndim - 1)), better, x)
            angle = torch.where(kept, to, angle)
            length = length * (0.9 * error.clamp_min(1e-9).rsqrt()).clamp(0.2, 4.0)
        return seen(x, angle, denoise, schedule).mean

    def step(self, now: Passed, at_s: Moment, noise: Noise, past: Past = ()) -> Tensor:
        return flow(now.x, (now.mean, now.noise), now.at, at_s)


def seen(x: Tensor, angle: Tensor, denoise: Callable[[Tensor, Tensor], Tensor], schedule: Schedule) -> Passed:
    """Rows at their own angles, with their means.

    Args:
        x: The rows.
        angle: Their angles.
        denoise: The mean at a time of each row.
        schedule: The schedule.
    """
    t = time_at(schedule, angle)
    return Passed(schedule.at(t).over(x), x, denoise(x, t))


def angle_at(schedule: Schedule, t: Tensor) -> Tensor:
    """arctan(2σ/α) at a time.

    Args:
        schedule: The schedule.
        t: The time.
    """
    alpha, sigma = schedule(t)
    return torch.atan2(2 * sigma, alpha)


def time_at(schedule: Schedule, angle: Tensor) -> Tensor:
    """The time at which arctan(2σ/α) is as given.

    Args:
        schedule: The schedule.
        angle: The angles.
    """
    right = angle.double().clamp_max(
        math.pi / 2
    )  # which in single precision is more than it is, with a tangent below 0
    return schedule.time(-2 * (right.tan() / 2).log()).to(angle.dtype)
