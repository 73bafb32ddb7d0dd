"""DDIM: from the flow, where no noise is fresh, to the ancestral step, where all is that may be."""

from dataclasses import dataclass

from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.models.diffusion.samplers.sampler import Passed, Past, Sampler
from genzoo.models.diffusion.schedule import Moment, Schedule

__all__ = ["DDIM"]


@dataclass(frozen=True)
class DDIM(Sampler):
    """The same mean and the same noise, mixed for the earlier time, some of the noise fresh,

    $$ x_s = \\alpha_s\\hat x + \\sigma_s\\left(\\sqrt{1 - \\eta^2 f}\\,\\hat\\varepsilon + \\eta\\sqrt f\\,
       \\varepsilon\\right), \\qquad f = 1 - \\left(\\frac{\\alpha_t\\sigma_s}{\\alpha_s\\sigma_t}\\right)^2. $$

    Args:
        steps: Steps from t_max to 0; equal in t, or in angle where noise is fresh.
        eta: η, the share of fresh noise: 0 is the flow, 1 the ancestral step.

    References:
        Song, Meng & Ermon, 2021, "Denoising diffusion implicit models", arXiv:2010.02502
    """

    eta: float = 0.0

    @property
    def is_fresh(self) -> bool:
        return self.eta > 0

    def usual(self, schedule: Schedule) -> str:
        return "angle" if self.eta else "uniform"

    def step(self, now: Passed, at_s: Moment, noise: Noise, past: Past = ()) -> Tensor:
        kept, at_t = now.noise, now.at
        if self.eta:
            fresh = self.eta**2 * (1 - (at_t.alpha / at_s.alpha * at_s.sigma / at_t.sigma) ** 2)
            kept = (1 - fresh).sqrt() * kept + fresh.sqrt() * noise.normal(*kept.shape, dtype=kept.dtype)
        return at_s.mix(now.mean, kept)
