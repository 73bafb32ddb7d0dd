"""What one step of training is: a round of the game, or a batch of a direct fit.

The loop in `genzoo.training.loop` plays either; what differs between them stands here.
"""

import abc
import contextlib
import functools
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from genzoo._random import at_least_single
from genzoo.core import Batch, DirectFit, Done, GenerativeModel, Instant, Noise, Player, Trainable, map_given, seeded
from genzoo.training.config import TrainConfig
from genzoo.training.finite import PATIENCE, Skips, gradient_norm, spoilt_gradient
from genzoo.training.optimizers import Mover, clip, movers, rate
from genzoo.training.order import Order, Part
from genzoo.training.pace import Pace
from genzoo.training.sharding import networks, shard
from genzoo.training.team import Team
from genzoo.training.tracing import rows_named, traced

__all__ = ["Course", "Game", "Kind", "Passes", "course_of"]

DEFAULT_ROUNDS, DEFAULT_PASSES = 10_000, 100
LACKING = "lacking"


class Kind(NamedTuple):
    """Steps that do the same, as places in a period of the training."""

    period: int
    places: list[int]

    @property
    def share(self) -> float:
        """Their share of all steps."""
        return len(self.places) / self.period

    def after(self, first: int) -> Iterator[int]:
        """Those after a first step."""
        every = (k * self.period + place for k in itertools.count(first // self.period) for place in self.places)
        return itertools.dropwhile(lambda step: step <= first, every)


class Course(abc.ABC):
    """How a model is trained, step by step; `advance` is a function of the step and of the tensors in the state.

    Attributes:
        half: Whether half precision does for it.
    """

    half: ClassVar[bool] = True

    def __init__(
        self, model: Trainable, order: Order, config: TrainConfig, team: Team, say: Callable[[str], None] = print
    ) -> None:
        self.model, self.order, self.config, self.team, self.say = model, order, config, team, say
        self.stride = 1  # intervals are whole multiples of it
        self.wait: Callable[[str], None] = lambda what: None  # hears what is done before the first step
        self.least = 1  # the fewest steps that move the model
        self.pinned: float | None = None  # the progress to tell whatever the step, while a plan is timed
        self.slowed = 1.0  # the share of the rate that is left after falling back
        self.notes: list[str] = []  # what has happened in a step, for the journal

    @abc.abstractmethod
    def total(self, steps: int | None) -> int:
        """The steps that a budget amounts to."""

    @abc.abstractmethod
    def advance(self, step: int, pace: Pace) -> Mapping[str, Tensor | float]:
        """Makes step number `step`; returns what to log, as `Done` when the training has converged."""

    def kinds(self) -> list[Kind]:
        """Steps that do the same."""
        return [Kind(1, [0])]

    def remark(self) -> str | None:
        """What there is to say of all steps at the end."""
        return None

    def spoilt_from(self, step: int) -> int:
        """The round from which on nothing was finite, of a training that ends after a step because of that."""
        return step

    def state_tensors(self) -> dict[str, Tensor]:
        """What a checkpoint must hold besides the model; all processes ask it together."""
        return {}

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Puts back what `state_tensors` told."""
        if tensors:
            raise ValueError(f"{type(self).__name__} keeps no tensors besides the model's, got {sorted(tensors)}.")

    def can_shard(self) -> bool:
        """Whether the model's networks can be sharded over ranks."""
        return False

    def shard(self) -> None:
        """Shards the model's networks over all ranks, or looks that it could where there is one.

        Raises:
            ValueError: If that cannot be done to the model.
        """
        if self.can_shard():
            return
        raise ValueError(
            "`shard` must be of a model with one player and a transformer or a U-Net, got "
            f"{type(self.model).__name__}. Train it without: each rank then holds it whole."
        )

    def like(self, name: str) -> Tensor | None:
        """The parameter that one of the `state_tensors` has a number for each number of, if there is one.

        Args:
            name: Its name there.
        """
        return None

    def seeded(self, step: int) -> contextlib.AbstractContextManager[None]:
        """Global randomness for a step, which dropout and the samplers of foreign loaders draw from."""
        return seeded((self.config.seed * 1_000_003 + step) % 2**63)

    def autocast(self) -> contextlib.AbstractContextManager[None]:
        """The precision that losses and sums are computed in."""
        return self.team.autocast(half=self.half)

    def progress(self, step: int, pace: Pace) -> float:
        """How far the training is before a step, from 0 to 1: a function of the two alone, so resuming is exact."""
        return pace.progress(step) if self.pinned is None else self.pinned

    def batch(self, part: Part, noise: Noise, progress: float = 0.0) -> Batch:
        """Rows on the device, with the noise that belongs to them."""
        noise = noise.rows(slice(part.start, None)) if part.start else noise
        return Batch(self._place(part.x), map_given(self._place, part.given), noise, progress)

    def look(self) -> Iterator[Batch]:
        """One epoch for `prepare`, every row once."""
        noise = Noise(self.config.seed, "prepare", device=self.team.device)
        for number in range(self.order.passes):
            self.wait(f"looking at the data: batch {number + 1:,} of {self.order.passes:,}")
            yield self.batch(self.order.once(number), noise.tick(number))

    def _place(self, rows: Tensor) -> Tensor:
        if rows.is_floating_point() and self.config.precision == "float64":
            rows = rows.double()
        return rows.to(self.team.device, non_blocking=True)


@dataclass
class Turn:
    """A player's part of every round."""

    player: Player
    mover: Mover
    still: list[nn.Parameter]  # what must not move, or even get a gradient
    noise: Noise

    def plays(self, step: int) -> bool:
        return step % self.player.every == 0

    def batches_before(self, step: int) -> int:
        return self.player.steps * -(-step // self.player.every)


class Now(NamedTuple):
    """Where a round stands: its share of the learning rate, and the training's progress before and after it."""

    rate: float
    before: float
    after: float


class Place(NamedTuple):
    """A step of a player: its turn, the numbers of its batch and of the step, and the batch."""

    turn: Turn
    number: int
    page: int
    batch: Batch


class Game(Course):
    """Rounds in which every player takes its turn, in order."""

    def __init__(
        self, model: Trainable, order: Order, config: TrainConfig, team: Team, say: Callable[[str], None] = print
    ) -> None:
        super().__init__(model, order, config, team, say)
        self.turns = self._turns()
        self.prefix = len(self.turns) > 1
        self.skips = self._skips()

    def total(self, steps: int | None) -> int:
        return DEFAULT_ROUNDS if steps is None else steps

    def advance(self, step: int, pace: Pace) -> Mapping[str, Tensor | float]:
        logged = dict[str, Tensor | float]()
        now = Now(
            self.slowed * rate(step, pace, self.config), self.progress(step, pace), self.progress(step + 1, pace)
        )
        number = sum(turn.batches_before(step) for turn in self.turns)
        with self.seeded(step):
            for turn in self.turns:
                if turn.plays(step):
                    for k in range(turn.player.steps):
                        losses = self._step(turn, number, step * turn.player.steps + k, now)
                        number += 1
                    logged |= {f"{turn.player.name}/{name}": value for name, value in losses.items()}
        return logged if self.prefix else {name.partition("/")[2]: value for name, value in logged.items()}

    def kinds(self) -> list[Kind]:
        """Rounds in which the same players play: those that come seldom may cost many times what the others do."""
        period = math.lcm(*(turn.player.every for turn in self.turns))
        alike: dict[tuple[bool, ...], list[int]] = {}
        for step in range(period):
            alike.setdefault(tuple(turn.plays(step) for turn in self.turns), []).append(step)

        return [Kind(period, places) for places in alike.values()]

    def remark(self) -> str | None:
        count = self.skips.count
        return f"{count:,} steps were skipped, for their loss or gradient was not finite" if count else None

    def can_shard(self) -> bool:
        return len(self.turns) == 1 and bool(networks(self.model))

    def shard(self) -> None:
        super().shard()
        if self.team.shards:
            shard(self.model, self.team.device)
            self.turns = self._turns()  # parameters are others from here on

    def like(self, name: str) -> Tensor | None:
        turn, _, rest = name.partition("/")
        return self.turns[int(turn)].mover.like(rest) if rest else None

    def spoilt_from(self, step: int) -> int:
        return self.skips.began if self.skips.streak else step

    def state_tensors(self) -> dict[str, Tensor]:
        named = {
            f"{i}/{name}": t for i, turn in enumerate(self.turns) for name, t in turn.mover.state_tensors().items()
        }
        return named | {"skips": torch.tensor([self.skips.streak, self.skips.count, self.skips.began])}

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        self.skips = self._skips(*tensors["skips"].tolist())
        for i, turn in enumerate(self.turns):
            own = {name.removeprefix(f"{i}/"): t for name, t in tensors.items() if name.startswith(f"{i}/")}
            turn.mover.load_state_tensors(own)

    def _turns(self) -> list[Turn]:
        """The parts of the players, whose optimizers know nothing yet."""
        players, config = list(self.model.players()), self.config
        return [
            Turn(player, mover, _others(self.model, player), self._noise(player))
            for player, mover in zip(players, movers(players, self.model, config), strict=True)
        ]

    def _noise(self, player: Player) -> Noise:
        return Noise(self.config.seed, "train", player.name, device=self.team.device)

    def _step(self, turn: Turn, number: int, page: int, now: Now) -> Mapping[str, Tensor | float]:
        turn.mover.zero_grad()
        noise = turn.noise.tick(page)
        part = self.order.batch(number, self.team.share)
        batch = self.batch(part, noise, now.before)
        with _standing(turn.still):
            losses = self._backward(turn.player, batch, part.total)
        losses = self._over_processes(losses) | {
            "loss": self.team.average_gradients(turn.mover.parameters, losses["loss"])
        }
        norm = gradient_norm(turn.mover.parameters)
        size = None if norm is None else norm.item()
        if self._is_finite(losses["loss"].item(), size, Place(turn, number, page, batch)):
            clip(turn.mover.parameters, self.config.clip_norm, norm)
            turn.mover.step(now.rate)
            if turn.player.after is not None:
                turn.player.after(Instant(page, now.after, noise.at("after"), self.team.total))
        return losses if size is None else {**losses, "gradient": size}

    def _backward(self, player: Player, batch: Batch, total: int) -> dict[str, Tensor]:
        """Gradients of this process's share of the loss, part by part; returns the share's logged values."""
        sums: dict[str, Tensor] = {}
        for part in _parts(batch, self.config.accumulate):
            with self.autocast():
                losses = player.loss(part)
            losses = {"loss": losses} if isinstance(losses, Tensor) else losses
            weight = len(part) / total
            (losses["loss"] if weight == 1 else losses["loss"] * weight).backward()
            for name, value in losses.items():
                value = value.detach() * weight if weight != 1 else value.detach()
                sums[name] = sums[name] + value if name in sums else value
        return sums

    def _over_processes(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """The logged values of all shares together."""
        if self.team.size == 1:
            return losses
        dtype = at_least_single(losses["loss"].dtype)
        whole = self.team.total(torch.stack([value.to(dtype) for value in losses.values()]))
        return dict(zip(losses, whole, strict=True))

    def _is_finite(self, loss: float, norm: float | None, place: "Place") -> bool:
        """Whether a step may be made; if not, it is counted, and told."""
        if math.isfinite(loss) and (norm is None or math.isfinite(norm)):
            self.skips.end_streak()
            return True
        why = f"the loss is {loss}" if not math.isfinite(loss) else spoilt_gradient(self.model)
        player = f" of {place.turn.player.name}" if self.prefix else ""
        if remark := self.skips.add(
            lambda: why + self._origin(place), f"step {place.page}{player}", place.page // place.turn.player.steps
        ):
            self.say(remark)
            self.notes.append(remark)
        return False

    def _origin(self, place: "Place") -> str:
        """Where a loss or its gradient first stopped being finite, as far as can be found out."""
        if self.team.shards:  # whoever asks a layer asks all ranks
            return ""
        turn, done = place.turn, 0
        numbers = self.order.numbers(place.number, self.team.share)
        for part in _parts(place.batch, self.config.accumulate):
            here = None if numbers is None else numbers[done : done + len(part)]
            if rows := self._odd_rows(part):
                return f"; x is not finite{rows_named(rows, len(part), here)}"
            with _standing(turn.still), self.autocast(), self.seeded(place.page // turn.player.steps):
                found = traced(self.model, len(part), functools.partial(_loss_of, turn.player, part))
            if found is not None:
                return f"; first of all {found[0]}{rows_named(found[1], len(part), here)}"
            done += len(part)
        return ""

    def _odd_rows(self, batch: Batch) -> list[int]:
        """The rows that are not finite as they are given, though none may be missing."""
        x, model = batch.x, self.model
        if not x.is_floating_point() or (isinstance(model, GenerativeModel) and model.can("missing")):
            return []
        rows: list[int] = (~x.isfinite()).flatten(1).any(1).nonzero().flatten().tolist()
        return rows

    def _skips(self, streak: int = 0, count: int = 0, began: int = 0) -> Skips:
        return Skips(streak, count, began, 1 if self.config.nonfinite == "stop" else PATIENCE)


class Passes(Course):
    """Passes over the data for models fitted in closed form or by EM; a step is a batch.

    Every pass sees the same rows with the same noise, so that what a pass improves stays improved. Sums, and the
    systems that they make, are never of half precision.
    """

    half = False

    def __init__(
        self, model: Trainable, order: Order, config: TrainConfig, team: Team, say: Callable[[str], None] = print
    ) -> None:
        super().__init__(model, order, config, team, say)
        self.stride = order.passes
        self.looks = direct(model).looks() * self.stride
        self.least = self.looks + self.stride
        self.noise = Noise(config.seed, "fit", device=team.device)
        self.is_behind = False

    def state_tensors(self) -> dict[str, Tensor]:
        """Whether the model lacks some of the pass that is under way: what other processes have summed."""
        return {} if self.team.size == 1 else {LACKING: torch.ones(1)}

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Lets the pass begin again, unless one process goes on with its own."""
        self.is_behind = self.team.size > 1 or LACKING in tensors

    def total(self, steps: int | None) -> int:
        if steps == 0:
            return 0
        return self.looks + self.stride * (DEFAULT_PASSES if steps is None else -(-steps // self.stride))

    def advance(self, step: int, pace: Pace) -> Mapping[str, Tensor | float]:
        fit, number = direct(self.model), step % self.stride
        first = 0 if self.is_behind else number  # of the batches to look at now: all of the pass, if it begins again
        self.is_behind = False
        if first == 0:
            fit.begin()
        for k in range(first, number + 1):
            with torch.no_grad(), self.autocast(), self.seeded(step - number + k):
                part = self.order.in_pass(k, self.team.share)
                fit.accumulate(self.batch(part, self.noise, self.progress(step - number, pace)))
        if number < self.stride - 1:
            return {}
        for tensor in fit.statistics():
            self.team.total(tensor)
        with torch.no_grad():
            return fit.finish()


def course_of(
    model: Trainable, order: Order, config: TrainConfig, team: Team, say: Callable[[str], None] = print
) -> Course:
    """The course that suits a model: its passes if it fits directly, else its game."""
    fits = isinstance(model, GenerativeModel) and model.can("direct_fit")
    return (Passes if fits else Game)(model, order, config, team, say)


def direct(model: Trainable) -> DirectFit:
    """The model as a direct fit."""
    if not isinstance(model, DirectFit):
        raise TypeError(f"A model fitted by passes must be a DirectFit, got {type(model).__name__}.")
    return model


def is_done(logged: Mapping[str, Any]) -> bool:
    """Whether a step's values say that the training has converged."""
    return isinstance(logged, Done)


@contextlib.contextmanager
def _standing(parameters: Sequence[nn.Parameter]) -> Iterator[None]:
    """Parameters that must not move, or even get a gradient, for a while."""
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


def _loss_of(player: Player, batch: Batch) -> Tensor:
    losses = player.loss(batch)
    return losses if isinstance(losses, Tensor) else losses["loss"]


def _others(model: nn.Module, player: Player) -> list[nn.Parameter]:
    moving = {id(p) for p in player.parameters()}
    return [p for p in model.parameters() if id(p) not in moving and p.requires_grad]


def _parts(batch: Batch, count: int) -> list[Batch]:
    if count == 1:
        return [batch]
    edges = [len(batch) * i // count for i in range(count + 1)]
    return [batch[a:b] for a, b in itertools.pairwise(edges) if a < b]
