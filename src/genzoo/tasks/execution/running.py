"""Running programs that nobody has read: off unless it is asked for, and closed in as far as the kernel allows.

A program gets a fresh interpreter (`python -I -S`) in a session and an empty folder of its own, with an empty
environment and limits on time, memory, files, processes and what it says. Where ordinary users may have namespaces it
has new ones for users, processes, the network, mounts, IPC and the host's name: it reaches no network, sees of files
only Python's own, and nothing that it begins outlives it. `Outcome.containment` says which it was.

**Who judges.** The program is told the arguments of calls and tells what they give, as plain data; what is expected
stays here and is compared here. So `os._exit(0)`, a patched `__eq__` or a line that looks like a verdict is no pass.
How a program ended is told by its guard, another process, with a number that the program never sees.

This is no wall against whoever has a hole in the kernel: run what a stranger wrote on a machine that may be lost.

References:
    Chen et al., 2021, "Evaluating large language models trained on code", arXiv:2107.03374 (section 2.3)
"""

import contextlib
import dataclasses
import functools
import inspect
import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from genzoo.tasks.execution import guard, runner

__all__ = ["NAMESPACES", "Limits", "NotAllowed", "Outcome", "execute", "same"]

NAMESPACES = "namespaces"  # the containment in which neither the network nor others' files can be reached
GRACE = 3.0  # seconds beyond the wall time, in which the guard ends what is left
PIECE = 1 << 16  # bytes read at a time


class NotAllowed(PermissionError):
    """Programs were to run, and nobody has allowed it."""


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a program may take.

    Attributes:
        cpu: Seconds of processor time of each of its processes.
        wall: Seconds from its beginning to the end of all its processes.
        memory: Bytes of memory of each.
        file: Bytes of a file.
        folder: Bytes of all its files, where it has a file system of its own.
        files: How many may be open.
        processes: How many there may be, threads counted; root is bound too, where there are namespaces.
        output: Bytes that it may print.
        results: Bytes of what calls may give, as text.
    """

    cpu: int = 2
    wall: float = 4.0
    memory: int = 512 << 20
    file: int = 1 << 20
    folder: int = 4 << 20
    files: int = 32
    processes: int = 16
    output: int = 64 << 10
    results: int = 1 << 20

    @property
    def named(self) -> dict[str, tuple[int, int]]:
        """The limits that the kernel keeps, soft and hard."""
        return {
            "RLIMIT_CPU": (self.cpu, self.cpu + 1),
            "RLIMIT_AS": (self.memory, self.memory),
            "RLIMIT_FSIZE": (self.file, self.file),
            "RLIMIT_NOFILE": (self.files, self.files),
            "RLIMIT_NPROC": (self.processes, self.processes),
            "RLIMIT_CORE": (0, 0),
        }


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a program.

    Attributes:
        how: "finished", "failed" (before any call), "killed" (by a signal, as for memory or time of the processor),
            "exited" (before it had told results), "wall" (its time was over), "output" (it said too much), or "lost"
            (its guard told nothing).
        results: What each call gives: a mapping of "value" to the value, or of "error" to words.
        said: What it printed, as far as that was allowed.
        detail: Why it failed, in words.
        containment: "namespaces", or "process group", where files and the network are those of the user.
        left: How many processes it had left behind, which were ended.
        seconds: How long it took, from asking to the last word.
    """

    how: str
    results: tuple[Mapping[str, Any], ...] = ()
    said: str = ""
    detail: str = ""
    containment: str = ""
    left: int = 0
    seconds: float = 0.0

    def gives(self, expected: Sequence[Any]) -> bool:
        """Whether every call gave what was expected.

        Args:
            expected: A value for each call.

        Example:
            >>> Outcome("finished", ({"value": 3},)).gives([3]), Outcome("exited").gives([])
            (True, False)
        """
        if self.how != "finished" or len(self.results) != len(expected):
            return False
        told = zip(self.results, expected, strict=True)
        return all("value" in found and same(found["value"], value) for found, value in told)


def same(first: Any, second: Any) -> bool:
    """Whether two values of plain data are equal, in type as well: True is not 1, and a list no tuple.

    Args:
        first: One.
        second: The other.

    Example:
        >>> same([1, {"a": 2}], [1, {"a": 2}]), same(True, 1), same((1,), [1])
        (True, False, False)
    """
    if type(first) is not type(second):
        return False
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(value, second[key]) for key, value in first.items())
    return bool(first == second)


def execute(
    program: str,
    entry: str,
    calls: Sequence[Sequence[Any]],
    *,
    allow_running_code: bool = False,
    limits: Limits | None = None,
    namespaces: bool = True,
) -> Outcome:
    """Runs a program in a fresh interpreter, and calls one of its functions.

    Args:
        program: Its text.
        entry: The name of the function.
        calls: The arguments of each call, as plain data.
        allow_running_code: Whether programs may run at all.
        limits: What it may take; by default as `Limits` has it.
        namespaces: Whether it is closed into namespaces, where the kernel allows that.

    Raises:
        NotAllowed: If programs may not run.

    Example:
        >>> found = execute("def f(x): return x + 1", "f", [(1,), (41,)], allow_running_code=True)
        >>> found.gives([2, 42]), execute("import os; os._exit(0)", "f", [(1,)], allow_running_code=True).how
        (True, 'exited')

    Reference:
        Chen et al., 2021, arXiv:2107.03374
    """
    if not allow_running_code:
        raise NotAllowed(
            "Running programs that a model wrote must be allowed, got no leave: each would run on this machine, in an "
            "interpreter of its own. Pass allow_running_code=True, on the command line --allow-running-code."
        )
    limits, began = limits or Limits(), time.monotonic()
    nonce = uuid.uuid4().hex
    payload = {"program": program, "entry": entry, "calls": [runner.encoded(list(each)) for each in calls]}
    with tempfile.TemporaryDirectory(prefix="genzoo-", ignore_cleanup_errors=True) as folder:
        asked = _asked(limits, folder) | {"nonce": nonce, "payload": payload, "namespaces": namespaces}
        told = _guarded(asked, limits)
    return _outcome(told, nonce, limits, time.monotonic() - began)


@functools.cache
def _source(name: str) -> str:
    return inspect.getsource({"guard": guard, "runner": runner}[name])


def _asked(limits: Limits, folder: str) -> dict[str, Any]:
    """What the guard is told of the machine and of limits."""
    python = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    paths = list(dict.fromkeys((sys.base_prefix, sys.base_exec_prefix, os.path.dirname(python))))
    return {
        "python": python, "paths": paths, "runner": _source("runner"), "work": folder, "wall": limits.wall,
        "limits": limits.named, "folder": limits.folder,
    }  # fmt: skip


def _guarded(asked: dict[str, Any], limits: Limits) -> dict[str, bytes | None]:
    """What was written to each pipe; None of one to which too much was."""
    most = {"results": limits.results, "said": limits.output, "report": PIECE}
    with _pipes(most) as (reading, writing):
        process = subprocess.Popen(
            [asked["python"], "-I", "-S", "-c", _source("guard")],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={}, cwd="/",
            pass_fds=tuple(writing.values()), start_new_session=True,
        )  # fmt: skip
        try:
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError), process.stdin as words:
                words.write(json.dumps(asked | writing).encode())
            for descriptor in writing.values():
                os.close(descriptor)
            return _read(process, reading, most, time.monotonic() + limits.wall + GRACE)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            process.wait()


@contextlib.contextmanager
def _pipes(names: Mapping[str, int]) -> Iterator[tuple[dict[str, int], dict[str, int]]]:
    """A pipe for each name: where it is read, and where it is written."""
    made = {name: os.pipe() for name in names}
    reading = {name: pipe[0] for name, pipe in made.items()}
    try:
        yield reading, {name: pipe[1] for name, pipe in made.items()}
    finally:
        for descriptor in reading.values():
            os.close(descriptor)


def _read(
    process: "subprocess.Popen[bytes]", reading: Mapping[str, int], most: Mapping[str, int], deadline: float
) -> dict[str, bytes | None]:
    """What is written until all have ended, or the time is over; who writes too much is stopped."""
    told: dict[str, bytes | None] = dict.fromkeys(reading, b"")
    with selectors.DefaultSelector() as waiting:
        for name, descriptor in reading.items():
            waiting.register(descriptor, selectors.EVENT_READ, name)
        while waiting.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _ in waiting.select(left):
                piece, so_far = os.read(key.fd, PIECE), told[key.data]
                if not piece:
                    waiting.unregister(key.fd)
                elif so_far is not None:
                    whole = so_far + piece
                    told[key.data] = whole if len(whole) <= most[key.data] else None
                    if told[key.data] is None:
                        process.terminate()  # the guard ends all, and reports
    return told


def _outcome(told: Mapping[str, bytes | None], nonce: str, limits: Limits, seconds: float) -> Outcome:
    report = _from_json((told["report"] or b"").partition(b"\n")[0])  # who was stopped when it had ended says so twice
    said = (told["said"] or b"").decode(errors="replace")
    if not isinstance(report, dict) or report.get("nonce") != nonce:
        return Outcome("lost", said=said, seconds=seconds, detail="The guard told nothing.")
    about: dict[str, Any] = {"said": said, "containment": report["containment"], "left": report["left"]}
    about["seconds"] = seconds
    if told["said"] is None or told["results"] is None:
        return Outcome("output", **about, detail=f"It may say {limits.output:,} bytes.")
    if report["how"] != "ended":
        return Outcome("wall", **about, detail=f"It may take {limits.wall:g} s.")
    if os.WIFSIGNALED(report["status"]):
        return Outcome("killed", **about, detail=f"Signal {os.WTERMSIG(report['status'])}.")
    found = _from_json(told["results"])
    if isinstance(found, dict) and isinstance(found.get("failed"), str):
        return Outcome("failed", **about, detail=found["failed"])
    results = _results(found)
    if results is None:
        return Outcome("exited", **about, detail="It ended before it told what its calls give.")
    return Outcome("finished", results, **about)


def _from_json(text: bytes | None) -> Any:
    try:
        return json.loads(text or b"null")
    except (ValueError, RecursionError):  # half a line, or what a program wrote itself
        return None


def _results(found: Any) -> tuple[Mapping[str, Any], ...] | None:
    """What calls gave; None where that is not what was written."""
    if not isinstance(found, dict) or not isinstance(found.get("results"), list):
        return None
    try:
        return tuple(
            {"value": runner.decoded(each["value"])} if "value" in each else {"error": str(each["error"])}
            for each in found["results"]
        )
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
