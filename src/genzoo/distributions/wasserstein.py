"""Wasserstein distances between samples: in one dimension, on random lines, and in full.

$$ W_p(a, b) = \\Bigl(\\min_{\\pi} \\sum_{ij} \\pi_{ij} \\|a_i - b_j\\|^p\\Bigr)^{1/p} $$

In one dimension the best plan keeps the order, so sorting solves it: W_p^p = ∫ |F_a⁻¹(u) − F_b⁻¹(u)|^p du. The sliced
distance averages that over random lines. Between samples of one distribution none is zero: W_p of n rows in D > 2p
dimensions only falls as n^(−1/D), so a value means nothing without its floor, real rows against real rows.

References:
    Villani, 2009, "Optimal transport: old and new"
    Bonneel, Rabin, Peyré & Pfister, 2015, "Sliced and Radon Wasserstein barycenters of measures"
    Fournier & Guillin, 2015, "On the rate of convergence in Wasserstein distance of the empirical measure",
        arXiv:1312.2128
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.distributions.estimate import TooFew
from genzoo.distributions.f_divergence import checked_probabilities
from genzoo.distributions.samples import Samples, checked_numbers, checked_rows
from genzoo.distributions.sorting import sorted_rows
from genzoo.distributions.transport import euclidean, optimal_cost

__all__ = ["directions", "exact_wasserstein", "sliced_wasserstein", "wasserstein_1d"]

WHAT = "A Wasserstein distance"
ELEMENTS = 1 << 22  # projected numbers held at a time
FAR, SOME = 1e4, 10_000  # times the median of some rows: float32 would round the others away


def wasserstein_1d(
    a: Samples,
    b: Samples,
    p: float = 1.0,
    *,
    weights: tuple[Float[Tensor, " n"], Float[Tensor, " m"]] | None = None,
) -> float:
    """W_p between two samples of numbers, of equal or unequal size and weights.

    Args:
        a: One sample, numbers of any kind.
        b: The other.
        p: The power, at least 1.
        weights: The mass at each number of both; equal by default.

    Raises:
        ValueError: If p is below 1, or weights do not sum to one.
        TooFew: If a sample is empty.
        NotFinite: If a number is NaN or infinite.

    Example:
        >>> wasserstein_1d(torch.tensor([0.0, 1.0]), torch.tensor([3.0, 1.0]))
        1.5
        >>> wasserstein_1d(torch.tensor([0.0]), torch.tensor([1.0, 7.0]), p=2.0)
        5.0
        >>> pile, masses = torch.tensor([0.0, 1.0]), torch.tensor([0.25, 0.75])
        >>> wasserstein_1d(pile, pile, weights=(masses, masses.flip(0)))
        0.5
    """
    _check(a, b, p)
    x, y = checked_numbers(a, b, what=WHAT)
    if weights is not None:
        return _weighted_power(x, y, weights, p) ** (1 / p)
    x, y = (sorted_rows(numbers[None].clone()) for numbers in (x, y))  # their differences are rounded once
    return _sorted_power(x, y, p).item() ** (1 / p)


def directions(count: int, dims: int, noise: Noise) -> Float[Tensor, "count dims"]:
    """Random unit vectors, in float64.

    Args:
        count: How many.
        dims: Of how many entries.
        noise: The stream that they come from.

    Example:
        >>> directions(3, 2, Noise(0)).norm(dim=1)
        tensor([1., 1., 1.], dtype=torch.float64)
    """
    normal = noise.normal(count, dims, dtype=torch.float64)
    return normal / normal.norm(dim=1, keepdim=True)


def sliced_wasserstein(a: Samples, b: Samples, lines: Float[Tensor, "L D"], p: float = 2.0) -> float:
    """The sliced distance (mean over lines of W_p^p)^(1/p).

    Args:
        a: One sample, rows of numbers of any kind.
        b: The other.
        lines: Unit vectors, from `directions`; the same ones for all samples that are to be compared.
        p: The power, at least 1.

    Raises:
        ValueError: If p is below 1, or rows and lines differ in length.
        TooFew: If a sample is empty.
        NotFinite: If a number is NaN or infinite.

    Example:
        >>> sliced_wasserstein(torch.zeros(3, 2), torch.ones(3, 2), torch.eye(2, dtype=torch.float64))
        1.0
    """
    _check(a, b, p)
    x, y = _near_zero(*checked_rows(a, b, what=WHAT))
    if lines.ndim != 2 or lines.shape[1] != x.shape[1] or not len(lines):
        raise ValueError(
            f"Lines must be unit vectors as long as a row, ({x.shape[1]},), got {tuple(lines.shape)}. "
            f"Take directions(256, {x.shape[1]}, Noise(0))."
        )
    lines, total = lines.to(x), 0.0
    for part in lines.split(max(1, ELEMENTS // max(len(x), len(y)))):
        total += _sorted_power(sorted_rows(part @ x.T), sorted_rows(part @ y.T), p).sum().item()
    return (total / len(lines)) ** (1 / p)


def exact_wasserstein(a: Samples, b: Samples, p: float = 2.0) -> float:
    """W_p between two samples of vectors: the optimal plan, in about n³ time and n·m memory.

    POT is used if it is installed. Without it SciPy assigns samples of equal size one to one, and plans small ones of
    unequal size; `optimal_plan` takes weights and any ground metric, and returns the plan.

    Args:
        a: One sample.
        b: The other.
        p: The power, at least 1.

    Raises:
        ValueError: If p is below 1.
        TooFew: If a sample is empty.
        NotFinite: If a number is NaN or infinite.
        ImportError: If the sizes differ, n·m is above 90,000 and POT is not installed.

    Example:
        >>> exact_wasserstein(torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [1.0]]), p=1.0)
        1.0
    """
    _check(a, b, p)
    x, y = (rows.detach().double().cpu() for rows in checked_rows(a, b, what=WHAT))
    return optimal_cost((euclidean(x, y) ** p).numpy()) ** (1 / p)


def _check(a: Samples, b: Samples, p: float) -> None:
    if not 1 <= p < np.inf or not len(a) or not len(b):
        raise (TooFew if 1 <= p < np.inf else ValueError)(
            f"{WHAT} needs p ≥ 1 and rows in both samples, got p = {p}, {len(a)} and {len(b)} rows. "
            "Choose p = 1 or 2, and samples that are not empty."
        )


def _near_zero(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Both moved so that they lie about zero, where rounding is least; in float64 where some row is far away."""
    center = b.detach().mean(0, dtype=torch.float64).to(a)
    a, b = a - center, b - center
    if a.dtype == torch.float64:
        return a, b
    norms = [rows.norm(dim=1) for rows in (a, b)]
    typical = torch.cat([part[:: 1 + len(part) // SOME] for part in norms]).median()
    return (a.double(), b.double()) if max(part.max() for part in norms) > FAR * typical else (a, b)


def _sorted_power(a: Tensor, b: Tensor, p: float) -> Tensor:
    """W_p^p of each pair of sorted rows."""
    n, m = a.shape[1], b.shape[1]
    if n == m:
        return torch.linalg.vector_norm(a - b, p, dim=1, dtype=torch.float64).pow(p) / n
    # Both quantile functions are constant between neighbors of {i/n} ∪ {j/m}: whole numbers in units of 1/(nm).
    steps = torch.cat([torch.arange(1, n + 1) * m, torch.arange(1, m + 1) * n]).unique().to(a.device)
    widths = steps.diff(prepend=steps.new_zeros(1)).double() / (n * m)
    gaps = (a[:, (steps - 1) // m] - b[:, (steps - 1) // n]).double().abs()
    return gaps.pow(p) @ widths


def _weighted_power(a: Tensor, b: Tensor, weights: tuple[Tensor, Tensor], p: float) -> float:
    """W_p^p between numbers with masses, from one quantile function to the other."""
    sides = []
    for sample, mass in zip((a, b), weights, strict=True):
        values = sample.detach().double().cpu().numpy()
        order = np.argsort(values)
        heights = checked_probabilities(mass.detach().double()).cpu().numpy()[order].cumsum()
        sides.append((values[order], heights / heights[-1]))
    (x, up_x), (y, up_y) = sides
    steps = np.concatenate([up_x, up_y])
    order = np.argsort(steps, kind="stable")  # Timsort, which merges two sorted runs in one pass
    of_x = (order < len(x)).astype(np.int64)
    before_x = np.cumsum(of_x) - of_x  # between two steps both quantile functions are constant
    before_y = np.arange(len(steps)) - before_x
    gaps = np.abs(x[before_x.clip(max=len(x) - 1)] - y[before_y.clip(max=len(y) - 1)])
    return float(gaps**p @ np.diff(steps[order], prepend=0.0))
