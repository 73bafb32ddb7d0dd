"""Mixtures of logistics as maps of a number: their distribution function, and then an affine map.

References:
    Ho, Chen, Srinivas, Duan & Abbeel, 2019, "Flow++: improving flow-based generative models with variational
        dequantization and architecture design", arXiv:1902.00275
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from genzoo.models.flows.coupling import Affine, Elementwise

__all__ = ["Logistics"]

STEPS = 100  # of the search for an inverse, which takes some ten
APART = 1.0  # where the first and the last logistic stand at first: alike they would stay alike
STEEPEST = 80.0  # log of the inverse's derivative at most, which float32 still holds
NEAR = 1e-3  # of the logit: from here on Newton's steps arrive


@dataclass(frozen=True)
class Logistics(Elementwise):
    """The distribution function F of a mixture of K logistics, back on the line, then an affine map,

    $$ z = e^{a} \\, \\log \\frac{F(x)}{1 - F(x)} + b, \\qquad
       F(x) = \\sum_k \\pi_k \\, \\sigma\\!\\Big(\\frac{x - \\mu_k}{s_k}\\Big), $$

    so an entry whose law is that mixture becomes logistic, whatever its modes and gaps. Of one logistic it is the
    affine map. All log-scales are bounded as those of `Affine` are. The inverse is found by Newton's steps within a
    bracket, $\\min_k (\\mu_k + s_k y) \\le x \\le \\max_k (\\mu_k + s_k y)$ for y the logit of F, to the precision of
    the numbers. It starts near the identity: all logistics alike would stay alike.

    Attributes:
        components: K.
        bound: c, of the log-scales of the logistics.

    Raises:
        ValueError: If there is no logistic, or the bound is not positive.

    Example:
        >>> map_, raw = Logistics(4), torch.randn(1, 14, 3)
        >>> z, ladj = map_.forward(torch.tensor([[-9.0, 0.5, 9.0]]), raw)
        >>> map_.inverse(z, raw).round(decimals=3)
        tensor([[-9.0000,  0.5000,  9.0000]])
    """

    components: int = 8
    bound: float = 7.0

    def __post_init__(self) -> None:
        if self.components < 1 or self.bound <= 0:
            raise ValueError(
                f"`components` must be at least 1 and `bound` positive, got {self.components} and {self.bound}."
            )

    @property
    def numbers(self) -> int:
        return 3 * self.components + 2

    def forward(
        self, x: Float[Tensor, "B C *rest"], raw: Float[Tensor, "B numbers C *rest"]
    ) -> tuple[Float[Tensor, "B C *rest"], Float[Tensor, "B C *rest"]]:
        inner, slope = _logit(x, *self._mixture(raw))
        z, scale = Affine().forward(inner, raw[:, -2:])
        return z, slope + scale

    def inverse(
        self, z: Float[Tensor, "B C *rest"], raw: Float[Tensor, "B numbers C *rest"]
    ) -> Float[Tensor, "B C *rest"]:
        y, mixture = Affine().inverse(z, raw[:, -2:]), self._mixture(raw)
        with torch.no_grad():
            x = _found(y, *mixture)
        if not torch.is_grad_enabled():
            return x
        again, slope = _logit(x, *mixture)  # whose derivative by y and by the parameters is that of the inverse
        off = y - again  # of which only the derivative is wanted: where F is flat, a last digit of it is far in x
        return x + (off - off.detach()) * (-slope).detach().clamp_max(STEEPEST).exp()

    def _mixture(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """log π, μ and log s."""
        weights, places, scales = raw[:, :-2].chunk(3, dim=1)
        apart = torch.linspace(-APART, APART, self.components, dtype=raw.dtype, device=raw.device)
        places = places + (apart if self.components > 1 else 0 * apart).reshape(-1, *[1] * (raw.ndim - 2))
        return weights.log_softmax(1), places, self.bound * torch.tanh(scales / self.bound)


def _logit(x: Tensor, weights: Tensor, places: Tensor, scales: Tensor) -> tuple[Tensor, Tensor]:
    """y = log F / (1 − F) of a mixture, and log ∂y/∂x."""
    at = (x.unsqueeze(1) - places) * (-scales).exp()
    below = logsigmoid(at)
    above = below - at
    under, over = (weights + below).logsumexp(1), (weights + above).logsumexp(1)
    return under - over, (weights + below + above - scales).logsumexp(1) - under - over


def _found(y: Tensor, weights: Tensor, places: Tensor, scales: Tensor) -> Tensor:
    """The x of a logit."""
    ends = places + scales.exp() * y.unsqueeze(1)
    low, high = ends.amin(1), ends.amax(1)
    x, eps = (low + high) / 2, 4 * torch.finfo(y.dtype).eps
    is_found = torch.zeros_like(y, dtype=torch.bool)
    for step in range(STEPS):
        found, slope = _logit(x, weights, places, scales)
        off = found - y
        low, high = torch.where(off < 0, x, low), torch.where(off < 0, high, x)
        newton, middle = x - off * (-slope).exp(), (low + high) / 2
        # Steps that go to and fro would narrow the bracket on one side alone, so every fourth halves it.
        is_good = (low <= newton) & (newton <= high) & ((off.abs() < NEAR) | (step % 4 < 3))
        # What is found stays: where F is flat, the next step of what is off by a last digit leads far away.
        is_found |= off.abs() <= eps * y.abs().clamp_min(1)
        last, x = x, torch.where(is_found, x, torch.where(is_good, newton, middle))
        if (is_found | ((x - last).abs() <= eps * x.abs())).all():
            break
    return x
