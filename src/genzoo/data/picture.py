"""Pictures of rows: grids of images, scatters of points. Drawn with Pillow alone, no plotting library."""

import io
import math
import struct
import zlib
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Shaped, UInt8
from PIL import Image, ImageDraw
from torch import Tensor

__all__ = ["CHANNELS", "grid", "png", "raster", "scatter", "tiles"]

CHANNELS = (1, 3, 4)
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
    n, channels, height, width = pixels.shape
    columns = min(n, columns or math.ceil(math.sqrt(n)))
    scale = max(1, side // max(height, width))
    gap = max(1, scale // 2)
    lines = -(-n // columns)
    down, across = height * scale + gap, width * scale + gap
    white = 255 if pixels.dtype == torch.uint8 else 65535
    canvas = np.full((lines * down + gap, columns * across + gap, channels), white, dtype=pixels.numpy().dtype)
    for i, tile in enumerate(pixels.permute(0, 2, 3, 1).numpy().repeat(scale, axis=1).repeat(scale, axis=2)):
        y, x = gap + i // columns * down, gap + i % columns * across
        canvas[y : y + height * scale, x : x + width * scale] = tile
    return canvas[..., 0] if channels == 1 else canvas


def grid(pixels: UInt8[Tensor, "n C H W"], *, columns: int | None = None, side: int = 32) -> Image.Image:
    """Images as tiles of one picture."""
    return Image.fromarray(tiles(pixels, columns=columns, side=side))


def png(array: Shaped[np.ndarray, "H W *C"], *, is_deep: bool = False) -> bytes:
    """A PNG file of grey, RGB or RGBA pixels; with 16 bits per channel, which Pillow writes for grey alone, by hand.

    References:
        Boutell et al., 1997, "PNG (Portable Network Graphics) Specification", RFC 2083
    """
    if not is_deep:
        buffer = io.BytesIO()
        Image.fromarray(array.astype(np.uint8)).save(buffer, format="PNG")
        return buffer.getvalue()
    height, width = array.shape[:2]
    kind = {1: 0, 3: 2, 4: 6}[math.prod(array.shape[2:])]
    lines = array.astype(">u2").reshape(height, -1).view(np.uint8)
    filtered = np.pad(lines, ((0, 0), (1, 0)))  # every line begins with its filter: none
    header = struct.pack(">2I5B", width, height, 16, kind, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(filtered.tobytes())), (b"IEND", b"")]
    parts = [struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
             for name, data in chunks]  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


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
