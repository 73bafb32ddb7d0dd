"""What is known of a distribution, whatever it is given as: rows, a density, a family with its parameters."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch import distributions as td

from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.distributions.draws import draw
from genzoo.distributions.quadrature import is_line, supported_log_prob
from genzoo.distributions.quantiles import quantiles
from genzoo.distributions.samples import checked_rows

__all__ = ["Density", "Known", "known"]


class Density(NamedTuple):
    """A distribution of which a log-density is known, and perhaps rows.

    Attributes:
        log_prob: log p(x) of each row, −∞ where p is zero.
        rows: Rows drawn from p.
        normalized: Whether the density integrates to one; if it does not, both sides need rows.

    Example:
        >>> from genzoo.distributions import distance
        >>> x = Noise(0).normal(2000, 1)
        >>> p = Density(lambda x: -x.square().sum(1) / 2, x, normalized=False)
        >>> distance("KL", p, Density(lambda x: -x.square().sum(1) / 8, 2 * x.flip(0), normalized=False))
        Found(value=0.3..., error=0.0..., how='log-densities', caveat='')
    """

    log_prob: Callable[[Tensor], Tensor]
    rows: Tensor | None = None
    normalized: bool = True


@dataclass(frozen=True)
class Known:
    """What is known of a distribution.

    Attributes:
        draw: Rows: as many as are asked for, or those that there are.
        log_prob: Its log-density of rows, if it has one.
        normalized: Whether that integrates to one.
        family: The distribution, if it is one of a family.

    Example:
        >>> known(torch.zeros(3, 1)).log_prob is None
        True
    """

    draw: Callable[[int, Noise], Tensor]
    log_prob: Callable[[Tensor], Tensor] | None = None
    normalized: bool = True
    family: td.Distribution | None = None


@functools.singledispatch
def known(p: Any) -> Known:
    """What is known of rows, a distribution, a model or a `Density`; register a function for a further kind.

    Args:
        p: Any of them.

    Raises:
        TypeError: If it is of another kind.
    """
    raise TypeError(
        f"A distance is between distributions, models, rows or Densities, got {type(p).__name__}. Turn it into a "
        "tensor of rows drawn from it, or Density(log_prob, rows)."
    )


@known.register
def _(p: Tensor) -> Known:
    return Known(lambda n, noise: p.detach())


@known.register(np.ndarray)
@known.register(list)
def _(p: Any) -> Known:
    rows = checked_rows(p)[0] if np.ndim(p) == 2 else torch.as_tensor(p)
    return Known(lambda n, noise: rows)


@known.register
def _(p: Density) -> Known:
    def draw(n: int, noise: Noise) -> Tensor:
        if p.rows is None:
            raise NotImplementedError("a Density without rows cannot be drawn from")
        return p.rows.detach()

    return Known(draw, p.log_prob, p.normalized)


@known.register
def _(p: td.Distribution) -> Known:
    if p.batch_shape:
        raise ValueError(
            f"A distance is between one p and one q, got a batch {tuple(p.batch_shape)} of {type(p).__name__}. Ask "
            f"for one of them, or take the batch for one vector: Independent(p, {len(p.batch_shape)})."
        )

    def drawn(n: int, noise: Noise) -> Tensor:
        try:
            rows: Tensor = draw(p, noise, rows=n).detach()
        except TypeError as lacking:  # a kind that cannot be drawn from; on a line, its quantiles can
            if not is_line(p):
                raise NotImplementedError(str(lacking)) from None
            rows = quantiles(p, noise.uniform(n, dtype=torch.float64).clamp(2**-53, 1 - 2**-53)).detach()
        return rows

    return Known(drawn, functools.partial(supported_log_prob, p), family=p)


@known.register
def _(p: GenerativeModel) -> Known:
    if p.given_space:
        raise ValueError(
            f"A distance is between distributions, but {type(p).__name__} is one for each condition. Fix it: "
            "Density(lambda x: model.log_prob(x, given), model.sample(n, given))."
        )
    dense = p.likelihood in (Likelihood.EXACT, Likelihood.UNNORMALIZED)  # a bound is no density

    def draw(n: int, noise: Noise) -> Tensor:
        return p.sample(n, seed=int(noise.words(1)[0]))

    return Known(draw, p.log_prob if dense else None, p.likelihood is not Likelihood.UNNORMALIZED)
