"""Walker's alias method: a draw from any finite distribution at two uniform numbers and one comparison.

Cut the unit square into n columns of equal width. Column i holds class i up to its threshold and another class, its
alias, above. That n columns of two classes suffice is seen by induction: a class too small for a column is topped up
by one too large, which leaves n − 1 classes for n − 1 columns.

References:
    Walker, 1977, "An efficient method for generating discrete random variables with general distributions"
    Vose, 1991, "A linear algorithm for generating random numbers with a given distribution"
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from jaxtyping import Float, Int

__all__ = ["AliasTable"]


class AliasTable:
    """The table, built in O(n) and exact: weights are read as the fractions that they are.

    Args:
        weights: Finite and nonnegative, of positive sum: floats, integers or fractions.

    Raises:
        ValueError: If they are not.

    Example:
        >>> table = AliasTable([1, 2, 1])
        >>> [str(p) for p in table.probs]
        ['1/4', '1/2', '1/4']
        >>> table(np.array([0.0, 0.3, 0.9]), np.array([0.5, 0.8, 0.8]))
        array([0, 1, 1])
    """

    def __init__(self, weights: Sequence[Any] | Float[np.ndarray, " n"]) -> None:
        given = [_fraction(weight) for weight in weights]
        if not given or min(given) < 0 or not sum(given):
            raise ValueError(f"Weights must be nonnegative and not all 0, got {list(weights)[:8]}. Drop the others.")
        n, total = len(given), sum(given)
        filled, self.alias = [weight * n / total for weight in given], np.arange(n)
        small, large = [i for i in range(n) if filled[i] < 1], [i for i in range(n) if filled[i] > 1]
        self.exact = [Fraction(1)] * n
        while small:
            i, j = small.pop(), large[-1]
            self.exact[i], self.alias[i] = filled[i], j
            filled[j] -= 1 - filled[i]
            if filled[j] <= 1:
                large.pop()
                if filled[j] < 1:
                    small.append(j)
        self.threshold = np.array([float(share) for share in self.exact])

    @property
    def probs(self) -> list[Fraction]:
        """The distribution that the table stands for: the weights over their sum, exactly."""
        mass = list(self.exact)
        for i, j in enumerate(self.alias):
            mass[j] += 1 - self.exact[i]
        return [share / len(mass) for share in mass]

    def __call__(self, u1: Float[np.ndarray, " k"], u2: Float[np.ndarray, " k"]) -> Int[np.ndarray, " k"]:
        """A class for each pair of numbers in [0, 1): one for the column, one for the height."""
        column = (u1 * len(self.threshold)).astype(np.int64)
        return np.where(u2 < self.threshold[column], column, self.alias[column])


def _fraction(weight: Any) -> Fraction:
    try:
        return Fraction(weight if isinstance(weight, int | Fraction) else float(weight))
    except (OverflowError, ValueError):
        raise ValueError(f"Weights must be finite numbers, got {weight}. Drop it, or give it a value.") from None
