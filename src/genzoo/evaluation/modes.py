"""Mode coverage on mixtures whose centers are known, and divergences of histograms.

The protocol of the VEEGAN and PacGAN papers: a sample belongs to its nearest center; it is of high quality within 3σ
of it; a center is captured if a sample of high quality belongs to it; the reverse divergence is that of the samples'
histogram over centers from the true weights,

$$ \\mathrm{KL}(\\hat p \\,\\|\\, w) = \\sum_k \\hat p_k \\log(\\hat p_k / w_k). $$

A perfect sampler reaches neither 100 % nor zero: in D dimensions a share P(χ²_D ≤ 9) lies within 3σ (98.89 % in two),
and the histogram of n samples over K centers diverges by about (K − 1)/2n. More than that share is a variance
collapsed: so the spread of the samples of high quality about the mean of their mode stands beside, over that of a
perfect sampler,

$$ \\frac{1}{\\sigma c} \\sqrt{\\frac{\\sum_i \\|x_i - \\bar x_{k(i)}\\|^2}{D (n - K)}}, \\qquad
   c^2 = \\frac{P(\\chi^2_{D+2} \\le 9)}{P(\\chi^2_D \\le 9)}, $$

which is one where modes are as wide as the true ones.

References:
    Srivastava et al., 2017, "VEEGAN: reducing mode collapse in GANs", arXiv:1705.07761
    Lin, Khetan, Fanti & Oh, 2018, "PacGAN: the power of two samples", arXiv:1712.04086
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from genzoo.distributions.pairwise import nearest
from genzoo.distributions.resampling import require_rows, share_of
from genzoo.distributions.samples import Samples, checked_numbers, checked_rows
from genzoo.evaluation.measurement import Estimate

__all__ = ["ModeCoverage", "histogram_divergence", "mode_coverage"]


class ModeCoverage(NamedTuple):
    """What samples of a mixture reach, and what a perfect sampler would.

    Attributes:
        captured: How many centers have a sample within 3σ.
        modes: How many centers there are.
        quality: The share of samples within 3σ of their center.
        divergence: The reverse divergence of the histogram over centers.
        quality_floor: The share that a perfect sampler reaches.
        divergence_floor: The divergence that a perfect sampler has on average.
        spread: How wide the modes are, as a multiple of the true width; NaN if no mode has two samples.

    Example:
        >>> ModeCoverage(8, 8, Estimate(0.99), Estimate(0.001), 0.9889, 0.0014, Estimate(1.02)).captured
        8
    """

    captured: int
    modes: int
    quality: Estimate
    divergence: Estimate
    quality_floor: float
    divergence_floor: float
    spread: Estimate


def mode_coverage(
    samples: Samples,
    centers: Samples,
    sigma: float,
    weights: Samples | None = None,
) -> ModeCoverage:
    """How many modes samples capture, how well, and how evenly.

    Args:
        samples: The rows judged; the papers take 2,500.
        centers: The means of the mixture's parts.
        sigma: The standard deviation of every part in every dimension.
        weights: The parts' true weights; equal ones by default.

    Raises:
        ValueError: If σ is not positive, or a weight is negative.
        TooFew: If there are fewer than five samples per mode.
        NotFinite: If a number is NaN or infinite.

    Example:
        >>> centers = torch.tensor([[0.0, 0.0], [5.0, 0.0]])
        >>> done = mode_coverage(centers.repeat(5, 1), centers, sigma=0.1)
        >>> done.captured, done.quality.value, done.divergence.value
        (2, 1.0, 0.0)
    """
    x, means = checked_rows(samples, centers, what="The coverage of modes")
    n, modes = len(x), len(means)
    if not 0 < sigma < math.inf:
        raise ValueError(f"`sigma` must be a positive number, got {sigma}. Give the standard deviation of a part.")
    require_rows(n, 5 * modes, f"The coverage of {modes} modes")
    distance, mode = nearest(x, means)
    close = distance <= 3 * sigma
    return ModeCoverage(
        captured=len(mode[close].unique()),
        modes=modes,
        quality=share_of(close),
        divergence=histogram_divergence(torch.bincount(mode, minlength=modes), weights),
        quality_floor=_within(means.shape[1]),
        divergence_floor=(modes - 1) / (2 * n),
        spread=_spread(x[close], mode[close], sigma),
    )


def _within(dims: int) -> float:
    """P(χ²_D ≤ 9), the share of a Gaussian within 3σ."""
    return torch.special.gammainc(torch.tensor(dims / 2.0), torch.tensor(4.5)).item()


def _spread(x: Tensor, mode: Tensor, sigma: float) -> Estimate:
    """How far rows lie from the mean of their mode, as a multiple of what a Gaussian cut at 3σ has."""
    x, (_, at, counts) = x.double(), mode.unique(return_inverse=True, return_counts=True)
    free = len(x) - len(counts)
    if free < 1:
        return Estimate(math.nan)
    sums = x.new_zeros(len(counts), x.shape[1]).index_add_(0, at, x)
    squares = (x - (sums / counts[:, None])[at]).square().mean(1)
    value = math.sqrt(squares.sum().item() / free * _within(x.shape[1]) / _within(x.shape[1] + 2)) / sigma
    error = value * squares.std().item() / squares.mean().item() / math.sqrt(len(x)) / 2 if value else 0.0
    return Estimate(value, error)


def histogram_divergence(counts: Samples, weights: Samples | None = None) -> Estimate:
    """KL(p̂ ‖ w) of a histogram from true weights in nats, as for the 1,000 labels of Stacked-MNIST.

    It is too large by about (K − 1)/2n, for n counts in all: state n, and compare equal n. The standard error is that
    of first order, which vanishes where p̂ = w.

    Args:
        counts: How often each of K things was seen.
        weights: Their true weights, which need not sum to one; equal ones by default.

    Raises:
        ValueError: If a count or a weight is negative, or there is not a weight for each count.
        TooFew: If there are fewer than five counts per thing.
        NotFinite: If a number is NaN or infinite.

    Example:
        >>> round(histogram_divergence(torch.tensor([20, 0])).value, 4)
        0.6931
    """
    seen, true = _counted(counts, weights)
    n = int(seen.sum())
    require_rows(n, 5 * len(seen), f"A divergence of histograms over {len(seen)} values")
    share, true = seen / seen.sum(), true / true.sum()
    ratio = torch.where(share > 0, share / true, 1).log()
    value = torch.where(share > 0, share * ratio, 0).sum().item()
    if not math.isfinite(value):  # seen where there is nothing
        return Estimate(value)
    spread = (share * (ratio - value).square()).sum().item()
    return Estimate(value, math.sqrt(spread / n))


def _counted(counts: Samples, weights: Samples | None) -> tuple[Tensor, Tensor]:
    """Counts and true weights of the same things, none of them negative."""
    what = "A divergence of histograms"
    (seen,) = checked_numbers(counts, what=what)
    true = torch.ones_like(seen) if weights is None else checked_numbers(weights, what=what)[0]
    if len(seen) != len(true) or min(seen.min(), true.min()) < 0 or not true.sum() > 0:
        raise ValueError(
            f"{what} takes a count and a weight of each thing, none negative, got {len(seen)} and {len(true)} with "
            f"a least of {seen.min():g} and {true.min():g}. Count with torch.bincount(…, minlength=K)."
        )
    return seen.double().cpu(), true.double().cpu()
