"""Precision, recall, density and coverage: how two samples' supports lie in each other.

A sample's support is taken as the balls around its rows that reach to their k-th nearest neighbors, of radius r:

$$ \\mathrm{precision} = \\frac1m \\sum_j 1[\\exists i: d(x_i, y_j) \\le r(x_i)], \\quad
   \\mathrm{recall} = \\frac1n \\sum_i 1[\\exists j: d(x_i, y_j) \\le r(y_j)], $$
$$ \\mathrm{density} = \\frac1m \\sum_{ij} \\frac1{k_i} 1[d(x_i, y_j) \\le r(x_i)], \\quad
   \\mathrm{coverage} = \\frac1n \\sum_i 1[\\exists j: d(x_i, y_j) \\le r(x_i)], $$

for real rows x and samples y. Where rows are tied, as in tables of words and in images of few levels, a ball takes in
all that are as far away as its k-th neighbor, and k_i counts what it holds; else it ends just before that one, and k_i
is k. All depend on n and k: the balls shrink as n grows. Between
equal distributions, precision and recall lie below 1 and depend on the dimension, density is 1, and coverage is
nearly 1 − 2^(−k) where n and m agree; so they stand beside their floors, real rows against real rows of the same
number.

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
from genzoo.distributions.pairwise import nearest_others, products
from genzoo.distributions.resampling import require_rows, subsample_error
from genzoo.distributions.samples import Samples, checked_rows
from genzoo.evaluation.measurement import Estimate

__all__ = ["Manifold", "manifold_values", "precision_recall"]

TIED = 1e-5  # of a radius: as much as rounding may part equal distances


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


def precision_recall(samples: Samples, reference: Samples, *, k: int = 5, rounds: int = 10, seed: int = 0) -> Manifold:
    """Precision, recall, density and coverage with standard errors over the draw of both sets, by halves of them.

    Args:
        samples: The rows judged, y.
        reference: Real rows, x.
        k: Which neighbor a ball reaches to.
        rounds: Halves drawn for the errors; each costs a quarter of the values.
        seed: Names the halves.

    Raises:
        TooFew: If half of a set has no more than k rows.
        NotFinite: If a number is NaN or infinite.

    Example:
        >>> done = precision_recall(Noise(0).normal(100, 2), Noise(1).normal(100, 2))
        >>> 0.8 < done.precision.value <= 1
        True
    """
    y, x = checked_rows(samples, reference, what="A measure by nearest neighbors")
    require_rows(min(len(y), len(x)), 2 * k + 2, f"An error of measures by {k} nearest neighbors")

    def of(i: Tensor, j: Tensor) -> Tensor:
        return manifold_values(y[i.to(y.device)], x[j.to(x.device)], k=k).cpu()

    errors = subsample_error(of, len(y), len(x), noise=Noise(seed, "manifold"), rounds=rounds)
    values = manifold_values(y, x, k=k)
    pairs = zip(values.tolist(), errors.tolist(), strict=True)
    return Manifold(*(Estimate(value, error) for value, error in pairs))


def manifold_values(samples: Samples, reference: Samples, *, k: int = 5, block: int = 1024) -> Float[Tensor, " 4"]:
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
    y, x = checked_rows(samples, reference, what="A measure by nearest neighbors")
    require_rows(min(len(y), len(x)), k + 1, f"A measure by {k} nearest neighbors")
    center = _origin(x)
    x, y = ((rows - center).float() for rows in (x, y))
    reach_x, held = _balls(x, k, block)
    reach_y, _ = _balls(y, k, block)
    in_x, in_y = (
        x.new_zeros(len(rows), dtype=torch.bool) for rows in (y, x)
    )  # whether a row is in a ball of the other
    covered, density = torch.zeros_like(in_y), 0.0
    for i in range(0, len(x), block):
        for j in range(0, len(y), block):
            rows, columns = slice(i, i + block), slice(j, j + block)
            distances = products(x[rows], y[columns])
            inside = distances <= reach_x[rows, None]
            in_x[columns] |= inside.any(0)
            covered[rows] |= inside.any(1)
            density += (inside.sum(1) / held[rows]).sum().item()
            in_y[rows] |= (distances <= reach_y[columns]).any(1)
    precision, recall, coverage = (hits.double().mean().item() for hits in (in_x, in_y, covered))
    return torch.tensor([precision, recall, density / len(y), coverage], dtype=torch.float64)


def _origin(x: Tensor) -> Tensor:
    """About the middle; a whole number where all rows are, so that distances are exact and equal ones are equal."""
    center = x.mean(0)
    return center.round() if bool((x == x.round()).all()) else center


def _balls(x: Tensor, k: int, block: int) -> tuple[Tensor, Tensor]:
    """The squared radius of each row's ball, and how many rows it holds, itself included.

    It ends just before the k-th neighbor and so holds k; where others are as far away as that one, it takes them in.
    """
    near = nearest_others(x, min(k + 1, len(x) - 1), block=block)
    reach, low, high = near[:, k - 1], near[:, max(0, k - 2)], near[:, -1]
    tied = (
        ((high <= reach * (1 + TIED)) & (near.shape[1] > k)) | ((low >= reach * (1 - TIED)) & (k > 1)) | (reach == 0)
    )
    reach = torch.where(tied, reach * (1 + TIED), reach * (1 - TIED))
    held = torch.full_like(reach, float(k))
    for rows in tied.nonzero()[:, 0].split(block):
        counts = [(products(x[rows], part) <= reach[rows, None]).sum(1) for part in x.split(block)]
        held[rows] = torch.stack(counts).sum(0).to(held)
    return reach, held
