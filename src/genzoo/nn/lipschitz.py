"""Networks that stretch no distance by more than they promise."""

from collections.abc import Sequence
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear, softplus

from genzoo.nn.mlp import one_of

__all__ = ["LipschitzMLP", "spectral_bound"]

SQUARINGS = 8
STEEP = 8.0  # softplus(β) at first: a bound on all units together leaves each of them short ways
STEEPEST = 1.1  # the largest slope of h σ(βh), whatever β is: 1.0998


def spectral_bound(weight: Float[Tensor, "out in"]) -> Float[Tensor, ""]:
    """The largest singular value of a matrix from above, smooth in its entries: Schatten's norm of order p = 512,

    $$ \\sigma_1 \\le \\Big(\\sum_i \\sigma_i^p\\Big)^{1/p} = \\big(\\mathrm{tr}\\,(W W^\\top)^{p/2}\\big)^{1/p}
       \\le n^{1/p}\\, \\sigma_1, $$

    by repeated squaring. It is 1 % above for n = 128, needs no state, and unlike an iteration it is never below.

    Args:
        weight: W; n is the lesser of its sides.

    Example:
        >>> round(spectral_bound(torch.diag(torch.tensor([3.0, 1.0]))).item(), 4)
        3.0
    """
    return _Schatten.apply(weight)


class _Schatten(torch.autograd.Function):
    """With Q a matrix's square divided by its trace, and so on, the norm is a product of roots of the traces. Its
    gradient is proportional to Q₀ Q₁ ⋯ W, for 1 + 2 + 4 + ⋯ is p / 2 − 1; and a norm is its gradient times W."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor) -> Tensor:
        wide = weight.shape[0] < weight.shape[1]
        power, log, powers = weight @ weight.T if wide else weight.T @ weight, weight.new_zeros(()), list[Tensor]()
        for k in range(SQUARINGS + 1):
            size = power.diagonal().sum().clamp_min(torch.finfo(weight.dtype).tiny)
            log += size.log() / 2 ** (k + 1)
            powers.append(power / size)
            power = powers[-1] @ powers[-1]
        norm = log.exp()
        ctx.save_for_backward(weight, norm, *powers[:-1])
        ctx.wide = wide
        return norm

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        weight, norm, *powers = ctx.saved_tensors
        slope = weight
        for power in powers:
            slope = power @ slope if ctx.wide else slope @ power
        return grad * norm / (slope * weight).sum().clamp_min(torch.finfo(weight.dtype).tiny) * slope


class LipschitzMLP(nn.Module):
    """A perceptron g of two hidden layers with |g(x) − g(y)| ≤ κ |x − y|, and its derivatives written out.

    Each matrix is divided by what its `spectral_bound` exceeds κ^{1/3}; the activation is h σ(βh) / 1.1, whose slope
    neither exceeds 1 nor dies out. It bends sharply at first, for under such a bound a unit sees but a part of x. A
    condition shifts the hidden layers, which changes no slope's bound. The last layer starts at zero.

    Args:
        dims: The entries of x, and of g.
        width: Hidden entries.
        given: The width of the condition's embedding, 0 for none.
        bound: κ.

    Raises:
        ValueError: If κ is not in (0, 1).

    Example:
        >>> LipschitzMLP(2, 16)(torch.ones(5, 2)).shape
        torch.Size([5, 2])

    References:
        Miyato, Kataoka, Koyama & Yoshida, 2018, "Spectral normalization for generative adversarial networks",
            arXiv:1802.05957
        Chen, Behrmann, Duvenaud & Jacobsen, 2019, "Residual flows for invertible generative modeling",
            arXiv:1906.02735 (the activation)
    """

    def __init__(self, dims: int, width: int, given: int = 0, *, bound: float = 0.9) -> None:
        super().__init__()
        if not 0 < bound < 1:
            raise ValueError(f"`bound` must be in (0, 1), got {bound}. Take 0.9; nearer to 1 is slower to invert.")
        self.bound, self.beta = bound, nn.Parameter(torch.full((2,), STEEP))
        self.layers = nn.ModuleList([nn.Linear(dims, width), nn.Linear(width, width), nn.Linear(width, dims)])
        self.shifts = nn.Linear(given, 2 * width, bias=False) if given else None
        first, second, last = cast(Sequence[nn.Linear], self.layers)
        with torch.no_grad():  # units that bend where data in standard units are
            for layer in (first, second):
                nn.init.orthogonal_(layer.weight, bound ** (1 / 3))
            first.bias.copy_(-(first.weight * nn.init.normal_(torch.empty(width, dims))).sum(1))
        for parameter in last.parameters():
            nn.init.zeros_(parameter)

    def weights(self) -> list[Tensor]:
        """The matrices in use: taken once, they serve many calls."""
        each = self.bound ** (1 / 3)
        raw: list[Tensor] = [layer.weight for layer in self.layers]  # type: ignore[misc]
        return [weight / (spectral_bound(weight) / each).clamp_min(1.0) for weight in raw]

    def forward(self, x: Float[Tensor, "B D"], given: Float[Tensor, "B width"] | None = None) -> Float[Tensor, "B D"]:
        return self.told(x, given, self.weights())[0]

    def told(
        self, x: Float[Tensor, "B D"], given: Float[Tensor, "B width"] | None, weights: list[Tensor]
    ) -> tuple[Float[Tensor, "B D"], list[Tensor]]:
        """g and the slopes of the activations."""
        shift = self.shifts(one_of(given)).chunk(2, 1) if self.shifts is not None and given is not None else (0, 0)
        h, slopes = x, list[Tensor]()
        for i, beta in enumerate(softplus(self.beta)):
            a = linear(h, weights[i], self.layers[i].bias) + shift[i]  # type: ignore[arg-type]
            gate = torch.sigmoid(beta * a)
            h = a * gate / STEEPEST
            slopes.append((gate + beta * h * STEEPEST * (1 - gate)) / STEEPEST)
        return linear(h, weights[2], self.layers[2].bias), slopes  # type: ignore[arg-type]

    def pulled(
        self, v: Float[Tensor, "*rows D"], slopes: list[Tensor], weights: list[Tensor]
    ) -> Float[Tensor, "*all D"]:
        """v·∂g/∂x, v standing for what is summed over the entries of g."""
        return (((v @ weights[2]) * slopes[1]) @ weights[1] * slopes[0]) @ weights[0]

    def jacobian(self, slopes: list[Tensor], weights: list[Tensor]) -> Float[Tensor, "B D D"]:
        """∂g/∂x, entries of g first."""
        basis = torch.eye(weights[2].shape[0], dtype=weights[2].dtype, device=weights[2].device)
        return self.pulled(basis, [slope[:, None] for slope in slopes], weights)
