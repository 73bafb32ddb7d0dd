"""Operators on pixels: what is hidden, mixed or blurred."""

import math
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from genzoo.core.noise import Noise
from genzoo.tasks.inverse.operator import Linear, Operator

__all__ = ["AveragePool", "Blur", "Gray", "Mask", "bayer", "box", "half", "hidden", "strokes", "uncrop"]

REC_601 = (0.299, 0.587, 0.114)


class Mask(Linear):
    """Some entries as they are; the others are 0 in y and count for nothing.

    Args:
        known: Which, of the shape of x for all rows, or with an axis of rows in front.
        by_row: Whether it has that axis.

    Raises:
        ValueError: If it holds other values than 0 and 1.

    Example:
        >>> mask = Mask(torch.tensor([True, False]))
        >>> mask(torch.tensor([[3.0, 4.0]])), mask.matrix()
        (tensor([[3., 0.]]), tensor([[1., 0.]], dtype=torch.float64))
    """

    known: Tensor

    def __init__(self, known: Tensor, *, by_row: bool = False) -> None:
        if not bool(((known == 0) | (known == 1)).all()):
            raise ValueError(
                f"A mask must hold 0 and 1 alone, got values up to {known.max().item():g}. Compare first."
            )
        shape = tuple(known.shape[1:] if by_row else known.shape)
        super().__init__(shape, shape)
        self._by_row = by_row
        self.register_buffer("known", known.bool())

    def forward(self, x: Float[Tensor, "B *domain"]) -> Float[Tensor, "B *range"]:
        return torch.where(self.known, x, 0)

    def adjoint(self, y: Float[Tensor, "B *range"]) -> Float[Tensor, "B *domain"]:
        return torch.where(self.known, y, 0)

    def gram(self) -> Float[Tensor, "..."]:
        return self.known.to(torch.get_default_dtype())

    @property
    def counted(self) -> Bool[Tensor, "..."]:
        return self.known

    @property
    def by_row(self) -> bool:
        return self._by_row

    def rows(self, index: Int[Tensor, " n"]) -> Operator:
        return Mask(self.known[index], by_row=True) if self._by_row else self


def hidden(shape: tuple[int, ...], share: float, *, seed: int = 0, channels: bool = True) -> Mask:
    """A mask that hides a share of the entries, anywhere.

    Args:
        shape: The shape of one x.
        share: The share that is hidden.
        seed: Names the mask.
        channels: Whether all channels of a pixel go together, where x has three axes.

    Raises:
        ValueError: If the share is not in [0, 1].

    Example:
        >>> hidden((1, 10, 10), 0.7).known.sum()
        tensor(30)
    """
    if not 0 <= share <= 1:
        raise ValueError(f"The share that is hidden must be in [0, 1], got {share}. Hide 0.7, say.")
    together = channels and len(shape) == 3
    places = math.prod(shape[1:] if together else shape)
    known = torch.ones(places, dtype=torch.bool)
    known[Noise(seed, "hidden").permutation(places)[: round(share * places)]] = False
    return Mask(known.reshape(shape[1:]).expand(shape).clone() if together else known.reshape(shape))


def box(shape: tuple[int, ...], size: int) -> Mask:
    """A mask that hides a square in the middle.

    Args:
        shape: Channels, height and width.
        size: The side of the square.

    Raises:
        ValueError: If it does not fit.

    Example:
        >>> (~box((1, 4, 4), 2).known).sum()
        tensor(4)
    """
    known = torch.ones(shape, dtype=torch.bool)
    top, left = (shape[-2] - size) // 2, (shape[-1] - size) // 2
    if not 0 < size < min(shape[-2:]):
        raise ValueError(f"The side of a box must be between 0 and {min(shape[-2:])}, got {size}. Take half of it.")
    known[..., top : top + size, left : left + size] = False
    return Mask(known)


def uncrop(shape: tuple[int, ...], size: int) -> Mask:
    """A mask that leaves a square in the middle alone: all around it is to be made up.

    Args:
        shape: Channels, height and width.
        size: The side of the square.
    """
    return Mask(~box(shape, size).known)


def half(shape: tuple[int, ...], side: Literal["lower", "upper", "left", "right"] = "lower") -> Mask:
    """A mask that hides half of a picture.

    Args:
        shape: Channels, height and width.
        side: Which half is hidden.

    Raises:
        ValueError: If the side is none.

    Example:
        >>> half((1, 4, 2)).known[0, :, 0]
        tensor([ True,  True, False, False])
    """
    known = torch.ones(shape, dtype=torch.bool)
    height, width = shape[-2] // 2, shape[-1] // 2
    parts = {
        "lower": (..., slice(height, None), slice(None)),
        "upper": (..., slice(0, height), slice(None)),
        "left": (..., slice(None), slice(0, width)),
        "right": (..., slice(None), slice(width, None)),
    }
    if side not in parts:
        raise ValueError(f"A side must be one of {', '.join(parts)}, got {side!r}. Choose one.")
    known[parts[side]] = False
    return Mask(known)


def strokes(shape: tuple[int, ...], share: float = 0.25, *, seed: int = 0) -> Mask:
    """A mask hidden by the strokes of a brush: walks of random steps, until a share is covered.

    Args:
        shape: Channels, height and width.
        share: What is covered at least.
        seed: Names the walks.

    Raises:
        ValueError: If the share is none, or so large that strokes do not come to it.

    Example:
        >>> mask = strokes((1, 28, 28), 0.2)
        >>> 0.2 <= (~mask.known).float().mean() < 0.4
        tensor(True)
    """
    if not 0 < share < 1:
        raise ValueError(f"The share that is covered must be between 0 and 1, got {share}. Cover 0.25, say.")
    height, width = shape[-2:]
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    covered, noise, reach = torch.zeros(height, width, dtype=torch.bool), Noise(seed, "strokes"), max(1, width // 28)
    for walk in range(1000):
        y, x, angle, brush, length = noise.at(walk).uniform(5, dtype=torch.float64).tolist()
        radius, turn = reach * (1 + 2 * brush), 2 * math.pi * angle
        y, x = y * height, x * width
        turns = noise.at(walk, "turns").normal(8 + int(16 * length), dtype=torch.float64).tolist()
        for bend in turns:
            turn += 0.5 * bend
            y, x = y + radius * math.sin(turn), x + radius * math.cos(turn)
            covered |= (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
            if covered.double().mean() >= share:
                return Mask((~covered).expand(shape).clone())
    raise ValueError(f"Strokes did not cover {share} of {height} × {width} pixels. Cover less.")


def bayer(shape: tuple[int, ...]) -> Mask:
    """The mosaic of a camera: of each pixel one color, red and green in one row, green and blue in the next.

    Args:
        shape: 3, height and width.

    Raises:
        ValueError: If pictures have not three colors.

    Example:
        >>> bayer((3, 2, 2)).known.sum((1, 2))
        tensor([1, 2, 1])
    """
    if len(shape) != 3 or shape[0] != 3:
        raise ValueError(f"A mosaic is of three colors, got {shape}. Give (3, height, width).")
    known = torch.zeros(shape, dtype=torch.bool)
    known[0, ::2, ::2] = known[1, ::2, 1::2] = known[1, 1::2, ::2] = known[2, 1::2, 1::2] = True
    return Mask(known)


class Gray(Linear):
    """One channel of three, by the weights of Rec. 601.

    Args:
        shape: 3, height and width.

    Raises:
        ValueError: If pictures have not three colors.

    Example:
        >>> Gray((3, 1, 1))(torch.ones(1, 3, 1, 1)).item()
        1.0
    """

    weights: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        if len(shape) != 3 or shape[0] != 3:
            raise ValueError(f"Gray is made of three colors, got {shape}. Give (3, height, width).")
        super().__init__(shape, (1, *shape[1:]))
        self.register_buffer("weights", torch.tensor(REC_601, dtype=torch.float64).reshape(3, 1, 1))

    def forward(self, x: Float[Tensor, "B *domain"]) -> Float[Tensor, "B *range"]:
        return (x * self.weights.to(x)).sum(1, keepdim=True)

    def adjoint(self, y: Float[Tensor, "B *range"]) -> Float[Tensor, "B *domain"]:
        return y * self.weights.to(y)

    def gram(self) -> Float[Tensor, "..."]:
        return self.weights.square().sum().expand(self.range)


class AveragePool(Linear):
    """Means of squares of k × k pixels.

    Args:
        shape: Channels, height and width.
        k: The side of a square, which must part both.

    Raises:
        ValueError: If squares do not part height and width.

    Example:
        >>> AveragePool((1, 2, 2), 2)(torch.tensor([[[[1.0, 3.0], [5.0, 7.0]]]])).item()
        4.0
    """

    def __init__(self, shape: tuple[int, ...], k: int) -> None:
        if len(shape) != 3 or k < 1 or shape[1] % k or shape[2] % k:
            raise ValueError(f"Squares must part height and width, got a side of {k} for {shape}. Take a divisor.")
        super().__init__(shape, (shape[0], shape[1] // k, shape[2] // k))
        self.k = k

    def forward(self, x: Float[Tensor, "B *domain"]) -> Float[Tensor, "B *range"]:
        return F.avg_pool2d(x, self.k)

    def adjoint(self, y: Float[Tensor, "B *range"]) -> Float[Tensor, "B *domain"]:
        return y.repeat_interleave(self.k, 2).repeat_interleave(self.k, 3) / self.k**2

    def gram(self) -> Float[Tensor, "..."]:
        return torch.full(self.range, 1 / self.k**2)


class Blur(Linear):
    """A convolution with a Gaussian, the picture going on around at its edges.

    Going round, it is diagonal for Fourier's waves, and so are its inverse and its singular values.

    Args:
        shape: Channels, height and width.
        sigma: The standard deviation of the Gaussian, in pixels.

    Raises:
        ValueError: If rows are no pictures, or sigma is not positive.

    Example:
        >>> Blur((1, 8, 8), 1.5)(torch.ones(1, 1, 8, 8)).std() < 1e-6
        tensor(True)
    """

    passes: Tensor

    def __init__(self, shape: tuple[int, ...], sigma: float) -> None:
        if len(shape) != 3 or sigma <= 0:
            raise ValueError(f"A blur is of pictures and positive, got {sigma} for {shape}. Take 1.5, say.")
        super().__init__(shape, shape)
        kernels = []
        for length in shape[1:]:
            places = torch.arange(length, dtype=torch.float64)
            away = torch.minimum(places, length - places)
            kernel = torch.exp(-away.square() / (2 * sigma**2))
            kernels.append(torch.fft.fft(kernel / kernel.sum()).real)
        self.register_buffer("passes", kernels[0][:, None] * kernels[1])  # what is left of each wave

    def forward(self, x: Float[Tensor, "B *domain"]) -> Float[Tensor, "B *range"]:
        return self._filtered(x, self.passes)

    def adjoint(self, y: Float[Tensor, "B *range"]) -> Float[Tensor, "B *domain"]:
        return self._filtered(y, self.passes)

    def pinv(
        self, y: Float[Tensor, "B *range"], *, ridge: float = 0.0, iterations: int = 200
    ) -> Float[Tensor, "B *domain"]:
        """Wiener's filter; without a ridge waves below rounding are left out."""
        squares = self.passes.square()
        kept = (squares + ridge) > 1e-20
        return self._filtered(y, torch.where(kept, self.passes / (squares + ridge).clamp_min(1e-300), 0))

    def _filtered(self, x: Tensor, waves: Tensor) -> Tensor:
        return torch.fft.ifft2(torch.fft.fft2(x) * waves.to(x)).real
