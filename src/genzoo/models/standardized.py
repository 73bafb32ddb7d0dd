"""A model in standard units, its density in the data's own."""

from collections.abc import Iterable
from typing import Any, cast

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from genzoo.core.abilities import Ability
from genzoo.core.game import Batch
from genzoo.core.given import Given, GivenAsked, GivenSpace, RowsAsked
from genzoo.core.model import Capability, GenerativeModel
from genzoo.core.noise import Noise
from genzoo.models.abilities import Conditioning, Events, Imputation
from genzoo.models.mapped import Mapped, refuse, some
from genzoo.models.partly import ScaledConditioning, ScaledEvents, ScaledImputation

__all__ = ["Standardized"]


class Standardized(Mapped):
    """A model that sees every real entry, of x and of its conditions, with mean 0 and variance 1,

    $$ \\log p(x \\mid c) =
       \\log p_y\\!\\left(\\frac{x - m}{s} \\,\\Big|\\, \\frac{c - m_c}{s_c}\\right) - \\sum_d \\log s_d, $$

    m and s being the means and standard deviations of the training rows, so that densities stay in the data's units
    and a table of metres and years needs no care. Levels and labels are seen as they are. A column that never varies
    has no unit to speak of: it is centered, and its s is 1.

    Args:
        model: A model whose x, or whose condition, holds reals.
        rows: The rows that the means and deviations are taken from, at most.
        units: The units of x, where they are known rather than taken from rows.
        precise: Whether x comes and goes in float64, so that large numbers that differ in their last digits stay
            apart; the model sees them in its own precision, in standard units.

    Raises:
        ValueError: If neither its x nor its conditions hold reals.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import GaussianMixture
        >>> model = Standardized(GaussianMixture(Space((2,)), components=1, covariance="diag"))
        >>> x = torch.tensor([[1000.0, 0.1], [3000.0, 0.3]])
        >>> model.prepare([Batch(x)])
        >>> model.shift.tolist(), model.scale.tolist()
        ([2000.0, 0.20...], [1000.0, 0.1...])
    """

    shift: Tensor
    scale: Tensor

    def __init__(
        self, model: GenerativeModel, *, rows: int = 50_000, units: "Units | None" = None, precise: bool = False
    ) -> None:
        names = real_conditions(model.given_space)
        if model.space.is_discrete and not names:
            refuse(model, "Standardized")
        super().__init__(model.space, model)
        self.rows, self.precise, self.likelihood = rows, precise, model.likelihood
        self.sees_reals, self.names = not model.space.is_discrete, names
        self.is_fitted, units = units is not None, units or Units(self.space.shape if self.sees_reals else ())
        self.register_buffer("shift", units.shift.double() if precise else units.shift.clone())
        self.register_buffer("scale", units.scale.double() if precise else units.scale.clone())
        self.conditions = nn.ModuleList(Units(shape) for shape in names.values())

    def prepare(self, batches: Iterable[Batch]) -> None:
        kept = list(some(batches, self.rows))
        rows = [self.checked_batch(batch)[0] for batch in kept]
        if self.sees_reals and not self.is_fitted:
            fit(self.shift, self.scale, torch.cat(rows), least=1e-13 if self.precise else 1e-6)
        for name, units in self._units():
            fit(units.shift, units.scale, torch.cat([self.given_of(batch)[name] for batch in kept]))
        super().prepare(kept)

    def inward(self, x: Shaped[Tensor, "B *event"], noise: Noise | None = None) -> Shaped[Tensor, "B *event"]:
        if not self.sees_reals:
            return x
        y = (x - self.shift) / self.scale
        return y.to(self.model.dtype) if self.precise else y

    def outward(self, y: Shaped[Tensor, "B *event"]) -> Shaped[Tensor, "B *event"]:
        return self.shift + self.scale * y if self.sees_reals else y

    def rule(self, given: Given) -> Given:
        reals = ((name, units) for name, units in self._units() if name in given)
        # What came in float64 to keep its digits, such as dates, needs them no more once it is centered.
        units_of = {name: ((given[name] - units.shift) / units.scale).to(units.shift.dtype) for name, units in reals}
        return {**given, **units_of}

    def log_density(
        self, x: Shaped[Tensor, "B *event"], given: Given, noise: Noise, **options: Any
    ) -> Float[Tensor, " B"]:
        y = self.inward(x)
        inner, ladj = self.model.log_density(y, self.rule(given), noise, **options), self.ladj(x, y)
        return inner if ladj is None else inner + ladj

    def ladj(self, x: Shaped[Tensor, "B *event"], y: Shaped[Tensor, "B *event"]) -> Float[Tensor, "..."] | None:
        """−Σ log s_d: of every row the same, or over what is there of it."""
        if not self.sees_reals:
            return None
        stretch = self.scale.log()
        if self.takes_missing() and x.isnan().any():  # the density of what is there has the units of what is there
            return -torch.where(x.isnan(), 0, stretch).flatten(1).sum(1)
        return -stretch.sum()

    def abilities(self) -> list[Ability]:
        found = super().abilities()
        if (imputation := self.model.ability(Imputation)) is not None:
            found.append(ScaledImputation(imputation, self))
        shift, scale = self.shift.expand(self.space.shape), self.scale.expand(self.space.shape)
        if (events := self.model.ability(Events)) is not None:
            found.append(ScaledEvents(events, self, shift, scale))
        if (conditioning := self.model.ability(Conditioning)) is not None:
            found.append(ScaledConditioning(conditioning, self, shift, scale))
        return found

    def score(self, x: RowsAsked, given: GivenAsked = None) -> Float[Tensor, "B *event"]:
        if not self.can(Capability.SCORE):
            raise self.lacks(Capability.SCORE)
        return (
            self.model.score(self.inward(self.checked(x)), self.rule(self.checked_given(given, len(x)))) / self.scale
        )

    def _units(self) -> list[tuple[str, "Units"]]:
        return [(name, cast(Units, units)) for name, units in zip(self.names, self.conditions, strict=True)]


class Units(nn.Module):
    """The mean and the standard deviation of every entry."""

    shift: Tensor
    scale: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(shape))
        self.register_buffer("scale", torch.ones(shape))


def fit(shift: Tensor, scale: Tensor, rows: Float[Tensor, "n *event"], *, least: float = 1e-6) -> None:
    """Sets units to those of some rows; missing entries and null rows do not count. A spread of less than `least` of
    the mean is none."""
    rows = rows.double()
    rows = torch.where(rows.isfinite(), rows, torch.nan)
    mean = rows.nanmean(0).nan_to_num()
    std = (rows - mean).square().nanmean(0).nan_to_num().sqrt()
    shift.copy_(mean)
    # A spread within rounding of the mean is a constant that came through float32, or float64.
    scale.copy_(torch.where(std > least * mean.abs(), std, 1))


def real_conditions(given_space: GivenSpace) -> dict[str, tuple[int, ...]]:
    """The shapes of the conditions that hold reals of a fixed shape."""
    return {name: space.shape for name, space in given_space.items() if not (space.is_discrete or space.ragged)}
