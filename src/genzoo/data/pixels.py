"""Pixels: the content of one image file as an array, checked before it is decoded.

Eight bits per channel are decoded, converted and resized by Pillow. Sixteen are beyond it in color, so that here a PNG
is decoded twice, once for the high bytes and once for the low; grey with alpha, as four channels of bytes.
"""

import contextlib
import dataclasses
import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from typing import Literal

import numpy as np
from jaxtyping import Shaped
from PIL import Image, ImageFile, UnidentifiedImageError

from genzoo._files import told
from genzoo.core.errors import DataError

__all__ = ["CHANNELS", "Color", "Look", "Wanted", "look_at", "pixels", "strictly", "writing"]

Color = Literal["grey", "rgb", "rgba"]
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
LARGEST = 64_000_000  # pixels
CHANNELS: dict[str, int] = {"grey": 1, "rgb": 3, "rgba": 4}
MODES: dict[str, str] = {"grey": "L", "rgb": "RGB", "rgba": "RGBA"}
ORIENTATION = 0x0112  # the tag of a photo that says which way up it is
LUMA = np.array([19595, 38470, 7471])  # of 65536, as Pillow weighs red, green and blue


@dataclasses.dataclass(frozen=True)
class Look:
    """What an image is before anything is done to it."""

    height: int
    width: int
    color: Color
    levels: Literal[256, 65536]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What every image of a set becomes.

    Attributes:
        size: Height and width; None leaves them.
        fit: How that size is reached.
        color: Grey, rgb or rgba.
        levels: The number of values of a pixel; an image of another number L is scaled,
            $\\mathrm{round}(v\\, (levels - 1) / (L - 1))$.
    """

    size: tuple[int, int] | None
    fit: str
    color: str
    levels: int

    @property
    def dtype(self) -> type[np.generic]:
        """The type in which pixels are kept."""
        return np.uint8 if self.levels <= 256 else np.int32


@contextlib.contextmanager
def strictly() -> Iterator[None]:
    """Decoding in which what Pillow only warns of is an error; entered once, by the thread that starts the others."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", module="PIL")
        yield


def look_at(name: str, content: bytes) -> Look:
    """What an image is, by its header.

    Raises:
        DataError: If it is no image that can be used.
    """
    with _opened(name, content) as image:
        return _look(name, image)


def writing(name: str, content: bytes) -> str:
    """What a writer decided about an image: its format, mode, size, tables, and texts beside the pixels, in words.

    Args:
        name: The file's.
        content: Its bytes.

    Raises:
        DataError: If it cannot be decoded.

    Example:
        >>> file = io.BytesIO()
        >>> Image.new("L", (4, 3)).save(file, "JPEG", quality=75)
        >>> writing("mine.jpg", file.getvalue())
        'JPEG, L, 4×3, tables 1858'
    """
    with _opened(name, content) as image:
        _look(name, image)  # refuses what is too large to be decoded
        image.load()  # texts may stand behind the pixels
        said = [image.format or "?", image.mode, f"{image.width}×{image.height}"]
        if tables := getattr(image, "quantization", None):
            said.append("tables " + "/".join(str(sum(table)) for table in tables.values()))
        return ", ".join([*said, *sorted(str(key) for key in image.info if not str(key).startswith("jfif"))])


def pixels(
    name: str, content: bytes, wanted: Wanted | None = None, *, levels: int | None = None
) -> tuple[Look, Shaped[np.ndarray, "C H W"]]:
    """What an image was, and its pixels as wanted; None: as they are, but for their levels.

    Raises:
        DataError: If it cannot be decoded, or is too large.
    """
    with _opened(name, content) as image:
        look = _look(name, image)
        wanted = wanted or Wanted(None, "crop", look.color, levels or look.levels)
        if look.levels > 256:
            array = _fitted_deep(_colored_deep(_deep(image, content), wanted.color), wanted)
        else:
            if wanted.size is not None:
                image.draft(None, (2 * max(wanted.size),) * 2)  # a JPEG decodes small when asked to
            image.load()
            from PIL import ImageOps

            upright = ImageOps.exif_transpose(image) if _orientation(image) > 1 else image
            array = np.asarray(_fitted(_colored(upright, MODES[wanted.color]), wanted))
    array = array.reshape(*array.shape[:2], -1).transpose(2, 0, 1)
    return look, _scaled(array, look.levels, wanted.levels).astype(wanted.dtype)


@contextlib.contextmanager
def _opened(name: str, content: bytes) -> Iterator[Image.Image]:
    with told(name, "be a whole PNG, JPEG, WebP, BMP, TIFF or GIF image", "Replace it."):
        try:
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                yield image
        except UnidentifiedImageError:
            raise ValueError("other content") from None  # in the place of an object in memory


def _look(name: str, image: Image.Image) -> Look:
    if image.width * image.height > LARGEST:
        got = f"{image.width}×{image.height}"
        raise DataError(f"{name} must have at most {LARGEST:,} pixels, got {got}. Reduce it.")
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise DataError(f"{name} must be one picture, got several frames or pages. Save one of them.")
    is_deep = image.mode.startswith("I;16") or str(_raw_mode(image)).endswith(";16B")
    transparent = image.mode in ("LA", "RGBA", "PA") or "transparency" in image.info
    is_odd = "transparency" in image.info if is_deep else image.mode[0] in "IF"
    if is_odd:
        raise DataError(f"{name} must be grey, RGB or RGBA of 8 or 16 bits, got {image.mode}. Convert it.")
    grey = image.mode in ("1", "L") or image.mode.startswith("I;16")
    color: Color = "rgba" if transparent else "grey" if grey else "rgb"
    height, width = image.size if _orientation(image) > 4 else image.size[::-1]
    return Look(height, width, color, 65536 if is_deep else 256)


def _raw_mode(image: Image.Image) -> object:
    return image.tile[0][3] if isinstance(image, ImageFile.ImageFile) and image.tile else None


def _orientation(image: Image.Image) -> int:
    return int(image.getexif().get(ORIENTATION, 1)) if image.format != "PNG" else 1


# Eight bits -------------------------------------------------------------------------------------------------------


def _colored(image: Image.Image, mode: str) -> Image.Image:
    """The image in a mode; transparency is laid over white where the mode has none."""
    if image.mode == mode and "transparency" not in image.info:
        return image
    if mode != "RGBA" and (image.mode in ("LA", "RGBA", "PA") or "transparency" in image.info):
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert(mode)


def _fitted(image: Image.Image, wanted: Wanted) -> Image.Image:
    if wanted.size is None or image.size == wanted.size[::-1]:
        return image
    height, width = wanted.size
    box = _box(image.height, image.width, wanted)
    if wanted.fit != "pad":
        return image.resize((width, height), Image.Resampling.BICUBIC, box)
    tall, wide = _inside(image.height, image.width, height, width)
    canvas = Image.new(image.mode, (width, height))
    canvas.paste(image.resize((wide, tall), Image.Resampling.BICUBIC), ((width - wide) // 2, (height - tall) // 2))
    return canvas


def _box(height: int, width: int, wanted: Wanted) -> tuple[float, float, float, float]:
    """The part of an image that is kept: all of it, or the largest in its middle of the shape that is wanted."""
    if wanted.fit != "crop" or wanted.size is None:
        return 0.0, 0.0, float(width), float(height)
    tall, wide = wanted.size
    scale = min(height / tall, width / wide)
    top, left = (height - tall * scale) / 2, (width - wide * scale) / 2
    return (
        max(0.0, left),
        max(0.0, top),
        min(left + wide * scale, float(width)),
        min(top + tall * scale, float(height)),
    )


def _inside(height: int, width: int, tall: int, wide: int) -> tuple[int, int]:
    """The largest size of the same shape within another."""
    scale = min(tall / height, wide / width)
    return max(1, round(height * scale)), max(1, round(width * scale))


# Sixteen bits -----------------------------------------------------------------------------------------------------


def _deep(image: Image.Image, content: bytes) -> Shaped[np.ndarray, "H W C"]:
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.int32)[..., None]
    if _raw_mode(image) == "LA;16B":
        return _deep_with_alpha(content)
    halves = []
    for order in ("B", "L"):  # read as big-endian Pillow keeps the high byte of each pair, as little-endian the low
        with Image.open(io.BytesIO(content), formats=FORMATS) as again:
            again.tile = [tile._replace(args=f"{image.mode};16{order}") for tile in again.tile]
            halves.append(np.asarray(again).astype(np.int32))
    return halves[0] * 256 + halves[1]


def _deep_with_alpha(content: bytes) -> Shaped[np.ndarray, "H W 4"]:
    """Grey of 16 bits with alpha, as color: its four bytes per pixel are read as those of four channels of 8 bits,
    which only the header tells apart.
    """
    patched = bytearray(content)
    patched[24:26] = 8, 6  # bits, and the kind of color: RGBA
    patched[29:33] = struct.pack(">I", zlib.crc32(patched[12:29]))
    with Image.open(io.BytesIO(patched), formats=("PNG",)) as image:
        found = np.asarray(image).astype(np.int32)
    grey, alpha = (found[..., i] * 256 + found[..., i + 1] for i in (0, 2))
    return np.stack([grey, grey, grey, alpha], axis=-1)


def _colored_deep(array: Shaped[np.ndarray, "H W C"], color: str) -> Shaped[np.ndarray, "H W K"]:
    if array.shape[-1] == CHANNELS[color]:
        return array
    if array.shape[-1] == 4:  # over white
        alpha = array[..., 3:].astype(np.int64)
        array = ((array[..., :3] * alpha + 65535 * (65535 - alpha) + 32767) // 65535).astype(np.int32)
    if array.shape[-1] == 3 and color == "grey":
        array = ((array.astype(np.int64) @ LUMA + 32768) >> 16).astype(np.int32)[..., None]
    if array.shape[-1] == 1 and color != "grey":
        array = array.repeat(3, axis=-1)
    return np.pad(array, ((0, 0), (0, 0), (0, 1)), constant_values=65535) if color == "rgba" else array


def _fitted_deep(array: Shaped[np.ndarray, "H W C"], wanted: Wanted) -> Shaped[np.ndarray, "h w C"]:
    """Each channel as an image of reals, colors weighed by their alpha; rounded at the end."""
    if wanted.size is None or array.shape[:2] == wanted.size:
        return array
    reals = array.astype(np.float32)
    if array.shape[-1] == 4:
        reals[..., :3] *= reals[..., 3:] / 65535
    planes = [np.asarray(_fitted(Image.fromarray(plane), wanted)) for plane in np.moveaxis(reals, -1, 0)]
    reals = np.stack(planes, axis=-1)
    if array.shape[-1] == 4:
        reals[..., :3] *= 65535 / np.maximum(reals[..., 3:], 1)
    return reals.round().clip(0, 65535).astype(np.int32)


def _scaled(array: Shaped[np.ndarray, "C H W"], have: int, want: int) -> Shaped[np.ndarray, "C H W"]:
    if have == want:
        return array
    return (2 * array.astype(np.int64) * (want - 1) + have - 1) // (2 * (have - 1))
