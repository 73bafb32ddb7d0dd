"""Training is a game: what the engine needs to know of a model.

A model lists its players in order; each moves some modules to lower a loss, some steps per turn. A likelihood model
has one player, a GAN two. A round is one turn of every player. One loop plays every game; a recipe is data, never a
trainer. Models fitted in closed form or by EM implement `DirectFit`, and the same loop runs their passes.
"""

import abc
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn

from genzoo.core.given import Given, GivenLike, as_given, map_given
from genzoo.core.noise import Noise

__all__ = ["After", "Batch", "DirectFit", "Done", "Instant", "Metrics", "Objective", "Player", "Trainable"]

Metrics = dict[str, float]


@dataclass(frozen=True, init=False)
class Batch:
    """Rows of data with what a loss on them may use.

    Attributes:
        x: (B, *shape); bytes stay uint8 until the model.
        given: The condition by names, one row per row of x; a single tensor is named "given".
        noise: The source of every random draw of the loss, keyed to these rows.
        progress: How far the training is, from 0 toward 1: the rounds made, as a share of the run's.

    Example:
        >>> import torch
        >>> batch = Batch(torch.zeros(4, 2), noise=Noise(0))
        >>> len(batch), len(batch[:2])
        (4, 2)
    """

    x: Tensor
    given: Given
    noise: Noise
    progress: float

    def __init__(self, x: Tensor, given: GivenLike = None, noise: Noise | None = None, progress: float = 0.0) -> None:
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "given", as_given(given))
        object.__setattr__(self, "noise", noise or Noise(0))
        object.__setattr__(self, "progress", progress)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: slice) -> "Batch":
        """Some of the rows, with the noise that belongs to them."""
        given = map_given(lambda g: g[rows], self.given)
        return replace(self, x=self.x[rows], given=given, noise=self.noise.rows(rows))


@dataclass(frozen=True)
class Instant:
    """The moment after a player's step, as its `after` sees it.

    Attributes:
        step: The player's own steps before this one.
        progress: How far the training is: the share of the run's rounds that are made with this one, at the end 1.
        noise: The source of what is drawn now.
        total: Sums a tensor over processes, in place.

    Example:
        >>> Instant(step=3, progress=0.5).progress
        0.5
    """

    step: int
    progress: float = 0.0
    noise: Noise = field(default_factory=lambda: Noise(0))
    total: Callable[[Tensor], Tensor] = lambda tensor: tensor


After = Callable[[Instant], None]


@dataclass(frozen=True)
class Player:
    """One side of the training game: what moves, to lower what, how often.

    Attributes:
        name: Prefix of its logged values.
        moves: The modules whose parameters it moves; all others stand still in its turn.
        loss: A batch to its loss, a mean over rows, or to a mapping whose "loss" is minimised and the rest logged.
        steps: Optimizer steps per turn, each on a fresh batch.
        every: It plays every so many rounds (lazy regularisation).
        optimizer: Published optimizer settings that override the training configuration, as lr or betas.
        after: Called after each step: weight clipping, codebook or target updates, growth.

    Example:
        >>> import torch
        >>> line = nn.Linear(1, 1)
        >>> player = Player("line", line, lambda batch: line(batch.x).square().mean())
        >>> len(player.parameters())
        2
    """

    name: str
    moves: nn.Module | Sequence[nn.Module]
    loss: Callable[[Batch], Tensor | Mapping[str, Tensor]]
    steps: int = 1
    every: int = 1
    optimizer: Mapping[str, Any] = field(default_factory=dict)
    after: After | None = None

    def parameters(self) -> list[nn.Parameter]:
        """The parameters that move, each once, in a fixed order."""
        modules = [self.moves] if isinstance(self.moves, nn.Module) else self.moves
        return list(dict.fromkeys(itertools.chain.from_iterable(module.parameters() for module in modules)))


@dataclass(frozen=True)
class Objective:
    """What a loss measures, so that it can be told in the units of an evaluation.

    Attributes:
        name: In words, with its unit if that is not nats; "" for −log p(x | given), or the bound that a model has.
        nats: The logged values that are nats per row of x, by the last part of their names.
        densities: Those of them that hold log p(x | …), and so change with the units of x.

    Example:
        >>> Objective("distortion + 4 × rate", nats=("loss", "distortion", "rate"), densities=("loss", "distortion"))
        Objective(name='distortion + 4 × rate', nats=('loss', 'distortion', 'rate'), ...)
    """

    name: str = ""
    nats: tuple[str, ...] = ()
    densities: tuple[str, ...] = ()


class Trainable(nn.Module, abc.ABC):
    """What the engine needs of anything it trains: judges and contrastive encoders stop here.

    Example:
        >>> import torch
        >>> class Mean(Trainable):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.mean = nn.Parameter(torch.zeros(()))
        ...     def loss(self, batch):
        ...         return (batch.x - self.mean).square().mean()
        >>> [player.name for player in Mean().players()]
        ['model']
    """

    @abc.abstractmethod
    def loss(self, batch: Batch) -> Tensor:
        """The mean over rows of what training lowers."""

    def lowers(self) -> Objective:
        """What training lowers, for whoever tells the loss; by default nothing is known of it."""
        return Objective()

    @property
    def parameter_count(self) -> int:
        """The number of free parameters, what training determines."""
        return sum(p.numel() for p in self.parameters())

    def players(self) -> Sequence[Player]:
        """The players in order; asked once, so all parameters must exist. By default one player moves everything."""
        return [Player("model", self, self.loss)]

    def prepare(self, batches: Iterable[Batch]) -> None:
        """Looks at data once before round 0: data-dependent starts, codebooks, standardisation. Runs on one process,
        is broadcast to the others, and is skipped on resume, so what it fits must be parameters or buffers."""

    def at(self, progress: float) -> None:
        """Takes the form that it has at some progress of its training. Only copies are asked, to be timed: a model
        whose steps grow dearer than at first says here how far it has grown; others have nothing to do."""


class Done(Metrics):
    """The metrics of a last pass: the fit has converged."""


class DirectFit(abc.ABC):
    """A model fitted by passes over the data, in closed form or by EM, without gradients.

    The engine runs begin, accumulate over every batch of the training data, finish, until `finish` says `Done` or the
    budget ends. Between accumulate and finish it sums `statistics` over processes. Everything that a pass changes is a
    buffer, so a kill in the middle of a pass resumes exactly.

    Example:
        >>> import torch
        >>> class Mean(nn.Module, DirectFit):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.register_buffer("mean", torch.zeros(()))
        ...         self.register_buffer("sums", torch.zeros(2))
        ...     def begin(self):
        ...         self.sums.zero_()
        ...     def accumulate(self, batch):
        ...         self.sums += torch.stack([batch.x.sum(), torch.tensor(float(len(batch)))])
        ...     def statistics(self):
        ...         return [self.sums]
        ...     def finish(self):
        ...         self.mean.copy_(self.sums[0] / self.sums[1])
        ...         return Done(mean=self.mean.item())
        >>> model = Mean()
        >>> model.begin(); model.accumulate(Batch(torch.arange(5.0))); model.finish()
        {'mean': 2.0}
    """

    @abc.abstractmethod
    def begin(self) -> None:
        """Clears the statistics before a pass."""

    @abc.abstractmethod
    def accumulate(self, batch: Batch) -> None:
        """Adds a batch to the statistics."""

    @abc.abstractmethod
    def statistics(self) -> Iterable[Tensor]:
        """The buffers that `accumulate` adds to, each summed over processes in place before the next is asked for."""

    def looks(self) -> int:
        """How many passes only look, before the first that moves the model; a budget of steps does not count them."""
        return 0

    @abc.abstractmethod
    def finish(self) -> Metrics:
        """Updates the model from the statistics; returns the pass's metrics, as `Done` when converged."""
