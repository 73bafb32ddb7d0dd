"""Divergences on a line by integration, exact to rounding where densities are smooth, and of whole numbers by sums."""

import itertools
import math

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.distributions import Distribution
from torch.distributions.constraints import Constraint, boolean

from genzoo.distributions.estimate import Unknowable
from genzoo.distributions.f_divergence import FDivergence

__all__ = ["bounds", "integrated", "is_line", "line_nodes", "summed", "supported_log_prob"]

REACH = 12.0  # standard deviations; beyond, a normal density has 4e-33 of its mass
MISSED = 1e-4  # of the mass of a density; a kink costs 1e-5
PANELS = 256
HALVINGS, MOST = 48, 64  # to find a crossing; crossings beyond 64 are left alone
SPARED, NUMBERS = 1e-12, 1 << 20  # of the mass beyond a window or sum; whole numbers at most
EDGE = 1e-10  # of the integral, in the outermost parts of the window


def integrated(
    divergence: FDivergence,
    p: Distribution,
    q: Distribution,
    window: tuple[float, float] | None = None,
    *,
    panels: int = PANELS,
) -> Float[Tensor, "*batch"]:
    """D(p ‖ q) of two densities on a line, differentiable in their parameters,

    $$ D = \\int (p + q)\\, b(\\log p - \\log q)\\, dx. $$

    Args:
        divergence: Which.
        p: One distribution of numbers.
        q: The other.
        window: Where to integrate; by default 12 standard deviations around the means, or 24 or 48 if tails are heavy.
        panels: Into how many parts the window is cut, besides where a support ends and where the densities cross if
            that makes a kink.

    Raises:
        ValueError: If no window can be told, or more than a ten-thousandth of the mass of either lies outside it or
            between the nodes.
        Unknowable: If the integrand has not died away at the ends of the window: the integral may be ∞.

    Example:
        >>> from torch.distributions import Normal
        >>> from genzoo.distributions.f_divergence import JENSEN_SHANNON
        >>> zero = torch.zeros((), dtype=torch.float64)
        >>> integrated(JENSEN_SHANNON, Normal(zero, 1.0), Normal(zero + 1, 1.0))
        tensor(0.1114, dtype=torch.float64)
    """
    if window is not None:
        return _over(divergence, p, q, window, panels)[0]
    found, refusal = [], None
    for reach in (REACH, 2 * REACH, 4 * REACH):
        try:
            found.append(_over(divergence, p, q, _window(p, q, reach), panels))
        except Unknowable as edges:
            refusal = edges
        if found and found[-1][1] < SPARED:
            break
    if not found and refusal is not None:
        raise refusal
    return min(found, key=lambda each: each[1])[0]


def _over(
    divergence: FDivergence, p: Distribution, q: Distribution, window: tuple[float, float], panels: int
) -> tuple[Tensor, float]:
    """The integral over a window, and how much of the mass of either is missed."""
    low, high = window
    if not math.isfinite(high - low):
        raise ValueError(
            f"A window must be finite, got [{low:g}, {high:g}]: no deviation tells how far the "
            "densities reach. Give a window, or samples."
        )
    ends = {end for density in (p, q) for end in bounds(density) if low < end < high}  # where a density may jump
    x, weights = _nodes([low, *sorted(ends), high], panels)
    if _has_kink(divergence):
        x, weights = _nodes([low, *sorted(ends | _crossings(p, q, x)), high], panels)
    column = _column(x, p, q)
    log_p, log_q = (supported_log_prob(density, column) for density in (p, q))
    worst = 0.0
    for name, density in (("p", log_p), ("q", log_q)):
        missed = (torch.tensordot(weights, density.exp().to(weights), dims=1) - 1).abs().max().item()
        if not missed <= MISSED:
            raise ValueError(
                f"The window must hold all of both densities, but [{low:g}, {high:g}] misses {missed:.2g} of {name} "
                "(or its nodes miss a spike). Give another window."
            )
        worst = max(worst, missed)
    terms, felt = _terms(divergence, log_p, log_q)
    terms = weights.to(terms).reshape(column.shape) * terms
    _require_faint_edges(divergence, terms.detach()[felt], window, _ends(window, p, q))
    return terms.sum(0), worst


def summed(divergence: FDivergence, p: Distribution, q: Distribution) -> Float[Tensor, "*batch"]:
    """D(p ‖ q) of two distributions of whole numbers from some number on, by their sum.

    Args:
        divergence: Which.
        p: One distribution.
        q: The other.

    Raises:
        ValueError: If the numbers do not begin somewhere, or a millionth of the mass of either lies beyond the first
            million of them.
        Unknowable: If the terms have not died away by then: the sum may be ∞.

    Example:
        >>> from torch.distributions import Geometric, Poisson
        >>> from genzoo.distributions.f_divergence import TOTAL_VARIATION
        >>> two = torch.tensor(2.0, dtype=torch.float64)
        >>> summed(TOTAL_VARIATION, Poisson(two), Geometric(1 / (1 + two)))
        tensor(0.2770, dtype=torch.float64)
    """
    (low, high), (start, end) = bounds(p), bounds(q)
    low, high, count = min(low, start), max(high, end), 1024
    if not math.isfinite(low) or is_line(p) or is_line(q) or p.event_shape or q.event_shape:
        raise ValueError(
            f"A sum is over whole numbers from a first one on, got {type(p).__name__} and {type(q).__name__}."
        )
    while True:
        x = low + torch.arange(min(count, high - low + 1), dtype=torch.float64)
        log_p, log_q = (supported_log_prob(each, _column(x, p, q)) for each in (p, q))
        missed = max((1 - each.detach().exp().sum(0)).max().item() for each in (log_p, log_q))
        if len(x) < count or missed < SPARED or count >= NUMBERS:
            break
        count *= 4
    if missed > 1e-6:
        raise ValueError(f"The first {len(x):,} whole numbers must hold both, but {missed:.2g} of one lies beyond.")
    terms, felt = _terms(divergence, log_p, log_q)
    _require_faint_edges(divergence, terms.detach()[felt], (low, low + len(x)), [True, len(x) < count])
    return terms.sum(0)


def line_nodes(
    low: float, high: float, *, panels: int = 256, order: int = 16
) -> tuple[Float[Tensor, " M"], Float[Tensor, " M"]]:
    """Nodes and weights of Gauss and Legendre's rule on equal parts of an interval, in float64.

    Args:
        low: Where it begins.
        high: Where it ends.
        panels: The number of parts.
        order: Nodes in each.

    Example:
        >>> x, weights = line_nodes(0.0, 1.0)
        >>> round((weights * x.exp()).sum().item(), 12)
        1.718281828459
    """
    nodes, weights = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(order))
    half = (high - low) / (2 * panels)
    middles = low + half * (2 * torch.arange(panels, dtype=torch.float64) + 1)
    return (middles[:, None] + half * nodes).flatten(), (half * weights).repeat(panels)


def _terms(divergence: FDivergence, log_p: Tensor, log_q: Tensor) -> tuple[Tensor, Tensor]:
    """(p + q) b(log p − log q), and where neither factor is beyond the numbers, outside which nobody can say."""
    mass, ratio = log_p.exp() + log_q.exp(), log_p - log_q
    felt = (mass > 0) & (ratio.isinf() | divergence.at_ratio(ratio.detach()).isfinite())
    terms = mass * divergence.at_ratio(torch.where(felt, ratio, 0))
    return torch.where(felt, terms, 0), felt.reshape(len(felt), -1).any(1)


def supported_log_prob(distribution: Distribution, x: Shaped[Tensor, "n *rest"]) -> Float[Tensor, "n *batch"]:
    """log p(x), −∞ outside the support, where PyTorch refuses to say or says what it should not.

    Args:
        distribution: p.
        x: Rows.

    Example:
        >>> supported_log_prob(torch.distributions.Exponential(torch.tensor(1.0)), torch.tensor([-1.0, 2.0]))
        tensor([-inf, -2.])
    """
    support = _support(distribution)
    if support is None:
        return distribution.log_prob(x)
    inside = support.check(x)
    if bool(inside.all()):
        return distribution.log_prob(x)
    if not bool(inside.any()):
        return torch.full(inside.shape, -torch.inf, dtype=x.dtype if x.is_floating_point() else None)
    # Elsewhere the density is asked at some inner place, so that neither it nor its gradient is NaN.
    dims = x.ndim - inside.ndim
    rows = x.expand(inside.shape + x.shape[inside.ndim :]) if dims == 0 else x
    index = inside.int().argmax(0, keepdim=True).reshape(1, *inside.shape[1:], *[1] * dims)
    inner = rows.gather(0, index.expand(1, *rows.shape[1:]))
    found = distribution.log_prob(torch.where(inside.reshape(*inside.shape, *[1] * dims), rows, inner))
    return torch.where(inside, found, -torch.inf)


def bounds(distribution: Distribution) -> tuple[float, float]:
    """Where the support of a distribution of numbers ends, −∞ and ∞ if it does not or does not say.

    Args:
        distribution: One of numbers; of a batch, the widest.

    Example:
        >>> bounds(torch.distributions.Exponential(torch.tensor(1.0)))
        (0.0, inf)
    """
    support = _support(distribution)
    if support is boolean:
        return 0.0, 1.0
    ends = getattr(support, "lower_bound", -math.inf), getattr(support, "upper_bound", math.inf)
    low, high = (torch.as_tensor(end, dtype=torch.float64).detach() for end in ends)
    return low.min().item(), high.max().item()


def is_line(distribution: Distribution) -> bool:
    """Whether it is a distribution of single real numbers.

    Args:
        distribution: Any.

    Example:
        >>> is_line(torch.distributions.Poisson(torch.tensor(1.0)))
        False
    """
    support = _support(distribution)
    return not distribution.event_shape and not (support is not None and support.is_discrete)


def _support(distribution: Distribution) -> Constraint | None:
    """Where it lives, None if it does not say."""
    try:
        return distribution.support
    except NotImplementedError:
        return None


def _nodes(cuts: list[float], panels: int) -> tuple[Tensor, Tensor]:
    """Nodes and weights between cuts, as many panels on each part as its width deserves."""
    width = cuts[-1] - cuts[0]
    parts = [line_nodes(a, b, panels=8 + round(panels * (b - a) / width)) for a, b in itertools.pairwise(cuts)]
    x, weights = (torch.cat(each) for each in zip(*parts, strict=True))
    return x, weights


def _column(x: Tensor, p: Distribution, q: Distribution) -> Tensor:
    """Places in front of the axes of both batches."""
    return x.reshape(-1, *[1] * max(len(p.batch_shape), len(q.batch_shape)))


def _has_kink(divergence: FDivergence) -> bool:
    """Whether b has one where the densities are equal."""
    below, middle, above = divergence.at_ratio(torch.tensor([-1e-3, 0.0, 1e-3], dtype=torch.float64))
    return abs((below + above - 2 * middle).item()) > 1e-5


def _crossings(p: Distribution, q: Distribution, x: Tensor) -> set[float]:
    """Where the densities of any member of the batch cross, between sorted places."""

    def sign(places: Tensor) -> Tensor:
        column = _column(places, p, q)
        return (supported_log_prob(p, column) > supported_log_prob(q, column)).reshape(len(places), -1)

    with torch.no_grad():
        signs = sign(x)
        place, member = (signs[1:] != signs[:-1]).nonzero(as_tuple=True)
        low, high, before = x[place], x[place + 1], signs[place, member]
        for _ in range(HALVINGS if len(place) else 0):
            middle = (low + high) / 2
            same = sign(middle)[torch.arange(len(middle)), member] == before
            low, high = torch.where(same, middle, low), torch.where(same, high, middle)
    return set(high[:MOST].tolist())


def _ends(window: tuple[float, float], *densities: Distribution) -> list[bool]:
    """Whether all densities end where the window does, below and above."""
    step = 1e-6 * (window[1] - window[0])
    outside = [torch.tensor(place, dtype=torch.float64) for place in (window[0] - step, window[1] + step)]
    supports = [d.support for d in densities if d.support is not None]
    return [not any(bool(support.check(place).any()) for support in supports) for place in outside]


def _require_faint_edges(
    divergence: FDivergence, terms: Tensor, window: tuple[float, float], ended: list[bool]
) -> None:
    """Refuses an integral that its window cuts off."""
    if math.inf not in (divergence.at_zero, divergence.at_infinity):
        return  # then the integrand is at most a multiple of the densities, whose mass is in the window
    width = len(terms) // 64
    open_ends = [part.sum(0) for part, ends in zip((terms[:width], terms[-width:]), ended, strict=True) if not ends]
    edges = sum(open_ends, start=torch.zeros(()))
    if bool((edges.abs() > EDGE * terms.sum(0).abs() + 1e-15).any()):
        raise Unknowable(
            f"The integrand of {divergence.name} must die away within the window, but at the ends of "
            f"[{window[0]:g}, {window[1]:g}] it has not: the integral may be ∞. Give a wider window, or take a closed "
            "form."
        )


def _window(p: Distribution, q: Distribution, reach: float) -> tuple[float, float]:
    ends = [(d.mean - reach * d.stddev, d.mean + reach * d.stddev) for d in (p, q)]
    (a, b), (c, d) = ((low.detach().min().item(), high.detach().max().item()) for low, high in ends)
    return min(a, c), max(b, d)
