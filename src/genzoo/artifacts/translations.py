"""Operations whose usual counterparts in ONNX say something else, far out, or are lacking in its runtime.

The exporter writes every number of Python's as a single float, and turns it into a double where one is wanted: 0.1 is
off by 1e-9, 1 - 1e-12 is 1 and 1e-300 is 0, so that what keeps a logarithm finite does so no more. Here they keep all
their digits.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from genzoo.artifacts.special import atan, erf, erfc, log_ndtr, log_sigmoid, ndtr, ndtri, softplus
from genzoo.artifacts.writing import operations, typed

__all__ = ["translations"]


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Ours, by torch's operations."""
    aten = torch.ops.aten
    return {
        aten.atan.default: atan,
        aten.clamp.default: clamp,
        aten.clamp_max.default: lambda x, most: clamp(x, None, most),
        aten.clamp_min.default: clamp,
        aten.erf.default: erf,
        aten.erfc.default: erfc,
        aten.full.default: full,
        aten.full_like.default: full_like,
        aten.hypot.default: hypot,
        aten.linspace.default: linspace,
        aten.log_sigmoid.default: log_sigmoid,
        aten.logsumexp.default: log_sum_exp,
        aten.masked_fill.Scalar: masked_fill,
        torch.ops.prims.ndtri.default: ndtri,
        aten.special_log_ndtr.default: log_ndtr,
        aten.special_ndtr.default: ndtr,
        aten.special_ndtri.default: ndtri,
        aten.scalar_tensor.default: scalar_tensor,
        aten.searchsorted.Tensor: searched,
        aten.softplus.default: softplus,
        aten.split.Tensor: split,
        aten.unbind.int: unbind,
    }


def clamp(x: Any, least: Any = None, most: Any = None) -> Any:
    """x between two numbers.

    Args:
        x: Any numbers.
        least: The least that is left, if any.
        most: The most, if any.
    """
    ends = [None if end is None else typed(end, x.dtype) for end in (least, most)]
    return operations().Clip(x, *ends)


def full(size: Any, value: Any, dtype: int = -1, *rest: Any, **others: Any) -> Any:
    """A tensor of one number.

    Args:
        size: Its shape.
        value: The number.
        dtype: Its type, as ONNX counts them; by default that of the number.
        rest: Not used.
        others: Not used.
    """
    op = operations()
    own = {bool: 9, int: 7}.get(type(value), 1)
    return op.Expand(typed(value, own if dtype == -1 else dtype), op.Cast(size, to=7))


def full_like(x: Any, value: Any, dtype: int = -1, *rest: Any, **others: Any) -> Any:
    """A tensor of one number, as large as another.

    Args:
        x: The other.
        value: The number.
        dtype: Its type, as ONNX counts them; by default x's.
        rest: Not used.
        others: Not used.
    """
    op = operations()
    return op.Expand(typed(value, x.dtype if dtype == -1 else dtype), op.Shape(x))


def hypot(x: Any, y: Any) -> Any:
    """√(x² + y²), of which there is none.

    Args:
        x: Any numbers.
        y: Others.
    """
    op = operations()
    return op.Sqrt(op.Add(op.Mul(x, x), op.Mul(y, y)))


def linspace(first: float, last: float, steps: int, dtype: int = 1, *rest: Any, **others: Any) -> Any:
    """Numbers from a first to a last, equally far apart; they are written down, for nothing decides them anew.

    Args:
        first: The first.
        last: The last.
        steps: How many.
        dtype: Their type, as ONNX counts them.
        rest: Not used.
        others: Not used.
    """
    from onnxscript import ir

    wanted = ir.DataType(1 if dtype == -1 else dtype)
    numbers = torch.linspace(first, last, steps, dtype=torch.float64).numpy()
    return operations().Constant(value=ir.tensor(numbers.astype(wanted.numpy())))


def log_sum_exp(x: Any, dim: Sequence[int] | int, keepdim: bool = False) -> Any:
    """The logarithm of a sum of exponentials: the runtime's is −∞ where one term is, and all others are below −100.

    Args:
        x: Any numbers.
        dim: The axes of the sum.
        keepdim: Whether they stay.
    """
    op = operations()
    axes = [dim] if isinstance(dim, int) else list(dim)
    most = op.ReduceMax(x, op.Constant(value_ints=axes), keepdims=1)
    most = op.Where(op.IsInf(op.Cast(most, to=1)), typed(0, x.dtype), most)
    total = op.ReduceSum(op.Exp(op.Sub(x, most)), op.Constant(value_ints=axes), keepdims=1)
    logs = op.Add(op.Log(total), most)
    return logs if keepdim else op.Squeeze(logs, op.Constant(value_ints=axes))


def masked_fill(x: Any, mask: Any, value: Any) -> Any:
    """x, and a number where a mask is.

    Args:
        x: Any numbers.
        mask: The mask.
        value: The number.
    """
    return operations().Where(mask, typed(value, x.dtype), x)


def scalar_tensor(value: Any, dtype: int = -1, *rest: Any, **others: Any) -> Any:
    """A number as a tensor.

    Args:
        value: The number.
        dtype: Its type, as ONNX counts them; floats where none is told.
        rest: Not used.
        others: Not used.
    """
    return typed(value, 1 if dtype == -1 else dtype)


def searched(edges: Any, x: Any, out_int32: bool = False, right: bool = False, *rest: Any, **others: Any) -> Any:
    """How many edges lie below each number.

    Args:
        edges: In rising order, for all numbers or for each row of them.
        x: Any numbers.
        out_int32: Whether the answer has 32 bits.
        right: Whether an edge that is the number counts too.
        rest: Not used.
        others: Not used.
    """
    op = operations()
    each, edges = op.Unsqueeze(x, op.Constant(value_ints=[-1])), op.Unsqueeze(edges, op.Constant(value_ints=[-2]))
    below = op.GreaterOrEqual(each, edges) if right else op.Greater(each, edges)
    return op.ReduceSum(op.Cast(below, to=6 if out_int32 else 7), op.Constant(value_ints=[-1]), keepdims=0)


def split(x: Any, size: int, dim: int = 0) -> Any:
    """Parts of an axis; rows, of which a graph takes no more than one part, are one.

    Args:
        x: Any numbers.
        size: The length of a part.
        dim: The axis.
    """
    op = operations()
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
    op = operations()
    return [op.Gather(x, op.Constant(value_int=i), axis=dim) for i in range(int(x.shape[dim]))]
