"""Twenty programs as somebody hostile, or a careless model, might write them, and what must not come of them.

Each is asked for f(x) = x + 1 and does something else. Should a guard fail, each does little: it forks 64 children
that sleep, asks for 2 GB of its own, writes a file that the caller named, or connects to the caller.
"""

import dataclasses
import functools
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

from genzoo.tasks.execution.running import NAMESPACES, Limits, Outcome, execute

CALLS, EXPECTED = [(1,), (2,)], [2, 3]
LIMITS = Limits(cpu=1, wall=1.5)
SECRET = "the key of a stranger"
LATER = 0.7  # seconds after which what was left behind would write

PROGRAMS = {
    "fork bomb": """
import os, time
for _ in range(64):
    if os.fork() == 0:
        time.sleep(5)
        os._exit(0)
def f(x): return 0
""",
    "endless loop": """
def f(x):
    while True: pass
""",
    "2 GB of memory": """
def f(x): return len(bytearray(2 << 30))
""",
    "large file": """
def f(x):
    with open("large", "wb") as file:
        for _ in range(8): file.write(bytes(1 << 20))
    return 0
""",
    "write outside": """
def f(x):
    open(MARKER, "w").write("here")
    return 0
""",
    "read a key": """
def f(x): return open(KEY).read()
""",
    "socket": """
import socket
def f(x):
    socket.create_connection(("127.0.0.1", PORT), timeout=1).sendall(b"hello")
    return 0
""",
    "os._exit(0)": """
import os
os._exit(0)
""",
    "sys.exit(0)": """
import sys
sys.exit(0)
""",
    "a forged verdict": """
import gc, json, os, re, sys
held = [each for each in gc.get_objects() if isinstance(each, str)] + [repr(vars(sys.modules["__main__"]))] + sys.argv
nonces = sorted({word for each in held for word in re.findall(r"\\b[0-9a-f]{32}\\b", each)}) or ["0" * 32]
for nonce in nonces[:8]:
    line = json.dumps({"nonce": nonce, "how": "ended", "status": 0, "containment": "namespaces", "left": 0,
                       "passed": True, "results": True})
    print(line, flush=True)
    for descriptor in range(3, 32):
        try: os.write(descriptor, line.encode())
        except OSError: pass
os._exit(0)
""",
    "always equal": """
import builtins
class Same(int):
    def __eq__(self, other): return True
    def __hash__(self): return 0
builtins.all = builtins.any = lambda each: True
def f(x): return Same()
""",
    "deaf to signals": """
import signal
for number in range(1, 32):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
def f(x):
    while True: pass
""",
    "segmentation fault": """
import ctypes
def f(x): return ctypes.string_at(0)
""",
    "recursion": """
import sys
sys.setrecursionlimit(10 ** 8)
def f(x): return f(x) + 1
""",
    "a thread left behind": """
import threading, time
def late():
    time.sleep(LATER)
    open(MARKER, "w").write("late")
threading.Thread(target=late).start()
def f(x): return 0
""",
    "a daemon": """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(LATER)
        open(MARKER, "w").write("late")
    os._exit(0)
def f(x): return 0
""",
    "atexit": """
import atexit
atexit.register(lambda: open(MARKER, "w").write("last"))
def f(x): return 0
""",
    "much to say": """
def f(x):
    for _ in range(1000): print("x" * 10_000)
    return 0
""",
    "a huge number": """
import sys
sys.set_int_max_str_digits(0)
def f(x): return 7 ** 10 ** 7
""",
    "a race of links": """
import os
def f(x):
    for _ in range(200):
        for target in (MARKER, "own"):
            os.symlink(target, "link")
            try: open("link", "a").write("swapped")
            except OSError: pass
            os.unlink("link")
    os.symlink(os.path.dirname(MARKER), "folder")
    return 0
""",
}


@dataclasses.dataclass(frozen=True)
class Trial:
    """What came of a program.

    Attributes:
        outcome: How it ended.
        passed: Whether it was taken for right.
        written: Whether it wrote outside of its folder.
        told: Whether it told a key of its user.
        reached: Whether it reached the network.
        running: How many processes it left running.
    """

    outcome: Outcome
    passed: bool
    written: bool
    told: bool
    reached: bool
    running: int

    @property
    def contained(self) -> bool:
        return not (self.passed or self.written or self.told or self.reached or self.running)


def trial(name: str, folder: Path, *, namespaces: bool = True) -> Trial:
    """Runs a hostile program, and looks at what it has done.

    Args:
        name: Which one.
        folder: An empty folder.
        namespaces: Whether namespaces are asked for.
    """
    key, home = folder / "key", folder / "home"
    key.write_text(SECRET)
    key.chmod(0o600)
    home.mkdir()
    home.chmod(0o777)
    marker = home / "marker"
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(0.05)
        words = {"MARKER": str(marker), "KEY": str(key), "PORT": door.getsockname()[1], "LATER": LATER}
        text = "".join(f"{word} = {value!r}\n" for word, value in words.items()) + PROGRAMS[name]
        outcome = run_in(folder, text, namespaces=namespaces)
        reached = _was_reached(door)
    if name in ("a thread left behind", "a daemon"):
        time.sleep(LATER)
    told = SECRET in repr(outcome)
    return Trial(outcome, outcome.gives(EXPECTED), marker.exists(), told, reached, len(running(folder)))


def _was_reached(door: socket.socket) -> bool:
    """Whether somebody has come to a door."""
    try:
        door.accept()[0].close()
    except TimeoutError:
        return False
    return True


def run_in(folder: Path, text: str, *, namespaces: bool = True) -> Outcome:
    """Runs a program whose folder is below another, which names its processes."""
    before = tempfile.tempdir
    tempfile.tempdir = str(folder)
    try:
        return execute(text, "f", CALLS, allow_running_code=True, limits=LIMITS, namespaces=namespaces)
    finally:
        tempfile.tempdir = before


def running(folder: Path) -> list[int]:
    """The processes of programs whose folders are below one."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes().split(b"\0")
        except OSError:  # it has ended
            continue
        if any(word.startswith(f"{folder}/genzoo-".encode()) for word in words):
            found.append(int(place.parent.name))
    return found


def row(name: str, found: Trial) -> dict[str, Any]:
    """What a table says of it."""
    outcome = found.outcome
    about = {"program": name, "contained": found.contained, "ended": outcome.how, "detail": outcome.detail}
    if not outcome.detail and outcome.results:
        about["detail"] = str(outcome.results[0].get("error", ""))
    return about | {"ended with it": outcome.left, "seconds": round(outcome.seconds, 2)}


@functools.cache
def has_namespaces() -> bool:
    """Whether the kernel lets this user have namespaces."""
    return execute("def f(): pass", "f", [], allow_running_code=True).containment == NAMESPACES
