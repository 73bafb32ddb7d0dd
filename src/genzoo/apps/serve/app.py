"""The routes."""

from typing import TYPE_CHECKING, Any

from genzoo import __version__
from genzoo.apps.serve import images, scores, texts
from genzoo.apps.serve.metrics import Metrics
from genzoo.apps.serve.refusals import Refusal, answered, invalid
from genzoo.apps.serve.served import Shelf
from genzoo.apps.serve.wire import Completion, Generation, Score

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["routes"]

ERROR = {
    "description": "What must hold, what was got, and what to do.",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["error"],
                "properties": {
                    "error": {
                        "type": "object",
                        "required": ["message", "type", "param", "code"],
                        "properties": {
                            "message": {"type": "string"},
                            "type": {"type": "string"},
                            "param": {"type": ["string", "null"]},
                            "code": {"type": ["string", "null"]},
                        },
                    }
                },
            }
        }
    },
}
ERRORS: dict[int | str, dict[str, Any]] = dict.fromkeys((400, 401, 403, 404, 413, 422, 429, 503, 504), ERROR)


def routes(shelf: Shelf, metrics: Metrics) -> "FastAPI":
    """All routes over some runs.

    Args:
        shelf: The runs.
        metrics: What is counted.
    """
    from fastapi import FastAPI, Request

    app = FastAPI(title="genzoo", version=__version__, docs_url=None, redoc_url=None, responses=ERRORS)
    _errors(app)
    _about(app, shelf, metrics)

    @app.post("/v1/completions")
    async def completions(request: Request, asked: Completion) -> Any:
        """Texts that go on, or are drawn from the start."""
        return await texts.complete(request, shelf.find(asked.model), asked)

    @app.post("/v1/images/generations")
    async def generations(request: Request, asked: Generation) -> Any:
        """Pictures."""
        return await images.generate(request, shelf.find(asked.model), asked)

    @app.post("/v1/score")
    async def score(request: Request, asked: Score) -> Any:
        """The log-probability of rows."""
        return await scores.score(request, shelf.find(asked.model), asked)

    return app


def _about(app: "FastAPI", shelf: Shelf, metrics: Metrics) -> None:
    from fastapi import Request, Response
    from starlette.responses import JSONResponse

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Whether the server is there."""
        return {"status": "ok"}

    @app.get("/ready")
    async def ready(request: Request) -> Response:
        """Whether it takes requests."""
        is_ready = not request.app.state.guard.draining
        return JSONResponse({"status": "ready" if is_ready else "draining"}, 200 if is_ready else 503)

    @app.get("/metrics")
    async def counts() -> Response:
        """What was counted, for Prometheus."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        """What is served."""
        return {"object": "list", "data": [served.about() for served in shelf.values()]}

    @app.get("/v1/models/{name}")
    async def model(name: str) -> dict[str, Any]:
        """One of them."""
        return shelf.find(name).about()


def _errors(app: "FastAPI") -> None:
    """One shape for all errors."""
    from fastapi import Request, Response
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException

    @app.exception_handler(Refusal)
    async def refusal(_: Request, error: Refusal) -> Response:
        return answered(error)

    @app.exception_handler(RequestValidationError)
    async def wrong(_: Request, error: RequestValidationError) -> Response:
        return answered(invalid(error.errors()))

    @app.exception_handler(HTTPException)
    async def other(_: Request, error: HTTPException) -> Response:
        message = str(error.detail).removesuffix(".") + "."
        return answered(Refusal(error.status_code, message))
