"""How each kind of distribution is drawn from a `Noise`.

`torch.distributions` draws from global random state; here every draw has its own key. A draw is a map from noise, so
it is reparametrised (differentiable in the parameters) wherever the distribution is continuous. A distribution of our
own brings a method `draw(noise)`; others are added with `draw.register`.
"""

import functools
from typing import Any

import torch
from torch import Tensor
from torch import distributions as td

from genzoo.core.noise import Noise

__all__ = ["draw"]


@functools.singledispatch
def draw(distribution: Any, noise: Noise) -> Tensor:
    """A draw from the distribution, one row of noise per row of its batch.

    Raises:
        TypeError: If the kind is neither registered here nor has a method `draw(noise)`.

    Example:
        >>> draw(td.Normal(torch.zeros(3), 1.0), Noise(0)).shape
        torch.Size([3])
    """
    own = getattr(distribution, "draw", None)
    if own is None:
        raise TypeError(
            f"Noise must know how to draw from a distribution, got {type(distribution).__name__}. "
            "Give it a method draw(noise), or register a function with genzoo.core.draws.draw.register."
        )
    x: Tensor = own(noise)
    return x


def _shape(distribution: td.Distribution) -> torch.Size:
    return distribution.batch_shape + distribution.event_shape


def _interior(distribution: td.Distribution, noise: Noise, like: Tensor) -> Tensor:
    """Uniform numbers kept off 0, for inverse cumulative distributions."""
    return noise.uniform(*_shape(distribution), dtype=like.dtype).clamp_min(torch.finfo(like.dtype).tiny)


@draw.register(td.Independent)
def _(distribution: "td.Independent[Any]", noise: Noise) -> Tensor:
    return draw(distribution.base_dist, noise)


@draw.register
def _(distribution: td.Normal, noise: Noise) -> Tensor:
    return distribution.loc + distribution.scale * noise.normal(*_shape(distribution), dtype=distribution.loc.dtype)


@draw.register
def _(distribution: td.Uniform, noise: Noise) -> Tensor:
    width = distribution.high - distribution.low
    return distribution.low + width * noise.uniform(*_shape(distribution), dtype=width.dtype)


@draw.register
def _(distribution: td.Exponential, noise: Noise) -> Tensor:
    uniform = noise.uniform(*_shape(distribution), dtype=distribution.rate.dtype)
    return uniform.neg_().log1p_().neg_() / distribution.rate


@draw.register
def _(distribution: td.Laplace, noise: Noise) -> Tensor:
    x: Tensor = distribution.icdf(_interior(distribution, noise, distribution.loc))
    return x


@draw.register
def _(distribution: td.Gumbel, noise: Noise) -> Tensor:
    uniform = _interior(distribution, noise, distribution.loc)
    return distribution.loc - distribution.scale * (-uniform.log()).log()


@draw.register
def _(distribution: td.Bernoulli, noise: Noise) -> Tensor:
    return noise.bernoulli(distribution.probs)


@draw.register
def _(distribution: td.Categorical, noise: Noise) -> Tensor:
    return noise.categorical(distribution.logits)


@draw.register
def _(distribution: td.MultivariateNormal, noise: Noise) -> Tensor:
    normal = noise.normal(*_shape(distribution), dtype=distribution.loc.dtype)
    return distribution.loc + (distribution.scale_tril @ normal.unsqueeze(-1)).squeeze(-1)


@draw.register
def _(distribution: td.MixtureSameFamily, noise: Noise) -> Tensor:
    which = noise.categorical(distribution.mixture_distribution.logits)  # *batch
    each = draw(distribution.component_distribution, noise)  # *batch, K, *event
    axis, event = which.ndim, len(distribution.event_shape)
    index = which.reshape(*which.shape, 1, *[1] * event).expand(*which.shape, 1, *distribution.event_shape)
    return each.gather(axis, index).squeeze(axis)


@draw.register
def _(distribution: td.TransformedDistribution, noise: Noise) -> Tensor:
    x = draw(distribution.base_dist, noise)
    for transform in distribution.transforms:
        x = transform(x)
    return x
