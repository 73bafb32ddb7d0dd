"""Steps through a rational quadratic spline whose way back is written out.

Composed of small operations a spline costs a hundred passes over memory, most of them over K numbers an entry. Here
each entry finds its bin once, as a mask of the inner knots below it,

$$ m_j = [x \\ge x_j], \\qquad k = \\textstyle\\sum_j m_j, \\qquad x_0 = -c + a k + A \\sum_j m_j p_{j-1}, \\qquad
   w = a + A p_k, $$

of the shares p (a softmax), a = 2 c ε and A = 2 c (1 − ε K); and the derivatives are known, within the bin and, by the
same mask, from its corner and width back to the shares. Only what an entry's own bin needs goes through a softplus.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

__all__ = ["LEAST", "ONE", "Bins", "splined"]

LEAST = 1e-3  # ε: of a bin's share of the whole, and of a slope
ONE = math.log(math.expm1(1 - LEAST))  # softplus(ONE) + LEAST = 1


@dataclass(frozen=True)
class Bins:
    """K bins of [−c, c] by shares, which stand along axis 1.

    Attributes:
        count: K.
        bound: c.

    Example:
        >>> bins, p = Bins(2, 1.0), torch.tensor([[[0.25], [0.75]]])
        >>> above = bins.above(torch.tensor([[0.0]]), p)
        >>> above.tolist(), round(bins.start(p, above).item(), 4), round(bins.length(p[:, 1]).item(), 4)
        ([[[1.0]]], -0.499, 1.499)
    """

    count: int
    bound: float

    @property
    def least(self) -> float:
        """a, the length of a bin without a share."""
        return 2 * self.bound * LEAST

    @property
    def rest(self) -> float:
        """A, what is shared out."""
        return 2 * self.bound * (1 - LEAST * self.count)

    def above(
        self, x: Float[Tensor, "B C *rest"], p: Float[Tensor, "B K C *rest"]
    ) -> Float[Tensor, "B inner C *rest"]:
        """Which inner knots are at most x, as numbers: comparisons that give booleans take several times as long."""
        x, p = x.detach(), p.detach()
        knots = torch.empty_like(p[:, 1:])
        torch.mul(p[:, 0], self.rest, out=knots[:, 0]).add_(self.least - self.bound)
        for j in range(1, self.count - 1):  # a cumulative sum along this axis takes twice as long
            torch.add(knots[:, j - 1], p[:, j], alpha=self.rest, out=knots[:, j]).add_(self.least)
        return torch.ge(x.unsqueeze(1), knots, out=knots)

    def start(
        self, p: Float[Tensor, "B K C *rest"], above: Float[Tensor, "B inner C *rest"]
    ) -> Float[Tensor, "B C *rest"]:
        """Where the bin begins that lies above so many inner knots."""
        return (above * (self.rest * p[:, :-1] + self.least)).sum(1) - self.bound

    def length(self, share: Float[Tensor, "B C *rest"]) -> Float[Tensor, "B C *rest"]:
        """How long a bin is, by its share."""
        return self.rest * share + self.least


def splined(
    x: Float[Tensor, "B C *rest"], raw: Float[Tensor, "B numbers C *rest"], bins: Bins
) -> tuple[Float[Tensor, "B C *rest"], Float[Tensor, "B C *rest"]]:
    """z and log ∂z/∂x of a spline.

    Args:
        x: Entries.
        raw: The 3 K − 1 parameters of each along axis 1: of widths, of heights, of inner slopes.
        bins: How many bins there are, and where.

    Example:
        >>> z, ladj = splined(torch.tensor([[0.5]]), torch.zeros(1, 5, 1), Bins(2, 5.0))
        >>> round(z.item(), 4), abs(round(ladj.item(), 4))
        (0.5, 0.0)
    """
    z, ladj = _Splined.apply(x, raw, bins)
    return z, ladj


class _Splined(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, raw: Tensor, bins: Bins) -> tuple[Tensor, Tensor]:
        way = _Way.of(x, raw, bins)
        ends = (*way.ends[0], *way.ends[1])
        ctx.save_for_backward(x, raw, way.p, way.q, way.above, way.inside, way.x0, way.z0, *way.here, *ends)
        ctx.bins = bins
        return way.told(x)

    @staticmethod
    def backward(ctx: Any, grad_z: Tensor, grad_ladj: Tensor) -> tuple[Tensor, Tensor, None]:
        x, raw, p, q, above, inside, x0, z0, *rest = ctx.saved_tensors
        if not torch.is_grad_enabled():
            way = _Way(ctx.bins, p, q, above, inside, x0, z0, _Here(*rest[:8]), (_End(*rest[8:11]), _End(*rest[11:])))
            return *way.back(grad_z, grad_ladj), None
        told, grads = _Way.of(x, raw, ctx.bins).told(x), (grad_z, grad_ladj)  # a second derivative: composed, and slow
        to_x, to_raw = torch.autograd.grad(told, (x, raw), grads, create_graph=True, materialize_grads=True)
        return to_x, to_raw, None


class _Way(NamedTuple):
    """All of a spline that its way back needs."""

    bins: Bins
    p: Tensor
    q: Tensor
    above: Tensor
    inside: Tensor
    x0: Tensor
    z0: Tensor
    here: "_Here"
    ends: tuple["_End", "_End"]

    @classmethod
    def of(cls, x: Tensor, raw: Tensor, bins: Bins) -> "_Way":
        p, q = raw[:, : bins.count].softmax(1), raw[:, bins.count : 2 * bins.count].softmax(1)
        slopes, at = raw[:, 2 * bins.count :], x.clamp(-bins.bound, bins.bound)
        above = bins.above(at, p)
        k = above.sum(1, keepdim=True).long()
        x0, z0 = bins.start(p, above), bins.start(q, above)
        w, h = (bins.length(shares.gather(1, k).squeeze(1)) for shares in (p, q))
        ends = (_End.of(slopes, k - 1), _End.of(slopes, k))
        here = _Here.of(at, x0, w, h, ends[0].slope, ends[1].slope)
        return cls(bins, p, q, above, _within(x, bins.bound), x0, z0, here, ends)

    def told(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """z and the logarithm of its slope."""
        here = self.here
        z = self.z0 + here.h * here.top / here.bottom
        ladj = (here.s.square() * here.steep / here.bottom.square()).log()
        return torch.addcmul(z * self.inside, x, 1 - self.inside), ladj * self.inside

    def back(self, grad_z: Tensor, grad_ladj: Tensor) -> tuple[Tensor, Tensor]:
        """The gradients of x and of the parameters."""
        bins, here, to_z = self.bins, self.here, grad_z * self.inside
        xi, s, d0, d1 = here.back(to_z, grad_ladj * self.inside)
        x = xi / here.w
        grad = self.p.new_zeros(len(x), 3 * bins.count - 1, *x.shape[1:])
        widths, heights, slopes = grad.split([bins.count, bins.count, bins.count - 1], dim=1)
        to_w, to_h = -(x * here.xi + s * here.s / here.w), to_z * here.top / here.bottom + s / here.w
        _shared(widths, self.p, self.above, bins, (-x, to_w), (self.x0, here.w))
        _shared(heights, self.q, self.above, bins, (to_z, to_h), (self.z0, here.h))
        for end, slope in zip(self.ends, (d0, d1), strict=True):
            end.back(slopes, slope)
        return torch.addcmul(x, grad_z, 1 - self.inside), grad


def _within(x: Tensor, bound: float) -> Tensor:
    """1 where x is within ± a bound, else 0."""
    size = x.detach().abs()
    return torch.le(size, bound, out=size)


def _shared(
    out: Tensor, p: Tensor, above: Tensor, bins: Bins, grads: tuple[Tensor, Tensor], bin_: tuple[Tensor, Tensor]
) -> None:
    """Writes the gradient of what shares are a softmax of, from those of a bin's start and length.

    $$ \\bar p_i = A\\,(\\bar x_0 m_{i+1} + \\bar w (m_i - m_{i+1})), \\qquad \\bar r_i = p_i (\\bar p_i - \\textstyle
       \\sum_j p_j \\bar p_j), \\qquad m_0 = 1,\\; m_K = 0, $$

    and the sum is that of the start and the length, less what is no share.
    """
    (to_start, to_length), (start, length), k = grads, bin_, above.sum(1)
    shared = to_start * (start + bins.bound - bins.least * k) + to_length * (length - bins.least)
    before, here = bins.rest * (to_start - to_length), bins.rest * to_length
    torch.mul(above, before.unsqueeze(1), out=out[:, :-1])
    out[:, 1:].addcmul_(above, here.unsqueeze(1))
    out[:, 0] += here
    out.sub_(shared.unsqueeze(1)).mul_(p)


class _End(NamedTuple):
    """The slope at an end of the bin: a parameter's, or 1 at an end of the spline."""

    place: Tensor  # of the parameter among the inner slopes, any where there is none
    free: Tensor  # 1 where there is one, else 0
    slope: Tensor

    @classmethod
    def of(cls, slopes: Tensor, number: Tensor) -> "_End":
        place = number.clamp(0, slopes.shape[1] - 1)
        free = (number == place).to(slopes.dtype).squeeze(1)
        raw = softplus(slopes.gather(1, place).squeeze(1) + ONE) + LEAST
        return cls(place, free, torch.addcmul(1 - free, raw, free))

    def back(self, out: Tensor, grad: Tensor) -> None:
        """Adds the gradient of the parameter: the derivative of y = softplus is 1 − e^{−y}."""
        raw = grad * self.free * -torch.expm1(LEAST - self.slope)
        out.scatter_add_(1, self.place, raw.unsqueeze(1))


class _Here(NamedTuple):
    """The spline at a place ξ of a bin of slope s: z = z₀ + h top / bottom, ∂z/∂x = s² steep / bottom²."""

    w: Tensor
    h: Tensor
    xi: Tensor
    d0: Tensor
    d1: Tensor
    top: Tensor
    bottom: Tensor
    steep: Tensor

    @classmethod
    def of(cls, x: Tensor, x0: Tensor, w: Tensor, h: Tensor, d0: Tensor, d1: Tensor) -> "_Here":
        xi, s = (x - x0) / w, h / w
        square = xi.square()
        between = xi - square
        bend = d0 + d1 - 2 * s
        top = torch.addcmul(s * square, d0, between)
        bottom = torch.addcmul(s, bend, between)
        steep = torch.addcmul(torch.addcmul(d0 - 2 * d0 * xi, bend, square), 2 * s, xi)
        return cls(w, h, xi, d0, d1, top, bottom, steep)

    @property
    def s(self) -> Tensor:
        return self.h / self.w

    def back(self, to_z: Tensor, to_ladj: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The gradients of ξ, of s (h and w being kept), of d₀ and of d₁."""
        xi, s, square = self.xi, self.s, self.xi.square()
        between, bend, rest = xi - square, self.d0 + self.d1 - 2 * s, (1 - xi).square()
        to_top = to_z * self.h / self.bottom
        to_steep = to_ladj / self.steep
        to_bottom = -(to_top * self.top + 2 * to_ladj) / self.bottom
        grad_xi = (
            to_top * (2 * s * xi + self.d0 * (1 - 2 * xi))
            + to_bottom * bend * (1 - 2 * xi)
            + 2 * to_steep * (self.d1 * xi + s * (1 - 2 * xi) - self.d0 * (1 - xi))
        )
        grad_s = to_top * square + to_bottom * (1 - 2 * between) + 2 * to_steep * between + 2 * to_ladj / s
        grad_d0 = (to_top + to_bottom) * between + to_steep * rest
        grad_d1 = to_bottom * between + to_steep * square
        return grad_xi, grad_s, grad_d0, grad_d1
