"""What a statistic of a row is, and what it stands on."""

import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo._memory import by_part
from genzoo.core.given import Given, GivenAsked, GivenLike, map_given
from genzoo.core.model import GenerativeModel, evaluating

__all__ = ["Choice", "Drawn", "Gathered", "Setting", "Statistic", "Told", "gathered", "part_of"]

AT_ONCE = 500  # rows


@runtime_checkable
class Gathered(Protocol):
    """Rows as `genzoo.data` serves them."""

    def __len__(self) -> int: ...

    def gather(self, index: Tensor, *, seed: int = 0, epoch: int = 0) -> tuple[Tensor, GivenLike]:
        """The rows of an index with their conditions."""


Told = Tensor | Gathered


class Drawn(NamedTuple):
    """Rows and their conditions in full, some at a time: what a statistic sees.

    Attributes:
        x: The rows.
        given: Their conditions.
        start: The number of the first.
        kept: What statistics of these rows share, by the name of what it is.
    """

    x: Shaped[Tensor, "B *shape"]
    given: Given
    start: int = 0
    kept: "dict[str, Tensor] | None" = None

    def once(self, name: str, found: "Callable[[], Tensor]") -> Tensor:
        """What is found, once for all statistics that ask for it by its name."""
        if self.kept is None:
            return found()
        return self.kept[name] if name in self.kept else self.kept.setdefault(name, found())


class Setting(NamedTuple):
    """What statistics stand on.

    Attributes:
        model: The model of what is usual.
        known: Rows that it learned from, if they are at hand.
        background: A model of what all rows have in common, of the same space.
        seed: Names what is drawn.
    """

    model: GenerativeModel
    known: Told | None = None
    background: GenerativeModel | None = None
    seed: int = 0

    def rows(self, told: Told, first: int, last: int) -> Drawn:
        """Some rows, on the model's device."""
        x, given = gathered(told, first, last)
        x, model = x.to(self.model.device), self.model
        asked: GivenAsked = map_given(lambda part: part.to(model.device), given)
        return Drawn(x, model.checked_given(asked if model.given_space else None, len(x)), first, {})

    def of(self, told: Told, number: Callable[[Drawn], Tensor]) -> Tensor:
        """Numbers of all rows, some at a time; NaN and infinite ones are the strangest."""
        return self.of_each(told, {"": number})[""]

    def of_each(self, told: Told, numbers: Mapping[str, Callable[[Drawn], Tensor]]) -> dict[str, Tensor]:
        """The same of several, which share what they have in common."""
        widths: list[int] = []

        def part(first: int, last: int) -> Tensor:
            with torch.no_grad(), evaluating(self.model):
                rows = self.rows(told, first, last)
                found = [number(rows).double().cpu().reshape(last - first, -1) for number in numbers.values()]
            widths[:] = [one.shape[1] for one in found]
            return torch.cat(found, 1)

        found = torch.cat(list(by_part(len(told), AT_ONCE, part, quiet=True)))
        found = found.nan_to_num(torch.inf, posinf=torch.inf, neginf=-torch.inf)
        return dict(zip(numbers, found.split(widths, 1), strict=True))


class Statistic(abc.ABC):
    """A number of a row, or some: the higher, the stranger.

    Attributes:
        name: What it is called.
        both_ways: Whether unusually low values are strange as well: of a likelihood nobody knows beforehand.
    """

    name: ClassVar[str]
    both_ways: ClassVar[bool] = False

    @abc.abstractmethod
    def why_not(self, setting: Setting) -> str:
        """Why a model has no such number; empty if it has."""

    def repeats(self, setting: Setting) -> bool:
        """Whether another statistic of the model says the same, or for less, so that `auto` leaves this one out."""
        return False

    @abc.abstractmethod
    def number(self, setting: Setting) -> Callable[[Drawn], Float[Tensor, "B K"]]:
        """The number of rows, all that it stands on being made ready once."""


@dataclass(frozen=True)
class Choice:
    """A way to score rows.

    Attributes:
        name: Its name.
        why_not: Why it does not fit the model; empty if it does.
    """

    name: str
    why_not: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.why_not}" if self.why_not else self.name


def gathered(told: Told, first: int, last: int) -> tuple[Tensor, GivenLike]:
    """Some rows with their conditions; a tensor has none."""
    if isinstance(told, Tensor):
        return told[first:last], None
    return told.gather(torch.arange(first, last))


def part_of(told: Told, index: Tensor) -> "Told":
    """Some rows by their places."""
    return told[index] if isinstance(told, Tensor) else Chosen(told, index)


class Chosen:
    """Some of the rows of others."""

    def __init__(self, rows: Gathered, index: Tensor) -> None:
        self.among, self.index = rows, index

    def __len__(self) -> int:
        return len(self.index)

    def gather(self, index: Tensor, *, seed: int = 0, epoch: int = 0) -> tuple[Tensor, GivenLike]:
        """Rows by their places among these."""
        return self.among.gather(self.index[index], seed=seed, epoch=epoch)
