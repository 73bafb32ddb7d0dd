"""Between requests, which are many and wait, and lines, which have a thread each."""

import asyncio
import contextlib
import functools
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any

from genzoo.apps.serve.line import Job, Line
from genzoo.apps.serve.refusals import Refusal, log_error, refused

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

__all__ = ["LEAVE", "Waiting", "answers", "event", "streamed"]

LEAVE = "genzoo.leave"  # where a request keeps what is to be called when it is over, however it ends
KEPT_ALIVE = 15.0  # seconds without news, after which a stream says that it goes on


class Waiting:
    """Jobs of one request, and what they have been told; whoever answers the request ends them when it is over.

    Args:
        request: The request.
        line: Where they wait.
        asked: What each asks for.
        seconds: Until they must be answered.

    Raises:
        Refusal: If the line is full.
    """

    def __init__(self, request: "Request", line: Line, asked: Sequence[Any], seconds: float) -> None:
        request.scope[LEAVE] = self.leave
        loop = asyncio.get_running_loop()
        self.gone = asyncio.ensure_future(_gone(request))
        self.gone.add_done_callback(self._went)
        self.news: asyncio.Queue[tuple[int, Any]] = asyncio.Queue()

        def teller(i: int) -> Callable[[Any], None]:
            def tell(news: Any) -> None:
                with contextlib.suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(self.news.put_nowait, (i, news))

            return tell

        is_own = seconds < line.limits.seconds
        self.jobs = [Job(each.key, each.n, each, teller(i), seconds, is_own) for i, each in enumerate(asked)]
        for job in self.jobs:
            line.join(job)

    def leave(self) -> None:
        """Nobody waits any more: work on it ends within a step."""
        self.gone.cancel()
        for job in self.jobs:
            job.over = True

    def _went(self, gone: "asyncio.Future[None]") -> None:
        if not gone.cancelled():
            self.news.put_nowait((0, Refusal(499, "The client went away.", None, "client_closed_request")))

    async def next(self) -> list[tuple[int, Any]]:
        """All that was told since, and which job it was told; what went wrong is raised, and that the client went."""
        found = [await self.news.get()]
        while not self.news.empty():
            found.append(self.news.get_nowait())
        for _, news in found:
            if isinstance(news, Exception):
                refusal = refused(news)
                if refusal is not news and refusal.status == 500:
                    log_error(news)
                raise refusal from news
        return found


async def answers(request: "Request", line: Line, asked: Sequence[Any], seconds: float) -> list[Any]:
    """What comes of some jobs, in order.

    Raises:
        Refusal: If the line is full, one cannot be answered, or the client goes away.
    """
    waiting, found = Waiting(request, line, asked, seconds), dict[int, Any]()
    while len(found) < len(asked):
        found.update(await waiting.next())
    return [found[i] for i in range(len(asked))]


def event(data: dict[str, Any], kind: str | None = None) -> str:
    """One event, as clients read it.

    Args:
        data: What it brings.
        kind: What it is.

    Example:
        >>> event({"a": 1}, "b")
        'event: b\\ndata: {"a": 1}\\n\\n'
    """
    return (f"event: {kind}\n" if kind else "") + f"data: {json.dumps(data, ensure_ascii=False)}\n\n"


def streamed(events: AsyncIterator[str], begun: str = "") -> "Response":
    """Events that are sent one by one, as soon as there are some; they end themselves if the client goes away.

    Args:
        events: The events.
        begun: Those that are there already.
    """
    return _kind_of_events()(events, begun)


@functools.cache
def _kind_of_events() -> Any:
    """An answer that is sent in parts; written once, when what answers HTTP is there."""
    from starlette.responses import Response

    class Events(Response):
        media_type = "text/event-stream"

        def __init__(self, events: AsyncIterator[str], begun: str) -> None:
            super().__init__()
            self.events, self.begun = events, begun.encode()
            del self.headers["content-length"]

        async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
            if scope["http_version"] == "1.0":  # which knows no parts
                whole = self.begun + b"".join([part async for part in _sent(self.events)])
                await Response(whole, media_type=self.media_type)(scope, receive, send)
                return
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if self.begun:
                await send({"type": "http.response.body", "body": self.begun, "more_body": True})
            async for part in _sent(self.events):
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return Events


async def _sent(events: AsyncIterator[str]) -> AsyncIterator[bytes]:
    """Events as they are sent; while nothing comes, a remark that somebody is still there."""
    following = aiter(events)
    task: asyncio.Future[str] | None = None
    try:
        while True:
            task = task or asyncio.ensure_future(anext(following))
            done, _ = await asyncio.wait((task,), timeout=KEPT_ALIVE)
            if not done:
                yield b": still here\n\n"
                continue
            told, task = task.result(), None
            yield told.encode()
    except StopAsyncIteration:
        return
    except Refusal as refusal:
        yield event(refusal.body(), "error").encode()
    finally:
        if task is not None:
            task.cancel()


async def _gone(request: "Request") -> None:
    """Returns when the client has gone away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
