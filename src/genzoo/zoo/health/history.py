"""What detectors look at, the journal of a training, and what they say."""

import functools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from genzoo.training.config import TrainConfig

__all__ = ["LOOK", "Curve", "Finding", "History", "number"]

LOOK = "look"  # the split of rows that hold what was seen of the model itself
NORMAL = 1.4826  # a normal's standard deviation in units of its median absolute deviation


def number(value: Any) -> float:
    """A value of a journal, which may hold words where there should be numbers: NaN for these, and for null.

    Example:
        >>> number(2), number(None), number("many")
        (2.0, nan, nan)
    """
    return float(value) if isinstance(value, int | float) else math.nan


class Finding(NamedTuple):
    """What is wrong with a training.

    Attributes:
        sign: What it is called.
        seen: What was seen, with the numbers.
        advice: What to try.
        step: The step after which it was seen.

    Example:
        >>> print(Finding("overfitting", "validation rose from 1 to 2", "Try more data.", 300))
        overfitting: validation rose from 1 to 2. Try more data.
    """

    sign: str
    seen: str
    advice: str
    step: int

    def __str__(self) -> str:
        return f"{self.sign}: {self.seen}. {self.advice}"


class Curve(NamedTuple):
    """A logged value over the steps; one that was not finite is NaN.

    Example:
        >>> curve = Curve([10, 20, 30, 40], [4.0, 3.0, 2.0, 9.0])
        >>> curve.middle(0.5), curve.after(20), curve.jitter
        (5.5, Curve(steps=[30, 40], values=[2.0, 9.0]), 2.42...)
    """

    steps: list[int]
    values: list[float]

    @property
    def finite(self) -> "Curve":
        """Without what was not finite."""
        kept = [(s, v) for s, v in zip(self.steps, self.values, strict=True) if math.isfinite(v)]
        return Curve([s for s, _ in kept], [v for _, v in kept])

    def middle(self, begin: float, end: float = 1.0) -> float:
        """The median from one share of the rows to another; of at least one row."""
        n = len(self.values)
        first = min(n - 1, int(begin * n))
        return statistics.median(self.values[first : max(first + 1, math.ceil(end * n))])

    def after(self, step: int) -> "Curve":
        """What comes after a step."""
        kept = [(s, v) for s, v in zip(self.steps, self.values, strict=True) if s > step]
        return Curve([s for s, _ in kept], [v for _, v in kept])

    def until(self, step: int) -> "Curve":
        """What comes up to a step."""
        kept = [(s, v) for s, v in zip(self.steps, self.values, strict=True) if s <= step]
        return Curve([s for s, _ in kept], [v for _, v in kept])

    @property
    def jitter(self) -> float:
        """The standard deviation of a single value about its neighbors, by the median of second differences' sizes:
        a slope does not count, and neither does a jump."""
        v = self.values
        bends = [abs(v[i - 1] - 2 * v[i] + v[i + 1]) for i in range(1, len(v) - 1)]
        return NORMAL * statistics.median(bends) / math.sqrt(6) if bends else 0.0

    @property
    def smooth(self) -> "Curve":
        """Medians of five neighbors, fewer at the ends."""
        v = self.values
        return Curve(self.steps, [statistics.median(v[max(0, i - 2) : i + 3]) for i in range(len(v))])


@dataclass(frozen=True)
class History:
    """The journal of one training, as far as it has come.

    Attributes:
        rows: Its rows of metrics.
        config: How it is trained.
        total: The steps that it is planned for.

    Example:
        >>> rows = [{"step": s, "split": "train", "loss": 1 / s} for s in (1, 2)]
        >>> History(rows, TrainConfig(), 2).curve("loss")
        Curve(steps=[1, 2], values=[1.0, 0.5])
    """

    rows: Sequence[Mapping[str, Any]]
    config: TrainConfig
    total: int

    @functools.cached_property
    def step(self) -> int:
        """The last step that is told of."""
        return max((int(row["step"]) for row in self.rows), default=0)

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """All that rows of training tell."""
        return tuple(dict.fromkeys(name for row in self.rows if row["split"] == "train" for name in row))

    def curve(self, name: str, split: str = "train") -> Curve:
        """A logged value; null is what was not finite."""
        rows = [row for row in self.rows if row["split"] == split and name in row]
        return Curve([row["step"] for row in rows], [number(row[name]) for row in rows])

    def looks(self, *names: str) -> list[Mapping[str, Any]]:
        """The looks at the model that tell some values."""
        looks = (row for row in self.rows if row["split"] == LOOK)
        return [row for row in looks if all(math.isfinite(number(row.get(name))) for name in names)]

    def look(self, *names: str) -> Mapping[str, Any] | None:
        """The last of them, if there is one."""
        return next(reversed(self.looks(*names)), None)

    @functools.cached_property
    def begin(self) -> float:
        """The loss of the first step, where it is told; else that of the first row, NaN if there is none."""
        look, loss = self.look("begin"), self.curve("loss").finite
        return float(look["begin"]) if look is not None else loss.values[0] if loss.values else math.nan

    @functools.cached_property
    def gain(self) -> float:
        """By how much the loss has fallen from its beginning to the lowest median of five; 0 if it has not."""
        loss = self.curve("loss").finite
        return max(0.0, self.begin - min(loss.smooth.values)) if loss.values else 0.0
