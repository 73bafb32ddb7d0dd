"""Predictor and corrector: a step back in time, then Langevin's steps at the time reached."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.models.diffusion.samplers.ancestral import Ancestral
from genzoo.models.diffusion.samplers.sampler import Passed, Past, Sampler
from genzoo.models.diffusion.schedule import Moment, Schedule

__all__ = ["PredictorCorrector"]


@dataclass(frozen=True)
class PredictorCorrector(Sampler):
    """The ancestral step, then steps of Langevin's along the score s at the time reached,

    $$ x \\leftarrow x + \\delta\\,s(x) + \\sqrt{2\\delta}\\,z, \\qquad \\delta = 2 r^2 \\sigma^2, $$

    which leave the law of x at that time as it is, and forget errors of the steps before. The published size is
    δ = 2 (r‖z‖/‖s‖)² with norms averaged over a batch; σ is what ‖z‖/‖s‖ is where the score is that of the noise, and
    depends on no other row.

    Args:
        corrections: Langevin's steps after each step.
        ratio: r, the ratio of signal to noise in one of them.

    References:
        Song et al., 2021, "Score-based generative modeling through stochastic differential equations",
        arXiv:2011.13456 (Algorithms 4 and 5)
    """

    steps: int = 100
    corrections: int = 1
    ratio: float = 0.16

    @property
    def is_fresh(self) -> bool:
        return True

    @property
    def calls(self) -> int:  # type: ignore[override]
        """Of the network, in a step."""
        return 1 + self.corrections

    def usual(self, schedule: Schedule) -> str:
        return "angle"

    def step(self, now: Passed, at_s: Moment, noise: Noise, past: Past = ()) -> Tensor:
        return Ancestral().step(now, at_s, noise)

    def correct(
        self, now: Passed, y: Tensor, at_s: Moment, noise: Noise, denoise: Callable[[Tensor], Tensor]
    ) -> Tensor:
        for _ in range(self.corrections if at_s.sigma > 0 else 0):
            score, size = -at_s.noise_in(y, denoise(y)) / at_s.sigma, 2 * (self.ratio * at_s.sigma).square()
            y = y + size * score + (2 * size).sqrt() * noise.normal(*y.shape, dtype=y.dtype)
        return y
