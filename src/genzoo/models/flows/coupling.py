"""Coupling layers: half of x is transformed as the other half says, so that the Jacobian is triangular.

$$ z_a = x_a, \\qquad z_b = \\tau(x_b;\\, \\theta(x_a)), \\qquad
   \\log |\\det| = \\textstyle\\sum \\log |\\partial_x \\tau(x_b; \\theta(x_a))|, $$

with any increasing τ of one number at a time: its parameters θ come from a network that is never inverted.

References:
    Dinh, Krueger & Bengio, 2015, "NICE: non-linear independent components estimation", arXiv:1410.8516
    Dinh, Sohl-Dickstein & Bengio, 2017, "Density estimation using Real NVP", arXiv:1605.08803 (affine τ)
"""

import abc
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.models.flows.bijection import Bijection, Embedded
from genzoo.nn.mlp import zeroed

__all__ = ["Additive", "Affine", "Coupling", "Elementwise", "zeroed"]


class Elementwise(abc.ABC):
    """An increasing map of each entry, by parameters of its own; the identity, or near it, where they are zero.

    Example:
        >>> Affine().numbers
        2
    """

    @property
    @abc.abstractmethod
    def numbers(self) -> int:
        """How many parameters an entry has."""

    @abc.abstractmethod
    def forward(
        self, x: Float[Tensor, "B C *rest"], raw: Float[Tensor, "B numbers C *rest"]
    ) -> tuple[Float[Tensor, "B C *rest"], Float[Tensor, "B C *rest"]]:
        """z and log ∂z/∂x, entry by entry."""

    @abc.abstractmethod
    def inverse(
        self, z: Float[Tensor, "B C *rest"], raw: Float[Tensor, "B numbers C *rest"]
    ) -> Float[Tensor, "B C *rest"]:
        """The x whose z this is."""


@dataclass(frozen=True)
class Additive(Elementwise):
    """$z = x + t$, which changes no volume.

    Example:
        >>> z, ladj = Additive().forward(torch.ones(1, 1), torch.tensor([[[2.0]]]))
        >>> z.item(), ladj.item()
        (3.0, 0.0)

    References:
        Dinh, Krueger & Bengio, 2015, "NICE: non-linear independent components estimation", arXiv:1410.8516
    """

    @property
    def numbers(self) -> int:
        return 1

    def forward(
        self, x: Float[Tensor, "B C *rest"], raw: Float[Tensor, "B 1 C *rest"]
    ) -> tuple[Float[Tensor, "B C *rest"], Float[Tensor, "B C *rest"]]:
        return x + raw[:, 0], torch.zeros_like(x)

    def inverse(self, z: Float[Tensor, "B C *rest"], raw: Float[Tensor, "B 1 C *rest"]) -> Float[Tensor, "B C *rest"]:
        return z - raw[:, 0]


@dataclass(frozen=True)
class Affine(Elementwise):
    """$z = x e^{s} + t$, its log-scale bounded, $|s| < c$ by $s = c \\tanh(\\cdot / c)$.

    Attributes:
        bound: c.

    Raises:
        ValueError: If the bound is not positive.

    Example:
        >>> z, ladj = Affine().forward(torch.ones(1, 1), torch.tensor([[[0.0], [2.0]]]))
        >>> z.item(), ladj.item()
        (3.0, 0.0)

    References:
        Dinh, Sohl-Dickstein & Bengio, 2017, "Density estimation using Real NVP", arXiv:1605.08803 (§3.2)
    """

    bound: float = 3.0

    def __post_init__(self) -> None:
        if self.bound <= 0:
            raise ValueError(f"`bound` must be positive, got {self.bound}.")

    @property
    def numbers(self) -> int:
        return 2

    def forward(
        self, x: Float[Tensor, "B C *rest"], raw: Float[Tensor, "B 2 C *rest"]
    ) -> tuple[Float[Tensor, "B C *rest"], Float[Tensor, "B C *rest"]]:
        z, scale = _Affine.apply(x, raw, self.bound)
        return z, scale

    def inverse(self, z: Float[Tensor, "B C *rest"], raw: Float[Tensor, "B 2 C *rest"]) -> Float[Tensor, "B C *rest"]:
        scale, shift = raw.unbind(1)
        return (z - shift) * (self.bound * torch.tanh(scale / -self.bound)).exp_()


class _Affine(torch.autograd.Function):
    """The affine map, its way back written out: autograd would fill each half of the parameters' gradient alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, raw: Tensor, bound: float) -> tuple[Tensor, Tensor]:
        curved = torch.div(raw[:, 0], bound).tanh_()
        log_scale = bound * curved
        scale = log_scale.exp()
        ctx.save_for_backward(x, raw, curved, scale)
        ctx.bound = bound
        return torch.addcmul(raw[:, 1], x, scale), log_scale

    @staticmethod
    def backward(ctx: Any, grad_z: Tensor, grad_scale: Tensor) -> tuple[Tensor, Tensor, None]:
        x, raw, curved, scale = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative is asked for
            log_scale = ctx.bound * torch.tanh(raw[:, 0] / ctx.bound)
            told = torch.addcmul(raw[:, 1], x, log_scale.exp()), log_scale
            to_x, to_raw = torch.autograd.grad(told, (x, raw), (grad_z, grad_scale), create_graph=True)
            return to_x, to_raw, None
        to_x, to_raw = grad_z * scale, torch.empty_like(raw)
        to_scale = torch.addcmul(grad_scale, to_x, x)
        torch.addcmul(to_scale, to_scale * curved, curved, value=-1, out=to_raw[:, 0])
        to_raw[:, 1] = grad_z
        return to_x, to_raw, None


class Coupling(Bijection):
    """A map of one half of the entries whose parameters are a function of the other half.

    The halves are contiguous along axis 1. The last layer of the network starts at zero, so the coupling starts as the
    identity.

    Args:
        net: Called as net(x_a, given), the condition embedded; `transform.numbers` times as many channels as x_b. Its
            layer `last` is set to zero.
        channels: The length of axis 1; the front half is the longer one, if it is odd.
        transform: τ.
        flip: Whether the back half is x_a, which stays; else the front half.

    Raises:
        ValueError: If there is nothing to split.

    Example:
        >>> from genzoo.nn import MLP
        >>> coupling = Coupling(MLP(2, [16], 2 * 1), channels=3)
        >>> z, ladj = coupling(torch.ones(4, 3))
        >>> torch.equal(z, torch.ones(4, 3)), ladj.tolist()
        (True, [0.0, 0.0, 0.0, 0.0])
    """

    def __init__(
        self, net: nn.Module, channels: int, transform: Elementwise | None = None, *, flip: bool = False
    ) -> None:
        super().__init__()
        if channels < 2:
            raise ValueError(f"A coupling needs at least 2 entries to split, got {channels}. Use a mixture instead.")
        self.net, self.transform, self.flip = zeroed(net), transform or Affine(), flip
        self.sizes = [(channels + 1) // 2, channels // 2]

    def forward(
        self, x: Float[Tensor, "B C *rest"], given: Embedded = None
    ) -> tuple[Float[Tensor, "B C *rest"], Float[Tensor, " B"]]:
        a, b = self._halves(x)
        z, ladj = self.transform.forward(b, self._told(a, given))
        return self._whole(a, z), ladj.flatten(1).sum(1)

    def inverse(self, z: Float[Tensor, "B C *rest"], given: Embedded = None) -> Float[Tensor, "B C *rest"]:
        a, b = self._halves(z)
        return self._whole(a, self.transform.inverse(b, self._told(a, given)))

    def extra_repr(self) -> str:
        return f"sizes={self.sizes}, transform={self.transform}, flip={self.flip}"

    def _told(self, a: Tensor, given: Embedded) -> Tensor:
        raw = self.net(a, given).to(a.dtype)  # under autocast the network is coarser than x
        return raw.unflatten(1, (self.transform.numbers, raw.shape[1] // self.transform.numbers))

    def _halves(self, x: Tensor) -> tuple[Tensor, Tensor]:
        front, back = x.split(self.sizes, dim=1)
        return (back, front) if self.flip else (front, back)

    def _whole(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.cat([b, a] if self.flip else [a, b], dim=1)
