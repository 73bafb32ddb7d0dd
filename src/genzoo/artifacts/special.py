"""Functions that ONNX lacks, that its runtime knows in single precision alone, or that it loses far out."""

import math
from collections.abc import Callable
from typing import Any

from genzoo.artifacts.writing import DOUBLE, operations, quotient, typed

__all__ = ["atan", "erf", "erfc", "log_ndtr", "log_sigmoid", "ndtr", "ndtri", "softplus"]

# erf near 0, erfc e^{x²} from there on, and far out in 1/x²: quotients of polynomials, the lowest power first.
NEAR_0 = (
    (3.20937758913846947e3, 3.77485237685302021e2, 1.13864154151050156e2, 3.16112374387056560, 1.85777706184603153e-1),
    (2.84423683343917062e3, 1.28261652607737228e3, 2.44024637934444173e2, 2.36012909523441209e1, 1.0),
)
BEYOND = (
    (1.23033935479799725e3, 2.05107837782607147e3, 1.71204761263407058e3, 8.81952221241769090e2,
     2.98635138197400131e2, 6.61191906371416295e1, 8.88314979438837594, 5.64188496988670089e-1,
     2.15311535474403846e-8),
    (1.23033935480374942e3, 3.43936767414372164e3, 4.36261909014324716e3, 3.29079923573345963e3,
     1.62138957456669019e3, 5.37181101862009858e2, 1.17693950891312499e2, 1.57449261107098347e1, 1.0),
)  # fmt: skip
BEYOND_4 = (
    (6.58749161529837803e-4, 1.60837851487422766e-2, 1.25781726111229246e-1,
     3.60344899949804439e-1, 3.05326634961232344e-1, 1.63153871373020978e-2),
    (2.33520497626869185e-3, 6.05183413124413191e-2, 5.27905102951428412e-1,
     1.87295284992346047, 2.56852019228982242, 1.0),
)  # fmt: skip


def atan(x: Any) -> Any:
    """The angle of a slope, which the runtime knows in single precision alone: the double's is a step of Newton's from
    it, tan(arctan x − y) = (x cos y − sin y) / (cos y + x sin y).

    Args:
        x: Any numbers.
    """
    op = operations()
    if x.dtype != DOUBLE:
        return op.Atan(x)
    x = op.Clip(x, typed(-1e300, DOUBLE), typed(1e300, DOUBLE))
    y = op.Cast(op.Atan(op.Cast(x, to=1)), to=DOUBLE)
    cos, sin = op.Cos(y), op.Sin(y)
    return op.Add(y, op.Div(op.Sub(op.Mul(x, cos), sin), op.Add(cos, op.Mul(x, sin))))


def erf(x: Any) -> Any:
    """2/√π ∫₀ˣ exp(−t²) dt, which the runtime knows in single precision alone.

    Args:
        x: Any numbers.

    References:
        Cody, 1969, "Rational Chebyshev approximations for the error function", Mathematics of Computation 23
    """
    op = operations()
    if x.dtype != DOUBLE:
        return op.Erf(x)
    near = op.LessOrEqual(op.Abs(x), typed(0.46875, DOUBLE))
    return op.Where(near, _near_0(x), op.Mul(op.Sign(x), op.Sub(typed(1.0, DOUBLE), _small(op.Abs(x)))))


def erfc(x: Any) -> Any:
    """1 − erf x, of which there is none.

    Args:
        x: Any numbers.
    """
    return _in_doubles(_erfc, x)


def _erfc(x: Any) -> Any:
    op = operations()
    one, two = typed(1.0, DOUBLE), typed(2.0, DOUBLE)
    beyond = _small(op.Abs(x))
    beyond = op.Where(op.Less(x, typed(0.0, DOUBLE)), op.Sub(two, beyond), beyond)
    near = op.LessOrEqual(op.Abs(x), typed(0.46875, DOUBLE))
    return op.Where(near, op.Sub(one, _near_0(x)), beyond)


def ndtr(x: Any) -> Any:
    """The standard normal's distribution, erfc(−x/√2) / 2.

    Args:
        x: Any numbers.
    """
    return _in_doubles(_ndtr, x)


def _ndtr(x: Any) -> Any:
    op = operations()
    return op.Mul(typed(0.5, DOUBLE), _erfc(op.Mul(x, typed(-math.sqrt(0.5), DOUBLE))))


def log_ndtr(x: Any) -> Any:
    """Its logarithm, finite however far out: e^{x²/2} is taken out of the distribution first.

    Args:
        x: Any numbers.
    """
    return _in_doubles(_log_ndtr, x)


def _log_ndtr(x: Any) -> Any:
    op, edge = operations(), typed(-1.0, DOUBLE)
    scaled = _beyond(op.Mul(op.Min(x, edge), typed(-math.sqrt(0.5), DOUBLE)))
    below = op.Sub(op.Log(op.Mul(scaled, typed(0.5, DOUBLE))), op.Mul(op.Mul(x, x), typed(0.5, DOUBLE)))
    above = _log1p(op.Neg(_ndtr(op.Neg(op.Max(x, edge)))))
    return op.Where(op.Less(x, edge), below, above)


def _in_doubles(function: Callable[[Any], Any], x: Any) -> Any:
    """A function of doubles, of numbers of any type."""
    op = operations()
    return op.Cast(function(op.Cast(x, to=DOUBLE)), to=int(x.dtype))


def _log1p(x: Any) -> Any:
    """log(1 + x) of doubles with all digits of a small x, log(1 + x) x / ((1 + x) − 1)."""
    op, one = operations(), typed(1.0, DOUBLE)
    more = op.Add(one, x)
    step = op.Sub(more, one)
    ratio = op.Div(op.Mul(op.Log(more), x), op.Where(op.Equal(step, typed(0.0, DOUBLE)), one, step))
    return op.Where(op.Equal(step, typed(0.0, DOUBLE)), x, ratio)


def _near_0(x: Any) -> Any:
    """erf x of a small x."""
    op = operations()
    return op.Mul(x, quotient(op.Mul(x, x), *NEAR_0))


def _beyond(x: Any) -> Any:
    """e^{x²} erfc x of x ≥ 0.47."""
    op = operations()
    inverse = op.Reciprocal(op.Mul(x, x))
    far = op.Sub(typed(1 / math.sqrt(math.pi), DOUBLE), op.Mul(inverse, quotient(inverse, *BEYOND_4)))
    return op.Where(op.Greater(x, typed(4.0, DOUBLE)), op.Div(far, x), quotient(x, *BEYOND))


def _small(x: Any) -> Any:
    """erfc x of x ≥ 0.47."""
    op = operations()
    return op.Mul(_beyond(x), op.Exp(op.Neg(op.Mul(x, x))))


def log_sigmoid(x: Any) -> Any:
    """log σ(x) = min(x, 0) − log(1 + exp(−|x|)): the logarithm of the runtime's sigmoid is −∞ from about −20 on.

    Args:
        x: Any numbers.
    """
    op = operations()
    return op.Sub(op.Min(x, typed(0, x.dtype)), op.Log(op.Add(typed(1, x.dtype), op.Exp(op.Neg(op.Abs(x))))))


# Φ⁻¹ as quotients of polynomials, the lowest power first: in the middle, in the tails and far out in them.
MIDDLE = (
    (3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
     4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3),
    (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
     2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3),
)  # fmt: skip
TAIL = (
    (1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
     1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9),
)  # fmt: skip
FAR = (
    (6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
     2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7),
    (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15),
)  # fmt: skip


def ndtri(p: Any) -> Any:
    """The standard normal's quantile, of which there is none.

    Args:
        p: Probabilities.

    References:
        Wichura, 1988, "Algorithm AS 241: The percentage points of the normal distribution", Applied Statistics 37
    """
    return _in_doubles(_ndtri, p)


def _ndtri(p: Any) -> Any:
    op = operations()

    q = op.Sub(p, typed(0.5, DOUBLE))
    middle = op.Mul(q, quotient(op.Sub(typed(0.180625, DOUBLE), op.Mul(q, q)), *MIDDLE))
    r = op.Sqrt(op.Neg(op.Log(op.Min(p, op.Sub(typed(1.0, DOUBLE), p)))))
    tail, far = quotient(op.Sub(r, typed(1.6, DOUBLE)), *TAIL), quotient(op.Sub(r, typed(5.0, DOUBLE)), *FAR)
    out = op.Where(op.IsInf(op.Cast(r, to=1)), r, op.Where(op.Greater(r, typed(5.0, DOUBLE)), far, tail))
    out = op.Mul(op.Sign(q), out)
    return op.Where(op.LessOrEqual(op.Abs(q), typed(0.425, DOUBLE)), middle, out)


def softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """log(1 + exp(βx)) / β, which the runtime knows in single precision alone; from a threshold on it is x.

    Args:
        x: Any numbers.
        beta: β.
        threshold: The least βx that is left as it is.
    """
    op = operations()
    scaled = op.Mul(x, typed(beta, x.dtype))
    tail = op.Log(op.Add(typed(1, x.dtype), op.Exp(op.Neg(op.Abs(scaled)))))
    smooth = op.Add(op.Max(scaled, typed(0, x.dtype)), tail)
    return op.Where(op.Greater(scaled, typed(threshold, x.dtype)), x, op.Div(smooth, typed(beta, x.dtype)))
