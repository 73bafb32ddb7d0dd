"""A learned mixing of channels: a shuffle generalized."""

from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear

from genzoo.models.flows.bijection import Bijection, Embedded

__all__ = ["Kind", "Mixing"]

Kind = Literal["lu", "plain"]


class Mixing(Bijection):
    """The same invertible matrix at every pixel (a 1×1 convolution), or one for a vector,

    $$ z_{hw} = W x_{hw}, \\qquad \\log |\\det| = H W \\log |\\det W|. $$

    It starts as a random rotation. As W = P L (U + diag s), P the permutation and the signs of s fixed, the
    determinant costs a sum, $\\sum \\log |s|$, and no s can pass through zero; a plain W costs a decomposition.

    Args:
        channels: The length of axis 1.
        kind: "lu" or "plain".

    Raises:
        ValueError: If the kind is unknown; from both ways, if W has become singular, or holds NaN.

    Example:
        >>> mixing, x = Mixing(3), torch.randn(5, 3, 4, 4)
        >>> z, ladj = mixing(x)
        >>> bool(torch.allclose(mixing.inverse(z), x, atol=1e-5)), bool((ladj.abs() < 1e-4).all())
        (True, True)

    References:
        Kingma & Dhariwal, 2018, "Glow: generative flow with invertible 1×1 convolutions", arXiv:1807.03039 (§3.2)
    """

    permutation: Tensor
    signs: Tensor

    def __init__(self, channels: int, kind: Kind = "lu") -> None:
        super().__init__()
        if kind not in get_args(Kind):
            raise ValueError(f"`kind` must be lu or plain, got {kind!r}. Take lu.")
        self.kind, rotation = kind, nn.init.orthogonal_(torch.empty(channels, channels))
        if kind == "plain":
            self.weight = nn.Parameter(rotation)
            return
        permutation, lower, upper = torch.linalg.lu(rotation)
        scale = upper.diagonal()
        self.register_buffer("permutation", permutation)
        self.register_buffer("signs", scale.sign())
        self.log_scale = nn.Parameter(scale.abs().log())
        self.lower, self.upper = nn.Parameter(lower.tril(-1)), nn.Parameter(upper.triu(1))

    def forward(
        self, x: Float[Tensor, "B C *rest"], given: Embedded = None
    ) -> tuple[Float[Tensor, "B C *rest"], Float[Tensor, " B"]]:
        weight, log_det = self._matrix()
        pixels = x[0, 0].numel() if len(x) else 0
        return _mixed(x, weight), (pixels * log_det).to(x.dtype).expand(len(x))

    def inverse(self, z: Float[Tensor, "B C *rest"], given: Embedded = None) -> Float[Tensor, "B C *rest"]:
        weight, _ = self._matrix()
        if self.kind == "plain":
            return _mixed(z, weight.inverse())
        lower, upper = self._triangles()
        inner = torch.linalg.solve_triangular(lower, self.permutation.T, upper=False, unitriangular=True)
        return _mixed(z, torch.linalg.solve_triangular(upper, inner, upper=True))

    def extra_repr(self) -> str:
        return f"kind={self.kind!r}"

    def _matrix(self) -> tuple[Tensor, Tensor]:
        """W and log |det W|."""
        weight: Tensor
        if self.kind == "plain":
            weight, log_det = self.weight, torch.linalg.slogdet(self.weight).logabsdet
        else:
            lower, upper = self._triangles()
            weight, log_det = self.permutation @ lower @ upper, self.log_scale.sum()
        if not log_det.isfinite():
            lu = ", or take kind='lu'" if self.kind == "plain" else ""
            raise ValueError(
                "A mixing must have an inverse, got a singular matrix or one of NaN. "
                f"Load an earlier checkpoint, lower lr{lu}."
            )
        return weight, log_det

    def _triangles(self) -> tuple[Tensor, Tensor]:
        one = torch.eye(len(self.signs), dtype=self.lower.dtype, device=self.lower.device)
        return self.lower.tril(-1) + one, self.upper.triu(1) + (self.signs * self.log_scale.exp()).diag()


def _mixed(x: Tensor, weight: Tensor) -> Tensor:
    """The matrix at every pixel."""
    weight = weight.to(x.dtype)
    return linear(x, weight) if x.ndim == 2 else torch.einsum("oc,bc...->bo...", weight, x)
