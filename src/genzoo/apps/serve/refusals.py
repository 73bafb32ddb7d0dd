"""What a request is refused with: one shape for every error, which names the field and says what to do."""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from genzoo._memory import is_out_of_memory
from genzoo.core.model import Unsupported

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["Refusal", "answered", "invalid", "log_error", "refused"]

log = logging.getLogger("genzoo.serve")
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


def invalid(errors: Sequence[Mapping[str, Any]], body: Any = None) -> Refusal:
    """What a body that is not of the form is refused with: the first field that is wrong, and where it may have one of
    several forms, what is wrong by the one that it is nearest to.

    Args:
        errors: What pydantic found.
        body: What it was found in, by which fields are told from the names of forms.

    Example:
        >>> n = {"loc": ("body", "n"), "msg": "Input should be a valid integer", "type": "int_type", "input": "3"}
        >>> invalid([n], {"n": "3"}).message
        "n: Input should be a valid integer, got '3'. Correct it."
    """
    path, first, told = _nearest(errors, body)
    context, kind = first.get("ctx") or {}, str(first.get("type", "invalid"))
    if kind == "json_invalid":
        at = first["loc"][-1]
        return Refusal(400, f"The body must be JSON, got an error at character {at}: {context.get('error')}. Correct "
                       "it.", None, kind)  # fmt: skip
    if "told" in context:
        return Refusal(400, context["told"], ".".join([*map(str, path), context["field"]]), kind)
    field, value = ".".join(map(str, path)), first.get("input", first)
    got = "" if isinstance(value, Mapping | list | bytes) else f", got {value!r:.40}"
    return Refusal(400, f"{field or 'The body'}: {told}{got}. Correct it.", field or None, kind)


Place = tuple[str | int, ...]


def _nearest(errors: Sequence[Mapping[str, Any]], body: Any) -> tuple[Place, Mapping[str, Any], str]:
    """Where the first wrong field is wrong, how, and what must hold there. Of its forms that one is meant which agrees
    in its types, else the one that agrees furthest; where several agree alike, any of them may hold."""
    first: dict[Place, tuple[Place, Mapping[str, Any]]] = {}  # of each form
    field: Place | None = None
    for error in errors:
        path, form = _place(error, body)
        field = path[:1] if field is None else field
        if path[:1] == field:
            first.setdefault(form, (path, error))

    def far(found: tuple[Place, Mapping[str, Any]]) -> tuple[bool, int, list[int]]:
        path, error = found
        fits = not str(error.get("type")).endswith("_type")
        return fits, len(path), [part for part in path if isinstance(part, int)]

    path, error = max(first.values(), key=far)
    alike = [one for at, one in first.values() if at == path and far((at, one)) == far((path, error))]
    says = list(dict.fromkeys(str(one.get("msg", "is invalid")).removesuffix(".") for one in alike))
    return path, error, " or ".join([says[0], *(each.removeprefix("Input should be ") for each in says[1:])])


def _place(error: Mapping[str, Any], body: Any) -> tuple[Place, Place]:
    """The path of a field, and the form of those that it may have: what is no place in the body names one."""
    whole = tuple(part for part in error.get("loc", ()) if part != "body")
    path: list[str | int] = []
    form: list[str | int] = []
    for i, part in enumerate(whole):
        is_place = part in body if isinstance(body, Mapping) else isinstance(body, list) and isinstance(part, int)
        is_lacking = i == len(whole) - 1 and error.get("type") in ("missing", "json_invalid")
        if is_place or is_lacking or not (path or form):
            path.append(part)
            body = body[part] if is_place else None
        else:
            form.append(part)
    return tuple(path), tuple(form)


def log_error(error: BaseException) -> None:
    """Notes where something went wrong, not what was asked."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    log.error("error=%s at=%s", type(error).__name__, place)


def _as_fields(text: str) -> str:
    """What is an option of the command line is a field here, but for whole commands, which stay as they are run.

    Example:
        >>> _as_fields("Write --given label=… with such a value, or leave --given out.")
        'Write given.label with such a value, or leave given out.'
        >>> _as_fields("Finish it: `genzoo train --resume runs/a`.")
        'Finish it: `genzoo train --resume runs/a`.'
    """
    parts = re.split(r"(`genzoo [^`]*`)", text)
    return "".join(part if part.startswith("`genzoo ") else _fields_of(part) for part in parts)


def _fields_of(text: str) -> str:
    options = re.sub(r"--set (\w+)=", r"options.\1 = ", text.replace("The sampling option ", "options."))
    return re.sub(r"--(\w+)", r"\1", re.sub(r"--given (\w+)=…?", r"given.\1", options))
