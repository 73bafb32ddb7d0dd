"""Coupling layers: half of x is transformed as the other half says, so that the Jacobian is triangular."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.models.flows.bijection import Bijection, Embedded

__all__ = ["AffineCoupling"]


class AffineCoupling(Bijection):
    """An affine map of one half of the entries, its scale and shift a function of the other half,

    $$ z_a = x_a, \\qquad z_b = x_b \\odot e^{s(x_a)} + t(x_a), \\qquad
       \\log |\\det| = \\textstyle\\sum s(x_a). $$

    The halves are contiguous along axis 1. The log-scale is bounded, $|s| < c$ by $s = c \\tanh(\\cdot / c)$, and the
    last layer of the network starts at zero, so the coupling starts as the identity.

    Args:
        net: Called as net(x_a, given), the condition embedded; twice as many channels as x_b. Its layer `last` is
            set to zero.
        channels: The length of axis 1; the front half is the longer one, if it is odd.
        flip: Whether the back half is x_a, which stays; else the front half.
        bound: c.

    Raises:
        ValueError: If there is nothing to split, or the bound is not positive.

    Example:
        >>> from genzoo.nn import MLP
        >>> coupling = AffineCoupling(MLP(2, [16], 2 * 1), channels=3)
        >>> z, ladj = coupling(torch.ones(4, 3))
        >>> torch.equal(z, torch.ones(4, 3)), ladj.tolist()
        (True, [0.0, 0.0, 0.0, 0.0])

    References:
        Dinh, Sohl-Dickstein & Bengio, 2017, "Density estimation using Real NVP", arXiv:1605.08803 (§3.2)
    """

    def __init__(self, net: nn.Module, channels: int, *, flip: bool = False, bound: float = 3.0) -> None:
        super().__init__()
        if channels < 2:
            raise ValueError(f"A coupling needs at least 2 entries to split, got {channels}. Use a mixture instead.")
        if bound <= 0:
            raise ValueError(f"`bound` must be positive, got {bound}.")
        self.net, self.flip, self.bound = zeroed(net), flip, bound
        self.sizes = [(channels + 1) // 2, channels // 2]

    def forward(
        self, x: Float[Tensor, "B C *rest"], given: Embedded = None
    ) -> tuple[Float[Tensor, "B C *rest"], Float[Tensor, " B"]]:
        a, b = self._halves(x)
        scale, shift = self._affine(a, given)
        return self._whole(a, torch.addcmul(shift, b, scale.exp())), scale.flatten(1).sum(1)

    def inverse(self, z: Float[Tensor, "B C *rest"], given: Embedded = None) -> Float[Tensor, "B C *rest"]:
        a, b = self._halves(z)
        scale, shift = self._affine(a, given)
        return self._whole(a, (b - shift) * (-scale).exp())

    def extra_repr(self) -> str:
        return f"sizes={self.sizes}, flip={self.flip}, bound={self.bound}"

    def _affine(self, a: Tensor, given: Embedded) -> tuple[Tensor, Tensor]:
        raw, shift = self.net(a, given).to(a.dtype).chunk(2, dim=1)  # under autocast the network is coarser than x
        return self.bound * torch.tanh(raw / self.bound), shift

    def _halves(self, x: Tensor) -> tuple[Tensor, Tensor]:
        front, back = x.split(self.sizes, dim=1)
        return (back, front) if self.flip else (front, back)

    def _whole(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.cat([b, a] if self.flip else [a, b], dim=1)


def zeroed(net: nn.Module) -> nn.Module:
    """The network with its layer `last` at zero."""
    for parameter in net.get_submodule("last").parameters():
        nn.init.zeros_(parameter)
    return net
