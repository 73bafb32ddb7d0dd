"""Steps of a transformer whose way back is written out: fewer passes over memory than autograd makes.

On a processor such steps cost what reading and writing their numbers costs, and autograd composes the way back of many
small operations, each a pass. Here the whole derivative is known:

$$ y = r x,\\quad r = (\\overline{x^2} + \\epsilon)^{-1/2}: \\qquad
   \\bar x = r (\\bar y - y\\, \\overline{\\bar y y}), $$

and turning keeps lengths, so that a norm and a turn have one way back. There is no second derivative, and asking for
one is refused.
"""

import functools
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import rms_norm

from genzoo._random import at_least_single

__all__ = ["normed", "once", "squared_relu", "turned"]

EPS = 1e-6


def normed(x: Float[Tensor, "*rest size"]) -> Float[Tensor, "*rest size"]:
    """Vectors of root mean square one.

    Args:
        x: Vectors.

    Example:
        >>> round(normed(torch.tensor([[3.0, 4.0]])).square().mean().item(), 3)
        1.0
    """
    if not torch.is_grad_enabled():
        return rms_norm(x, x.shape[-1:], eps=EPS)
    found: Tensor = _Normed.apply(x)
    return found


def turned(
    x: Float[Tensor, "*rest T size"], turn: Float[Tensor, "2 T size"], *, norm: bool = True
) -> Float[Tensor, "*rest T size"]:
    """Vectors normed, if asked, and turned pair by pair, the first half of the numbers with the second.

    They are turned in the precision of the angles, for a cosine of bfloat16 is off by the angle of many places.

    Args:
        x: Vectors.
        turn: Cosines and sines of the angles, by place, the first half of the sines negative.
        norm: Whether they are normed first.
    """
    if torch.is_grad_enabled():
        found: Tensor = _Turned.apply(x, turn, norm)
        return found
    y = (rms_norm(x, x.shape[-1:], eps=EPS) if norm else x).to(turn.dtype)
    return torch.addcmul(y * turn[0], y.roll(y.shape[-1] // 2, -1), turn[1]).to(x.dtype)


def squared_relu(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """max(0, x)².

    Args:
        x: Any numbers.

    Example:
        >>> squared_relu(torch.tensor([-1.0, 3.0]))
        tensor([0., 9.])
    """
    if not torch.is_grad_enabled():
        return x.relu().square_()
    found: Tensor = _SquaredReLU.apply(x)
    return found


def once(backward: Callable[..., Any]) -> Callable[..., Any]:
    """A way back that refuses to be differentiated again: torch's own guard lets constant gradients through, whose
    second derivative would be silently zero.

    Raises:
        RuntimeError: If a second derivative is asked for.
    """

    @functools.wraps(backward)
    def checked(ctx: Any, grad: Tensor) -> Any:
        if torch.is_grad_enabled():
            raise RuntimeError(
                "Steps whose way back is written out must be differentiated once, got create_graph=True. Take the "
                "second derivative by differences, or of another network."
            )
        return backward(ctx, grad)

    return checked


def _scale(x: Tensor) -> Tensor:
    """One over the root mean square of vectors."""
    dtype, size = at_least_single(x.dtype), x.shape[-1]
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=dtype)
    return length.square_().div_(size).add_(EPS).rsqrt_()


def _back(grad: Tensor, y: Tensor, scale: Tensor) -> Tensor:
    """The gradient of what was normed."""
    grad, y = grad.to(scale.dtype), y.to(scale.dtype)
    along = (grad * y).sum(-1, keepdim=True).div_(-y.shape[-1])
    return torch.addcmul(grad, y, along).mul_(scale)


def _rotated(x: Tensor, turn: Tensor, sign: float) -> Tensor:
    """x turned one way or, with sign −1, back; all in one type, for those that mix types convert at every pass."""
    x, out = x.to(turn.dtype), torch.empty(x.shape, dtype=turn.dtype, device=x.device)
    half = x.shape[-1] // 2
    (a, b), (first, second) = x.chunk(2, dim=-1), out.chunk(2, dim=-1)
    cos, sin = turn[0, :, half:], turn[1, :, half:]
    torch.mul(a, cos, out=first).addcmul_(b, sin, value=-sign)
    torch.mul(b, cos, out=second).addcmul_(a, sin, value=sign)
    return out


class _Normed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        scale = _scale(x)
        y = x * scale.to(x.dtype)
        ctx.save_for_backward(y, scale)
        return y

    @staticmethod
    @once
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        y, scale = ctx.saved_tensors
        return _back(grad, y, scale).to(y.dtype)


class _Turned(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, turn: Tensor, norm: bool) -> Tensor:
        out = _rotated(x, turn, 1.0)
        scale = _scale(x).to(turn.dtype) if norm else None
        y = (out if scale is None else out.mul_(scale)).to(x.dtype)
        ctx.save_for_backward(*((turn,) if scale is None else (turn, y, scale)))
        return y

    @staticmethod
    @once
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        turn, *normed = ctx.saved_tensors
        inner = _back(grad, *normed) if normed else grad
        return _rotated(inner, turn, -1.0).to(grad.dtype), None, None


class _SquaredReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        positive = x.relu()
        ctx.save_for_backward(positive)
        return positive * positive

    @staticmethod
    @once
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (positive,) = ctx.saved_tensors
        return torch.addcmul(positive.new_zeros(()), grad, positive, value=2.0)
