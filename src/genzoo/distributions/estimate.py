"""What a statistic of a sample is: a value that knows how far it may be off."""

from typing import NamedTuple

__all__ = ["Estimate", "TooFew", "interval"]


class TooFew(ValueError):
    """There are too few rows for a statistic; the message says how many it needs."""


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


def interval(value: float, error: float | None) -> tuple[float, float] | None:
    """The 95 % interval around a value with a normal error."""
    return None if error is None else (value - 1.96 * error, value + 1.96 * error)
