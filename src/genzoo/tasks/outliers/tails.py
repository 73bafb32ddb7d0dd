"""How far out in its tail a number is: smooth, and beyond all that was seen.

$$ \\bar F(s) = \\frac1n \\sum_i \\Phi\\!\\left(\\frac{c_i - s}{h}\\right) $$

is the chance of a number of at least s under the kernel density of calibration's numbers c, with Silverman's h. Where
low numbers are strange, too, the chance is that of both tails by Bonferroni with weights, the upper one having
1 − `LOW` of them: as a rule outliers are in that one, and an even share would pay for the other.

References:
    Silverman, 1986, "Density estimation for statistics and data analysis" (the width)
    Genovese, Roeder & Wasserman, 2006, "False discovery control with p-value weighting" (weights)
    Morningstar et al., 2021, "Density of states estimation for out-of-distribution detection", arXiv:2006.09273 (the
        law of several statistics)
"""

import math
from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.special import ndtri_exp
from torch import Tensor

__all__ = ["Tails", "Together", "united"]

LOW = 0.05  # the weight of the lower tail
CENTERS = 2000  # calibration's numbers that a density stands on, at most
FAR = 1e6  # deviations
SHRUNK = 0.25  # of covariances: what is left of two numbers that say nearly the same is their noise
SHARPNESS = 0.5  # T


class Tails:
    """The tails of a number by its values on calibration rows.

    Args:
        values: These.
        both_ways: Whether the lower tail counts as well.

    Raises:
        ValueError: If no calibration row has a finite number.

    Example:
        >>> tails = Tails(torch.linspace(-1, 1, 101).double(), both_ways=True)
        >>> found = tails.surprise(torch.tensor([0.0, 2.0, -2.0, torch.inf]).double())
        >>> bool((found[1:].diff()[:1] < 0).all()), bool(found[0] < 1), bool(found[3] > found[1])
        (True, True, True)
    """

    def __init__(self, values: Float[Tensor, " n"], *, both_ways: bool = False) -> None:
        values = values[values.isfinite()].sort().values
        if not len(values):
            raise ValueError("Calibration rows must have finite numbers, got none. Look at the model's on them.")
        self.both_ways, n = both_ways, len(values)
        quarter = values.quantile(torch.tensor([0.25, 0.75], dtype=values.dtype))
        spread = float((quarter[1] - quarter[0]) / 1.349)
        deviation = float(values.std()) if n > 1 else 0.0
        least = 1e-9 * max(1.0, float(values.abs().max()))
        self.center, self.scale = float(values.median()), max(spread or deviation, least)
        self.width = max(0.9 * min(spread or deviation, deviation) * n**-0.2, least)
        self.centers = values if n <= CENTERS else values[torch.linspace(0, n - 1, CENTERS).round().long()]

    def surprise(self, s: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """−log of the chance of numbers as strange as these."""
        s = self._near(s)
        upper = self._log_chance(s, 1.0)
        return _of_tails(upper, self._log_chance(s, -1.0)) if self.both_ways else -upper

    def normal(self, s: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """The normal scores z of numbers, Φ(−z) being the chance of the upper tail."""
        s = self._near(s)
        upper, lower = (self._log_chance(s, side).cpu().numpy() for side in (1.0, -1.0))
        z = np.where(upper < lower, -ndtri_exp(upper), ndtri_exp(lower))  # by the tail that keeps its digits
        return torch.from_numpy(z).to(s)

    def _near(self, s: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        return s.clamp(self.center - FAR * self.scale, self.center + FAR * self.scale)

    def _log_chance(self, s: Tensor, side: float) -> Tensor:
        found = torch.empty_like(s)  # kept parts would lie between large ones in memory, none of which is given back
        for part, told in zip(s.split(CENTERS), found.split(CENTERS), strict=True):
            told.copy_(torch.special.log_ndtr(side * (self.centers - part[:, None]) / self.width).logsumexp(1))
        return found - math.log(len(self.centers))


class Together:
    """Numbers of each row as one, by their tails and by what is left of each given the others.

    Args:
        values: Of calibration rows, by name; where there are several of a name, their normal scores are averaged.
        both_ways: Of which the lower tail counts as well.

    Example:
        >>> z = torch.randn(500, 2, generator=torch.Generator().manual_seed(0)).double()
        >>> both = Together({"a": z[:, :1], "b": z.sum(1, keepdim=True)}, both_ways={"a": True, "b": False})
        >>> score, by = both({"a": torch.tensor([[1.0], [-2.0]]).double(), "b": torch.ones(2, 1).double()})
        >>> bool(score[1] > score[0]), list(by)
        (True, ['a', 'b'])
    """

    def __init__(self, values: Mapping[str, Float[Tensor, "n _"]], *, both_ways: Mapping[str, bool]) -> None:
        self.both_ways = both_ways
        self.tails = {name: [Tails(column) for column in part.T] for name, part in values.items()}
        self.spread = torch.ones(len(values), dtype=torch.float64)
        self.least = torch.full((len(values),), -torch.inf, dtype=torch.float64)
        known = self._scores(values)
        several = torch.tensor([len(columns) > 1 for columns in self.tails.values()])
        self.spread[several] = known.std(0)[several].cpu()
        known = known / self.spread.to(known)
        upward = torch.tensor([not both_ways[name] for name in values])
        self.least[upward] = known.amin(0)[upward].cpu()  # a copy is no nearer than near, whatever else is told of it
        covariance = known.T.cov().reshape(len(known.T), -1)
        inverse = (covariance * (1 - SHRUNK) + SHRUNK * covariance.diag().diag()).inverse()
        self.left = inverse / inverse.diag().sqrt()

    def __call__(
        self, values: Mapping[str, Float[Tensor, "B _"]], whole: Bool[Tensor, " B"] | None = None
    ) -> tuple[Float[Tensor, " B"], dict[str, Float[Tensor, " B"]]]:
        """How strange rows are, and the surprise of each of their numbers.

        Args:
            values: By name.
            whole: Which rows have all their entries; numbers of others move together in another way.
        """
        z = self._scores(values)
        alone, left = self._surprises(z), self._surprises(z @ self.left)
        if whole is not None:
            left[~whole] = -torch.inf
        parts = torch.cat([alone, left], 1) if len(self.tails) > 1 else alone
        score = (SHARPNESS * parts).logsumexp(1) / SHARPNESS
        return score, dict(zip(self.tails, alone.T, strict=True))

    def _scores(self, values: Mapping[str, Tensor]) -> Float[Tensor, "B K"]:
        parts = [
            torch.stack([tails.normal(column) for tails, column in zip(columns, values[name].T, strict=True)]).mean(0)
            for name, columns in self.tails.items()
        ]
        z = torch.stack(parts, 1)
        return (z / self.spread.to(z)).maximum(self.least.to(z))

    def _surprises(self, z: Float[Tensor, "B K"]) -> Float[Tensor, "B K"]:
        log = torch.special.log_ndtr
        both = torch.tensor([self.both_ways[name] for name in self.tails], device=z.device)
        return torch.where(both, _of_tails(log(-z), log(z)), -log(-z))


def _of_tails(upper: Tensor, lower: Tensor) -> Tensor:
    """−log of the chance of both tails, by those of each."""
    return -torch.minimum(upper - math.log1p(-LOW), lower - math.log(LOW))


def united(values: Float[Tensor, "n K"], calibration: Float[Tensor, "m K"]) -> Float[Tensor, " n"]:
    """Some numbers of each row as one: the mean of them in standard deviations of calibration rows.

    Raises:
        ValueError: If no calibration row has a finite number.
    """
    if values.shape[1] == 1:
        return values[:, 0]
    known = calibration[calibration.isfinite().all(1)]
    if len(known) < 2:
        raise ValueError("Calibration rows must have finite numbers, got none. Look at the model's on them.")
    return ((values - known.mean(0)) / known.std(0).clamp_min(1e-12)).mean(1)
