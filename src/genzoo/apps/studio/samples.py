"""Samples on the page, and in the file that `genzoo sample` would write."""

import asyncio
import io
import shlex
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo._files import read_bytes
from genzoo._words import quoted
from genzoo.apps.cli.beside import told_conditions, write_record
from genzoo.apps.cli.using import drawn_into
from genzoo.apps.serve.calling import Called
from genzoo.apps.serve.drawing import Drawn
from genzoo.apps.serve.served import Served
from genzoo.apps.serve.uploads import sent
from genzoo.apps.serve.waiting import answers
from genzoo.apps.studio.shown import shown
from genzoo.apps.studio.wire import Samples
from genzoo.zoo.receipts import looked_at, signed

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["command", "draw", "offered", "write"]

GUIDANCE = {"guidance", "guide", "guided_from", "guided_to"}  # between what a condition says and what none does


def offered(served: Served) -> list[str]:
    """The options of a run's sampling that a page can ask for: of guidance where the run can be asked with a condition
    and without; no condition to keep away from, which no word says."""
    model = served.model
    leads = bool(model.given_space) and model.takes_null()
    return [name for name in served.options if name != "against" and (leads or name not in GUIDANCE)]


async def draw(request: "Request", served: Served, asked: Samples) -> dict[str, Any]:
    """Rows of a seed, with the command that draws them again."""
    drawn = served.drawn(asked.n, asked.seed, asked.given, asked.options)
    (x,) = await answers(request, served.line, [drawn], served.seconds(asked.timeout))
    found = await asyncio.to_thread(shown, served, x, drawn.given)
    return found | {"seed": drawn.seed, "command": _command(served, asked, drawn)}


async def command(request: "Request", served: Served, asked: Samples) -> dict[str, Any]:
    """The command that draws the same, for rows that come another way."""
    return {"command": _command(served, asked, served.drawn(asked.n, asked.seed, asked.given, asked.options))}


async def write(request: "Request", served: Served, asked: Samples) -> "Response":
    """The same rows as one file with its receipt, as the command line writes it."""
    from starlette.responses import Response

    drawn = served.drawn(asked.n, asked.seed, asked.given, asked.options)
    words = _words(served, asked.given)

    def record(
        words: Mapping[str, str],
    ) -> dict[str, Any]:  # in the command line's order: files are its, byte for byte
        return {"n": drawn.n, "seed": drawn.seed, "given": _told(words), "options": dict(drawn.options)}

    def written() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"sample{served.codec.suffix}"
            places = words | _brought(served, asked.given, Path(folder))
            drawn_into(served.run, record(places), path, path.suffix)
            receipt = signed(served.run, record(words), path)
            if looked_at(path).receipt:
                return read_bytes(path)
            beside = path.with_suffix(".json")
            said = {"run": str(served.run.path)} | receipt
            write_record(beside, said, lambda: told_conditions(served.run, drawn.n, places, drawn.n))
            return _packed(path, beside)

    (content,) = await answers(request, served.line, [Called(drawn.n, written)], served.seconds(asked.timeout))
    kind = "application/zip" if content.startswith(b"PK") else "application/octet-stream"
    return Response(content, media_type=kind)


def _packed(*paths: Path) -> bytes:
    """Files as one archive: one that cannot hold its receipt, and the JSON beside it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in paths:
            archive.write(path, path.name)
    return packed.getvalue()


def _command(served: Served, asked: Samples, drawn: Drawn) -> str:
    words = ["genzoo", "sample", str(served.run.path), "-n", str(drawn.n), "--seed", str(drawn.seed)]
    for word in _told(_words(served, asked.given)):
        words += ["--given", word]
    for name, value in asked.options.items():
        words += ["--set", f"{name}={str(value).lower() if isinstance(value, bool) else value}"]
    return shlex.join(words)


def _words(served: Served, given: Mapping[str, Any]) -> dict[str, str]:
    """A condition as it is told: words, and for a file its name."""
    files = {name: f"{name}{codec.suffix}" for name, (_, codec) in served.files.items() if name in given}
    return served.words({name: value for name, value in given.items() if name not in files}) | files


def _brought(served: Served, given: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """The files of a condition, kept for as long as they are read."""
    places = {name: folder / f"{name}{codec.suffix}" for name, (_, codec) in served.files.items() if name in given}
    for name, place in places.items():
        place.write_bytes(sent(given[name], f"given.{name}"))
    return {name: str(place) for name, place in places.items()}


def _told(words: Mapping[str, str]) -> list[str]:
    return [f"{quoted(name)}={word}" for name, word in words.items()]
