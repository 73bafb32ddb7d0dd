"""Pictures of rows: grids of images, scatters of points. Drawn with Pillow alone, no plotting library."""

import io
import itertools
import math
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

import numpy as np
import torch
from jaxtyping import Float, Shaped, UInt8
from PIL import Image, ImageDraw
from torch import Tensor

__all__ = ["CHANNELS", "bands", "grid", "png", "png_chunk", "raster", "scatter", "tiles", "write_png"]

CHANNELS = (1, 3, 4)
PNG_KINDS = {1: 0, 3: 2, 4: 6}  # by the number of channels: gray, RGB, RGBA
INK = np.array([31, 78, 140])  # a dark blue that survives printing in grey


def raster(pixels: Shaped[Tensor, "C H W"]) -> Shaped[np.ndarray, "H W *channels"]:
    """One image as lines of pixels."""
    array = pixels.permute(1, 2, 0).numpy()
    return array[..., 0] if array.shape[-1] == 1 else array


def tiles(
    pixels: Shaped[Tensor, "n C H W"], *, columns: int | None = None, side: int = 32
) -> Shaped[np.ndarray, "height width *channels"]:
    """Images side by side, a white gap between them, small ones enlarged by a whole factor.

    Args:
        pixels: The images, at least one: bytes, or else values below 65536.
        columns: How many stand in a line; by default the lines and columns are about equal in number.
        side: Images smaller than this are enlarged to at least about this.
    """
    return np.concatenate(list(bands([pixels], len(pixels), columns=columns, side=side)))


def bands(
    parts: Iterable[Shaped[Tensor, "_ C H W"]], n: int, *, columns: int | None = None, side: int = 32
) -> Iterator[Shaped[np.ndarray, "height width *channels"]]:
    """The same from top to bottom, a line of images at a time.

    Args:
        parts: The images, in parts as they come.
        n: How many there are.
        columns: How many stand in a line.
        side: Images smaller than this are enlarged.
    """
    columns = min(n, columns or math.ceil(math.sqrt(n)))
    images = (image for part in parts for image in part)
    while line := list(itertools.islice(images, columns)):
        channels, height, width = line[0].shape
        scale = max(1, side // max(height, width))
        gap = max(1, scale // 2)
        down, across = height * scale + gap, width * scale + gap
        white = 255 if line[0].dtype == torch.uint8 else 65535
        last = gap if n <= columns else 0  # below the last line
        canvas = np.full((down + last, columns * across + gap, channels), white, dtype=line[0].numpy().dtype)
        for i, tile in enumerate(line):
            large = tile.permute(1, 2, 0).numpy().repeat(scale, axis=0).repeat(scale, axis=1)
            canvas[gap:down, gap + i * across : (i + 1) * across] = large
        yield canvas[..., 0] if channels == 1 else canvas
        n -= len(line)


def grid(pixels: UInt8[Tensor, "n C H W"], *, columns: int | None = None, side: int = 32) -> Image.Image:
    """Images as tiles of one picture."""
    return Image.fromarray(tiles(pixels, columns=columns, side=side))


def png(array: Shaped[np.ndarray, "H W *C"], *, is_deep: bool = False) -> bytes:
    """A PNG file of gray, RGB or RGBA pixels of 8 or 16 bits per channel."""
    buffer = io.BytesIO()
    write_png(buffer, [array], is_deep=is_deep)
    return buffer.getvalue()


def write_png(file: BinaryIO, bands: Iterable[Shaped[np.ndarray, "height W *C"]], *, is_deep: bool = False) -> None:
    """Writes a PNG of pixels that come band by band, from top to bottom.

    Pillow would have to hold all of it, and writes 16 bits for gray alone.

    Args:
        file: Where to; the header is written again at the end, when the height is known.
        bands: Lines of gray, RGB or RGBA pixels.
        is_deep: Whether a channel has 16 bits.

    References:
        Boutell et al., 1997, "PNG (Portable Network Graphics) Specification", RFC 2083
    """
    start, squeeze = file.tell(), zlib.compressobj()
    height, width, kind = 0, 0, 0
    file.write(bytes(len(_png_header(0, 0, kind, is_deep))))
    for band in bands:
        height, width, kind = height + len(band), band.shape[1], PNG_KINDS[math.prod(band.shape[2:])]
        lines = band.astype(">u2" if is_deep else np.uint8).reshape(len(band), -1).view(np.uint8)
        filtered = np.pad(lines, ((0, 0), (1, 0)))  # every line begins with its filter: none
        file.write(png_chunk(b"IDAT", squeeze.compress(filtered.tobytes())))
    file.write(png_chunk(b"IDAT", squeeze.flush()) + png_chunk(b"IEND", b""))
    file.seek(start)
    file.write(_png_header(width, height, kind, is_deep))


def _png_header(width: int, height: int, kind: int, is_deep: bool) -> bytes:
    fields = struct.pack(">2I5B", width, height, 16 if is_deep else 8, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", fields)


def png_chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG: its length, its name, its data, their checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def scatter(points: Float[Tensor, "n 2"], low: Sequence[float], high: Sequence[float], size: int = 400) -> Image.Image:
    """Points as dots in a frame, darker where many fall together.

    Args:
        points: The points; those outside the frame are left out.
        low: The least value of each axis.
        high: The greatest.
        size: Side of the picture in pixels.
    """
    fine, margin = 2 * size, 20  # drawn at twice the size, then reduced, for soft edges
    low_, high_ = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    place = (points.double().numpy() - low_) / np.where(high_ > low_, high_ - low_, 1.0)
    inside = place[((place >= 0) & (place <= 1)).all(1)]
    x, y = (2 * margin + inside * (fine - 4 * margin - 1)).astype(np.int64).T
    counts = np.bincount((fine - 1 - y) * fine + x, minlength=fine * fine).reshape(fine, fine)
    opacity = 1 - (1 - min(0.8, max(0.08, 40 / math.sqrt(len(points) + 1)))) ** _dots(counts)
    shade = 255 - opacity[..., None] * (255 - INK)
    image = Image.fromarray(shade.round().astype(np.uint8), "RGB").resize((size, size), Image.Resampling.BOX)
    _frame(ImageDraw.Draw(image), low_, high_, size, margin)
    return image


def _dots(counts: np.ndarray) -> np.ndarray:
    """Each count spread over a small disc."""
    near = [(i, j) for i in range(-2, 3) for j in range(-2, 3) if i * i + j * j <= 5]
    return np.sum([np.roll(counts, shift, axis=(0, 1)) for shift in near], axis=0)


def _frame(draw: ImageDraw.ImageDraw, low: np.ndarray, high: np.ndarray, size: int, margin: int) -> None:
    grey = (110, 110, 110)
    draw.rectangle((margin - 1, margin - 1, size - margin, size - margin), outline=(200, 200, 200))
    draw.text((margin, size - margin + 3), f"{low[0]:.3g}", fill=grey)
    draw.text((size - margin, size - margin + 3), f"{high[0]:.3g}", fill=grey, anchor="ra")
    draw.text((2, size - margin - 12), f"{low[1]:.3g}", fill=grey)
    draw.text((2, margin + 2), f"{high[1]:.3g}", fill=grey)
