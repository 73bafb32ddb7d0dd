"""Operations whose usual counterparts in ONNX say something else, far out, or are lacking in its runtime."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

__all__ = ["translations"]


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Ours, by torch's operations."""
    aten = torch.ops.aten
    return {
        aten.hypot.default: hypot,
        aten.log_sigmoid.default: log_sigmoid,
        aten.logsumexp.default: log_sum_exp,
        aten.split.Tensor: split,
        aten.unbind.int: unbind,
    }


def hypot(x: Any, y: Any) -> Any:
    """√(x² + y²), of which there is none.

    Args:
        x: Any numbers.
        y: Others.
    """
    op = _operations()
    return op.Sqrt(op.Add(op.Mul(x, x), op.Mul(y, y)))


def log_sigmoid(x: Any) -> Any:
    """log σ(x) = min(x, 0) − log(1 + exp(−|x|)): the logarithm of the runtime's sigmoid is −∞ from about −20 on.

    Args:
        x: Any numbers.
    """
    op = _operations()
    return op.Sub(op.Min(x, op.CastLike(0.0, x)), op.Log(op.Add(op.CastLike(1.0, x), op.Exp(op.Neg(op.Abs(x))))))


def log_sum_exp(x: Any, dim: Sequence[int] | int, keepdim: bool = False) -> Any:
    """The logarithm of a sum of exponentials: the runtime's is −∞ where one term is, and all others are below −100.

    Args:
        x: Any numbers.
        dim: The axes of the sum.
        keepdim: Whether they stay.
    """
    op = _operations()
    axes = [dim] if isinstance(dim, int) else list(dim)
    most = op.ReduceMax(x, op.Constant(value_ints=axes), keepdims=1)
    most = op.Where(op.IsInf(op.Cast(most, to=1)), op.CastLike(0.0, x), most)
    total = op.ReduceSum(op.Exp(op.Sub(x, most)), op.Constant(value_ints=axes), keepdims=1)
    logs = op.Add(op.Log(total), most)
    return logs if keepdim else op.Squeeze(logs, op.Constant(value_ints=axes))


def split(x: Any, size: int, dim: int = 0) -> Any:
    """Parts of an axis; rows, of which a graph takes no more than one part, are one.

    Args:
        x: Any numbers.
        size: The length of a part.
        dim: The axis.
    """
    op = _operations()
    length = x.shape[dim]
    if not isinstance(length, int):
        return [op.Identity(x)]
    ends = [(first, min(first + size, length)) for first in range(0, length, size)]
    axis = op.Constant(value_ints=[dim])
    return [op.Slice(x, op.Constant(value_ints=[a]), op.Constant(value_ints=[b]), axis) for a, b in ends]


def unbind(x: Any, dim: int = 0) -> Any:
    """The slices along an axis: the runtime's way, by sequences, is lacking for some types.

    Args:
        x: Any numbers.
        dim: The axis.
    """
    op = _operations()
    return [op.Gather(x, op.Constant(value_int=i), axis=dim) for i in range(int(x.shape[dim]))]


def _operations() -> Any:
    """ONNX's operations, as onnxscript writes them down."""
    from onnxscript import opset18

    return opset18
