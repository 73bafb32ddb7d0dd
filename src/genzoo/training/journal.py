"""The journal of a run: rows of metrics, as JSONL while it runs and CSV beside it.

A row's wall-clock columns are the only ones that differ between a run and the same run killed and resumed: on resume
the journal is cut back to where it stood at the checkpoint.
"""

import contextlib
import csv
import io
import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from genzoo._files import check_plain, read_bytes

__all__ = [
    "CLOCK",
    "EVENT",
    "METRICS",
    "ROLLBACK",
    "SKIPPED",
    "Journal",
    "Means",
    "Stopwatch",
    "loss_words",
    "read_rows",
]

METRICS = "metrics.jsonl"
EVENT = "event"  # the split of rows that tell what has happened, and no metrics
SKIPPED, ROLLBACK = "skipped", "rollback"  # events after which a training goes on
CLOCK = ("seconds", "core_seconds")  # columns that tell the time, and so differ between equal runs


class Stopwatch:
    """Wall time and processor time of a training, over all its sittings.

    Args:
        seconds: Wall time of the sittings before.
        core_seconds: Processor time of this process in them, all threads together.

    Example:
        >>> watch = Stopwatch(seconds=60.0)
        >>> 60 <= watch.seconds < 61, 0 <= watch.core_seconds < 1
        (True, True)
    """

    def __init__(self, seconds: float = 0.0, core_seconds: float = 0.0) -> None:
        self.began, self.core_began = time.monotonic() - seconds, time.process_time() - core_seconds

    @property
    def seconds(self) -> float:
        """Wall time so far."""
        return time.monotonic() - self.began

    @property
    def core_seconds(self) -> float:
        """Processor time so far."""
        return time.process_time() - self.core_began


class Journal:
    """The rows of metrics of a run.

    Args:
        folder: The run's folder; `None` keeps rows in memory only.
        size: The bytes to keep of an existing journal: 0 begins anew.

    Example:
        >>> journal = Journal(None)
        >>> journal.write({"step": 1, "split": "train", "loss": 2.0})
        >>> journal.rows[0]["loss"]
        2.0
    """

    def __init__(self, folder: Path | None, size: int = 0) -> None:
        self.rows: list[dict[str, Any]] = []
        self.path = folder / METRICS if folder else None
        if self.path:
            self.path.touch()
            check_plain(self.path)
            os.truncate(self.path, min(size, self.path.stat().st_size))
            self.rows = read_rows(self.path)

    def write(self, row: Mapping[str, Any]) -> None:
        """Adds a row."""
        self.rows.append(dict(row))
        if self.path:
            with self.path.open("a") as file:
                file.write(json.dumps(row) + "\n")

    def settle(self) -> int:
        """Makes the rows so far durable, and the CSV of them; returns the journal's size in bytes."""
        if not self.path:
            return 0
        with self.path.open("a") as file:
            os.fsync(file.fileno())
        draft = self.path.with_suffix(".csv.draft")
        draft.write_text(self._csv())
        draft.rename(self.path.with_suffix(".csv"))
        return self.path.stat().st_size

    def _csv(self) -> str:
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return text.getvalue()


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a journal; none if there is no file. What is no row, as a last line cut in two, is passed over.

    Args:
        path: The file.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "metrics.jsonl"
        >>> _ = path.write_text('{"step": 1, "split": "train"}\\n{"step": 2, "sp')
        >>> read_rows(path)
        [{'step': 1, 'split': 'train'}]
    """
    rows: list[dict[str, Any]] = []
    text = read_bytes(path).decode(errors="replace") if path.exists() else ""
    for line in text.splitlines():
        with contextlib.suppress(ValueError, RecursionError):
            row = json.loads(line)
            rows += [row] if _is_row(row) else []
    return rows


def loss_words(rows: Sequence[Mapping[str, Any]]) -> str:
    """What the loss in the newest row is, with its unit; "" where no row says it.

    Args:
        rows: The rows of metrics.

    Example:
        >>> loss_words([{"step": 1, "split": "train", "loss": 2.0, "loss_is": "−log p, nats/row"}])
        '−log p, nats/row'
    """
    return next((str(row["loss_is"]) for row in reversed(rows) if "loss_is" in row), "")


def _is_row(row: Any) -> bool:
    """Whether it says its step and its split, and beside them numbers and words alone."""
    if not isinstance(row, dict) or not all(
        value is None or isinstance(value, int | float | str) for value in row.values()
    ):
        return False
    return type(row.get("step")) is int and isinstance(row.get("split"), str)


class Means:
    """Running means of what steps log, since the last row.

    Sums are kept in float64 and are part of a checkpoint, so that a row which a kill interrupted comes out the same.

    Example:
        >>> means = Means()
        >>> means.add({"loss": 1.0}); means.add({"loss": 2.0})
        >>> means.take()
        {'loss': 1.5}
    """

    def __init__(self, sums: Mapping[str, Sequence[float | int]] | None = None) -> None:
        self.sums: dict[str, list[Any]] = {name: list(pair) for name, pair in (sums or {}).items()}

    def add(self, values: Mapping[str, Tensor | float]) -> None:
        """Adds one step's values; tensors stay on their device until a row is written."""
        for name, value in values.items():
            value = value.detach().double() if isinstance(value, Tensor) else float(value)
            pair = self.sums.setdefault(name, [0.0, 0])
            pair[0], pair[1] = pair[0] + value, pair[1] + 1

    def take(self) -> dict[str, float | None]:
        """The means, which begin anew; null stands for what is not finite."""
        means = {name: float(total) / count for name, (total, count) in self.sums.items()}
        self.sums = {}
        return {name: value if math.isfinite(value) else None for name, value in means.items()}

    def state(self) -> dict[str, tuple[float, int]]:
        """The sums as plain JSON; Python writes a float so that it is read back exactly."""
        return {name: (float(total), count) for name, (total, count) in self.sums.items()}
