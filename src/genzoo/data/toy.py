"""Toy densities of the plane: known to the last digit, so that a model's gap to the truth can be measured.

For any model $q$, $E_p[-\\log q(x)] - H(p) = KL(p \\,\\|\\, q) \\ge 0$: the test loss minus the entropy is what is
left to learn. Each density here can be evaluated, is drawn exactly, and has its entropy in closed form or by a sum.

| name | what it is |
|---|---|
| `ring` | 8 Gaussians on the unit circle, σ = 0.01 |
| `grid` | 25 Gaussians at {−4, −2, 0, 2, 4}², σ = 0.05 |
| `8gaussians` | 8 Gaussians on the circle of radius 5, variance 0.1 |
| `moons` | two half circles, σ = 0.2 |
| `spirals` | two spirals of Archimedes, σ = 0.1 |
| `rings` | four circles, σ = 0.08 |
| `checkerboard` | the 8 black squares of a 4 × 4 board of side 8 |

References:
    Lin, Khetan, Fanti & Oh, 2018, "PacGAN: the power of two samples in generative adversarial networks",
        arXiv:1712.04086 (ring, grid)
    Grathwohl, Chen, Bettencourt, Sutskever & Duvenaud, 2019, "FFJORD", arXiv:1810.01367 (spirals, rings, checkerboard)
    Tong et al., 2024, "Improving and generalizing flow-based generative models with minibatch optimal transport",
        arXiv:2302.00482 (8gaussians)
    Pedregosa et al., 2011, "Scikit-learn: machine learning in Python", JMLR 12 (moons)
"""

import abc
import functools
import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core import Noise
from genzoo.core.errors import DataError, nearest

__all__ = ["Checkerboard", "Circles", "Curves", "Density", "Modes", "density", "names"]

CHUNK = 1 << 21  # pairs of a point and a component at a time


class Density(abc.ABC):
    """A density of the plane.

    Attributes:
        name: What it is called.
        low: The lower corner of a box that holds all but a negligible part of the mass.
        high: The upper corner.
    """

    name: str
    low: tuple[float, float]
    high: tuple[float, float]

    @abc.abstractmethod
    def log_prob(self, x: Float[Tensor, "n 2"]) -> Float[Tensor, " n"]:
        """log p(x) in nats, computed in float64."""

    @abc.abstractmethod
    def draw(self, n: int, noise: Noise) -> Float[Tensor, "n 2"]:
        """Exact draws; row i depends on the noise and on i alone."""

    @property
    @abc.abstractmethod
    def entropy(self) -> float:
        """$H(p) = -\\int p \\log p$ in nats, within 1e-4."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


class Modes(Density):
    """Equally likely round Gaussians, $p(x) = \\frac1K \\sum_k \\mathcal N(x; \\mu_k, \\sigma^2 I)$.

    They stand so far apart (≥ 12 σ) that the entropy is that of the choice and of one mode,
    $\\log K + \\log 2\\pi e \\sigma^2$, to 1e-8.

    Args:
        name: What it is called.
        means: The $\\mu_k$.
        scale: $\\sigma$.

    Example:
        >>> round(density("ring").entropy, 4)
        -4.293
    """

    def __init__(self, name: str, means: Float[Tensor, "K 2"], scale: float) -> None:
        self.name, self.means, self.scale = name, means.double(), scale
        self.low, self.high = _box(self.means, 6 * scale)

    def log_prob(self, x: Float[Tensor, "n 2"]) -> Float[Tensor, " n"]:
        weights = self.means.new_full((len(self.means),), -math.log(len(self.means)))
        return _log_mixture(x, self.means, weights, self.scale)

    def draw(self, n: int, noise: Noise) -> Float[Tensor, "n 2"]:
        mean = self.means[noise.integers(len(self.means), n)]
        return (mean + self.scale * noise.normal(n, 2, dtype=torch.float64)).to(torch.get_default_dtype())

    @property
    def entropy(self) -> float:
        return math.log(len(self.means)) + 1 + math.log(2 * math.pi * self.scale**2)


class Curves(Density):
    """Two equally likely curves $\\gamma_k$ blurred by a round Gaussian,

    $$ p(x) = \\frac12 \\sum_k \\int_0^1 a v^{a-1} \\, \\mathcal N(x; \\gamma_k(v), \\sigma^2 I) \\, dv, $$

    where a = 1 puts equal mass on equal steps of v, a = 2 more on the later ones. The integral is a Gauss–Legendre
    sum, which converges geometrically as the curves are smooth; the entropy is a sum over a grid of spacing σ / 2.

    Args:
        name: What it is called.
        curves: v to the points of the two curves, (n, 2, 2): row, curve, axis.
        scale: $\\sigma$.
        power: a.
        nodes: The number of terms of the sum.
    """

    def __init__(
        self, name: str, curves: Callable[[Tensor], Tensor], scale: float, *, power: int = 1, nodes: int = 64
    ) -> None:
        self.name, self.curves, self.scale, self.power = name, curves, scale, power
        at, weight = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(nodes))
        v = (at + 1) / 2
        self.nodes = curves(v).flatten(0, 1)
        self.log_weights = (weight / 4 * power * v ** (power - 1)).log().repeat_interleave(2)
        self.low, self.high = _box(self.nodes, 6 * scale)

    def log_prob(self, x: Float[Tensor, "n 2"]) -> Float[Tensor, " n"]:
        return _log_mixture(x, self.nodes, self.log_weights, self.scale)

    def draw(self, n: int, noise: Noise) -> Float[Tensor, "n 2"]:
        points = self.curves(noise.uniform(n, dtype=torch.float64) ** (1 / self.power))
        point = points[torch.arange(n), noise.integers(2, n)]
        return (point + self.scale * noise.normal(n, 2, dtype=torch.float64)).to(torch.get_default_dtype())

    @functools.cached_property
    def entropy(self) -> float:
        step = self.scale / 2
        axes = [
            torch.arange(low, high, step, dtype=torch.float64) for low, high in zip(self.low, self.high, strict=True)
        ]
        log_p = self.log_prob(torch.cartesian_prod(*axes))
        return -float((log_p.exp() * log_p).nan_to_num().sum()) * step**2


class Circles(Density):
    """Equally likely circles around the origin blurred by a round Gaussian: with r = |x|,

    $$ p(x) = \\frac1K \\sum_k \\frac{1}{2\\pi\\sigma^2} e^{-(r^2 + R_k^2) / 2\\sigma^2} I_0(r R_k / \\sigma^2), $$

    whose entropy is an integral over r alone.

    Args:
        name: What it is called.
        radii: The $R_k$.
        scale: $\\sigma$.
    """

    def __init__(self, name: str, radii: tuple[float, ...], scale: float) -> None:
        self.name, self.scale = name, scale
        self.radii = torch.tensor(radii, dtype=torch.float64)
        reach = max(radii) + 6 * scale
        self.low, self.high = (-reach, -reach), (reach, reach)

    def log_prob(self, x: Float[Tensor, "n 2"]) -> Float[Tensor, " n"]:
        return self._at(x.double().norm(dim=1)).to(x.dtype)

    def draw(self, n: int, noise: Noise) -> Float[Tensor, "n 2"]:
        radius = self.radii[noise.integers(len(self.radii), n), None]
        angle = 2 * math.pi * noise.uniform(n, dtype=torch.float64)
        x = radius * torch.stack([angle.cos(), angle.sin()], dim=1)
        return (x + self.scale * noise.normal(n, 2, dtype=torch.float64)).to(torch.get_default_dtype())

    @functools.cached_property
    def entropy(self) -> float:
        r = torch.linspace(0, self.high[0] + 4 * self.scale, 20_001, dtype=torch.float64)
        log_p = self._at(r)
        return -float(torch.trapezoid(2 * math.pi * r * log_p.exp() * log_p, r))

    def _at(self, r: Tensor) -> Tensor:
        r, variance = r[:, None], self.scale**2
        bessel = torch.special.i0e(r * self.radii / variance).log()  # of e⁻ᶻ I₀(z), hence the difference squared
        each = bessel - (r - self.radii).square() / (2 * variance)
        return each.logsumexp(1) - math.log(2 * math.pi * variance * len(self.radii))


class Checkerboard(Density):
    """The uniform density on the squares of side 2 of $[-4, 4]^2$ for which $\\lfloor x_i / 2 \\rfloor$ have
    an even sum: 32 units of area, so $p = 1/32$ there and 0 elsewhere.

    Example:
        >>> density("checkerboard").log_prob(torch.tensor([[1.0, 1.0], [1.0, -1.0]])).exp()
        tensor([0.0312, 0.0000])
    """

    name = "checkerboard"
    low, high = (-4.0, -4.0), (4.0, 4.0)
    entropy = math.log(32)

    def log_prob(self, x: Float[Tensor, "n 2"]) -> Float[Tensor, " n"]:
        square = (x / 2).floor()
        inside = ((x >= -4) & (x < 4)).all(1) & (square.sum(1) % 2 == 0)
        return torch.where(inside, -math.log(32), -math.inf).to(x.dtype)

    def draw(self, n: int, noise: Noise) -> Float[Tensor, "n 2"]:
        square = noise.integers(8, n)
        column = square % 4
        line = 2 * (square // 4) + column % 2
        corner = 2.0 * torch.stack([column, line], dim=1) - 4
        return corner.to(torch.get_default_dtype()) + 2 * noise.uniform(n, 2)


def density(name: str) -> Density:
    """The toy density of a name.

    Raises:
        DataError: If there is none.

    Example:
        >>> grid = density("grid")
        >>> grid.draw(3, Noise(0)).shape, round(grid.entropy, 4)
        (torch.Size([3, 2]), 0.0653)
    """
    if name not in _MAKERS:
        raise DataError(f"A toy density must be one of {', '.join(_MAKERS)}, got {name!r}. {nearest(name, _MAKERS)}")
    return _made(name)


def names() -> tuple[str, ...]:
    """The names of the toy densities."""
    return tuple(_MAKERS)


@functools.cache
def _made(name: str) -> Density:
    return _MAKERS[name](name)


def _circle(modes: int, radius: float) -> Tensor:
    angle = 2 * math.pi * torch.arange(modes, dtype=torch.float64) / modes
    return radius * torch.stack([angle.cos(), angle.sin()], dim=1)


def _lattice() -> Tensor:
    axis = torch.arange(-4, 5, 2, dtype=torch.float64)
    return torch.cartesian_prod(axis, axis)


def _half_circles(v: Tensor) -> Tensor:
    """The upper half of the unit circle, and the lower half of one around (1, 1/2)."""
    cos, sin = (math.pi * v).cos(), (math.pi * v).sin()
    return torch.stack([torch.stack([cos, sin], -1), torch.stack([1 - cos, 0.5 - sin], -1)], dim=1)


def _spirals(v: Tensor) -> Tensor:
    """One and a half turns to radius π: $\\pm\\frac\\theta3 (-\\cos\\theta, \\sin\\theta)$, $\\theta = 3\\pi v$."""
    theta = 3 * math.pi * v
    arm = theta[:, None] / 3 * torch.stack([-theta.cos(), theta.sin()], dim=-1)
    return torch.stack([arm, -arm], dim=1)


_MAKERS: dict[str, Callable[[str], Density]] = {
    "ring": lambda name: Modes(name, _circle(8, 1.0), 0.01),
    "grid": lambda name: Modes(name, _lattice(), 0.05),
    "8gaussians": lambda name: Modes(name, _circle(8, 5.0), math.sqrt(0.1)),
    "moons": lambda name: Curves(name, _half_circles, 0.2),
    "spirals": lambda name: Curves(name, _spirals, 0.1, power=2, nodes=512),
    "rings": lambda name: Circles(name, (0.75, 1.5, 2.25, 3.0), 0.08),
    "checkerboard": lambda _: Checkerboard(),
}


def _box(points: Tensor, margin: float) -> tuple[tuple[float, float], tuple[float, float]]:
    low, high = (points.min(0).values - margin).tolist(), (points.max(0).values + margin).tolist()
    return (low[0], low[1]), (high[0], high[1])


def _log_mixture(x: Tensor, means: Tensor, log_weights: Tensor, scale: float) -> Tensor:
    """$\\log \\sum_j w_j \\mathcal N(x; \\mu_j, \\sigma^2 I)$, some rows at a time."""
    constant = math.log(2 * math.pi * scale**2)
    parts = []
    for rows in x.double().split(max(1, CHUNK // len(means))):
        squares = (rows[:, :1] - means[:, 0]).square() + (rows[:, 1:] - means[:, 1]).square()
        parts.append((log_weights - squares / (2 * scale**2)).logsumexp(1) - constant)
    return torch.cat(parts).to(x.dtype)
