"""The routes."""

from typing import TYPE_CHECKING, Any

from genzoo import __version__
from genzoo.apps.serve import edits, images, questions, scores, sounds, texts
from genzoo.apps.serve.metrics import Metrics
from genzoo.apps.serve.refusals import Refusal, answered, invalid, refused
from genzoo.apps.serve.served import Shelf
from genzoo.apps.serve.wire import Chat, Completion, Expect, Generation, Impute, Score, Speech

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

    @app.post("/v1/chat/completions")
    async def chat(request: Request, asked: Chat) -> Any:
        """An answer to the last message of a talk."""
        return await texts.chat(request, shelf.find(asked.model), asked)

    @app.post("/v1/images/generations")
    async def generations(request: Request, asked: Generation) -> Any:
        """Pictures."""
        return await images.generate(request, shelf.find(asked.model), asked)

    @app.post("/v1/images/edits", openapi_extra=edits.FORM)
    async def edited(request: Request) -> Any:
        """A picture of which a part is drawn anew."""
        return await edits.edit(request, shelf)

    @app.post("/v1/audio/speech")
    async def speech(request: Request, asked: Speech) -> Any:
        """A sound."""
        return await sounds.speak(request, shelf.find(asked.model), asked)

    @app.post("/v1/expect")
    async def expect(request: Request, asked: Expect) -> Any:
        """The probability of a statement, or the mean of a number."""
        return await questions.expect(request, shelf.find(asked.model), asked)

    @app.post("/v1/impute")
    async def impute(request: Request, asked: Impute) -> Any:
        """What is missing in rows."""
        return await questions.impute(request, shelf.find(asked.model), asked)

    @app.post("/v1/score")
    async def score(request: Request, asked: Score) -> Any:
        """The log-probability of rows."""
        return await scores.score(request, shelf.find(asked.model), asked)

    _name_models(app, shelf)
    return app


def _name_models(app: "FastAPI", shelf: Shelf) -> None:
    """Lets the description of the routes name the runs that are served."""
    described = app.openapi()
    for schema in described["components"]["schemas"].values():
        if "model" in schema.get("properties", {}):
            schema["properties"]["model"] |= {"anyOf": [{"enum": list(shelf)}, {"type": "null"}]}
    for place in described["paths"]["/v1/models/{name}"]["get"]["parameters"]:
        place["schema"] = {"enum": list(shelf)}


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
    async def wrong(request: Request, error: RequestValidationError) -> Response:
        got = request.headers.get("content-type", "none")
        if isinstance(error.body, bytes):  # which was not read as JSON
            return answered(Refusal(400, f"The content-type must be application/json, got {got:.80}. Send it as a "
                                    "header.", None, "invalid_content_type"))  # fmt: skip
        return answered(invalid(error.errors(), error.body))

    @app.exception_handler(Exception)
    async def unknown(_: Request, error: Exception) -> Response:
        return answered(refused(error))

    @app.exception_handler(HTTPException)
    async def other(_: Request, error: HTTPException) -> Response:
        if isinstance(error.__cause__, Refusal):  # while the body was read
            return answered(error.__cause__)
        if isinstance(error.__cause__, UnicodeDecodeError):
            return answered(Refusal(400, "The body must be in UTF-8, got other bytes. Encode it so.", None,
                                    "json_invalid"))  # fmt: skip
        if isinstance(error.__cause__, ValueError):
            return answered(Refusal(400, "The body must be JSON, got a number that is too long. Correct it.", None,
                                    "json_invalid"))  # fmt: skip
        if isinstance(error.__cause__, RecursionError):
            return answered(Refusal(400, "A body must not be nested so deep. Flatten it.", None, "json_invalid"))
        known = {404: "There is no such route. /openapi.json tells all.",
                 405: f"A route must be asked as it says, by {(error.headers or {}).get('Allow')}. Ask so.",
                 413: "A request must be smaller than that. Send less."}  # fmt: skip
        codes = {404: "route_not_found", 405: "method_not_allowed", 413: "too_large"}
        message = str(error.detail).removesuffix(".") + ". Correct the request."
        answer = answered(Refusal(error.status_code, known.get(error.status_code, message), None,
                                  codes.get(error.status_code, "invalid_request")))  # fmt: skip
        answer.headers.update(error.headers or {})
        return answer
