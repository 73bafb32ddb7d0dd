"""Euler's steps along the flow."""

from dataclasses import dataclass

from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.models.diffusion.samplers.sampler import Passed, Past, Sampler, flow
from genzoo.models.diffusion.schedule import Moment

__all__ = ["Euler"]


@dataclass(frozen=True)
class Euler(Sampler):
    """The flow in straight steps, x + (α_s − α_t) x̂ + (σ_s − σ_t) ε̂.

    On a straight schedule that is Euler's step of the velocity; on every schedule it is DDIM's.
    """

    def step(self, now: Passed, at_s: Moment, noise: Noise, past: Past = ()) -> Tensor:
        return flow(now.x, (now.mean, now.noise), now.at, at_s)
