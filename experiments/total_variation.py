"""Pictures of least total variation that explain what was measured: the baseline without a model.

$$ \\min_{0 \\le x \\le 1} \\tfrac12 \\|A x - y\\|^2 + \\lambda \\sum_i |(\\nabla x)_i|, $$

by Chambolle and Pock's steps, which end at the minimum whatever A is.

References:
    Rudin, Osher & Fatemi, 1992, "Nonlinear total variation based noise removal algorithms"
    Chambolle & Pock, 2011, "A first-order primal-dual algorithm for convex problems with applications to imaging"
"""

import torch
from torch import Tensor

from genzoo.tasks.inverse import Measurement
from genzoo.tasks.inverse.operator import Linear

__all__ = ["least_variation", "variation"]

STEEPEST = 8.0  # |∇|² of pictures


def gradient(x: Tensor) -> Tensor:
    """Differences to the right and below, 0 at the edges."""
    right, below = torch.zeros_like(x), torch.zeros_like(x)
    right[..., :-1] = x[..., 1:] - x[..., :-1]
    below[..., :-1, :] = x[..., 1:, :] - x[..., :-1, :]
    return torch.stack([right, below])


def transposed(p: Tensor) -> Tensor:
    """∇ᵀ p."""
    x = torch.zeros_like(p[0])
    x[..., :-1] -= p[0][..., :-1]
    x[..., 1:] += p[0][..., :-1]
    x[..., :-1, :] -= p[1][..., :-1, :]
    x[..., 1:, :] += p[1][..., :-1, :]
    return x


def variation(x: Tensor) -> Tensor:
    """The total variation of each picture."""
    return gradient(x).square().sum(0).sqrt().flatten(1).sum(1)


def least_variation(seen: Measurement, weight: float, iterations: int = 1500) -> Tensor:
    """The pictures.

    Args:
        seen: What was measured, linearly, by an operator that shortens: |A| ≤ 1.
        weight: λ.
        iterations: How many.
    """
    operator, y = seen.operator, seen.y
    assert isinstance(operator, Linear)
    x = operator.adjoint(y).clamp(0, 1)
    ahead, off, slopes = x, torch.zeros_like(y), torch.zeros_like(gradient(x))
    step = 0.99 / (1 + STEEPEST) ** 0.5
    with torch.no_grad():
        for _ in range(iterations):
            off = (off + step * (operator(ahead) - y)) / (1 + step)
            slopes = slopes + step * gradient(ahead)
            slopes = slopes / (slopes.square().sum(0).sqrt() / weight).clamp_min(1)
            new = (x - step * (operator.adjoint(off) + transposed(slopes))).clamp(0, 1)
            ahead, x = 2 * new - x, new
    return x
