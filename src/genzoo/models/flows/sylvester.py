"""Sylvester flows: many planes at once, in an order."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from genzoo.models.flows.bijection import Bijection, Embedded
from genzoo.models.flows.planar import ONE, bisected

__all__ = ["Sylvester"]


class Sylvester(Bijection):
    """Moves points along M orthogonal directions at once, as far as their places along them say,

    $$ z = x + Q R \\tanh(a), \\quad a = \\tilde R\\,Q^\\top x + b, \\qquad
       \\log |\\det| = \\textstyle\\sum_i \\log (1 + r_{ii} \\tilde r_{ii} (1 - \\tanh^2 a_i)), $$

    by Sylvester's identity det(I + AB) = det(I + BA), with columns of Q orthonormal and R, R̃ upper triangular:
    invertible since $r_{ii} \\tilde r_{ii} > -1$. The way back has no closed form: from the last direction to the
    first, each place is found by bisection, to the last bit of the precision. M = 1 is a planar flow.

    Args:
        dims: D.
        directions: M, by default as many as D.
        given: The width of the condition's embedding, of which R, R̃ and b are then functions; 0 for none.

    Raises:
        ValueError: If there are more directions than dimensions, or none.

    Example:
        >>> flow = Sylvester(3, 2)
        >>> z, ladj = flow(torch.ones(2, 3))
        >>> torch.equal(z, torch.ones(2, 3)), torch.allclose(flow.inverse(z), torch.ones(2, 3), atol=1e-6)
        (True, True)

    References:
        van den Berg, Hasenclever, Tomczak & Welling, 2018, "Sylvester normalizing flows for variational inference",
        arXiv:1803.05649
    """

    def __init__(self, dims: int, directions: int | None = None, given: int = 0) -> None:
        super().__init__()
        m = dims if directions is None else directions
        if not 1 <= m <= dims:
            raise ValueError(f"There must be 1 to {dims} orthogonal directions in {dims} dimensions, got {m}.")
        self.basis = nn.Parameter(nn.init.orthogonal_(torch.empty(dims, m)))
        self.outer, self.inner = (
            nn.Parameter(torch.zeros(m, m)),
            nn.Parameter(nn.init.normal_(torch.empty(m, m), std=1 / m)),
        )
        self.b = nn.Parameter(torch.zeros(m))
        self.told = nn.Linear(given, 2 * m * m + m, bias=False) if given else None
        if self.told is not None:
            nn.init.zeros_(self.told.weight)

    def forward(
        self, x: Float[Tensor, "B D"], given: Embedded = None
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, " B"]]:
        q, outer, inner, b = self._of(x, given)
        bent = torch.tanh(_times(inner, x @ q) + b)
        slope = 1 + (outer * inner).diagonal(dim1=1, dim2=2) * (1 - bent.square())
        return x + _times(outer, bent) @ q.T, slope.log().sum(1)

    def inverse(self, z: Float[Tensor, "B D"], given: Embedded = None) -> Float[Tensor, "B D"]:
        q, outer, inner, b = self._of(z, given)
        wanted, m = z @ q, q.shape[1]
        y, bent = list[Tensor](), list[Tensor]()  # from the last to the first
        for i in reversed(range(m)):
            known = {"y": torch.stack(y[::-1], 1), "bent": torch.stack(bent[::-1], 1)} if y else {}
            rest = (outer[:, i, i + 1 :] * known["bent"]).sum(1) if known else 0.0
            shift = b[:, i] + ((inner[:, i, i + 1 :] * known["y"]).sum(1) if known else 0.0)
            r, steep = outer[:, i, i], inner[:, i, i]
            a = bisected(steep * (wanted[:, i] - rest) + shift, r * steep)  # a + r r̃ tanh a
            y.append((a - shift) / steep)
            bent.append(torch.tanh(a))
        return z - _times(outer, torch.stack(bent[::-1], 1)) @ q.T

    def _of(self, x: Tensor, given: Embedded) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Q, and R, R̃ and b of each row, or of all."""
        m = len(self.b)
        outer, inner, b = self.outer[None], self.inner[None], self.b[None]
        if self.told is not None and given is not None:
            more = self.told(given).to(x.dtype).split([m * m, m * m, m], dim=1)
            outer, inner = outer + more[0].unflatten(1, (m, m)), inner + more[1].unflatten(1, (m, m))
            b = b + more[2]
        steep = softplus(inner.diagonal(dim1=1, dim2=2) + ONE)
        r = (softplus(outer.diagonal(dim1=1, dim2=2) + ONE) - 1) / steep  # r r̃ above −1, and 0 at 0
        q = torch.linalg.qr(self.basis).Q
        return q, outer.triu(1) + torch.diag_embed(r), inner.triu(1) + torch.diag_embed(steep), b


def _times(matrix: Float[Tensor, "_ M M"], rows: Float[Tensor, "B M"]) -> Float[Tensor, "B M"]:
    return (matrix @ rows[:, :, None]).squeeze(2)
