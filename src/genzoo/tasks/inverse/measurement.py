"""Measurements: an operator, what it gave, and what lies between the two.

$$ y \\sim p(y \\mid A(x)), \\qquad \\log p(y \\mid x) = \\sum_i \\log p(y_i \\mid A(x)_i). $$

A channel says how a measurement differs from A(x): by Gaussian noise, by counts of photons, not at all, or in that
only the interval is known in which A(x)_i lies, as after rounding.
"""

import abc
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from genzoo.core.abilities import NumbersLike
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.tasks.inverse.operator import Linear, Operator

__all__ = [
    "Channel", "Exact", "Gaussian", "Interval", "Measurement", "Poisson", "as_numbers", "in_space", "measure",
]  # fmt: skip

TINY = 1e-6  # by which an exact measurement may be missed


class Channel(abc.ABC):
    """p(y_i | a_i) of each entry, a = A(x)."""

    @abc.abstractmethod
    def draw(self, clean: Float[Tensor, "B *range"], noise: Noise) -> Float[Tensor, "B *range"]:
        """Measurements of A(x)."""

    @abc.abstractmethod
    def log_prob(self, y: Float[Tensor, "*any"], clean: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """log p(y_i | a_i)."""

    @abc.abstractmethod
    def variance(self, clean: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """The variance of y_i given a_i: what methods go by that take noise for Gaussian."""


@dataclass(frozen=True)
class Gaussian(Channel):
    """y_i = a_i + σ ε_i.

    Args:
        sigma: σ, one number or one for each entry of y.

    Raises:
        ValueError: If σ is not positive.

    Example:
        >>> Gaussian(0.5).log_prob(torch.zeros(1), torch.zeros(1))
        tensor([-0.2258])
    """

    sigma: float | Tensor

    def __post_init__(self) -> None:
        if not bool((torch.as_tensor(self.sigma) > 0).all()):
            raise ValueError(
                f"`sigma` must be positive, got {self.sigma}. Without noise the channel is Exact(), in words `exact`."
            )

    def draw(self, clean: Float[Tensor, "B *range"], noise: Noise) -> Float[Tensor, "B *range"]:
        return clean + self.sigma * noise.normal(*clean.shape, dtype=clean.dtype)

    def log_prob(self, y: Float[Tensor, "*any"], clean: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        sigma = torch.as_tensor(self.sigma).to(clean)
        return -((y - clean) / sigma).square() / 2 - sigma.log() - math.log(2 * math.pi) / 2

    def variance(self, clean: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        return torch.as_tensor(self.sigma).to(clean).square().expand_as(clean)


@dataclass(frozen=True)
class Poisson(Channel):
    """Counts of photons, as shares of the brightest: c_i ~ Poisson(peak · a_i), y_i = c_i / peak.

    Args:
        peak: The photons expected of a_i = 1.

    Raises:
        ValueError: If the peak is not positive.

    Example:
        >>> y = Poisson(100.0).draw(torch.full((1, 1000), 0.5), Noise(0))
        >>> round(y.mean().item(), 2), round(y.std().item(), 3)
        (0.5, 0.072)
    """

    peak: float

    def __post_init__(self) -> None:
        if self.peak <= 0:
            raise ValueError(f"`peak` must be positive, got {self.peak}. It is the photons expected of an entry of 1.")

    def draw(self, clean: Float[Tensor, "B *range"], noise: Noise) -> Float[Tensor, "B *range"]:
        from scipy.stats import poisson

        u = noise.uniform(*clean.shape, dtype=torch.float64).cpu().numpy()
        rate = (self.peak * clean.double()).clamp_min(0).cpu().numpy()
        return torch.as_tensor(poisson.ppf(u, rate)).to(clean).clamp_min(0) / self.peak

    def log_prob(self, y: Float[Tensor, "*any"], clean: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        rate, count = (self.peak * clean).clamp_min(1e-6), self.peak * y
        return count * rate.log() - rate - torch.lgamma(count + 1)

    def variance(self, clean: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        return (clean.clamp_min(0) + 1 / self.peak) / self.peak  # one photon at least, so that darkness is not certain


@dataclass(frozen=True)
class Exact(Channel):
    """y_i = a_i.

    Args:
        tolerance: By how much rounding may miss it.
    """

    tolerance: float = TINY

    def draw(self, clean: Float[Tensor, "B *range"], noise: Noise) -> Float[Tensor, "B *range"]:
        return clean

    def log_prob(self, y: Float[Tensor, "*any"], clean: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        close = (y - clean).abs() <= self.tolerance
        return torch.where(close, torch.zeros_like(clean), -torch.inf)

    def variance(self, clean: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        return torch.zeros_like(clean)


@dataclass(frozen=True)
class Interval(Channel):
    """a_i lies within half a step of y_i: what is left of a number that was rounded.

    Args:
        step: The step, one number or one for each entry of y.
        offset: Where a bin has its middle; the others lie whole steps away.

    Raises:
        ValueError: If a step is not positive.

    Example:
        >>> Interval(0.5).draw(torch.tensor([0.3, 0.8]), Noise(0))
        tensor([0.5000, 1.0000])
    """

    step: float | Tensor
    offset: float | Tensor = 0.0

    def __post_init__(self) -> None:
        if not bool((torch.as_tensor(self.step) > 0).all()):
            raise ValueError(f"`step` must be positive, got {self.step}. Without rounding the channel is Exact().")

    def draw(self, clean: Float[Tensor, "B *range"], noise: Noise) -> Float[Tensor, "B *range"]:
        step, offset = (torch.as_tensor(part).to(clean) for part in (self.step, self.offset))
        return ((clean - offset) / step).round() * step + offset

    def log_prob(self, y: Float[Tensor, "*any"], clean: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        step = torch.as_tensor(self.step).to(clean)
        within = (y - clean).abs() <= step * (0.5 + TINY)
        return torch.where(within, torch.zeros_like(clean), -torch.inf)

    def variance(self, clean: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        return (torch.as_tensor(self.step).to(clean).square() / 12).expand_as(clean)


@dataclass(frozen=True)
class Measurement:
    """What was measured of rows.

    Attributes:
        operator: A.
        y: The measurements.
        noise: The channel between.
        scale: With `shift`, from the numbers u that x is told in to those that A sees, x = scale · u + shift: the one
            place where ranges change.
        shift: See there.

    Raises:
        ValueError: If y is not of the operator's range, or holds what is no number.
    """

    operator: Operator
    y: Float[Tensor, "B *range"]
    noise: Channel
    scale: Tensor | float = 1.0
    shift: Tensor | float = 0.0

    def __post_init__(self) -> None:
        y, range_ = self.y, self.operator.range
        if not y.is_floating_point() or tuple(y.shape[1:]) != range_:
            raise ValueError(
                f"Measurements must be numbers in rows of shape {range_}, got {tuple(y.shape[1:])} of {y.dtype}. "
                "`measure` makes them so."
            )
        if not bool(y.isfinite().all()):
            raise ValueError(
                "Measurements must be finite numbers, got NaN or ∞. What was not measured is told by the operator: "
                "take a Mask."
            )

    def __len__(self) -> int:
        return len(self.y)

    def seen(self, u: Float[Tensor, "B *domain"]) -> Float[Tensor, "B *range"]:
        """A(x) of rows in the numbers that they are told in."""
        found: Tensor = self.operator(self.scale * u + self.shift)
        return found

    def log_prob(self, u: Float[Tensor, "B *domain"]) -> Float[Tensor, " B"]:
        """log p(y | x) in nats."""
        return self.summed(self.noise.log_prob(self.y.to(u), self.seen(u)))

    def summed(self, each: Float[Tensor, "B *range"]) -> Float[Tensor, " B"]:
        """The sum over what was measured."""
        counted = self.operator.counted
        each = each if counted is None else torch.where(counted.to(each.device), each, 0)
        return each.flatten(1).sum(1)

    @property
    def count(self) -> int:
        """How many entries were measured of a row, the mean over rows."""
        counted = self.operator.counted
        whole = math.prod(self.operator.range)
        return whole if counted is None else round(float(counted.double().mean()) * whole)

    def on(self, scale: Tensor | float, shift: Tensor | float) -> "Measurement":
        """The same measurement of u, where what it took until now is scale · u + shift."""
        return replace(self, scale=self.scale * scale, shift=self.scale * shift + self.shift)

    def rows(self, index: Int[Tensor, " n"]) -> "Measurement":
        """The measurements of some rows, in any order and as often as wanted."""
        return replace(self, operator=self.operator.rows(index), y=self.y[index])

    def to(self, device: torch.device, dtype: torch.dtype) -> "Measurement":
        """The same elsewhere."""
        return replace(self, operator=self.operator.to(device), y=self.y.to(device, dtype))

    def linear(self, at: Float[Tensor, "B *domain"]) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
        """A as it is near some rows: u to H u, and v to Hᵀ v; in the numbers that rows are told in."""
        operator, scale = self.operator, self.scale
        if isinstance(operator, Linear):
            return lambda u: operator(scale * u), lambda v: scale * operator.adjoint(v)
        return linearized(self.seen, at)


def linearized(
    function: Callable[[Tensor], Tensor], at: Float[Tensor, "B *any"]
) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """The products with the Jacobian of a function of each row, and with its transpose.

    Args:
        function: From rows to rows.
        at: Where.

    Example:
        >>> along, back = linearized(torch.square, torch.tensor([[1.0, 3.0]]))
        >>> along(torch.ones(1, 2)), back(torch.ones(1, 2))
        (tensor([[2., 6.]]), tensor([[2., 6.]]))
    """
    with torch.enable_grad():
        u = at.detach().requires_grad_()
        y = function(u)
        v = torch.zeros_like(y, requires_grad=True)
        (slope,) = torch.autograd.grad(y, u, v, create_graph=True, materialize_grads=True)

    def back(w: Tensor) -> Tensor:
        return torch.autograd.grad(y, u, w, retain_graph=True, materialize_grads=True)[0]

    def along(w: Tensor) -> Tensor:
        if not slope.requires_grad:
            return torch.zeros_like(y)
        return torch.autograd.grad(slope, v, w, retain_graph=True, materialize_grads=True)[0]

    return along, back


def measure(
    operator: Operator, x: Float[Tensor, "B *domain"], noise: Channel, *, seed: int, start: int = 0
) -> Measurement:
    """Measurements of rows.

    Args:
        operator: A.
        x: Rows as numbers, levels in [0, 1]: `as_numbers` makes them.
        noise: The channel.
        seed: Names its draws; row i depends on the seed and `start` + i alone.
        start: The number of the first row.

    Raises:
        ValueError: If rows are not of the operator's domain, or no numbers.

    Example:
        >>> from genzoo.tasks.inverse.operator import Identity
        >>> measure(Identity((2,)), torch.tensor([[0.2, 0.9]]), Interval(0.5), seed=0).y
        tensor([[0., 1.]])
    """
    if tuple(x.shape[1:]) != operator.domain or not x.is_floating_point():
        raise ValueError(
            f"What is measured must be numbers in rows of shape {operator.domain}, got {tuple(x.shape[1:])} of "
            f"{x.dtype}. Levels become numbers in [0, 1] by as_numbers(space, x)."
        )
    with torch.no_grad():
        clean = operator(x)
        y = noise.draw(clean, Noise(seed, "measure", start=start, device=x.device))
        counted = operator.counted
        return Measurement(operator, y if counted is None else torch.where(counted, y, 0), noise)


def as_numbers(space: Space, x: Shaped[Tensor, "B *event"], dtype: torch.dtype | None = None) -> Float[Tensor, "..."]:
    """Rows as operators see them: levels in [0, 1], reals as they are.

    Args:
        space: What one x is.
        x: Rows.
        dtype: The precision; torch's default if none is named, or that of reals.

    Example:
        >>> as_numbers(Space((2,), levels=256), torch.tensor([[0, 255]], dtype=torch.uint8))
        tensor([[0., 1.]])
    """
    if not space.is_discrete:
        return x if dtype is None else x.to(dtype)
    return x.to(dtype or torch.get_default_dtype()) / max(1, (space.levels or 1) - 1)


def in_space(space: Space, x: Float[Tensor, "..."]) -> Shaped[Tensor, "..."]:
    """Numbers as rows of a space: the nearest level, or the reals that they are.

    Example:
        >>> in_space(Space((2,), levels=256), torch.tensor([[-0.1, 1.0]]))
        tensor([[  0, 255]], dtype=torch.uint8)
    """
    if not space.is_discrete:
        return x
    top = max(1, (space.levels or 1) - 1)
    return (x * top).round().clamp(0, (space.levels or 1) - 1).to(getattr(torch, space.dtype))


def between(numbers: NumbersLike, space: Space, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """The scale and the shift from what a network sees of x to what operators see.

    Args:
        numbers: Between data and the network's numbers.
        space: What one x is.
        dtype: The precision.
        device: Where.

    Raises:
        ValueError: If the way between them is not that of a scale and a shift for each entry.
    """
    top = (space.levels or 1) - 1 if space.is_discrete else 2
    marks = torch.tensor([0, top, top // 2], device=device)
    rows = marks.reshape(-1, *[1] * len(space.shape)).expand(-1, *space.shape)
    rows = rows.to(getattr(torch, space.dtype)) if space.is_discrete else rows.to(dtype)
    seen, wanted = numbers.of(rows).to(dtype), as_numbers(space, rows, dtype)
    scale = (wanted[1] - wanted[0]) / (seen[1] - seen[0])
    shift = wanted[0] - scale * seen[0]
    if seen.shape != wanted.shape or not bool((scale * seen[2] + shift - wanted[2]).abs().max() < 1e-3):
        raise ValueError("What a network sees of x must be x in other units, got another map. Take another method.")
    return scale, shift
