"""Divergences and distances between two families, where a formula is known.

One table, asked by `closed_form`: what is measured, the kinds of the two distributions, a function. Kullback–Leibler
divergences are those of torch.distributions; Hellinger distances and χ² follow in every exponential family from its
normalizer; finite distributions are summed. Of a pair that is not in the table, a number is an estimate or an
integral, and `closed_form` refuses rather than give one.

References:
    Dowson & Landau, 1982, "The Fréchet distance between multivariate normal distributions"
    Devroye, Mehrabian & Reddad, 2018, "The total variation distance between high-dimensional Gaussians",
        arXiv:1810.08693
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch import distributions as td

from genzoo.distributions.exponential_family import log_affinity
from genzoo.distributions.f_divergence import (
    CHI2,
    F_DIVERGENCES,
    KL,
    NEYMAN_CHI2,
    REVERSE_KL,
    SQUARED_HELLINGER,
    TOTAL_VARIATION,
    FDivergence,
)
from genzoo.distributions.frechet import Moments, frechet_distance
from genzoo.distributions.segment import Segment
from genzoo.distributions.transport import Metric, euclidean

__all__ = ["NoClosedForm", "Wasserstein", "closed_form", "register"]

Formula = Callable[..., Tensor]


class NoClosedForm(NotImplementedError):
    """No formula is known here for this divergence between these two families."""


@dataclass(frozen=True)
class Wasserstein:
    """The k-Wasserstein distance, as a thing to ask for.

    Args:
        k: The power, at least 1.
        metric: The ground metric.

    Raises:
        ValueError: If k is below 1.

    Example:
        >>> p, q = td.Normal(torch.tensor(0.0), 1.0), td.Normal(torch.tensor(3.0), 5.0)
        >>> closed_form(Wasserstein(2), p, q), closed_form(Wasserstein(3), p, q)
        (tensor(5.), tensor(5.7717))
    """

    k: float | int = 1
    metric: Metric = field(default=euclidean, repr=False)

    def __post_init__(self) -> None:
        if not self.k >= 1:
            raise ValueError(f"A Wasserstein distance needs a power of at least 1, got k = {self.k}. Choose k ≥ 1.")


Measured = FDivergence | Wasserstein
TABLE: dict[tuple[Measured | type[Wasserstein], type, type], Formula] = {}
FINITE: tuple[type, ...] = (td.Bernoulli, td.Categorical, td.OneHotCategorical)
FAMILIES: tuple[type, ...] = (
    td.Normal,
    td.MultivariateNormal,
    td.Exponential,
    td.Poisson,
    td.Gamma,
    td.Beta,
    td.Independent,
)


def closed_form(divergence: Measured, p: td.Distribution, q: td.Distribution) -> Float[Tensor, "*batch"]:
    """A divergence or distance between two distributions by its formula, one number per member of their batches.

    Args:
        divergence: What is wanted: `KL`, `TOTAL_VARIATION`, …, or `Wasserstein(k)`.
        p: One distribution.
        q: The other.

    Raises:
        NoClosedForm: If none is known for this pair.

    Example:
        >>> p, q = td.Normal(torch.tensor(0.0), 1.0), td.Normal(torch.tensor(2.0), 1.0)
        >>> closed_form(KL, p, q), closed_form(TOTAL_VARIATION, p, q)
        (tensor(2.), tensor(0.6827))
    """
    formula = _formula(divergence, type(p), type(q))
    try:
        if formula is not None:
            return formula(p, q)
        if divergence in (KL, REVERSE_KL):
            return td.kl_divergence(p, q) if divergence is KL else td.kl_divergence(q, p)
    except NotImplementedError:  # ours and torch's alike: the pair has no formula, or this member of it has none
        pass
    raise NoClosedForm(
        f"A formula must be known for {divergence} between {type(p).__name__} and {type(q).__name__}, but none is. "
        "Estimate it from samples and log-densities (`estimated`), integrate it in one dimension (`integrated`, "
        "`integrated_wasserstein`), or let `distance` choose."
    )


def _formula(divergence: Measured, p: type, q: type) -> Formula | None:
    """What is entered for a pair; a Wasserstein distance may be entered for any k."""
    of_any = TABLE.get((Wasserstein, p, q))
    if isinstance(divergence, Wasserstein) and divergence.metric is euclidean and of_any is not None:
        own = functools.partial(of_any, k=float(divergence.k))
        return TABLE.get((divergence, p, q), own)
    return TABLE.get((divergence, p, q))


def register(divergence: Measured | type[Wasserstein], p: type, q: type | None = None) -> Callable[[Formula], Formula]:
    """Enters a formula for a pair of kinds; a single kind stands for both.

    Args:
        divergence: What it computes; `Wasserstein` itself for a formula with a further argument k.
        p: The kind of the first distribution.
        q: That of the second.

    Example:
        >>> formula = register(Wasserstein(1), td.Poisson)(lambda p, q: (p.rate - q.rate).abs())
        >>> closed_form(Wasserstein(1), td.Poisson(torch.tensor(2.0)), td.Poisson(torch.tensor(5.0)))
        tensor(3.)
    """

    def enter(formula: Formula) -> Formula:
        TABLE[divergence, p, q or p] = formula
        return formula

    return enter


# --- finite distributions, and exponential families ---------------------------------------------------------------


def _probabilities(distribution: Any) -> Tensor:
    if isinstance(distribution, td.Bernoulli):
        return torch.stack([1 - distribution.probs, distribution.probs], dim=-1)
    return distribution.probs


def _finite(divergence: FDivergence) -> Formula:
    return lambda p, q: divergence(_probabilities(p), _probabilities(q))


def _of_bases(divergence: FDivergence) -> Formula:
    """A bijection of both changes no ratio of densities, hence no f-divergence."""
    return lambda p, q: closed_form(divergence, p.base_dist, q.base_dist)


for _divergence in F_DIVERGENCES:
    register(_divergence, td.LogNormal)(_of_bases(_divergence))
    for _kind in FINITE:
        register(_divergence, _kind)(_finite(_divergence))

for _kind in FAMILIES:
    register(SQUARED_HELLINGER, _kind)(lambda p, q: -torch.expm1(log_affinity(p, q, 0.5)))
    register(CHI2, _kind)(lambda p, q: torch.expm1(log_affinity(p, q, 2.0)))
    register(NEYMAN_CHI2, _kind)(lambda p, q: torch.expm1(log_affinity(q, p, 2.0)))


# --- total variation ----------------------------------------------------------------------------------------------


def _normal_cdf(x: Tensor) -> Tensor:
    return torch.special.ndtr(x)


@register(TOTAL_VARIATION, td.Normal)
def _(p: td.Normal, q: td.Normal) -> Tensor:
    """Half the area between the densities, which cross where log p − log q = a x² + b x + c is zero."""
    (m, s), (n, t) = (p.loc, p.scale), (q.loc, q.scale)
    same = (s - t).abs() <= 1e-6 * s  # there one crossing has left for infinity, and nothing is lost
    one = 2 * _normal_cdf((m - n).abs() / (s + t)) - 1
    a = (t**-2 - s**-2) / 2
    b, c = m / s**2 - n / t**2, (n**2 / t**2 - m**2 / s**2) / 2 + (t / s).log()
    a = torch.where(same, 1, a)
    root = (b**2 - 4 * a * c).clamp_min(0).sqrt()
    stable = -(b + torch.where(b < 0, -root, root)) / 2  # of the two roots, the one that cancels nothing
    stable = torch.where(stable == 0, 1, stable)
    x, y = stable / a, c / stable
    between = [_normal_cdf((y - mean) / scale) - _normal_cdf((x - mean) / scale) for mean, scale in ((m, s), (n, t))]
    return torch.where(same, one, (between[0] - between[1]).abs())


@register(TOTAL_VARIATION, td.MultivariateNormal)
def _(p: td.MultivariateNormal, q: td.MultivariateNormal) -> Tensor:
    """With one covariance the densities cross on a plane, at half the Mahalanobis distance of the means."""
    if not torch.equal(*torch.broadcast_tensors(p.scale_tril, q.scale_tril)):
        raise NotImplementedError("The total variation has a formula for equal covariances only.")
    gap = torch.linalg.solve_triangular(p.scale_tril, (p.loc - q.loc).unsqueeze(-1), upper=False)
    return 2 * _normal_cdf(gap.squeeze(-1).norm(dim=-1) / 2) - 1


@register(TOTAL_VARIATION, td.Exponential)
def _(p: td.Exponential, q: td.Exponential) -> Tensor:
    """The densities cross once, at log(a/b) / (a − b)."""
    a, b = p.rate, q.rate
    same = a == b
    x = (a / b).log() / torch.where(same, 1, a - b)
    return torch.where(same, 0, ((-a * x).exp() - (-b * x).exp()).abs())


@register(TOTAL_VARIATION, td.Laplace)
def _(p: td.Laplace, q: td.Laplace) -> Tensor:
    if not torch.equal(*torch.broadcast_tensors(p.scale, q.scale)):
        raise NotImplementedError("The total variation has a formula for equal scales only.")
    return -torch.expm1(-(p.loc - q.loc).abs() / (2 * p.scale))


# --- uniform distributions: constant on what they share and on the rest --------------------------------------------


def _uniform(divergence: FDivergence) -> Formula:
    def formula(p: td.Uniform, q: td.Uniform) -> Tensor:
        shared = (torch.minimum(p.high, q.high) - torch.maximum(p.low, q.low)).clamp_min(0)
        of_p, of_q = shared / (p.high - p.low), shared / (q.high - q.low)
        neither = torch.zeros_like(of_p)  # p on the shared part, on its own, nowhere
        return divergence(
            torch.stack([of_p, 1 - of_p, neither], dim=-1), torch.stack([of_q, neither, 1 - of_q], dim=-1)
        )

    return formula


for _divergence in F_DIVERGENCES:
    register(_divergence, td.Uniform)(_uniform(_divergence))


# --- transport: on a line the best plan keeps the order, so it moves quantile to quantile --------------------------


def _shifted(moments: Callable[[Tensor, Tensor, int], Tensor]) -> Formula:
    """(E|δ + s Z|ᵏ)^(1/k) of a symmetric family μ + σ Z, where δ = |Δμ| and s = |Δσ|."""

    def formula(p: Any, q: Any, k: float) -> Tensor:
        if k != round(k):
            raise NotImplementedError("Between whole powers there is no elementary formula.")
        shift, spread = (p.loc - q.loc).abs(), (p.scale - q.scale).abs()
        safe = torch.where(spread > 0, spread, 1)
        return torch.where(spread > 0, moments(shift, safe, round(k)).clamp_min(0) ** (1 / k), shift)

    return formula


def _normal_moment(delta: Tensor, s: Tensor, k: int) -> Tensor:
    """E|δ + sZ|ᵏ, the sum over both signs of Mₖ(δ) = E[(δ + sZ)ᵏ; δ + sZ > 0] = δ Mₖ₋₁ + (k − 1) s² Mₖ₋₂."""
    total = torch.zeros_like(delta / s)
    for d in (delta, -delta):
        last, now = torch.zeros_like(total), _normal_cdf(d / s)  # M₋₁ stands for the density that M₁ begins with
        for j in range(1, k + 1):
            edge = s * (-((d / s) ** 2) / 2).exp() / math.sqrt(2 * math.pi) if j == 1 else (j - 1) * s**2 * last
            last, now = now, d * now + edge
        total = total + now
    return total


def _laplace_moment(delta: Tensor, s: Tensor, k: int) -> Tensor:
    """E|δ + sZ|ᵏ by parts, from 0, from δ downwards, and beyond it."""
    gone = (-delta / s).exp()
    beyond, within = torch.ones_like(gone), -torch.expm1(-delta / s)
    for j in range(1, k + 1):
        beyond, within = delta**j + j * s * beyond, delta**j - j * s * within
    return (beyond + within + math.factorial(k) * s**k * gone) / 2


register(Wasserstein, td.Normal)(_shifted(_normal_moment))
register(Wasserstein, td.Laplace)(_shifted(_laplace_moment))


@register(Wasserstein(2), td.Normal)
def _(p: td.Normal, q: td.Normal) -> Tensor:
    return torch.hypot(p.loc - q.loc, p.scale - q.scale)


@register(Wasserstein, td.Cauchy)
def _(p: td.Cauchy, q: td.Cauchy, k: float) -> Tensor:
    """No mean is finite but that of a shift."""
    return torch.where(p.scale == q.scale, (p.loc - q.loc).abs(), torch.inf)


@register(Wasserstein, td.Uniform)
def _(p: td.Uniform, q: td.Uniform, k: float) -> Tensor:
    """The gap goes evenly from m − h to m + h, so its power has an elementary integral."""
    low, high = p.low - q.low, p.high - q.high
    m, h = (low + high).abs() / 2, (high - low).abs() / 2
    even = h <= torch.finfo(m.dtype).eps ** (1 / 3) * m  # there the difference cancels, and two terms are exact
    safe = torch.where(even | (h == 0), 1, h)
    above, below = m + safe, m - safe
    mean = (above ** (k + 1) - below * below.abs() ** k) / (2 * (k + 1) * safe)
    series = m * (1 + (k - 1) / 6 * (h / torch.where(m > 0, m, 1)) ** 2)
    return torch.where(even | (h == 0), series, mean.clamp_min(0) ** (1 / k))


@register(Wasserstein(2), td.Independent)
def _(p: Any, q: Any) -> Tensor:
    """Of independent entries the squares add up."""
    each = closed_form(Wasserstein(2), p.base_dist, q.base_dist).square()
    return each.sum(tuple(range(-p.reinterpreted_batch_ndims, 0))).sqrt()


@register(Wasserstein(2), td.MultivariateNormal)
def _(p: td.MultivariateNormal, q: td.MultivariateNormal) -> Tensor:
    """Bures' distance of the covariances, beside that of the means."""
    if p.batch_shape or q.batch_shape:
        raise NotImplementedError("One pair at a time.")
    one, other = (Moments(d.loc.detach().double(), d.covariance_matrix.detach().double()) for d in (p, q))
    return torch.tensor(frechet_distance(one, other)).sqrt().to(p.loc)


@register(Wasserstein, td.Bernoulli)
def _(p: td.Bernoulli, q: td.Bernoulli, k: float) -> Tensor:
    """What one has too much of 1 goes the whole way from 0."""
    return (p.probs - q.probs).abs() ** (1 / k)


@register(Wasserstein, Segment)
def _(p: Segment, q: Segment, k: float) -> Tensor:
    return (p.theta - q.theta).abs()


def _scaled(size: Callable[[Any], Tensor], log_moment: Callable[[Any, float], Any], shape: str | None) -> Formula:
    """|Δ size| (E Zᵏ)^(1/k) of a family size · Z, Z > 0, whose Z is the same if a further parameter is."""

    def formula(p: Any, q: Any, k: float) -> Tensor:
        if shape is not None and not torch.equal(*torch.broadcast_tensors(getattr(p, shape), getattr(q, shape))):
            raise NotImplementedError(f"There is a formula for equal {shape} only.")
        gap = (size(p) - size(q)).abs()
        return torch.where(gap > 0, gap * torch.as_tensor(log_moment(p, k) / k, dtype=gap.dtype).exp(), 0)

    return formula


def _pareto_moment(p: td.Pareto, k: float) -> Tensor:
    """log E Zᵏ, infinite from k = α on."""
    finite = k < p.alpha
    return torch.where(finite, (p.alpha / torch.where(finite, p.alpha - k, 1)).log(), torch.inf)


for _kind, _size, _log_moment, _shape in (
    (td.Exponential, lambda p: 1 / p.rate, lambda p, k: math.lgamma(1 + k), None),
    (
        td.HalfNormal,
        lambda p: p.scale,
        lambda p, k: k / 2 * math.log(2) + math.lgamma((k + 1) / 2) - math.lgamma(1 / 2),
        None,
    ),
    (td.HalfCauchy, lambda p: p.scale, lambda p, k: math.inf, None),
    (td.Weibull, lambda p: p.scale, lambda p, k: (1 + k / p.concentration).lgamma(), "concentration"),
    (
        td.Gamma,
        lambda p: 1 / p.rate,
        lambda p, k: (p.concentration + k).lgamma() - p.concentration.lgamma(),
        "concentration",
    ),
    (td.Pareto, lambda p: p.scale, _pareto_moment, "alpha"),
):
    register(Wasserstein, _kind)(_scaled(_size, _log_moment, _shape))


# --- segments, which share no point unless they are one ------------------------------------------------------------


def _segments(divergence: FDivergence) -> Formula:
    def formula(p: Segment, q: Segment) -> Tensor:
        gap = p.theta - q.theta
        strangers = torch.full_like(gap, divergence.at_zero + divergence.at_infinity)
        return torch.where(gap == 0, 0, strangers) + 0 * gap  # a constant, whose slope in θ is zero

    return formula


for _divergence in F_DIVERGENCES:
    register(_divergence, Segment)(_segments(_divergence))
