"""Minutes as steps: a stretch of training is timed on a copy, and the number of steps is fixed before step 0.

The training that follows is the one of that many steps, to the bit; only their number came from the clock, of the wall
or of the processor. The checkpoint of step 0 holds it.
"""

import copy
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from genzoo.core import Trainable
from genzoo.training.config import TrainConfig
from genzoo.training.course import Course
from genzoo.training.journal import Stopwatch

__all__ = ["Plan", "planned", "rows_judged"]

STRETCH = 0.04  # the part of the minutes that is spent on timing
VALIDATIONS, SHARE, FEWEST = 20, 0.01, 500  # in a run; rows of each as a share of the run's; the fewest
MARGIN = 0.95  # samples, checkpoints and the end of the run
ENDS = (0.0, 0.5, 1.0)  # the progress at which steps are timed
ALIKE, CELLS = 1.25, 8  # costs that differ by more are timed again, in the middle of so many cells
MOST = 0.25  # the part of what is left that validations of the fewest rows may take; else they have fewer


class Plan(NamedTuple):
    """What is fixed before step 0.

    Attributes:
        steps: The steps of the run, None where the configuration asks for none.
        judged: The rows of each validation.
    """

    steps: int | None
    judged: int


def rows_judged(total: int, available: int, config: TrainConfig, fewest: int = FEWEST) -> int:
    """The rows of a validation: a hundredth of those that the run trains on, so that a short run is not spent on it.

    Example:
        >>> rows_judged(3000, 10_000, TrainConfig(batch_size=100)), rows_judged(10, 10_000, TrainConfig())
        (3000, 500)
    """
    return min(available, config.valid_rows, max(fewest, int(SHARE * total * config.batch_size)))


def planned(course: Course, validate: Callable[..., float], valid: Any, watch: Stopwatch) -> Plan:
    """The steps that fit into the configuration's budget, counted on a watch if it is one of time, with validations.

    Every process times the same steps, and all take the first one's figures.
    """
    config, available = course.config, 0 if valid is None else len(valid)
    if config.minutes is None and config.core_minutes is None:
        return Plan(config.steps, rows_judged(course.total(config.steps), available, config))
    now = time.monotonic if config.minutes else time.process_time
    seconds = 60 * (config.minutes or config.core_minutes or 0)
    trial = type(course)(copy.deepcopy(course.model), course.order, config, course.team, lambda _: None)
    each = _mean_step(trial, now, STRETCH * seconds)
    row = _row_timed(trial, validate, valid, now)
    left = MARGIN * (seconds - (now() - (watch.began if config.minutes else watch.core_began)))
    fewest = FEWEST if row == 0 else min(FEWEST, max(1, int(MOST * left / (VALIDATIONS * row))))
    many = left / (each + VALIDATIONS * SHARE * config.batch_size * row)  # where validations grow with the run
    few = (left - VALIDATIONS * fewest * row) / each  # where each has the fewest rows
    steps = max(course.stride, int(course.team.agree(min(many, few))))
    fewest = int(course.team.agree(float(fewest)))
    return Plan(steps, rows_judged(course.total(steps), available, config, fewest))


def _mean_step(course: Course, now: Callable[[], float], least: float) -> float:
    """Seconds of a step, the mean along the training: at its beginning, middle and end, and at more places where these
    differ."""
    grows = _grows(course.model)
    first = _step_at(0.0, course, now, least / len(ENDS))
    if not grows and first >= least:  # its first step has taken all that there is for timing
        return first
    costs = [first, *(_step_at(progress, course, now, least / len(ENDS)) for progress in ENDS[1:])]
    if max(costs) <= ALIKE * min(costs):
        return sum(costs) / len(costs)
    return sum(_step_at((i + 0.5) / CELLS, course, now, least / CELLS) for i in range(CELLS)) / CELLS


def _grows(model: Trainable) -> bool:
    """Whether a part of a model says what it is like at some progress."""
    return any(isinstance(part, Trainable) and type(part).at is not Trainable.at for part in model.modules())


def _step_at(progress: float, course: Course, now: Callable[[], float], least: float) -> float:
    """Seconds of a step of a course's model in the form that it has at some progress."""
    course.pinned = progress
    for part in course.model.modules():
        if isinstance(part, Trainable):
            part.at(progress)
    return _step_timed(course, now, least)


def _step_timed(course: Course, now: Callable[[], float], least: float) -> float:
    """Seconds of a step, from bursts that take at least so many seconds together."""
    steps, spent, burst = 0, 0.0, course.stride
    while spent < least:
        start = now()
        for step in range(steps, steps + burst):
            course.advance(step, steps + burst)
        elapsed = course.team.agree(now() - start)
        steps, spent, burst = steps + burst, spent + elapsed, 2 * burst
    return elapsed / (burst // 2)  # the last burst: the first steps of a process are slow


def _row_timed(course: Course, validate: Callable[..., float], valid: Any, now: Callable[[], float]) -> float:
    """Seconds that a validation takes for each of its rows."""
    if valid is None:
        return 0.0
    start, rows = now(), min(len(valid), FEWEST, 4 * course.config.batch_size)
    try:
        validate(course, course.model, valid, rows)
    except NotImplementedError:  # a model of several players has no one loss, and is not validated
        return 0.0
    return (now() - start) / max(1, rows)
