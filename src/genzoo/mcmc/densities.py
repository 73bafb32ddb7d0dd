"""What a chain walks on: a log-density up to a constant, and its gradient.

Any function of rows will do. The gradient comes from autograd, or from a score of one's own.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from genzoo.core.given import GivenLike
from genzoo.core.model import Capability, GenerativeModel, Likelihood

__all__ = ["Density", "LogDensity", "Target", "density", "density_of"]

LogDensity = Callable[[Tensor], Tensor]


class Density(NamedTuple):
    """A log-density of rows up to a constant, with its gradient.

    Attributes:
        log_prob: (chains, *event) to (chains,).
        score: ∇ₓ log p, (chains, *event) to the same.
        both: The two at once, for the price of the gradient.
    """

    log_prob: LogDensity
    score: LogDensity
    both: Callable[[Tensor], tuple[Tensor, Tensor]]


Target = Density | LogDensity


def density(log_prob: Target, score: LogDensity | None = None) -> Density:
    """A log-density with its gradient.

    Args:
        log_prob: (chains, *event) to (chains,), up to a constant.
        score: Its gradient; by autograd if none is given.

    Example:
        >>> bell = density(lambda x: -x.square().sum(1) / 2)
        >>> bell.score(torch.tensor([[1.0, 2.0]]))
        tensor([[-1., -2.]])
    """
    if isinstance(log_prob, Density):
        return log_prob
    function = log_prob

    def value(x: Tensor) -> Tensor:
        with torch.no_grad():
            return _one_a_row(function(x), x)

    def by_autograd(x: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            found = _one_a_row(function(x), x)
            if not found.requires_grad:  # a constant density
                return found, torch.zeros_like(x, requires_grad=False)
            (gradient,) = torch.autograd.grad(found.sum(), x, materialize_grads=True)
        return found.detach(), gradient

    if score is None:
        return Density(value, lambda x: by_autograd(x)[1], by_autograd)
    own = score
    return Density(value, own, lambda x: (value(x), own(x)))


def density_of(model: GenerativeModel, given: GivenLike = None) -> Density:
    """A model as what a chain walks on.

    Args:
        model: A model with an exact, estimated or unnormalized log-probability, or with a score alone.
        given: Its condition, one row per chain.

    Raises:
        Unsupported: If the model has neither.
        ValueError: If its log-probability is only a bound, which is the log-density of another distribution.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import Gaussian
        >>> density_of(Gaussian(Space((2,)))).score(torch.ones(1, 2))
        tensor([[-1., -1.]])
    """
    if not model.can(Capability.LOG_PROB) and not model.can(Capability.SCORE):
        raise model.lacks(Capability.LOG_PROB)
    if model.likelihood is Likelihood.BOUND:
        raise ValueError(
            f"A chain needs the density itself, got {type(model).__name__}, whose log_prob is a bound of it. "
            "Take a model with an exact, estimated or unnormalized likelihood."
        )

    def log_prob(x: Tensor) -> Tensor:
        return model.log_prob(x, given)

    return density(log_prob, (lambda x: model.score(x, given)) if _has_own_score(model) else None)


def _has_own_score(model: GenerativeModel) -> bool:
    return type(model).score is not GenerativeModel.score


def _one_a_row(values: Tensor, x: Tensor) -> Tensor:
    if values.shape != x.shape[:1]:
        raise ValueError(
            f"A log-density must give one number for each of the {len(x)} chains, got shape {tuple(values.shape)}. "
            "Sum over the entries of each row."
        )
    return values
