"""Operators on waves: what a scanner, a coder or a slow recorder sees."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.tasks.inverse.operator import Linear

__all__ = ["Every", "Fourier", "LowPass", "Radon", "decimate"]


class Fourier(Linear):
    """Some lines of the Fourier transform, as a scanner for magnetic resonance takes them; of each number the real and
    the imaginary part.

    Args:
        shape: Channels, height and width.
        lines: Which rows of frequencies are taken, the middle one being that of the mean.

    Raises:
        ValueError: If there is not one answer for each row.

    Example:
        >>> whole = Fourier((1, 4, 4), torch.ones(4, dtype=torch.bool))
        >>> x = Noise(0).normal(1, 1, 4, 4)
        >>> torch.allclose(whole.adjoint(whole(x)), x, atol=1e-6)
        True
    """

    lines: Tensor

    def __init__(self, shape: tuple[int, ...], lines: Bool[Tensor, " height"]) -> None:
        if len(shape) != 3 or tuple(lines.shape) != (shape[1],):
            raise ValueError(f"There must be one answer for each of the rows of {shape}, got {tuple(lines.shape)}.")
        super().__init__(shape, (2 * shape[0], *shape[1:]))
        self.register_buffer("lines", lines.bool())

    @classmethod
    def at_random(cls, shape: tuple[int, ...], share: float, *, seed: int = 0) -> "Fourier":
        """A share of the lines: a third of them around the middle, the rest anywhere.

        Args:
            shape: Channels, height and width.
            share: The share that is taken.
            seed: Names the lines.

        Example:
            >>> Fourier.at_random((1, 16, 16), 0.25).lines.sum()
            tensor(4)
        """
        height, count = shape[1], max(1, round(share * shape[1]))
        middle = max(1, count // 3)
        order = ((torch.arange(height) - height // 2).abs()).argsort(stable=True)
        rest = order[middle:][Noise(seed, "lines").permutation(height - middle)]
        lines = torch.zeros(height, dtype=torch.bool)
        lines[torch.cat([order[:middle], rest[: count - middle]])] = True
        return cls(shape, lines)

    def forward(self, x: Float[Tensor, "B *domain"]) -> Float[Tensor, "B *range"]:
        waves = torch.fft.fftshift(torch.fft.fft2(x, norm="ortho"), dim=(-2, -1))
        return torch.where(self.lines[:, None], torch.cat([waves.real, waves.imag], 1), 0)

    def adjoint(self, y: Float[Tensor, "B *range"]) -> Float[Tensor, "B *domain"]:
        real, imaginary = torch.where(self.lines[:, None], y, 0).chunk(2, 1)
        waves = torch.fft.ifftshift(torch.complex(real, imaginary), dim=(-2, -1))
        return torch.fft.ifft2(waves, norm="ortho").real

    @property
    def counted(self) -> Bool[Tensor, "..."]:
        return self.lines[:, None].expand(self.range)


class Radon(Linear):
    """Sums along parallel rays from several sides, as a scanner of absorption takes them.

    Rays are summed by Joseph's rule: at each row or column that a ray crosses, by interpolation between two pixels.

    Args:
        shape: Channels, and twice the side of a square.
        views: From how many sides, evenly over half a turn.

    Raises:
        ValueError: If pictures are not square.

    Example:
        >>> Radon((1, 8, 8), 2)(torch.ones(1, 1, 8, 8))[0, 0, 0, 4]
        tensor(8.)

    References:
        Joseph, 1982, "An improved algorithm for reprojecting rays through pixel images"
    """

    places: Tensor
    weights: Tensor

    def __init__(self, shape: tuple[int, ...], views: int) -> None:
        if len(shape) != 3 or shape[1] != shape[2] or views < 1:
            raise ValueError(f"Rays go through squares, from one side at least, got {shape} and {views} views.")
        super().__init__(shape, (shape[0], views, shape[1]))
        places, weights = zip(*(_rays(math.pi * k / views, shape[1]) for k in range(views)), strict=True)
        self.register_buffer("places", torch.cat(places))
        self.register_buffer("weights", torch.cat(weights))

    def forward(self, x: Float[Tensor, "B *domain"]) -> Float[Tensor, "B *range"]:
        flat = x.flatten(2)
        return (flat[:, :, self.places] * self.weights.to(x)).sum(-1).unflatten(2, self.range[1:])


def _rays(angle: float, size: int) -> tuple[Tensor, Tensor]:
    """The pixels that each of the rays of a view meets, and with what weight."""
    along, middle = torch.arange(size, dtype=torch.float64), (size - 1) / 2
    offset = along - middle  # of the rays, and of the pixels
    cosine, sine = math.cos(angle), math.sin(angle)
    steep = abs(cosine) >= abs(sine)  # such rays cross every row
    major, minor = (cosine, sine) if steep else (sine, cosine)
    cross = (offset[:, None] - offset[None] * minor) / major + middle
    low = cross.floor()
    share = cross - low
    pairs = []
    for place, weight in ((low, 1 - share), (low + 1, share)):
        inside = (place >= 0) & (place < size)
        at = place.clamp(0, size - 1).long()
        line = torch.arange(size).expand_as(at)
        pixel = line * size + at if steep else at * size + line
        pairs.append((pixel, torch.where(inside, weight, 0) / abs(major)))
    return torch.cat([pixel for pixel, _ in pairs], 1), torch.cat([weight for _, weight in pairs], 1)


class LowPass(Linear):
    """Waves up to a share of the highest one, the others gone: a projection.

    Args:
        shape: The last axis is time.
        share: The share of the frequencies that is left.

    Raises:
        ValueError: If the share does not lie in (0, 1].

    Example:
        >>> LowPass((8,), 0.5)(torch.tensor([[1.0, -1.0] * 4])).abs().max() < 1e-6
        tensor(True)
    """

    passes: Tensor

    def __init__(self, shape: tuple[int, ...], share: float) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"The share of the frequencies that is left must be in (0, 1], got {share}. Take 0.5.")
        super().__init__(shape, shape)
        waves = torch.fft.rfftfreq(shape[-1], dtype=torch.float64) * 2
        self.register_buffer("passes", waves < share if share < 1 else torch.ones_like(waves).bool())

    def forward(self, x: Float[Tensor, "B *domain"]) -> Float[Tensor, "B *range"]:
        return torch.fft.irfft(torch.fft.rfft(x) * self.passes.to(x), n=self.domain[-1])

    def adjoint(self, y: Float[Tensor, "B *range"]) -> Float[Tensor, "B *domain"]:
        return self(y)


class Every(Linear):
    """Every k-th moment.

    Args:
        shape: The last axis is time.
        k: Which.

    Raises:
        ValueError: If k is below 1.

    Example:
        >>> Every((5,), 2)(torch.arange(5.0)[None])
        tensor([[0., 2., 4.]])
    """

    def __init__(self, shape: tuple[int, ...], k: int) -> None:
        if k < 1:
            raise ValueError(f"Every k-th moment needs a k of 1 or more, got {k}.")
        super().__init__(shape, (*shape[:-1], -(-shape[-1] // k)))
        self.k = k

    def forward(self, x: Float[Tensor, "B *domain"]) -> Float[Tensor, "B *range"]:
        return x[..., :: self.k]

    def gram(self) -> Float[Tensor, "..."]:
        return torch.ones(self.range)


def decimate(shape: tuple[int, ...], k: int) -> Linear:
    """Sound recorded k times as slowly: low-passed, then every k-th moment.

    Args:
        shape: The last axis is time.
        k: How many times as slowly.

    Example:
        >>> decimate((1, 8), 2).range
        (1, 4)
    """
    return Every(shape, k) @ LowPass(shape, 1 / k)
