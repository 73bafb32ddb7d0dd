"""What a run says, in a table and in words: chains that do not mix must not pass for an answer.

References:
    Vehtari et al., 2021, arXiv:1903.08008 (the thresholds)
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.mcmc.diagnostics import autocorrelation_time, bulk_ess, ess, rhat

__all__ = ["Summary", "summary"]

HIGHEST_RHAT, FEWEST = 1.01, 400
SHOWN = 10  # quantities of a table, the worst


class Summary(NamedTuple):
    """Moments and diagnostics of a run, one of each per quantity.

    Attributes:
        names: What the quantities are called.
        mean: Their means.
        sd: Their standard deviations.
        error: The Monte Carlo standard errors of the means.
        rhat: Split R̂, rank-normalized.
        bulk_ess: The effective sample size of the bulk.
        time: Autocorrelation times, in steps.
        accept: The mean acceptance, NaN if it was not told.
        trouble: What is wrong, in sentences; empty if nothing is.
    """

    names: tuple[str, ...]
    mean: Tensor
    sd: Tensor
    error: Tensor
    rhat: Tensor
    bulk_ess: Tensor
    time: Tensor
    accept: float
    trouble: tuple[str, ...]

    @property
    def mixed(self) -> bool:
        """Whether nothing speaks against the run."""
        return not self.trouble

    def __str__(self) -> str:
        order = self.rhat.nan_to_num(torch.inf).argsort(descending=True)[:SHOWN].sort().values.tolist()
        rows = [("", "mean", "sd", "error", "R̂", "bulk ESS", "τ")]
        rows += [(self.names[i], *(_plain(column[i]) for column in self[1:4]), *self._diagnosed(i)) for i in order]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        if len(self.names) > SHOWN:
            lines.append(f"({SHOWN} of {len(self.names)}, those of the highest R̂)")
        if not math.isnan(self.accept):
            lines.append(f"acceptance: {self.accept:.2f}")
        return "\n".join([*lines, *(self.trouble or ["Nothing speaks against these chains."])])

    def _diagnosed(self, i: int) -> tuple[str, str, str]:
        return f"{self.rhat[i]:.3f}", f"{self.bulk_ess[i]:.0f}", f"{self.time[i]:.1f}"


def summary(
    x: Shaped[Tensor, "steps chains *of"],
    accept: Float[Tensor, "steps chains"] | None = None,
    *,
    names: Sequence[str] | None = None,
) -> Summary:
    """The moments of a run with what must be known before they are believed.

    Args:
        x: Draws, as `run` keeps them, warm-up left out.
        accept: The acceptance of each move.
        names: What the quantities are called; by default x[0], x[1], …

    Raises:
        ValueError: If there are fewer than 4 draws of each chain, or the names do not fit.

    Example:
        >>> from genzoo.core import Noise
        >>> good = Noise(0).normal(500, 4, 1)
        >>> print(summary(good + 9 * (torch.arange(4) == 0)[:, None]).trouble[0])
        The chains do not agree: R̂ is 1.53 for x[0], above 1.01. Run longer, or take a kernel that moves farther.
        >>> summary(good).mixed
        True

    References:
        Vehtari et al., 2021, arXiv:1903.08008
    """
    flat = x.double().reshape(*x.shape[:2], -1)
    called = tuple(names) if names is not None else tuple(f"x[{i}]" for i in range(flat.shape[2]))
    if len(called) != flat.shape[2]:
        raise ValueError(f"`names` must name each of the {flat.shape[2]} quantities, got {len(called)}.")
    r, bulk, of_mean = rhat(flat), bulk_ess(flat), ess(flat)
    sd = flat.flatten(0, 1).std(0)
    rate = math.nan if accept is None else float(accept.mean())
    trouble = _trouble(flat, called, r, bulk, rate)
    return Summary(
        called, flat.mean((0, 1)), sd, sd / of_mean.sqrt(), r, bulk, autocorrelation_time(flat), rate, trouble
    )


def _trouble(x: Tensor, names: Sequence[str], r: Tensor, bulk: Tensor, rate: float) -> tuple[str, ...]:
    """What speaks against a run, the worst first."""
    found = []
    if not x.isfinite().all():
        found.append("Some draws are infinite or not numbers. Lower the step size, or look at the density.")
    still = (x == x[0]).all(0).all(0)
    if still.any():
        found.append(f"No chain ever moved {_listed(names, still)}. Lower the step size, or start elsewhere.")
    if (high := (r > HIGHEST_RHAT) & ~still).any():
        worst = float(r[high].max())
        found.append(
            f"The chains do not agree: R̂ is {worst:.2f} for {_listed(names, high & (r == worst))}, above "
            f"{HIGHEST_RHAT}. Run longer, or take a kernel that moves farther."
        )
    if (few := (bulk < FEWEST) & ~still).any():
        least = float(bulk[few].min())
        found.append(
            f"The draws of {_listed(names, few)} are worth only {least:.0f} independent ones, fewer than {FEWEST}. "
            "Run longer."
        )
    if rate < 0.05:
        found.append(f"Only {100 * rate:.1f} % of the moves are accepted. Lower the step size.")
    if x.shape[1] == 1:
        found.append("One chain cannot tell whether another would end elsewhere. Run four or more.")
    return tuple(found)


def _listed(names: Sequence[str], which: Tensor) -> str:
    chosen = [name for name, one in zip(names, which.tolist(), strict=True) if one]
    return ", ".join(chosen[:3]) + (f" and {len(chosen) - 3} others" if len(chosen) > 3 else "")


def _plain(value: Tensor) -> str:
    return f"{float(value):.3g}"
