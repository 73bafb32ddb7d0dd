"""A model seen through a map of its data.

Scaling, dequantization and their like leave a model as it is and change what it sees: data is mapped inward before it
is fitted or scored, and samples are mapped outward. Players, passes, start and capabilities are those of the part.
"""

import abc
import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.core.abilities import Ability
from genzoo.core.game import Batch, DirectFit, Metrics, Objective, Player
from genzoo.core.given import Given, GivenAsked, RowsAsked
from genzoo.core.model import Capability, GenerativeModel
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.abilities import Conditioning, Events, Imputation, behind

__all__ = ["Mapped"]


class Mapped(GenerativeModel, DirectFit):
    """A model whose data passes through a map; what it can do, its part says.

    Args:
        space: What one x is out here.
        model: The part; its space is what one x is in there.
    """

    stretch: Tensor

    def __init__(self, space: Space, model: GenerativeModel) -> None:
        super().__init__(space, model.given_space)
        self.model = model
        self.drop_given, self.required = model.drop_given, model.required
        if model.can(Capability.DIRECT_FIT):
            self.register_buffer("stretch", torch.zeros(2, dtype=torch.float64))  # of a pass: Σ ladj, and its rows

    @abc.abstractmethod
    def inward(self, x: Shaped[Tensor, "B *event"], noise: Noise) -> Shaped[Tensor, "B *event"]:
        """Data as the part sees it."""

    @abc.abstractmethod
    def outward(self, y: Shaped[Tensor, "B *event"]) -> Shaped[Tensor, "B *event"]:
        """What the part makes, as data."""

    def ladj(self, x: Shaped[Tensor, "B *event"], y: Shaped[Tensor, "B *inner"]) -> Float[Tensor, "..."] | None:
        """log |dy/dx| of each row, or of all of them, in nats: what a log-density of y lacks to be one of x. None
        where both have the same units."""
        return None

    @property
    def parameter_count(self) -> int:
        return self.model.parameter_count

    def rule(self, given: Given) -> Given:
        """The condition as the part sees it; by default as it is."""
        return given

    def draw(self, n: int, given: Given, noise: Noise, /, **options: Any) -> Shaped[Tensor, "n *event"]:
        return self.outward(self.model.draw(n, self.rule(given), noise, **options))

    def within(self, x: Shaped[Tensor, "B *event"], given: Given) -> tuple[Tensor, Given]:
        """Rows and conditions as the part encodes them, without randomness."""
        return self.inward(x, Noise(0)), self.rule(given)

    def encode(self, x: RowsAsked, given: GivenAsked = None) -> Shaped[Tensor, "B *latent"]:
        """The latent that the part has for what it sees."""
        return self.model.encode(*self.within(self.checked(x), self.checked_given(given, len(x))))

    def decode(self, z: RowsAsked, given: GivenAsked = None) -> Tensor:
        return self.outward(self.model.decode(z, self.rule(self.checked_given(given, len(z)))))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.model!r})"

    def loss(self, batch: Batch) -> Tensor:
        inside = self._inside(batch)
        return self._in_units({"loss": self.model.loss(inside)}, batch.x, inside.x)["loss"]

    def lowers(self) -> Objective:
        return self.model.lowers()

    def players(self) -> Sequence[Player]:
        return [dataclasses.replace(player, loss=self._through(player)) for player in self.model.players()]

    def prepare(self, batches: Iterable[Batch]) -> None:
        self.model.prepare(self._inside(batch) for batch in batches)

    def begin(self) -> None:
        self._passes.begin()
        self.stretch.zero_()

    def accumulate(self, batch: Batch) -> None:
        inside = self._inside(batch)
        ladj = self.ladj(batch.x, inside.x)
        if ladj is not None:
            self.stretch += torch.stack([ladj.expand(len(batch)).double().sum(), self.stretch.new_tensor(len(batch))])
        self._passes.accumulate(inside)

    def statistics(self) -> Iterable[Tensor]:
        return itertools.chain([self.stretch], self._passes.statistics())

    def finish(self) -> Metrics:
        metrics, (ladj, rows) = self._passes.finish(), self.stretch.tolist()
        for name in self.lowers().densities if rows else ():
            if name in metrics:
                metrics[name] -= ladj / rows
        return metrics

    def seen(self, batch: Batch) -> tuple[Tensor, Given]:
        """A batch's rows and conditions; passes over data check them, losses trust them."""
        return self.checked_batch(batch) if self.can(Capability.DIRECT_FIT) else (batch.x, self.given_of(batch))

    def require(self, *names: str) -> None:
        super().require(*names)
        self.model.require(*names)

    def options(self, method: str) -> frozenset[str]:
        return super().options(method) | self.model.options(method)

    def looks(self) -> int:
        return self._passes.looks()

    def takes_null(self) -> bool:
        return self.model.takes_null()

    def takes_missing(self) -> bool:
        return self.can(Capability.MISSING)

    def can(self, capability: Capability | str) -> bool:
        match Capability(capability):
            case Capability.SCORE if not self.space.is_real:
                return False
            case Capability.MISSING if self.space.is_discrete:
                return False
            case other:
                return self.model.can(other)

    def abilities(self) -> list[Ability]:
        """Those of the part, behind the map; what asks for single entries stays behind, unless a map takes each entry
        by itself and says so."""
        entries = (Conditioning, Events, Imputation)
        return [behind(ability, self) for ability in self.model.abilities() if not isinstance(ability, entries)]

    @property
    def _passes(self) -> DirectFit:
        if not isinstance(self.model, DirectFit):
            raise self.lacks(Capability.DIRECT_FIT)
        return self.model

    def _inside(self, batch: Batch) -> Batch:
        x, given = self.seen(batch)
        # The map has a stream of its own, so that the part draws the numbers it would draw alone.
        y = self.inward(x, batch.noise.at(type(self).__name__))
        return dataclasses.replace(batch, x=y, given=self.rule(given))

    def _through(self, player: Player) -> Any:
        def loss(batch: Batch) -> Tensor | Mapping[str, Tensor]:
            inside = self._inside(batch)
            told = player.loss(inside)
            if isinstance(told, Tensor):
                return self._in_units({"loss": told}, batch.x, inside.x)["loss"]
            return self._in_units(told, batch.x, inside.x)

        return loss

    def _in_units(self, told: Mapping[str, Tensor], x: Tensor, y: Tensor) -> Mapping[str, Tensor]:
        """What the part logs of rows y, in the units of x: constants for the gradient, since the map has no
        parameters."""
        densities = self.lowers().densities
        ladj = self.ladj(x, y) if densities else None
        if ladj is None:
            return told
        mean = ladj.detach().mean()
        return {name: value - mean.to(value.dtype) if name in densities else value for name, value in told.items()}


def some(batches: Iterable[Batch], rows: int = 50_000) -> Iterator[Batch]:
    """The first batches, until they hold enough rows for a start."""
    seen = 0
    for batch in batches:
        yield batch
        seen += len(batch)
        if seen >= rows:
            return


def refuse(model: GenerativeModel, name: str) -> None:
    """Raises if the part of a map is not over reals of a fixed shape."""
    if model.space.is_discrete or model.space.ragged:
        raise ValueError(
            f"{name} needs a model over reals of a fixed shape, got {type(model).__name__} over {model.space}. "
            f"Build the part over Space({model.space.shape})."
        )
