"""Operators: what of x a measurement sees.

$$ y \\sim p(y \\mid A(x)). $$

An operator works on numbers, x in [0, 1] where x is made of levels and in its own units where it is real; rows of x go
in, rows of y come out. Of a linear one the adjoint follows by differentiation, so that it is exact by construction,
and the pseudo-inverse by conjugate gradients; where both are known in closed form, an operator says so.
"""

import abc
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from genzoo.core.model import Unsupported

__all__ = ["SVD", "Composed", "Identity", "Linear", "Operator", "conjugate_gradients", "ways"]

ENTRIES = 1 << 24  # of a matrix, at most
BLOCK = 1 << 22  # numbers of the unit matrix that are sent through at a time


class Operator(nn.Module, abc.ABC):
    """y = A(x), one measurement for each row.

    What it is made of (a mask, a kernel, angles) are buffers, of all rows or one for each.

    Args:
        domain: The shape of one x.
        range: The shape of one y.
    """

    def __init__(self, domain: tuple[int, ...], range: tuple[int, ...]) -> None:
        super().__init__()
        self.domain, self.range = tuple(domain), tuple(range)

    @abc.abstractmethod
    def forward(self, x: Float[Tensor, "B *domain"]) -> Float[Tensor, "B *range"]:
        """A(x), differentiable."""

    @property
    def counted(self) -> Bool[Tensor, "..."] | None:
        """Which entries of y are measurements, for all rows or for each; None: all are. The others are 0, and say
        nothing."""
        return None

    @property
    def by_row(self) -> bool:
        """Whether each row has an operator of its own."""
        return False

    def rows(self, index: Int[Tensor, " n"]) -> "Operator":
        """The operator of some rows, in any order and as often as wanted."""
        if self.by_row:
            raise NotImplementedError(f"{type(self).__name__} must say what its rows are.")
        return self

    def extra_repr(self) -> str:
        return f"{_axes(self.domain)} → {_axes(self.range)}"


class SVD(NamedTuple):
    """A = U diag(values) Vᵀ, U and V being functions of rows.

    Attributes:
        values: One for each entry of y.
        u: From coefficients to y.
        v: From coefficients to x.
        ut: From y to coefficients.
        vt: From x to coefficients.
    """

    values: Float[Tensor, " *range"]
    u: Callable[[Tensor], Tensor]
    v: Callable[[Tensor], Tensor]
    ut: Callable[[Tensor], Tensor]
    vt: Callable[[Tensor], Tensor]


class Linear(Operator):
    """y = A x.

    Example:
        >>> class Mean(Linear):
        ...     def forward(self, x):
        ...         return x.mean(1, keepdim=True)
        >>> mean = Mean((3,), (1,))
        >>> mean.adjoint(torch.ones(1, 1)), mean.pinv(torch.ones(1, 1)).round(decimals=4), mean.matrix().shape
        (tensor([[0.3333, 0.3333, 0.3333]]), tensor([[1., 1., 1.]]), torch.Size([1, 3]))
    """

    def adjoint(self, y: Float[Tensor, "B *range"]) -> Float[Tensor, "B *domain"]:
        """Aᵀ y; by default the product of y with the Jacobian of `forward`."""
        with torch.enable_grad():
            x = y.new_zeros(len(y), *self.domain, requires_grad=True)
            (found,) = torch.autograd.grad(self(x), x, y, create_graph=y.requires_grad, materialize_grads=True)
        return found

    def gram(self) -> Float[Tensor, "..."] | None:
        """The diagonal of A Aᵀ in the shape of y, for all rows or for each, where there is nothing beside it; None
        where there is."""
        return None

    def pinv(
        self, y: Float[Tensor, "B *range"], *, ridge: float = 0.0, iterations: int = 200
    ) -> Float[Tensor, "B *domain"]:
        """A⁺ y, the shortest x that A brings nearest to y; with a ridge Aᵀ (A Aᵀ + ridge)⁻¹ y.

        Args:
            y: Measurements.
            ridge: What is added to A Aᵀ.
            iterations: Of conjugate gradients, at most, where A Aᵀ is not diagonal.
        """
        if (gram := self.gram()) is not None:
            weights = gram.to(y) + ridge
            return self.adjoint(torch.where(weights > 0, y / weights.clamp_min(1e-300), 0))
        # of x, not of y: A Aᵀ v = y has no solution where noise leaves what A reaches, Aᵀ A x = Aᵀ y always has
        fine = torch.finfo(y.dtype).eps ** 1.5  # since y may be far off where Aᵀ y is not
        return conjugate_gradients(
            lambda x: self.adjoint(self(x)) + ridge * x, self.adjoint(y), iterations, tolerance=fine
        )

    def svd(self) -> SVD:
        """The singular values and vectors.

        Raises:
            Unsupported: If they are not known in closed form.
        """
        gram = self.gram()
        if gram is None or self.by_row:
            raise Unsupported(
                f"{type(self).__name__} has no singular vectors in closed form. Take `matrix()` and torch.linalg.svd "
                "where it is small, or a method that asks for A and its adjoint alone."
            )
        values = gram.sqrt()
        inverse = torch.where(values > 0, 1 / values.clamp_min(1e-300), 0)

        def same(c: Tensor) -> Tensor:
            return c

        return SVD(values, same, lambda c: self.adjoint(c * inverse.to(c)), same, lambda x: self(x) * inverse.to(x))

    def matrix(self, dtype: torch.dtype | None = None) -> Float[Tensor, "m D"]:
        """A as a matrix, rows of entries that are no measurements left out.

        Raises:
            Unsupported: If it would be too large, or each row has its own.
        """
        m, d = math.prod(self.range), math.prod(self.domain)
        if m * d > ENTRIES or self.by_row:
            raise Unsupported(
                f"A matrix must be of all rows and have at most {ENTRIES:,} entries, got {m:,} × {d:,}"
                f"{', one for each row' * self.by_row}. Take a method that asks for A and its adjoint alone."
            )
        unit = torch.eye(d, dtype=dtype or torch.float64, device=self.device)
        found = torch.cat([self(part.unflatten(1, self.domain)).flatten(1) for part in unit.split(max(1, BLOCK // d))])
        return found.T if self.counted is None else found.T[self.counted.expand(self.range).flatten()]

    def __matmul__(self, other: "Linear") -> "Linear":
        """The one after the other, (A B) x = A (B x)."""
        return Composed(self, other)

    @property
    def device(self) -> torch.device:
        """Where its buffers are."""
        return next((buffer.device for buffer in self.buffers()), torch.device("cpu"))


class Composed(Linear):
    """A B.

    Args:
        outer: A.
        inner: B.

    Raises:
        ValueError: If A does not take what B makes.

    Example:
        >>> (Identity((4,)) @ Identity((4,))).matrix().trace()
        tensor(4., dtype=torch.float64)
    """

    def __init__(self, outer: Linear, inner: Linear) -> None:
        if outer.domain != inner.range:
            raise ValueError(
                f"The operator on the left must take what the one on the right makes, got {outer} after {inner}. "
                f"Build it over {inner.range}."
            )
        super().__init__(inner.domain, outer.range)
        self.outer, self.inner = outer, inner

    def forward(self, x: Float[Tensor, "B *domain"]) -> Float[Tensor, "B *range"]:
        found: Tensor = self.outer(self.inner(x))
        return found

    def adjoint(self, y: Float[Tensor, "B *range"]) -> Float[Tensor, "B *domain"]:
        return self.inner.adjoint(self.outer.adjoint(y))

    def gram(self) -> Float[Tensor, "..."] | None:
        inner = self.inner.gram()
        if inner is None or inner.unique().numel() != 1:
            return None
        outer = self.outer.gram()
        return None if outer is None else outer * inner.flatten()[0]

    @property
    def counted(self) -> Bool[Tensor, "..."] | None:
        return self.outer.counted

    @property
    def by_row(self) -> bool:
        return self.outer.by_row or self.inner.by_row

    def rows(self, index: Int[Tensor, " n"]) -> "Operator":
        outer, inner = self.outer.rows(index), self.inner.rows(index)
        assert isinstance(outer, Linear)
        assert isinstance(inner, Linear)
        return Composed(outer, inner)


class Identity(Linear):
    """y = x: all that is lost is lost in the channel.

    Args:
        shape: The shape of one x.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(shape, shape)

    def forward(self, x: Float[Tensor, "B *domain"]) -> Float[Tensor, "B *range"]:
        return x

    def adjoint(self, y: Float[Tensor, "B *range"]) -> Float[Tensor, "B *domain"]:
        return y

    def gram(self) -> Float[Tensor, "..."]:
        return torch.ones(self.range)


def conjugate_gradients(
    apply: Callable[[Tensor], Tensor], y: Float[Tensor, "B *any"], iterations: int, *, tolerance: float = 1e-12
) -> Float[Tensor, "B *any"]:
    """Solutions of M v = y, row by row, M symmetric and positive semidefinite; of least length where y has one.

    Args:
        apply: M.
        y: Right-hand sides.
        iterations: How many, at most.
        tolerance: The share of |y|² at which a row is done.

    Example:
        >>> conjugate_gradients(lambda v: v * torch.tensor([1.0, 4.0]), torch.ones(1, 2), 2)
        tensor([[1.0000, 0.2500]])
    """
    v = torch.zeros_like(y)
    for step, way in ways(apply, y, iterations, tolerance=tolerance):
        v = v + step * way
    return v


def ways(
    apply: Callable[[Tensor], Tensor], y: Float[Tensor, "B *any"], iterations: int, *, tolerance: float = 1e-12
) -> Iterator[tuple[Tensor, Tensor]]:
    """The steps of `conjugate_gradients`: how far each row goes, and along what; `apply` was last asked of the latter.

    Any linear map of the solution can be summed on the way, at no further call of what `apply` has seen of it.

    Args:
        apply: M.
        y: Right-hand sides.
        iterations: How many, at most.
        tolerance: The share of |y|² at which a row is done.
    """
    rest = way = y
    length = _dots(rest, rest)
    enough = tolerance * length
    for _ in range(iterations):
        image = apply(way)
        goes = (length > enough) & (_dots(way, image) > 0)
        if not bool(goes.any()):
            break
        step = torch.where(goes, length / _dots(way, image).clamp_min(1e-300), 0)
        yield step, way
        rest = rest - step * image
        new = _dots(rest, rest)
        way = rest + torch.where(goes, new / length.clamp_min(1e-300), 0) * way
        length = torch.where(goes, new, length)


def _dots(a: Tensor, b: Tensor) -> Tensor:
    """The inner product of each pair of rows, shaped to go with them."""
    return (a * b).flatten(1).sum(1).reshape(-1, *[1] * (a.ndim - 1))


def _axes(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "one"
