"""Whether draws from posteriors are as sure as they should be: where the truth stands among them.

Truths come from p(x), measurements from p(y | x), draws from what claims to be p(x | y). If it is, the truth and the
draws are exchangeable: the rank of any function of the truth among those of the draws is uniform, intervals cover as
often as they say, and the mean of the draws is as far from the truth as they are spread,

$$ \\Delta = \\frac{(1 + 1/n)\\,\\mathbb E\\,\\mathrm{var}}{\\mathbb E\\,\\|x^* - \\bar x\\|^2} = 1. $$

Below 1 draws are too sure. With truths from the model itself this tests the way in which it is solved, for any family;
with real rows it tests the model as well.

References:
    Talts, Betancourt, Simpson, Vehtari & Gelman, 2018, "Validating Bayesian inference algorithms with simulation-based
        calibration", arXiv:1804.06788
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, Shaped
from scipy import stats
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.distributions.estimate import Estimate, mean_of
from genzoo.distributions.resampling import require_rows

__all__ = [
    "Calibrated", "calibrated", "coverage", "covered", "ranks", "ratio_of", "spread_and_error", "spread_error",
    "uniform_chance",
]  # fmt: skip

PROJECTIONS, BINS = 8, 16


def spread_error(draws: Shaped[Tensor, "n B *event"], truth: Shaped[Tensor, "B *event"]) -> Estimate:
    """Δ, the spread of the draws over the error of their mean, with its error by the delta method; 1 is right.

    Args:
        draws: Two or more of each posterior.
        truth: The truths.

    Raises:
        ValueError: If shapes do not go together, or there is one draw.

    Example:
        >>> x = Noise(0).normal(10, 500, 3)
        >>> found = spread_error(x[1:], x[0])
        >>> abs(found.value - 1) < 4 * found.error
        True
    """
    return ratio_of(*spread_and_error(draws, truth))


def spread_and_error(
    draws: Shaped[Tensor, "n B *event"], truth: Shaped[Tensor, "B *event"]
) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
    """Of each posterior (1 + 1/n) var, summed over entries, and the squared error of the mean of the draws.

    Args:
        draws: Two or more of each posterior.
        truth: The truths.
    """
    draws, truth = _checked(draws, truth, least=2)
    return (1 + 1 / len(draws)) * draws.var(0).sum(1), (truth - draws.mean(0)).square().sum(1)


def ratio_of(spread: Float[Tensor, " B"], error: Float[Tensor, " B"]) -> Estimate:
    """Δ of what `spread_and_error` says of posteriors.

    Args:
        spread: Of each.
        error: Of each.
    """
    ratio = (spread.sum() / error.sum().clamp_min(1e-300)).item()
    if len(error) < 2:
        return Estimate(ratio, None)
    off = (spread - ratio * error) / error.mean().clamp_min(1e-300)
    return Estimate(ratio, (off.std() / math.sqrt(len(error))).item())


def coverage(draws: Shaped[Tensor, "n B *event"], truth: Shaped[Tensor, "B *event"], level: float = 0.9) -> Estimate:
    """How often central intervals hold the truth, entry by entry; `level` is right, for any number of draws.

    An entry that all draws and the truth share says nothing, and is covered as often as it should be.

    Args:
        draws: Of each posterior.
        truth: The truths.
        level: What intervals promise.

    Example:
        >>> x = Noise(0).normal(20, 400, 3)
        >>> round(coverage(x[1:], x[0]).value, 1)
        0.9

    Raises:
        ValueError: If shapes do not go together, or the level is not between 0 and 1.
    """
    share = covered(draws, truth, level)
    return mean_of(share) if len(truth) > 1 else Estimate(share.mean().item(), None)


def covered(
    draws: Shaped[Tensor, "n B *event"],
    truth: Shaped[Tensor, "B *event"],
    level: float = 0.9,
    among: Bool[Tensor, "B *event"] | None = None,
) -> Float[Tensor, " B"]:
    """Of each posterior, how often central intervals hold the entries of the truth.

    Args:
        draws: Of each posterior.
        truth: The truths.
        level: What intervals promise.
        among: The entries that count, those that were not told; all if None. Of a row without any it is `level`.

    Raises:
        ValueError: If the level is no probability.

    Example:
        >>> among = torch.tensor([[True, False]])
        >>> covered(torch.tensor([[[0.0, 5.0]], [[1.0, 5.0]]]), torch.tensor([[9.0, 5.0]]), among=among)
        tensor([0.8500], dtype=torch.float64)
    """
    if not 0 < level < 1:
        raise ValueError(f"`level` must lie between 0 and 1, got {level}. Take 0.9.")
    draws, truth = _checked(draws, truth, least=1)
    below, ties = (draws < truth).double().sum(0), (draws == truth).double().sum(0)
    low, width = below / (len(draws) + 1), (ties + 1) / (len(draws) + 1)  # where the truth's place is uniform
    ends = (1 - level) / 2, (1 + level) / 2
    each = ((low + width).clamp(*ends) - low.clamp(*ends)) / width
    if among is None:
        return each.mean(1)
    counts = among.flatten(1).to(each.device)
    return torch.where(counts.any(1), (each * counts).sum(1) / counts.sum(1).clamp_min(1), level)


def ranks(
    draws: Shaped[Tensor, "n B *event"],
    truth: Shaped[Tensor, "B *event"],
    *,
    near: Shaped[Tensor, "B *event"] | None = None,
    seed: int = 0,
) -> Int[Tensor, "B functions"]:
    """The ranks of some functions of the truth among those of the draws: eight random projections and the norm;
    ties are broken at random.

    Draws of the prior pass all of these, whatever was measured. So a last function may look at the measurement: how
    far from a guess that was made of it.

    Args:
        draws: Of each posterior.
        truth: The truths.
        near: A guess at each truth by its measurement, as the truth of the most similar of other measurements.
        seed: Names the projections.

    Example:
        >>> x = Noise(0).normal(10, 5, 3)
        >>> ranks(x[1:], x[0]).shape
        torch.Size([5, 9])
    """
    guess = None if near is None else _checked(near[None], truth, least=1)[0]
    draws, truth = _checked(draws, truth, least=1)
    noise = Noise(seed, "ranks")
    lines = noise.at("lines").normal(truth.shape[1], PROJECTIONS, dtype=torch.float64)
    told, own = (torch.cat([x @ lines, x.square().sum(-1, keepdim=True)], -1) for x in (draws, truth))
    if guess is not None:
        away, off = ((x - guess[0]).square().sum(-1, keepdim=True) for x in (draws, truth))
        told, own = torch.cat([told, away], -1), torch.cat([own, off], -1)
    ties = (told == own).double().sum(0)
    return ((told < own).double().sum(0) + (noise.at("ties").uniform(*ties.shape) * (ties + 1)).floor()).long()


def uniform_chance(found: Int[Tensor, "B functions"], draws: int) -> float:
    """The probability of ranks as uneven as those of the worst function, or more, if all posteriors were right.

    Args:
        found: Ranks from 0 to `draws`.
        draws: Of each posterior.

    Raises:
        TooFew: If there are fewer than 40 rows.

    Example:
        >>> x = Noise(0).normal(16, 400, 3)
        >>> uniform_chance(ranks(x[1:], x[0]), 15) > 0.01, uniform_chance(ranks(x[1:] / 2, x[0]), 15) < 1e-6
        (True, True)
    """
    require_rows(len(found), 40, "A test of ranks")
    bins = min(BINS, draws + 1, len(found) // 10)
    own = torch.div(torch.arange(draws + 1) * bins, draws + 1, rounding_mode="floor").bincount()
    expected = own.double() / (draws + 1) * len(found)
    placed = torch.div(found * bins, draws + 1, rounding_mode="floor").cpu()
    least = min(stats.chisquare(one.bincount(minlength=bins), expected).pvalue for one in placed.T)
    return float(min(1.0, least * found.shape[1]))


class Calibrated(NamedTuple):
    """Whether draws are as sure as they should be.

    Attributes:
        chance: The probability of ranks as uneven as these, or more, if all posteriors were right.
        spread: Δ, below 1 where draws are too sure.
        covered: How often 90 % intervals hold the truth.
        rows: Posteriors.
    """

    chance: float
    spread: Estimate
    covered: Estimate
    rows: int

    @property
    def is_right(self) -> bool:
        """Whether nothing speaks against the posteriors, at one in a thousand."""
        return self.chance > 0.001

    def __str__(self) -> str:
        """What was found, in words."""
        if self.is_right:
            found = "nothing speaks against the posteriors"
        elif abs(self.spread.value - 1) < 3 * (self.spread.error or 0):
            found = "posteriors are wrong, though as wide as their errors: they may know too little of what was seen"
        else:
            found = "posteriors are too sure" if self.spread.value < 1 else "posteriors are too wide"
        return (
            f"{found}: spread over error {self.spread.value:.3f} ± {self.spread.error or 0:.3f} (1 is right), 90 % "
            f"intervals hold {100 * self.covered.value:.1f} ± {100 * (self.covered.error or 0):.1f} of 100, chance of "
            f"ranks as uneven {self.chance:.2g}, {self.rows} rows"
        )


def calibrated(
    draws: Shaped[Tensor, "n B *event"],
    truth: Shaped[Tensor, "B *event"],
    *,
    near: Shaped[Tensor, "B *event"] | None = None,
    seed: int = 0,
) -> Calibrated:
    """Ranks, spread and coverage of posteriors whose truths are known.

    Args:
        draws: Two or more of each posterior, of equal weight.
        truth: The truths, of 40 posteriors or more.
        near: A guess at each truth by its measurement, which tells draws of the prior from those of the posterior.
        seed: Names the projections.

    Raises:
        ValueError: If shapes do not go together.
        TooFew: If there are fewer than 40 posteriors.

    Example:
        >>> x = Noise(0).normal(20, 400, 3)
        >>> calibrated(x[1:], x[0]).is_right, calibrated(0.7 * x[1:], x[0]).is_right
        (True, False)

    References:
        Modrák et al., 2023, "Simulation-based calibration checking for Bayesian computation: the choice of test
            quantities shapes sensitivity", arXiv:2211.02383 (quantities that look at the data)
    """
    chance = uniform_chance(ranks(draws, truth, near=near, seed=seed), len(draws))
    return Calibrated(chance, spread_error(draws, truth), coverage(draws, truth), len(truth))


def _checked(draws: Tensor, truth: Tensor, *, least: int) -> tuple[Float[Tensor, "n B D"], Float[Tensor, "B D"]]:
    """Both laid flat, in double precision."""
    if draws.shape[1:] != truth.shape or len(draws) < least:
        raise ValueError(
            f"Draws must be {least} or more of each truth, in its shape, got {tuple(draws.shape)} for "
            f"{tuple(truth.shape)}. Stack them in front."
        )
    return draws.double().flatten(2), truth.double().flatten(1)
