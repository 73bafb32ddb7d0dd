"""What says while a model is trained that something is wrong with it."""

import math
from typing import Protocol

from torch import Tensor

from genzoo.training.callbacks import Callback
from genzoo.training.order import Source
from genzoo.training.state import State
from genzoo.zoo.health.detectors import findings
from genzoo.zoo.health.history import LOOK, History
from genzoo.zoo.health.looking import is_early, looked

__all__ = ["Health"]


class Draws(Protocol):
    """Who has drawn samples at this moment."""

    latest: Tensor | None


class Health(Callback):
    """Looks at a training whenever samples are due, and says once of each thing that is wrong: what was seen, and what
    to try. What it sees of the model stands in the journal.

    Args:
        held: Rows that are not trained on, if there are any.
        grid: Who draws the samples that are shown, before.

    Example:
        >>> Health(None).told
        set()
    """

    def __init__(self, held: Source | None, grid: Draws | None = None) -> None:
        self.held, self.grid, self.told = held, grid, set[str]()

    def on_start(self, state: State) -> None:
        self.told = {found.sign for found in findings(_history(state))}  # of a training that goes on

    def on_step(self, state: State) -> None:
        if state.step == 1 and "loss" in (sums := state.means.sums):  # before a rate that is too high has spoilt it
            total, count = sums["loss"]
            begin = state.told.value("loss", float(total) / count)
            if math.isfinite(begin):
                state.journal.write(state.row(LOOK, {"begin": begin}))

    def on_samples(self, state: State) -> None:
        if is_early(state):
            return
        samples = None if self.grid is None else self.grid.latest
        if seen := looked(state, self.held, samples):
            state.journal.write(state.row(LOOK, seen))
        for found in findings(_history(state)):
            if found.sign not in self.told:
                self.told.add(found.sign)
                state.course.say(f"after {state.step:,} steps: {found}")


def _history(state: State) -> History:
    return History(state.journal.rows, state.config, state.total)
