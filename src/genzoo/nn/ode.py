"""Solutions of ordinary differential equations dy/dt = f(y, t), differentiable by what f is made of.

Gradients go back through the very steps that were taken, so they are those of the number that was computed; the
adjoint equation solved backward would cost less memory and answer another one's.

References:
    Dormand & Prince, 1980, "A family of embedded Runge–Kutta formulae"
    Gholami, Keutzer & Biros, 2019, "ANODE: unconditionally accurate memory-efficient gradients for neural ODEs",
        arXiv:1902.10298 (why not the adjoint)
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["solved"]

Slope = Callable[[Tensor, Tensor], Tensor]  # of rows, and of a time or a time of each row

NODES = (1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0)
STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
)
FIFTH = (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84)
ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)  # of the fifth less the fourth


def solved(
    f: Slope,
    y: Float[Tensor, "B N"],
    span: tuple[float, float] = (0.0, 1.0),
    *,
    tolerance: float = 1e-5,
    most: int = 1000,
) -> Float[Tensor, "B N"]:
    """y at the end of a span of time, in Dormand and Prince's steps as long as their error allows.

    With e the root mean square of a step's error over `tolerance` · (1 + |y|), it is kept where e ≤ 1, and the next
    is 0.9 e^{−1/5} times as long, down to a part of the span by a power of two. Each row has a clock of its own, so
    that it never depends on the others; and since steps of a few lengths stay the same where y moves a little, the
    gradient through them is that of the number that is returned.

    Args:
        f: Called as f(y, t) with t a time of each row.
        y: Rows at the beginning.
        span: From when to when; backward, if the second is less.
        tolerance: The error that is let through in a step; at least 4 units of rounding.
        most: The most steps, kept ones and others.

    Raises:
        ArithmeticError: If a row is not there by then.

    Example:
        >>> y = solved(lambda y, t: 2 * t[:, None] * y, torch.ones(1, 1, dtype=torch.float64), tolerance=1e-9)
        >>> round(y.item(), 6)
        2.718282
    """
    (first, last), t, slope = span, y.new_full((len(y),), span[0]), None
    tolerance = max(tolerance, 4 * torch.finfo(y.dtype).eps)
    length, end = torch.full_like(t, (last - first) / 8), torch.full_like(t, last)
    for _ in range(most):
        left = end - t
        going = (left != 0) & y.detach().isfinite().all(1)  # what is not finite stays where it is
        if not going.any():
            return y
        h = torch.where(length.abs() < left.abs(), length, left)
        slope = f(y, t) if slope is None else slope
        better, after, error = _step(f, y, t, h, slope)
        with torch.no_grad():
            allowed = tolerance * (1 + torch.maximum(y.abs(), better.abs()))
            e = (error / allowed).square().mean(1).sqrt().nan_to_num(1e9, 1e9)
            kept = going & (e <= 1)
            wanted = h / (last - first) * (0.9 * e.clamp_min(1e-9) ** -0.2).clamp(0.2, 5.0)
            length = torch.where(going, wanted.log2().floor().exp2() * (last - first), length)
            t = torch.where(kept, torch.where(h == left, end, t + h), t)
        y = torch.where(kept[:, None], better, y)
        slope = torch.where(kept[:, None], after, slope)
    rows = (t != end).nonzero().flatten().tolist()
    raise ArithmeticError(
        f"A solution must be reached in {most} steps of error {tolerance:g}; rows {str(rows[:5])[1:-1]} got to "
        f"t = {t[rows[0]].item():.3g} of {last:g}. The field is too steep: lower lr in training, or raise `tolerance`."
    )


def _step(
    f: Slope, y: Tensor, t: Tensor, h: Tensor, slope: Tensor
) -> tuple[Float[Tensor, "B N"], Float[Tensor, "B N"], Float[Tensor, "B N"]]:
    """Where a step leads by the formula of fifth order, the slope there, and the difference to that of fourth."""
    slopes, far = [slope], h[:, None]
    for node, weights in zip(NODES, STAGES, strict=True):
        slopes.append(f(y + far * _mixed(slopes, weights), t + node * h))
    better = y + far * _mixed(slopes, FIFTH)
    slopes.append(f(better, t + h))
    with torch.no_grad():
        return better, slopes[-1], far * _mixed(slopes, ERROR)


def _mixed(slopes: Sequence[Tensor], weights: Sequence[float]) -> Float[Tensor, "B N"]:
    return torch.stack(tuple(slopes), -1) @ slopes[0].new_tensor(weights)
