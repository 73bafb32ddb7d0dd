"""Monotone splines: maps of one number with any shape between two ends."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from genzoo.models.flows.coupling import Elementwise
from genzoo.models.flows.spline_steps import LEAST, ONE, Bins, splined

__all__ = ["Spline"]


@dataclass(frozen=True)
class Spline(Elementwise):
    """A rational quadratic spline through K + 1 knots on [−c, c], the identity outside. Within a bin of width w and
    height h from (x₀, z₀), with slopes d₀ and d₁ at its ends, s = h / w and ξ = (x − x₀) / w,

    $$ z = z_0 + h \\frac{s \\xi^2 + d_0 \\xi (1 - \\xi)}{s + (d_0 + d_1 - 2 s) \\xi (1 - \\xi)}, $$

    which is increasing, has the slopes it was given, and is inverted by solving a quadratic equation. Widths and
    heights are softmaxes, slopes softplus, of the 3 K − 1 parameters; the way back is written out (`spline_steps.py`).

    Attributes:
        bins: K.
        bound: c.

    Raises:
        ValueError: If there are fewer than two bins or more than 500, or the bound is not positive.

    Example:
        >>> z, ladj = Spline().forward(torch.tensor([[0.5, 7.0]]), torch.zeros(1, Spline().numbers, 2))
        >>> z.tolist(), ladj.abs().max() < 1e-6
        ([[0.5, 7.0]], tensor(True))

    References:
        Gregory & Delbourgo, 1982, "Piecewise rational quadratic interpolation to monotonic data"
        Durkan, Bekasov, Murray & Papamakarios, 2019, "Neural spline flows", arXiv:1906.04032
    """

    bins: int = 8
    bound: float = 5.0

    def __post_init__(self) -> None:
        if not 2 <= self.bins <= 500 or self.bound <= 0:
            raise ValueError(
                f"`bins` must be in [2, 500] and `bound` positive, got {self.bins} and {self.bound}. Correct them."
            )

    @property
    def numbers(self) -> int:
        return 3 * self.bins - 1

    def forward(
        self, x: Float[Tensor, "B C *rest"], raw: Float[Tensor, "B numbers C *rest"]
    ) -> tuple[Float[Tensor, "B C *rest"], Float[Tensor, "B C *rest"]]:
        return splined(x, raw, Bins(self.bins, self.bound))

    def inverse(
        self, z: Float[Tensor, "B C *rest"], raw: Float[Tensor, "B numbers C *rest"]
    ) -> Float[Tensor, "B C *rest"]:
        at, (x0, z0, w, h, d0, d1) = z.clamp(-self.bound, self.bound), self._bin(z, raw)
        up, s = (at - z0) / h, h / w
        # a ξ² + b ξ + c = 0, by the form of its root that does not cancel.
        curved = up * (d0 + d1 - 2 * s)
        a, b, c = s - d0 + curved, d0 - curved, -s * up
        xi = -2 * c / (b + (b.square() - 4 * a * c).clamp_min(1e-30).sqrt())
        return torch.where(z.abs() < self.bound, x0 + xi * w, z)

    def _bin(self, z: Tensor, raw: Tensor) -> list[Tensor]:
        """Of the bin that a value is in: its corner, its width and height, and the slopes at its ends."""
        bins, last = Bins(self.bins, self.bound), self.bins - 1
        widths, heights, slopes = raw.split([self.bins, self.bins, last], dim=1)
        p, q = widths.softmax(1), heights.softmax(1)
        above = bins.above(z.clamp(-self.bound, self.bound), q)
        k = above.sum(1, keepdim=True).long()
        x0, w = bins.start(p, above), bins.length(p.gather(1, k).squeeze(1))
        z0, h = bins.start(q, above), bins.length(q.gather(1, k).squeeze(1))
        d0, d1 = (
            torch.where(is_end, 1.0, softplus(slopes.gather(1, place) + ONE) + LEAST).squeeze(1)
            for is_end, place in ((k == 0, (k - 1).clamp_min(0)), (k == last, k.clamp_max(last - 1)))
        )
        return [x0, z0, w, h, d0, d1]
