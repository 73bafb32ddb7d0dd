"""Standard errors by drawing rows again: the bootstrap, and subsampling where the bootstrap fails.

The bootstrap draws n of n rows with replacement. Its repeated rows are at distance zero from themselves, which ruins
statistics of nearest neighbors and of pairs; for those, draw a part of the rows without replacement. A statistic
whose variance falls as 1/n then varies over draws of m rows by σ²(1/m − 1/n), hence

$$ \\mathrm{error} = \\mathrm{sd}(\\theta_m) \\sqrt{m / (n - m)}. $$

Where two distributions are equal, a distance falls faster than that and the error is on the safe side.

References:
    Efron & Tibshirani, 1993, "An introduction to the bootstrap"
    Politis, Romano & Wolf, 1999, "Subsampling"
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.distributions.estimate import Estimate, TooFew

__all__ = ["Statistic", "bootstrap_error", "chance_below", "require_rows", "share_of", "subsample_error"]

Statistic = Callable[..., float | Tensor]
"""A number, or a vector of them, of one index of rows per sample."""


def bootstrap_error(statistic: Statistic, *sizes: int, noise: Noise, rounds: int = 200) -> Float[Tensor, "*shape"]:
    """The standard error of a statistic over draws with replacement; for means and what is smooth in them.

    Args:
        statistic: A function of one index of rows per sample.
        sizes: The number of rows of each sample.
        noise: The stream that the draws come from.
        rounds: How many draws; the error's own error is about its 1/√(2 rounds).

    Example:
        >>> x = torch.arange(100.0)
        >>> error = bootstrap_error(lambda index: x[index].mean(), len(x), noise=Noise(0))
        >>> bool((error / (x.std() / 10) - 1).abs() < 0.15)
        True
    """
    values = [
        statistic(*(noise.at(round_, part).integers(n, n) for part, n in enumerate(sizes))) for round_ in range(rounds)
    ]
    return torch.stack([torch.as_tensor(value, dtype=torch.float64) for value in values]).std(0)


def subsample_error(
    statistic: Statistic, *sizes: int, noise: Noise, rounds: int = 20, share: float = 0.5
) -> Float[Tensor, "*shape"]:
    """The standard error of a statistic over draws of a share of the rows without replacement.

    Args:
        statistic: A function of one index of rows per sample.
        sizes: The number of rows of each sample.
        noise: The stream that the draws come from.
        rounds: How many draws.
        share: The part of the rows that a draw keeps.

    Example:
        >>> x = torch.arange(100.0)
        >>> error = subsample_error(lambda index: x[index].mean(), len(x), noise=Noise(0), rounds=200)
        >>> bool((error / (x.std() / 10) - 1).abs() < 0.15)
        True
    """
    values = [
        statistic(*(noise.at(round_, part).permutation(n)[: round(share * n)] for part, n in enumerate(sizes)))
        for round_ in range(rounds)
    ]
    spread = torch.stack([torch.as_tensor(value, dtype=torch.float64) for value in values]).std(0)
    return spread * math.sqrt(share / (1 - share))


def share_of(hits: Bool[Tensor, " n"]) -> Estimate:
    """The share of rows that a thing is true of, with its standard error √(q(1 − q)/n).

    Here q = (hits + 1)/(n + 2), Laplace's estimate, so that few rows that all agree claim no certainty.

    Args:
        hits: Of which rows it is true.

    Example:
        >>> share_of(torch.ones(98, dtype=torch.bool))
        Estimate(value=1.0, error=0.01005...)
    """
    n, count = len(hits), int(hits.sum())
    q = (count + 1) / (n + 2)
    return Estimate(count / n, math.sqrt(q * (1 - q) / n))


def chance_below(ours: Float[Tensor, " n"], others: Float[Tensor, " m"]) -> Estimate:
    """P(ours < others) + P(equal)/2 with DeLong's standard error, from the places of each among the other.

    Args:
        ours: Numbers.
        others: Those they are set against.

    Example:
        >>> chance_below(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 3.0])).value
        0.875
    """
    ours, others = ours.sort().values, others.sort().values
    wins, losses = 1 - _rank(ours, others), _rank(others, ours)
    error = math.sqrt(wins.var().item() / len(wins) + losses.var().item() / len(losses))
    return Estimate(wins.mean().item(), error)


def _rank(values: Tensor, among: Tensor) -> Tensor:
    """The share of sorted others that lie below each value, equals counted half."""
    below, upto = (torch.searchsorted(among, values, right=side).double() for side in (False, True))
    return (below + upto) / (2 * len(among))


def require_rows(got: int, needed: int, what: str) -> None:
    """Refuses a statistic of too few rows.

    Args:
        got: How many there are.
        needed: How many it takes.
        what: The statistic, as the subject of the sentence.

    Raises:
        TooFew: If there are fewer than needed.

    Example:
        >>> require_rows(3, 5, "A test of 5 rows")
        Traceback (most recent call last):
        ...
        genzoo.distributions.estimate.TooFew: A test of 5 rows needs at least 5 rows, got 3. Draw more.
    """
    if got < needed:
        raise TooFew(f"{what} needs at least {needed:,} rows, got {got:,}. Draw more.")
