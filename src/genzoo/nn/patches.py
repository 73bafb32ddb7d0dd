"""Patches: an image, a clip or a line as places of a sequence, and back."""

import dataclasses
import math

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from genzoo.nn.conv import image
from genzoo.nn.frames import framed
from genzoo.nn.unet import folded, unfolded

__all__ = ["Patches"]


@dataclasses.dataclass(frozen=True)
class Patches:
    """How rows of a shape are cut into patches: squares of an image or of each frame of a clip, stretches of a line.

    Sides that are no multiple of a patch's are padded with zeros, and cut back.

    Args:
        shape: (C, H, W) of an image, (T, C, H, W) of a clip, (L,) or (L, D) of a line.
        side: The side of a patch, or the length of a stretch.

    Raises:
        ValueError: If the shape is none of these.

    Example:
        >>> import torch
        >>> patches, x = Patches((3, 1, 5, 5), 4), torch.randn(2, 3, 1, 5, 5)
        >>> patches.cut(x).shape, bool((patches.joined(patches.cut(x)) == x).all())
        (torch.Size([6, 4, 16]), True)
    """

    shape: tuple[int, ...]
    side: int

    def __post_init__(self) -> None:
        if not self.is_line:
            image(framed(self.shape)[1])

    @property
    def is_line(self) -> bool:
        """Whether rows have a single axis to be cut."""
        return len(self.shape) in (1, 2)

    @property
    def frames(self) -> int:
        """How many frames a row has; 0 for what is no clip."""
        return framed(self.shape)[0]

    @property
    def grid(self) -> tuple[int, ...]:
        """How many patches there are along each axis."""
        sides = self.shape[:1] if self.is_line else self.shape[-2:]
        return tuple(-(-side // self.side) for side in sides)

    @property
    def places(self) -> int:
        """How many patches there are, of a clip in a frame."""
        return math.prod(self.grid)

    @property
    def width(self) -> int:
        """The numbers of one patch."""
        channels = math.prod(self.shape[1:]) if self.is_line else self.shape[-3]
        return channels * self.side ** (1 if self.is_line else 2)

    def cut(self, x: Float[Tensor, "B *shape"]) -> Float[Tensor, "N places width"]:
        """Patches of rows, of clips those of each frame by itself."""
        if self.is_line:
            line = x.flatten(2) if x.ndim > 2 else x[:, :, None]
            return pad(line, (0, 0, 0, -self.shape[0] % self.side)).reshape(len(x), self.places, self.width)
        frames = x.flatten(0, 1) if self.frames else x
        height, width = self.shape[-2:]
        return folded(pad(frames, (0, -width % self.side, 0, -height % self.side)), self.side).flatten(2).mT

    def joined(self, parts: Float[Tensor, "N places width"]) -> Float[Tensor, "B *shape"]:
        """Rows of patches."""
        if self.is_line:
            return parts.reshape(len(parts), self.places * self.side, -1)[:, : self.shape[0]].reshape(
                len(parts), *self.shape
            )
        height, width = self.shape[-2:]
        x = unfolded(parts.mT.unflatten(2, self.grid), self.side)[:, :, :height, :width].contiguous()
        return x.unflatten(0, (-1, self.frames)) if self.frames else x
