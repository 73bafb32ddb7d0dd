"""A hidden layer whose sum grows by a term from entry to entry, read out before each.

$$ a_0 = b, \\quad a_{d+1} = a_d + u_d w_d, \\qquad y_d = U_d^\\top \\mathrm{relu}(a_d). $$

Autograd would keep all D sums, B·D·H numbers, and pass over them many times. Here one sum is kept, and on the way back
its terms are taken off again, so that all stays in the processor's cache. There is no second derivative.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.nn.lean import once

__all__ = ["growing_sum"]


def growing_sum(
    u: Float[Tensor, "B D"],
    began: Float[Tensor, "B H"],
    inward: Float[Tensor, "D H"],
    outward: Float[Tensor, "D H K"],
) -> Float[Tensor, "B D K"]:
    """What is read out before each entry comes.

    Args:
        u: What comes; it gets no gradient.
        began: The sum at first.
        inward: w, by entry.
        outward: U, by entry.

    Example:
        >>> u, began = torch.ones(1, 3), torch.zeros(1, 1)
        >>> growing_sum(u, began, torch.ones(3, 1), torch.ones(3, 1, 1)).flatten().tolist()
        [0.0, 1.0, 2.0]

    References:
        Larochelle & Murray, 2011, "The neural autoregressive distribution estimator" (the algorithm)
    """
    found: Tensor = _GrowingSum.apply(u, began, inward, outward)
    return found.movedim(0, 1)


class _GrowingSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u: Tensor, began: Tensor, inward: Tensor, outward: Tensor) -> Tensor:
        said = u.new_empty(u.shape[1], u.shape[0], outward.shape[2])
        total, h = began.contiguous().clone(), torch.empty_like(began)
        for d, column in enumerate(u.T[:, :, None]):
            torch.clamp_min(total, 0, out=h)
            torch.mm(h, outward[d], out=said[d])
            total.addcmul_(column, inward[d])
        ctx.save_for_backward(u, total, inward, outward)
        return said

    @staticmethod
    @once
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        u, total, inward, outward = ctx.saved_tensors
        total, onward = total.clone(), torch.zeros_like(total)
        into, out = torch.empty_like(inward), torch.empty_like(outward)
        for d in reversed(range(u.shape[1])):
            torch.mv(onward.T, u[:, d], out=into[d])
            total.addcmul_(u[:, d, None], inward[d], value=-1)
            torch.mm(total.clamp_min(0).T, grad[d], out=out[d])
            onward.addcmul_(grad[d] @ outward[d].T, (total > 0).to(total.dtype))
        return None, onward, into, out
