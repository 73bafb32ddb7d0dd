"""Minutes as steps: a stretch of training is timed on a copy, and the number of steps is fixed before step 0.

The training that follows is the one of that many steps, to the bit; only their number came from the clock, of the wall
or of the processor. The checkpoint of step 0 holds it.
"""

import copy
import time
from collections.abc import Callable
from typing import Any

from genzoo.training.config import TrainConfig
from genzoo.training.course import Course
from genzoo.training.journal import Stopwatch

__all__ = ["rows_judged", "steps_in"]

STRETCH = 0.04  # the part of the minutes that is spent on timing
VALIDATIONS, SHARE, FEWEST = 20, 0.01, 500  # in a run; rows of each as a share of the run's; the fewest
MARGIN = 0.95  # samples, checkpoints and the end of the run
LEAST = 0.5  # the part of what is left that goes to steps, however long a validation takes


def rows_judged(total: int, available: int, config: TrainConfig) -> int:
    """The rows of a validation: a hundredth of those that the run trains on, so that a short run is not spent on it.

    Example:
        >>> rows_judged(3000, 10_000, TrainConfig(batch_size=100)), rows_judged(10, 10_000, TrainConfig())
        (3000, 500)
    """
    return min(available, config.valid_rows, max(FEWEST, int(SHARE * total * config.batch_size)))


def steps_in(course: Course, validate: Callable[..., float], valid: Any, watch: Stopwatch) -> int | None:
    """The steps that fit into the configuration's budget, counted on a watch if it is one of time.

    Every process times the same steps, and all take the first one's figure.
    """
    config, stride = course.config, course.stride
    minutes = config.minutes or config.core_minutes
    if minutes is None:
        return config.steps
    now = time.monotonic if config.minutes else time.process_time
    seconds, begun = 60 * minutes, watch.began if config.minutes else watch.core_began
    trial = type(course)(copy.deepcopy(course.model), course.order, config, course.team)
    steps, spent, burst = 0, 0.0, stride
    while spent < STRETCH * seconds:
        start = now()
        for step in range(steps, steps + burst):
            trial.advance(step, steps + burst)
        elapsed = course.team.agree(now() - start)
        steps, spent, burst = steps + burst, spent + elapsed, 2 * burst
    each = elapsed / (burst // 2)  # the last burst: the first steps of a process are slow
    row = _row_judged(trial, validate, valid, now)
    left = MARGIN * (seconds - (now() - begun))
    many = left / (each + VALIDATIONS * SHARE * config.batch_size * row)  # where validations grow with the run
    few = max(left - VALIDATIONS * FEWEST * row, LEAST * left) / each  # where each has the fewest rows
    return max(stride, int(course.team.agree(min(many, few))))


def _row_judged(course: Course, validate: Callable[..., float], valid: Any, now: Callable[[], float]) -> float:
    """Seconds that a validation takes for each of its rows."""
    if valid is None:
        return 0.0
    start, rows = now(), min(len(valid), FEWEST)
    try:
        validate(course, course.model, valid, rows)
    except NotImplementedError:  # a model of several players has no one loss, and is not validated
        return 0.0
    return (now() - start) / max(1, rows)
