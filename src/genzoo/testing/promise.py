"""A promise: what is asked of a model, by which models, and what it says when it is broken."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from genzoo.core import Batch, GenerativeModel, Given, Noise, map_given
from genzoo.core.given import given_rows
from genzoo.testing.suitable import conditions, rows

__all__ = ["Broken", "LeftOut", "Promise", "Subject", "every_promise", "hold", "promise", "same"]

ROWS = 200


class Broken(AssertionError):
    """A promise that does not hold: what must hold, and what was found."""


class LeftOut(Exception):
    """A promise that this model cannot be asked for, and why."""


def hold(true: bool | Tensor, otherwise: str) -> None:
    """Raises `Broken` unless something is true.

    Raises:
        Broken: If it is not.
    """
    if not true:
        raise Broken(otherwise)


@dataclass(frozen=True)
class Subject:
    """A model that is asked, with rows that suit it; what asks it works on copies.

    Attributes:
        model: The model, prepared.
        x: Rows of its space.
        given: Rows of its condition.
        unit: Whether it takes its unit from the data, so that in another one it is the same model. By default what
            is fitted directly to reals does.
        rounds: After how many rounds of training its loss must have fallen.
        still: How the names of parameters end that need not move: constants that cancel.
        trained: Whether its weights are those of a training; else they are stirred where a start at zero hides
            what a network does.
        options: How samples are drawn where it does not matter how good they are, as {"steps": 5}.
        scoring: How log_prob is told where it does not matter how well, as {"temperatures": 5}.
    """

    model: GenerativeModel
    x: Tensor
    given: Given
    unit: bool = False
    rounds: int = 40
    still: tuple[str, ...] = ()
    trained: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    scoring: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, model: GenerativeModel) -> "Subject":
        """A model with rows of our own."""
        unit = model.space.is_real and model.can("direct_fit")
        return cls(model, rows(model.space, ROWS), conditions(model.given_space, ROWS), unit)

    def copy(self) -> GenerativeModel:
        """A model to be changed at will."""
        return copy.deepcopy(self.model)

    def stirred(self, by: float = 0.05) -> GenerativeModel:
        """A copy whose weights are moved at random, since a layer that starts at zero hides those before it."""
        model, noise = self.copy(), self.batch(1).noise.at("stir")
        with torch.no_grad():
            for i, parameter in enumerate(model.parameters()):
                parameter.add_(by * noise.at(i).normal(*parameter.shape) if parameter.ndim else by)
        return model

    def double(self) -> "Subject":
        """The same in double precision."""
        x = self.x.double() if self.x.is_floating_point() else self.x
        return replace(self, model=self.copy().double(), x=x)

    def batch(self, n: int = 32, page: int = 0) -> Batch:
        """The first n rows, and noise for a page."""
        return Batch(self.x[:n], given_rows(self.given, slice(n)), Noise(3, "train").tick(page))

    def alike(self, n: int, row: int = 0) -> Given:
        """n times the condition of one row."""
        return map_given(lambda g: g[row : row + 1].expand(n, *g.shape[1:]), self.given)

    def can(self, *capabilities: str) -> bool:
        """Whether the model has all of some capabilities."""
        return all(self.model.can(capability) for capability in capabilities)


@dataclass(frozen=True)
class Promise:
    """What is asked of every model that can.

    Attributes:
        name: What must hold, in words.
        kind: "contract" costs little, "use" looks at what a trained model is used for, "density" compares with sums
            and integrals, "training" trains.
        needs: The capabilities of those that are asked.
        asked: Who of them is asked; its docstring says it.
        holds: Raises `Broken` where it does not hold; what it measured on its way, if anything, in words.
    """

    name: str
    kind: str
    needs: frozenset[str]
    asked: Callable[[Subject], bool]
    holds: Callable[[Subject], str | None]

    def concerns(self, subject: Subject) -> bool:
        """Whether a model makes this promise at all."""
        return subject.can(*self.needs) and self.asked(subject)


every_promise: list[Promise] = []


def promise(
    *needs: str, kind: str = "contract", asked: Callable[[Subject], bool] = lambda subject: True
) -> Callable[[Callable[[Subject], str | None]], Callable[[Subject], str | None]]:
    """Registers a function as a promise of its name, made by models with some capabilities."""

    def register(holds: Callable[[Subject], str | None]) -> Callable[[Subject], str | None]:
        name = holds.__name__.replace("_", " ")
        every_promise.append(Promise(name, kind, frozenset(needs), asked, holds))
        return holds

    return register


def same(a: Tensor, b: Tensor) -> bool:
    """Equal levels, or reals equal but for rounding."""
    return torch.equal(a, b) if not a.is_floating_point() else torch.allclose(a, b, rtol=1e-5, atol=1e-5)
