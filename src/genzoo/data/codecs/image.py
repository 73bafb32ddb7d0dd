"""Images as PNG: pixels of up to 65,536 levels go to files and come back exactly."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import torch
from jaxtyping import Shaped, UInt8
from PIL import Image
from torch import Tensor

from genzoo._files import read_bytes, told
from genzoo.core import Space
from genzoo.core.errors import DataError
from genzoo.data import picture
from genzoo.data.codec import Codec
from genzoo.data.pixels import Color, Wanted, look_at, pixels, strictly

__all__ = ["ImageCodec", "open_image"]


@dataclasses.dataclass(frozen=True)
class ImageCodec(Codec):
    """Images of 1, 3 or 4 channels as PNG: one row pixel for pixel, several as a grid.

    Up to 256 levels are spread over 0 … 255, more over the 0 … 65535 of a PNG of 16 bits,
    $p = \\mathrm{round}(v\\, (P - 1) / (levels - 1))$, and read back exactly; reals are taken to lie in [0, 1].

    Args:
        levels: The number of values a pixel takes, at most 65536; `None` for reals.

    Example:
        >>> ImageCodec(levels=17).pixels(torch.tensor([[[[0, 8, 16]]]])).flatten().tolist()
        [0, 128, 255]
    """

    kind: ClassVar[str] = "image"
    suffix: ClassVar[str] = ".png"
    levels: int | None = 256

    @property
    def is_deep(self) -> bool:
        """Whether its files have 16 bits per channel."""
        return self.levels is not None and self.levels > 256

    def pixels(self, x: Shaped[Tensor, "n C H W"]) -> UInt8[Tensor, "n C H W"]:
        """Bytes for viewing."""
        return self._spread(x, 256).to(torch.uint8)

    def values(self, pixels: Shaped[Tensor, "n C H W"]) -> Shaped[Tensor, "n C H W"]:
        """The elements of the space whose pixels in a file these are."""
        if self.levels is None:
            return pixels.float() / 255
        values = (pixels.double() * (self.levels - 1) / (65535 if self.is_deep else 255)).round()
        return values.to(getattr(torch, Space((1,), self.levels).dtype))

    def save_parts(self, parts: Iterable[Shaped[Tensor, "_ C H W"]], n: int, path: str | Path) -> Path:
        pixels = (self._spread(part, 65536 if self.is_deep else 256) for part in parts)
        with open(path, "wb") as file:
            if n == 1:
                picture.write_png(file, [picture.raster(next(pixels)[0])], is_deep=self.is_deep)
            else:
                picture.write_png(file, picture.bands(pixels, n), is_deep=self.is_deep)
        return Path(path)

    def pngs(self, x: Shaped[Tensor, "n C H W"]) -> list[bytes]:
        """Every row as a file of its own, pixel for pixel."""
        pixels = self._spread(x, 65536 if self.is_deep else 256)
        return [picture.png(picture.raster(each), is_deep=self.is_deep) for each in pixels]

    def save_each(self, x: Shaped[Tensor, "n C H W"], folder: str | Path) -> list[Path]:
        """Writes every row to a file of its own; returns the paths."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        width = len(str(max(0, len(x) - 1)))
        paths = [Path(folder) / f"{i:0{width}d}.png" for i in range(len(x))]
        for path, content in zip(paths, self.pngs(x), strict=True):
            path.write_bytes(content)
        return paths

    def load(self, path: str | Path) -> Shaped[Tensor, "1 C H W"]:
        return self.values(open_image(Path(path), 65536 if self.is_deep else 256)[None])

    def picture(self, x: Shaped[Tensor, "n C H W"]) -> Image.Image | None:
        return picture.grid(self.pixels(x)) if len(x) else None

    def _spread(self, x: Tensor, values: int) -> Tensor:
        """Rows as whole numbers below so many values."""
        if x.ndim != 4 or x.shape[1] not in picture.CHANNELS:
            raise DataError(
                f"Images must be (n, C, H, W) with 1, 3 or 4 channels, got {tuple(x.shape)}. Reshape them."
            )
        x = x.detach().cpu()
        if self.levels == values:
            return x
        highest = 1 if self.levels is None else max(1, self.levels - 1)
        return (x.double() * (values - 1) / highest).round().clamp(0, values - 1).long()


def open_image(path: Path, levels: int | None = None, color: Color | None = None) -> Shaped[Tensor, "C H W"]:
    """One image: bytes, or int32 where it has 16 bits.

    Args:
        path: The file.
        levels: The number of values of a pixel; by default 256 or 65536, as the file has it.
        color: What it is seen in; by default its own. Transparency is laid over white where there is to be none.

    Raises:
        DataError: If it cannot be read, or is too large.
    """
    with told(path.name, fix="Check the path."):
        content = read_bytes(path)
    with strictly():
        look = look_at(path.name, content)
        wanted = Wanted(None, "crop", color or look.color, levels or look.levels)
        return torch.from_numpy(pixels(path.name, content, wanted)[1])
