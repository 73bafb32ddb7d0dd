"""Between requests, which are many and wait, and lines, which have a thread each."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from genzoo.apps.serve.line import Job, Line
from genzoo.apps.serve.refusals import Refusal, refused

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["LEAVE", "Waiting", "answers", "event", "streamed", "while_there"]

T = TypeVar("T")

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
        for job in self.jobs:
            job.over = True

    async def next(self) -> list[tuple[int, Any]]:
        """All that was told since, and which job it was told; what went wrong is raised."""
        found = [await self.news.get()]
        while not self.news.empty():
            found.append(self.news.get_nowait())
        for _, news in found:
            if isinstance(news, Exception):
                raise refused(news) from news
        return found


async def answers(request: "Request", line: Line, asked: Sequence[Any], seconds: float) -> list[Any]:
    """What comes of some jobs, in order; if the client goes away meanwhile, they end.

    Raises:
        Refusal: If the line is full, or one cannot be answered.
    """
    waiting = Waiting(request, line, asked, seconds)

    async def all_told() -> list[Any]:
        found: dict[int, Any] = {}
        while len(found) < len(asked):
            found.update(await waiting.next())
        return [found[i] for i in range(len(asked))]

    return await while_there(request, all_told())


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


def streamed(events: AsyncIterator[str]) -> "Response":
    """Events that are sent one by one."""
    from starlette.responses import StreamingResponse

    return StreamingResponse(_sent(events), media_type="text/event-stream")


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


async def while_there(request: "Request", work: Awaitable[T]) -> T:
    """What some work gives, unless the client goes away before.

    Raises:
        Refusal: If it does; nobody reads it.
    """
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Refusal(499, "The client went away.", None, "client_closed_request")
        return task.result()
    finally:
        for each in (task, gone):
            each.cancel()


async def _gone(request: "Request") -> None:
    """Returns when the client has gone away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
