"""What protects a run folder: a lock that dies with its owner, and signals that wait for the end of a step."""

import contextlib
import fcntl
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from genzoo._files import check_plain, open_plain

__all__ = ["Busy", "Interrupted", "Signals", "locked", "owner"]


class Busy(RuntimeError):
    """Another process is training in the run folder."""


class Interrupted(Exception):
    """The training was asked to stop, and saved itself first.

    Attributes:
        signal: The signal that asked.
    """

    def __init__(self, number: int, step: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name} after step {step}; a checkpoint was saved")
        self.signal = number


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """The run folder for ourselves.

    Raises:
        Busy: If another living process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / ".lock"
    if lock.exists():
        check_plain(lock)
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            who = file.read(200).strip() or "another one"
            raise Busy(
                f"Only one process may train in a run folder, and {who} is in {folder}. Wait for its end, or stop it."
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield


def owner(folder: Path) -> str | None:
    """Who trains in a run's folder now, None if nobody does.

    Args:
        folder: The run's folder.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with locked(folder):
        ...     print(owner(folder))
        process ... on ...
        >>> owner(folder)
    """
    try:
        with open_plain(folder / ".lock") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read(200).decode(errors="replace").strip() or "another process"
    except (OSError, ValueError):  # there is none, or it is no file
        return None
    return None


class Signals:
    """SIGINT and SIGTERM noted rather than obeyed, until the step is over; a second SIGINT is obeyed at once."""

    def __init__(self) -> None:
        self.caught: int | None = None

    def __enter__(self) -> "Signals":
        self.before = {}
        if threading.current_thread() is threading.main_thread():
            self.before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.caught == signal.SIGINT == number:
            raise KeyboardInterrupt
        self.caught = number
