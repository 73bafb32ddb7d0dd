"""Clips as animations: GIF, PNG with frames, or a folder of stills."""

import dataclasses
import io
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from jaxtyping import Shaped, UInt8
from PIL import Image, ImageSequence, UnidentifiedImageError
from torch import Tensor

from genzoo._files import read_bytes, told
from genzoo.core.errors import DataError
from genzoo.data import picture
from genzoo.data.codec import Codec
from genzoo.data.codecs.image import ImageCodec

__all__ = ["ENDINGS", "ClipCodec", "Shown", "decode_clip"]

ENDINGS = (".gif", ".png", ".apng", ".webp")
MOST_FRAMES, LARGEST = 4096, 256_000_000  # frames and pixels of a clip
FORMATS = ("GIF", "PNG", "WEBP", "JPEG", "BMP")


@dataclasses.dataclass(frozen=True)
class ClipCodec(Codec):
    """Clips (T, C, H, W) of 1, 3 or 4 channels as animations: one row pixel for pixel, several side by side.

    A GIF of gray frames is exact and one of colors has a palette for each frame; a PNG is exact always. As a still
    picture a clip is a film strip, a line of its frames.

    Args:
        levels: The number of values a pixel takes, at most 256; `None` for reals in [0, 1].
        rate: Frames in a second.

    Example:
        >>> ClipCodec(256).picture(torch.zeros(2, 3, 1, 8, 8, dtype=torch.uint8)).size
        (104, 70)
    """

    kind: ClassVar[str] = "clip"
    suffix: ClassVar[str] = ".gif"
    also: ClassVar[tuple[str, ...]] = (".png", ".apng")
    levels: int | None = 256
    rate: float = 10.0

    @property
    def unit(self) -> int:
        """How long a frame lasts, in ms: a GIF counts in hundredths of a second."""
        return 10 * max(1, round(100 / self.rate))

    def pixels(self, x: Shaped[Tensor, "n T C H W"]) -> UInt8[Tensor, "n T C H W"]:
        """Bytes for viewing."""
        if x.ndim != 5:
            raise DataError(f"Clips must be (n, T, C, H, W), got {tuple(x.shape)}. Reshape them.")
        return ImageCodec(self.levels).pixels(x.flatten(0, 1)).unflatten(0, (len(x), -1))

    def save_parts(self, parts: Iterable[Shaped[Tensor, "_ T C H W"]], n: int, path: str | Path) -> Path:
        x = self.pixels(torch.cat(list(parts)))
        frames = [Image.fromarray(picture.raster(frame)) for frame in x[0]] if n == 1 else self._beside(x)
        form = "PNG" if Path(path).suffix.lower() in self.also else "GIF"
        frames[0].save(path, format=form, save_all=True, append_images=frames[1:], loop=0, duration=self.unit)
        return Path(path)

    def load(self, path: str | Path) -> Shaped[Tensor, "1 T C H W"]:
        name = Path(path).name
        with told(name):
            frames = decode_clip(name, read_bytes(path)).timed(name, self.unit)
        return ImageCodec(self.levels).values(frames)[None]

    def picture(self, x: Shaped[Tensor, "n T C H W"]) -> Image.Image | None:
        if not len(x):
            return None
        return picture.grid(self.pixels(x).flatten(0, 1), columns=x.shape[1])

    def _beside(self, x: UInt8[Tensor, "n T C H W"]) -> list[Image.Image]:
        """Clips as tiles, a picture for each moment."""
        return [picture.grid(frames) for frames in x.unbind(1)]


class Shown(NamedTuple):
    """What an animation shows, one after another.

    Attributes:
        frames: Pictures; gray where every pixel of all is.
        lasts: How long each is shown, in ms; 0 for a still.
    """

    frames: UInt8[Tensor, "T C H W"]
    lasts: list[float]

    def timed(self, name: str, unit: float) -> UInt8[Tensor, "M C H W"]:
        """The frames of a clip: a picture that lasts k units is k frames, for writers merge those that are alike.

        Args:
            name: What the file is called.
            unit: How long a frame lasts; 0 where there are stills.

        Raises:
            DataError: If some do not last a whole number of units.
        """
        times = [round(lasting / unit) if unit else 1 for lasting in self.lasts]
        if any(k * unit != lasting for k, lasting in zip(times, self.lasts, strict=True)) or sum(times) > MOST_FRAMES:
            raise DataError(
                f"Frames of {name} must last whole multiples of {unit:g} ms, up to {MOST_FRAMES:,} in all, got up to "
                f"{max(self.lasts):g} ms. Write it again at one rate."
            )
        return self.frames.repeat_interleave(torch.tensor(times), 0)


def decode_clip(name: str, content: bytes) -> Shown:
    """What an animation, or a still, shows.

    Args:
        name: What the file is called.
        content: Its bytes.

    Raises:
        DataError: If it is none, or too large.
        ValueError: If it is another file.
    """
    with told(name, "be a whole picture or animation", "Replace it."):
        try:
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                _check_size(name, image, getattr(image, "n_frames", 1))
                shown = [(_channels(frame), frame.info.get("duration", 0)) for frame in ImageSequence.Iterator(image)]
        except UnidentifiedImageError:
            raise ValueError("other content") from None  # in the place of an object in memory
    rows = torch.stack([frame for frame, _ in shown])
    if bool((rows[:, 3] == 255).all()):
        rows = rows[:, :1] if bool((rows[:, :1] == rows[:, :3]).all()) else rows[:, :3]
    return Shown(rows.contiguous(), [float(lasting) for _, lasting in shown])


def _check_size(name: str, image: Image.Image, count: int) -> None:
    if count > MOST_FRAMES or count * image.width * image.height > LARGEST:
        raise DataError(
            f"{name} must have at most {MOST_FRAMES:,} frames and {LARGEST:,} pixels, got {count:,} of "
            f"{image.width}×{image.height}. Cut it."
        )


def _channels(image: Image.Image) -> UInt8[Tensor, "4 H W"]:
    pixels = np.array(image.convert("RGBA"))
    return torch.from_numpy(pixels).permute(2, 0, 1)
