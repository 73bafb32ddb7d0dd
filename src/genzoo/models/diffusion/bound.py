"""The variational bound of a diffusion in continuous time.

Between a finest noise level λ₀ and a coarsest λ₁ the reverse process is a chain of infinitely many small steps, each
the posterior q(x_s | x_t, x) with the model's mean in place of x. Its bound has three parts,

$$ \\log p(x) \\ge \\mathbb E\\,\\log p(x \\mid x_{t_0}) - KL(q(x_{t_1} \\mid x) \\,\\|\\, p(x_{t_1}))
   - \\frac12 \\int_{\\lambda_1}^{\\lambda_0} e^\\lambda\\,\\mathbb E\\,\\|x - \\hat x(x_\\lambda)\\|^2 d\\lambda, $$

and depends on the schedule only through its ends.

References:
    Kingma, Salimans, Poole & Ho, 2021, "Variational diffusion models", arXiv:2107.00630
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.distributions.levels import centered
from genzoo.models.diffusion.schedule import Moment, Schedule

__all__ = ["denoising_rate", "level_log_prob", "prior_rate", "real_log_prob"]

CHUNK = 2**24  # entries times levels at once


def denoising_rate(
    x: Float[Tensor, "B *event"],
    mean: Callable[[Tensor, Tensor], Tensor],
    schedule: Schedule,
    ends: tuple[float, float],
    noise: Noise,
    samples: int,
    *,
    calm: bool = False,
) -> Float[Tensor, " B"]:
    """The integral over noise levels, from `samples` levels a row, one in each of as many equal parts of the range.

    Where there is little noise in continuous data, nobody can tell it from them, and the integrand is ‖ε‖². So its
    known mean D takes the place of most of it, e^λ ‖x − x̂‖² − c(λ)(‖ε‖² − D): the same expectation, less variance.

    Args:
        x: The data.
        mean: E[x | x_t] from x_t and the times of its rows.
        schedule: The schedule.
        ends: λ₀ and λ₁.
        noise: One row a row.
        samples: The number of levels; more lower the variance and leave the expectation as it is.
        calm: Whether the data are continuous.
    """
    high, low = ends
    total = x.new_zeros(len(x))
    for k in range(samples):
        page = noise.at("level", k)
        share = (k + page.uniform(len(x), dtype=torch.float64)) / samples
        t = schedule.time(low + (high - low) * share).to(x.dtype)
        at, draw = schedule.at(t).over(x), page.normal(*x.shape, dtype=x.dtype)
        square = (at.alpha / at.sigma * (x - mean(at.mix(x, draw), t))).square()
        if calm:
            square = square - torch.sigmoid(at.log_snr - 2.4).square() * (draw.square() - 1)
        total = total + square.flatten(1).sum(1)
    return (high - low) / 2 * total / samples


def prior_rate(x: Float[Tensor, "B *event"], at: Moment) -> Float[Tensor, " B"]:
    """KL(N(αx, σ²) ‖ N(0, ρ²)), what is left of the data at the last time.

    Args:
        x: The data.
        at: The last time.
    """
    ratio = (at.sigma / at.scale).square()
    kept = (at.alpha / at.scale).square() * x.square()
    return ((ratio - 1 - ratio.log() + kept) / 2).flatten(1).sum(1)


def real_log_prob(x: Float[Tensor, "B *event"], at: Moment) -> Float[Tensor, " B"]:
    """E log p(x | x_t) for the Gaussian p(x | x_t) ∝ q(x_t | x), the data being flat at the scale of the finest noise.

    Args:
        x: The data.
        at: The first time.
    """
    dims = math.prod(x.shape[1:])
    return (-(at.sigma / at.alpha).log() - (1 + math.log(2 * math.pi)) / 2).expand(len(x)) * dims


def level_log_prob(
    x: Integer[Tensor, "B *event"],
    x_t: Float[Tensor, "B *event"],
    at: Moment,
    log_share: Float[Tensor, " levels"],
) -> Float[Tensor, " B"]:
    """log p(x | x_t), a mass on levels: each entry by Bayes' rule from its noised value, p(v | x_t) ∝ q(x_t | v) h(v).

    Args:
        x: The levels.
        x_t: Their noised values at the first time.
        at: That time.
        log_share: log h, the share of each level in the training data; a mode such as a black background costs little.
    """
    levels = len(log_share)
    centers = at.alpha * centered(torch.arange(levels, device=x.device), levels, x_t.dtype)

    def mass(entry: Tensor, level: Tensor) -> Tensor:
        logits = log_share.to(x_t.dtype) - ((entry.unsqueeze(-1) - centers) / at.sigma).square() / 2
        return logits.log_softmax(-1).gather(-1, level.long().unsqueeze(-1)).squeeze(-1)

    step = max(1, CHUNK // (levels * math.prod(x.shape[1:])))
    rows = [mass(a, b).flatten(1).sum(1) for a, b in zip(x_t.split(step), x.split(step), strict=True)]
    return torch.cat(rows) if rows else x_t.new_zeros(0)
