"""What a reproduction came to."""

from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Outcome"]


class Outcome(NamedTuple):
    """What a reproduction came to.

    Attributes:
        value: The number that it reached.
        recorded: The number that stands in the record, if there is one.
        path: The file that it made.
        record: What is known of it, as plain JSON.
    """

    value: float
    recorded: float | None
    path: Path
    record: dict[str, Any]
