"""Exponential families: all that overlaps of two densities is known from one function.

$$ p_\\eta(x) = h(x) \\exp(\\eta \\cdot T(x) - A(\\eta)) \\quad\\Rightarrow\\quad
   \\log \\int p_\\eta^a\\, p_{\\eta'}^{1-a} = A(a\\eta + (1-a)\\eta') - a A(\\eta) - (1-a) A(\\eta') $$

With a = ½ that is the Bhattacharyya coefficient, hence the Hellinger distance; with a = 2, one plus χ². Where
aη + (1−a)η' is no parameter of the family, A is ∞ and so is the integral: a χ² that does not exist says so.

References:
    Nielsen & Nock, 2014, "On the chi square and higher-order chi distances for approximating f-divergences",
        arXiv:1309.3029
"""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch import distributions as td

__all__ = ["Natural", "log_affinity", "natural"]

Normalizer = Callable[..., Tensor]


class Natural(NamedTuple):
    """A member of an exponential family: its natural parameters η, and the family's A, ∞ outside its domain.

    Example:
        >>> eta, normalizer = natural(td.Exponential(torch.tensor(2.0)))
        >>> eta, normalizer(*eta)
        ((tensor(-2.),), tensor(-0.6931))
    """

    eta: tuple[Tensor, ...]
    normalizer: Normalizer


def log_affinity(p: td.Distribution, q: td.Distribution, a: float) -> Float[Tensor, "*batch"]:
    """log ∫ pᵃ q¹⁻ᵃ between two of one exponential family; ∞ where the integral is.

    Args:
        p: One distribution.
        q: The other, of the same kind.
        a: Any power; 0 and 1 give 0.

    Raises:
        NotImplementedError: If the kind is not registered with `natural`.

    Example:
        >>> p, q = td.Normal(torch.tensor(0.0), 1.0), td.Normal(torch.tensor(2.0), 1.0)
        >>> log_affinity(p, q, 0.5)
        tensor(-0.5000)
    """
    if isinstance(p, td.Independent) and isinstance(q, td.Independent):
        inner = log_affinity(p.base_dist, q.base_dist, a)
        return inner.sum(tuple(range(-p.reinterpreted_batch_ndims, 0))) if p.reinterpreted_batch_ndims else inner
    one, other = natural(p), natural(q)
    between = one.normalizer(*(a * x + (1 - a) * y for x, y in zip(one.eta, other.eta, strict=True)))
    return between - a * one.normalizer(*one.eta) - (1 - a) * other.normalizer(*other.eta)


@functools.singledispatch
def natural(distribution: Any) -> Natural:
    """A distribution's natural parameters; register a function for a further family.

    Raises:
        NotImplementedError: If the kind is not registered.

    Example:
        >>> natural(td.Poisson(torch.tensor(1.0))).eta
        (tensor(0.),)
    """
    raise NotImplementedError(
        f"Overlaps have closed forms in exponential families, got {type(distribution).__name__}. "
        "Register its natural parameters with genzoo.distributions.exponential_family.natural.register."
    )


@natural.register
def _(distribution: td.Normal) -> Natural:
    precision = distribution.scale**-2

    def normalizer(linear: Tensor, square: Tensor) -> Tensor:
        inside = square < 0
        width = -torch.where(inside, square, -1)
        return torch.where(inside, linear.square() / (4 * width) - (width / math.pi).log() / 2, torch.inf)

    return Natural((distribution.loc * precision, -precision / 2), normalizer)


@natural.register
def _(distribution: td.MultivariateNormal) -> Natural:
    precision = distribution.precision_matrix

    def normalizer(linear: Tensor, square: Tensor) -> Tensor:
        lower, flaw = torch.linalg.cholesky_ex(-2 * square)
        solved = torch.linalg.solve_triangular(lower, linear.unsqueeze(-1), upper=False).squeeze(-1)
        inside, dims = flaw == 0, linear.shape[-1]
        logs = torch.where(inside.unsqueeze(-1), lower.diagonal(dim1=-2, dim2=-1), 1).log().sum(-1)
        return torch.where(inside, solved.square().sum(-1) / 2 - logs + dims * math.log(2 * math.pi) / 2, torch.inf)

    linear = (precision @ distribution.loc.unsqueeze(-1)).squeeze(-1)
    return Natural((linear, -precision / 2), normalizer)


@natural.register
def _(distribution: td.Exponential) -> Natural:
    def normalizer(eta: Tensor) -> Tensor:
        return torch.where(eta < 0, -(-torch.where(eta < 0, eta, -1)).log(), torch.inf)

    return Natural((-distribution.rate,), normalizer)


@natural.register
def _(distribution: td.Poisson) -> Natural:
    return Natural((distribution.rate.log(),), torch.exp)


@natural.register
def _(distribution: td.Gamma) -> Natural:
    def normalizer(shape: Tensor, rate: Tensor) -> Tensor:
        inside = (shape > -1) & (rate < 0)
        alpha, beta = torch.where(inside, shape + 1, 1), -torch.where(inside, rate, -1)
        return torch.where(inside, alpha.lgamma() - alpha * beta.log(), torch.inf)

    return Natural((distribution.concentration - 1, -distribution.rate), normalizer)


@natural.register
def _(distribution: td.Beta) -> Natural:
    def normalizer(a: Tensor, b: Tensor) -> Tensor:
        inside = (a > 0) & (b > 0)
        one, other = torch.where(inside, a, 1), torch.where(inside, b, 1)
        return torch.where(inside, one.lgamma() + other.lgamma() - (one + other).lgamma(), torch.inf)

    return Natural((distribution.concentration1, distribution.concentration0), normalizer)
