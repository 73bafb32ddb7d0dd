"""What a piece of work costs, measured in small."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from genzoo._deadline import Deadline, TooLong

__all__ = ["Cost", "timed"]

MANY = 1 << 30


@dataclass(frozen=True)
class Cost:
    """Seconds of a piece of work on n rows, $a + b n$.

    Attributes:
        base: a.
        row: b.

    Example:
        >>> cost = Cost(base=1.0, row=0.5)
        >>> cost.of(4), cost.rows(3.0)
        (3.0, 4)
    """

    base: float
    row: float

    def of(self, rows: int) -> float:
        """Seconds for some rows."""
        return self.base + self.row * rows

    def rows(self, seconds: float) -> int:
        """The rows that fit into some seconds, at least 1."""
        return max(1, int((seconds - self.base) / self.row)) if self.row > 0 else MANY

    @classmethod
    def measured(
        cls, work: Callable[[int], Any], more: int, now: Callable[[], float], enough: float, most: float
    ) -> "Cost":
        """The cost from work on one row and on more; where that takes too long, rows cost what the one did.

        Args:
            work: Takes a number of rows.
            more: The most rows to try.
            now: A clock.
            enough: Seconds that are enough for timing.
            most: Seconds that it may take in all.

        Raises:
            TooLong: If a single row takes longer.
        """
        start, rows = now(), 1
        with Deadline(now, most):
            spent = first = timed(lambda: work(1), now)
        if first < most / 4:
            spent = first = min(first, timed(lambda: work(1), now))  # the first call is slow
        while rows < more and (spent < enough or rows == 1):
            rows = min(more, 4 * rows if spent < enough else 16)
            try:
                with Deadline(now, most - (now() - start)):
                    spent = timed(functools.partial(work, rows), now)
            except TooLong:
                return cls(0.0, first)
        row = max(0.0, spent - first) / max(1, rows - 1)
        return cls(max(0.0, first - row), row)


def timed(work: Callable[[], Any], now: Callable[[], float]) -> float:
    """Seconds that some work takes."""
    start = now()
    work()
    return now() - start
