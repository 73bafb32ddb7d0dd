"""One question, how far apart are p and q, answered by the surest way that what is known of them allows.

Whatever p and q are, they have some of three things: a formula (a family with its parameters), a density, rows. The
ways to a distance are tried from the surest to the least, and the first that what is known allows is taken:

1. a closed form between two families;
2. an integral, over the line or over quantiles, exact to rounding;
3. a mean over rows of what both densities say of them, with its standard error, the densities normalized or not;
4. an estimate from rows alone, with its standard error and its bias told, or a critic's lower bound.

A way may also say that the value is ∞, or that it cannot be known, and then no less sure way is asked for a number.
"""

import math
import unicodedata
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch import distributions as td

from genzoo.core.noise import Noise
from genzoo.distributions.axioms import DISTANCES, Between, Distance
from genzoo.distributions.bridge_sampling import log_normalizer_ratio
from genzoo.distributions.closed_forms import Wasserstein, closed_form
from genzoo.distributions.dual import adversarial_bound
from genzoo.distributions.estimate import Estimate, Unknowable, interval
from genzoo.distributions.estimates import estimated, unchecked_value
from genzoo.distributions.f_divergence import KL, REVERSE_KL, TOTAL_VARIATION, FDivergence
from genzoo.distributions.known import Known, known
from genzoo.distributions.neighbors import neighbor_kl
from genzoo.distributions.quadrature import integrated, is_line, summed
from genzoo.distributions.quantiles import wasserstein_with_doubt
from genzoo.distributions.resampling import bootstrap_error, subsample_error
from genzoo.distributions.samples import Samples, checked_rows
from genzoo.distributions.transport import cityblock, discrete, euclidean, optimal_cost
from genzoo.distributions.wasserstein import wasserstein_1d

__all__ = ["Found", "distance"]

Measured = FDivergence | Wasserstein | Between
PLANNED = 1000  # rows of a plan, which takes about their cube
RESOLVED = 10  # rows along each axis from which on a ball of neighbors is small
EXACT = {"closed form", "integral", "sum"}


class Found(NamedTuple):
    """A distance, how far it may be off, and how it was found.

    Attributes:
        value: The distance.
        error: Its standard error, None where none is known; of an integral, by how much coarser nodes change it.
        how: The way that was taken.
        caveat: What the error does not count.

    Example:
        >>> found = Found(0.5, 0.01, "log-densities")
        >>> print(found)
        0.5000 ± 0.02 (log-densities)
        >>> found.is_exact, found.interval
        (False, (0.4804, 0.5196))
    """

    value: float
    error: float | None
    how: str = ""
    caveat: str = ""

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of a normal error; of a lower bound, that of the bound."""
        return interval(self.value, self.error)

    @property
    def is_exact(self) -> bool:
        """Whether it is computed from formulas alone, without chance."""
        return self.how in EXACT

    def __str__(self) -> str:
        off = f" ± {1.96 * self.error:.2g}" if self.error and not self.is_exact else ""
        return f"{self.value:.4f}{off} ({'; '.join(filter(None, (self.how, self.caveat)))})"


def distance(what: str | Distance | Measured, p: Any, q: Any, *, n: int = 2000, seed: int = 0) -> Found:
    """How far apart p and q are, by the surest way that what is known of them allows.

    Args:
        what: A name in `DISTANCES`, such as "KL" or "Wasserstein-2" (accents, Greek and case do not matter); an
            `FDivergence`; `Wasserstein(k)`; or any function of two sets of rows.
        p: A torch distribution, a model, rows drawn from p, or a `Density`.
        q: Likewise.
        n: How many rows are drawn where rows are needed and none are given.
        seed: Names them.

    Raises:
        Unknowable: If no way leads to a number, or the one that was taken shows that the number cannot be known.
        TooFew: If there are too few rows.
        NotFinite: If rows hold NaN or ∞.
        ValueError: If the name is unknown, p or q is not one distribution, or their rows differ in shape.

    Example:
        >>> from genzoo.distributions.draws import draw
        >>> zero = torch.zeros(())
        >>> p, q = td.Normal(zero, 1.0), td.Normal(zero + 1, 1.0)
        >>> distance("KL", p, q)
        Found(value=0.5, error=0.0, how='closed form', caveat='')
        >>> distance("Jensen-Shannon", p, q).how
        'integral'
        >>> distance("KL", draw(p, Noise(0), rows=1000), q).how
        'nearest neighbors'
    """
    measured, power = _measured(what)
    pair = Pair(known(p), known(q), n, seed)
    refusals = []
    kind = type(measured) if isinstance(measured, FDivergence | Wasserstein) else Distance
    for how, way in WAYS[kind]:
        try:
            found = way(measured, pair)
        except NotImplementedError as refusal:  # this way does not lead there, the next may
            refusals.append(f"By {how}: {str(refusal).split('. ')[0].rstrip('.')}.")
        else:
            return _powered(found, power, how)
    raise Unknowable(
        f"{getattr(measured, 'name', measured)} must be found from what is known of p and q, but no way leads there. "
        f"{' '.join(refusals)} Give rows of both, or Density(log_prob, rows)."
    )


class Pair(NamedTuple):
    """p and q, with the rows that both have or are drawn."""

    p: Known
    q: Known
    n: int
    seed: int

    def rows(self) -> tuple[Tensor, Tensor]:
        """Rows of both."""
        x, y = self.rows_of("p"), self.rows_of("q")
        if x.shape[1:] != y.shape[1:]:
            raise ValueError(
                f"Rows of p and of q must have one shape, got {tuple(x.shape[1:])} and {tuple(y.shape[1:])}. "
                "Reshape one of them."
            )
        return x, y

    def rows_of(self, side: str) -> Tensor:
        """Rows of one of them."""
        rows: Tensor = getattr(self, side).draw(self.n, Noise(self.seed, "distance", side))
        checked_rows(_flat(rows))
        return rows

    def flat_rows(self) -> tuple[Float[Tensor, "n D"], Float[Tensor, "m D"]]:
        """Rows of both as vectors, in float64."""
        x, y = checked_rows(*map(_flat, self.rows()))
        return x, y

    def families(self) -> tuple[td.Distribution, td.Distribution]:
        """Both, if both are of families."""
        if self.p.family is None or self.q.family is None:
            raise NotImplementedError("it takes two families with their parameters.")
        return self.p.family, self.q.family

    def lines(self) -> tuple[td.Distribution, td.Distribution]:
        """Both, if both are distributions of single real numbers."""
        p, q = self.families()
        if not (is_line(p) and is_line(q)):
            raise NotImplementedError("it takes distributions of single real numbers.")
        return p, q

    def log_ratio(self, rows: Shaped[Tensor, "n *event"]) -> Float[Tensor, " n"]:
        """log p − log q, both as they are."""
        if self.p.log_prob is None or self.q.log_prob is None:
            raise NotImplementedError("it takes the densities of both.")
        with torch.no_grad():
            ratio = self.p.log_prob(rows).double().cpu() - self.q.log_prob(rows).double().cpu()
        if ratio.shape != rows.shape[:1]:
            raise ValueError(
                f"A log-density must be one number for each of {len(rows):,} rows of shape {tuple(rows.shape[1:])}, "
                f"got {tuple(ratio.shape)}. Sum over the entries, or take Independent(p, 1)."
            )
        return ratio


def _flat(rows: Tensor) -> Float[Tensor, "n D"]:
    """Rows as vectors, in float64."""
    return rows.reshape(len(rows), math.prod(rows.shape[1:])).double().cpu()


# --- the ways -------------------------------------------------------------------------------------------------------


def _by_formula(what: Any, pair: Pair) -> Found:
    return Found(closed_form(what, *pair.families()).item(), 0.0)


def _by_integral(what: FDivergence, pair: Pair) -> Found:
    p, q = pair.lines()
    try:
        fine, coarse = (integrated(what, p, q, panels=panels).item() for panels in (256, 171))
        return Found(fine, abs(fine - coarse) if math.isfinite(fine) else None)
    except Unknowable:
        raise
    except ValueError as missed:  # no window holds the densities
        raise NotImplementedError(str(missed)) from None


def _by_sum(what: FDivergence, pair: Pair) -> Found:
    try:
        return Found(summed(what, *pair.families()).item(), 0.0)
    except Unknowable:
        raise
    except ValueError as endless:
        raise NotImplementedError(str(endless)) from None


def _by_quantiles(what: Wasserstein, pair: Pair) -> Found:
    if what.metric not in (euclidean, cityblock):
        raise NotImplementedError("it takes the metric of the line.")
    value, doubt = wasserstein_with_doubt(*pair.lines(), what.k)
    return Found(value.item(), doubt)


def _by_log_densities(what: FDivergence, pair: Pair) -> Found:
    of_one = (True, False) if what.at_zero == 0 else (False, True) if what.at_infinity == 0 else (True, True)
    normalized = pair.p.normalized and pair.q.normalized
    if pair.p.log_prob is None or pair.q.log_prob is None:
        raise NotImplementedError("it takes the densities of both.")
    sides = [
        pair.log_ratio(pair.rows_of(side)) if wanted or not normalized else None
        for side, wanted in zip("pq", of_one, strict=True)
    ]
    if normalized:
        return Found(*estimated(what, *sides))
    on_p, on_q = (side for side in sides if side is not None)
    return Found(*_bridged(what, on_p, on_q, Noise(pair.seed, "distance", "bridge")))


def _bridged(what: FDivergence, on_p: Tensor, on_q: Tensor, noise: Noise) -> Estimate:
    """The estimate of log-ratios that are right but for a constant, its error that of both."""
    if math.isinf(unchecked_value(what, on_p, on_q)):
        return Estimate(math.inf)  # whatever the constant is

    def value(i: Tensor, j: Tensor) -> float:
        c = log_normalizer_ratio(on_p[i], on_q[j])
        return unchecked_value(what, on_p[i] - c, on_q[j] - c)

    c = log_normalizer_ratio(on_p, on_q)
    error = bootstrap_error(value, len(on_p), len(on_q), noise=noise, rounds=100).item()
    return Estimate(estimated(what, on_p - c, on_q - c).value, error)


def _by_neighbors(what: FDivergence, pair: Pair) -> Found:
    if what not in (KL, REVERSE_KL):
        raise NotImplementedError("it is of KL alone.")
    outer = pair.q if what is KL else pair.p
    x, y = pair.rows() if what is KL else reversed(pair.rows())
    with torch.no_grad():
        if outer.log_prob is not None and bool((outer.log_prob(x) == -math.inf).any()):
            return Found(math.inf, None)
    x, y = _flat(x), _flat(y)
    found = Found(*neighbor_kl(x, y, start="normal", seed=pair.seed))
    dims, fewest = x.shape[1], min(len(x), len(y))
    if fewest >= RESOLVED**dims:
        return found
    return found._replace(
        caveat=f"{fewest:,} rows resolve little in {dims} dimensions: right where the densities are about normal, "
        "and far off, beyond the error, where they are not"
    )


def _by_critic(what: FDivergence, pair: Pair) -> Found:
    x, y = pair.flat_rows()
    x, y = ((rows - y.mean(0)).float() for rows in (x, y))  # float32 would round away what is far from zero
    bound = adversarial_bound(what, x, y, seed=pair.seed).bound
    found = Found(*bound, caveat="a lower bound: what the critic does not see is not in it")
    return found._replace(value=max(0.0, found.value))  # as every divergence is


def _by_plan(what: Wasserstein, pair: Pair) -> Found:
    x, y = pair.flat_rows()

    def line(a: Samples, b: Samples) -> float:
        one, other = checked_rows(a, b)
        return wasserstein_1d(one[:, 0], other[:, 0], float(what.k))

    if x.shape[1] == 1 and what.metric in (euclidean, cityblock):
        return _of_rows(
            line,
            x,
            y,
            pair.seed,
        )

    def between(a: Samples, b: Samples) -> float:
        return optimal_cost((what.metric(*checked_rows(a, b)) ** what.k).numpy()) ** (1 / what.k)

    found = _of_rows(between, x[:PLANNED], y[:PLANNED], pair.seed)
    return found._replace(caveat=f"the best plan of at most {PLANNED:,} rows; {found.caveat}")


def _by_rows(what: Between, pair: Pair) -> Found:
    found = _of_rows(what, *pair.flat_rows(), pair.seed)
    return found._replace(caveat="") if what in UNBIASED else found


def _of_rows(between: Between, x: Tensor, y: Tensor, seed: int) -> Found:
    """A function of rows, its error by drawing half of them again and again."""
    noise = Noise(seed, "distance", "error")
    error = subsample_error(lambda i, j: between(x[i], y[j]), len(x), len(y), noise=noise).item()
    return Found(between(x, y), error, caveat="between samples of equals it is not zero: compare p with p")


Way = Callable[[Any, Pair], Found]
WAYS: dict[type, tuple[tuple[str, Way], ...]] = {
    FDivergence: (
        ("closed form", _by_formula),
        ("integral", _by_integral),
        ("sum", _by_sum),
        ("log-densities", _by_log_densities),
        ("nearest neighbors", _by_neighbors),
        ("critic", _by_critic),
    ),
    Wasserstein: (("closed form", _by_formula), ("integral", _by_quantiles), ("samples", _by_plan)),
    Distance: (("samples", _by_rows),),
}
UNBIASED = {each.without_bias for each in DISTANCES if each.without_bias is not None}


def _measured(what: str | Distance | Measured) -> tuple[Measured, float]:
    """What is to be measured, and the power of it that is wanted."""
    if isinstance(what, str):
        named = {_plain(each.name): each for each in DISTANCES}
        if _plain(what) not in named:
            raise ValueError(
                f"A distance must have a name in the table, got {what!r}. Choose one of: "
                f"{', '.join(each.name for each in DISTANCES)}; or give an FDivergence, Wasserstein(k) or a function."
            )
        what = named[_plain(what)]
    if isinstance(what, Wasserstein) and what.metric is discrete:
        return TOTAL_VARIATION, 1 / what.k  # rows of densities are all different, and no plan says more than that
    if not isinstance(what, Distance):
        return what, 1.0
    if what.of is not None:
        return what.of, what.power
    return what.without_bias or what.between, 1.0


def _plain(name: str) -> str:
    """Without accents, Greek and case, so that it can be typed."""
    for fancy, plain in (("–", "-"), ("√", "root "), ("χ", "chi")):
        name = name.replace(fancy, plain)
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _powered(found: Found, power: float, how: str) -> Found:
    """A power of it, with the error that it then has to first order."""
    if power == 1:
        return found._replace(how=how)
    value = max(found.value, 0.0)
    error = found.error
    if error:
        error = error * power * value ** (power - 1) if value > 0 else None
    return found._replace(value=value**power, error=error, how=how)
