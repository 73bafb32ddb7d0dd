"""A limit to how long some work with torch may take."""

from collections.abc import Callable
from typing import Any

from torch.overrides import TorchFunctionMode

__all__ = ["Deadline", "TooLong"]


class TooLong(Exception):
    """What was done took longer than it may."""


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
        genzoo._deadline.TooLong: ...
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
