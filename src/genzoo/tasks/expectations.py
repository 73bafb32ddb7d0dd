"""Expectations under a model, each with an interval that says how far it may be off.

By the law of the unconscious statistician the expectation of f(x) needs no density of f(x): samples of x are enough,

$$ \\mathbb E_{p(x)}[f(x)] = \\int f(x)\\,p(x)\\,dx \\approx \\frac1n \\sum_i f(x_i). $$

Row i of the samples depends on (seed, i) alone, so that two functions asked with one seed see the same rows, more rows
extend fewer, and the answer does not depend on how many rows are in memory at a time.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import overload

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from genzoo.core.given import GivenLike, map_given
from genzoo.core.model import GenerativeModel
from genzoo.tasks import intervals
from genzoo.tasks.intervals import Interval
from genzoo.tasks.inverse.posterior import Posterior

__all__ = ["Expectation", "Function", "expectation", "in_time"]

Function = Callable[[Tensor], Tensor]
FIRST = 16  # rows that tell how long others take


@dataclass(frozen=True)
class Expectation:
    """What n values of f(x) tell of its distribution; every answer has an interval.

    Attributes:
        values: f(x) of rows 0 … n − 1 of the seed.
        is_event: Whether f is a statement, true or false, so that its mean is a probability.
        seed: The seed of the rows.
        level: How often the intervals are to hold the truth.
    """

    values: Float[Tensor, " n"]
    is_event: bool = False
    seed: int = 0
    level: float = 0.95

    def __len__(self) -> int:
        return len(self.values)

    def mean(self) -> Interval:
        """E f(x); a probability has Wilson's interval, another mean Student's."""
        if self.is_event:
            return intervals.of_proportion(int(self.values.sum()), len(self), self.level)
        return intervals.of_mean(self.values, self.level)

    def variance(self) -> Interval:
        """Var f(x)."""
        return intervals.of_variance(self.values, self.level)

    def moment(self, k: int) -> Interval:
        """$E\\,f(x)^k$."""
        return intervals.of_mean(self.values**k, self.level)

    def quantile(self, q: float) -> Interval:
        """The q-quantile of f(x), between two order statistics.

        Raises:
            ValueError: If q does not lie between 0 and 1.
        """
        if not 0 < q < 1:
            raise ValueError(f"A quantile must lie between 0 and 1, got {q:g}. Write 0.95 for 95 %.")
        return intervals.of_quantile(self.values.sort().values, q, self.level)

    def tail(self, threshold: float, *, exact: bool = False) -> Interval:
        """P(f(x) > threshold), with Wilson's interval or Clopper and Pearson's `exact` one."""
        return intervals.of_proportion(int((self.values > threshold).sum()), len(self), self.level, exact=exact)

    def controlled(self, *controls: tuple["Expectation", float]) -> Interval:
        """E f(x) by control variates: functions g of the same rows whose expectations are known,

        $$ \\frac1n \\sum_i \\Big( f(x_i) - \\sum_k \\beta_k \\big(g_k(x_i) - \\mathbb E\\,g_k\\big) \\Big), $$

        with the β of least squares, which lowers the variance by the share R² that the controls explain.

        Args:
            controls: Expectations of the same seed and number of rows, each with its exact mean.

        Raises:
            ValueError: If a control is of other rows, or there are too few rows to fit them.

        Example:
            >>> from genzoo.models.classical import Gaussian
            >>> from genzoo.core import Space
            >>> model = Gaussian(Space((1,)))
            >>> f = expectation(model, lambda x: x[:, 0].exp())
            >>> g = expectation(model, lambda x: x[:, 0])
            >>> bool(f.controlled((g, 0.0)).width < 0.7 * f.mean().width)
            True

        References:
            Owen, 2013, "Monte Carlo theory, methods and examples" (§8.9)
        """
        n, k = len(self), len(controls)
        for other, _ in controls:
            if len(other) != n or other.seed != self.seed:
                raise ValueError(
                    f"A control must be of the same rows: expected {n:,} of seed {self.seed}, got {len(other):,} of "
                    f"seed {other.seed}. Ask for it with the same n and seed."
                )
        if n < k + 2:
            raise ValueError(f"{k} controls need at least {k + 2} rows, got {n}. Raise n.")
        columns = [other.values.double() - mean for other, mean in controls]
        design = torch.stack([torch.ones(n, dtype=torch.float64), *columns], dim=1)
        fitted = torch.linalg.lstsq(design, self.values[:, None], driver="gelsd").solution
        residual = (self.values - (design @ fitted)[:, 0]).square().sum() / (n - k - 1)
        error = (residual * torch.linalg.pinv(design.T @ design, hermitian=True)[0, 0]).sqrt()
        return intervals.around(fitted[0, 0].item(), error.item(), n - k - 1, self.level)


@overload
def expectation(
    model: GenerativeModel,
    f: Function,
    n: int = 10_000,
    *,
    given: GivenLike = None,
    seed: int = 0,
    chunk: int = 1000,
    within: float | None = None,
    most: int = 1_000_000,
) -> Expectation: ...


@overload
def expectation(model: Posterior, f: Function) -> tuple[Interval, ...]: ...


def expectation(
    model: GenerativeModel | Posterior,
    f: Function,
    n: int = 10_000,
    *,
    given: GivenLike = None,
    seed: int = 0,
    chunk: int = 1000,
    within: float | None = None,
    most: int = 1_000_000,
) -> Expectation | tuple[Interval, ...]:
    """f(x) of n samples x ~ p(x | given), which answer for its mean, moments, quantiles and tails.

    No more than `chunk` rows of x are in memory; only the numbers f(x) are kept.

    Of a posterior there is the mean of f over its draws for each measurement, with an interval as wide as so many
    independent draws have as these are worth (`Posterior.ess`).

    Args:
        model: Any model; all that it must do is sample. Or a posterior, of which all draws are taken.
        f: One number, or true or false, for each row of x.
        n: How many samples; with `within`, the number to begin with.
        given: Rows of the condition, taken in turn: sample i has row i modulo their number.
        seed: Names the samples.
        chunk: How many rows are drawn at a time.
        within: The half-width of the mean's interval that is wanted, as a share of the mean: n is doubled until it is
            reached. An interval that was waited for holds the truth slightly less often than one of a fixed n.
        most: How many samples `within` may cost.

    Raises:
        ValueError: If f is not one number a row or is NaN, n or `chunk` is not positive, or `within` is not reached.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import Gaussian
        >>> found = expectation(Gaussian(Space((3,))), lambda x: x[:, 0] > 1.0)
        >>> 0.158655 in found.mean(), len(found)
        (True, 10000)
    """
    if isinstance(model, Posterior):
        return _over_draws(model, f)
    if n < 1 or chunk < 1:
        raise ValueError(f"`n` and `chunk` must be positive, got {n} and {chunk}.")
    values = _values(model, f, (0, n), given, seed, chunk)
    while within is not None and not _reached(found := _found(values, seed), within):
        if 2 * len(values) > max(n, most):
            mean = found.mean()
            raise ValueError(
                f"The mean must be known within {within:g} of itself after at most {most:,} samples, got {mean} after "
                f"{len(values):,}. Raise `most`, ask for less, or use rare_event."
            )
        more = _values(model, f, (len(values), 2 * len(values)), given, seed, chunk)
        values = torch.cat([values, more])
    return _found(values, seed)


def in_time(
    model: GenerativeModel, f: Function, n: int, until: float, *, given: GivenLike = None, seed: int = 0,
    chunk: int = 1000,
) -> Expectation:  # fmt: skip
    """f(x) of the first of n samples, as many as there is time for, however few: they are drawn in chunks that grow.

    Args:
        model: The model.
        f: One number, or true or false, for each row of x.
        n: How many samples at most.
        until: When the answer is to be there, by `time.monotonic`.
        given: Rows of the condition, taken in turn.
        seed: Names the samples.
        chunk: How many rows are drawn at a time at most.

    Raises:
        ValueError: If f is not one number a row or is NaN, or n or `chunk` is not positive.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import Gaussian
        >>> len(in_time(Gaussian(Space((3,))), lambda x: x[:, 0], 10**9, time.monotonic())) < 10**9
        True
    """
    if n < 1 or chunk < 1:
        raise ValueError(f"`n` and `chunk` must be positive, got {n} and {chunk}.")
    return _found(_values(model, f, (0, n), given, seed, chunk, until), seed)


def _over_draws(found: Posterior, f: Function) -> tuple[Interval, ...]:
    """The mean of f over the draws of each measurement."""
    n, b = found.x.shape[:2]
    values = one_a_row(f(found.x.flatten(0, 1)), n * b).unflatten(0, (n, b)).T.cpu()
    log_w = torch.zeros(n, b) if found.log_weights is None else found.log_weights.cpu()
    intervals_of = []
    for y, shares, ess in zip(values, log_w.double().T.softmax(1), found.ess.tolist(), strict=True):
        if y.dtype == torch.bool:
            intervals_of.append(intervals.of_proportion(float((shares * y).sum()) * ess, ess))
        else:
            intervals_of.append(intervals.of_weighted(y, shares, ess))
    return tuple(intervals_of)


def _found(values: Tensor, seed: int) -> Expectation:
    return Expectation(values.double(), values.dtype == torch.bool, seed)


def _reached(found: Expectation, within: float) -> bool:
    mean = found.mean()
    return math.isfinite(mean.width) and mean.value != 0 and mean.width / 2 <= within * abs(mean.value)


def _values(
    model: GenerativeModel, f: Function, rows: tuple[int, int], given: GivenLike, seed: int, chunk: int,
    until: float | None = None,
) -> Shaped[Tensor, " n"]:  # fmt: skip
    """f(x) of the rows of a seed from one number to another, or of as many as there is time for."""
    parts, (start, end), size = [], rows, chunk if until is None else min(chunk, FIRST)
    while start < end:
        began = time.monotonic()
        number = torch.arange(start, min(end, start + size))
        x = model.sample(len(number), in_turn(given, number), seed=seed, start=start)
        parts.append(one_a_row(f(x), len(number)).cpu())
        start += len(number)
        if until is not None:
            took, left = (now := time.monotonic()) - began, until - now
            if left < 2 * took:  # as many again might be late
                break
            size = min(chunk, 2 * size) if left > 4 * took else size
    return torch.cat(parts)


def in_turn(given: GivenLike, number: Int[Tensor, " n"]) -> GivenLike:
    """Rows of a condition taken in turn: row number i is row i modulo their number.

    Args:
        given: The rows.
        number: The numbers of the rows that are wanted.
    """
    return map_given(lambda part: part[number.to(part.device) % len(part)], given)


def one_a_row(y: Tensor, n: int) -> Shaped[Tensor, " n"]:
    """The values of a function of rows, if they are one number a row.

    Args:
        y: The values.
        n: The rows.

    Raises:
        ValueError: If there is another number of values, or one is NaN.
    """
    if tuple(y.shape) != (n,):
        raise ValueError(
            f"f must be one number for each row of x: expected shape ({n},), got {tuple(y.shape)}. "
            "Take an entry, or a sum or mean over the others, as in lambda x: x.flatten(1).mean(1)."
        )
    if y.dtype == torch.bool:
        return y
    if y.isnan().any():
        raise ValueError(f"f must be a number of every x, got NaN in {int(y.isnan().sum())} rows of {n}. Mend f.")
    return y.double()
