"""Rows far out brought nearer: tails that fall like powers become tails that a normal base can hold."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.models.flows.bijection import Bijection, Embedded

__all__ = ["LogTails"]


class LogTails(Bijection):
    """The identity on [−c, c], and beyond it a logarithm of a learned rate a for each entry and side,

    $$ z = \\operatorname{sign}(x) \\Big( c + \\frac{\\log(1 + a\\,(|x| - c))}{a} \\Big), \\qquad
       \\log \\Big| \\frac{\\partial z}{\\partial x} \\Big| = -\\log(1 + a\\,(|x| - c)), $$

    whose slope is 1 at c, and which a → 0 makes the identity. A density $|x|^{-\\nu - 1}$ is one that falls like
    $e^{-a \\nu |z|}$, in reach of what comes after, such as the box of a spline. Without it a row at fifty standard
    deviations costs the 1,250 nats of a normal one, and nothing within the box changes that.

    Args:
        shape: The shape of one x.
        bound: c.
        rate: a, as it starts.

    Raises:
        ValueError: If the bound or the rate is not positive.

    Example:
        >>> z, ladj = LogTails((3,), bound=2.0, rate=1.0)(torch.tensor([[-1.5, 2.0, 102.0]]))
        >>> [round(entry, 2) for entry in z[0].tolist()], round(ladj.item(), 2)
        ([-1.5, 2.0, 6.62], -4.62)

    References:
        Hickling & Prangle, 2024, "Flexible tails for normalizing flows", arXiv:2406.16971 (a map of the tails beside
        the flow's own maps; by another function)
    """

    def __init__(self, shape: tuple[int, ...], *, bound: float = 2.0, rate: float = 1.0) -> None:
        super().__init__()
        if bound <= 0 or rate <= 0:
            raise ValueError(f"`bound` and `rate` must be positive, got {bound} and {rate}. Take 2 and 1.")
        self.bound = bound
        self.log_rate = nn.Parameter(torch.full((2, *shape), rate).log())

    def forward(
        self, x: Float[Tensor, "B *event"], given: Embedded = None
    ) -> tuple[Float[Tensor, "B *event"], Float[Tensor, " B"]]:
        near, rate = x.clamp(-self.bound, self.bound), self._rate(x)
        grown = (rate * (x - near).abs()).log1p()
        return near + x.sign() * grown / rate, -grown.flatten(1).sum(1)

    def inverse(self, z: Float[Tensor, "B *event"], given: Embedded = None) -> Float[Tensor, "B *event"]:
        near, rate = z.clamp(-self.bound, self.bound), self._rate(z)
        return near + z.sign() * (rate * (z - near).abs()).expm1() / rate

    def extra_repr(self) -> str:
        return f"bound={self.bound:g}"

    def _rate(self, x: Tensor) -> Tensor:
        """a, on the side on which an entry is."""
        below, above = self.log_rate.exp().unbind()
        return torch.where(x < 0, below, above)
