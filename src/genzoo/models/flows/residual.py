"""Residual flows: a network that stretches no distance, added to the identity, is invertible.

$$ z = x + g(x), \\quad |g(x) - g(y)| \\le \\kappa\\,|x - y|, \\; \\kappa < 1, \\qquad
   \\log |\\det| = \\log \\det (I + J) = \\sum_{k=1}^\\infty \\frac{(-1)^{k+1}}{k}\\, \\mathrm{tr}\\, J^k, \\quad
   J = \\partial g / \\partial x. $$

No entry is left alone and none goes before another, as in couplings. In few dimensions the determinant is exact; in
many, training takes the series as long as a coin says, each term divided by the probability that it is reached, and
its traces by a row of random signs: an estimate without bias.

References:
    Behrmann, Grathwohl, Chen, Duvenaud & Jacobsen, 2019, "Invertible residual networks", arXiv:1811.00995
    Chen, Behrmann, Duvenaud & Jacobsen, 2019, "Residual flows for invertible generative modeling", arXiv:1906.02735
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.given import GivenSpaceLike
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.flows.actnorm import ActNorm
from genzoo.models.flows.bijection import Bijection, Chain, Embedded
from genzoo.models.flows.flow import Flow
from genzoo.models.flows.logit import Logit
from genzoo.models.flows.rearrange import Flatten
from genzoo.nn.lipschitz import LipschitzMLP

__all__ = ["Residual", "residual_flow"]

FEW = 8  # entries for which training, too, takes the exact determinant, and the way back Newton's steps
SURE, ON = 2, 0.8  # terms that are always there; the probability of each one more
MOST = 400


class Residual(Bijection):
    """A residual block; its way back goes by fixed point.

    From $x = z$ the step $x \\leftarrow z - g(x)$ shrinks the error by κ at least. In few dimensions Newton's step is
    taken instead wherever it does better, which ends in a handful of steps.

    Args:
        net: g.
        exact: Whether training takes the exact determinant; by default up to eight entries.

    Example:
        >>> block = Residual(LipschitzMLP(3, 16))
        >>> z, ladj = block(torch.ones(4, 3))
        >>> torch.equal(z, torch.ones(4, 3)), ladj.tolist()  # it starts as the identity
        (True, [0.0, 0.0, 0.0, 0.0])
    """

    def __init__(self, net: LipschitzMLP, *, exact: bool | None = None) -> None:
        super().__init__()
        self.net, self.exact = net, exact

    def forward(
        self, x: Float[Tensor, "B D"], given: Embedded = None
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, " B"]]:
        with _in_full(x):
            weights = self.net.weights()
            g, slopes = self.net.told(x, None if given is None else given.to(x), weights)
            return x + g, torch.linalg.slogdet(self._around(slopes, weights)).logabsdet

    def estimated(
        self, x: Float[Tensor, "B D"], given: Embedded, noise: Noise
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, " B"]]:
        if self.exact or (self.exact is None and x.shape[1] <= FEW):
            return self(x, given)
        signs = noise.integers(2, *x.shape).to(x) * 2 - 1
        more = (1 - noise.uniform(len(x), dtype=torch.float64)).log() / math.log(ON)
        with _in_full(x):
            weights = self.net.weights()
            g, slopes = self.net.told(x, None if given is None else given.to(x), weights)
            return x + g, self.series(signs, SURE + more.long(), slopes, weights)

    def series(
        self, signs: Float[Tensor, "B D"], terms: Tensor, slopes: list[Tensor], weights: list[Tensor]
    ) -> Float[Tensor, " B"]:
        """The estimate from so many terms of each row.

        Args:
            signs: v, of traces v·Jᵏv.
            terms: How far each row's coin went.
            slopes: What the network says of x.
            weights: The network's.
        """
        pulled, ladj = signs, signs.new_zeros(len(signs))
        for k in range(1, int(terms.max()) + 1 if len(terms) else 1):
            pulled = self.net.pulled(pulled, slopes, weights)
            weight = (terms >= k).to(signs) * ((-1) ** (k + 1) / k / ON ** max(0, k - SURE))
            ladj = ladj + weight * (pulled * signs).sum(1)
        return ladj

    def inverse(self, z: Float[Tensor, "B D"], given: Embedded = None) -> Float[Tensor, "B D"]:
        weights = self.net.weights()
        with torch.no_grad():
            x = self._solved(z, given, weights)
        if not torch.is_grad_enabled():
            return x
        g, slopes = self.net.told(x, given, weights)  # one step more, whose derivative is that of the solution
        return x - _divided(self._around(slopes, weights).detach(), x + g - z)

    def _solved(self, z: Tensor, given: Embedded, weights: list[Tensor]) -> Tensor:
        x, slopes, off = self._looked(z, z, given, weights)
        for _ in range(MOST):
            size = off.norm(dim=1)
            going = size > 4 * torch.finfo(z.dtype).eps * (1 + z.norm(dim=1))
            if not going.any():
                break
            y, after, left = self._looked(x - off, z, given, weights)
            if z.shape[1] <= FEW:
                newton = self._looked(x - _divided(self._around(slopes, weights), off), z, given, weights)
                better = newton[2].norm(dim=1) < left.norm(dim=1)
                y, left = torch.where(better[:, None], newton[0], y), torch.where(better[:, None], newton[2], left)
                after = [torch.where(better[:, None], new, old) for new, old in zip(newton[1], after, strict=True)]
            kept = (going & (left.norm(dim=1) < size))[:, None]
            x, off = torch.where(kept, y, x), torch.where(kept, left, 0.0)  # else it is as near as rounding lets
            slopes = [torch.where(kept, new, old) for new, old in zip(after, slopes, strict=True)]
        return x

    def _looked(
        self, x: Tensor, z: Tensor, given: Embedded, weights: list[Tensor]
    ) -> tuple[Tensor, list[Tensor], Tensor]:
        """A guess, the slopes there, and how far its z is off."""
        g, slopes = self.net.told(x, given, weights)
        return x, slopes, x + g - z

    def _around(self, slopes: list[Tensor], weights: list[Tensor]) -> Float[Tensor, "B D D"]:
        """I + J."""
        jacobian = self.net.jacobian(slopes, weights)
        return jacobian + torch.eye(jacobian.shape[-1], dtype=jacobian.dtype, device=jacobian.device)


def _divided(matrix: Float[Tensor, "B D D"], rows: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
    return torch.linalg.solve(matrix, rows[..., None]).squeeze(-1)


def residual_flow(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    width: int = 64,
    depth: int = 16,
    bound: float = 0.9,
    high: int | float | None = None,
    drop_given: float = 0.0,
) -> Flow:
    """Residual blocks after activation normalizations, over vectors; what has another shape is flattened.

    Args:
        space: What one x is: real numbers of a fixed shape.
        given_space: What the model is conditioned on, if anything.
        width: Hidden entries of a block.
        depth: Blocks.
        bound: κ.
        high: L, if x lies in [0, L]: the flow then begins with a logit.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Example:
        >>> model = residual_flow(Space((3,)), width=16, depth=2)
        >>> model.log_prob(model.sample(4, seed=0)).shape
        torch.Size([4])
    """
    dims, embedding = space.dims, 32 if given_space else 0
    parts: list[Bijection] = [*([] if high is None else [Logit(high)]), Flatten(space.shape)]
    for _ in range(depth):
        parts += [ActNorm(dims), Residual(LipschitzMLP(dims, width, embedding, bound=bound))]
    body = Chain(*parts, ActNorm(dims))
    return Flow(space, given_space, body, latent=(dims,), embedding=embedding or 32, drop_given=drop_given)


def _in_full(x: Tensor) -> torch.autocast:
    """Half precision would let a block stretch distances that its matrices' bounds forbid."""
    return torch.autocast(x.device.type, enabled=False)
