"""Codecs: from elements of a space to files, and back.

A space is mathematics; a codec knows the file format. The way file → space → file is exact where it can be: pixels of
256 levels, numbers in a table, characters of a text. Models never see a codec.
"""

import abc
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Shaped, UInt8
from PIL import Image
from torch import Tensor

from genzoo.core import Space
from genzoo.data import picture
from genzoo.data.error import DataError, nearest

__all__ = ["ArrayCodec", "Codec", "ImageCodec", "codec_for"]


@dataclasses.dataclass(frozen=True)
class Codec(abc.ABC):
    """The way between rows of a space and files.

    Attributes:
        kind: The name under which the codec is recorded.
        suffix: The ending of the files that it writes.

    Example:
        >>> codec = Codec.from_json({"kind": "text", "alphabet": "ab"})
        >>> codec.texts(torch.tensor([[0, 1, 1]]))
        ['abb']
    """

    kind: ClassVar[str]
    suffix: ClassVar[str]

    @abc.abstractmethod
    def save(self, x: Shaped[Tensor, "n *shape"], path: str | Path) -> Path:
        """Writes rows in the natural form of the modality; returns the path."""

    @abc.abstractmethod
    def load(self, path: str | Path) -> Shaped[Tensor, "n *shape"]:
        """The rows of a file of the form that `save` writes."""

    def picture(self, x: Shaped[Tensor, "n *shape"]) -> Image.Image | None:
        """The rows as one picture, where they can be seen."""
        return None

    def to_json(self) -> dict[str, Any]:
        """The codec as plain JSON: its kind and its fields."""
        return {"kind": self.kind, **dataclasses.asdict(self)}

    @staticmethod
    def from_json(fields: Mapping[str, Any]) -> "Codec":
        """The codec that `to_json` wrote.

        Raises:
            DataError: If the kind is unknown.
        """
        kinds = _kinds()
        kind, rest = str(fields.get("kind")), {name: value for name, value in fields.items() if name != "kind"}
        if kind not in kinds:
            raise DataError(f"A codec's kind must be one of {sorted(kinds)}, got {kind!r}. {nearest(kind, kinds)}")
        return kinds[kind](**{name: tuple(v) if isinstance(v, list) else v for name, v in rest.items()})


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

    def save(self, x: Shaped[Tensor, "n C H W"], path: str | Path) -> Path:
        pixels = self._spread(x, 65536 if self.is_deep else 256)
        array = picture.raster(pixels[0]) if len(pixels) == 1 else picture.tiles(pixels)
        Path(path).write_bytes(picture.png(array, is_deep=self.is_deep))
        return Path(path)

    def save_each(self, x: Shaped[Tensor, "n C H W"], folder: str | Path) -> list[Path]:
        """Writes every row to a file of its own, pixel for pixel; returns the paths."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        width = len(str(max(0, len(x) - 1)))
        return [self.save(x[i : i + 1], Path(folder) / f"{i:0{width}d}.png") for i in range(len(x))]

    def load(self, path: str | Path) -> Shaped[Tensor, "1 C H W"]:
        from genzoo.data.readers.images import open_image

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


@dataclasses.dataclass(frozen=True)
class ArrayCodec(Codec):
    """Rows of any other shape as one NumPy array."""

    kind: ClassVar[str] = "array"
    suffix: ClassVar[str] = ".npy"

    def save(self, x: Shaped[Tensor, "n *shape"], path: str | Path) -> Path:
        with open(path, "wb") as file:  # np.save given a name would append its own ending
            np.save(file, x.detach().cpu().numpy(), allow_pickle=False)
        return Path(path)

    def load(self, path: str | Path) -> Shaped[Tensor, "n *shape"]:
        return torch.from_numpy(np.load(path, allow_pickle=False))


def _kinds() -> dict[str, Any]:
    """Every codec by its kind: a run's record names one of these, never a class."""
    from genzoo.data.codecs.audio import SoundCodec
    from genzoo.data.codecs.molecules import MoleculeCodec
    from genzoo.data.codecs.sequences import SequenceCodec
    from genzoo.data.codecs.table import PointsCodec, TableCodec
    from genzoo.data.codecs.text import TextCodec
    from genzoo.data.codecs.tokens import TokenCodec

    plain = (ArrayCodec, ImageCodec, PointsCodec, TableCodec)
    codecs = (*plain, MoleculeCodec, SequenceCodec, SoundCodec, TextCodec, TokenCodec)
    return {codec.kind: codec for codec in codecs}


def codec_for(x: Shaped[Tensor, "n *shape"], space: Space) -> Codec:
    """The codec that suits rows of which only the space is known.

    Example:
        >>> codec_for(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), Space((1, 8, 8), levels=256))
        ImageCodec(levels=256)
    """
    from genzoo.data.codecs.table import PointsCodec, TableCodec

    shape, levels = space.shape, space.levels
    if len(shape) == 3 and shape[0] in picture.CHANNELS and levels is not None and levels <= 65536:
        return ImageCodec(levels)
    if shape == (2,) and levels is None:
        return PointsCodec.around(x)
    if len(shape) == 1 and not space.ragged:
        return TableCodec(tuple(f"x{i + 1}" for i in range(shape[0])), levels)
    return ArrayCodec()
