"""How each kind of distribution is drawn from a `Noise`.

`torch.distributions` draws from global random state; here every draw has its own key. A draw is a map from noise, so
it is reparametrised (differentiable in the parameters) wherever the distribution is continuous. A distribution of our
own brings a method `draw(noise)`; others are added with `register`. Those of half precision are drawn in float32 and
rounded at the end, for in theirs a uniform number is one of a few hundred.
"""

import functools
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor
from torch import distributions as td

from genzoo._random import at_least_single
from genzoo.core.noise import Noise

__all__ = ["draw", "register"]


def draw(distribution: Any, noise: Noise, rows: int | None = None) -> Shaped[Tensor, "n *rest"]:
    """A draw from a distribution, reparametrised where it can be: one row of noise per row of its batch.

    Args:
        distribution: One of those registered here, or any with a method `draw(noise)`.
        noise: Where the numbers come from.
        rows: The number of independent rows, for a distribution whose batch has no row axis.

    Raises:
        TypeError: If the kind is neither registered here nor has a method `draw(noise)`.

    Example:
        >>> draw(td.Normal(torch.zeros(3), 1.0), Noise(0)).shape
        torch.Size([3])
        >>> draw(td.Exponential(2.0), Noise(0), rows=5).shape
        torch.Size([5])
    """
    if rows is not None:
        distribution = distribution.expand(torch.Size([rows, *distribution.batch_shape]))
    return _draw(distribution, noise)


@functools.singledispatch
def _draw(distribution: Any, noise: Noise) -> Tensor:
    own = getattr(distribution, "draw", None)
    if own is None:
        raise TypeError(
            f"Noise must know how to draw from a distribution, got {type(distribution).__name__}. "
            "Give it a method draw(noise), or register a function with genzoo.distributions.draws.register."
        )
    x: Tensor = own(noise)
    return x


register = _draw.register


def _shape(distribution: td.Distribution) -> torch.Size:
    return distribution.batch_shape + distribution.event_shape


def _uniform(distribution: td.Distribution, noise: Noise, like: Tensor) -> Tensor:
    return noise.uniform(*_shape(distribution), dtype=at_least_single(like.dtype))


def _interior(distribution: td.Distribution, noise: Noise, like: Tensor) -> Tensor:
    """Uniform numbers kept off 0, as they are off 1, for inverse cumulative distributions."""
    uniform = _uniform(distribution, noise, like)
    return uniform.clamp_min_(torch.finfo(uniform.dtype).eps / 2)


def _normal(distribution: td.Distribution, noise: Noise, like: Tensor) -> Tensor:
    return noise.normal(*_shape(distribution), dtype=at_least_single(like.dtype))


@register(td.Independent)
def _(distribution: "td.Independent[Any]", noise: Noise) -> Tensor:
    return _draw(distribution.base_dist, noise)


@register
def _(distribution: td.Normal, noise: Noise) -> Tensor:
    loc = distribution.loc
    return (loc + distribution.scale * _normal(distribution, noise, loc)).to(loc.dtype)


@register
def _(distribution: td.Uniform, noise: Noise) -> Tensor:
    low, high = distribution.low, distribution.high
    x = (low + (high - low) * _uniform(distribution, noise, low)).to(low.dtype)
    return torch.where(x < high, x, x - (x - high.nextafter(low)).detach())  # what rounding has carried to the end


@register
def _(distribution: td.Exponential, noise: Noise) -> Tensor:
    rate = distribution.rate
    return (_uniform(distribution, noise, rate).neg_().log1p_().neg_() / rate).to(rate.dtype)


@register
def _(distribution: td.Laplace, noise: Noise) -> Tensor:
    x: Tensor = distribution.icdf(_interior(distribution, noise, distribution.loc))
    return x.to(distribution.loc.dtype)


@register
def _(distribution: td.Gumbel, noise: Noise) -> Tensor:
    uniform = _interior(distribution, noise, distribution.loc)
    return (distribution.loc - distribution.scale * (-uniform.log()).log()).to(distribution.loc.dtype)


@register
def _(distribution: td.Bernoulli, noise: Noise) -> Tensor:
    return noise.bernoulli(distribution.probs)


@register
def _(distribution: td.Categorical, noise: Noise) -> Tensor:
    return noise.categorical(distribution.logits)


@register
def _(distribution: td.MultivariateNormal, noise: Noise) -> Tensor:
    normal = _normal(distribution, noise, distribution.loc)
    x = distribution.loc + (distribution.scale_tril.to(normal.dtype) @ normal.unsqueeze(-1)).squeeze(-1)
    return x.to(distribution.loc.dtype)


@register
def _(distribution: td.MixtureSameFamily, noise: Noise) -> Tensor:
    which = noise.categorical(distribution.mixture_distribution.logits)  # *batch
    each = _draw(distribution.component_distribution, noise)  # *batch, K, *event
    axis, event = which.ndim, len(distribution.event_shape)
    index = which.reshape(*which.shape, 1, *[1] * event).expand(*which.shape, 1, *distribution.event_shape)
    return each.gather(axis, index).squeeze(axis)


@register
def _(distribution: td.TransformedDistribution, noise: Noise) -> Tensor:
    x = _draw(distribution.base_dist, noise)
    for transform in distribution.transforms:
        x = transform(x)
    return x
