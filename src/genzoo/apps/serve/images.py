"""Pictures: `/v1/images/generations`."""

import asyncio
import base64
import time
from typing import TYPE_CHECKING, Any

from genzoo.apps.serve.refusals import Refusal
from genzoo.apps.serve.served import Served
from genzoo.apps.serve.waiting import answers
from genzoo.apps.serve.wire import Generation
from genzoo.data.codecs.image import ImageCodec

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["generate", "prompted"]


async def generate(request: "Request", served: Served, asked: Generation) -> dict[str, Any]:
    """Pictures that a run of pictures draws."""
    served.must("images/generations")
    _check_size(served, asked.size)
    given = prompted(served, asked.prompt, asked.given)
    drawn = served.drawn(asked.n or 1, asked.seed, given, asked.options)
    (x,) = await answers(request, served.line, [drawn], served.seconds(asked.timeout))
    files = await asyncio.to_thread(served.codec_of(ImageCodec).pngs, x)
    data = [{"b64_json": base64.b64encode(file).decode()} for file in files]
    more = {"seed": drawn.seed, "remarks": served.remarks(given)}
    return {"created": int(time.time()), "data": data, "output_format": "png", "model": served.name} | more


def prompted(served: Served, prompt: str | None, given: dict[str, Any], param: str = "prompt") -> dict[str, Any]:
    """The condition, of which a prompt is the only part, or the only one that is a text.

    Raises:
        Refusal: If it is empty, or none can take it.
    """
    if prompt is None:
        return given
    if not prompt.strip():
        fix = "Leave it out to draw from all." if served.given_words else "Leave it out."
        raise Refusal(400, f"{param} must say something, got an empty text. {fix}", param, "empty")
    names = list(served.given_words)
    texts = [name for name in names if name == "text" or len(names) == 1]
    if len(texts) != 1:
        takes = f"the conditions {', '.join(names)}" if names else "no condition"
        fix = "Use given." if names else f"Leave {param} out."
        raise Refusal(400, f"{served.name} takes {takes}, got a {param}. {fix}", param, "unsupported")
    if texts[0] in given:
        raise Refusal(400, f"Either {param} or given.{texts[0]} is said, got both. Leave one out.", param, "both")
    return given | {texts[0]: prompt}


def _check_size(served: Served, size: str | None) -> None:
    height, width = served.model.space.shape[1:]
    if size not in (None, "auto", f"{width}x{height}"):
        raise Refusal(400, f"size must be {width}x{height}, the run's, got {size!r}. Leave it out.", "size",
                      "unsupported_size")  # fmt: skip
