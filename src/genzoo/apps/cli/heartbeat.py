"""Signs of life: what a command that takes long is doing, said within its first seconds and now and then after."""

import logging
import threading
import time
from types import TracebackType

from genzoo.zoo.terminal import say

__all__ = ["Heartbeat"]

FIRST_SECONDS, SECONDS = 2.0, 10.0
PROGRESS = "genzoo.progress"  # the logger by which long passes tell where they stand


class Heartbeat(logging.Handler):
    """Says on the standard error what goes on, after two seconds and then every ten, until it is left.

    What goes on is what was last said to it, or logged by a long pass.

    Args:
        title: What the command is.
        first: Seconds before the first line.
        pause: Seconds between lines.

    Example:
        >>> with Heartbeat("evaluate") as beat:
        ...     beat.say("reading the data")
    """

    def __init__(self, title: str, *, first: float = FIRST_SECONDS, pause: float = SECONDS) -> None:
        super().__init__(logging.DEBUG)
        self.title, self.first, self.pause = title, first, pause
        self.what, self.began, self.over = "starting", time.monotonic(), threading.Event()
        self.beating = threading.Thread(target=self._beat, daemon=True)

    def say(self, what: str) -> None:
        """What goes on from now on."""
        self.what = what

    def emit(self, record: logging.LogRecord) -> None:
        self.what = record.getMessage()

    def __enter__(self) -> "Heartbeat":
        logger = logging.getLogger(PROGRESS)
        logger.addHandler(self)
        logger.setLevel(logging.DEBUG)
        self.beating.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        logger = logging.getLogger(PROGRESS)
        logger.removeHandler(self)
        logger.setLevel(logging.NOTSET)
        self.over.set()
        self.beating.join()

    def _beat(self) -> None:
        pause = self.first
        while not self.over.wait(pause):
            say(f"{self.title}: {self.what} ({time.monotonic() - self.began:.0f} s)", err=True)
            pause = self.pause
