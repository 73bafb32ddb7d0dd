"""JPEG as an operator and a channel: cosine coefficients of squares, of which only the bin is known.

$$ y = \\mathrm{DCT}(P\\,C\\,255\\,x), \\qquad |y_i - q_i k_i| \\le q_i / 2, $$

C mixes colors to brightness and two differences, P takes the mean of every four pixels of the differences where they
are subsampled (4:2:0), and q is a table. All of it is linear but the rounding, which is an interval and no Gaussian.

References:
    Wallace, 1992, "The JPEG still picture compression standard"
"""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from genzoo.tasks.inverse.measurement import Interval
from genzoo.tasks.inverse.operator import Linear

__all__ = ["BlockDCT", "Subsampling", "jpeg"]

Subsampling = Literal["4:4:4", "4:2:0"]
BLOCK = 8  # the side of JPEG's squares
WHOLE = (  # the first four pixels of each of eight waves, times 8192 √8, as decoders have them
    (8192, 8192, 8192, 8192), (11363, 9633, 6437, 2260), (10703, 4433, -4433, -10703), (9633, -2259, -11362, -6436),
    (8192, -8192, -8192, 8192), (6437, -11362, 2261, 9633), (4433, -10704, 10704, -4433), (2260, -6436, 9633, -11363),
)  # fmt: skip
GRAIN = 1 / (4 * math.sqrt(8))  # to which libjpeg rounds between columns and rows
LUMINANCE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29,
    51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120,
    101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
CHROMINANCE = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99,
    99, 99, 99, *([99] * 32),
)  # fmt: skip
JFIF = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))  # RGB to Y, Cb, Cr


class BlockDCT(Linear):
    """The cosine transform of squares of 8 × 8 pixels, of numbers from 0 to 255; of colors, as brightness and two
    differences.

    Args:
        shape: 1 or 3 channels, height and width, which 8 must part.
        subsampling: "4:2:0" sees the differences of colors as means of four pixels, whose squares then cover 16 × 16:
            these must part the picture, and y is one long row, brightness first.

    Raises:
        ValueError: If squares do not part the picture.

    Example:
        >>> BlockDCT((1, 8, 8))(torch.ones(1, 1, 8, 8))[0, 0, 0, 0].round()
        tensor(2040.)
        >>> BlockDCT((3, 16, 16), "4:2:0").range
        (384,)
    """

    basis: Tensor
    colors: Tensor

    def __init__(self, shape: tuple[int, ...], subsampling: Subsampling = "4:4:4") -> None:
        self.halved = subsampling == "4:2:0"
        side = 2 * BLOCK if self.halved else BLOCK
        channels = (3,) if self.halved else (1, 3)
        if len(shape) != 3 or shape[0] not in channels or shape[1] % side or shape[2] % side:
            raise ValueError(
                f"Squares of {side} must part a picture of {' or '.join(map(str, channels))} channels, got {shape}. "
                "Crop it."
            )
        super().__init__(shape, (shape[1] * shape[2] * 3 // 2,) if self.halved else shape)
        k = torch.arange(BLOCK, dtype=torch.float64)
        basis = torch.cos(math.pi * k[:, None] * (2 * k + 1) / (2 * BLOCK)) * math.sqrt(2 / BLOCK)
        basis[0] /= math.sqrt(2)
        self.register_buffer("basis", basis)
        self.register_buffer("colors", torch.tensor(JFIF if shape[0] == 3 else ((1.0,),), dtype=torch.float64))

    def forward(self, x: Float[Tensor, "B *domain"]) -> Float[Tensor, "B *range"]:
        channels = torch.einsum("dc,bchw->bdhw", self.colors.to(x), 255 * x)
        if not self.halved:
            return self._waves(channels)
        return self.joined(self._waves(channels[:, :1]), self._waves(F.avg_pool2d(channels[:, 1:], 2)))

    def gram(self) -> Float[Tensor, "..."] | None:
        return torch.full(self.range, 255.0**2) if self.domain[0] == 1 else None

    def pinv(
        self, y: Float[Tensor, "B *range"], *, ridge: float = 0.0, iterations: int = 200
    ) -> Float[Tensor, "B *domain"]:
        """The picture that has these coefficients; of subsampled ones, that of least length."""
        if ridge or self.halved:
            return super().pinv(y, ridge=ridge, iterations=iterations)
        return torch.einsum("dc,bchw->bdhw", torch.linalg.inv(self.colors).to(y), self._pixels(y)) / 255

    def decoded(self, y: Float[Tensor, "B *range"]) -> Float[Tensor, "B *domain"]:
        """What a decoder shows: brightness and differences are rounded to levels, these laid between pixels where they
        are subsampled, mixed to colors and rounded again.

        Args:
            y: Coefficients.
        """
        kind, y, middle = y.dtype, y.double(), 128.0
        if not self.halved:
            parts = self._pixels(y, GRAIN)
        else:
            bright, others = self.parted(y)
            fine = F.interpolate(_level(self._pixels(others, GRAIN) + middle), scale_factor=2, mode="bilinear")
            fine[..., 1::2] -= 1 / 16  # of halves, every other one is rounded down
            parts = torch.cat([self._pixels(bright, GRAIN), fine - middle], 1)
        shift = torch.tensor([0.0, middle, middle] if self.domain[0] == 3 else [0.0]).to(y)[:, None, None]
        levels = _level(parts + shift) - shift
        return _level(torch.einsum("dc,bchw->bdhw", torch.linalg.inv(self.colors).to(y), levels)).to(kind) / 255

    def joined(self, bright: Float[Tensor, "B 1 H W"], others: Float[Tensor, "B 2 h w"]) -> Float[Tensor, "B m"]:
        """One long row of brightness and differences."""
        return torch.cat([bright.flatten(1), others.flatten(1)], 1)

    def parted(self, y: Float[Tensor, "B m"]) -> tuple[Float[Tensor, "B 1 H W"], Float[Tensor, "B 2 h w"]]:
        """And back."""
        _, height, width = self.domain
        bright, others = y.split([height * width, height * width // 2], 1)
        return bright.unflatten(1, (1, height, width)), others.unflatten(1, (2, height // 2, width // 2))

    def _waves(self, channels: Tensor) -> Tensor:
        """Coefficients of each square, in its place."""
        basis = self.basis.to(channels)
        return torch.einsum("ui,bchiwj,vj->bchuwv", basis, _squares(channels), basis).flatten(4, 5).flatten(2, 3)

    def _pixels(self, waves: Tensor, grain: float = 0.0) -> Tensor:
        """The way back, down columns and then along rows; decoders round between the two."""
        basis = (_in_whole_numbers() if grain else self.basis).to(waves)
        columns = torch.einsum("ui,bchuwv->bchiwv", basis, _squares(waves))
        columns = _half_up(columns / grain) * grain if grain else columns
        return torch.einsum("bchiwv,vj->bchiwj", columns, basis).flatten(4, 5).flatten(2, 3)


def _in_whole_numbers() -> Float[Tensor, "8 8"]:
    """The cosines as libjpeg rounds them."""
    first = torch.tensor(WHOLE, dtype=torch.float64)
    sign = torch.tensor([1.0, -1.0] * (BLOCK // 2), dtype=torch.float64)[:, None]
    return torch.cat([first, sign * first.flip(1)], 1) / (8192 * math.sqrt(BLOCK))


def _squares(x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C h 8 w 8"]:
    return x.unflatten(3, (-1, BLOCK)).unflatten(2, (-1, BLOCK))


def _level(x: Tensor) -> Tensor:
    return _half_up(x).clamp(0, 255)


def _half_up(x: Tensor) -> Tensor:
    """The nearest whole number, a half going up: as decoders round; what differs from a half by rounding is one."""
    return (x + 0.5 + 1e-9).floor()


def jpeg(shape: tuple[int, ...], quality: int, subsampling: Subsampling = "4:4:4") -> tuple[BlockDCT, Interval]:
    """JPEG, as an operator and a channel: coefficients of which only the bin is known that each was rounded to.

    Args:
        shape: 1 or 3 channels, height and width, which 8 must part; 16 where colors are subsampled.
        quality: From 1 to 100, as libjpeg counts.
        subsampling: "4:2:0", as most files have it, takes the mean of the colors of four pixels.

    Raises:
        ValueError: If the quality is out of range, or squares do not part the picture.

    Example:
        >>> operator, channel = jpeg((1, 8, 8), 50)
        >>> channel.step[0, 0, :3]
        tensor([16., 11., 10.], dtype=torch.float64)
    """
    if not 1 <= quality <= 100:
        raise ValueError(f"`quality` must be from 1 to 100, got {quality}. Take 10.")
    if subsampling not in ("4:4:4", "4:2:0"):
        raise ValueError(f"`subsampling` must be 4:4:4 or 4:2:0, got {subsampling!r}. Most files have 4:2:0.")
    operator, scale = BlockDCT(shape, subsampling), 5000 // quality if quality < 50 else 200 - 2 * quality
    tables = [LUMINANCE] if shape[0] == 1 else [LUMINANCE, CHROMINANCE, CHROMINANCE]
    steps = ((torch.tensor(tables, dtype=torch.float64) * scale + 50) / 100).floor().clamp(1, 255)
    step = steps.view(-1, BLOCK, BLOCK).repeat(1, shape[1] // BLOCK, shape[2] // BLOCK)
    offset = torch.zeros_like(step)
    offset[0, ::BLOCK, ::BLOCK] = 128 * BLOCK  # brightness is counted from its middle
    if operator.halved:
        small = slice(None), slice(shape[1] // 2), slice(shape[2] // 2)
        step, offset = (operator.joined(part[None, :1], part[None, 1:][:, *small])[0] for part in (step, offset))
    return operator, Interval(step, offset)
