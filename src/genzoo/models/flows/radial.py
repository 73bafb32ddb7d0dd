"""Radial flows: space is pressed or stretched around a point."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from genzoo.models.flows.bijection import Bijection, Embedded

__all__ = ["Radial"]


class Radial(Bijection):
    """Moves points toward a center or away from it,

    $$ z = x + \\frac{\\beta}{\\alpha + r}\\,(x - c), \\quad r = \\|x - c\\|, \\qquad
       \\log |\\det| = (D - 1) \\log \\Big(1 + \\frac{\\beta}{\\alpha + r}\\Big)
                     + \\log \\Big(1 + \\frac{\\alpha \\beta}{(\\alpha + r)^2}\\Big), $$

    invertible since α > 0 and β > −α. On the way back r is the positive root of a quadratic.

    Args:
        dims: D.
        given: The width of the condition's embedding, of which c, α and β are then functions; 0 for none.

    Example:
        >>> flow = Radial(3)
        >>> z, ladj = flow(torch.ones(2, 3))
        >>> torch.equal(z, torch.ones(2, 3)), torch.allclose(flow.inverse(z), torch.ones(2, 3))
        (True, True)

    References:
        Rezende & Mohamed, 2015, "Variational inference with normalizing flows", arXiv:1505.05770 (§4.1, appendix A.2)
    """

    def __init__(self, dims: int, given: int = 0) -> None:
        super().__init__()
        self.center = nn.Parameter(nn.init.normal_(torch.empty(dims)))
        self.size, self.push = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
        self.told = nn.Linear(given, dims + 2, bias=False) if given else None
        if self.told is not None:
            nn.init.zeros_(self.told.weight)

    def forward(
        self, x: Float[Tensor, "B D"], given: Embedded = None
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, " B"]]:
        center, alpha, beta = self._of(x, given)
        apart = x - center
        far = alpha + apart.norm(dim=1, keepdim=True)
        ladj = (x.shape[1] - 1) * torch.log1p(beta / far) + torch.log1p(alpha * beta / far.square())
        return x + beta / far * apart, ladj.squeeze(1)

    def inverse(self, z: Float[Tensor, "B D"], given: Embedded = None) -> Float[Tensor, "B D"]:
        center, alpha, beta = self._of(z, given)
        apart = z - center
        reached = apart.norm(dim=1, keepdim=True)
        half = (reached - alpha - beta) / 2
        root = (half.square() + alpha * reached).sqrt()
        # Of the two ways to write the root, the one in which nothing cancels.
        r = torch.where(half > 0, half + root, alpha * reached / (root - half))
        return center + apart / (1 + beta / (alpha + r))

    def _of(self, x: Tensor, given: Embedded) -> tuple[Tensor, Tensor, Tensor]:
        """c, α and β of each row, or of all."""
        center, size, push = self.center[None], self.size[None], self.push[None]
        if self.told is not None and given is not None:
            more = self.told(given).to(x.dtype).split([len(self.center), 1, 1], dim=1)
            center, size, push = center + more[0], size + more[1], push + more[2]
        alpha = softplus(size)
        return center, alpha, softplus(size + push) - alpha
