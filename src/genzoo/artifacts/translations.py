"""Operations whose usual counterparts in ONNX say something else, far out, or are lacking in its runtime.

The exporter writes every number of Python's as a single float, and turns it into a double where one is wanted: 0.1 is
off by 1e-9, 1 - 1e-12 is 1 and 1e-300 is 0, so that what keeps a logarithm finite does so no more. Here they keep all
their digits.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch

__all__ = ["translations"]


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Ours, by torch's operations."""
    aten = torch.ops.aten
    return {
        aten.atan.default: atan,
        aten.clamp.default: clamp,
        aten.clamp_max.default: lambda x, most: clamp(x, None, most),
        aten.clamp_min.default: clamp,
        aten.full.default: full,
        aten.full_like.default: full_like,
        aten.hypot.default: hypot,
        aten.linspace.default: linspace,
        aten.log_sigmoid.default: log_sigmoid,
        aten.logsumexp.default: log_sum_exp,
        aten.masked_fill.Scalar: masked_fill,
        aten.scalar_tensor.default: scalar_tensor,
        aten.searchsorted.Tensor: searched,
        aten.softplus.default: softplus,
        aten.split.Tensor: split,
        aten.unbind.int: unbind,
    }


def atan(x: Any) -> Any:
    """The angle of a slope, which the runtime knows in single precision alone: the double's is a step of Newton's from
    it, tan(arctan x − y) = (x cos y − sin y) / (cos y + x sin y).

    Args:
        x: Any numbers.
    """
    op = _operations()
    if x.dtype.name != "DOUBLE":
        return op.Atan(x)
    y = op.CastLike(op.Atan(op.Cast(x, to=1)), x)
    cos, sin = op.Cos(y), op.Sin(y)
    return op.Add(y, op.Div(op.Sub(op.Mul(x, cos), sin), op.Add(cos, op.Mul(x, sin))))


def clamp(x: Any, least: Any = None, most: Any = None) -> Any:
    """x between two numbers.

    Args:
        x: Any numbers.
        least: The least that is left, if any.
        most: The most, if any.
    """
    ends = [None if end is None else _typed(end, x.dtype) for end in (least, most)]
    return _operations().Clip(x, *ends)


def full(size: Any, value: Any, dtype: int = -1, *rest: Any, **others: Any) -> Any:
    """A tensor of one number.

    Args:
        size: Its shape.
        value: The number.
        dtype: Its type, as ONNX counts them; by default that of the number.
        rest: Not used.
        others: Not used.
    """
    op = _operations()
    own = {bool: 9, int: 7}.get(type(value), 1)
    return op.Expand(_typed(value, own if dtype == -1 else dtype), op.Cast(size, to=7))


def full_like(x: Any, value: Any, dtype: int = -1, *rest: Any, **others: Any) -> Any:
    """A tensor of one number, as large as another.

    Args:
        x: The other.
        value: The number.
        dtype: Its type, as ONNX counts them; by default x's.
        rest: Not used.
        others: Not used.
    """
    op = _operations()
    return op.Expand(_typed(value, x.dtype if dtype == -1 else dtype), op.Shape(x))


def hypot(x: Any, y: Any) -> Any:
    """√(x² + y²), of which there is none.

    Args:
        x: Any numbers.
        y: Others.
    """
    op = _operations()
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
    import onnx_ir

    wanted = onnx_ir.DataType(1 if dtype == -1 else dtype)
    numbers = torch.linspace(first, last, steps, dtype=torch.float64).numpy()
    return _operations().Constant(value=onnx_ir.tensor(numbers.astype(wanted.numpy())))


def log_sigmoid(x: Any) -> Any:
    """log σ(x) = min(x, 0) − log(1 + exp(−|x|)): the logarithm of the runtime's sigmoid is −∞ from about −20 on.

    Args:
        x: Any numbers.
    """
    op = _operations()
    return op.Sub(op.Min(x, _typed(0, x.dtype)), op.Log(op.Add(_typed(1, x.dtype), op.Exp(op.Neg(op.Abs(x))))))


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
    most = op.Where(op.IsInf(op.Cast(most, to=1)), _typed(0, x.dtype), most)
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
    return _operations().Where(mask, _typed(value, x.dtype), x)


def scalar_tensor(value: Any, dtype: int = -1, *rest: Any, **others: Any) -> Any:
    """A number as a tensor.

    Args:
        value: The number.
        dtype: Its type, as ONNX counts them; floats where none is told.
        rest: Not used.
        others: Not used.
    """
    return _typed(value, 1 if dtype == -1 else dtype)


def searched(edges: Any, x: Any, out_int32: bool = False, right: bool = False, *rest: Any, **others: Any) -> Any:
    """How many edges lie below each number.

    Args:
        edges: In rising order.
        x: Any numbers.
        out_int32: Whether the answer has 32 bits.
        right: Whether an edge that is the number counts too.
        rest: Not used.
        others: Not used.
    """
    op = _operations()
    if len(edges.shape) > 1:
        raise NotImplementedError("edges of each row")
    each = op.Unsqueeze(x, op.Constant(value_ints=[-1]))
    below = op.GreaterOrEqual(each, edges) if right else op.Greater(each, edges)
    return op.ReduceSum(op.Cast(below, to=6 if out_int32 else 7), op.Constant(value_ints=[-1]), keepdims=0)


def softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """log(1 + exp(βx)) / β, which the runtime knows in single precision alone; from a threshold on it is x.

    Args:
        x: Any numbers.
        beta: β.
        threshold: The least βx that is left as it is.
    """
    op = _operations()
    scaled = op.Mul(x, _typed(beta, x.dtype))
    tail = op.Log(op.Add(_typed(1, x.dtype), op.Exp(op.Neg(op.Abs(scaled)))))
    smooth = op.Add(op.Max(scaled, _typed(0, x.dtype)), tail)
    return op.Where(op.Greater(scaled, _typed(threshold, x.dtype)), x, op.Div(smooth, _typed(beta, x.dtype)))


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


def _typed(value: Any, dtype: Any) -> Any:
    """A number in a type, all its digits kept."""
    import onnx_ir

    op = _operations()
    if not isinstance(value, bool | int | float):
        return op.Cast(value, to=int(dtype))
    return op.Constant(value=onnx_ir.tensor(value, dtype=onnx_ir.DataType(dtype)))


def _operations() -> Any:
    """ONNX's operations, as onnxscript writes them down."""
    from onnxscript import opset18

    return opset18
