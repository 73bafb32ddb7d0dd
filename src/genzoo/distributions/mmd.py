"""The maximum mean discrepancy: the distance of two distributions' means in the space of a kernel.

$$ \\mathrm{MMD}^2 = \\mathbb{E}\\,k(x, x') + \\mathbb{E}\\,k(y, y') - 2\\,\\mathbb{E}\\,k(x, y) $$

It is zero only between equals if the kernel is characteristic (Gaussian, negative distance); a polynomial kernel of
degree 3 compares the moments up to the third. Leaving out the pairs of a row with itself makes the estimate unbiased:
it then falls below zero as often as chance has it.

References:
    Gretton et al., 2012, "A kernel two-sample test", JMLR 13
    Bińkowski et al., 2018, "Demystifying MMD GANs", arXiv:1801.01401 (KID)
    Székely & Rizzo, 2013, "Energy statistics: a class of statistics based on distances"
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.distributions.estimate import TooFew
from genzoo.distributions.pairwise import products, squared_distances
from genzoo.distributions.resampling import require_rows
from genzoo.distributions.samples import Samples, checked_rows

__all__ = [
    "DistanceKernel",
    "GaussianKernel",
    "Kernel",
    "KernelSums",
    "PolynomialKernel",
    "energy_distance",
    "median_width",
    "mmd2",
    "own_sums",
]

Kernel = Callable[[Float[Tensor, "n D"], Float[Tensor, "m D"]], Float[Tensor, "n m"]]


@dataclass(frozen=True)
class GaussianKernel:
    """k(x, y) = exp(−‖x − y‖² / 2w²).

    Args:
        width: w; `median_width` gives the usual one.

    Example:
        >>> GaussianKernel(1.0)(torch.zeros(1, 1), torch.ones(1, 1))
        tensor([[0.6065]])
    """

    width: float

    def __call__(self, a: Samples, b: Samples) -> Float[Tensor, "n m"]:
        return squared_distances(a, b).mul_(-0.5 / self.width**2).exp_()


@dataclass(frozen=True)
class PolynomialKernel:
    """k(x, y) = (s x·y + c)^q; with s = 1/D, c = 1 and q = 3, the kernel of the kernel Inception distance.

    Args:
        degree: q.
        scale: s; one over the dimensions if none is given.
        offset: c.

    Example:
        >>> PolynomialKernel()(torch.ones(1, 4), torch.ones(1, 4))
        tensor([[8.]])
    """

    degree: int = 3
    scale: float | None = None
    offset: float = 1.0

    def __call__(self, a: Samples, b: Samples) -> Float[Tensor, "n m"]:
        x, y = checked_rows(a, b, what="A kernel")
        product = x @ y.T
        return product.mul_(self.scale or 1 / x.shape[1]).add_(self.offset).pow_(self.degree)


@dataclass(frozen=True)
class DistanceKernel:
    """k(x, y) = −‖x − y‖, whose discrepancy is the energy distance.

    Example:
        >>> DistanceKernel()(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]))
        tensor([[-5.]])
    """

    def __call__(self, a: Samples, b: Samples) -> Float[Tensor, "n m"]:
        return squared_distances(a, b).sqrt_().neg_()


class KernelSums(NamedTuple):
    """For each row the sums of the kernel over its own set, itself left out, and over the other set, in float64.

    Attributes:
        own_a: Σ_j≠i k(a_i, a_j).
        own_b: Σ_j≠i k(b_i, b_j).
        other_a: Σ_j k(a_i, b_j).
        other_b: Σ_j k(b_i, a_j).
        selves: Σ_i k(a_i, a_i) and Σ_i k(b_i, b_i).

    Example:
        >>> KernelSums.of(torch.zeros(2, 1), torch.ones(1, 1), PolynomialKernel()).own_a
        tensor([1., 1.], dtype=torch.float64)
    """

    own_a: Float[Tensor, " n"]
    own_b: Float[Tensor, " m"]
    other_a: Float[Tensor, " n"]
    other_b: Float[Tensor, " m"]
    selves: tuple[float, float]

    @classmethod
    def of(cls, a: Samples, b: Samples, kernel: Kernel, *, chunk: int = 1024) -> "KernelSums":
        """The sums over blocks of chunk × chunk pairs, each pair within a set computed once.

        Raises:
            ValueError: If rows differ in length.
            TooFew: If a set is empty.
            NotFinite: If a number is NaN or infinite.
        """
        a, b = (rows.double() for rows in checked_rows(a, b, what="A kernel distance"))
        (own_a, self_a), (own_b, self_b) = own_sums(a, kernel, chunk=chunk), own_sums(b, kernel, chunk=chunk)
        other_a, other_b = torch.zeros_like(own_a), torch.zeros_like(own_b)
        for i in range(0, len(a), chunk):
            for j in range(0, len(b), chunk):
                block = kernel(a[i : i + chunk], b[j : j + chunk])
                other_a[i : i + chunk] += block.sum(1)
                other_b[j : j + chunk] += block.sum(0)
        return cls(own_a, own_b, other_a, other_b, (self_a, self_b))


def mmd2(
    a: Samples,
    b: Samples,
    kernel: Kernel,
    *,
    unbiased: bool = True,
    chunk: int = 1024,
) -> float:
    """MMD² between two samples: unbiased by default; else of the empirical distributions, zero for equal sets.

    The biased form is too large by about (E k(x, x) − E k(x, x'))(1/n + 1/m).

    Args:
        a: One sample.
        b: The other.
        kernel: k.
        unbiased: Whether pairs of a row with itself are left out.
        chunk: Rows of a block; memory is that of one block.

    Raises:
        ValueError: If rows differ in length.
        TooFew: If a sample is empty, or has fewer than two rows and the estimate is to be unbiased.
        NotFinite: If a number is NaN or infinite.

    Example:
        >>> x = torch.tensor([[0.0], [1.0]])
        >>> mmd2(x, x, PolynomialKernel(), unbiased=False)
        0.0
    """
    n, m = len(a), len(b)
    if unbiased and min(n, m) < 2:
        raise TooFew(f"An unbiased MMD needs at least 2 rows of each sample, got {n} and {m}. Draw more.")
    sums = KernelSums.of(a, b, kernel, chunk=chunk)
    between = 2 * sums.other_a.sum().item() / (n * m)
    within_a, within_b = sums.own_a.sum().item(), sums.own_b.sum().item()
    if unbiased:
        return within_a / (n * (n - 1)) + within_b / (m * (m - 1)) - between
    return (within_a + sums.selves[0]) / n**2 + (within_b + sums.selves[1]) / m**2 - between


def energy_distance(a: Samples, b: Samples, *, unbiased: bool = True, chunk: int = 1024) -> float:
    """The energy distance 2 E‖x − y‖ − E‖x − x'‖ − E‖y − y'‖, which needs no width.

    Args:
        a: One sample.
        b: The other.
        unbiased: Whether pairs of a row with itself are left out.
        chunk: Rows of a block.

    Example:
        >>> energy_distance(torch.tensor([[0.0], [0.0]]), torch.tensor([[1.0], [1.0]]))
        2.0
    """
    return mmd2(a, b, DistanceKernel(), unbiased=unbiased, chunk=chunk)


def median_width(x: Samples, most: int = 1000) -> float:
    """The median distance between rows, the usual width of a Gaussian kernel; of unlike rows, where most are equal.

    Args:
        x: Rows, of the reference so that all samples share one kernel.
        most: How many rows, evenly spread, are looked at.

    Raises:
        TooFew: If there are fewer than two rows.
        NotFinite: If a number is NaN or infinite.

    Example:
        >>> median_width(torch.tensor([[0.0], [1.0], [3.0]]))
        2.0
    """
    (rows,) = checked_rows(x, what="The width of a kernel")
    require_rows(len(rows), 2, "The width of a kernel")
    rows = rows[:: max(1, len(rows) // most)][:most].double()
    i, j = torch.triu_indices(len(rows), len(rows), 1)
    apart = products(rows, rows)[i, j]
    apart = apart if apart.median() > 0 else apart[apart > 0]
    return apart.median().sqrt().item() if len(apart) else 1.0


def own_sums(x: Samples, kernel: Kernel, *, chunk: int = 1024) -> tuple[Float[Tensor, " n"], float]:
    """Each row's sum of the kernel over the other rows of its set, and the sum over pairs of a row with itself.

    Args:
        x: The rows.
        kernel: k.
        chunk: Rows of a block.

    Example:
        >>> own_sums(torch.ones(3, 1), PolynomialKernel(degree=1))
        (tensor([4., 4., 4.]), 6.0)
    """
    (x,) = checked_rows(x, what="A kernel distance")
    sums, selves = x.new_zeros(len(x)), 0.0
    for i in range(0, len(x), chunk):
        for j in range(i, len(x), chunk):
            block = kernel(x[i : i + chunk], x[j : j + chunk])
            if i == j:
                selves += block.diagonal().sum().item()
                block.fill_diagonal_(0)
            else:
                sums[j : j + chunk] += block.sum(0)
            sums[i : i + chunk] += block.sum(1)
    return sums, selves
