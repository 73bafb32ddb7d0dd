"""Bijections that move entries about and change no volume."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.models.flows.bijection import Bijection, Embedded

__all__ = ["Flatten", "Patches", "Shuffle", "Squeeze"]

CORNERS = ((0, 0), (1, 1), (0, 1), (1, 0))  # of a 2 × 2 square: the black ones, then the white ones


class Flatten(Bijection):
    """Rows of a shape as vectors.

    Args:
        shape: The shape of one x.

    Example:
        >>> Flatten((2, 3))(torch.zeros(5, 2, 3))[0].shape
        torch.Size([5, 6])
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = tuple(shape)

    def forward(
        self, x: Float[Tensor, "B *event"], given: Embedded = None
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, " B"]]:
        return x.flatten(1), x.new_zeros(len(x))

    def inverse(self, z: Float[Tensor, "B D"], given: Embedded = None) -> Float[Tensor, "B *event"]:
        if z.shape[1] != math.prod(self.shape):
            raise ValueError(
                f"Rows of shape {self.shape} have {math.prod(self.shape)} entries, got {z.shape[1]}. Pass as many."
            )
        return z.unflatten(1, self.shape)


class Patches(Bijection):
    """Rows as sequences of patches: squares of an image, row after row, or stretches of axis 0.

    Args:
        shape: The shape of one x: (channels, height, width), else (length, …).
        side: The side of a square, or the length of a stretch.

    Raises:
        ValueError: If patches do not fill it.

    Example:
        >>> Patches((1, 4, 6), 2)(torch.arange(24.0).reshape(1, 1, 4, 6))[0][0, :2].tolist()
        [[0.0, 1.0, 6.0, 7.0], [2.0, 3.0, 8.0, 9.0]]
        >>> Patches((6,), 3)(torch.arange(6.0)[None])[0].tolist()
        [[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]]

    References:
        Dosovitskiy et al., 2021, "An image is worth 16×16 words", arXiv:2010.11929
    """

    def __init__(self, shape: tuple[int, ...], side: int) -> None:
        super().__init__()
        self.shape, self.side = tuple(shape), side
        cut = self.shape[1:] if len(self.shape) == 3 else self.shape[:1]
        if side < 1 or not cut or any(length % side for length in cut):
            raise ValueError(f"Patches must fill {self.shape}, got a side of {side}. Take a divisor, or 1.")
        self.count, self.numbers = math.prod(cut) // side ** len(cut), math.prod(self.shape) * side ** len(cut)
        self.numbers //= math.prod(cut)

    def forward(
        self, x: Float[Tensor, "B *event"], given: Embedded = None
    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, " B"]]:
        return self._cut(x), x.new_zeros(len(x))

    def inverse(self, z: Float[Tensor, "B T D"], given: Embedded = None) -> Float[Tensor, "B *event"]:
        if len(self.shape) != 3:
            return z.reshape(len(z), *self.shape)
        channels, height, width = self.shape
        parts = z.reshape(len(z), height // self.side, width // self.side, channels, self.side, self.side)
        return parts.permute(0, 3, 1, 4, 2, 5).reshape(len(z), *self.shape)

    def extra_repr(self) -> str:
        return f"shape={self.shape}, side={self.side}"

    def _cut(self, x: Tensor) -> Tensor:
        if len(self.shape) == 3:
            x = x.unfold(2, self.side, self.side).unfold(3, self.side, self.side).permute(0, 2, 3, 1, 4, 5)
        return x.reshape(len(x), self.count, self.numbers)


class Shuffle(Bijection):
    """Deals the entries (or channels) into two piles, the even ones first.

    A coupling treats the front half of the entries and the back half differently. After $\\lceil\\log_2 D\\rceil$
    shuffles every two entries have stood in different halves.

    Example:
        >>> Shuffle()(torch.arange(5.0)[None])[0]
        tensor([[0., 2., 4., 1., 3.]])
    """

    def forward(
        self, x: Float[Tensor, "B C *rest"], given: Embedded = None
    ) -> tuple[Float[Tensor, "B C *rest"], Float[Tensor, " B"]]:
        return torch.cat([x[:, ::2], x[:, 1::2]], dim=1), x.new_zeros(len(x))

    def inverse(self, z: Float[Tensor, "B C *rest"], given: Embedded = None) -> Float[Tensor, "B C *rest"]:
        half = (z.shape[1] + 1) // 2
        x = torch.empty_like(z)
        x[:, ::2], x[:, 1::2] = z[:, :half], z[:, half:]
        return x


class Squeeze(Bijection):
    """Every 2 × 2 square of pixels as four channels, the two diagonals one after the other.

    The front half of the channels is then the black squares of a checkerboard and the back half the white ones, so a
    coupling between contiguous halves is the checkerboard coupling of RealNVP, at a quarter of the pixels.

    Raises:
        ValueError: From both ways, if the sides are odd, or the channels no multiple of 4.

    Example:
        >>> x = torch.arange(16.0).reshape(1, 1, 4, 4)
        >>> Squeeze()(x)[0][0, :, 0, 0]  # of rows 0 1 and 4 5
        tensor([0., 5., 1., 4.])

    References:
        Dinh, Sohl-Dickstein & Bengio, 2017, "Density estimation using Real NVP", arXiv:1605.08803 (§3.6)
    """

    def forward(
        self, x: Float[Tensor, "B C H W"], given: Embedded = None
    ) -> tuple[Float[Tensor, "B C4 H2 W2"], Float[Tensor, " B"]]:
        height, width = x.shape[2:]
        if height % 2 or width % 2:
            raise ValueError(
                f"A squeeze needs an even height and width, got {height} × {width}. Crop or pad the images."
            )
        return torch.cat([x[..., i::2, j::2] for i, j in CORNERS], dim=1), x.new_zeros(len(x))

    def inverse(self, z: Float[Tensor, "B C4 H2 W2"], given: Embedded = None) -> Float[Tensor, "B C H W"]:
        n, channels, height, width = z.shape
        if channels % 4:
            raise ValueError(f"A squeeze leaves a multiple of 4 channels, got {channels}. Pass what `forward` gave.")
        x = z.new_empty(n, channels // 4, 2 * height, 2 * width)
        for (i, j), part in zip(CORNERS, z.chunk(4, dim=1), strict=True):
            x[..., i::2, j::2] = part
        return x
