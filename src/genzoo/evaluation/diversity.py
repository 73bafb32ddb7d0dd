"""Diversity within a condition: how far samples of one class lie from each other, beside real rows of that class.

A conditional model may satisfy every judge with one sample per class. The mean distance between two samples of the
same class shows it: it should be that of real rows, neither less (collapse) nor more (noise).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from genzoo.distributions.mmd import DistanceKernel, own_sums
from genzoo.distributions.samples import Samples, checked_numbers, checked_rows
from genzoo.evaluation.measurement import Estimate, TooFew

__all__ = ["Diversity", "diversity_within"]


class Diversity(NamedTuple):
    """The mean distance within a class of samples and of real rows, in all and by class.

    Example:
        >>> Diversity(Estimate(2.0), Estimate(2.5), {}, {}).real.value
        2.5
    """

    samples: Estimate
    real: Estimate
    samples_by_class: dict[int, Estimate]
    real_by_class: dict[int, Estimate]


def diversity_within(
    samples: Samples,
    asked: Samples,
    reference: Samples,
    labels: Samples,
) -> Diversity:
    """The mean Euclidean distance between two rows of one class, averaged over the classes asked for.

    It has no bias at any n, so few samples may stand beside many real rows.

    Args:
        samples: The rows judged, as features.
        asked: The class that each was made for.
        reference: Real rows.
        labels: Their classes.

    Raises:
        TooFew: If a class asked for has fewer than 3 samples or 3 real rows.
        ValueError: If there is not one class for each row.
        NotFinite: If a number is NaN or infinite.

    Example:
        >>> x, label = torch.tensor([[0.0], [1.0], [2.0]]), torch.zeros(3, dtype=torch.int64)
        >>> done = diversity_within(x, label, 2 * x, label)
        >>> round(done.samples.value, 4), round(done.real.value, 4)
        (1.3333, 2.6667)
    """
    what = "Diversity within a class"
    made, rows = checked_rows(samples, reference, what=what)
    of_made, of_rows = checked_numbers(asked, labels, what=what)
    if len(of_made) != len(made) or len(of_rows) != len(rows):
        raise ValueError(
            f"{what} takes a class for each row, got {len(of_made):,} for {len(made):,} samples and {len(of_rows):,} "
            f"for {len(rows):,} real rows. Give both."
        )
    classes = of_made.unique().long().tolist()
    ours = {label: _within(made[of_made == label], f"sample of class {label}") for label in classes}
    real = {label: _within(rows[of_rows == label], f"real row of class {label}") for label in classes}
    return Diversity(_mean(ours), _mean(real), ours, real)


def _within(rows: Tensor, what: str) -> Estimate:
    """The mean distance between two rows, with the jackknife's standard error."""
    n = len(rows)
    if n < 3:
        raise TooFew(f"Diversity needs at least 3 rows of each class, got {n} {what}. Draw more, or leave it out.")
    own = -own_sums(rows.double(), DistanceKernel())[0]
    without = (own.sum() - 2 * own) / ((n - 1) * (n - 2))
    error = math.sqrt((n - 1) * without.var(correction=0).item())
    return Estimate(own.sum().item() / (n * (n - 1)), error)


def _mean(parts: dict[int, Estimate]) -> Estimate:
    """The mean of independent estimates."""
    errors = torch.tensor([part.error or 0.0 for part in parts.values()])
    return Estimate(sum(part.value for part in parts.values()) / len(parts), (errors.norm() / len(parts)).item())
