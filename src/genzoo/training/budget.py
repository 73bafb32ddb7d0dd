"""Minutes as steps: everything that a run does is timed on a copy, and fixed in numbers before step 0.

The training that follows is the one of that many steps, to the bit, as long as these take what they took when they
were timed (`genzoo.training.pace`); only their number came from the clock, of the wall or of the processor. The
checkpoint of step 0 holds it. Validations and grids of samples have their part of the budget: where they are dear they
are of fewer rows, or there are fewer of them.
"""

import copy
import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from genzoo._deadline import Deadline, TooLong
from genzoo.core import Trainable
from genzoo.training.callbacks import Callback, SampleGrid
from genzoo.training.config import TrainConfig
from genzoo.training.course import Course, Kind, Passes
from genzoo.training.journal import Stopwatch
from genzoo.training.pace import Pace
from genzoo.training.state import GRIDS, VALIDATIONS, Plan
from genzoo.training.timing import Cost, timed

__all__ = ["drawing", "planned", "rows_judged"]

STRETCH, LONGEST = 0.04, 30.0  # the part of the minutes that is spent on timing steps, and the most seconds of them
WARM = 0.2  # the part that a first step may take to be made twice, for the first of a process is slow
SHARE, FEWEST = 0.01, 500  # rows of a validation as a share of the run's; the fewest
SHOWN = 0.1  # the part of a run that grids of samples may take together
MARGIN = 0.95  # checkpoints and the end of the run
ENDS = (0.0, 0.5, 1.0)  # the progress at which steps are timed
ALIKE, CELLS = 1.25, 8  # costs that differ by more are timed again, in the middle of so many cells
MOST = 0.25  # the part of what is left that validations may take; else they have fewer rows
BYTE = 2e-9  # seconds that a byte of a checkpoint takes to be copied, written and hashed
LEAST = 3.0  # seconds that grids of samples may take in a run of steps, however short

NUMBERS = ("steps", "judged", "validations", "grids", "shown")  # of a plan, which all processes must agree on

Now = Callable[[], float]


class Trial(NamedTuple):
    """A copy of a course to be timed, on a clock, and the seconds of the whole budget."""

    course: Course
    now: Now
    seconds: float


def rows_judged(total: int, available: int, config: TrainConfig) -> int:
    """The rows of a validation: a hundredth of those that the run trains on, so that a short run is not spent on it.

    Example:
        >>> rows_judged(3000, 10_000, TrainConfig(batch_size=100)), rows_judged(10, 10_000, TrainConfig())
        (3000, 500)
    """
    return min(available, config.valid_rows, max(FEWEST, int(SHARE * total * config.batch_size)))


def planned(
    course: Course,
    validate: Callable[..., float],
    valid: Any,
    callbacks: Sequence[Callback],
    watch: Stopwatch,
    *,
    saves: bool = False,
) -> Plan:
    """The steps that fit into the configuration's budget, counted on a watch if it is one of time, with all that a run
    does between them.

    Every process times the same steps, and all take the first one's figures.
    """
    config, available = course.config, 0 if valid is None else len(valid)
    if config.minutes is None and config.core_minutes is None:
        total = course.total(config.steps)
        return Plan(total, rows_judged(total, available, config))
    now = time.monotonic if config.minutes else time.process_time
    began = watch.began if config.minutes else watch.core_began
    seconds = 60 * (config.minutes or config.core_minutes or 0)
    trial = type(course)(copy.deepcopy(course.model), course.order, config, course.team, lambda _: None)
    course.wait(f"timing steps for a budget of {seconds:,.0f} s")
    costs = _costs(Trial(trial, now, seconds))
    drawn = _drawing(trial.model, callbacks, Trial(trial, now, seconds), SHOWN * seconds / 2)
    judging = _judging(Trial(trial, now, seconds), validate, valid)
    spent, asked = now() - began, _asked(callbacks)
    left = MARGIN * (seconds - spent - (_saving(trial) if saves else 0.0))
    plan = _fitted(course, left, sum(costs) / len(costs), judging, drawn, asked, available)
    agreed = {name: int(course.team.agree(getattr(plan, name) or 0)) for name in NUMBERS}
    return Plan(**agreed, ends=course.team.agree(spent + left), costs=costs if math.isfinite(costs[0]) else (1.0,))


def _fitted(
    course: Course, left: float, each: float, judging: Cost, drawn: "Cost | None", asked: int, available: int
) -> Plan:
    """What fits into the seconds that are left, with grids of samples of as many rows as are asked for at most."""
    config = course.config
    grids, shown = _grids(drawn, SHOWN * left, asked)
    spare = left - (grids * drawn.of(shown) if drawn is not None and grids else 0.0)
    most, each = MOST * max(0.0, spare), max(each, 1e-9)
    validations = max(1, min(VALIDATIONS, int(most / judging.of(1)))) if judging.of(1) else VALIDATIONS
    ceiling = judging.rows(most / validations)
    judged = min(ceiling, rows_judged(0, available, config))
    for _ in range(3):  # more steps want more rows, which leave fewer steps
        if config.validate_every is None:
            fit = (spare - validations * judging.of(judged)) / each
        else:
            fit = spare / (each + judging.of(judged) / config.validate_every)
        judged = min(ceiling, rows_judged(max(0, int(fit)), available, config))
    if fit < course.least:
        unit = "a pass over the data" if isinstance(course, Passes) else "a step"
        course.say(f"{unit} that moves the model takes longer than the budget leaves: it is made nonetheless")
    steps = int(fit) // course.stride * course.stride if isinstance(course, Passes) else round(fit)  # the nearest
    steps = max(course.least, steps)
    return Plan(steps, judged, validations, grids, shown)


# --- steps ----------------------------------------------------------------------------------------------------------


def _costs(trial: Trial) -> tuple[float, ...]:
    """Seconds of a step in equal parts of the training; one, if it is alike at the beginning, middle and end."""
    course, least = trial.course, min(STRETCH * trial.seconds, LONGEST)
    try:
        if isinstance(course, Passes):
            return (_step_of_a_pass(trial, least),)
        if (warm := _first_step(trial)) >= WARM * trial.seconds:
            return (warm,)
        first = _step_at(0.0, trial, least / len(ENDS))
        if not _grows(course.model) and first >= least:  # its first step has taken all that there is for timing
            return (first,)
        costs = [first, *(_step_at(progress, trial, least / len(ENDS)) for progress in ENDS[1:])]
        if max(costs) <= ALIKE * min(costs):
            return (sum(costs) / len(costs),)
        return tuple(_step_at((i + 0.5) / CELLS, trial, least / CELLS) for i in range(CELLS))
    except TooLong:
        return (math.inf,)


def _grows(model: Trainable) -> bool:
    """Whether a part of a model says what it is like at some progress."""
    return any(isinstance(part, Trainable) and type(part).at is not Trainable.at for part in model.modules())


def _first_step(trial: Trial) -> float:
    """Seconds of the first step, which in a new process is slower than those to come.

    Raises:
        TooLong: If it takes longer than the whole budget.
    """
    course = trial.course
    alone = course.team.size == 1  # a step that one of several processes leaves would keep the others waiting
    with Deadline(trial.now, trial.seconds if alone else math.inf):
        return course.team.agree(timed(lambda: course.advance(0, Pace.even(2)), trial.now))


def _step_at(progress: float, trial: Trial, least: float) -> float:
    """Seconds of a step of a course's model in the form that it has at some progress."""
    course, now = trial.course, trial.now
    course.pinned = progress
    for part in course.model.modules():
        if isinstance(part, Trainable):
            part.at(progress)
    return sum(kind.share * _step_of(kind, course, kind.share * least, now) for kind in course.kinds())


def _step_of(kind: Kind, course: Course, least: float, now: Now) -> float:
    """Seconds of a step of one kind, which takes some seconds to time: the mean of the last burst, the longest."""
    steps, spent, burst = kind.after(0), 0.0, 1
    while spent < least:
        spent += (elapsed := course.team.agree(_burst(course, list(itertools.islice(steps, burst)), now)))
        burst *= 2
    return elapsed / (burst // 2)


def _burst(course: Course, steps: Sequence[int], now: Now) -> float:
    """Seconds of some steps."""
    start = now()
    for step in steps:
        course.advance(step, Pace.even(steps[-1] + 1))
    return now() - start


def _step_of_a_pass(trial: Trial, least: float) -> float:
    """Seconds of a batch of a direct fit, its share of what ends a pass among them; dear passes are not made whole."""
    course, now = trial.course, trial.now
    start = now()
    for step in range(course.stride):
        course.advance(step, Pace.even(course.stride))
        share = (step + 1) / course.stride
        if course.team.agree(now() - start) > max(least, share * trial.seconds / 2):  # there is time for few passes
            return course.team.agree(now() - start) / (step + 1)
    spent = course.team.agree(now() - start)
    if spent < least:  # there is time for a second pass, which nothing slows down
        spent = _burst(course, range(course.stride, 2 * course.stride), now)
    return spent / course.stride


# --- what a run does between steps ----------------------------------------------------------------------------------


def _judging(trial: Trial, validate: Callable[..., float], valid: Any) -> Cost:
    """What a validation costs, at first and for each of its rows."""
    if valid is None:
        return Cost(0.0, 0.0)
    rows, most = min(len(valid), max(FEWEST, 4 * trial.course.config.batch_size)), STRETCH * trial.seconds
    try:
        return Cost.measured(
            lambda n: validate(trial.course, trial.course.model, valid, n), rows, trial.now, most / 8, 2 * most
        )
    except TooLong:
        return Cost(2 * most, 2 * most)
    except NotImplementedError:  # a model of several players has no one loss, and is not validated
        return Cost(0.0, 0.0)


def _saving(course: Course) -> float:
    """What the checkpoints at both ends and the weights cost: the weights four times, with the best; their averages
    twice; and what else the course keeps."""
    copies = 4 if course.config.ema is None else 6
    kept = copies * list(course.model.state_dict().values()) + list(course.state_tensors().values())
    return BYTE * sum(tensor.nbytes for tensor in kept)


def _drawing(model: Trainable, callbacks: Sequence[Callback], trial: Trial, most: float) -> Cost | None:
    """What a grid of samples costs, at first and for each row; None if nobody draws one or a row takes too long."""
    grids = [callback for callback in callbacks if isinstance(callback, SampleGrid) and callback.can_draw(model)]
    if not grids:
        return Cost(0.0, 0.0)
    try:
        return Cost.measured(
            lambda rows: [grid.draw(model, rows, trial.course.team.device) for grid in grids],
            grids[0].n,
            trial.now,
            most / 16,
            most,
        )
    except TooLong:
        return None


def _grids(drawn: Cost | None, most: float, asked: int) -> tuple[int, int]:
    """The number of grids that fit into some seconds, and the rows of each, no more than are asked for."""
    if drawn is None or drawn.of(1) > most:
        return 0, 0
    grids = min(GRIDS, int(most / drawn.of(1))) if drawn.of(1) else GRIDS
    return grids, min(asked, drawn.rows(most / grids))


def _asked(callbacks: Sequence[Callback]) -> int:
    """The most rows of a grid."""
    return max((grid.n for grid in callbacks if isinstance(grid, SampleGrid)), default=1)


def drawing(plan: Plan, course: Course, weights: Trainable, callbacks: Sequence[Callback], seconds: float) -> Plan:
    """The plan of a run of steps with the grids of samples that it can bear, timed when the first is due.

    All of them where they are cheap. Where they are not, a short run shows the last one alone, and a long one as many
    as a tenth of it allows.

    Args:
        plan: What was fixed before step 0.
        course: The course.
        weights: The model that is drawn from.
        callbacks: Whoever draws.
        seconds: What the run takes as a whole.
    """
    most, full = max(LEAST, SHOWN * seconds), _asked(callbacks)
    drawn = _drawing(weights, callbacks, Trial(course, time.monotonic, seconds), most)
    if drawn is None or drawn.of(1) > most:
        course.say(f"no samples are drawn on the way: a single one takes longer than {most:.1f} s")
        return replace(plan, grids=0, shown=0)
    if GRIDS * drawn.of(full) <= most:
        return replace(plan, shown=full)
    grids, rows = _grids(drawn, most, full) if most > LEAST else (1, drawn.rows(most))
    return replace(plan, grids=grids, shown=rows)
