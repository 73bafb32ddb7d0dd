"""Muon where bfloat16 is slow, or less than was asked for: torch's, its iteration in the precision of the parameters.

Torch's iteration is always in bfloat16, which such a processor computes number by number: of a step of a small
transformer it takes three quarters.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim import Muon

__all__ = ["PreciseMuon", "orthogonal"]

ITERATION = 3.4445, -4.7750, 2.0315  # coefficients of the quintic, as in the paper
EPS = 1e-7


class PreciseMuon(Muon):
    """Torch's Muon, its matrices made orthogonal without rounding to bfloat16.

    References:
        Jordan et al., 2024, "Muon: an optimizer for hidden layers in neural networks"
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Moves every parameter that has a gradient."""
        for group in self.param_groups:
            momentum, lr = group["momentum"], float(group["lr"])
            for p in group["params"]:
                if p.grad is None:
                    continue
                if not self.state[p]:
                    self.state[p]["momentum_buffer"] = torch.zeros_like(p.grad)
                buffer = self.state[p]["momentum_buffer"].lerp_(p.grad, 1 - momentum)
                update = p.grad.lerp(buffer, momentum) if group["nesterov"] else buffer
                p.mul_(1 - lr * group["weight_decay"])
                wide = max(1.0, p.shape[0] / p.shape[1]) ** 0.5
                p.add_(orthogonal(update, group["ns_steps"]), alpha=-lr * wide)


def orthogonal(matrix: Float[Tensor, "m n"], steps: int = 5) -> Float[Tensor, "m n"]:
    """Nearly U Vᵀ of a matrix U S Vᵀ: its singular values are driven to about one, by

    $$ X \\leftarrow a X + (b\\, X X^\\top + c\\, (X X^\\top)^2)\\, X. $$

    Args:
        matrix: The matrix.
        steps: How often.

    Example:
        >>> bool((torch.linalg.svdvals(orthogonal(torch.randn(6, 9))) < 1.3).all())
        True
    """
    a, b, c = ITERATION
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.mT if tall else matrix
    x = x / x.norm().clamp_min(EPS)
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x
