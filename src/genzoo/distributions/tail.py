"""How heavy the tail of some numbers is: whether their mean has an error, and whether it exists.

Above a high threshold every usual tail looks like a generalized Pareto law,

$$ P(y > t) \\approx (1 + k t / s)^{-1/k}, $$

whose variance is infinite from k = ½ on and whose mean from k = 1 on. A mean of such numbers hangs on the few largest
of them, and its standard error, computed from the same rows, is too small by an unknown factor.

References:
    Zhang & Stephens, 2009, "A new and efficient estimation method for the generalized Pareto distribution"
    Vehtari, Simpson, Gelman, Yao & Gabry, 2024, "Pareto smoothed importance sampling", JMLR 25, arXiv:1507.02646
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.distributions.estimate import TooFew, Unknowable

__all__ = ["pareto_index", "require_finite_variance"]

LEAST = 25  # rows, of which five make a tail
HEAVIEST = 0.5


def pareto_index(values: Float[Tensor, " n"]) -> float:
    """k of the upper tail of some numbers; −∞ where the largest are all equal.

    It is fitted to the largest min(n/5, 3√n) of them, by the mean over a posterior as Zhang and Stephens have it, and
    pulled towards ½ with the weight of ten rows, as Vehtari and others do.

    Args:
        values: At least 25 of them.

    Raises:
        TooFew: If there are fewer.

    Example:
        >>> ranks = (torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000
        >>> round(pareto_index(ranks**-0.7), 1), round(pareto_index(-ranks.log()), 1)
        (0.7, 0.0)
    """
    n = len(values)
    if n < LEAST:
        raise TooFew(f"The tail of some numbers shows in at least {LEAST} rows, got {n}. Draw more.")
    count = math.ceil(min(n / 5, 3 * math.sqrt(n)))
    largest = values.detach().double().sort().values[-count - 1 :]
    excess = largest[1:] - largest[0]
    if excess[-1] <= 0 or not excess[-1].isfinite():
        return -math.inf if excess[-1] <= 0 else math.inf
    excess = excess.clamp_min(excess[-1] * 1e-12)
    return (count * _fitted(excess) + 10 * HEAVIEST) / (count + 10)


def require_finite_variance(terms: Float[Tensor, " n"], what: str) -> None:
    """Refuses a mean of terms whose tail, up or down, is too heavy for its error to mean anything.

    Args:
        terms: What is averaged.
        what: Of what it is an estimate, as the subject of a sentence.

    Raises:
        Unknowable: If the tail's index is ½ or more.
        TooFew: If there are too few rows to see a tail.

    Example:
        >>> require_finite_variance(torch.linspace(0, 1, 100), "The mean")
        >>> require_finite_variance(torch.linspace(1e-3, 1, 100) ** -2, "The mean")
        Traceback (most recent call last):
        ...
        genzoo.distributions.estimate.Unknowable: The mean must have terms of finite variance, but their tail has ...
    """
    index = max(pareto_index(terms), pareto_index(-terms))
    if index >= HEAVIEST:
        raise Unknowable(
            f"{what} must have terms of finite variance, but their tail has index {index:.2f} (infinite from "
            f"{HEAVIEST} on): the largest of {len(terms):,} rows decide, and no error can be given. Use a closed "
            "form, an integral, or a bounded divergence (total variation, Jensen–Shannon, Hellinger)."
        )


def _fitted(excess: Tensor) -> float:
    """Zhang and Stephens' k of sorted positive excesses."""
    n = len(excess)
    grid = 30 + int(math.sqrt(n))
    steps = torch.arange(1, grid + 1, dtype=excess.dtype) - 0.5
    quartile = excess[int(n / 4 + 0.5) - 1]
    theta = 1 / excess[-1] + (1 - (grid / steps).sqrt()) / (3 * quartile)
    theta = theta[theta != 0]
    k = torch.log1p(-theta[:, None] * excess).mean(1)
    profile = n * ((-theta / k).log() - k - 1)
    weight = profile.softmax(0)
    return torch.log1p(-(weight @ theta) * excess).mean().item()
