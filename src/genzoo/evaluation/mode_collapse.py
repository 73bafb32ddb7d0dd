"""Whether a model has collapsed: its samples repeat each other, or make a part of the data well and no other.

Two numbers tell it while a model is trained, of some hundred samples and as many rows. Samples that repeat each other
lie nearer to each other than rows do; samples that leave a part out lie among the data, and the balls around rows that
they fall into (`manifold_values`) are few. A model that has not learned yet is like neither: its samples lie
elsewhere, however alike, unless they are all the same.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from genzoo.distributions.pairwise import nearest_others
from genzoo.distributions.samples import Samples, checked_rows
from genzoo.evaluation.manifold import manifold_values

__all__ = ["Collapse", "collapse"]

REPEATING, SAME = 0.2, 0.02  # of the distance between rows, at which samples repeat each other, or are all the same
AMONG, LEFT_OUT = 0.7, 0.6  # the least share of samples among the data; of it, the share of rows that must be covered


class Collapse(NamedTuple):
    """What samples are like beside rows of data.

    Attributes:
        apart: How far a sample is from the nearest other one, over how far rows are: the ratio of medians.
        precision: The share of samples among the data.
        coverage: The share of rows that have a sample near; equal laws have nearly one.

    Example:
        >>> Collapse(0.9, 0.95, 0.96).found, Collapse(0.9, 0.95, 0.2).found, Collapse(0.9, 0.01, 0.0).found
        (False, True, False)
    """

    apart: float
    precision: float
    coverage: float

    @property
    def found(self) -> bool:
        """Whether the samples have collapsed."""
        return self._repeats or self._leaves_out

    @property
    def _repeats(self) -> bool:
        return self.apart < (REPEATING if self.precision >= AMONG else SAME)

    @property
    def _leaves_out(self) -> bool:
        return self.precision >= AMONG and self.coverage < LEFT_OUT * self.precision

    def __str__(self) -> str:
        if self._repeats:
            return f"samples repeat each other: their distances are {self.apart:.0%} of those between rows"
        share = (
            f"{self.precision:.0%} of the samples lie among the data, and {self.coverage:.0%} of the rows are covered"
        )
        return share if not self._leaves_out else f"a part of the data is left out: {share}"


def collapse(samples: Samples, rows: Samples) -> Collapse:
    """What samples are like beside rows, each entry in units of its spread over rows.

    Args:
        samples: The samples; about as many as rows, for coverage depends on their number.
        rows: Rows of data.

    Raises:
        TooFew: If a set has no more than five rows.
        NotFinite: If a number is NaN or infinite.

    Example:
        >>> rows = torch.arange(40.0)[:, None]
        >>> collapse(rows + 0.4, rows).found, collapse(rows / 4, rows).found, collapse(0 * rows, rows).found
        (False, True, True)
    """
    y, x = checked_rows(samples, rows, what="A test for collapse")
    center, scale = x.mean(0), x.std(0)
    y, x = (((part - center) / torch.where(scale > 0, scale, 1)).float() for part in (y, x))
    near_y, near_x = (nearest_others(part, 1).sqrt().median() for part in (y, x))
    precision, _, _, coverage = manifold_values(y, x).tolist()
    return Collapse(_ratio(near_y, near_x), precision, coverage)


def _ratio(one: Tensor, other: Tensor) -> float:
    """One over the other; rows that repeat each other themselves say nothing of samples."""
    return 1.0 if other == 0 else (one / other).item()
