"""How well a row is found again under noise, at eight levels of it.

With $x_t = \\alpha x + \\sigma \\varepsilon$ at log-SNR $\\log \\alpha^2/\\sigma^2$ from 5 to −3:

- `denoising` is the error $\\|\\hat x(x_t) - x\\|^2$ of the mean of the data;
- `score_norm` is $\\|\\hat x(\\alpha x) - x\\|^2$, the squared norm of the score at αx but for a factor.

Both are taken in logarithms, in standard deviations of calibration rows, and averaged over the levels. One call of the
network for each level.

References:
    Graham et al., 2023, "Denoising diffusion models for out-of-distribution detection", arXiv:2211.07740
    Mahmood, Oliva & Styner, 2021, "Multiscale score matching for out-of-distribution detection", arXiv:2010.13132
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from genzoo.core.abilities import Denoiser
from genzoo.core.noise import Noise
from genzoo.tasks.outliers.statistic import Drawn, Setting, Statistic

__all__ = ["Denoising", "ScoreNorm"]

LEVELS = (5.0, -3.0, 8)  # log-SNR from, to, how many


class Denoising(Statistic):
    """log of the mean squared error of the mean of the data under noise."""

    name = "denoising"
    both_ways = True
    noisy = True

    def why_not(self, setting: Setting) -> str:
        model = setting.model
        denoiser = model.ability(Denoiser)
        if denoiser is None:
            return "it does not denoise"
        return "" if tuple(denoiser.shape) == model.space.shape else "it denoises latents, not rows"

    def number(self, setting: Setting) -> Callable[[Drawn], Tensor]:
        denoiser = setting.model.able(Denoiser)

        def number(rows: Drawn) -> Tensor:
            x = denoiser.numbers.of(rows.x)
            noise = Noise(setting.seed, "outliers", self.name, start=rows.start, device=x.device)
            return torch.stack([self._error(denoiser, x, *at, rows, noise.at(k)) for k, at in _levels(denoiser, x)], 1)

        return number

    def _error(
        self, denoiser: Denoiser, x: Tensor, t: Tensor, alpha: Tensor, sigma: Tensor, rows: Drawn, noise: Noise
    ) -> Tensor:
        x_t = alpha * x + (sigma * noise.normal(*x.shape, dtype=x.dtype) if self.noisy else 0)
        off = denoiser.denoise(x_t, t, rows.given) - x
        return off.flatten(1).square().mean(1).double().clamp_min(1e-12).log()


class ScoreNorm(Denoising):
    """log of the mean square of the score, over its spread under noise."""

    name = "score_norm"
    noisy = False


def _levels(denoiser: Denoiser, x: Tensor) -> Iterator[tuple[int, tuple[Tensor, Tensor, Tensor]]]:
    """Times of evenly spread log-SNR, those beyond the schedule's end left out, with α and σ."""
    schedule = denoiser.schedule
    times = schedule.time(torch.linspace(*LEVELS, dtype=torch.float64).to(x.device))
    for k, t in enumerate(times.unique()):
        if bool(t < schedule.t_max) or k == 0:
            alpha, sigma = schedule(t)
            yield k, (t.to(x), alpha.to(x), sigma.to(x))
