"""Heun's steps along the flow: a look ahead, and the average of both directions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.models.diffusion.samplers.sampler import Passed, Past, Sampler, flow
from genzoo.models.diffusion.schedule import Moment, Schedule

__all__ = ["Heun", "averaged"]


@dataclass(frozen=True)
class Heun(Sampler):
    """The flow in steps along the average of two directions, that at t and that where it leads: of second order.

    Every step but the last, which ends where there is no noise to divide by, looks at the network twice.

    References:
        Karras, Aittala, Aila & Laine, 2022, arXiv:2206.00364 (Algorithm 1)
    """

    calls: ClassVar[int] = 2
    steps: int = 25

    def usual(self, schedule: Schedule) -> str:
        return "uniform" if schedule.is_smooth else "angle"

    def step(self, now: Passed, at_s: Moment, noise: Noise, past: Past = ()) -> Tensor:
        return flow(now.x, (now.mean, now.noise), now.at, at_s)

    def correct(
        self, now: Passed, y: Tensor, at_s: Moment, noise: Noise, denoise: Callable[[Tensor], Tensor]
    ) -> Tensor:
        return averaged(now, y, at_s, denoise)


def averaged(now: Passed, y: Tensor, at_s: Moment, denoise: Callable[[Tensor], Tensor]) -> Tensor:
    """x at s along the average of the directions at t and at y, or y where no noise is left.

    Args:
        now: The time left.
        y: Where the first direction leads.
        at_s: The time reached.
        denoise: The mean there.
    """
    if (at_s.sigma == 0).all():
        return y
    there = Passed(at_s, y, denoise(y))
    return flow(now.x, ((now.mean + there.mean) / 2, (now.noise + there.noise) / 2), now.at, at_s)
