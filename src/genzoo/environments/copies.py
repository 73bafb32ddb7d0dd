"""The interface of environments: n copies of one, side by side.

A copy is a Markov decision process: a state from p(s₀), then again and again an observation of it, an action, and the
next state with a reward. Copies know nothing of each other: what is drawn for copy i comes from row i of a `Noise`,
and arithmetic on rows is that of each row alone.
"""

import abc
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from PIL import Image
from torch import Tensor

from genzoo.core.noise import Noise

__all__ = ["Box", "Environment", "Step"]


class Box(NamedTuple):
    """A product of intervals: what an observation, or an action, may be.

    Attributes:
        low: The least value of each entry.
        high: The largest.

    Example:
        >>> print(Box((0.0, -1.0), (1.0, 1.0)))
        [0, 1] × [-1, 1]
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def dims(self) -> int:
        """The number of entries."""
        return len(self.low)

    def clipped(self, rows: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Rows moved into the box, entry by entry."""
        return rows.clamp(rows.new_tensor(self.low), rows.new_tensor(self.high))

    def __str__(self) -> str:
        return " × ".join(f"[{low:g}, {high:g}]" for low, high in zip(self.low, self.high, strict=True))


class Step(NamedTuple):
    """What follows an action, in each copy.

    Attributes:
        observation: What is seen now.
        reward: What the step was worth.
        success: Whether the task is done by now.
        ended: Whether there is nothing to be done any more, be it done or failed.
    """

    observation: Float[Tensor, "n obs"]
    reward: Float[Tensor, " n"]
    success: Bool[Tensor, " n"]
    ended: Bool[Tensor, " n"]


class Environment(abc.ABC):
    """n copies of an environment, moved together.

    A subclass says what is seen and done (`observed`, `acted`), after how many steps an episode stops (`limit`), and
    counts `version` up when the same actions no longer lead to the same states.

    Attributes:
        name: What it is called.
        version: Of its dynamics.
        observed: What observations may be.
        acted: What actions may be; others are moved into it.
        limit: The longest episode, in steps.
        n: The number of copies.
        rate: Steps in a second, for films.
        ways: The names of the ways in which the task may be done, where there are several.
    """

    name: str
    version: int = 1
    observed: Box
    acted: Box
    limit: int
    n: int = 0
    rate: float = 10.0
    ways: tuple[str, ...] = ()

    @abc.abstractmethod
    def reset(self, n: int, noise: Noise) -> Float[Tensor, "n obs"]:
        """n copies at the beginning of an episode, drawn from the rows of a noise; what is seen first."""

    @abc.abstractmethod
    def step(self, action: Float[Tensor, "n act"]) -> Step:
        """The next state of every copy, after an action that lies in the box."""

    @abc.abstractmethod
    def again(self, which: Bool[Tensor, " n"], noise: Noise) -> Float[Tensor, "n obs"]:
        """Some copies at the beginning of another episode, the others as they are; what is seen in all."""

    def way(self) -> Int[Tensor, " n"]:
        """The number of the way that each copy went, by `ways`; −1 where it went none."""
        return torch.full((self.n,), -1)

    @abc.abstractmethod
    def picture(self, copy: int, size: int = 128) -> Image.Image:
        """What one copy looks like."""


class PointEnvironment(Environment):
    """An environment whose copies are rows of a few float64 numbers."""

    state: Float[Tensor, "n state"]
    clock: Int[Tensor, " n"]

    @abc.abstractmethod
    def start(self, n: int, noise: Noise) -> Float[Tensor, "n state"]:
        """First states."""

    def see(self) -> Float[Tensor, "n obs"]:
        """What is seen of the states; by default all of them."""
        return self.observed.clipped(self.state)

    def reset(self, n: int, noise: Noise) -> Float[Tensor, "n obs"]:
        self.n, self.state, self.clock = n, self.start(n, noise), torch.zeros(n, dtype=torch.int64)
        return self.see()

    def again(self, which: Bool[Tensor, " n"], noise: Noise) -> Float[Tensor, "n obs"]:
        self.state = torch.where(which[:, None], self.start(len(which), noise), self.state)
        self.clock = self.clock.masked_fill(which, 0)
        return self.see()
