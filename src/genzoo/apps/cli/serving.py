"""Serving runs over HTTP."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from genzoo._files import read_bytes
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.store import named_run, read_config
from genzoo.zoo.terminal import say

__all__ = ["COMMANDS"]

KEY = "GENZOO_API_KEY"


def serve(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Folders of runs, or NAME=FOLDER.")],
    host: Annotated[str, typer.Option(help="The address; one that others reach needs a key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8000,
    key_file: Annotated[
        Path | None, typer.Option(help=f"A file with the key that clients must send; by default {KEY}, if it is set.")
    ] = None,
    allow_host: Annotated[list[str] | None, typer.Option(help="A name by which clients call the server.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    queue: Annotated[int, typer.Option(min=1, help="Requests that wait for one model, at most.")] = 128,
    rows: Annotated[int, typer.Option(min=1, help="Rows of a request, and of those answered together.")] = 64,
    timeout: Annotated[float, typer.Option(min=0.01, help="Seconds until an answer must be there.")] = 60.0,
    grace: Annotated[float, typer.Option(min=0, help="Seconds for what is being answered at the end.")] = 30.0,
) -> None:
    """Serve runs by the routes of the OpenAI API, and by /v1/score. Ctrl-C ends it once all is answered."""
    for word in runs:
        read_config(named_run(word)[1])
    _check_installed()
    from genzoo.apps.serve import Limits, listening
    from genzoo.apps.serve import serve as serve_runs

    key = _key(key_file)
    limits = Limits(queue=queue, rows=rows, seconds=timeout, grace=grace)
    with listening(host, port, key) as sock:
        told = f"{_address(host, sock)}/v1 serves {', '.join(runs)}; Ctrl-C ends it"
        hosts = [host, *(allow_host or ())]
        left = serve_runs(
            runs, sock, key=key, hosts=hosts, device=device, limits=limits, loaded=lambda: say(told)
        )  # fmt: skip
    say(f"{left} requests were left in the middle" if left else "all is answered")


def studio(
    folder: Annotated[Path, typer.Argument(help="The folder of the runs; it may be new.")] = Path("runs"),
    host: Annotated[str, typer.Option(help="The address; one that others reach needs a key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8800,
    key_file: Annotated[
        Path | None, typer.Option(help=f"A file with the key that the page asks for; by default {KEY}, if it is set.")
    ] = None,
    allow_host: Annotated[list[str] | None, typer.Option(help="A name by which browsers call the studio.")] = None,
    data: Annotated[
        list[Path] | None, typer.Option(help="A folder below which the page may name data; may be repeated.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
) -> None:
    """Open a page to train, look at and draw from the runs of a folder."""
    _check_installed()
    from genzoo.apps.serve import listening
    from genzoo.apps.studio import open_studio

    folder.mkdir(parents=True, exist_ok=True)
    key = _key(key_file)
    with listening(host, port, key) as sock:
        say(f"{_address(host, sock)} shows the runs of {folder}; Ctrl-C ends it")
        open_studio(folder, sock, device=device, roots=data or (), key=key, hosts=[host, *(allow_host or ())])
    say("what was being trained goes on with genzoo train --resume RUN, or on the page")


def _key(file: Path | None) -> str | None:
    """What clients must say, if anything."""
    key = os.environ.get(KEY, "") if file is None else read_bytes(file).decode(errors="replace").strip()
    if not key and file is not None:
        raise Mistake(f"A key file must hold a key, got nothing in {file}.", "Write one into it, or leave it out.")
    if not (key.isascii() and key.isprintable()):  # a client's head has no other letters
        raise Mistake("A key must be of printable ASCII, got other characters in it.", "Take letters and digits.")
    return key or None


def _address(host: str, sock: socket.socket) -> str:
    """Where clients come in."""
    return f"http://{f'[{host}]' if ':' in host else host}:{sock.getsockname()[1]}"


def _check_installed() -> None:
    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as lacking:
        cause = f"A server needs {lacking.name}, which is not installed."
        raise Mistake(cause, "Run: pip install 'genzoo[serve]'") from None


COMMANDS: dict[Callable[..., None], str] = {
    serve: "genzoo serve runs/gpt-verse runs/vae-digits --port 8000",
    studio: "genzoo studio runs",
}
