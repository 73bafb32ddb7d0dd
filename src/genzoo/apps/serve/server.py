"""The server: from runs to answers on a port, and to an end at which nothing is lost."""

import contextlib
import gc
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

from genzoo.apps.serve.app import routes
from genzoo.apps.serve.guard import LOCAL, Guard
from genzoo.apps.serve.heads import LONGEST, reader
from genzoo.apps.serve.limits import Limits
from genzoo.apps.serve.metrics import Metrics
from genzoo.apps.serve.served import Shelf, shelved
from genzoo.zoo.mistakes import Mistake

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["Server", "ending_well", "listening", "serve"]

log = logging.getLogger("genzoo.serve")


class Server:
    """A server that ends once what is being answered has been: asked to end it takes no more, asked twice it ends at
    once.

    Args:
        shelf: The runs.
        metrics: What is counted.
        limits: What is taken on.
        key: What clients must say.
        hosts: Names by which it may be called.
        more: Adds routes to those over the runs, and tells which of them need no key.
    """

    def __init__(
        self, shelf: Shelf, metrics: Metrics, limits: Limits, key: str | None = None, hosts: Sequence[str] = (),
        more: "Callable[[FastAPI], Collection[str]] | None" = None,
    ) -> None:  # fmt: skip
        import uvicorn

        app = routes(shelf, metrics)
        free = () if more is None else more(app)
        self.shelf, self.limits = shelf, limits
        self.guard = app.state.guard = Guard(app, key, {*LOCAL, *hosts}, limits, metrics, free)
        self.http = uvicorn.Server(
            uvicorn.Config(
                self.guard, log_config=None, access_log=False, lifespan="off", server_header=False,
                proxy_headers=False, timeout_graceful_shutdown=1, http=reader(limits.seconds),
                h11_max_incomplete_event_size=LONGEST,
            )
        )  # fmt: skip
        vars(self.http)["handle_exit"] = self._heard  # in the place of its own way to end

    @property
    def started(self) -> bool:
        """Whether clients can come in."""
        return self.http.started

    def run(self, sock: socket.socket) -> int:
        """Answers until told to end; tells how many requests were left without what they asked for.

        Args:
            sock: Where clients come in.
        """
        self.http.run(sockets=[sock])
        self.shelf.close()
        return self.guard.left

    def _heard(self, sig: int, frame: FrameType | None) -> None:
        """Ends at a signal."""
        if self.guard.draining:
            self.http.force_exit = self.http.should_exit = True
            return
        self.drain()

    def drain(self) -> None:
        """Takes no more requests, and ends when those that are being answered have been, or after the grace."""
        self.guard.draining = True
        log.info("draining active=%d", self.guard.active)
        threading.Thread(target=self._end_when_done, daemon=True).start()

    def _end_when_done(self) -> None:
        until = time.monotonic() + self.limits.grace
        while self.guard.active and time.monotonic() < until:
            time.sleep(0.02)
        self.http.should_exit = True


def serve(
    runs: Sequence[str], sock: socket.socket, *, key: str | None = None, hosts: Sequence[str] = (),
    device: str = "auto", limits: Limits | None = None, loaded: Callable[[], object] = bool,
) -> int:  # fmt: skip
    """Serves runs until told to end by a signal; tells how many requests were left without what they asked for.

    Args:
        runs: Their folders, or NAME=FOLDER.
        sock: Where clients come in, from `listening`.
        key: What clients must say.
        hosts: Names by which the server may be called beside the local ones.
        device: Where the models are.
        limits: What is taken on.
        loaded: Is called when all runs are there.

    Raises:
        Mistake: If a folder is no run.
    """
    limits, metrics = limits or Limits(), Metrics()
    server = Server(shelved(runs, device, limits, metrics), metrics, limits, key, hosts)
    loaded()
    with ending_well(), kept():
        return server.run(sock)


def listening(host: str, port: int, key: str | None) -> socket.socket:
    """A socket on which clients can come in.

    Args:
        host: The address.
        port: The port; 0 takes a free one.
        key: What clients must say.

    Raises:
        Mistake: If the address is not this machine's own and there is no key, or it is taken.
    """
    if host not in LOCAL and not key:
        raise Mistake(f"A server that others reach must have a key, got none for {host}.",
                      "Set GENZOO_API_KEY, or leave --host out.")  # fmt: skip
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise Mistake(f"{host}:{port} cannot be used: {error.strerror or error}.", "Choose another --port.") from None
    return sock


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """What is there by now stays, and no collection of garbage looks through it again: a fifth of a small answer."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextlib.contextmanager
def ending_well() -> Iterator[None]:
    """The signals that end a server, which uvicorn raises again when it has ended, end it well."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {sig: signal.signal(sig, _nothing) for sig in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for sig, handler in before.items():
            signal.signal(sig, handler)


def _nothing(sig: int, frame: Any) -> None:
    """A signal that has been heard."""
