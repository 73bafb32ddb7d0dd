"""What every request passes before it is read: whose it is, how large, whether the server still takes any.

One plain layer of ASGI around all routes, so that none can be forgotten. It also counts and logs answers, by route and
status: of what was asked and answered nothing is kept.
"""

import asyncio
import hmac
import logging
import re
import time
from collections.abc import Collection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from genzoo.apps.serve.limits import Limits
from genzoo.apps.serve.metrics import Metrics
from genzoo.apps.serve.refusals import Refusal, answered, log_error, refused
from genzoo.apps.serve.waiting import LEAVE

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["LOCAL", "Guard"]

log = logging.getLogger("genzoo.serve")
LOCAL = ("localhost", "127.0.0.1", "::1")
HOST = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<name>[\w.-]+))(?::\d{1,5})?", re.ASCII)
OPEN = ("/health", "/ready")  # asked by those who watch over servers, who have no key
UPLOADS = ("/v1/score", "/v1/images/edits", "/v1/images/generations", "/v1/audio/speech", "/studio/data",
           "/studio/samples", "/studio/command", "/studio/file")  # fmt: skip
ENDING = Refusal(503, "The server is about to end. Ask another.", None, "draining", wait=5)
SECURE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}


class Guard:
    """The way to all routes.

    Args:
        app: What answers.
        key: What a client must say as a bearer, if anything.
        hosts: Names by which the server may be called.
        limits: How large requests may be.
        metrics: Counts answers.
        free: Paths that need no key, beside those asked by who watches over servers.

    Attributes:
        active: How many requests are being answered.
        draining: Whether no more are taken.
        left: How many have been left in the middle, since the server could wait no longer.
    """

    def __init__(
        self, app: "ASGIApp", key: str | None, hosts: Collection[str], limits: Limits, metrics: Metrics,
        free: Collection[str] = (),
    ) -> None:  # fmt: skip
        from starlette.middleware.body_limit import RequestBodyLimitMiddleware

        self.small = RequestBodyLimitMiddleware(app, limits.body)
        self.large = RequestBodyLimitMiddleware(app, limits.upload)
        self.app, self.key, self.hosts, self.limits, self.metrics = app, key, set(hosts), limits, metrics
        self.free = {*OPEN, *free}
        self.paths = {getattr(route, "path", "") for route in getattr(app, "routes", ())}
        self.active, self.draining, self.left = 0, False, 0

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        from starlette.datastructures import MutableHeaders

        began, status = time.monotonic(), 0

        async def told(message: "Message") -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in SECURE.items():
                    headers.setdefault(name, value)  # a page says itself what it may load
            await send(message)

        self.active += 1
        try:
            self._check(scope)
            limited = self.large if scope["path"] in UPLOADS else self.small
            await limited(scope, _in_time(receive, self.limits.seconds), told)
        except asyncio.CancelledError:  # the server waits no longer
            self.left += 1
            if not status:
                await answered(ENDING)(scope, receive, told)
        except Exception as error:
            if not isinstance(error, Refusal):
                log_error(error)
            if not status:  # else the answer breaks off, or its end has been told
                await answered(refused(error))(scope, receive, told)
        finally:
            scope.get(LEAVE, _nothing)()
            self.active -= 1
            plain: str = scope["path"] if scope["path"] in self.paths else "other"  # refused before it came to a route
            route = str(getattr(scope.get("route"), "path", plain))
            seconds = time.monotonic() - began
            self.metrics.answered(route, status, seconds)
            log.info("route=%s status=%d seconds=%.4f", route, status, seconds)

    def _check(self, scope: "Scope") -> None:
        from starlette.datastructures import Headers

        headers, path = Headers(scope=scope), scope["path"]
        if _host(headers.get("host", "")) not in self.hosts:
            raise Refusal(400, "The Host of a request must be this server's. Name it by --allow-host.", None,
                          "unknown_host")  # fmt: skip
        if path in self.free:
            return
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != headers.get("host"):
            raise Refusal(403, "Pages of other sites may not ask this server.", None, "foreign_origin")
        if self.key is not None and not _same(self.key, headers.get("authorization", "")):
            raise Refusal(401, "The key must be the server's. Send it as Authorization: Bearer KEY.", None,
                          "invalid_api_key")  # fmt: skip
        if self.draining:
            raise ENDING
        most, length = self.limits.upload if path in UPLOADS else self.limits.body, headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > most:
            raise Refusal(413, f"A request must have at most {most:,} bytes. Send less.", None, "too_large")


def _host(header: str) -> str | None:
    """The name in the head of a request, without its port; None if it is no name with a port and nothing else."""
    found = HOST.fullmatch(header)
    return (found["six"] or found["name"]).lower() if found else None


def _same(key: str, said: str) -> bool:
    """Whether a client said the key, in a time that does not tell how much of it was right."""
    return hmac.compare_digest(f"Bearer {key}".encode(), said.encode())


def _in_time(receive: "Receive", seconds: float) -> "Receive":
    """What hears a request, whose body must come in some seconds; afterwards it waits for the client to go."""
    is_whole, until = False, asyncio.get_running_loop().time() + seconds

    async def heard() -> "Message":
        nonlocal is_whole
        if is_whole:
            return await receive()
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError:
            raise Refusal(408, f"A body must come within {seconds:g} s. Send it at once.", None, "timeout") from None
        is_whole = not message.get("more_body", False)
        return message

    return heard


def _nothing() -> None:
    """Nobody waits for anything."""
