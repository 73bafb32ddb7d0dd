"""The state of a training under way: what callbacks see and checkpoints hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, Field, FiniteFloat, NonNegativeInt, model_validator
from torch import Tensor

from genzoo.core import Trainable
from genzoo.training.average import Average
from genzoo.training.config import TrainConfig
from genzoo.training.course import Course
from genzoo.training.journal import Journal, Means, Stopwatch
from genzoo.training.pace import Pace
from genzoo.training.power import Powers
from genzoo.training.team import Team
from genzoo.training.told import Told, is_loss

__all__ = ["GRIDS", "VALIDATIONS", "Kept", "Plan", "State"]

ROWS, VALIDATIONS, GRIDS = 200, 20, 5  # rows of metrics, validations and grids of samples in a run


@dataclass(frozen=True)
class Plan:
    """What is fixed before step 0.

    Attributes:
        steps: The steps of the run.
        judged: The rows of each validation.
        validations: Validations in the run.
        grids: Grids of samples in the run.
        shown: The rows of each; None: to be found at the first.
        ends: The seconds on the clock at which the last step is to be made; None in a run of steps.
        costs: What steps cost in equal parts of the course, in any unit.
    """

    steps: int
    judged: int
    validations: int = VALIDATIONS
    grids: int = GRIDS
    shown: int | None = None
    ends: float | None = None
    costs: tuple[float, ...] = (1.0,)


class Kept(BaseModel):
    """What a checkpoint says of a state beside its tensors; each as in `State`.

    Raises:
        pydantic.ValidationError: If something is not there, or not of its type.
    """

    pace: Pace
    plan: Plan
    best: FiniteFloat | None
    best_step: NonNegativeInt
    waited: NonNegativeInt
    done: bool
    seconds: FiniteFloat = Field(ge=0)
    core_seconds: FiniteFloat = Field(ge=0)
    told: Told = Told()
    means: dict[str, tuple[float, NonNegativeInt]]
    journal: NonNegativeInt
    rollbacks: NonNegativeInt = 0
    config: TrainConfig

    @model_validator(mode="before")
    @classmethod
    def _with_a_pace(cls, found: Any) -> Any:
        """Checkpoints of before budgets were held on the way say a number of steps."""
        if isinstance(found, dict) and "pace" not in found and isinstance(found.get("total"), int):
            return {**found, "pace": Pace.even(found["total"])}
        return found


@dataclass
class State:
    """A training under way: what callbacks see and checkpoints hold.

    Attributes:
        pace: How far each step leads.
        step: Steps made so far, of `total`.
        plan: What was fixed before step 0.
        told: What the loss is, and the unit in which it is told.
        best: The lowest validation loss so far, of those that are finite, as it is told.
        best_step: The step at which it was.
        waited: Validations since then.
        stopped: Whether it stopped early, for validation had long not become better.
        fresh: The tensors that were not finite in the model as it came, and may stay so.
        average: The average of weights that is validated and kept, if there is one.
        powers: The averages that others are made of afterwards, likewise.
        done: Whether the training has converged or stopped early.
        watch: Wall and processor time, over all sittings.
        rollbacks: How often it fell back to a checkpoint, for its loss or weights were not finite.
    """

    model: Trainable
    config: TrainConfig
    team: Team
    course: Course
    journal: Journal
    pace: Pace
    plan: Plan
    told: Told
    average: Average | None = None
    powers: Powers | None = None
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
    rollbacks: int = 0

    @property
    def total(self) -> int:
        """The steps of the run, as far as is known."""
        return self.pace.total

    @property
    def weights(self) -> Any:
        """The model with the weights that are validated, sampled and saved: the average if there is one."""
        return self.model if self.average is None else self.average.model

    @property
    def progress(self) -> float:
        """How far the training is, from 0 to 1."""
        return self.course.progress(self.step, self.pace)

    def row(self, split: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """A row of the journal, with what the loss is if there is one, and the clock."""
        clock = {"seconds": round(self.watch.seconds, 3), "core_seconds": round(self.watch.core_seconds, 3)}
        said = {"loss_is": self.told.words} if self.told.words and any(map(is_loss, values)) else {}
        return {"step": self.step, "split": split, **values, **said, **clock}

    def due(self, every: int | None, times: int) -> bool:
        """Whether something is due after this step that happens every so many steps, or some times in the run."""
        stride = self.course.stride
        if self.step == self.total or self.done:
            return True
        if every is not None:
            return self.step % (-(-every // stride) * stride) == 0
        if self.step % stride:
            return False
        return self.pace.reached(self.step, times) > self.pace.reached(self.step - stride, times)
