"""Pictures of which a part is drawn anew: `/v1/images/edits`, an inverse problem whose operator is the mask."""

import asyncio
import json
import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from pydantic import ValidationError
from torch import Tensor

from genzoo.apps.serve.calling import Called
from genzoo.apps.serve.images import check_size, completed, encoded, in_words_of, prompted
from genzoo.apps.serve.refusals import Refusal, invalid, refused
from genzoo.apps.serve.served import Served, Shelf
from genzoo.apps.serve.uploads import alpha_of, picture_of
from genzoo.apps.serve.waiting import answers, streamed
from genzoo.apps.serve.wire import Edit
from genzoo.core.model import Unsupported
from genzoo.core.noise import fresh_seed
from genzoo.data.codecs.image import ImageCodec
from genzoo.tasks.importance import WeightsCollapsed
from genzoo.tasks.inverse import (
    Choice,
    Exactness,
    Mask,
    Measurement,
    Posterior,
    as_numbers,
    channel_named,
    methods,
    solve,
)

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["FORM", "edit"]

SOON, MOST = 1000, 20_000  # calls of the network within which a method answers soon, and while somebody waits at all
FILES = ("image", "mask")
FIELD = re.compile(r"^(\w+)(?:\[(\w*)\])?(\[\])?$")  # n, given[label], image[]
FORM = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": {
    "type": "object", "required": ["image"],
    "properties": {
        **{name: {"type": "string", "format": "binary"} for name in FILES},
        **{name: {"type": "string"} for name in Edit.model_fields},
    },
}}}}}  # fmt: skip


async def edit(request: "Request", shelf: Shelf) -> "Response | dict[str, Any]":
    """A picture with its transparent part, or that of the mask, drawn anew some times."""
    fields, files = await _form(request)
    try:
        asked = Edit.model_validate(fields, strict=False)
    except ValidationError as error:
        raise invalid(error.errors(), fields) from None
    served = shelf.find(asked.model)
    served.must("images/edits")
    check_size(served, asked.size)
    x, known = await asyncio.to_thread(_kept, served, files)
    given = prompted(served, asked.prompt, asked.given)
    n, seed = asked.n or 1, fresh_seed() if asked.seed is None else asked.seed
    with in_words_of(asked.prompt, asked.given):
        drawing = _drawing(served, asked, (x, known), given, seed)
    job = Called(n, drawing)
    (found,) = await answers(request, served.line, [job], served.seconds(asked.timeout))
    drawn = torch.where(known, x, served.of_the_space(found.x[:, 0].cpu()))
    about = {"seed": seed, "method": found.method, "exactness": found.exactness.value, "model": served.name,
             "remarks": served.remarks(given)}  # fmt: skip
    pngs = encoded(await asyncio.to_thread(served.codec_of(ImageCodec).pngs, drawn))
    if asked.stream:
        return streamed(_each(completed(served, "image_edit", pngs, about)))
    data = [{"b64_json": file} for file in pngs]
    return {"created": int(time.time()), "data": data, "output_format": "png"} | about


async def _each(events: Sequence[str]) -> Any:
    for one in events:
        yield one


def _drawing(served: Served, asked: Edit, seen: tuple[Tensor, Tensor], given: dict[str, Any], seed: int) -> Any:
    """What draws the rest of a picture.

    Raises:
        Refusal: If the noise is none, or it is too much work.
    """
    model, (x, known), n = served.model, seen, asked.n or 1
    served.bounded(n, asked.options, served.limits.rows)
    rows = served.given(given, 1)
    try:
        channel = channel_named(asked.noise)
    except ValueError as error:
        raise refused(error, "noise") from None
    y = torch.where(known, as_numbers(model.space, x, model.dtype), 0)[None]
    measured = Measurement(Mask(known), y, channel)

    def found() -> Posterior:
        try:
            chosen = asked.method if asked.method != "auto" else _soon(methods(model, measured, rows or None), n).name
            return solve(model, measured, n=n, given=rows or None, method=chosen, seed=seed, **asked.options)
        except Unsupported as error:
            raise refused(error, "method") from error
        except WeightsCollapsed as error:
            raise Refusal(400, _in_options(str(error)), "options", "weights_collapsed") from error
        except (TypeError, ValueError) as error:
            raise refused(error, "options" if asked.options else "image") from error

    return found


def _in_options(text: str) -> str:
    """Words to who calls the method, as those to who sends its options.

    Example:
        >>> _in_options("Raise `steps`, or pass allow_collapse=True to see what carries them.")
        'Raise options.steps, or set options.allow_collapse to true to see what carries them.'
    """
    return re.sub(r"pass (\w+)=True", r"set options.\1 to true", re.sub(r"`(\w+)`", r"options.\1", text))


def _soon(choices: Sequence[Choice], n: int) -> Choice:
    """The method of the strongest claim whose n draws are soon answered; if none is, the one that is first.

    Raises:
        Unsupported: If none draws.
        Refusal: If all take far too long.
    """
    able = [each for each in choices if not each.why_not and each.exactness is not Exactness.POINT]
    if not able:
        reasons = "; ".join(map(str, choices))
        raise Unsupported(f"No method draws a part of this run's pictures: {reasons}. Name another run.")
    first = min(able, key=lambda each: each.calls)
    if n * first.calls > MOST:
        raise Refusal(400, f"method must draw within {MOST:,} calls of the network, but {first.name} would take "
                      f"{n * first.calls:,}. Name it, with its options, if it is worth the time.", "method",
                      "too_much_work")  # fmt: skip
    return next((each for each in able if n * each.calls <= SOON), first)


def _kept(served: Served, files: dict[str, bytes]) -> tuple[Tensor, Tensor]:
    """A picture as a row, and which of its entries stay.

    Raises:
        Refusal: If there is no picture, or nothing says what is to be drawn.
    """
    if "image" not in files:
        raise Refusal(400, "image must be a picture, got none. Send it as a file.", "image", "missing")
    codec, shape = served.codec_of(ImageCodec), served.model.space.shape
    named = "mask" if "mask" in files else "image"
    hidden = alpha_of(codec, shape, files[named], named)
    if hidden is None or not bool(hidden.any()):
        raise Refusal(400, f"{named} must be transparent where it is to be drawn, got no transparent pixel. Send a "
                      "mask: a PNG of the picture's size with alpha 0 there.", named, "nothing_hidden")  # fmt: skip
    opaque = None if named == "mask" else hidden
    return picture_of(codec, shape, files["image"], "image", hidden=opaque), ~hidden.expand(shape)


# --- the form -----------------------------------------------------------------------------------------------------


async def _form(request: "Request") -> tuple[dict[str, Any], dict[str, bytes]]:
    """The fields of a form, and its files.

    Raises:
        Refusal: If it is none, or brings several of one.
    """
    from starlette.datastructures import UploadFile

    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Refusal(400, "The body must be multipart/form-data, with the picture as a file. Use curl -F, say.", None,
                      "invalid_content_type")  # fmt: skip
    fields: dict[str, Any] = {}
    files: dict[str, bytes] = {}
    async with request.form(max_files=8, max_fields=200, max_part_size=1 << 16) as form:
        for name, value in form.multi_items():
            found = FIELD.match(name)
            field, inner, many = found.groups() if found else (name, None, None)
            if isinstance(value, UploadFile):
                if field not in FILES:
                    raise Refusal(400, f"{field} is no file. Files are image and mask.", field, "unknown_field")
                if field in files:
                    raise Refusal(400, f"{field} must be one picture, got several. Send one.", field, "too_many")
                files[field] = await value.read()
            elif field in FILES:
                raise Refusal(400, f"{field} must be a file, got a text. Send it with a filename.", field,
                              "invalid_type")  # fmt: skip
            else:
                _put(fields, field, inner, value, many=many is not None)
    return fields, files


def _put(fields: dict[str, Any], field: str, inner: str | None, text: str, *, many: bool) -> None:
    """A field of a form into those that were there before: given[label]=3 is part of one, given={"label": 3} all."""
    there = fields.get(field)
    if field in fields and not (inner and isinstance(there, dict) and (many or inner not in there)):
        raise Refusal(400, f"{field} must be said once, got it twice. Leave one out.", field, "too_many")
    if inner:
        part = fields.setdefault(field, {})
        if isinstance(part, dict):
            value = _plain(text)
            part[inner] = [*part.get(inner, []), value] if many else value
    elif field in ("given", "options", "metadata"):
        fields[field] = _plain(text)
    else:
        fields[field] = text


def _plain(text: str) -> Any:
    """A text of a form as a value, where it is one of JSON; else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
