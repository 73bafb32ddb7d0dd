"""What measurements say of an entry that is about to be drawn, those before it being known.

Of entries that are measured one by one it is p(y_i | x_i). Where a measurement mixes entries, those that are still to
be drawn are taken for independent, with the mean of a ridge regression on y and the variance that a level of that mean
can have at most,

$$ \\psi_i(x_{\\le i}) = \\prod_j N\\Big(y_j;\\ \\sum_{k \\le i} A_{jk} x_k + \\sum_{k > i} A_{jk} \\hat m_k,\\
   R_j + s_{ij}^2\\Big). $$

That is a guess, and need not be right: $\\psi_D$ is p(y | x) whatever it is, and what the guess got wrong on the way
is in the weights.
"""

import abc
import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.core.model import GenerativeModel
from genzoo.tasks.inverse.measurement import Measurement, as_numbers
from genzoo.tasks.inverse.operator import Linear, conjugate_gradients

__all__ = ["Ahead", "Apart", "Mixed", "evidence", "laid_flat", "values_of"]

TOGETHER = 0.5  # how far entries that are still to be drawn go together, for the variance of their sums


class Ahead(abc.ABC):
    """What measurements say, entry by entry."""

    @abc.abstractmethod
    def start(self) -> Float[Tensor, " rows"]:
        """log ψ before the first entry."""

    @abc.abstractmethod
    def said(self, i: int) -> tuple[Float[Tensor, " rows"], Float[Tensor, "rows levels"]]:
        """Of the parts of ψ that entry i changes: what they were, and what they are for each of its values."""

    @abc.abstractmethod
    def take(self, i: int, index: Int[Tensor, " rows"], symbol: Int[Tensor, " rows"]) -> None:
        """Rows go on from those of an index, with entry i known."""


class Apart(Ahead):
    """Entries that are measured one by one.

    Args:
        model: A model of levels.
        measurement: Of its entries.
    """

    def __init__(self, model: GenerativeModel, measurement: Measurement) -> None:
        self.known = evidence(model, measurement).double()

    def start(self) -> Float[Tensor, " rows"]:
        return self.known.new_zeros(len(self.known))

    def said(self, i: int) -> tuple[Float[Tensor, " rows"], Float[Tensor, "rows levels"]]:
        return self.known.new_zeros(len(self.known)), self.known[:, i]

    def take(self, i: int, index: Int[Tensor, " rows"], symbol: Int[Tensor, " rows"]) -> None:
        pass  # rows of an island share their measurement


class Mixed(Ahead):
    """Measurements of several entries each, linear and with Gaussian noise; those of an island share them.

    Args:
        model: A model of levels.
        measurement: Of its entries.
    """

    def __init__(self, model: GenerativeModel, measurement: Measurement) -> None:
        self.a, self.y, self.noise = laid_flat(measurement)
        self.values = values_of(model)
        self.mean = self._guess().clamp(0, 1)
        self.deviation = (self.mean * (1 - self.mean)).clamp_min(0.01).sqrt()
        self.drawn = torch.zeros_like(self.y)
        self.rest, self.sums = self.mean @ self.a.T, self.deviation @ self.a.abs().T
        self.squares = self.deviation.square() @ self.a.square().T

    def start(self) -> Float[Tensor, " rows"]:
        spread = self.noise + _spread(self.sums, self.squares)
        off = self.y - self.rest
        return -(off.square() / spread + spread.log() + math.log(2 * math.pi)).sum(1) / 2

    def said(self, i: int) -> tuple[Float[Tensor, " rows"], Float[Tensor, "rows levels"]]:
        which, weight = self._seen_in(i)
        off = (self.y - self.drawn - self.rest)[:, which]
        spread = self.noise[:, which] + _spread(self.sums[:, which], self.squares[:, which])
        before = -(off.square() / spread + spread.log()).sum(1) / 2
        off = off + weight * self.mean[:, i : i + 1]
        sums = self.sums[:, which] - weight.abs() * self.deviation[:, i : i + 1]
        squares = self.squares[:, which] - (weight * self.deviation[:, i : i + 1]).square()
        spread = self.noise[:, which] + _spread(sums, squares)
        flat = -(off.square() / spread + spread.log()).sum(1, keepdim=True) / 2
        slope = (off * weight / spread).sum(1, keepdim=True)
        bend = (weight.square() / spread).sum(1, keepdim=True)
        return before, flat + slope * self.values - bend * self.values.square() / 2

    def take(self, i: int, index: Int[Tensor, " rows"], symbol: Int[Tensor, " rows"]) -> None:
        which, weight = self._seen_in(i)
        self.drawn = self.drawn[index]
        self.drawn[:, which] += weight * self.values[symbol][:, None]
        self.rest[:, which] -= weight * self.mean[:, i : i + 1]
        self.sums[:, which] -= weight.abs() * self.deviation[:, i : i + 1]
        self.squares[:, which] -= (weight * self.deviation[:, i : i + 1]).square()

    def _seen_in(self, i: int) -> tuple[Tensor, Tensor]:
        """The measurements in which an entry is seen, and with what weight."""
        column = self.a[:, i]
        which = (column.abs() > 0).nonzero()[:, 0]
        return which, column[which]

    def _guess(self) -> Float[Tensor, "rows D"]:
        """Entries by ridge regression about one half."""
        off = self.y - 0.5 * self.a.sum(1)
        ridge = self.noise.mean() + 0.01
        solved = conjugate_gradients(lambda v: v @ self.a @ self.a.T + ridge * v, off, 100)
        return 0.5 + solved @ self.a


def _spread(sums: Tensor, squares: Tensor) -> Tensor:
    """The variance of sums of what is still to be drawn, partly together."""
    return TOGETHER * sums.clamp_min(0).square() + (1 - TOGETHER) * squares.clamp_min(0)


def laid_flat(measurement: Measurement) -> tuple[Float[Tensor, "m D"], Float[Tensor, "B m"], Float[Tensor, "B m"]]:
    """A, what was measured, and its variances, where all rows share A.

    Args:
        measurement: A linear one.
    """
    operator, counted, y = measurement.operator, measurement.operator.counted, measurement.y.double()
    assert isinstance(operator, Linear)
    keep = slice(None) if counted is None else counted.expand(1, *operator.range)[0].flatten()
    return operator.matrix(), y.flatten(1)[:, keep], measurement.noise.variance(y).flatten(1)[:, keep]


def values_of(model: GenerativeModel) -> Float[Tensor, " L"]:
    """A model's levels, as numbers."""
    return as_numbers(model.space, torch.arange(model.space.levels or 1, device=model.device), torch.float64)


def evidence(model: GenerativeModel, measurement: Measurement) -> Float[Tensor, "B D L"]:
    """log p(y_i | x_i) of every value of every entry.

    Args:
        model: A model of levels.
        measurement: Of its entries, one by one.
    """
    space, y = model.space, measurement.y
    values = as_numbers(space, torch.arange(space.levels or 1, device=y.device), y.dtype)
    each = torch.stack([measurement.noise.log_prob(y, value.expand_as(y)) for value in values], -1)
    counted = measurement.operator.counted
    each = each if counted is None else torch.where(counted[..., None], each, 0.0)
    return each.flatten(1, -2)
