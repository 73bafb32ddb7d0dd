"""What is to be solved, and what a method is."""

import abc
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from jaxtyping import Shaped
from torch import Tensor

from genzoo.core.given import Given, given_rows
from genzoo.core.model import GenerativeModel
from genzoo.core.noise import Noise
from genzoo.distributions.estimate import NotFinite
from genzoo.tasks.inverse.measurement import Gaussian, Measurement
from genzoo.tasks.inverse.operator import ENTRIES, Identity, Linear
from genzoo.tasks.inverse.pixels import Mask
from genzoo.tasks.inverse.posterior import Exactness

__all__ = ["Answer", "Choice", "Method", "Problem", "is_apart", "no_matrix", "no_slope", "refuse_diverged"]


class Problem(NamedTuple):
    """A model, what was measured of its rows, and what the rows are given.

    Attributes:
        model: The model.
        measurement: Of rows as numbers, levels in [0, 1].
        given: The condition of each row, in full.
        start: The number of the first measurement.
    """

    model: GenerativeModel
    measurement: Measurement
    given: Given
    start: int = 0

    def __len__(self) -> int:
        return len(self.measurement)

    def times(self, n: int) -> "Problem":
        """The same with n rows for each measurement, standing together."""
        index = torch.arange(len(self), device=self.measurement.y.device).repeat_interleave(n)
        return Problem(self.model, self.measurement.rows(index), given_rows(self.given, index), self.start * n)

    def part(self, first: int, last: int) -> "Problem":
        """Some of the measurements."""
        index = torch.arange(first, last, device=self.measurement.y.device)
        return Problem(self.model, self.measurement.rows(index), given_rows(self.given, index), self.start + first)

    def noise(self, seed: int, name: str) -> Noise:
        """The stream of a method: row i depends on the seed and on the number of the row alone."""
        return Noise(seed, "solve", name, start=self.start, device=self.measurement.y.device)


@dataclass(frozen=True)
class Answer:
    """What a method found.

    Attributes:
        x: (B n, *event), the draws of a measurement standing together: data, or the numbers of `measured`.
        calls: Of a network, for each measurement.
        log_evidence: Of each measurement, if known.
        diagnostics: What else.
    """

    x: Shaped[Tensor, "rows *event"]
    calls: int
    log_evidence: Tensor | None = None
    diagnostics: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """A method, for a problem.

    Attributes:
        name: Its name.
        exactness: What its draws would be.
        calls: What a draw would cost, in calls of a network; a derivative counts as two.
        why_not: Why it cannot solve the problem; empty if it can.
    """

    name: str
    exactness: Exactness
    calls: int
    why_not: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.why_not or f'{self.exactness.value}, {self.calls:,} calls a draw'}"


class Method(abc.ABC):
    """A way to draw from p(x | y).

    Attributes:
        name: Its name.
    """

    name: str

    @abc.abstractmethod
    def exactness(self, problem: Problem) -> Exactness:
        """What its draws are."""

    @abc.abstractmethod
    def why_not(self, problem: Problem) -> str:
        """Why it cannot solve a problem; empty if it can."""

    def cost(self, problem: Problem) -> int:
        """Calls of a network for a draw."""
        return 0

    @abc.abstractmethod
    def run(self, problem: Problem, n: int, seed: int, *_: Any, **options: Any) -> Answer:
        """n draws for each measurement; the typed keywords are its options."""

    def known(self) -> frozenset[str]:
        """The names of its options."""
        return keywords(type(self).run)

    def rows(self, problem: Problem, **options: Any) -> int:
        """How many rows of numbers a draw takes at once; what decides how many measurements go together."""
        return 1


def keywords(function: Callable[..., Any]) -> frozenset[str]:
    """The names of a function's typed keywords.

    Example:
        >>> def drawn(n, *, steps=3, **others): ...
        >>> keywords(drawn)
        frozenset({'steps'})
    """
    parameters = inspect.signature(function).parameters.values()
    return frozenset(parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY)


def is_apart(measurement: Measurement) -> bool:
    """Whether entries are measured one by one."""
    return isinstance(measurement.operator, Mask | Identity)


def no_matrix(measurement: Measurement) -> str:
    """Why entries are neither measured one by one, nor by a matrix that all rows share and with Gaussian noise; empty
    if they are.

    Args:
        measurement: What was measured.
    """
    operator = measurement.operator
    if is_apart(measurement):
        return ""
    if not isinstance(operator, Linear) or operator.by_row or not isinstance(measurement.noise, Gaussian):
        return "entries are measured neither one by one nor by one linear operator with Gaussian noise"
    size = math.prod(operator.domain) * math.prod(operator.range)
    return f"its matrix would have {size:,} entries" if size > ENTRIES else ""


def no_slope(measurement: Measurement) -> str:
    """Why nothing can be led by the slope of a measurement; empty if it can.

    Args:
        measurement: What was measured.
    """
    if isinstance(measurement.operator, Linear):
        return ""
    one = measurement.operator.rows(torch.zeros(1, dtype=torch.int64))
    with torch.enable_grad():
        x = Noise(0, "slope").uniform(1, *one.domain).to(measurement.y).requires_grad_()
        y = one(x)
        slope = torch.autograd.grad(y.square().sum(), x, materialize_grads=True)[0] if y.requires_grad else None
    steep = slope is not None and bool(slope.abs().sum() > 0)
    return "" if steep else "the operator has no slope to follow: tell rounding by the channel Interval"


def refuse_diverged(x: Tensor, name: str) -> None:
    """Raises if draws have left the numbers, which levels would show as black.

    Args:
        x: Draws, as numbers.
        name: The method's.

    Raises:
        NotFinite: If they have.
    """
    if not bool(x.isfinite().all()):
        raise NotFinite(
            f"Draws must be finite, got NaN or ∞ from {name}. Raise `steps` or the noise, or take another method."
        )
