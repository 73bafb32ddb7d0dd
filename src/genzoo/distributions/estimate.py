"""What a statistic of a sample is: a value that knows how far it may be off."""

import math
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

__all__ = ["Estimate", "LowerBound", "NotFinite", "TooFew", "Unknowable", "difference", "interval", "mean_of"]


class TooFew(ValueError):
    """There are too few rows for a statistic; the message says how many it needs."""


class NotFinite(ValueError):
    """Rows hold NaN or ∞, which are at no distance from anything; the message says how many."""


class Unknowable(ValueError):
    """These rows cannot tell the value, however it is computed; the message says why, and what could."""


class Estimate(NamedTuple):
    """A statistic with its standard error, None where none is known.

    Example:
        >>> Estimate(0.5, 0.01).interval
        (0.4804, 0.5196)
    """

    value: float
    error: float | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of a normal error."""
        return interval(self.value, self.error)


class LowerBound(Estimate):
    """An estimate, with its standard error, of something that is at most the quantity named.

    Example:
        >>> LowerBound(0.5, 0.01)
        LowerBound(value=0.5, error=0.01)
    """

    __slots__ = ()


def interval(value: float, error: float | None) -> tuple[float, float] | None:
    """The 95 % interval around a value with a normal error."""
    return None if error is None else (value - 1.96 * error, value + 1.96 * error)


def mean_of(values: Float[Tensor, " n"]) -> Estimate:
    """The mean of independent values with its standard error; an infinite mean has none.

    Args:
        values: At least two.

    Raises:
        TooFew: If there are fewer than two.

    Example:
        >>> import torch
        >>> mean_of(torch.tensor([1.0, 3.0]))
        Estimate(value=2.0, error=1.0)
    """
    n = len(values)
    if n < 2:
        raise TooFew(f"A mean with its error needs at least 2 rows, got {n}. Draw more.")
    values = values.detach().double()
    mean = values.mean().item()
    return Estimate(mean, (values.var() / n).sqrt().item() if math.isfinite(mean) else None)


def difference(a: Float[Tensor, " n"], b: Float[Tensor, " m"]) -> Estimate:
    """The difference of two independent means, with its standard error.

    Args:
        a: At least two values.
        b: As many of the other.

    Raises:
        TooFew: If there are fewer than two of either.

    Example:
        >>> import torch
        >>> difference(torch.tensor([1.0, 3.0]), torch.tensor([1.0, 1.0]))
        Estimate(value=1.0, error=1.0)
    """
    one, other = mean_of(a), mean_of(b)
    if one.error is None or other.error is None:
        return Estimate(one.value - other.value)
    return Estimate(one.value - other.value, math.hypot(one.error, other.error))
