"""How far a training is by its steps, and a budget of time held on the way.

The number of steps is fixed before step 0. If they turn out to cost other than they were timed, the rest of the course
is walked in fewer steps or more: rates, growth and what is due at parts of the run follow the place in the course, not
the step. Where steps cost what they were timed, nothing changes, and the run is the one of that many steps.
"""

import bisect
import functools
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Pace"]


class Knot(NamedTuple):
    """A step, and the place in the course that it reaches."""

    step: int
    place: float


@dataclass(frozen=True)
class Pace:
    """The place in a course of N planned steps that M real ones have reached: the same, or linear between knots.

    Attributes:
        knots: From (0, 0) to (M, N).

    Example:
        >>> pace = Pace.even(100)
        >>> pace.place(20), pace.bent(20, 60).place(40), pace.bent(20, 60).place(60)
        (20.0, 60.0, 100.0)
    """

    knots: tuple[Knot, ...]

    @classmethod
    def even(cls, steps: int) -> "Pace":
        """Every step as long as the other."""
        return cls((Knot(0, 0.0), Knot(steps, float(steps))))

    @functools.cached_property
    def total(self) -> int:
        """M."""
        return self.knots[-1].step

    @functools.cached_property
    def planned(self) -> float:
        """N."""
        return self.knots[-1].place

    @functools.cached_property
    def _last(self) -> tuple[int, float, float]:
        """The beginning of the last part and its slope: every step asks for it several times."""
        (start, place), (end, goal) = self.knots[-2:]
        return start, place, (goal - place) / max(1, end - start)

    def place(self, step: int) -> float:
        """From 0 to N."""
        if step >= self.total:
            return self.planned
        start, place, slope = self._last
        if step >= start:
            return place + (step - start) * slope
        i = bisect.bisect_right(self.knots, step, key=lambda knot: knot.step)
        return Pace(self.knots[: i + 1]).place(step)

    def progress(self, step: int) -> float:
        """The place as a share of N."""
        return self.place(step) / (self.planned or 1.0)

    def reached(self, step: int, times: int) -> int:
        """How many of so many equal parts of the course lie behind."""
        return int(self.place(step) * times // (self.planned or 1.0))

    def bent(self, step: int, total: int) -> "Pace":
        """The same up to a step, from which on the end is reached in another number of steps."""
        before = tuple(knot for knot in self.knots if knot.step < step)
        return Pace((*before, Knot(step, self.place(step)), Knot(total, self.planned)))
