"""Planar flows: space is pressed or stretched across a hyperplane."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from genzoo.models.flows.bijection import Bijection, Embedded

__all__ = ["Planar"]

LEAST = 1e-12  # of |w|², where the plane has no direction
ONE = math.log(math.e - 1)  # softplus(ONE) = 1


class Planar(Bijection):
    """Moves points along u as far as their place across a hyperplane says,

    $$ z = x + \\hat u \\tanh(a), \\quad a = w^\\top x + b, \\qquad
       \\log |\\det| = \\log (1 + w^\\top \\hat u \\,(1 - \\tanh^2 a)), $$

    invertible since û is u with $w^\\top \\hat u > -1$. The way back has no closed form: $w^\\top x$ is found by
    bisection, to the last bit of the precision.

    Args:
        dims: D.
        given: The width of the condition's embedding, of which w, u and b are then linear functions; 0 for none.

    Example:
        >>> flow = Planar(3)
        >>> z, ladj = flow(torch.ones(2, 3))
        >>> torch.equal(z, torch.ones(2, 3)), torch.allclose(flow.inverse(z), torch.ones(2, 3))
        (True, True)

    References:
        Rezende & Mohamed, 2015, "Variational inference with normalizing flows", arXiv:1505.05770 (§4.1, appendix A.1)
    """

    def __init__(self, dims: int, given: int = 0) -> None:
        super().__init__()
        self.w = nn.Parameter(nn.init.normal_(torch.empty(dims), std=dims**-0.5))
        self.u, self.b = nn.Parameter(torch.zeros(dims)), nn.Parameter(torch.zeros(1))
        self.told = nn.Linear(given, 2 * dims + 1, bias=False) if given else None
        if self.told is not None:
            nn.init.zeros_(self.told.weight)

    def forward(
        self, x: Float[Tensor, "B D"], given: Embedded = None
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, " B"]]:
        w, u, b = self._of(x, given)
        bent = torch.tanh((x * w).sum(1, keepdim=True) + b)
        slope = 1 + (w * u).sum(1, keepdim=True) * (1 - bent.square())
        return x + u * bent, slope.squeeze(1).log()

    def inverse(self, z: Float[Tensor, "B D"], given: Embedded = None) -> Float[Tensor, "B D"]:
        w, u, b = self._of(z, given)
        reached, push = (z * w).sum(1, keepdim=True) + b, (w * u).sum(1, keepdim=True)
        return z - u * torch.tanh(bisected(reached, push))

    def _of(self, x: Tensor, given: Embedded) -> tuple[Tensor, Tensor, Tensor]:
        """w, û and b of each row, or of all."""
        w, u, b = self.w[None], self.u[None], self.b[None]
        if self.told is not None and given is not None:
            more = self.told(given).to(x.dtype).split([len(self.w), len(self.u), 1], dim=1)
            w, u, b = w + more[0], u + more[1], b + more[2]
        along = (w * u).sum(1, keepdim=True)
        allowed = softplus(along + ONE) - 1  # above −1, and 0 at 0
        return w, u + (allowed - along) * w / w.square().sum(1, keepdim=True).clamp_min(LEAST), b


def bisected(reached: Float[Tensor, "..."], push: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """The a for which a + push tanh a is what was reached, to the last bit, if the push is above −1.

    Its derivatives are those of the solution: a step of Newton's, which changes nothing, brings them in.

    Args:
        reached: Where the way ends.
        push: How hard it presses, above −1.

    Example:
        >>> bisected(torch.tensor([1.0]), torch.tensor([0.0]))
        tensor([1.])
    """
    with torch.no_grad():
        low, high = reached - push.abs(), reached + push.abs()
        for _ in range(70 if reached.dtype == torch.float64 else 36):
            middle = (low + high) / 2
            below = middle + push * torch.tanh(middle) < reached
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        a = (low + high) / 2
        bent = torch.tanh(a)
        steep = (1 + push * (1 - bent.square())).clamp_min(LEAST)
    return a - (a + push * bent - reached) / steep if torch.is_grad_enabled() else a
