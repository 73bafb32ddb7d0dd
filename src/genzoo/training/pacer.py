"""Looks at the clock while a training runs, so that it ends when its budget does."""

from typing import NamedTuple

from genzoo.training.pace import Pace
from genzoo.training.state import State

__all__ = ["Pacer"]

LOOKS = 8  # at the clock in a run
NEAR = 0.03  # the part of a budget by which its end may be missed without a change of pace


class Stand(NamedTuple):
    """Where a training stands."""

    step: int
    progress: float
    seconds: float


class Pacer:
    """Looks at the clock eight times in a run, and says at what pace its budget is kept.

    What steps cost since the last look tells what those to come will, in proportion to what was planned: a model that
    grows is known to take longer steps at its end.

    Args:
        state: The training as it begins or goes on.
    """

    def __init__(self, state: State) -> None:
        self.last = _stand(state)

    def look(self, state: State) -> Pace | None:
        """Another pace, if it is time to look and the present one would miss the budget's end."""
        ends, course, step = state.plan.ends, state.course, state.step
        if ends is None or step >= state.total or step % course.stride:
            return None
        now, last = _stand(state), self.last
        passed = now.progress - last.progress
        if course.team.size == 1:  # several processes have a clock each, and all must look after the same step
            passed = max(passed, (now.seconds - last.seconds) / ends)
        if passed < 1 / LOOKS:
            return None
        self.last = now
        left, steps, costs = ends - now.seconds, state.total - step, state.plan.costs
        each = (now.seconds - last.seconds) / (now.step - last.step) / _cost(costs, last.progress, now.progress)
        expected = each * steps * _cost(costs, now.progress, 1.0)
        if abs(course.team.agree(expected - left)) <= NEAR * ends:
            return None
        fit = int(course.team.agree(steps * max(0.0, left) / expected / course.stride + 0.5)) * course.stride
        return state.pace.bent(step, max(course.least, step + fit))


def _stand(state: State) -> Stand:
    watch = state.watch
    seconds = watch.seconds if state.config.minutes else watch.core_seconds
    return Stand(state.step, state.pace.progress(state.step), seconds)


def _cost(costs: tuple[float, ...], a: float, b: float) -> float:
    """What a step costs between two places of the course, the mean of costs that hold for equal parts of it each."""
    parts = len(costs)
    shares = [max(0.0, min(b, (i + 1) / parts) - max(a, i / parts)) for i in range(parts)]
    return sum(cost * share for cost, share in zip(costs, shares, strict=True)) / sum(shares)
