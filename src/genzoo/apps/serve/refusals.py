"""What a request is refused with: one shape for every error, which names the field and says what to do."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from genzoo._memory import is_out_of_memory
from genzoo.core.model import Unsupported

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["Refusal", "answered", "invalid", "refused"]

KINDS = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}


class Refusal(Exception):
    """A request that is not answered.

    Args:
        status: The status of HTTP.
        message: What must hold, what was got and what to do.
        param: The field.
        code: A word for programs.
        wait: After how many seconds to ask again.

    Example:
        >>> Refusal(404, "There is no model 'x'.", "model", "model_not_found").body()["error"]["type"]
        'not_found_error'
    """

    def __init__(
        self, status: int, message: str, param: str | None = None, code: str | None = None, wait: int | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code, self.wait = status, message, param, code, wait

    def body(self) -> dict[str, Any]:
        """The error as JSON."""
        kind = KINDS.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    @property
    def headers(self) -> dict[str, str]:
        """What stands in the head of the answer."""
        return {} if self.wait is None else {"Retry-After": str(self.wait)}


def answered(refusal: Refusal) -> "Response":
    """The answer of HTTP."""
    from starlette.responses import JSONResponse

    return JSONResponse(refusal.body(), refusal.status, refusal.headers)


def refused(error: Exception, param: str | None = None) -> Refusal:
    """What a request is told of an error: the words of a user's mistake, none of one of ours.

    Args:
        error: What was raised.
        param: The field that it is about.

    Example:
        >>> refused(ValueError("n must be positive, got 0. Ask for one."), "n").status
        400
    """
    if isinstance(error, Refusal):
        return error
    if is_out_of_memory(error):
        return Refusal(503, "There is not enough memory for this. Ask for fewer rows.", param, "out_of_memory", wait=1)
    if isinstance(error, Unsupported):
        return Refusal(400, str(error), param or "model", "unsupported")
    if isinstance(error, ValueError | TypeError | ArithmeticError) and type(error) is not UnicodeDecodeError:
        return Refusal(400, _as_fields(" ".join(str(error).split())), param, "invalid_value")
    return Refusal(500, "This should not have happened. The server's log says where.", None, "internal_error")


def invalid(errors: Sequence[Mapping[str, Any]]) -> Refusal:
    """What a body that is not of the form is refused with: the first field that is wrong.

    Args:
        errors: What pydantic found.

    Example:
        >>> invalid([{"loc": ("body", "n"), "msg": "Input should be a valid integer", "type": "int_type"}]).message
        'n: Input should be a valid integer. Correct it.'
    """
    first = errors[0]
    context, kind = first.get("ctx") or {}, str(first.get("type", "invalid"))
    if "told" in context:
        return Refusal(400, context["told"], context["field"], kind)
    if kind == "json_invalid":
        at = first["loc"][-1]
        return Refusal(400, f"The body must be JSON, got an error at character {at}: {context.get('error')}. Correct "
                       "it.", None, kind)  # fmt: skip
    place = [part for part in first.get("loc", ()) if part not in ("body", "query", "path")]
    named = place[:1] + [part for part in place[1:] if isinstance(part, int)]  # not which of several forms
    field = ".".join(map(str, named))
    told = f"{field or 'The body'}: {first.get('msg', 'is invalid')}".removesuffix(".")
    return Refusal(400, f"{told}. Correct it.", field or None, kind)


def _as_fields(text: str) -> str:
    """What is an option of the command line is a field here.

    Example:
        >>> _as_fields("Write --given label=… with such a value, or leave --given out.")
        'Write given.label with such a value, or leave given out.'
    """
    return re.sub(r"--(\w+)", r"\1", re.sub(r"--given (\w+)=…?", r"given.\1", text))
