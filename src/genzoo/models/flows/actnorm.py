"""Activation normalization: a scale and shift of each channel that starts from data."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.models.flows.bijection import Bijection, Embedded

__all__ = ["ActNorm"]

FLAT = 1e-6  # a spread below it is that of a constant


class ActNorm(Bijection):
    """A learned scale and shift of each channel (of each entry of a vector),

    $$ z = (x - m)\\,e^{-s}, $$

    set from the first rows it sees so that z starts with mean 0 and variance 1. Afterwards m and s are parameters like
    any others: unlike batch normalization, no row depends on another.

    Args:
        channels: The length of axis 1.

    Attributes:
        started: Whether m and s were set from data; a second start is passed over.

    Example:
        >>> norm = ActNorm(2)
        >>> z = norm.start(torch.tensor([[10.0, 1.0], [30.0, 3.0]]))
        >>> z.mean(0).round().tolist(), z.square().mean().round().item(), bool(norm.started)
        ([0.0, 0.0], 1.0, True)

    References:
        Kingma & Dhariwal, 2018, "Glow: generative flow with invertible 1×1 convolutions", arXiv:1807.03039 (§3.1)
    """

    started: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(channels))
        self.log_scale = nn.Parameter(torch.zeros(channels))
        self.register_buffer("started", torch.zeros((), dtype=torch.bool))

    def forward(
        self, x: Float[Tensor, "B C *rest"], given: Embedded = None
    ) -> tuple[Float[Tensor, "B C *rest"], Float[Tensor, " B"]]:
        z, ladj = _Normed.apply(x, *self._shaped(x))
        return z, ladj.expand(len(x))

    def inverse(self, z: Float[Tensor, "B C *rest"], given: Embedded = None) -> Float[Tensor, "B C *rest"]:
        mean, log_scale = self._shaped(z)
        return torch.addcmul(mean, z, log_scale.exp())

    @torch.no_grad()
    def start(self, x: Float[Tensor, "B C *rest"], given: Embedded = None) -> Float[Tensor, "B C *rest"]:
        if not self.started:
            entries = x.transpose(0, 1).flatten(1).double()  # (C, everything else)
            spread = entries.std(1, correction=0)
            self.mean.copy_(entries.mean(1))
            self.log_scale.copy_(torch.where(spread > FLAT, spread, 1).log())
            self.started.fill_(True)
        return self(x)[0]

    def _shaped(self, x: Tensor) -> tuple[Tensor, Tensor]:
        shape = (1, -1, *[1] * (x.ndim - 2))
        return self.mean.reshape(shape), self.log_scale.reshape(shape)


class _Normed(torch.autograd.Function):
    """z and the ladj of a row, the way back written out: it takes a third of the operations that autograd would."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, mean: Tensor, log_scale: Tensor) -> tuple[Tensor, Tensor]:
        scale = (-log_scale).exp()
        z = torch.addcmul(-mean * scale, x, scale)
        ctx.save_for_backward(x, mean, log_scale, scale, z)
        return z, -log_scale.sum() * _pixels(x)

    @staticmethod
    def backward(ctx: Any, grad_z: Tensor, grad_ladj: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, mean, log_scale, scale, z = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative is asked for
            told = (x - mean) * (-log_scale).exp(), -log_scale.sum() * _pixels(x)
            back = torch.autograd.grad(told, (x, mean, log_scale), (grad_z, grad_ladj), create_graph=True)
            return back[0], back[1], back[2]
        axes = [axis for axis in range(x.ndim) if axis != 1]
        to_scale = (grad_z * z).sum(axes, keepdim=True).add_(_pixels(x) * grad_ladj).neg_()
        return grad_z * scale, -scale * grad_z.sum(axes, keepdim=True), to_scale


def _pixels(x: Tensor) -> int:
    """How many numbers of a row a channel holds."""
    return x[0, 0].numel() if len(x) else 0
