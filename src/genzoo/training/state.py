"""The state of a training under way: what callbacks see and checkpoints hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from genzoo.core import Trainable
from genzoo.training.average import Average
from genzoo.training.config import TrainConfig
from genzoo.training.course import Course
from genzoo.training.journal import Journal, Means, Stopwatch
from genzoo.training.team import Team

__all__ = ["State"]


@dataclass
class State:
    """A training under way: what callbacks see and checkpoints hold.

    Attributes:
        step: Steps made so far, of `total`.
        judged: The rows of each validation.
        best: The lowest validation loss so far, of those that are finite.
        best_step: The step at which it was.
        waited: Validations since then.
        stopped: Whether it stopped early, for validation had long not become better.
        fresh: The tensors that were not finite in the model as it came, and may stay so.
        done: Whether the training has converged or stopped early.
        watch: Wall and processor time, over all sittings.
    """

    model: Trainable
    config: TrainConfig
    team: Team
    course: Course
    journal: Journal
    total: int
    judged: int
    average: Average | None = None
    means: Means = field(default_factory=Means)
    step: int = 0
    best: float | None = None
    best_step: int = 0
    waited: int = 0
    done: bool = False
    watch: Stopwatch = field(default_factory=Stopwatch)
    stopped: bool = False
    best_weights: dict[str, Tensor] | None = None
    fresh: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def weights(self) -> Any:
        """The model with the weights that are validated, sampled and saved: the average if there is one."""
        return self.model if self.average is None else self.average.model

    @property
    def progress(self) -> float:
        """How far the training is, from 0 to 1."""
        return self.course.progress(self.step, self.total)

    def due(self, every: int | None, times: int) -> bool:
        """Whether something is due after this step that happens every so many steps, or some times in the run."""
        every = max(1, self.total // times) if every is None else every
        every = -(-every // self.course.stride) * self.course.stride
        return self.step % every == 0 or self.step == self.total or self.done
