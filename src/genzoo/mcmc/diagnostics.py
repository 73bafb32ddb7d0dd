"""Diagnostics: how many independent draws a run is worth, and whether its chains agree.

Draws of a chain are correlated. With autocorrelations ρ_t the mean over N of them has the variance of

$$ \\text{ESS} = N / \\tau, \\qquad \\tau = 1 + 2 \\sum_{t \\ge 1} \\rho_t $$

independent ones. Chains that agree have within each half the variance W that all have together, V, so that
$\\hat R = \\sqrt{V / W}$ is near 1. Ranks in place of values make both hold for heavy tails, and folding around the
median compares the chains' spreads as well. All functions take draws (steps, chains, …) and give one number for each
quantity.

References:
    Vehtari, Gelman, Simpson, Carpenter & Bürkner, 2021, "Rank-normalization, folding, and localization: an improved R̂
    for assessing convergence of MCMC", arXiv:1903.08008
    Geyer, 1992, "Practical Markov chain Monte Carlo" (where to cut the sum)
"""

import math

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

__all__ = ["autocorrelation", "autocorrelation_time", "bulk_ess", "ess", "rhat"]


def rhat(x: Shaped[Tensor, "steps chains *of"]) -> Float[Tensor, "*of"]:
    """Split R̂, rank-normalized and folded: the larger of that of the values and that of their spreads.

    Above 1.01 the chains do not tell the same story. Infinite if the chains stand still at unlike places, NaN if they
    all stand at the same one.

    Args:
        x: At least 4 draws of each chain.

    Raises:
        ValueError: If there are fewer.

    Example:
        >>> from genzoo.core import Noise
        >>> x = Noise(0).normal(500, 4)
        >>> rhat(x).item() < 1.01, rhat(x + 2 * (torch.arange(4) == 0)).item() > 1.1
        (True, True)

    References:
        Vehtari et al., 2021, arXiv:1903.08008
    """
    halves = split(x)
    folded = (halves - halves.flatten(0, 1).quantile(0.5, dim=0)).abs()
    return torch.maximum(_ratio(normal_ranks(halves)), _ratio(normal_ranks(folded)))


def bulk_ess(x: Shaped[Tensor, "steps chains *of"]) -> Float[Tensor, "*of"]:
    """The effective sample size of the ranks: how well the bulk of the distribution is known.

    Args:
        x: At least 4 draws of each chain.

    Raises:
        ValueError: If there are fewer.

    Example:
        >>> from genzoo.core import Noise
        >>> bulk_ess(Noise(0).normal(1000, 4)).item() > 3000
        True

    References:
        Vehtari et al., 2021, arXiv:1903.08008
    """
    return _effective(normal_ranks(split(x)))


def ess(x: Shaped[Tensor, "steps chains *of"]) -> Float[Tensor, "*of"]:
    """The effective sample size of the mean; chains that disagree lower it.

    Args:
        x: At least 4 draws of each chain.

    Raises:
        ValueError: If there are fewer.

    Example:
        >>> from genzoo.core import Noise
        >>> ess(Noise(0).normal(1000, 4).repeat_interleave(5, 0)).round(decimals=-3)
        tensor(4000., dtype=torch.float64)

    References:
        Geyer, 1992
    """
    return _effective(split(x))


def autocorrelation_time(x: Shaped[Tensor, "steps chains *of"]) -> Float[Tensor, "*of"]:
    """τ, the number of steps that are worth one independent draw.

    Args:
        x: At least 4 draws of each chain.

    Raises:
        ValueError: If there are fewer.

    Example:
        >>> from genzoo.core import Noise
        >>> autocorrelation_time(Noise(0).normal(1000, 4).repeat_interleave(5, 0)).round()
        tensor(5., dtype=torch.float64)

    References:
        Geyer, 1992
    """
    return len(x) * x.shape[1] / ess(x)


def autocorrelation(x: Shaped[Tensor, "steps chains *of"]) -> Float[Tensor, "steps *of"]:
    """ρ_t for t = 0 … steps − 1, where chains that disagree count as correlated.

    Args:
        x: At least 4 draws of each chain.

    Example:
        >>> from genzoo.core import Noise
        >>> rho = autocorrelation(Noise(1).normal(2000, 4))
        >>> rho[0].item() > 0.99, rho[1].abs().item() < 0.05
        (True, True)
    """
    x = x.double()
    steps, chains = x.shape[:2]
    within = _autocovariance(x).mean(1)
    variance = within[0] * steps / (steps - 1)
    total = within[0] + (x.mean(0).var(0) if chains > 1 else 0)
    return 1 - (variance - within) / total


def split(x: Shaped[Tensor, "steps chains *of"]) -> Float[Tensor, "half twice *of"]:
    """Each chain as two, its halves; of an odd number the middle draw is left out.

    Raises:
        ValueError: If there are fewer than 4 draws of each chain, or none.
    """
    if len(x) < 4 or x.shape[1] < 1:
        raise ValueError(f"Diagnostics need 4 draws of each chain or more, got {tuple(x.shape)} (steps, chains, …).")
    half = len(x) // 2
    return torch.cat([x[:half], x[-half:]], dim=1).double()


def normal_ranks(x: Float[Tensor, "steps chains *of"]) -> Float[Tensor, "steps chains *of"]:
    """Each draw's rank among all, ties sharing theirs, as a quantile of the normal distribution (Blom's offset).

    Example:
        >>> normal_ranks(torch.tensor([[5.0], [1.0], [9.0]])).round(decimals=2).flatten()
        tensor([ 0.0000, -0.8700,  0.8700], dtype=torch.float64)
    """
    flat = x.flatten(0, 1)
    n, columns = len(flat), flat.reshape(len(flat), -1).T.contiguous()
    ordered = columns.sort(1).values
    first = torch.searchsorted(ordered, columns)
    last = torch.searchsorted(ordered, columns, right=True)
    rank = (first + last + 1).double() / 2
    return torch.special.ndtri((rank - 3 / 8) / (n + 1 / 4)).T.reshape(x.shape)


def _ratio(x: Tensor) -> Tensor:
    """√(V / W)."""
    steps = len(x)
    within, between = x.var(0).mean(0), x.mean(0).var(0)
    return ((steps - 1) / steps + between / within).sqrt()


def _effective(x: Tensor) -> Tensor:
    """N / τ, where the sum of autocorrelations ends at the first pair (ρ_{2t}, ρ_{2t+1}) whose sum is not positive:
    of a reversible chain all pairs are positive and falling."""
    rho = autocorrelation(x)
    pairs = rho[: len(rho) // 2 * 2].unflatten(0, (-1, 2)).sum(1)
    positive = (pairs > 0).cumprod(0)
    count = positive.sum(0)
    falling = pairs.cummin(0).values * positive
    next_even = rho.gather(0, (2 * count).clamp_max(len(rho) - 1).unsqueeze(0)).squeeze(0).clamp_min(0)
    n = x.shape[0] * x.shape[1]
    tau = (2 * falling.sum(0) - 1 + next_even * (2 * count < len(rho))).clamp_min(1 / math.log10(n))
    return n / tau


def _autocovariance(x: Tensor) -> Tensor:
    """Σ_s (x_s − x̄)(x_{s+t} − x̄) / N for every lag t, by the Fourier transform."""
    steps = len(x)
    length = 1 << (2 * steps - 1).bit_length()  # so that the transform's period hides nothing
    power = torch.fft.rfft(x - x.mean(0), n=length, dim=0).abs().square()
    return torch.fft.irfft(power, n=length, dim=0)[:steps] / steps
