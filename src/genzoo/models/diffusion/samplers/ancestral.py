"""The ancestral step: a draw from the posterior of the noising."""

from dataclasses import dataclass

from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.models.diffusion.samplers.sampler import Passed, Past, Sampler
from genzoo.models.diffusion.schedule import Moment, Schedule

__all__ = ["Ancestral"]


@dataclass(frozen=True)
class Ancestral(Sampler):
    """A draw from the posterior q(x_s | x_t, x̂), DDPM's own step,

    $$ x_s = \\frac{\\alpha_{ts}\\sigma_s^2}{\\sigma_t^2} x_t + \\frac{\\alpha_s\\sigma_{ts}^2}{\\sigma_t^2} \\hat x
       + \\frac{\\sigma_{ts}\\sigma_s}{\\sigma_t}\\,\\varepsilon, \\qquad
       \\alpha_{ts} = \\frac{\\alpha_t}{\\alpha_s},\\quad \\sigma_{ts}^2 = \\sigma_t^2 - \\alpha_{ts}^2\\sigma_s^2. $$

    The noise is that of data without spread, so long steps make samples too narrow: steps are equal in angle.

    References:
        Ho, Jain & Abbeel, 2020, arXiv:2006.11239
        Kingma, Salimans, Poole & Ho, 2021, "Variational diffusion models", arXiv:2107.00630 (in continuous time)
    """

    steps: int = 100

    @property
    def is_fresh(self) -> bool:
        return True

    def usual(self, schedule: Schedule) -> str:
        return "angle"

    def step(self, now: Passed, at_s: Moment, noise: Noise, past: Past = ()) -> Tensor:
        at_t, ratio = now.at, now.at.alpha / at_s.alpha
        added = (at_t.sigma**2 - ratio**2 * at_s.sigma**2).clamp_min(0)
        posterior = (ratio * at_s.sigma**2 * now.x + at_s.alpha * added * now.mean) / at_t.sigma**2
        fresh = noise.normal(*posterior.shape, dtype=posterior.dtype)
        return posterior + added.sqrt() * at_s.sigma / at_t.sigma * fresh
