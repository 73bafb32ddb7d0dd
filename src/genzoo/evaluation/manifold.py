"""Precision, recall, density and coverage: how two samples' supports lie in each other.

A sample's support is taken as the balls around its rows that reach to their k-th nearest neighbors, of radius r:

$$ \\mathrm{precision} = \\frac1m \\sum_j 1[\\exists i: d(x_i, y_j) < r(x_i)], \\quad
   \\mathrm{recall} = \\frac1n \\sum_i 1[\\exists j: d(x_i, y_j) < r(y_j)], $$
$$ \\mathrm{density} = \\frac1{km} \\sum_{ij} 1[d(x_i, y_j) < r(x_i)], \\quad
   \\mathrm{coverage} = \\frac1n \\sum_i 1[\\exists j: d(x_i, y_j) < r(x_i)], $$

for real rows x and samples y. All depend on n and k: the balls shrink as n grows. Between equal distributions,
precision and recall lie below 1 and depend on the dimension, density is 1, and coverage is nearly 1 − 2^(−k) where n
and m agree; so they stand beside their floors, real rows against real rows of the same number.

References:
    Kynkäänniemi et al., 2019, "Improved precision and recall metric for assessing generative models",
        arXiv:1904.06991
    Naeem et al., 2020, "Reliable fidelity and diversity metrics for generative models", arXiv:2002.09797
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.distributions.pairwise import neighbor_radii, squared_distances
from genzoo.distributions.resampling import require_rows, subsample_error
from genzoo.evaluation.measurement import Estimate

__all__ = ["Manifold", "manifold_values", "precision_recall"]


class Manifold(NamedTuple):
    """The four shares; of density, a mean count.

    Example:
        >>> Manifold(*(Estimate(1.0),) * 4).recall.value
        1.0
    """

    precision: Estimate
    recall: Estimate
    density: Estimate
    coverage: Estimate


def precision_recall(
    samples: Float[Tensor, "m D"], reference: Float[Tensor, "n D"], *, k: int = 5, rounds: int = 10, seed: int = 0
) -> Manifold:
    """Precision, recall, density and coverage with standard errors over the draw of both sets, by halves of them.

    Args:
        samples: The rows judged, y.
        reference: Real rows, x.
        k: Which neighbor a ball reaches to.
        rounds: Halves drawn for the errors; each costs a quarter of the values.
        seed: Names the halves.

    Raises:
        TooFew: If half of a set has no more than k rows.

    Example:
        >>> done = precision_recall(Noise(0).normal(100, 2), Noise(1).normal(100, 2))
        >>> 0.8 < done.precision.value <= 1
        True
    """
    require_rows(min(len(samples), len(reference)), 2 * k + 2, f"An error of measures by {k} nearest neighbors")

    def of(i: Tensor, j: Tensor) -> Tensor:
        return manifold_values(samples[i.to(samples.device)], reference[j.to(reference.device)], k=k).cpu()

    errors = subsample_error(of, len(samples), len(reference), noise=Noise(seed, "manifold"), rounds=rounds)
    values = manifold_values(samples, reference, k=k)
    pairs = zip(values.tolist(), errors.tolist(), strict=True)
    return Manifold(*(Estimate(value, error) for value, error in pairs))


def manifold_values(
    samples: Float[Tensor, "m D"], reference: Float[Tensor, "n D"], *, k: int = 5, block: int = 1024
) -> Float[Tensor, " 4"]:
    """Precision, recall, density and coverage without errors, in blocks of block × block pairs in float32.

    Distances that differ by less than float32's rounding count as equal or not as it happens; rows are centered first,
    so that this is rounding of the spread and not of the offset.

    Args:
        samples: The rows judged, y.
        reference: Real rows, x.
        k: Which neighbor a ball reaches to.
        block: Rows at a time.

    Raises:
        TooFew: If a set has no more than k rows.

    Example:
        >>> x = torch.arange(20.0)[:, None]
        >>> manifold_values(x + 100, x).tolist()
        [0.0, 0.0, 0.0, 0.0]
    """
    require_rows(min(len(samples), len(reference)), k + 1, f"A measure by {k} nearest neighbors")
    center = reference.mean(0)
    x, y = ((rows - center.to(rows)).float() for rows in (reference, samples))
    reach_x, reach_y = neighbor_radii(x, k, block=block), neighbor_radii(y, k, block=block)
    in_x, in_y = x.new_zeros(len(y)), x.new_zeros(len(x), dtype=torch.bool)  # balls of x around each y; x in a ball
    covered = torch.zeros_like(in_y)
    for i in range(0, len(x), block):
        for j in range(0, len(y), block):
            rows, columns = slice(i, i + block), slice(j, j + block)
            distances = squared_distances(x[rows], y[columns])
            inside = distances < reach_x[rows, None]
            in_x[columns] += inside.sum(0)
            covered[rows] |= inside.any(1)
            in_y[rows] |= (distances < reach_y[columns]).any(1)
    shares = [(in_x > 0).double().mean(), in_y.double().mean(), in_x.double().mean() / k, covered.double().mean()]
    return torch.stack(shares)
