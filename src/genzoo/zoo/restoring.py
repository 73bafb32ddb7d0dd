"""Rows that were measured and solved for, beside what they were: how near, and how sure.

The truth is held-out rows, which tests a model and the way it is solved together, or the model's own samples, which
tests the way alone: for a GAN as well as for a Gaussian.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from genzoo.core import GenerativeModel, Given, Space
from genzoo.distributions.estimate import Estimate, mean_of
from genzoo.evaluation.calibration import covered, ratio_of, spread_and_error
from genzoo.tasks.inverse import Measurement, Posterior, as_numbers, measure, solve
from genzoo.tasks.inverse.measurement import Channel, Exact
from genzoo.tasks.inverse.operator import Linear
from genzoo.tasks.inverse.pixels import Mask

__all__ = ["Restored", "figures_of", "restored"]


@dataclass(frozen=True)
class Restored:
    """What was found of rows, with the rows.

    Attributes:
        measurement: What was measured of them.
        posterior: The draws.
        space: What one row is.
        x: The rows.
        truth: The rows, as numbers: levels in [0, 1].
        draws: The draws, as numbers.
    """

    measurement: Measurement
    posterior: Posterior
    space: Space
    x: Shaped[Tensor, "B *event"]
    truth: Float[Tensor, "B *event"]
    draws: Float[Tensor, "n B *event"]

    def each(self) -> dict[str, Float[Tensor, " B"]]:
        """What is told of each row: how near draws are to the truth, and how sure."""
        found = self._near()
        if len(self.draws) > 1:
            unit = self._units()
            found["spread"], found["error"] = spread_and_error(self.draws / unit, self.truth / unit)
            found["coverage of 90 %"] = covered(self.draws, self.truth, among=self._open())
        return found

    @property
    def figures(self) -> Mapping[str, Estimate]:
        """PSNR of the mean and of single draws in dB, or of symbols how many of the hidden ones are right; with two
        draws or more the spread over the error (1 is right) and how often 90 % intervals hold the truth."""
        return figures_of(self.each())

    def _open(self) -> Bool[Tensor, "B *event"] | None:
        """The entries that are not seen as they are, where some are."""
        operator, noise = self.measurement.operator, self.measurement.noise
        if not isinstance(operator, Mask) or not isinstance(noise, Exact):
            return None
        return ~operator.known.to(self.truth.device).expand_as(self.truth)

    def _units(self) -> Tensor:
        """What one entry is measured in: columns of a table by how far its rows lie apart, all else alike."""
        if self.space.columns is None or len(self.truth) < 2:
            return self.truth.new_ones(())
        spread = self.truth.nan_to_num().std(0)
        return torch.where(spread > 0, spread, 1.0)

    def _near(self) -> dict[str, Tensor]:
        """How near."""
        space, counted = self.space, self.measurement.operator.counted
        if space.columns is None and len(space.shape) == 3:
            return {"PSNR of the mean, dB": _psnr(self.draws.mean(0)[None], self.truth)} | {
                "PSNR of a draw, dB": _psnr(self.draws, self.truth)
            }
        if space.is_discrete and counted is not None:
            hidden = ~counted.to(self.truth.device).expand_as(self.truth)
            right = ((self.draws == self.truth) & hidden).double().flatten(2).sum(2).mean(0)
            return {"hidden symbols that a draw tells right": right / hidden.flatten(1).sum(1).clamp_min(1)}
        if space.columns is not None:
            return {}
        loud = self.truth.double().square().flatten(1).mean(1)
        off = (self.draws.mean(0) - self.truth).double().square().flatten(1).mean(1)
        return {"signal over error of the mean, dB": 10 * (loud / off.clamp_min(1e-12)).clamp_min(1e-12).log10()}

    def wall(self, rows: int | None = None) -> Float[Tensor, "pictures C H W"]:
        """A line for each row: what was seen, the draws, their mean, their spread (twice), the truth.

        Args:
            rows: Of the first rows alone.
        """
        seen = self._seen().clamp(0, 1)
        spread = (2 * self.draws.std(0)).clamp(0, 1) if len(self.draws) > 1 else torch.zeros_like(self.truth)
        lines = [seen[None], self.draws, self.draws.mean(0)[None], spread[None], self.truth[None]]
        return torch.cat(lines)[:, :rows].transpose(0, 1).flatten(0, 1)

    @property
    def columns(self) -> int:
        """Pictures in a line of the wall."""
        return len(self.draws) + 4

    def _seen(self) -> Tensor:
        """What was measured as a picture of the rows' shape: hidden pixels in middle gray, one channel of all as gray,
        all else by A⁺."""
        operator, y = self.measurement.operator, self.measurement.y
        assert isinstance(operator, Linear)
        if operator.range == (1, *operator.domain[1:]):
            return y.expand(len(y), *operator.domain)
        back = operator.pinv(y, ridge=1e-3 if operator.gram() is None else 0.0, iterations=50)
        counted = operator.counted
        return back if counted is None or operator.range != operator.domain else torch.where(counted, back, 0.5)


def restored(
    model: GenerativeModel,
    x: Shaped[Tensor, "B *event"],
    seen_by: tuple[Linear, Channel],
    *,
    draws: int = 4,
    given: Given | None = None,
    seed: int = 0,
    start: int = 0,
    options: Mapping[str, Any] | None = None,
) -> Restored:
    """Rows measured, and solved for.

    Args:
        model: The model.
        x: Rows of its space.
        seen_by: What is seen of them, and through what noise.
        draws: Of each row.
        given: Their conditions.
        seed: Names noise and draws.
        start: The number of the first row.
        options: Those of `solve`: a method, and its own.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import GaussianMixture
        >>> from genzoo.tasks.inverse import Gaussian, hidden
        >>> model = GaussianMixture(Space((4,)), components=3)
        >>> found = restored(model, model.sample(20, seed=0), (hidden((4,), 0.5), Gaussian(0.1)), draws=5)
        >>> sorted(found.figures)[0]
        'coverage of 90 %'
    """
    truth = as_numbers(model.space, x, model.dtype)
    seen = measure(seen_by[0], truth, seen_by[1], seed=seed, start=start)
    posterior = solve(model, seen, n=draws, given=given, seed=seed, start=start, **(options or {}))
    return Restored(seen, posterior, model.space, x, truth, as_numbers(model.space, posterior.x, model.dtype))


def figures_of(each: Mapping[str, Float[Tensor, " B"]]) -> dict[str, Estimate]:
    """What `Restored.each` tells, over all rows.

    Args:
        each: A number of each row, by name.
    """
    found = {
        name: mean_of(values) if len(values) > 1 else Estimate(values.mean().item(), None)
        for name, values in each.items()
        if name not in ("spread", "error")
    }
    if "spread" in each:
        found["spread over error"] = ratio_of(each["spread"], each["error"])
    return found


def _psnr(found: Float[Tensor, "n B *event"], truth: Float[Tensor, "B *event"]) -> Float[Tensor, " B"]:
    """10 log₁₀ of 1 over the squared error of each row, the mean over draws."""
    error = (found - truth).double().square().flatten(2).mean(2).clamp_min(1e-12)
    return (-10 * error.log10()).mean(0)
