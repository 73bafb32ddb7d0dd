"""Augmentation: images flipped, shifted and cropped at random, anew in every epoch.

Images of the same size in the condition move with x, so that pairs stay pairs. Validation and test see the images as
they are, and the middle of them where training sees a random crop.
"""

import dataclasses
import functools
import re
from collections.abc import Sequence

import torch
from jaxtyping import Int, Shaped
from torch import Tensor
from torch.nn import functional

from genzoo.core import Noise, Space
from genzoo.core.errors import DataError, nearest
from genzoo.data.view import View

__all__ = ["Augmented", "Step", "middle", "parse"]

KINDS = ("flip", "shift", "crop")
STEP = re.compile(r"(?P<kind>[a-z]+)(=(?P<pixels>\d+)(:(?P<edge>[a-z]+))?)?")


@dataclasses.dataclass(frozen=True)
class Step:
    """One part of an augmentation.

    Attributes:
        kind: "flip" left and right with probability ½; "shift" by up to so many pixels each way; "crop" a square of
            so many pixels from a random place.
        pixels: How many.
        edge: What a shift brings in: "zero" or "reflect".
    """

    kind: str
    pixels: int = 0
    edge: str = "zero"

    def __str__(self) -> str:
        return self.kind + (f"={self.pixels}" if self.pixels else "") + (":reflect" if self.edge == "reflect" else "")


def parse(text: str) -> tuple[Step, ...]:
    """An augmentation as it is written.

    Raises:
        DataError: If it is written wrongly.

    Example:
        >>> [str(step) for step in parse("flip, shift=2:reflect, crop=28")]
        ['flip', 'shift=2:reflect', 'crop=28']
    """
    steps = []
    for part in text.split(","):
        match = STEP.fullmatch(part.strip())
        if match is None or match["kind"] not in KINDS:
            raise DataError(f"An augmentation must be of {', '.join(KINDS)}, got {part.strip()!r}. "
                            f"{nearest(part.split('=')[0].strip(), KINDS)}")  # fmt: skip
        pixels, edge = int(match["pixels"] or 0), match["edge"] or "zero"
        if (pixels > 0) != (match["kind"] != "flip") or edge not in ("zero", "reflect"):
            raise DataError(f"Write flip, shift=2, shift=2:reflect or crop=28, got {part.strip()!r}. Change it.")
        steps.append(Step(match["kind"], pixels, edge))
    return tuple(steps)


class Augmented(View):
    """Images seen through an augmentation, keyed by (seed, epoch, row).

    Args:
        source: The images, or a view of them.
        space: Their space.
        steps: What is done to them, in order.

    Raises:
        DataError: If they are no images, or a shift or crop is larger than they are.

    Example:
        >>> view = Augmented(torch.arange(16).reshape(1, 1, 4, 4), Space((1, 4, 4), levels=16), parse("flip"))
        >>> first = [view.rows(torch.tensor([0]), seed=0, epoch=epoch)[0, 0, 0].tolist() for epoch in range(9)]
        >>> sorted({tuple(line) for line in first})
        [(0, 1, 2, 3), (3, 2, 1, 0)]
    """

    def __init__(self, source: Shaped[Tensor, "n *shape"] | View, space: Space, steps: Sequence[Step]) -> None:
        if len(space.shape) != 3 or space.ragged:
            raise DataError(f"Only images can be augmented, got {space}. Leave `augment` out.")
        height, width = space.shape[1:]
        for step in steps:
            if step.kind == "shift" and step.pixels >= min(height, width):
                raise DataError(f"A shift must be below the side {min(height, width)}, got {step.pixels}. Reduce it.")
            if step.kind == "crop" and step.pixels > min(height, width):
                raise DataError(f"A crop must be within {height}×{width}, got {step.pixels}. Reduce it.")
            height, width = (step.pixels, step.pixels) if step.kind == "crop" else (height, width)
        self.source, self.steps, self.size = source, tuple(steps), tuple(space.shape[1:])

    @property
    def name(self) -> str:
        before = f"{self.source.name}, " if isinstance(self.source, View) else ""
        return f"{before}augment {','.join(map(str, self.steps))}"

    def rows(self, numbers: Int[Tensor, " n"], seed: int, epoch: int) -> Shaped[Tensor, "n C h w"]:
        source = self.source
        x = source.rows(numbers, seed, epoch) if isinstance(source, View) else source.index_select(0, numbers)
        return self._moved(x, numbers, seed, epoch)

    def beside(self, name: str, given: Tensor, numbers: Int[Tensor, " n"], seed: int, epoch: int) -> Tensor:
        if isinstance(self.source, View):
            given = self.source.beside(name, given, numbers, seed, epoch)
        is_alike = given.ndim == 4 and tuple(given.shape[2:]) == self.size
        return self._moved(given, numbers, seed, epoch) if is_alike else given

    def _moved(self, x: Tensor, numbers: Tensor, seed: int, epoch: int) -> Tensor:
        for place, step in enumerate(self.steps):
            noise = Noise(seed, "augment", epoch, place, step.kind).rows(numbers)
            x = MOVES[step.kind](x, step, noise)
        return x


def middle(x: Shaped[Tensor, "n C H W"], steps: Sequence[Step]) -> Shaped[Tensor, "n C h w"]:
    """The middle of images, of the size that an augmentation leaves; no copy.

    Example:
        >>> middle(torch.zeros(5, 3, 32, 32), parse("flip,crop=28")).shape
        torch.Size([5, 3, 28, 28])
    """
    for step in steps:
        if step.kind == "crop":
            top, left = ((side - step.pixels) // 2 for side in x.shape[2:])
            x = x[:, :, top : top + step.pixels, left : left + step.pixels]
    return x


def _flip(x: Tensor, step: Step, noise: Noise) -> Tensor:
    flipped = noise.integers(2, len(x)).bool()
    return torch.where(flipped[:, None, None, None], x.flip(-1), x)


def _shift(x: Tensor, step: Step, noise: Noise) -> Tensor:
    height, width = x.shape[2:]
    offset = noise.integers(2 * step.pixels + 1, len(x), 2)
    return _windows(_padded(x, step), offset, height, width)


def _crop(x: Tensor, step: Step, noise: Noise) -> Tensor:
    room = torch.tensor([side - step.pixels + 1 for side in x.shape[2:]])
    return _windows(x, (noise.words(len(x), 2) * room) >> 32, step.pixels, step.pixels)


MOVES = {"flip": _flip, "shift": _shift, "crop": _crop}


def _windows(x: Tensor, offset: Int[Tensor, "n 2"], height: int, width: int) -> Tensor:
    """From each image the window at its own offset."""
    views = x.unfold(2, height, 1).unfold(3, width, 1)  # every window there is, without a copy
    return views[torch.arange(len(x)), :, offset[:, 0], offset[:, 1]]


def _padded(x: Tensor, step: Step) -> Tensor:
    if step.edge == "zero":
        return functional.pad(x, (step.pixels,) * 4)
    for axis in (2, 3):
        x = x.index_select(axis, _reflected(x.shape[axis], step.pixels))
    return x


@functools.lru_cache(maxsize=8)
def _reflected(side: int, pixels: int) -> Tensor:
    """The places of a mirrored border: 2 1 | 0 1 2 3 | 2 1."""
    place = torch.arange(-pixels, side + pixels).abs()
    return torch.where(place >= side, 2 * (side - 1) - place, place)
