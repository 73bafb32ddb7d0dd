"""Adams and Bashforth's steps along the flow: where the last directions point to."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.models.diffusion.samplers.sampler import Passed, Past, Sampler, flow
from genzoo.models.diffusion.schedule import Moment, Schedule

__all__ = ["Multistep"]

# Of the directions now, one step ago …, for steps of equal length.
WEIGHTS = ((1.0,), (3 / 2, -1 / 2), (23 / 12, -16 / 12, 5 / 12), (55 / 24, -59 / 24, 37 / 24, -9 / 24))


@dataclass(frozen=True)
class Multistep(Sampler):
    """The flow along the direction that the last ones point to, with one call a step,

    $$ x_s = x_t + \\Delta\\alpha\\,\\bar x + \\Delta\\sigma\\,\\bar\\varepsilon, \\qquad
       \\bar x = \\tfrac12 (3 \\hat x_t - \\hat x_{t'}), $$

    ε̄ likewise, t' being the time before: where the middle of the step lies if both go on in a straight line, steps
    being equal in angle. Of order 4 it is iPNDM.

    Args:
        order: How many directions are looked at, 1 to 4; the first steps have fewer.

    Raises:
        ValueError: If there are no weights of that order.

    References:
        Bashforth & Adams, 1883, "An attempt to test the theories of capillary action"
        Liu, Ren, Lin & Zhao, 2022, "Pseudo numerical methods for diffusion models on manifolds", arXiv:2202.09778
        Zhang & Chen, 2023, "Fast sampling of diffusion models with exponential integrator", arXiv:2204.13902 (iPNDM)
    """

    memory: ClassVar[int] = 3
    order: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.order <= len(WEIGHTS):
            raise ValueError(f"The order must be 1 to {len(WEIGHTS)}, got {self.order}.")

    def usual(self, schedule: Schedule) -> str:
        return "angle"

    def step(self, now: Passed, at_s: Moment, noise: Noise, past: Past = ()) -> Tensor:
        seen = (now, *reversed(past))[: self.order]
        weights = WEIGHTS[len(seen) - 1]
        mean = sum((w * each.mean for w, each in zip(weights, seen, strict=True)), start=0 * now.mean)
        fresh = sum((w * each.noise for w, each in zip(weights, seen, strict=True)), start=0 * now.mean)
        return flow(now.x, (mean, fresh), now.at, at_s)
