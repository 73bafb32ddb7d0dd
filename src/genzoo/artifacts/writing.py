"""How operations and numbers of ONNX are written down."""

from typing import Any

__all__ = ["DOUBLE", "operations", "quotient", "typed"]

DOUBLE = 11  # as ONNX counts types


def typed(value: Any, dtype: Any) -> Any:
    """A number in a type, all its digits kept."""
    from onnxscript import ir

    op = operations()
    if not isinstance(value, bool | int | float):
        return op.Cast(value, to=int(dtype))
    return op.Constant(value=ir.tensor(value, dtype=ir.DataType(dtype)))


def operations() -> Any:
    """ONNX's operations, as onnxscript writes them down."""
    from onnxscript import opset18

    return opset18


def quotient(x: Any, above: tuple[float, ...], below: tuple[float, ...]) -> Any:
    """A quotient of two polynomials, in doubles.

    Args:
        x: Doubles.
        above: The coefficients of the one, the lowest power first.
        below: Those of the other.
    """
    op = operations()

    def polynomial(coefficients: tuple[float, ...]) -> Any:
        total = typed(coefficients[-1], DOUBLE)
        for coefficient in reversed(coefficients[:-1]):
            total = op.Add(op.Mul(total, x), typed(coefficient, DOUBLE))
        return total

    return op.Div(polynomial(above), polynomial(below))
