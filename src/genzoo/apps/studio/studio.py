"""The studio: the routes of `genzoo serve` over all runs of a folder, and a page before them."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo._files import read_bytes
from genzoo.apps.serve.limits import Limits
from genzoo.apps.serve.metrics import Metrics
from genzoo.apps.serve.refusals import Refusal
from genzoo.apps.serve.served import Served
from genzoo.apps.serve.server import Server, ending_well
from genzoo.apps.serve.wire import Asked, Impute
from genzoo.apps.studio import asking, board, near, page, samples, scored, trainings, walks
from genzoo.apps.studio.commands import Commands
from genzoo.apps.studio.library import Library
from genzoo.apps.studio.sources import Sources, checked, said
from genzoo.apps.studio.wire import Check, Compared, Forgotten, Near, Resumed, Samples, Scored, Stopped, Trained, Walk
from genzoo.core.abilities import Latent
from genzoo.data.codecs.text import SpellingCodec
from genzoo.data.reading import options_of_reading
from genzoo.data.respell import by_rows
from genzoo.zoo.sampling import SAMPLING
from genzoo.zoo.terminal import say

if TYPE_CHECKING:
    from fastapi import APIRouter, FastAPI
    from starlette.requests import Request

__all__ = ["Studio", "open_studio"]

UPLOADED = 1 << 30  # bytes of all files that are uploaded
OURS = "x-genzoo"  # a head that no page of another site can send unasked


class Studio:
    """What stands behind the page.

    Args:
        home: The folder of the runs.
        device: Where the models are.
        roots: Folders below which data may be named.
        limits: What is taken on.
        key: What browsers must say, if anything.
        hosts: Names by which it may be called beside the local ones.

    Attributes:
        library: The runs.
        sources: The data.
        commands: What was begun on the page.
        server: Answers.
    """

    def __init__(
        self, home: Path, device: str = "auto", *, roots: Sequence[Path] = (), limits: Limits | None = None,
        key: str | None = None, hosts: Sequence[str] = (),
    ) -> None:  # fmt: skip
        limits, metrics = limits or Limits(rows=256, seconds=600), Metrics()
        self.library, self.sources = Library(home, device, limits, metrics), Sources(home, roots, UPLOADED)
        self.commands = Commands(limits.grace)
        self.server = Server(self.library, metrics, limits, key, hosts, more=self._add)

    def run(self, sock: socket.socket) -> None:
        """Answers until told to end; a training that runs then keeps where it stands.

        Args:
            sock: Where browsers come in.
        """
        try:
            self.server.run(sock)
        finally:
            for command in self.commands.close():
                say(f"was waiting, and is not begun: {command}", err=True)

    def _add(self, app: "FastAPI") -> Collection[str]:
        from fastapi import APIRouter, Depends, Request

        def from_the_page(request: Request) -> None:
            if request.method != "GET" and OURS not in request.headers:
                fix = "Send it: pages of other sites cannot."
                raise Refusal(
                    403, f"What changes something must be asked with the head {OURS}: 1. {fix}", None, "no_head"
                )

        free = page.show(app)
        router = APIRouter(prefix="/studio", dependencies=[Depends(from_the_page)])
        for routes in (self._runs, self._samples, self._data, self._trainings, self._commands):
            routes(router)
        app.include_router(router)
        return free

    def _runs(self, router: "APIRouter") -> None:
        from starlette.responses import Response

        @router.get("/runs")
        def runs() -> dict[str, Any]:
            """All runs, newest first."""
            return {"home": str(self.library.home), "runs": self.library.rows()}

        @router.get("/run")
        def run(name: str) -> dict[str, Any]:
            """What a run can be asked, and what its options mean; of one that is not trained yet, nothing."""
            begins = name not in self.library.folders() and self.commands.knows(name)
            if begins or not self.library.is_trained(name):
                return {"id": name, "genzoo": {"routes": []}}
            served = self.library.find(name)
            options = {option: SAMPLING.get(option, "") for option in samples.offered(served)}
            codec, space, latent = served.codec, served.model.space, served.model.ability(Latent)
            about = {"options": options, "shape": list(space.shape), "layers": 0 if latent is None else latent.layers}
            about |= {"lines": isinstance(codec, SpellingCodec) and by_rows(space, codec)}
            return served.about() | about | asking.questions_of(codec, space)

        @router.get("/watch")
        def watch(name: str) -> dict[str, Any]:
            """The curves of a run, which may not have begun yet."""
            begins = name not in self.library.folders() and self.commands.knows(name)
            return trainings.watched(self.library.home / name if begins else self.library.folder(name))

        @router.get("/drawn")
        def drawn(name: str, file: str) -> Response:
            """A file of samples that a training drew on the way."""
            path = self.library.folder(name)
            if file not in trainings.drawn_on_the_way(path):
                raise Refusal(404, f"{name} has drawn no {file!r:.80}.", "file", "file_not_found")
            kind = "image/png" if file.endswith(".png") else "text/plain; charset=utf-8"
            return Response(read_bytes(path / "samples" / file), media_type=kind)

    def _samples(self, router: "APIRouter") -> None:
        async def score(request: "Request", served: Served, asked: Scored) -> Any:
            source = None if asked.data is None else self.sources.word(asked.data)
            try:
                return await scored.score(request, served, source, asked)
            finally:
                if asked.once and source is not None:
                    self.sources.forget(source)

        self._answer(router, "/samples", Samples, samples.draw)
        self._answer(router, "/command", Samples, samples.command)
        self._answer(router, "/file", Samples, samples.write)
        self._answer(router, "/near", Near, near.near)
        self._answer(router, "/walk", Walk, walks.walk)
        self._answer(router, "/fill", Impute, asking.fill)
        self._answer(router, "/score", Scored, score)

    def _answer(
        self, router: "APIRouter", path: str, form: type[Asked], answer: Callable[..., Awaitable[Any]]
    ) -> None:
        """Adds a route that asks a run."""
        from fastapi import Request

        async def answered(request: Request, asked: Any) -> Any:
            return await answer(request, await asyncio.to_thread(self.library.find, asked.model), asked)

        answered.__annotations__["asked"] = form  # by which a body is read
        answered.__doc__ = answer.__doc__
        router.post(path)(answered)

    def _data(self, router: "APIRouter") -> None:
        from fastapi import Request

        @router.get("/data")
        def data() -> dict[str, Any]:
            """Data that can be named."""
            return self.sources.listed() | {"read": options_of_reading()}

        @router.post("/data")
        async def upload(request: Request, name: str) -> dict[str, str]:
            """Keeps a file."""
            return {"data": await asyncio.to_thread(self.sources.keep, name, await request.body())}

        @router.post("/forget")
        def forget(asked: Forgotten) -> dict[str, Any]:
            """Removes a file that was uploaded; runs that were trained on it keep what they have learned."""
            return {"removed": self.sources.forget(asked.data)}

        @router.post("/check")
        def check(asked: Check) -> dict[str, Any]:
            """What is understood of data."""
            return checked([self.sources.word(asked.data), *said(asked.given, asked.x, asked.read)])

    def _trainings(self, router: "APIRouter") -> None:
        @router.get("/recipes")
        def recipes() -> dict[str, Any]:
            """All recipes."""
            return {"recipes": trainings.told()}

        @router.get("/recipe")
        def recipe(name: str) -> dict[str, Any]:
            """The form of one."""
            return trainings.form(name)

        @router.post("/train")
        def train(asked: Trained) -> dict[str, Any]:
            """Begins a training, or puts it into the line."""
            return trainings.begin(self.library, self.sources, self.commands, asked).to_json()

        @router.post("/resume")
        def resume(asked: Resumed) -> dict[str, Any]:
            """Goes on with one."""
            return trainings.go_on(self.library, self.commands, asked).to_json()

    def _commands(self, router: "APIRouter") -> None:
        @router.get("/commands")
        def commands() -> dict[str, Any]:
            """What waits, runs and has ended."""
            return {"commands": [command.to_json() for command in reversed(self.commands.all)]}

        @router.get("/boards")
        def boards() -> dict[str, Any]:
            """All comparisons."""
            return {"boards": board.boards(self.library.home)}

        @router.post("/compare")
        def compare(asked: Compared) -> dict[str, Any]:
            """Measures runs by one protocol."""
            return board.compare(self.library, self.commands, asked).to_json()

        @router.post("/stop")
        def stop(asked: Stopped) -> dict[str, Any]:
            """Ends one."""
            return self.commands.stop(asked.number).to_json()


def open_studio(
    home: Path, sock: socket.socket, *, device: str = "auto", roots: Sequence[Path] = (), key: str | None = None,
    hosts: Sequence[str] = (),
) -> None:  # fmt: skip
    """Shows a folder of runs until told to end by a signal.

    Args:
        home: The folder.
        sock: Where browsers come in, from `genzoo.apps.serve.listening`.
        device: Where the models are.
        roots: Folders below which data may be named.
        key: What browsers must say.
        hosts: Names by which it may be called beside the local ones.
    """
    with ending_well():
        Studio(home, device, roots=roots, key=key, hosts=hosts).run(sock)
