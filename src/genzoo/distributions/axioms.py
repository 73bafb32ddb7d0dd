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
from genzoo.distributions.closed_forms import Wasserstein
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
from genzoo.distributions.mmd import DistanceKernel, GaussianKernel, Kernel, PolynomialKernel, mmd2
from genzoo.distributions.samples import Samples, checked_rows
from genzoo.distributions.transport import cityblock, discrete, optimal_plan, sinkhorn_divergence
from genzoo.distributions.wasserstein import directions, sliced_wasserstein

__all__ = ["DISTANCES", "Between", "Distance", "axiom_table", "shares"]

Rows = Samples
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
        of: What it is a power of, where densities or families can tell it too.
        power: Which power.
        without_bias: The estimate from samples that is right on average, where `between` is not.

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
    of: FDivergence | Wasserstein | None = None
    power: float = 1.0
    without_bias: Between | None = None

    @property
    def is_metric(self) -> bool:
        """Whether it obeys all of them."""
        return self.definite and self.symmetric and self.triangle


def shares(a: Samples, b: Samples) -> tuple[Float[Tensor, "K D"], Float[Tensor, " K"], Float[Tensor, " K"]]:
    """The different rows of two sets, and the share that each has in both.

    Args:
        a: One set.
        b: The other.

    Raises:
        ValueError: If rows differ in length.
        TooFew: If a set is empty.
        NotFinite: If a number is NaN or infinite.

    Example:
        >>> shares(torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [1.0]]))[1:]
        (tensor([0.5000, 0.5000], dtype=torch.float64), tensor([0., 1.], dtype=torch.float64))
    """
    x, y = checked_rows(a, b)
    places, which = torch.cat([x, y]).unique(dim=0, return_inverse=True)
    counts = [torch.bincount(part, minlength=len(places)).double() for part in which.split([len(x), len(y)])]
    return places, counts[0] / len(x), counts[1] / len(y)


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


def _f(
    name: str, divergence: FDivergence, definite: bool, symmetric: bool, triangle: bool, code: str, power: float = 1.0
) -> Distance:
    """Of the shares that both have in each different row."""

    def between(a: Rows, b: Rows) -> float:
        _, p, q = shares(a, b)
        return divergence(p, q).item() ** power

    return Distance(name, between, definite, symmetric, triangle, code, divergence, power)


def _wasserstein(name: str, wanted: Wasserstein, of: FDivergence | None = None) -> Distance:
    def between(a: Rows, b: Rows) -> float:
        places, p, q = shares(a, b)
        places = places.double()
        return optimal_plan(wanted.metric(places, places) ** wanted.k, p, q).distance(wanted.k)

    return Distance(name, between, True, True, True, "optimal_plan", of or wanted)


def _sliced(a: Rows, b: Rows) -> float:
    x, y = (rows.double() for rows in checked_rows(a, b))
    return sliced_wasserstein(x, y, directions(8, x.shape[1], Noise(0)))


def _sinkhorn(a: Rows, b: Rows) -> float:
    return sinkhorn_divergence(a, b, epsilon=1.0, steps=100).item()


def _mmd(name: str, kernel: Kernel, power: float, axioms: tuple[bool, bool, bool], code: str) -> Distance:
    def between(a: Rows, b: Rows) -> float:
        return max(0.0, mmd2(a, b, kernel, unbiased=False)) ** power

    def without_bias(a: Rows, b: Rows) -> float:
        return mmd2(a, b, kernel)

    return Distance(name, between, *axioms, code, power=power, without_bias=without_bias if power == 1 else None)


def _frechet(power: float) -> Between:
    return lambda a, b: frechet_distance(Moments.of(a), Moments.of(b)) ** power


METRIC, NO_TRIANGLE, INDEFINITE = (True, True, True), (True, True, False), (False, True, True)
ONE_WAY = (True, False, False)
DISTANCES = (
    _f("total variation", TOTAL_VARIATION, *METRIC, "TOTAL_VARIATION"),
    _f("Hellinger", SQUARED_HELLINGER, *METRIC, "SQUARED_HELLINGER ** 0.5", 0.5),
    _f("squared Hellinger", SQUARED_HELLINGER, *NO_TRIANGLE, "SQUARED_HELLINGER"),
    _f("√Jensen–Shannon", JENSEN_SHANNON, *METRIC, "JENSEN_SHANNON ** 0.5", 0.5),
    _f("Jensen–Shannon", JENSEN_SHANNON, *NO_TRIANGLE, "JENSEN_SHANNON"),
    _f("KL", KL, *ONE_WAY, "KL"),
    _f("reverse KL", REVERSE_KL, *ONE_WAY, "REVERSE_KL"),
    _f("χ²", CHI2, *ONE_WAY, "CHI2"),
    _f("Neyman χ²", NEYMAN_CHI2, *ONE_WAY, "NEYMAN_CHI2"),
    _wasserstein("Wasserstein-1", Wasserstein(1)),
    _wasserstein("Wasserstein-2", Wasserstein(2)),
    _wasserstein("Wasserstein-3, city blocks", Wasserstein(3, cityblock)),
    _wasserstein("Wasserstein-1, discrete metric", Wasserstein(1, discrete), TOTAL_VARIATION),
    Distance("sliced Wasserstein-2, almost any lines", _sliced, *METRIC, "sliced_wasserstein"),
    Distance("Sinkhorn divergence", _sinkhorn, *NO_TRIANGLE, "sinkhorn_divergence"),
    _mmd("√energy distance", DistanceKernel(), 0.5, METRIC, "energy_distance ** 0.5"),
    _mmd("energy distance", DistanceKernel(), 1.0, NO_TRIANGLE, "energy_distance"),
    _mmd("MMD, Gaussian kernel", GaussianKernel(1.0), 0.5, METRIC, "mmd2 ** 0.5"),
    _mmd("MMD², Gaussian kernel", GaussianKernel(1.0), 1.0, NO_TRIANGLE, "mmd2"),
    _mmd("MMD, cubic kernel", PolynomialKernel(), 0.5, INDEFINITE, "mmd2 ** 0.5"),
    Distance("Fréchet, not squared", _frechet(0.5), *INDEFINITE, "frechet_distance ** 0.5"),
    Distance("Fréchet", _frechet(1.0), False, True, False, "frechet_distance"),
)
