"""Training is a game: a plain loop over `players()` is all that a model may need, and it can be stopped anywhere."""

import copy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from genzoo.core import Batch, Done, GenerativeModel, Instant, Noise, Player
from genzoo.testing.contract import loss_of, trains, turn
from genzoo.testing.promise import Subject, hold, promise

__all__ = ["Game"]

STOP, AFTER = 6, 10  # the round after which a training is stopped, and the one up to which it is compared


@dataclass
class Game:
    """A model in training, with the optimizer of each of its players."""

    model: GenerativeModel
    players: list[Player]
    optimizers: list[torch.optim.Optimizer]

    @classmethod
    def of(cls, model: GenerativeModel, only: str | None = None) -> "Game":
        """A game of all players, or of one."""
        players = [player for player in model.train().players() if only in (None, player.name)]
        return cls(model, players, [_adam(player) for player in players])

    def play(self, subject: Subject, rounds: range, total: int) -> None:
        """Some rounds, each a step of every player."""
        free = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        for page in rounds:
            batch = replace(subject.batch(32, page), progress=page / total)
            for player, optimizer in zip(self.players, self.optimizers, strict=True):
                turn(self.model, player)
                loss_of(player, batch).backward()
                optimizer.step()
                if player.after is not None:
                    player.after(Instant(page, (page + 1) / total, Noise(4, "after").tick(page)))
        for parameter in free:
            parameter.requires_grad_(True)

    def state(self) -> list[dict[str, Any]]:
        """All that a training is, to be saved."""
        return copy.deepcopy([self.model.state_dict(), *(each.state_dict() for each in self.optimizers)])

    def load(self, state: list[dict[str, Any]]) -> None:
        """Goes on from a state."""
        self.model.load_state_dict(state[0])
        for optimizer, saved in zip(self.optimizers, copy.deepcopy(state[1:]), strict=True):
            optimizer.load_state_dict(saved)


def _adam(player: Player) -> torch.optim.Optimizer:
    settings: dict[str, Any] = {"lr": 1e-2, **player.optimizer}
    return torch.optim.Adam(player.parameters(), **settings)


@promise(kind="training", asked=trains)
def a_training_moves_every_parameter_lowers_the_loss_and_can_be_stopped_anywhere(subject: Subject) -> None:
    game, before = Game.of(subject.copy()), _weights(subject.model)
    first, total = game.players[0], max(subject.rounds, AFTER)
    start = _loss(first, subject)
    game.play(subject, range(STOP), total)
    saved = game.state()
    game.play(subject, range(STOP, AFTER), total)
    _hold_resumed(game, saved, subject, total)
    still = [name for name, weight in _weights(game.model).items() if torch.equal(weight, before[name])]
    still = [name for name in still if not (subject.still and name.endswith(subject.still))]
    hold(not still, f"{AFTER} rounds do not move {', '.join(still)}")
    if len(game.players) > 1:  # of several the first alone, against others that stand still
        game = Game.of(subject.copy(), only=first.name)
        first = game.players[0]
    game.play(subject, range(AFTER if len(game.model.players()) == 1 else 0, total), total)
    end = _loss(first, subject)
    hold(end < start, f"after {total} rounds the loss of {first.name} is {end:g}, from {start:g}")


def _loss(player: Player, subject: Subject) -> float:
    """Of the noise of some pages that training does not see."""
    return sum(loss_of(player, subject.batch(32, page)).item() for page in range(990, 994)) / 4


def _weights(model: nn.Module) -> dict[str, Tensor]:
    return {
        name: parameter.detach().clone() for name, parameter in model.named_parameters() if parameter.requires_grad
    }


def _hold_resumed(game: Game, saved: list[dict[str, Any]], subject: Subject, total: int) -> None:
    """A new model that goes on from what was saved arrives where the first one did."""
    other = Game.of(subject.copy())
    other.load(saved)
    other.play(subject, range(STOP, AFTER), total)
    unlike = _unlike(game.model, other.model)
    hold(not unlike, f"a training that was stopped and goes on differs in {', '.join(unlike)}")


def _unlike(one: nn.Module, other: nn.Module) -> list[str]:
    others = other.state_dict()
    return [name for name, tensor in one.state_dict().items() if not _equal(tensor, others[name])]


def _equal(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and bool(((a == b) | (a.isnan() & b.isnan()) if a.is_floating_point() else a == b).all())


# --- direct fits ----------------------------------------------------------------------------------------------------


@promise("direct_fit", kind="training")
def no_pass_raises_the_loss(subject: Subject) -> None:
    model, data, losses = subject.copy(), subject.batch(200), list[float]()
    model.prepare([data])
    for _ in range(100):
        model.begin()
        for part in _parts(data):
            model.accumulate(part)
        metrics = model.finish()
        losses.append(metrics["loss"])
        if isinstance(metrics, Done):
            break
    hold(isinstance(metrics, Done), "100 passes over 200 rows do not end it")
    rises = [later - earlier for earlier, later in itertools.pairwise(losses)]
    hold(all(rise <= 1e-6 for rise in rises), f"a pass raises the loss by {max(rises, default=0):g}")
    hold(len(losses) == 1 or losses[-1] < losses[0], "the passes do not lower the loss")


def _parts(data: Batch) -> Iterator[Batch]:
    yield from (data[:70], data[70:71], data[71:])


@promise("direct_fit", kind="training")
def statistics_of_parts_add_up(subject: Subject) -> None:
    data, sums = subject.batch(60), []
    for parts in ([data], [data[:17], data[17:]]):
        model = subject.copy()
        model.begin()
        for part in parts:
            model.accumulate(part)
        sums.append([tensor.clone() for tensor in model.statistics()])
    for whole, added in zip(*sums, strict=True):
        hold(
            torch.allclose(whole, added, rtol=1e-4, atol=1e-3),
            "the statistics of two parts are not those of the whole",
        )


@promise("direct_fit", kind="training")
def a_pass_can_be_stopped_in_its_middle(subject: Subject) -> None:
    whole, data = subject.copy(), subject.batch(60)
    whole.begin()
    whole.accumulate(data[:17])
    saved, other = copy.deepcopy(whole.state_dict()), subject.copy()
    other.load_state_dict(saved)
    for model in (whole, other):
        model.accumulate(data[17:])
        model.finish()
    unlike = _unlike(whole, other)
    hold(not unlike, f"a pass that was stopped and goes on differs in {', '.join(unlike)}")
