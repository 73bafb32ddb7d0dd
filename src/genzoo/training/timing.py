"""What a piece of work costs, measured in small, and a limit to how long measuring may take."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch.overrides import TorchFunctionMode

__all__ = ["Cost", "Deadline", "TooLong", "timed"]

MANY = 1 << 30


class TooLong(Exception):
    """What was timed took longer than it may."""


class Deadline(TorchFunctionMode):
    """Ends whatever computes with torch inside, by `TooLong`, at the first call after some seconds.

    Args:
        now: A clock.
        seconds: How long it may take.

    Example:
        >>> import time, torch
        >>> with Deadline(time.monotonic, 0.01):
        ...     while True:
        ...         _ = torch.zeros(1) + 1
        Traceback (most recent call last):
        ...
        genzoo.training.timing.TooLong: ...
    """

    def __init__(self, now: Callable[[], float], seconds: float) -> None:
        super().__init__()
        self.now, self.until, self.seconds = now, now() + seconds, seconds
        self.over = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if not self.over and not _sets_a_mode(func) and self.now() > self.until:
            self.over = True  # once: what leaves the work, as the end of `no_grad`, calls torch too
            raise TooLong(f"it took longer than {self.seconds:.3g} s")
        return func(*args, **(kwargs or {}))


def _sets_a_mode(func: Any) -> bool:
    """Whether a call puts torch into a mode, or back: were the end of `no_grad` left out, it would last for good."""
    name = getattr(func, "__name__", "")
    return "set_" in name or "autocast" in name


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
