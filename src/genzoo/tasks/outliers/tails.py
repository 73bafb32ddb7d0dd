"""How far out in its tail a number is: smooth, and beyond all that was seen.

$$ \\bar F(s) = \\frac1n \\sum_i \\Phi\\!\\left(\\frac{c_i - s}{h}\\right) $$

is the chance of a number of at least s under the kernel density of calibration's numbers c, with Silverman's h. Where
low numbers are strange, too, the chance is that of both tails by Bonferroni with weights, the upper one having
1 − `LOW` of them: as a rule outliers are in that one, and an even share would pay for the other.

References:
    Silverman, 1986, "Density estimation for statistics and data analysis" (the width)
    Genovese, Roeder & Wasserman, 2006, "False discovery control with p-value weighting" (weights)
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["Tails"]

LOW = 0.05  # the weight of the lower tail
CENTERS = 2000  # calibration's numbers that a density stands on, at most
FAR = 1e6  # deviations


class Tails:
    """The tails of a number by its values on calibration rows.

    Args:
        values: These.
        both_ways: Whether the lower tail counts as well.

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
        s = s.clamp(self.center - FAR * self.scale, self.center + FAR * self.scale)
        upper = self._log_chance(s, 1.0)
        if not self.both_ways:
            return -upper
        lower = self._log_chance(s, -1.0)
        return -torch.minimum(upper - math.log1p(-LOW), lower - math.log(LOW))

    def _log_chance(self, s: Tensor, side: float) -> Tensor:
        found = torch.empty_like(s)  # kept parts would lie between large ones in memory, none of which is given back
        for part, told in zip(s.split(CENTERS), found.split(CENTERS), strict=True):
            told.copy_(torch.special.log_ndtr(side * (self.centers - part[:, None]) / self.width).logsumexp(1))
        return found - math.log(len(self.centers))


def united(values: Float[Tensor, "n K"], calibration: Float[Tensor, "m K"]) -> Float[Tensor, " n"]:
    """Some numbers of each row as one: the mean of them in standard deviations of calibration rows."""
    if values.shape[1] == 1:
        return values[:, 0]
    known = calibration[calibration.isfinite().all(1)]
    if len(known) < 2:
        raise ValueError("Calibration rows must have finite numbers, got none. Look at the model's on them.")
    return ((values - known.mean(0)) / known.std(0).clamp_min(1e-12)).mean(1)
