"""Maps of each entry alone."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.models.flows.bijection import Bijection, Embedded
from genzoo.models.flows.coupling import Elementwise

__all__ = ["Separate"]


class Separate(Bijection):
    """Each entry by a map of its own, whatever the others are; it starts as the identity,

    $$ z_d = \\tau(x_d;\\, \\theta_d), \\qquad
       \\log |\\det| = \\textstyle\\sum_d \\log |\\partial_x \\tau(x_d; \\theta_d)|. $$

    Args:
        entries: D.
        transform: τ.
        given: The width of the condition's embedding, of which θ is then a linear function; 0 for none.

    Example:
        >>> from genzoo.models.flows import Spline
        >>> layer = Separate(3, Spline(4))
        >>> torch.allclose(layer(torch.ones(2, 3))[0], torch.ones(2, 3))
        True
    """

    def __init__(self, entries: int, transform: Elementwise, given: int = 0) -> None:
        super().__init__()
        self.transform, self.raw = transform, nn.Parameter(torch.zeros(transform.numbers, entries))
        self.told = nn.Linear(given, self.raw.numel(), bias=False) if given else None
        if self.told is not None:
            nn.init.zeros_(self.told.weight)

    def forward(
        self, x: Float[Tensor, "B D"], given: Embedded = None
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, " B"]]:
        z, ladj = self.transform.forward(x, self._of(x, given))
        return z, ladj.sum(1)

    def inverse(self, z: Float[Tensor, "B D"], given: Embedded = None) -> Float[Tensor, "B D"]:
        return self.transform.inverse(z, self._of(z, given))

    def extra_repr(self) -> str:
        return f"transform={self.transform}"

    def _of(self, x: Tensor, given: Embedded) -> Float[Tensor, "B numbers D"]:
        raw = self.raw.to(x.dtype).expand(len(x), -1, -1)
        if self.told is None or given is None:
            return raw
        return raw + self.told(given).to(x.dtype).unflatten(1, self.raw.shape)
