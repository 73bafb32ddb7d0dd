"""Weights of samples that were drawn from another distribution than the one that is asked about.

$$ \\mathbb E_p[f] = \\mathbb E_q[w f], \\qquad w = \\frac{p}{q}; \\qquad
   \\mathrm{ESS} = \\frac{(\\sum_i w_i)^2}{\\sum_i w_i^2} $$

The effective sample size says how many samples of p the weighted ones are worth; when a few weights carry everything
an estimate and its standard error are both wrong, and that is an error here, not a number.

References:
    Kong, 1992, "A note on importance sampling using standardized weights"
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.core.model import Capability, GenerativeModel
from genzoo.core.noise import Noise
from genzoo.tasks import intervals
from genzoo.tasks.intervals import Interval

__all__ = [
    "LogDensity",
    "Normalizer",
    "WeightsCollapsed",
    "effective_sample_size",
    "effective_sample_sizes",
    "log_normalizer",
    "systematic",
]

LogDensity = Callable[[Tensor], Tensor]


class WeightsCollapsed(ArithmeticError):
    """A few weights carry the whole estimate, which is therefore none."""


def effective_sample_size(log_weights: Float[Tensor, " n"]) -> float:
    """$(\\sum w)^2 / \\sum w^2$, from the logarithms of the weights, up to a constant.

    Args:
        log_weights: The logarithms.

    Example:
        >>> effective_sample_size(torch.zeros(64)), effective_sample_size(torch.tensor([0.0, -900.0]))
        (64.0, 1.0)
    """
    return effective_sample_sizes(log_weights).item() if len(log_weights) else 0.0


def effective_sample_sizes(log_weights: Float[Tensor, "*rows n"]) -> Float[Tensor, "*rows"]:
    """The same of each row; 0 where none has any weight, or one has no bound.

    Args:
        log_weights: The logarithms.

    Example:
        >>> effective_sample_sizes(torch.tensor([[0.0, 0.0], [-torch.inf, -torch.inf]])).tolist()
        [2.0, 0.0]
    """
    found = 1 / log_weights.double().softmax(-1).square().sum(-1)
    return torch.where(log_weights.amax(-1).isfinite(), found, 0.0)


def systematic(log_w: Float[Tensor, "rows n"], count: int, noise: Noise) -> Int[Tensor, "rows count"]:
    """Numbers of draws by their weights, `count` of each row, as evenly as can be.

    Args:
        log_w: The weights.
        count: How many.
        noise: A row for each draw.
    """
    rows, size = log_w.shape
    u = noise.uniform(rows * size, dtype=torch.float64).view(rows, size)[:, :1]
    places = (torch.arange(count, dtype=torch.float64, device=log_w.device) + u) / count
    upto = log_w.double().softmax(1).cumsum(1)
    return torch.searchsorted(upto, places).clamp_max(size - 1)


class Normalizer(NamedTuple):
    """The constant of an unnormalized density, as a model's samples tell it.

    Attributes:
        log: $\\log Z$ with its interval.
        divergence: $KL(q \\| p) = \\log Z - \\mathbb E_q[\\log \\tilde p - \\log q]$, of the model q from the density.
        ess: The share of the samples that the weights are worth.
    """

    log: Interval
    divergence: Interval
    ess: float


def log_normalizer(
    model: GenerativeModel, log_target: LogDensity, n: int = 10_000, *, seed: int = 0, fewest: int = 50
) -> Normalizer:
    """The logarithm of $Z = \\int \\tilde p(x)\\,dx$ by samples of a model that is near, and how near it is.

    Args:
        model: A model of exact density whose samples reach wherever the target does.
        log_target: $\\log \\tilde p(x)$ of each row.
        n: How many samples.
        seed: Names the samples.
        fewest: The effective samples below which there is no answer.

    Raises:
        Unsupported: If the model has no density.
        WeightsCollapsed: If too few weights carry the answer.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import Gaussian
        >>> found = log_normalizer(Gaussian(Space((1,))), lambda x: -x.square().sum(1) / 1.8)
        >>> 0.5 * math.log(1.8 * math.pi) in found.log
        True
    """
    if not model.can("log_prob"):
        raise model.lacks(Capability.LOG_PROB)
    with torch.no_grad():
        x = model.sample(n, seed=seed)
        log_w = (log_target(x) - model.log_prob(x)).double().cpu()
    ess = effective_sample_size(log_w)
    if ess < fewest:
        raise WeightsCollapsed(
            f"At least {fewest} effective samples must carry log Z, got {ess:.1f} of {n:,}. "
            "Fit the model closer to the target first, or raise n."
        )
    top = log_w.max()
    mean = intervals.of_mean((log_w - top).exp())
    z = Interval(*(math.log(max(bound, 1e-300)) + top.item() for bound in mean))
    gap = intervals.of_mean(z.value - log_w)
    return Normalizer(z, gap, ess / n)
