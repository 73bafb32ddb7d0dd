"""Wasserstein distances of distributions on a line, by integrating over their quantiles.

The best plan on a line keeps the order for every convex cost, so what W_k averages is how far each quantile has to go:

$$ W_k^k = \\int_0^1 |F_p^{-1}(u) - F_q^{-1}(u)|^k\\, du. $$

The integrand is infinite at the ends where the supports are, and has a kink wherever the two quantiles cross. So the
crossings are found first, and between them a double exponential rule, whose nodes crowd at the ends of each part,
converges as fast as the numbers have digits. A part that does not settle has some other kink or a jump, and is halved.

References:
    Takahasi & Mori, 1974, "Double exponential formulas for numerical integration"
    Villani, 2003, "Topics in optimal transportation" (Theorem 2.18)
"""

import itertools
import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from genzoo.distributions.estimate import Unknowable
from genzoo.distributions.quadrature import bounds, is_line

__all__ = ["integrated_wasserstein", "quantiles", "wasserstein_with_doubt"]

STEP, REACH = 1 / 64, 3.2  # of the rule: e^(−π sinh 3.2) is 2e-17, beyond which numbers near 1 are 1
CLOSE = 1e-11  # by how much of the whole a part may be off before it is halved
NARROWEST = 1e-12
SETTLED = 1e-7  # of the whole: more doubt than that is refused
HALVINGS = 80

Gap = Callable[[Tensor], Tensor]


def integrated_wasserstein(p: Distribution, q: Distribution, k: float | int = 1) -> Float[Tensor, ""]:
    """W_k between two distributions of real numbers, differentiable where their quantile functions are.

    Args:
        p: One distribution, with an `icdf` or a `cdf`.
        q: The other.
        k: The power, at least 1.

    Raises:
        ValueError: If k is below 1, or one is no distribution of single real numbers.
        NotImplementedError: If one has neither an `icdf` nor a `cdf`.
        Unknowable: If the integral has not settled: the tails may be too heavy for it to exist.

    Example:
        >>> from torch.distributions import Gumbel, Normal
        >>> zero = torch.zeros((), dtype=torch.float64)
        >>> integrated_wasserstein(Normal(zero, 1.0), Normal(zero + 3, 5.0), 1.5)
        tensor(4.5539, dtype=torch.float64)
        >>> integrated_wasserstein(Gumbel(zero, 1.0), Normal(zero, 1.0), 4)
        tensor(1.1294, dtype=torch.float64)
    """
    return wasserstein_with_doubt(p, q, k)[0]


def wasserstein_with_doubt(p: Distribution, q: Distribution, k: float | int) -> tuple[Float[Tensor, ""], float]:
    """The same, and by how much coarser nodes and the outermost mass may move it.

    Args:
        p: One distribution.
        q: The other.
        k: The power.

    Raises:
        ValueError: If the power is below 1, or a distribution is a batch or has several entries.
        Unknowable: If the integral does not settle.
    """
    if not k >= 1:
        raise ValueError(f"A Wasserstein distance needs a power of at least 1, got k = {k}. Choose k ≥ 1.")
    for each in (p, q):
        if each.batch_shape or not is_line(each):
            raise ValueError(
                f"Quantiles are of one distribution of real numbers at a time, got {each} with batch "
                f"{tuple(each.batch_shape)} and event {tuple(each.event_shape)}."
            )

    k = float(k)

    def gap(u: Tensor) -> Tensor:
        return quantiles(p, u) - quantiles(q, u)

    total = torch.zeros((), dtype=torch.float64)
    doubt, parts = 0.0, list(itertools.pairwise([0.0, *_crossings(gap), 1.0]))
    scale = max(sum(_integral(gap, k, *part)[0].item() for part in parts), 1e-300)
    while parts:
        low, high = parts.pop()
        found, error = _integral(gap, k, low, high)
        if error > CLOSE * scale and high - low > NARROWEST:
            parts += [(low, (low + high) / 2), ((low + high) / 2, high)]
        else:
            total, doubt = total + found, doubt + error
    if not doubt <= SETTLED * scale:
        raise Unknowable(
            f"The integral over quantiles must settle, but the thinnest of its parts and the last 1e-14 of the mass "
            f"may move W^{k:g} = {total.item():.4g} by {doubt:.2g}: the tails may be too heavy for it to exist. "
            "Compare samples (`wasserstein_1d`)."
        )
    distance = total ** (1 / k)
    return distance, distance.item() * doubt / (k * scale)


def _integral(gap: Gap, k: float, low: float, high: float) -> tuple[Tensor, float]:
    """The integral over a part, and how far half of the nodes or the outermost ones may move it."""
    u, weights = _double_exponential(low, high)
    terms = weights * gap(u).abs() ** k
    coarse = 2 * terms.detach()[::2].sum()
    edges = terms.detach()[torch.minimum(u, 1 - u) < 1e-14].sum()
    error = ((terms.detach().sum() - coarse).abs() + edges).item()
    return terms.sum(), error if math.isfinite(error) else math.inf


def quantiles(distribution: Distribution, u: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """F⁻¹(u): the distribution's own, or F inverted by halving an interval.

    Args:
        distribution: One of single real numbers.
        u: Probabilities between 0 and 1.

    Raises:
        NotImplementedError: If it has neither an `icdf` nor a `cdf`.

    Example:
        >>> from torch.distributions import Gamma
        >>> quantiles(Gamma(torch.tensor(2.0), 1.0), torch.tensor([0.5], dtype=torch.float64))
        tensor([1.6783], dtype=torch.float64)
    """
    try:
        return distribution.icdf(u)
    except NotImplementedError:
        pass
    try:
        low, high = _bracket(distribution, u)
    except NotImplementedError:
        raise NotImplementedError(
            f"Quantiles need an icdf or a cdf, and {type(distribution).__name__} has neither. Draw rows instead."
        ) from None
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = distribution.cdf(middle) < u
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return (low + high) / 2


def _bracket(distribution: Distribution, u: Tensor) -> tuple[Tensor, Tensor]:
    """Places below and above the quantiles: the ends of the support, or as far out as it takes."""
    ends = []
    for end, sign in zip(bounds(distribution), (-1.0, 1.0), strict=True):
        place = torch.full_like(u, end if math.isfinite(end) else sign)
        while not math.isfinite(end) and place.isfinite().all():
            short = sign * (u - distribution.cdf(place)) > 0
            if not bool(short.any()):
                break
            place = torch.where(short, 2 * place, place)
        ends.append(place.detach())
    return ends[0], ends[1]


def _double_exponential(low: float, high: float) -> tuple[Tensor, Tensor]:
    """Nodes and weights on an interval within [0, 1]; every other node is the rule of twice the step."""
    count = 2 * round(REACH / STEP / 2)
    t = torch.arange(-count, count + 1, dtype=torch.float64) * STEP
    share, width = (math.pi * t.sinh()).sigmoid(), high - low
    u = low + width * share
    weights = STEP * width * share * (-math.pi * t.sinh()).sigmoid() * math.pi * t.cosh()
    return u.clamp(2**-52, 1 - 2**-52), weights


def _crossings(gap: Gap) -> list[float]:
    """Where the gap changes its sign."""
    with torch.no_grad():
        u, _ = _double_exponential(0.0, 1.0)
        signs = gap(u).sign()
        u, signs = u[signs != 0], signs[signs != 0]
        (change,) = (signs[1:] * signs[:-1] < 0).nonzero(as_tuple=True)
        low, high, sign = u[change], u[change + 1], signs[change]
        for _ in range(HALVINGS if len(change) else 0):
            middle = (low + high) / 2
            before = gap(middle).sign() == sign
            low, high = torch.where(before, middle, low), torch.where(before, high, middle)
    return sorted({x for x in high.tolist() if 1e-15 < x < 1 - 1e-15})
