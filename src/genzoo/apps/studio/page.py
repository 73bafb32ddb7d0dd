"""The page itself: files of the package, under a policy that lets them load nothing else."""

from pathlib import Path
from typing import TYPE_CHECKING

from genzoo._files import read_bytes

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["show"]

FOLDER = Path(__file__).parent / "page"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; "
    "media-src data: blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


def show(app: "FastAPI") -> set[str]:
    """Adds the page and its files, which are read once: a request only chooses among their names.

    Args:
        app: What answers.

    Returns:
        Their paths.
    """
    from starlette.responses import Response

    known = {file.name: read_bytes(file) for file in FOLDER.iterdir() if file.suffix in TYPES}

    def answer(name: str) -> Response:
        kind = TYPES[Path(name).suffix]
        return Response(known[name], media_type=kind, headers={"content-security-policy": POLICY})

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        """The page."""
        return answer("index.html")

    @app.get("/page/{name}", include_in_schema=False)
    async def part(name: str) -> Response:
        """A file of it."""
        return answer(name) if name in known else Response(status_code=404)

    return {"/", *(f"/page/{name}" for name in known)}
