"""Numbers that repeat: the ties and spikes of a column.

A column that is 0 in half of its rows, ages that are whole, prices that end in .99: a smooth model blurs them, and
trees that bin numbers at 255 levels may not see it, since whole numbers of a wide range and the same plus a little
noise lie in the same bins. Two shares say it. Of n rows, the *ties* are those whose value another row has, too; the
*spike* is the most frequent value v of the real rows, and what is compared is how many rows have it,

$$ |t_p - t_q|, \\qquad |P(x = v) - Q(x = v)|. $$

How many ties there are depends on n: both sides are cut to one number of rows.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from genzoo.core.noise import Noise
from genzoo.distributions.resampling import require_rows
from genzoo.evaluation.measurement import Estimate
from genzoo.evaluation.tables import Columns, alike, missing

__all__ = ["Repeated", "repeated", "worst"]

LEAST = 2


class Repeated(NamedTuple):
    """How often the values of a column repeat, among samples and among real rows.

    Attributes:
        ties: The difference of the shares of rows whose value occurs more than once.
        spike: The difference of the shares of rows with the most frequent real value.
        value: That value.
        shares: The shares behind the four: ties of samples and of real rows, the spike of samples and of real rows.
    """

    ties: Estimate
    spike: Estimate
    value: float
    shares: tuple[float, float, float, float]


def repeated(samples: Columns, real: Columns, *, seed: int = 0) -> Mapping[str, Repeated]:
    """The ties and spikes of each column of numbers; words are not looked at.

    Args:
        samples: The columns of samples.
        real: The same columns of held-out rows.
        seed: Names the rows that are taken of the larger side.

    Raises:
        ValueError: If columns differ in name or kind.
        TooFew: If there are fewer than two rows of either.

    Example:
        >>> real = {"hours": np.array([40.0, 40.0, 40.0, 12.0, 35.0])}
        >>> blurred = {"hours": np.array([40.1, 39.8, 40.0, 12.3, 35.2])}
        >>> found = repeated(blurred, real)["hours"]
        >>> found.ties.value, round(found.spike.value, 2), found.value
        (0.6, 0.4, 40.0)
    """
    found = {}
    for name, (mine, theirs) in alike(samples, real).items():
        if theirs.dtype.kind == "U":
            continue
        there = [values[~missing(values)] for values in (mine, theirs)]
        n = min(map(len, there))
        require_rows(min(len(mine), len(theirs)), LEAST, "The ties of a column")
        if n < LEAST:
            continue
        cut = [
            values[Noise(seed, "ties", part).permutation(len(values))[:n].numpy()] for part, values in enumerate(there)
        ]
        values, counts = np.unique(cut[1], return_counts=True)
        top = float(values[counts.argmax()])
        ties, spikes = (_tied(cut[0]), _tied(cut[1])), (_mass(cut[0], top), _mass(cut[1], top))
        found[name] = Repeated(_gap(ties, n), _gap(spikes, n), top, (*ties, *spikes))
    return found


def worst(found: Mapping[str, Estimate]) -> Estimate:
    """The largest of the numbers of some columns: one that is blurred is not to be lost among those that are not.

    Args:
        found: A number of each.

    Example:
        >>> worst({"a": Estimate(0.1), "b": Estimate(0.3)}).value
        0.3
    """
    return max(found.values(), key=lambda each: each.value)


def _tied(values: np.ndarray) -> float:
    """The share of rows whose value another row has, too."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return float((counts[place] > 1).mean())


def _mass(values: np.ndarray, value: float) -> float:
    """The share of rows with a value."""
    return float((values == value).mean())


def _gap(shares: tuple[float, float], n: int) -> Estimate:
    a, b = shares
    return Estimate(abs(a - b), math.sqrt((a * (1 - a) + b * (1 - b)) / n))
