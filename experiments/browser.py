"""A headless Chromium that is led from Python: the DevTools protocol over a pipe, which needs no package.

browser = Browser("chromium")
page = browser.open("http://127.0.0.1:8800/", width=390, height=844, dark=True)
"""

import base64
import contextlib
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["Browser", "Page"]

QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip
PIECE, SECONDS = 1 << 16, 60.0  # bytes that are read at a time; until something must have happened
PIPED = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
for end, place in zip(ends, (3, 4)):
    os.dup2(end, place)
os.execvp(sys.argv[3], sys.argv[3:])
"""  # the browser hears at 3 and says at 4


class Browser:
    """A browser of its own, with an empty profile; the end of a `with` ends it.

    Args:
        program: Its name.

    Attributes:
        events: What it has told since, in order.
    """

    def __init__(self, program: str = "chromium") -> None:
        self.profile = tempfile.mkdtemp()
        hears, ours = os.pipe()
        theirs, says = os.pipe()
        call = [sys.executable, "-c", PIPED, str(hears), str(says), program, *QUIET, f"--user-data-dir={self.profile}"]
        self.process = subprocess.Popen(call, pass_fds=(hears, says), stderr=subprocess.DEVNULL)
        os.close(hears)
        os.close(says)
        self.out, self.back = ours, theirs
        self.numbers, self.rest, self.events = itertools.count(1), b"", list[dict[str, Any]]()

    def __enter__(self) -> "Browser":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.wait(10)
        shutil.rmtree(self.profile, ignore_errors=True)

    def call(self, method: str, session: str | None = None, **asked: Any) -> Any:
        """The answer to a command of the protocol.

        Raises:
            RuntimeError: If it is an error.
        """
        number = next(self.numbers)
        said = {"id": number, "method": method, "params": asked} | ({"sessionId": session} if session else {})
        os.write(self.out, json.dumps(said).encode() + b"\0")
        while True:
            told = self._next(SECONDS)
            if told is None:
                raise RuntimeError(f"{method} was not answered within {SECONDS:g} s.")
            if told.get("id") == number:
                if "error" in told:
                    raise RuntimeError(f"{method}: {told['error']['message']}")
                return told["result"]
            self.events.append(told)

    def listen(self) -> None:
        """Takes what it has told meanwhile."""
        while (told := self._next(0.0)) is not None:
            self.events.append(told)

    def open(
        self, url: str, *, width: int = 1280, height: int = 900, dark: bool = False, touch: bool = False
    ) -> "Page":
        """A new page."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.call(f"{domain}.enable")
        page.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=touch)
        look = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
                {"name": "prefers-reduced-motion", "value": "reduce"}]  # fmt: skip
        page.call("Emulation.setEmulatedMedia", features=look)
        page.call("Page.navigate", url=url)
        return page

    def _next(self, seconds: float) -> dict[str, Any] | None:
        """What it says next; None if it says nothing for so long."""
        until = time.monotonic() + seconds
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.back], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                return None
            piece = os.read(self.back, PIECE)
            if not piece:
                raise RuntimeError(f"The browser has ended, with {self.process.wait(10)}.")
            self.rest += piece
        message, _, self.rest = self.rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found


class Page:
    """A page of a browser.

    Args:
        browser: The browser.
        session: By which it is asked.
    """

    def __init__(self, browser: Browser, session: str) -> None:
        self.browser, self.session = browser, session

    def call(self, method: str, **asked: Any) -> Any:
        """The answer to a command about this page."""
        return self.browser.call(method, self.session, **asked)

    def run(self, script: str) -> Any:
        """What an expression of JavaScript gives.

        Raises:
            RuntimeError: If it throws.
        """
        found = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(f"{script:.80}: {found['exceptionDetails']['exception'].get('description')}")
        return found["result"].get("value")

    def wait(self, condition: str, seconds: float = SECONDS) -> None:
        """Waits until an expression is true.

        Raises:
            RuntimeError: If it does not become so.
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with contextlib.suppress(RuntimeError):
                if self.run(f"!!({condition})"):
                    return
            time.sleep(0.05)
        raise RuntimeError(
            f"{condition:.120} was not so within {seconds:g} s: {self.run('document.body.innerText'):.500}"
        )

    def go(self, view: str) -> None:
        """Goes to a view of the page, by the part of its address behind #."""
        self.run(f"location.hash = {json.dumps(view)}")
        time.sleep(0.1)

    def click(self, text: str) -> None:
        """Presses the first button with a text."""
        shown = f"(b) => !b.hidden && b.textContent === {json.dumps(text)}"
        self.run(f"[...document.querySelectorAll('button')].find({shown}).click()")

    def write(self, label: str, value: str) -> None:
        """Writes into the first control with a label."""
        self.run(
            f"""(() => {{
              const labels = [...document.querySelectorAll("label")];
              const label = labels.find((each) => each.textContent === {json.dumps(label)});
              const control = document.getElementById(label.htmlFor);
              control.value = {json.dumps(value)};
              control.dispatchEvent(new Event("input", {{ bubbles: true }}));
              control.dispatchEvent(new Event("change", {{ bubbles: true }}));
            }})()"""
        )

    def enter(self, label: str, value: str) -> None:
        """Writes into the first control with a label, and presses Enter there."""
        self.write(label, value)
        self.run(f"document.getElementById([...document.querySelectorAll('label')].find((each) => "
                 f"each.textContent === {json.dumps(label)}).htmlFor).focus()")  # fmt: skip
        self.press("Enter", 13)

    def press(self, key: str, code: int, times: int = 1) -> None:
        """Presses a key, by its name and its number."""
        text = {"text": " "} if key == " " else {"text": "\r"} if key == "Enter" else {}
        for _ in range(times):
            self.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, windowsVirtualKeyCode=code, **text)
            self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=code)

    def drag(self, *places: tuple[float, float]) -> None:
        """Draws with the pointer pressed from place to place."""
        kinds = ["mousePressed", *["mouseMoved"] * (len(places) - 1), "mouseReleased"]
        for kind, (x, y) in zip(kinds, [*places, places[-1]], strict=True):
            self.call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=x,
                y=y,
                button="left",
                buttons=int(kind != "mouseReleased"),
                clickCount=1,
            )

    def shoot(self, path: Path, whole: bool = False) -> None:
        """Keeps a picture of what is seen, or of all of the page."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def complaints(self) -> list[str]:
        """Errors on the console, and requests that failed or went elsewhere than to this machine."""
        self.browser.listen()
        found = []
        for event in self.browser.events:
            match event.get("method"), event.get("params"):
                case "Runtime.exceptionThrown", about:
                    found.append(str(about["exceptionDetails"].get("exception", about["exceptionDetails"])))
                case "Log.entryAdded", {"entry": {"level": "error"} as entry}:
                    found.append(f"{entry['text']} {entry.get('url', '')}")
                case "Network.loadingFailed", about if not about.get("canceled"):
                    found.append(f"a request failed: {about['errorText']}")
                case "Network.requestWillBeSent", {"request": {"url": str() as url}}:
                    if not url.startswith(("http://127.0.0.1:", "data:", "blob:")):
                        found.append(f"a request went to {url}")
        self.browser.events.clear()
        return found
