"""The line before a model: requests that wait, those that are answered together, and what ends them.

One thread asks the model. It takes the first request that waits and with it all that have its key, as far as their
rows fit; whoever comes meanwhile waits for the next turn. So requests are never held back to be many: what came while
the model was busy goes together.
"""

import itertools
import logging
import math
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

from genzoo._deadline import Deadline, TooLong
from genzoo.apps.serve.joined import Apart
from genzoo.apps.serve.limits import Limits
from genzoo.apps.serve.refusals import Refusal

__all__ = ["Job", "Line", "Work", "deadline"]

log = logging.getLogger("genzoo.serve")

GLANCE = 0.002  # seconds between two looks at who still waits, while torch computes
TOGETHER = 0.002  # seconds to wait for those who were answered together and ask again

Work = Callable[[Sequence["Job"]], Iterator[None]]  # answers requests, and stops between its steps


class Job:
    """One request in a line.

    Args:
        key: Requests of one key can be answered together.
        rows: How many rows it asks for.
        asked: What it asks for.
        tell: Is told what comes of it, by the thread that asks the model: an answer, parts of it, or an error.
        seconds: Until it must be answered.
        is_own: Whether the request itself asked for so few.

    Attributes:
        over: Whether nobody waits for it any more.
        told: How many parts it was told.
    """

    def __init__(
        self, key: Hashable, rows: int, asked: Any, tell: Callable[[Any], None], seconds: float, is_own: bool = False
    ) -> None:
        self.key, self.rows, self.asked, self._tell = key, rows, asked, tell
        self.until, self.seconds = time.monotonic() + seconds, seconds
        self.over, self.told, self.is_own = False, 0, is_own

    def part(self, number: int, news: Any) -> None:
        """Tells a part, unless it was told before the work had to be begun again."""
        if not self.over and number >= self.told:
            self._tell(news)
            self.told = number + 1

    def end(self, news: Any) -> None:
        """Tells the last there is to tell."""
        if not self.over:
            self.over = True
            self._tell(news)

    def is_alive(self) -> bool:
        """Whether somebody waits for it; it ends if it is too late."""
        if not self.over and time.monotonic() > self.until:
            self.end(_too_late(self.seconds, is_own=self.is_own))
        return not self.over


def deadline(jobs: Sequence[Job]) -> Deadline:
    """Ends what is computed inside soon after nobody waits for it any more.

    Args:
        jobs: Those that wait for it.
    """
    looked, anyone = -math.inf, True

    def now() -> float:
        nonlocal looked, anyone
        time_now = time.monotonic()
        if time_now - looked > GLANCE:
            looked, anyone = time_now, _anyone(jobs)
        return time_now if anyone else math.inf

    return Deadline(now, max(job.seconds for job in jobs))


class Line:
    """A bounded line with a thread that works on it.

    Args:
        name: The model's.
        work: Answers requests of one key.
        limits: How many may wait, and go together.
        seen: Is told of each turn how many requests and rows it had.
    """

    def __init__(self, name: str, work: Work, limits: Limits, seen: Callable[[int, int], None]) -> None:
        self.name, self.work, self.limits, self.seen = name, work, limits, seen
        self.waiting: list[Job] = []
        self.busy, self.closed = 0, False
        self.pace = 0.0  # seconds of a turn, of late
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._work, name=f"genzoo-{name}", daemon=True)
        self.thread.start()

    def join(self, job: Job) -> None:
        """Puts a request into the line.

        Raises:
            Refusal: If the line is full.
        """
        with self.changed:
            self.waiting = [other for other in self.waiting if other.is_alive()]
            if len(self.waiting) >= self.limits.queue:
                wait = max(1, math.ceil(self.pace * (1 + len(self.waiting) / max(1, self.busy))))
                message = f"{len(self.waiting)} requests wait for {self.name} already. Ask again in {wait} s."
                raise Refusal(429, message, None, "queue_full", wait)
            self.waiting.append(job)
            self.changed.notify()

    def __len__(self) -> int:
        return len(self.waiting)

    def close(self) -> None:
        """Ends the thread once it has nothing to do."""
        with self.changed:
            self.closed = True
            self.changed.notify()
        self.thread.join(self.limits.grace)

    def _work(self) -> None:
        while turn := self._next():
            began = time.monotonic()
            self.seen(len(turn), sum(job.rows for job in turn))
            self._answer(turn)
            self.pace = 0.7 * self.pace + 0.3 * (time.monotonic() - began)

    def _next(self) -> list[Job]:
        """The requests whose turn it is; none at the end."""
        with self.changed:
            if self.busy > 1 and len(self.waiting) < self.busy:
                self.changed.wait(TOGETHER)
            self.busy = 0
            while not (turn := self._taken()):
                if self.closed:
                    return []
                self.changed.wait()
            self.busy = len(turn)
            return turn

    def _taken(self) -> list[Job]:
        self.waiting = [job for job in self.waiting if job.is_alive()]
        if not self.waiting:
            return []
        key = self.waiting[0].key
        alike = [job for job in self.waiting if job.key == key]
        sums = itertools.accumulate(job.rows for job in alike)
        turn = [job for job, rows in zip(alike, sums, strict=True) if rows <= max(self.limits.rows, alike[0].rows)]
        self.waiting = [job for job in self.waiting if job not in turn]
        return turn

    def _answer(self, turn: Sequence[Job]) -> None:
        """Answers requests together; if that fails, each by itself, so that no other suffers from the one that
        cannot be answered."""
        try:
            for _ in self.work(turn):
                if not _anyone(turn):
                    return
        except TooLong:
            _anyone(turn)
        except Exception as error:
            left = [job for job in turn if job.is_alive()]
            if len(turn) == 1 and not isinstance(error, Apart):
                left[0].end(error) if left else None
            if len(turn) > 1:
                log.warning("model=%s error=%s: %d requests are answered one by one", self.name, type(error).__name__,
                            len(left))  # fmt: skip
            for job in left if len(turn) > 1 else ():
                self._answer([job])
        for job in turn:
            job.end(Refusal(500, "This should not have happened: there is no answer.", None, "internal_error"))


def _too_late(seconds: float, *, is_own: bool) -> Refusal:
    """Whoever set the deadline is to blame: a request that asked for too little time, or the server."""
    if is_own:
        return Refusal(400, f"timeout must leave time for an answer, got {seconds:g} s. Allow more, or ask for less.",
                       "timeout", "deadline_exceeded")  # fmt: skip
    return Refusal(504, f"There was no answer within {seconds:g} s. Ask for fewer rows or steps.", None,
                   "deadline_exceeded")  # fmt: skip


def _anyone(turn: Sequence[Job]) -> bool:
    alive = [job.is_alive() for job in turn]  # each is asked: one that is too late ends
    return any(alive)
