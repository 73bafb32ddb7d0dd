"""Minutes as steps: a stretch of training is timed on a copy, and the number of steps is fixed before step 0.

The training that follows is the one of that many steps, to the bit; only their number came from the clock. The
checkpoint of step 0 holds it.
"""

import copy
import time
from collections.abc import Callable
from typing import Any

from genzoo.training.course import Course
from genzoo.training.journal import Stopwatch

__all__ = ["steps_in"]

STRETCH = 0.04  # the part of the minutes that is spent on timing
VALIDATIONS = 20
MARGIN = 0.95  # samples, checkpoints and the end of the run
LEAST = 0.5  # the part of what is left that goes to steps, however long a validation took


def steps_in(minutes: float, course: Course, validate: Callable[..., float], valid: Any, watch: Stopwatch) -> int:
    """The steps that fit into some minutes of wall time, counted on a watch.

    Every process times the same steps, and all take the first one's figure.
    """
    seconds, stride = 60 * minutes, course.stride
    trial = type(course)(copy.deepcopy(course.model), course.order, course.config, course.team)
    steps, spent, burst = 0, 0.0, stride
    while spent < STRETCH * seconds:
        start = time.monotonic()
        for step in range(steps, steps + burst):
            trial.advance(step, steps + burst)
        elapsed = course.team.agree(time.monotonic() - start)
        steps, spent, burst = steps + burst, spent + elapsed, 2 * burst
    each = elapsed / (burst // 2)  # the last burst: the first steps of a process are slow
    between = VALIDATIONS * _once(trial, validate, valid)
    left = MARGIN * (seconds - watch.seconds)
    return max(stride, int(course.team.agree(max(left - between, LEAST * left) / each)))


def _once(course: Course, validate: Callable[..., float], valid: Any) -> float:
    start = time.monotonic()
    try:
        if valid is not None:
            validate(course, course.model, valid)
    except NotImplementedError:  # a model of several players has no one loss, and is not validated
        return 0.0
    return time.monotonic() - start
