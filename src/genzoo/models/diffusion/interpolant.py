"""Interpolants: ways from rows of one kind to rows of another, straight or bent, sharp or blurred.

A row x and a row y, from whatever laws and however paired, are joined by

$$ x_t = a(t)\\,x + b(t)\\,y + \\gamma(t)\\,\\varepsilon, \\qquad \\gamma(t) = s\\sqrt{t(1-t)}, $$

with x at t = 0 and y at t = 1. With s = 0 the ways are lines; with s > 0 and a straight line between the ends they are
those of a Brownian bridge, whose steps have variance s² in unit time.

References:
    Albergo, Boffi & Vanden-Eijnden, 2023, "Stochastic interpolants: a unifying framework for flows and diffusions",
    arXiv:2303.08797
"""

import abc
import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["Arc", "Interpolant", "Line", "Place"]


class Place(NamedTuple):
    """A place between two rows: how much of each is there, how fast that changes, and how much noise.

    Attributes:
        a: Of x.
        b: Of y.
        d_a: da/dt.
        d_b: db/dt.
        gamma: Of the noise.
    """

    a: Tensor
    b: Tensor
    d_a: Tensor
    d_b: Tensor
    gamma: Tensor

    def mix(self, x: Tensor, y: Tensor, noise: Tensor) -> Tensor:
        """x_t."""
        return self.a * x + self.b * y + self.gamma * noise

    def speed(self, x: Tensor, y: Tensor) -> Tensor:
        """a' x + b' y, how x_t moves but for its noise."""
        return self.d_a * x + self.d_b * y

    def ends(self, x_t: Tensor, speed: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """x and y, from x_t, its speed and its noise: two equations in two unknowns."""
        sharp, area = x_t - self.gamma * noise, self.a * self.d_b - self.b * self.d_a
        return (self.d_b * sharp - self.b * speed) / area, (self.a * speed - self.d_a * sharp) / area


@dataclass(frozen=True)
class Interpolant(abc.ABC):
    """A way between two rows.

    Args:
        spread: s, the size of the noise on the way; 0 for none.

    Raises:
        ValueError: If it is negative.
    """

    spread: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.spread < math.inf:
            raise ValueError(f"`spread` must be a finite number of at least 0, got {self.spread}.")

    @abc.abstractmethod
    def weights(self, t: Float[Tensor, "*rows"]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """a, b, a' and b' at a time."""

    def at(self, t: Float[Tensor, "*rows"]) -> Place:
        """The place at a time."""
        return Place(*self.weights(t), self.spread * (t * (1 - t)).sqrt())

    def kept(self, t: Float[Tensor, "*rows"], s: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        """How much of the noise at t is in that at an earlier s on a way with fresh noise, that of a Brownian bridge:
        the correlation √(s (1 − t) / t (1 − s))."""
        return (s * (1 - t) / (t * (1 - s))).sqrt()


@dataclass(frozen=True)
class Line(Interpolant):
    """The straight way, a = 1 − t and b = t.

    Example:
        >>> at = Line().at(torch.tensor(0.25))
        >>> at.mix(torch.zeros(2), torch.ones(2), torch.zeros(2))
        tensor([0.2500, 0.2500])

    References:
        Liu, Gong & Liu, 2023, arXiv:2209.03003
        Tong et al., 2024, arXiv:2302.00482
    """

    def weights(self, t: Float[Tensor, "*rows"]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        one = torch.ones_like(t)
        return 1 - t, t, -one, one


@dataclass(frozen=True)
class Arc(Interpolant):
    """A quarter circle, a = cos πt/2 and b = sin πt/2, on which rows of unit variance keep it all the way.

    Example:
        >>> at = Arc().at(torch.tensor(0.5))
        >>> bool(torch.isclose(at.a.square() + at.b.square(), torch.tensor(1.0)))
        True

    References:
        Albergo & Vanden-Eijnden, 2023, "Building normalizing flows with stochastic interpolants", arXiv:2209.15571
    """

    def weights(self, t: Float[Tensor, "*rows"]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        cos, sin, rate = (math.pi / 2 * t).cos(), (math.pi / 2 * t).sin(), math.pi / 2
        return cos, sin, -rate * sin, rate * cos
