"""What each distance of this library is: which are symmetric, which obey the triangle, which see every difference.

All are at least zero and zero between equals. Beyond that,

- *definite*: zero only between equals;
- *symmetric*: d(p, q) = d(q, p);
- *triangle*: d(p, r) ≤ d(p, q) + d(q, r).

With all three a distance is a metric; definite alone makes a divergence. The table is tested: every yes on random
distributions, every no by a counterexample.

References:
    Endres & Schindelin, 2003, "A new metric for probability distributions" (√JS)
    Székely & Rizzo, 2013, "Energy statistics: a class of statistics based on distances"
    Villani, 2009, "Optimal transport: old and new"
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.distributions.f_divergence import (
    CHI2,
    JENSEN_SHANNON,
    KL,
    NEYMAN_CHI2,
    REVERSE_KL,
    SQUARED_HELLINGER,
    TOTAL_VARIATION,
    FDivergence,
)
from genzoo.distributions.frechet import Moments, frechet_distance
from genzoo.distributions.mmd import GaussianKernel, Kernel, PolynomialKernel, energy_distance, mmd2
from genzoo.distributions.transport import cityblock, discrete, euclidean, optimal_plan, sinkhorn_divergence
from genzoo.distributions.wasserstein import directions, sliced_wasserstein

__all__ = ["DISTANCES", "Distance", "axiom_table", "shares"]

Rows = Tensor
Between = Callable[[Rows, Rows], float]


class Distance(NamedTuple):
    """A distance between the distributions that two sets of rows are, with what it obeys.

    Attributes:
        name: What it is called.
        between: The distance of two sets of rows.
        definite: Whether it is zero between equals only.
        symmetric: Whether both ways are equally far.
        triangle: Whether a detour is never shorter.
        name_of_code: Where it is.

    Example:
        >>> tv = DISTANCES[0]
        >>> tv.name, tv.between(torch.zeros(2, 1), torch.tensor([[0.0], [1.0]])), tv.is_metric
        ('total variation', 0.5, True)
    """

    name: str
    between: Between
    definite: bool
    symmetric: bool
    triangle: bool
    name_of_code: str

    @property
    def is_metric(self) -> bool:
        """Whether it obeys all of them."""
        return self.definite and self.symmetric and self.triangle


def shares(
    a: Float[Tensor, "n D"], b: Float[Tensor, "m D"]
) -> tuple[Float[Tensor, "K D"], Float[Tensor, " K"], Float[Tensor, " K"]]:
    """The different rows of two sets, and the share that each has in both.

    Args:
        a: One set.
        b: The other.

    Example:
        >>> shares(torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [1.0]]))[1:]
        (tensor([0.5000, 0.5000], dtype=torch.float64), tensor([0., 1.], dtype=torch.float64))
    """
    places, which = torch.cat([a, b]).unique(dim=0, return_inverse=True)
    counts = [torch.bincount(part, minlength=len(places)).double() for part in which.split([len(a), len(b)])]
    return places, counts[0] / len(a), counts[1] / len(b)


def axiom_table() -> str:
    """The table as Markdown.

    Example:
        >>> print(axiom_table().splitlines()[2])
        | total variation | `TOTAL_VARIATION` | yes | yes | yes | metric |
    """
    lines = ["| distance | code | definite | symmetric | triangle | so it is a |", "|---|---|---|---|---|---|"]
    for each in DISTANCES:
        said = ["yes" if axiom else "no" for axiom in (each.definite, each.symmetric, each.triangle)]
        lines.append(f"| {each.name} | `{each.name_of_code}` | {' | '.join(said)} | {_kind(each)} |")
    return "\n".join(lines)


def _kind(distance: Distance) -> str:
    if distance.is_metric:
        return "metric"
    if distance.symmetric and distance.triangle:
        return "pseudometric"
    return "divergence" if distance.definite else "discrepancy"


def _f(divergence: FDivergence, power: float = 1.0) -> Between:
    """Of the shares that both have in each different row."""

    def between(a: Rows, b: Rows) -> float:
        _, p, q = shares(a, b)
        return divergence(p, q).item() ** power

    return between


def _wasserstein(k: float, metric: Callable[[Rows, Rows], Tensor] = euclidean) -> Between:
    def between(a: Rows, b: Rows) -> float:
        places, p, q = shares(a.double(), b.double())
        return optimal_plan(metric(places, places) ** k, p, q).distance(k)

    return between


def _sliced(a: Rows, b: Rows) -> float:
    return sliced_wasserstein(a.double(), b.double(), directions(8, a.shape[1], Noise(0)))


def _sinkhorn(a: Rows, b: Rows) -> float:
    return sinkhorn_divergence(a, b, epsilon=1.0, steps=100).item()


def _mmd(kernel: Kernel, power: float) -> Between:
    return lambda a, b: max(0.0, mmd2(a.double(), b.double(), kernel, unbiased=False)) ** power


def _energy(power: float) -> Between:
    return lambda a, b: max(0.0, energy_distance(a.double(), b.double(), unbiased=False)) ** power


def _frechet(power: float) -> Between:
    return lambda a, b: frechet_distance(Moments.of(a), Moments.of(b)) ** power


DISTANCES = (
    Distance("total variation", _f(TOTAL_VARIATION), True, True, True, "TOTAL_VARIATION"),
    Distance("Hellinger", _f(SQUARED_HELLINGER, 0.5), True, True, True, "SQUARED_HELLINGER ** 0.5"),
    Distance("squared Hellinger", _f(SQUARED_HELLINGER), True, True, False, "SQUARED_HELLINGER"),
    Distance("√Jensen–Shannon", _f(JENSEN_SHANNON, 0.5), True, True, True, "JENSEN_SHANNON ** 0.5"),
    Distance("Jensen–Shannon", _f(JENSEN_SHANNON), True, True, False, "JENSEN_SHANNON"),
    Distance("KL", _f(KL), True, False, False, "KL"),
    Distance("reverse KL", _f(REVERSE_KL), True, False, False, "REVERSE_KL"),
    Distance("χ²", _f(CHI2), True, False, False, "CHI2"),
    Distance("Neyman χ²", _f(NEYMAN_CHI2), True, False, False, "NEYMAN_CHI2"),
    Distance("Wasserstein-1", _wasserstein(1.0), True, True, True, "optimal_plan"),
    Distance("Wasserstein-2", _wasserstein(2.0), True, True, True, "optimal_plan"),
    Distance("Wasserstein-3, city blocks", _wasserstein(3.0, cityblock), True, True, True, "optimal_plan"),
    Distance("Wasserstein-1, discrete metric", _wasserstein(1.0, discrete), True, True, True, "optimal_plan"),
    Distance("sliced Wasserstein-2, almost any lines", _sliced, True, True, True, "sliced_wasserstein"),
    Distance("Sinkhorn divergence", _sinkhorn, True, True, False, "sinkhorn_divergence"),
    Distance("√energy distance", _energy(0.5), True, True, True, "energy_distance ** 0.5"),
    Distance("energy distance", _energy(1.0), True, True, False, "energy_distance"),
    Distance("MMD, Gaussian kernel", _mmd(GaussianKernel(1.0), 0.5), True, True, True, "mmd2 ** 0.5"),
    Distance("MMD², Gaussian kernel", _mmd(GaussianKernel(1.0), 1.0), True, True, False, "mmd2"),
    Distance("MMD, cubic kernel", _mmd(PolynomialKernel(), 0.5), False, True, True, "mmd2 ** 0.5"),
    Distance("Fréchet, not squared", _frechet(0.5), False, True, True, "frechet_distance ** 0.5"),
    Distance("Fréchet", _frechet(1.0), False, True, False, "frechet_distance"),
)
