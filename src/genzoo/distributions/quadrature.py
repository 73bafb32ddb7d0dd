"""Divergences of densities on a line by integration: exact to rounding where the densities are smooth."""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from genzoo.distributions.estimate import Unknowable
from genzoo.distributions.f_divergence import FDivergence

__all__ = ["integrated", "line_nodes"]

REACH = 12.0  # standard deviations; beyond, a normal density has 4e-33 of its mass
MISSED = 1e-4  # of the mass of a density; a kink costs 1e-5
EDGE = 1e-10  # of the integral, in the outermost parts of the window


def integrated(
    divergence: FDivergence, p: Distribution, q: Distribution, window: tuple[float, float] | None = None
) -> Float[Tensor, "*batch"]:
    """D(p ‖ q) of two densities on a line, differentiable in their parameters,

    $$ D = \\int (p + q)\\, b(\\log p - \\log q)\\, dx. $$

    Args:
        divergence: Which.
        p: One distribution of numbers.
        q: The other.
        window: Where to integrate; by default 12 standard deviations around the means, or 24 if those do not do.

    Raises:
        ValueError: If more than a ten-thousandth of the mass of either lies outside the window, or between the nodes.
        Unknowable: If the integrand has not died away at the ends of the window: the integral may be ∞.

    Example:
        >>> from torch.distributions import Normal
        >>> from genzoo.distributions.f_divergence import JENSEN_SHANNON
        >>> zero = torch.zeros((), dtype=torch.float64)
        >>> integrated(JENSEN_SHANNON, Normal(zero, 1.0), Normal(zero + 1, 1.0))
        tensor(0.1114, dtype=torch.float64)
    """
    if window is None:
        try:
            return integrated(divergence, p, q, _window(p, q, REACH))
        except Unknowable:
            return integrated(divergence, p, q, _window(p, q, 2 * REACH))
    low, high = window
    x, weights = line_nodes(low, high)
    column = x.reshape(-1, *[1] * max(len(p.batch_shape), len(q.batch_shape)))
    log_p, log_q = p.log_prob(column), q.log_prob(column)
    for name, density in (("p", log_p), ("q", log_q)):
        missed = (torch.tensordot(weights, density.exp().to(weights), dims=1) - 1).abs().max().item()
        if not missed <= MISSED:
            raise ValueError(
                f"The window must hold all of both densities, but [{low:g}, {high:g}] misses {missed:.2g} of {name} "
                "(or its nodes miss a spike). Give another window."
            )
    nowhere = (log_p == -torch.inf) & (log_q == -torch.inf)
    ratio = torch.where(nowhere, 0, log_p) - torch.where(nowhere, 0, log_q)
    terms = (log_p.exp() + log_q.exp()) * divergence.at_ratio(ratio)
    terms = weights.to(terms).reshape(column.shape) * torch.where(nowhere, 0, terms)
    _require_faint_edges(divergence, terms.detach(), window, _ends(window, p, q))
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
