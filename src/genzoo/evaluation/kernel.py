"""Kernel distances between samples, with their errors: the kernel Inception distance on any features, and energy.

The published KID averages an unbiased estimate over random subsets. The mean over *all* subsets is the same estimate
on all the rows, so that is what is computed, at once, without a seed and without the noise of the subsets. Its error
is the jackknife's: each row is left out in turn, which costs nothing once the sums of the rows are known. Between
equal distributions, where the first-order part vanishes, it is too large by about √2: on the safe side.

References:
    Bińkowski et al., 2018, "Demystifying MMD GANs", arXiv:1801.01401
    Arvesen, 1969, "Jackknifing U-statistics", Annals of Mathematical Statistics 40
"""

import math

from torch import Tensor

from genzoo.distributions.mmd import DistanceKernel, Kernel, KernelSums, PolynomialKernel
from genzoo.distributions.resampling import require_rows
from genzoo.distributions.samples import Samples
from genzoo.evaluation.measurement import Estimate

__all__ = ["energy", "kernel_distance"]


def kernel_distance(
    samples: Samples, reference: Samples, kernel: Kernel | None = None, *, chunk: int = 1024
) -> Estimate:
    """The unbiased MMD² with its standard error over the draw of both sets: KID with the default kernel.

    It has no bias at any n, so values of unlike n may be compared; the floor is zero, and values below zero are noise.

    Args:
        samples: The rows judged.
        reference: The rows that they should look like.
        kernel: By default (x·y/D + 1)³.
        chunk: Rows of a block; memory is that of one block of pairs.

    Raises:
        TooFew: If a set has fewer than 4 rows.
        NotFinite: If a number is NaN or infinite.

    Example:
        >>> import torch
        >>> x = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
        >>> round(kernel_distance(x, x + 1).value, 2)
        21.67
    """
    n, m = len(samples), len(reference)
    require_rows(min(n, m), 4, "A kernel distance with its error")
    sums = KernelSums.of(samples, reference, kernel or PolynomialKernel(), chunk=chunk)
    within_a, within_b, across = sums.own_a.sum(), sums.own_b.sum(), sums.other_a.sum()
    value = within_a / (n * (n - 1)) + within_b / (m * (m - 1)) - 2 * across / (n * m)
    without_a = (within_a - 2 * sums.own_a) / ((n - 1) * (n - 2)) - 2 * (across - sums.other_a) / ((n - 1) * m)
    without_b = (within_b - 2 * sums.own_b) / ((m - 1) * (m - 2)) - 2 * (across - sums.other_b) / ((m - 1) * n)
    error = math.sqrt(_jackknife(without_a) + _jackknife(without_b))
    return Estimate(value.item(), error)


def energy(samples: Samples, reference: Samples, *, chunk: int = 1024) -> Estimate:
    """The unbiased energy distance 2 E‖x − y‖ − E‖x − x'‖ − E‖y − y'‖ with its standard error.

    Args:
        samples: The rows judged.
        reference: The rows that they should look like.
        chunk: Rows of a block.

    Raises:
        TooFew: If a set has fewer than 4 rows.
        NotFinite: If a number is NaN or infinite.

    Example:
        >>> import torch
        >>> x = torch.tensor([[0.0], [0.0], [1.0], [1.0]])
        >>> round(energy(x, x + 9).value, 2)
        16.67
    """
    return kernel_distance(samples, reference, DistanceKernel(), chunk=chunk)


def _jackknife(values: Tensor) -> float:
    """The variance of a statistic from its values with each row left out."""
    return ((len(values) - 1) * values.var(correction=0)).item()
