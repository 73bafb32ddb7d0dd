"""Pictures: `/v1/images/generations`, whole or as events with what has come of them so far."""

import base64
import contextlib
import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from genzoo.apps.serve.drawing import Part
from genzoo.apps.serve.refusals import Refusal
from genzoo.apps.serve.served import Served
from genzoo.apps.serve.waiting import Waiting, answers, event, streamed
from genzoo.apps.serve.wire import Generation
from genzoo.data.codecs.image import ImageCodec

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["check_size", "completed", "encoded", "generate", "in_words_of", "prompted"]

NOTHING = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0,
           "input_tokens_details": {"image_tokens": 0, "text_tokens": 0}}  # fmt: skip  # pictures have no tokens


async def generate(request: "Request", served: Served, asked: Generation) -> "Response | dict[str, Any]":
    """Pictures that a run of pictures draws."""
    served.must("images/generations")
    check_size(served, asked.size)
    given = prompted(served, asked.prompt, asked.given)
    files = served.codec_of(ImageCodec).pngs
    with in_words_of(asked.prompt, asked.given):
        parts = asked.partial_images or 0
        drawn = served.drawn(asked.n or 1, asked.seed, given, asked.options, parts=parts, told=files)
    more = {"seed": drawn.seed, "remarks": served.remarks(given), "model": served.name}
    if asked.stream:
        waiting = Waiting(request, served.line, [drawn], served.seconds(asked.timeout))
        first = await waiting.next()
        return streamed(_events(served, waiting, first, more))
    (pngs,) = await answers(request, served.line, [drawn], served.seconds(asked.timeout))
    data = [{"b64_json": each} for each in encoded(pngs)]
    return {"created": int(time.time()), "data": data, "output_format": "png"} | more


async def _events(
    served: Served, waiting: Waiting, news: Sequence[tuple[int, Any]], more: dict[str, Any]
) -> AsyncIterator[str]:
    """What has come of pictures so far, and at last what has become of them."""
    while True:
        for _, each in news:
            if not isinstance(each, Part):
                for told in completed(served, "image_generation", encoded(each), more):
                    yield told
                return
            for i, file in enumerate(encoded(each.rows)):
                yield _event(served, "image_generation.partial_image", i, file,
                             more | {"partial_image_index": each.number})  # fmt: skip
        news = await waiting.next()


def completed(served: Served, kind: str, files: Sequence[str], more: dict[str, Any]) -> list[str]:
    """The events that bring pictures which are done.

    Args:
        served: The run.
        kind: image_generation or image_edit.
        files: The pictures in base64.
        more: What else stands in each.
    """
    return [_event(served, f"{kind}.completed", i, file, more | {"usage": NOTHING}) for i, file in enumerate(files)]


def _event(served: Served, kind: str, i: int, file: str, more: dict[str, Any]) -> str:
    height, width = served.model.space.shape[1:]
    about = {"type": kind, "b64_json": file, "created_at": int(time.time()), "size": f"{width}x{height}", "index": i,
             "quality": "auto", "background": "auto", "output_format": "png"}  # fmt: skip
    return event(about | more, kind)


def encoded(files: Sequence[bytes]) -> list[str]:
    """Files in base64."""
    return [base64.b64encode(file).decode() for file in files]


def prompted(served: Served, prompt: str | None, given: dict[str, Any], param: str = "prompt") -> dict[str, Any]:
    """The condition, of which a prompt is the only part, or the only one that is a text.

    Raises:
        Refusal: If it is empty, or none can take it.
    """
    if prompt is None:
        return given
    if not prompt.strip() and not served.given_words:  # clients of OpenAI must say one
        return given
    if not prompt.strip():
        fix = "Leave it out to draw from all."
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


@contextlib.contextmanager
def in_words_of(prompt: str | None, given: Mapping[str, Any], param: str = "prompt") -> Iterator[None]:
    """Names the prompt in a refusal of the condition that it has become, where nothing else was said of one."""
    try:
        yield
    except Refusal as error:
        if prompt and not given and (error.param or "").partition(".")[0] == "given":
            error.param, error.message = param, re.sub(r"given\.\w+", param, error.message)
        raise


def check_size(served: Served, size: str | None) -> None:
    """Refuses another size than the run's."""
    height, width = served.model.space.shape[1:]
    if size not in (None, "auto", f"{width}x{height}"):
        raise Refusal(400, f"size must be {width}x{height}, the run's, got {size!r}. Leave it out.", "size",
                      "unsupported_size")  # fmt: skip
