"""A law of the place within a cell, given the levels: variational dequantization.

A density on reals sees levels x as x + u. Uniform u fill every cell with a box, which a smooth density can only
approximate; u from a flow q(u | x) that is trained beside the density takes whatever shape suits it,

$$ \\log P(x) \\ge E_{u \\sim q(u | x)} [\\log p(x + u) - \\log q(u | x)]. $$

References:
    Ho, Chen, Srinivas, Duan & Abbeel, 2019, "Flow++: improving flow-based generative models with variational
        dequantization and architecture design", arXiv:1902.00275 (§3.1)
"""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from genzoo.core.space import Space
from genzoo.distributions.levels import centered
from genzoo.models.flows.coupling import Affine, zeroed
from genzoo.models.flows.couplings import Nets
from genzoo.models.flows.rearrange import Flatten, Squeeze

__all__ = ["CellFlow"]


class CellFlow(nn.Module):
    """q(u | x) on the unit cube: logistic numbers through couplings that see x, and back into the cube,

    $$ u = \\sigma(f(v; x)), \\qquad v = \\log \\frac{r}{1 - r}, \\quad r \\sim U(0, 1)^D. $$

    Couplings take the halves by turns, and start as the identity, so u starts uniform.

    Args:
        space: What one x is: levels of a fixed shape.
        nets: What tells couplings their parameters; by default convolutions over images of even sides.
        depth: Couplings.

    Raises:
        ValueError: If x is not of levels of a fixed shape, or has but one entry.

    Example:
        >>> fill = CellFlow(Space((1, 4, 4), levels=256))
        >>> u, log_q = fill(torch.full((2, 1, 4, 4), 0.25), torch.zeros(2, 1, 4, 4, dtype=torch.uint8))
        >>> bool(torch.allclose(u, torch.tensor(0.25))), log_q.abs().round().tolist()
        (True, [0.0, 0.0])
    """

    def __init__(self, space: Space, nets: Nets | None = None, *, depth: int = 2) -> None:
        super().__init__()
        if space.levels is None or space.ragged or space.dims < 2:
            raise ValueError(f"Cells are those of two or more levels of a fixed shape, got {space}.")
        even = len(space.shape) == 3 and not space.shape[1] % 2 and not space.shape[2] % 2
        nets = nets or Nets("conv" if even else "mlp", 32 if even else 64, 1)
        self.levels, is_image = space.levels, nets.kind == "conv"
        self.order = Squeeze() if is_image else Flatten(space.shape)
        channels = 4 * space.shape[0] if is_image else space.dims
        self.sizes = [(channels + 1) // 2, channels // 2]
        halves = (self.sizes[k % 2] for k in range(depth))
        self.nets = nn.ModuleList(zeroed(nets.of(a + channels, 2 * (channels - a))) for a in halves)

    def forward(
        self, uniform: Float[Tensor, "B *event"], x: Shaped[Tensor, "B *event"]
    ) -> tuple[Float[Tensor, "B *event"], Float[Tensor, " B"]]:
        """u and log q(u | x), of uniform numbers r."""
        eps = torch.finfo(uniform.dtype).eps
        v = torch.logit(uniform, eps)
        seen = self.order(centered(x, self.levels, uniform.dtype))[0]
        (a, b), log_q = self.order(v)[0].split(self.sizes, dim=1), _log_slope(v)
        for net in self.nets:
            raw = net(torch.cat([a, seen], dim=1), None).to(v.dtype)  # under autocast the network is coarser
            b, ladj = Affine().forward(b, raw.unflatten(1, (2, -1)))
            a, b, log_q = b, a, log_q - ladj.flatten(1).sum(1)
        halves = (b, a) if len(self.nets) % 2 else (a, b)
        y = self.order.inverse(torch.cat(halves, dim=1))
        return torch.sigmoid(y).clamp(0, 1 - eps), log_q - _log_slope(y)


def _log_slope(v: Tensor) -> Float[Tensor, " B"]:
    """Σ log σ'(v) of each row."""
    return (logsigmoid(v) + logsigmoid(-v)).flatten(1).sum(1)
