"""Intervals that hold the truth as often as they say.

A mean has Student's interval, a proportion Wilson's or Clopper and Pearson's, a quantile the one between two order
statistics, which holds for any distribution: the number of n values below the q-quantile is binomial, so that

$$ P\\big(x_{(l)} \\le Q_q \\le x_{(u)}\\big) \\ge P(l \\le B < u), \\qquad B \\sim \\mathrm{Binomial}(n, q). $$

References:
    Student, 1908, "The probable error of a mean"
    Wilson, 1927, "Probable inference, the law of succession, and statistical inference"
    Clopper & Pearson, 1934, "The use of confidence or fiducial limits illustrated in the case of the binomial"
    David & Nagaraja, 2003, "Order statistics" (§7.1)
"""

import math
from typing import NamedTuple

from jaxtyping import Float
from scipy import special
from torch import Tensor

__all__ = ["Interval", "of_mean", "of_proportion", "of_quantile", "of_variance", "of_weighted"]


class Interval(NamedTuple):
    """An estimate between two bounds.

    Example:
        >>> Interval(2.0, 1.5, 2.5).width, 1.7 in Interval(2.0, 1.5, 2.5)
        (1.0, True)
    """

    value: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """From the lower to the upper bound."""
        return self.high - self.low

    def __contains__(self, truth: object) -> bool:
        """Whether a number lies between the bounds."""
        return isinstance(truth, int | float) and bool(self.low <= truth <= self.high)

    def __str__(self) -> str:
        return f"{self.value:.5g} [{self.low:.5g}, {self.high:.5g}]"


def of_mean(values: Float[Tensor, " n"], level: float = 0.95) -> Interval:
    """The mean with Student's interval, $\\bar x \\pm t_{n-1}\\, s / \\sqrt n$.

    Args:
        values: Independent values.
        level: How often the interval is to hold the truth.

    Example:
        >>> import torch
        >>> str(of_mean(torch.tensor([1.0, 2.0, 3.0])))
        '2 [-0.48414, 4.4841]'
    """
    n, values = len(values), values.double()
    mean = values.mean().item()
    if n < 2 or not math.isfinite(mean):
        return Interval(mean, -math.inf, math.inf)
    return around(mean, values.std().item() / math.sqrt(n), n - 1, level)


def around(value: float, error: float, freedom: float, level: float) -> Interval:
    """Student's interval around a value with a standard error of so many degrees of freedom."""
    half = float(special.stdtrit(freedom, (1 + level) / 2)) * error
    return Interval(value, value - half, value + half)


def of_weighted(values: Float[Tensor, " n"], shares: Float[Tensor, " n"], ess: float, level: float = 0.95) -> Interval:
    """A weighted mean, with Student's interval of as many values as the weighted ones are worth,

    $$ \\bar x = \\sum_i w_i x_i, \\qquad
       s^2 = \\frac{\\sum_i w_i^2 (x_i - \\bar x)^2}{1 - 1 / \\mathrm{ESS}}. $$

    Args:
        values: Independent values.
        shares: w, the weight of each; their sum is 1.
        ess: How many they are worth, as by Kong's formula, or fewer; of one or less nothing is known.
        level: How often the interval is to hold the truth.

    Example:
        >>> import torch
        >>> str(of_weighted(torch.tensor([1.0, 2.0, 3.0]), torch.full((3,), 1 / 3), 3.0))
        '2 [-0.48414, 4.4841]'
        >>> of_weighted(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0]), 1.0).width
        inf

    References:
        Geweke, 1989, "Bayesian inference in econometric models using Monte Carlo integration" (the error of a ratio)
    """
    values, shares = values.double(), shares.double()
    mean = (shares * values).sum().item()
    if ess <= 1 + 1e-9 or not math.isfinite(mean):
        return Interval(mean, -math.inf, math.inf)
    own = 1 / shares.square().sum().item()
    variance = (shares * (values - mean)).square().sum().item() * own / ess / (1 - 1 / ess)
    return around(mean, math.sqrt(variance), ess - 1, level)


def of_proportion(hits: float, n: float, level: float = 0.95, *, exact: bool = False) -> Interval:
    """A proportion with Wilson's interval, which holds the truth about as often as it says at any p,

    $$ \\frac{\\hat p + z^2/2n \\pm z\\sqrt{\\hat p (1 - \\hat p)/n + z^2/4n^2}}{1 + z^2/n}, $$

    or with Clopper and Pearson's, which holds it at least as often and is wider.

    Args:
        hits: How many of the trials succeeded.
        n: The trials, or how many weighted ones are worth.
        level: How often the interval is to hold the truth.
        exact: Whether to take Clopper and Pearson's.

    Example:
        >>> str(of_proportion(0, 100)), str(of_proportion(0, 100, exact=True))
        ('0 [0, 0.036993]', '0 [0, 0.036217]')
    """
    tail, p = (1 - level) / 2, hits / n
    if exact:
        low = 0.0 if hits == 0 else float(special.betaincinv(hits, n - hits + 1, tail))
        high = 1.0 if hits == n else float(special.betaincinv(hits + 1, n - hits, 1 - tail))
        return Interval(p, low, high)
    z = float(special.ndtri(1 - tail))
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2)
    scale = 1 + z * z / n
    low = 0.0 if hits == 0 else (middle - half) / scale
    return Interval(p, low, 1.0 if hits == n else (middle + half) / scale)


def of_variance(values: Float[Tensor, " n"], level: float = 0.95) -> Interval:
    """The variance s² with an interval from the fourth moment, normal in log s²,

    $$ s^2 \\exp\\Big(\\pm z \\sqrt{(\\kappa - 1) / n}\\Big), \\qquad \\kappa = m_4 / m_2^2. $$

    Args:
        values: Independent values.
        level: How often the interval is to hold the truth, for large n.

    Example:
        >>> from genzoo.core import Noise
        >>> 4.0 in of_variance(2 * Noise(0).normal(1000))
        True
    """
    n, values = len(values), values.double()
    if n < 2:
        return Interval(math.nan, 0.0, math.inf)
    centered = values - values.mean()
    m2, m4 = centered.square().mean().item(), centered.pow(4).mean().item()
    variance = m2 * n / (n - 1)
    if m2 == 0:
        return Interval(0.0, 0.0, 0.0)
    factor = math.exp(float(special.ndtri((1 + level) / 2)) * math.sqrt(max(0.0, m4 / m2**2 - 1) / n))
    return Interval(variance, variance / factor, variance * factor)


def of_quantile(ordered: Float[Tensor, " n"], q: float, level: float = 0.95) -> Interval:
    """A quantile between two order statistics; a bound that n values cannot give is infinite.

    Args:
        ordered: Independent values, in ascending order.
        q: Which quantile, between 0 and 1.
        level: How often the interval is to hold the truth, at least.

    Example:
        >>> import torch
        >>> str(of_quantile(torch.arange(1.0, 101.0), 0.5)), of_quantile(torch.arange(1.0, 11.0), 0.99).high
        ('50.5 [40, 61]', inf)
    """
    n, tail = len(ordered), (1 - level) / 2
    low, high = _binomial_quantile(tail, n, q), _binomial_quantile(1 - tail, n, q) + 1
    place = q * (n - 1)
    below, above = ordered[math.floor(place)].item(), ordered[math.ceil(place)].item()
    return Interval(
        below + (above - below) * (place % 1) if above > below else below,
        ordered[low - 1].item() if low >= 1 else -math.inf,
        ordered[high - 1].item() if high <= n else math.inf,
    )


def _binomial_quantile(p: float, n: int, q: float) -> int:
    """The least k with P(B ≤ k) ≥ p, B binomial: from its normal neighbor by steps."""
    k = round(n * q + float(special.ndtri(p)) * math.sqrt(n * q * (1 - q)))
    k = min(max(k, 0), n)
    while k < n and special.bdtr(k, n, q) < p:
        k += 1
    while k > 0 and special.bdtr(k - 1, n, q) >= p:
        k -= 1
    return k
