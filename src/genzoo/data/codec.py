"""Codecs: from elements of a space to files, and back.

A space is mathematics; a codec knows the file format. The way file → space → file is exact where it can be: pixels of
256 levels, numbers in a table, characters of a text. Models never see a codec.
"""

import abc
import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from jaxtyping import Shaped
from PIL import Image
from torch import Tensor

__all__ = ["Codec"]


@dataclasses.dataclass(frozen=True)
class Codec(abc.ABC):
    """The way between rows of a space and files.

    Attributes:
        kind: The name under which the codec is recorded.
        suffix: The ending of the files that it writes.
        also: Other endings, under which it writes files of another form.

    Example:
        >>> import torch
        >>> from genzoo.data import TextCodec
        >>> TextCodec("ab").texts(torch.tensor([[0, 1, 1]]))
        ['abb']
    """

    kind: ClassVar[str]
    suffix: ClassVar[str]
    also: ClassVar[tuple[str, ...]] = ()

    def save(self, x: Shaped[Tensor, "n *shape"], path: str | Path) -> Path:
        """Writes rows in the natural form of the modality; returns the path."""
        return self.save_parts([x], len(x), path)

    @abc.abstractmethod
    def save_parts(self, parts: Iterable[Shaped[Tensor, "_ *shape"]], n: int, path: str | Path) -> Path:
        """Writes rows that come part by part into one file, no more than a part at a time in memory.

        Args:
            parts: The rows, one part at least.
            n: How many there are in all.
            path: The file.

        Returns:
            The path.
        """

    @abc.abstractmethod
    def load(self, path: str | Path) -> Shaped[Tensor, "n *shape"]:
        """The rows of a file of the form that `save` writes."""

    def written(self, x: Shaped[Tensor, "n *shape"]) -> Shaped[Tensor, "n *shape"]:
        """The rows as they are read again from what is written of them."""
        return x

    def picture(self, x: Shaped[Tensor, "n *shape"]) -> Image.Image | None:
        """The rows as one picture, where they can be seen."""
        return None

    def to_json(self) -> dict[str, Any]:
        """The codec as plain JSON: its kind and its fields."""
        return {"kind": self.kind, **dataclasses.asdict(self)}
