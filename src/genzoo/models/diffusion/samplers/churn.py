"""Heun's steps with some noise put back before each: EDM's stochastic sampler."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.models.diffusion.samplers.heun import averaged
from genzoo.models.diffusion.samplers.sampler import Passed, Past, Sampler, flow
from genzoo.models.diffusion.schedule import Moment, Schedule

__all__ = ["Churn"]


@dataclass(frozen=True)
class Churn(Sampler):
    """Before each step the noise is raised to (1 + γ) σ/α with γ = min(S/N, √2 − 1), then Heun's step is taken.

    Fresh noise corrects errors of the steps before, at the price of a longer way.

    Args:
        amount: S, over all N steps; 0 is Heun's method.
        low: σ/α below which no noise is put back.
        high: σ/α above which none is.
        spread: The deviation of the noise that is put back, slightly above 1 where networks take out too much.

    References:
        Karras, Aittala, Aila & Laine, 2022, arXiv:2206.00364 (Algorithm 2)
    """

    calls: ClassVar[int] = 2
    steps: int = 25
    amount: float = 10.0
    low: float = 0.0
    high: float = math.inf
    spread: float = 1.0

    @property
    def is_fresh(self) -> bool:
        return True

    def usual(self, schedule: Schedule) -> str:
        return "karras"

    def stir(self, x: Tensor, at_t: Moment, schedule: Schedule, noise: Noise) -> tuple[Tensor, Moment]:
        ratio = at_t.sigma / at_t.alpha
        grown = 1 + min(self.amount / self.steps, math.sqrt(2) - 1)
        time = schedule.time((at_t.log_snr - 2 * math.log(grown)).double()).to(x.dtype)
        if not self.low <= ratio.item() <= self.high or not at_t.t.item() < time.item() < schedule.t_max:
            return x, at_t
        at = schedule.at(time)
        kept = at.alpha / at_t.alpha
        added = (at.sigma.square() - (kept * at_t.sigma).square()).clamp_min(0).sqrt()
        return kept * x + added * self.spread * noise.normal(*x.shape, dtype=x.dtype), at

    def step(self, now: Passed, at_s: Moment, noise: Noise, past: Past = ()) -> Tensor:
        return flow(now.x, (now.mean, now.noise), now.at, at_s)

    def correct(
        self, now: Passed, y: Tensor, at_s: Moment, noise: Noise, denoise: Callable[[Tensor], Tensor]
    ) -> Tensor:
        return averaged(now, y, at_s, denoise)
