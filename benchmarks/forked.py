"""Work in a process of its own that finds the packages loaded, which is most of what a short command takes."""

import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable

__all__ = ["Forked", "genzoo"]


def genzoo(words: list[str]) -> None:
    """The command line, called with words as a user writes them behind its name."""
    from genzoo.apps.cli.root import main  # here, so that a process can fork before it has imported the package

    sys.argv = ["genzoo", *words]
    main()


class Forked:
    """A function in a fork of this process, with what it says on both streams, and what it cost.

    Args:
        work: What is done there.
        seconds: Of processor time, after which it is ended by a signal.
    """

    def __init__(self, work: Callable[[], None], seconds: float | None = None) -> None:
        self.code: int | None = None
        self.seconds, self.peak = 0.0, 0.0  # of processor time; MiB
        self.output = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 (as long as the process)
        self.pid = os.fork()
        if not self.pid:
            self._become(work, seconds)

    def poll(self) -> int | None:
        if self.code is None:
            self._wait(os.WNOHANG)
        return self.code

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self._wait(0)

    def ended(self) -> str:
        """Waits for the end, good or bad; returns what was said."""
        while self.poll() is None:
            time.sleep(0.005)
        self.output.seek(0)
        return self.output.read()

    def finished(self) -> str:
        """Waits for a good end; returns what was said."""
        said = self.ended()
        if self.code:
            raise SystemExit(said)
        return said

    def _wait(self, how: int) -> None:
        pid, status, used = os.wait4(self.pid, how)
        if pid:
            self.code = os.waitstatus_to_exitcode(status)
            self.seconds, self.peak = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024

    def _become(self, work: Callable[[], None], seconds: float | None) -> None:
        for stream in (1, 2):
            os.dup2(self.output.fileno(), stream)
        code = 1
        try:
            if seconds is not None:
                resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 5))
            work()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
