"""Commands of the command line, one after another, each in a process of its own.

A training that the page begins is therefore the one that `genzoo train` begins: what ends it, and what is left behind
to go on with, is the same.
"""

import collections
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any, Literal

from genzoo.apps.serve.refusals import Refusal
from genzoo.apps.studio.sources import reason

__all__ = ["Command", "Commands"]

State = Literal["waiting", "running", "done", "stopped", "failed"]
PROGRAM = (sys.executable, "-m", "genzoo")
LINES, KEPT, WAITING = 200, 50, 20  # of one's output; commands that are told of; that wait


class Command:
    """One command.

    Args:
        number: By which it is asked.
        words: What stands behind `genzoo`.
        run: The run that it makes or changes; "" where it is none.

    Attributes:
        state: Where it stands.
        lines: The last that it said.
    """

    def __init__(self, number: int, words: Sequence[str], run: str = "") -> None:
        self.number, self.words, self.run = number, list(words), run
        self.state: State = "waiting"
        self.lines: collections.deque[str] = collections.deque(maxlen=LINES)
        self.process: subprocess.Popen[str] | None = None
        self.lock = threading.Lock()  # between one that begins and whoever stops it
        self.began = self.ended = 0.0

    @property
    def said(self) -> str:
        """What is typed for it."""
        return shlex.join(["genzoo", *self.words])

    def to_json(self) -> dict[str, Any]:
        """What the page is told."""
        seconds = (self.ended or time.monotonic()) - self.began if self.began else 0.0
        about = {"number": self.number, "run": self.run, "state": self.state, "seconds": round(seconds, 1)}
        about |= {"why": reason(list(self.lines))} if self.state == "failed" else {}
        return about | {"command": self.said, "lines": list(self.lines)}

    def go(self) -> None:
        """Runs it to its end."""
        with self.lock:
            if self.state != "waiting":
                return
            self.state, self.began = "running", time.monotonic()
            process = self._begun()
        with process:
            assert process.stdout is not None
            for line in process.stdout:
                self.lines.append(line.rstrip())
        self.ended = time.monotonic()
        if self.state == "running":
            self.state = "done" if process.returncode == 0 else "failed"

    def stop(self) -> None:
        """Ends it; a training keeps a checkpoint first. What a shell runs in its background may be deaf to SIGINT."""
        with self.lock:
            self.state = "stopped"
            if self.process is not None:
                self.process.terminate()

    def _begun(self) -> subprocess.Popen[str]:
        call = [*PROGRAM, *self.words]
        self.process = subprocess.Popen(
            call, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", start_new_session=True,  # the Ctrl-C of a terminal comes to it through the studio alone
        )  # fmt: skip
        return self.process


class Commands:
    """A line of commands and a thread that runs them.

    Args:
        grace: Seconds for the one that runs to end when the studio does.
    """

    def __init__(self, grace: float) -> None:
        self.grace, self.closed = grace, False
        self.all: list[Command] = []
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._work, name="genzoo-commands", daemon=True)
        self.thread.start()

    def add(self, words: Sequence[str], run: str = "") -> Command:
        """Puts a command into the line.

        Raises:
            Refusal: If too many wait, or one of the run is there already.
        """
        with self.changed:
            open_ = self.under_way()
            if len(open_) > WAITING or self.closed:
                raise Refusal(
                    429, f"{len(open_)} commands wait already. Ask again when one is done.", None, "queue_full", 10
                )
            if run and any(command.run == run for command in open_):
                raise Refusal(409, f"A command of {run} is under way. Wait for it, or stop it.", "run", "under_way")
            command = Command(self.all[-1].number + 1 if self.all else 1, words, run)
            self.all = [*self.all[-KEPT:], command]
            self.changed.notify()
            return command

    def knows(self, run: str) -> bool:
        """Whether a command of a run was begun here, so that its folder may not be there, or not yet."""
        return any(command.run == run for command in self.all)

    def under_way(self) -> list[Command]:
        """Those that wait or run."""
        return [command for command in self.all if command.state in ("waiting", "running")]

    def stop(self, number: int) -> Command:
        """Ends one, whether it runs or waits.

        Raises:
            Refusal: If there is none of the number.
        """
        with self.changed:
            found = next((command for command in self.all if command.number == number), None)
            if found is None:
                raise Refusal(404, f"There is no command {number}.", "number", "command_not_found")
            if found.state in ("waiting", "running"):
                found.stop()
            return found

    def close(self) -> list[str]:
        """Ends all: what runs is given time to keep where it stands, and what waits is told, to be begun by hand."""
        with self.changed:
            self.closed = True
            waiting = [command.said for command in self.all if command.state == "waiting"]
            for command in self.under_way():
                command.stop()
            self.changed.notify()
        self.thread.join(self.grace)
        for command in self.all:
            if command.process is not None and command.process.poll() is None:
                command.process.kill()
        return waiting

    def _work(self) -> None:
        while (command := self._next()) is not None:
            command.go()

    def _next(self) -> Command | None:
        with self.changed:
            while True:
                waiting = next((command for command in self.all if command.state == "waiting"), None)
                if waiting is not None or self.closed:
                    return waiting
                self.changed.wait()
