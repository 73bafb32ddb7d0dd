"""Autoregressive bijections: an entry is transformed as the entries before it say, so the Jacobian is triangular.

$$ z_d = \\tau(x_d;\\, \\theta_d(x_{<d})), \\qquad
   \\log |\\det| = \\textstyle\\sum_d \\log |\\partial_x \\tau(x_d; \\theta_d(x_{<d}))|. $$

One pass of a masked network tells every θ from x, so this way costs as much as a coupling; the way back knows x entry
by entry. From data to noise it is the flow of a density that is quick to score, from noise to latents that of a
posterior that is quick to draw.

References:
    Kingma et al., 2016, "Improved variational inference with inverse autoregressive flow", arXiv:1606.04934
    Papamakarios, Pavlakou & Murray, 2017, "Masked autoregressive flow for density estimation", arXiv:1705.07057
"""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.models.flows.bijection import Bijection, Embedded
from genzoo.models.flows.coupling import Affine, Elementwise
from genzoo.nn.masked import Growing, MaskedMLP

__all__ = ["Autoregressive"]


class Autoregressive(Bijection):
    """A map of every entry of a vector whose parameters are a function of the entries before it.

    What the network says starts at zero, so it starts as the identity.

    Args:
        net: The masked network; `transform.numbers` outputs of an entry.
        transform: τ, by default affine.
        reverse: Whether entries are taken from the last to the first; what follows on another should be turned.

    Raises:
        ValueError: If the network says another number of parameters than the transform has.

    Example:
        >>> layer = Autoregressive(MaskedMLP(3, 1, 2, width=16, depth=1))
        >>> z, ladj = layer(torch.ones(4, 3))
        >>> torch.equal(z, torch.ones(4, 3)), ladj.tolist()
        (True, [0.0, 0.0, 0.0, 0.0])
    """

    def __init__(self, net: MaskedMLP, transform: Elementwise | None = None, *, reverse: bool = False) -> None:
        super().__init__()
        self.net, self.transform, self.reverse = net, transform or Affine(), reverse
        if net.outputs != self.transform.numbers or net.features != 1:
            raise ValueError(
                f"The network must take 1 number of an entry and say {self.transform.numbers}, got {net.features} and "
                f"{net.outputs}. Build MaskedMLP(entries, 1, {self.transform.numbers})."
            )
        nn.init.zeros_(net.last.bias)
        for shift in net.shifts[-1:]:
            nn.init.zeros_(cast(nn.Linear, shift).weight)

    def forward(
        self, x: Float[Tensor, "B D"], given: Embedded = None
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, " B"]]:
        x = self._turned(x)
        said = self.net.by_number(x[..., None], given).to(x.dtype)  # under autocast the network is coarser than x
        z, ladj = self.transform.forward(x, said)
        return self._turned(z), ladj.sum(1)

    def inverse(self, z: Float[Tensor, "B D"], given: Embedded = None) -> Float[Tensor, "B D"]:
        """The x whose z this is, entry by entry: each unit once, or a pass an entry where gradients are asked for."""
        z = self._turned(z)
        return self._turned(self._passes(z, given) if torch.is_grad_enabled() else self._grown(z, given))

    def _grown(self, z: Tensor, given: Embedded) -> Tensor:
        """Each unit once; entries are rows and rows columns, of which each entry needs one in one piece."""
        growing, known = Growing(self.net, len(z), given), list[Tensor]()
        for column in z.T.contiguous().split(1):
            said = growing.tell(known[-1]) if known else growing.first()
            known.append(self.transform.inverse(column, said[None].to(z.dtype)))
        return torch.cat(known).T

    def _passes(self, z: Tensor, given: Embedded) -> Tensor:
        """A pass an entry, whose gradients are known."""
        known = list[Tensor]()
        for column in z.split(1, dim=1):
            said = self.net(_padded(known, len(z), self.net), given)[:, len(known)].to(z.dtype)
            known.append(self.transform.inverse(column, said[:, :, None]))
        return torch.cat(known, 1)

    def extra_repr(self) -> str:
        return f"transform={self.transform}, reverse={self.reverse}"

    def _turned(self, x: Tensor) -> Tensor:
        return x.flip(1) if self.reverse else x


def _padded(known: list[Tensor], n: int, net: MaskedMLP) -> Float[Tensor, "B D 1"]:
    """Known entries, and zeros in the place of the others."""
    zeros = net.last.weight.new_zeros(n, net.entries - len(known))
    return torch.cat([*known, zeros.to(known[0].dtype) if known else zeros], 1)[..., None]
