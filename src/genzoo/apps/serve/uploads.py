"""Pictures and sounds that requests bring: looked at before they are decoded, changed only where nothing is lost."""

import base64
import binascii
import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Shaped
from torch import Tensor
from torch.nn.functional import pad

from genzoo.apps.serve.refusals import Refusal, refused
from genzoo.core import Space
from genzoo.data import Codec
from genzoo.data.codecs.audio import SoundCodec, companded, decode_sound
from genzoo.data.codecs.image import ImageCodec
from genzoo.data.pixels import look_at, pixels

__all__ = ["alpha_of", "file_of", "picture_of", "sent"]

Shape = tuple[int, ...]


def sent(said: Any, at: str) -> bytes:
    """The bytes of a file that stands in a request, in base64 or as a data URL.

    Args:
        said: What stands there.
        at: The field.

    Raises:
        Refusal: If it is no base64.

    Example:
        >>> sent("data:text/plain;base64,aGk=", "input.0")
        b'hi'
    """
    if not isinstance(said, str):
        raise Refusal(400, f"{at} must be a file in base64, got {type(said).__name__}. Encode its bytes.", at,
                      "invalid_type")  # fmt: skip
    try:
        return base64.b64decode(said.partition(",")[2] if said.startswith("data:") else said, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(400, f"{at} must be base64. Encode the file's bytes.", at, "invalid_base64") from None


def picture_of(
    codec: ImageCodec, shape: Shape, content: bytes, at: str, hidden: Bool[Tensor, "H W"] | None = None
) -> Shaped[Tensor, "C H W"]:
    """The bytes of a picture as a row; its colors become the run's where nothing is lost by it.

    Args:
        codec: Of the rows.
        shape: Of a row.
        content: The file.
        at: The field.
        hidden: Pixels that are not looked at.

    Raises:
        Refusal: If it is none, has another size, hides what is behind it, or is colored where the run is grey.
    """
    array, most = _decoded(codec, shape, content, at).copy(), 65535 if codec.is_deep else 255
    if hidden is not None:
        array[:, hidden.numpy()] = most
    array = _in_channels(array, shape[0], most, at)
    return codec.values(torch.from_numpy(np.ascontiguousarray(array))[None])[0]


def alpha_of(codec: ImageCodec, shape: Shape, content: bytes, at: str) -> Bool[Tensor, "H W"] | None:
    """Which pixels are fully transparent; None where a picture has no alpha.

    Args:
        codec: Of the rows.
        shape: Of a row.
        content: The file.
        at: The field.

    Raises:
        Refusal: If it is no picture, or of another size.
    """
    array = _decoded(codec, shape, content, at)
    return torch.from_numpy(array[3] == 0) if len(array) == 4 else None


def file_of(codec: Codec, space: Space, said: Any, at: str) -> Shaped[Tensor, "*event"]:
    """A condition that is a file, in base64 or as a data URL, as a row.

    Args:
        codec: Reads it.
        space: What a row is.
        said: What stands in the request.
        at: The field.

    Raises:
        Refusal: If it is no such file, or not of the run's form.
    """
    content = sent(said, at)
    match codec:
        case ImageCodec():
            return picture_of(codec, space.shape, content, at)
        case SoundCodec():
            return _sound_of(codec, space, content, at)
        case _:
            raise Refusal(400, f"{at} is a file of a kind that requests can't bring. Leave it out.", at, "unsupported")


def _sound_of(codec: SoundCodec, space: Space, content: bytes, at: str) -> Shaped[Tensor, " T"]:
    """The bytes of a WAV as a row: what is not packed is no longer than the request."""
    if not content.startswith(b"RIFF"):
        raise Refusal(400, f"{at} must be a WAV, got another file. Convert it.", at, "invalid_format")
    try:
        samples, rate = decode_sound(at, content)
    except ValueError as error:
        raise refused(error, at) from None
    if rate != codec.rate:
        raise Refusal(
            400, f"{at} must have {codec.rate} samples a second, got {rate}. Resample it.", at, "invalid_rate"
        )
    longest = space.shape[0]
    if len(samples) > longest or (len(samples) < longest and not space.ragged):
        must = f"{'at most' if space.ragged else 'exactly'} {longest} samples"
        raise Refusal(400, f"{at} must have {must}, got {len(samples)}. Cut it, or fill it up with silence.", at,
                      "invalid_length")  # fmt: skip
    row = samples if codec.levels is None else companded(samples)
    return pad(row, (0, longest - len(row)), value=math.nan if codec.levels is None else codec.levels)


def _in_channels(array: np.ndarray, channels: int, most: int, at: str) -> Shaped[np.ndarray, "C H W"]:
    """The same colors in another number of channels."""
    if len(array) == 4 and channels < 4:
        if array[3].min() < most:
            raise Refusal(400, f"{at} must hide nothing, got a picture with transparent pixels. Lay it over a color.",
                          at, "transparent")  # fmt: skip
        array = array[:3]
    if channels == 1:
        if (array != array[0]).any():
            raise Refusal(400, f"{at} must be grey, as the run's pictures are, got colors. Convert it to grey.", at,
                          "invalid_colors")  # fmt: skip
        return array[:1]
    colored = np.broadcast_to(array, (3, *array.shape[1:])) if len(array) == 1 else array
    return colored if len(colored) == channels else np.concatenate([colored, np.full_like(colored[:1], most)])


def _decoded(codec: ImageCodec, shape: Shape, content: bytes, at: str) -> Shaped[np.ndarray, "C H W"]:
    """Its pixels in its own colors; the size is looked at before they are decoded."""
    try:
        look = look_at(at, content)
        if look.size != shape[1:]:
            wanted, got = (f"{width}×{height}" for height, width in (shape[1:], look.size))
            raise Refusal(400, f"{at} must be {wanted} pixels, as the run's are, got {got}. Resize it.", at,
                          "invalid_size")  # fmt: skip
        return pixels(at, content, levels=65536 if codec.is_deep else 256)[1]
    except ValueError as error:
        raise refused(error, at) from None
