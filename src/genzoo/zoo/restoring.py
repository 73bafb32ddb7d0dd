"""Rows that were measured and solved for, beside what they were: how near, and how sure.

The truth is held-out rows, which tests a model and the way it is solved together, or the model's own samples, which
tests the way alone: for a GAN as well as for a Gaussian.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.core import GenerativeModel, Given
from genzoo.distributions.estimate import Estimate
from genzoo.evaluation.calibration import coverage, spread_error
from genzoo.tasks.inverse import Measurement, Posterior, as_numbers, measure, solve
from genzoo.tasks.inverse.measurement import Channel
from genzoo.tasks.inverse.operator import Linear

__all__ = ["Restored", "restored"]


@dataclass(frozen=True)
class Restored:
    """What was found of rows, with the rows.

    Attributes:
        measurement: What was measured of them.
        posterior: The draws.
        truth: The rows, as numbers: levels in [0, 1].
        draws: The draws, as numbers.
    """

    measurement: Measurement
    posterior: Posterior
    truth: Float[Tensor, "B *event"]
    draws: Float[Tensor, "n B *event"]

    @property
    def figures(self) -> Mapping[str, Estimate]:
        """PSNR of the mean and of single draws in dB; with two draws or more the spread over the error (1 is right)
        and how often 90 % intervals hold the truth."""
        mean = self.draws.mean(0)
        found = {
            "PSNR of the mean, dB": _psnr(mean[None], self.truth),
            "PSNR of a draw, dB": _psnr(self.draws, self.truth),
        }
        if len(self.draws) > 1:
            found["spread over error"] = spread_error(self.draws, self.truth)
            found["coverage of 90 %"] = coverage(self.draws, self.truth)
        return found

    def wall(self) -> Float[Tensor, "pictures C H W"]:
        """A line for each row: what was seen, the draws, their mean, their spread (twice), the truth."""
        seen = self._seen().clamp(0, 1)
        spread = (2 * self.draws.std(0)).clamp(0, 1) if len(self.draws) > 1 else torch.zeros_like(self.truth)
        lines = [seen[None], self.draws, self.draws.mean(0)[None], spread[None], self.truth[None]]
        return torch.cat(lines).transpose(0, 1).flatten(0, 1)

    @property
    def columns(self) -> int:
        """Pictures in a line of the wall."""
        return len(self.draws) + 4

    def _seen(self) -> Tensor:
        """What was measured as a picture of the rows' shape: hidden pixels in middle gray, all else by A⁺."""
        operator, y = self.measurement.operator, self.measurement.y
        assert isinstance(operator, Linear)
        back = operator.pinv(y, ridge=1e-3 if operator.gram() is None else 0.0, iterations=50)
        counted = operator.counted
        return back if counted is None or operator.range != operator.domain else torch.where(counted, back, 0.5)


def restored(
    model: GenerativeModel,
    x: Shaped[Tensor, "B *event"],
    operator: Linear,
    channel: Channel,
    *,
    draws: int = 4,
    given: Given | None = None,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
) -> Restored:
    """Rows measured, and solved for.

    Args:
        model: The model.
        x: Rows of its space.
        operator: What is seen of them.
        channel: Through what noise.
        draws: Of each row.
        given: Their conditions.
        seed: Names noise and draws.
        options: Those of `solve`: a method, and its own.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import GaussianMixture
        >>> from genzoo.tasks.inverse import Gaussian, hidden
        >>> model = GaussianMixture(Space((4,)), components=3)
        >>> found = restored(model, model.sample(20, seed=0), hidden((4,), 0.5), Gaussian(0.1), draws=5)
        >>> sorted(found.figures)[0]
        'PSNR of a draw, dB'
    """
    truth = as_numbers(model.space, x, model.dtype)
    seen = measure(operator, truth, channel, seed=seed)
    posterior = solve(model, seen, n=draws, given=given, seed=seed, **(options or {}))
    return Restored(seen, posterior, truth, as_numbers(model.space, posterior.x, model.dtype))


def _psnr(found: Float[Tensor, "n B *event"], truth: Float[Tensor, "B *event"]) -> Estimate:
    """10 log₁₀ of 1 over the squared error, the mean over rows."""
    error = (found - truth).double().square().flatten(2).mean(2).clamp_min(1e-12)
    each = (-10 * error.log10()).mean(0)
    spread = (each.std() / math.sqrt(len(each))).item() if len(each) > 1 else None
    return Estimate(each.mean().item(), spread)
