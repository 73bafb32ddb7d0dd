"""What a reconstruction error costs.

A loss is a function ρ of the residual of one entry. Squared errors weigh outliers most, absolute ones follow the
median, and Huber's are squared near zero and absolute far from it:

$$ \\tfrac12 r^2, \\qquad \\sqrt{r^2 + s^2} - s \\approx |r|, \\qquad
   \\tfrac12 r^2 \\ (|r| \\le \\delta) \\ \\text{ or } \\ \\delta (|r| - \\tfrac12 \\delta) \\ (|r| > \\delta). $$

A symmetric loss whose slope over residual falls lies below the parabola $\\tfrac12 w r^2 + \\mathrm{const}$ that
touches it, with the weight $w = \\rho'(r) / r$: least squares with these weights, repeated, lowers it at every step.

References:
    Huber, 1964, "Robust estimation of a location parameter"
    Holland & Welsch, 1977, "Robust regression using iteratively reweighted least-squares"
"""

import dataclasses
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["LOSSES", "Loss", "absolute", "huber", "squared"]


@dataclasses.dataclass(frozen=True)
class Loss:
    """A loss of residuals, entry by entry; any differentiable function will do.

    Args:
        rho: ρ, from a tensor of residuals to one of costs; symmetric, least at zero.
        curvature: The largest second derivative of ρ.
        name: What it is called.

    Example:
        >>> fair = Loss(lambda r: r.abs() - r.abs().log1p(), curvature=1.0, name="fair")
        >>> fair.slope(torch.tensor([0.0, 1.0])).tolist(), fair.weight(torch.tensor([1.0])).tolist()
        ([0.0, 0.5], [0.5])
    """

    rho: Callable[[Tensor], Tensor]
    curvature: float
    name: str = "custom"

    def __call__(self, residual: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """ρ of every entry."""
        return self.rho(residual)

    def slope(self, residual: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """ρ′ of every entry."""
        with torch.enable_grad():
            r = residual.detach().requires_grad_()
            (slope,) = torch.autograd.grad(self.rho(r).sum(), r)
        return slope

    def weight(self, residual: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """ρ′(r) / r, the weight of a residual in least squares; the curvature near zero."""
        small = residual.abs() < 1e-6
        safe = torch.where(small, 1, residual)
        return torch.where(small, self.curvature, self.slope(safe) / safe)


def squared() -> Loss:
    """½ r².

    Example:
        >>> squared()(torch.tensor([2.0])).item()
        2.0
    """
    return Loss(lambda r: r.square() / 2, 1.0, "squared")


def absolute(smooth: float = 0.01) -> Loss:
    """|r|, made smooth within `smooth` of zero.

    Args:
        smooth: s, in the units of the residuals.

    Example:
        >>> round(absolute()(torch.tensor([-2.0])).item(), 2)
        1.99
    """
    return Loss(lambda r: (r.square() + smooth**2).sqrt() - smooth, 1 / smooth, "absolute")


def huber(delta: float = 0.5) -> Loss:
    """½ r² up to δ, and straight beyond.

    Args:
        delta: δ, in the units of the residuals.

    Example:
        >>> huber(1.0)(torch.tensor([0.5, 3.0])).tolist()
        [0.125, 2.5]
    """
    return Loss(lambda r: torch.where(r.abs() <= delta, r.square() / 2, delta * (r.abs() - delta / 2)), 1.0, "huber")


LOSSES: dict[str, Callable[[], Loss]] = {"squared": squared, "absolute": absolute, "huber": huber}
