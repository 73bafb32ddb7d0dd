"""Monotone splines: maps of one number with any shape between two ends."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad, softplus

from genzoo.models.flows.coupling import Elementwise

__all__ = ["Spline"]

LEAST = 1e-3  # of a bin's share of the whole, and of a slope
ONE = math.log(math.expm1(1 - LEAST))  # softplus(ONE) + LEAST = 1


@dataclass(frozen=True)
class Spline(Elementwise):
    """A rational quadratic spline through K + 1 knots on [−c, c], the identity outside. Within a bin of width w and
    height h from (x₀, z₀), with slopes d₀ and d₁ at its ends, s = h / w and ξ = (x − x₀) / w,

    $$ z = z_0 + h \\frac{s \\xi^2 + d_0 \\xi (1 - \\xi)}{s + (d_0 + d_1 - 2 s) \\xi (1 - \\xi)}, $$

    which is increasing, has the slopes it was given, and is inverted by solving a quadratic equation. Widths and
    heights are softmaxes, slopes softplus, of the 3 K − 1 parameters.

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
        inside, at = x.abs() < self.bound, x.clamp(-self.bound, self.bound)
        x0, z0, w, h, d0, d1 = self._bin(at, raw, of_x=True)
        xi, s = (at - x0) / w, h / w
        between = xi * (1 - xi)
        bottom = s + (d0 + d1 - 2 * s) * between
        z = z0 + h * (s * xi.square() + d0 * between) / bottom
        slope = d1 * xi.square() + 2 * s * between + d0 * (1 - xi).square()
        ladj = 2 * (s / bottom).log() + slope.log()
        return torch.where(inside, z, x), torch.where(inside, ladj, 0)

    def inverse(
        self, z: Float[Tensor, "B C *rest"], raw: Float[Tensor, "B numbers C *rest"]
    ) -> Float[Tensor, "B C *rest"]:
        inside, at = z.abs() < self.bound, z.clamp(-self.bound, self.bound)
        x0, z0, w, h, d0, d1 = self._bin(at, raw, of_x=False)
        up, s = (at - z0) / h, h / w
        # a ξ² + b ξ + c = 0, by the form of its root that does not cancel.
        curved = up * (d0 + d1 - 2 * s)
        a, b, c = s - d0 + curved, d0 - curved, -s * up
        xi = -2 * c / (b + (b.square() - 4 * a * c).clamp_min(1e-30).sqrt())
        return torch.where(inside, x0 + xi * w, z)

    def _bin(self, at: Tensor, raw: Tensor, *, of_x: bool) -> list[Tensor]:
        """Of the bin that an entry is in: its corner, its width and height, and the slopes at its ends."""
        widths, heights, slopes = raw.movedim(1, -1).split([self.bins, self.bins, self.bins - 1], -1)
        x, z = self._knots(widths), self._knots(heights)
        slopes = pad(softplus(slopes + ONE) + LEAST, (1, 1), value=1.0)
        k = (at.unsqueeze(-1) >= (x if of_x else z)[..., 1:-1]).sum(-1, keepdim=True)
        x0, x1, z0, z1, d0, d1 = (
            knots.gather(-1, number).squeeze(-1) for knots in (x, z, slopes) for number in (k, k + 1)
        )
        return [x0, z0, x1 - x0, z1 - z0, d0, d1]

    def _knots(self, raw: Tensor) -> Tensor:
        """K + 1 places from −c to c."""
        shares = LEAST + (1 - LEAST * self.bins) * raw.softmax(-1)
        inner = 2 * self.bound * shares.cumsum(-1)[..., :-1] - self.bound
        return pad(pad(inner, (1, 0), value=-self.bound), (0, 1), value=self.bound)
