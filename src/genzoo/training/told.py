"""How the values that a training logs are told: in the sign and the unit of an evaluation, where they are nats."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from genzoo.core import GenerativeModel, Likelihood
from genzoo.training.course import Course

__all__ = ["Told", "is_loss", "told_of"]

NAMES = {
    Likelihood.EXACT: "−log p",
    Likelihood.BOUND: "−(bound on log p)",
    Likelihood.ESTIMATE: "−(estimate of log p)",
    Likelihood.UNNORMALIZED: "−log p, unnormalized",
}
COUNTED = 10_000  # rows by which the length of rows of unlike lengths is known


@dataclass(frozen=True)
class Told:
    """What a loss is, and in which unit it is told.

    Attributes:
        label: What it is, in words.
        unit: Its unit, "" if the label says it.
        factor: What a value in nats per row is multiplied by.
        names: The logged values that are so, by the last part of their names.

    Example:
        >>> told = Told("−log p", "bits/dim", 0.5, ("loss",))
        >>> told.words, told.values({"loss": 3.0, "gap": 1.0}), told.shown("loss", 1.5)
        ('−log p, bits/dim', {'loss': 1.5, 'gap': 1.0}, '1.5 bits/dim')
    """

    label: str = ""
    unit: str = ""
    factor: float = 1.0
    names: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """What the loss is, with its unit."""
        return ", ".join(filter(None, (self.label, self.unit)))

    def value(self, name: str, value: float) -> float:
        """A logged value as it is told."""
        return value * self.factor if self._is_nats(name) else value

    def values(self, logged: Mapping[str, float | None]) -> dict[str, float | None]:
        """Logged values as they are told."""
        return {name: None if value is None else self.value(name, value) for name, value in logged.items()}

    def shown(self, name: str, value: float) -> str:
        """What is told, in four digits and with its unit."""
        return f"{value:.4g} {self.unit}" if self.unit and self._is_nats(name) else f"{value:.4g}"

    def _is_nats(self, name: str) -> bool:
        return name.rpartition("/")[2] in self.names


def told_of(course: Course) -> Told:
    """How the losses of a training are told: nats per row of reals, bits per dimension of levels.

    Args:
        course: The training.
    """
    model = course.model
    objective = model.lowers()
    label = objective.name or NAMES.get(getattr(model, "likelihood", Likelihood.NONE), "")
    if not isinstance(model, GenerativeModel) or not objective.nats or not label:  # it claims nothing of its loss
        return Told(objective.name)
    if not model.space.is_discrete:
        return Told(label, "nats/row", 1.0, objective.nats)
    return Told(label, "bits/dim", 1 / (_entries(course, model) * math.log(2)), objective.nats)


def is_loss(name: str) -> bool:
    """Whether a logged value is a loss."""
    return name.rpartition("/")[2] == "loss"


def _entries(course: Course, model: GenerativeModel) -> float:
    """The entries of a row; of rows of unlike lengths the mean over the first."""
    if not model.space.ragged:
        return float(model.space.dims)
    rows, entries = 0, 0
    for number in range(course.order.passes):
        x = course.order.once(number).x
        rows, entries = rows + len(x), entries + int(torch.ne(x, model.space.levels or 0).sum())
        if rows >= COUNTED:
            break
    return max(1.0, entries / max(1, rows))
