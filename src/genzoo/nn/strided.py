"""The networks of DCGAN: images are halved and doubled by convolutions with strides, and none is of full size.

Sizes halve, rounding up, until the longer side is at most 7: 28 → 14 → 7, 64 → 32 → 16 → 8 → 4. A side that is even
has kernels of 4, one that is odd kernels of 3, so that the way up meets each size of the way down. Layers of full size
cost most of a step, so one takes a fraction of that of `genzoo.nn.conv`'s networks.
"""

import itertools
import math
from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.nn.conv import image, shifted

__all__ = ["StridedDecoder", "StridedEncoder", "strides"]

Norm = Callable[[int], nn.Module]  # from a number of channels
COARSE = 7  # the longest side of the coarsest map


def strides(height: int, width: int) -> list[tuple[int, int]]:
    """The sizes that an image passes through on its way down, itself first.

    Example:
        >>> strides(28, 25), strides(64, 64)[-1]
        ([(28, 25), (14, 13), (7, 7)], (4, 4))
    """
    sizes = [(height, width)]
    while max(sizes[-1]) > COARSE:
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes


class StridedEncoder(nn.Module):
    """From an image to a vector, by strides: a critic with one output, or the features of one.

    Args:
        shape: (C, H, W) of one image.
        outputs: The length of the vector.
        width: Channels of the first stage, doubled at each further one.
        hidden: The width of a layer between the coarsest map and the vector, 0 for none.
        given: The width of the condition's embedding, 0 for none.
        norm: A norm of so many channels, after every convolution but the first; none by default.
        activation: The nonlinearity.

    Raises:
        ValueError: If the shape is not that of an image.

    Example:
        >>> StridedEncoder((1, 28, 28), 10)(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 10])

    References:
        Radford, Metz & Chintala, 2016, "Unsupervised representation learning with deep convolutional generative
        adversarial networks", arXiv:1511.06434
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        outputs: int,
        *,
        width: int = 16,
        hidden: int = 0,
        given: int = 0,
        norm: Norm | None = None,
        activation: nn.Module | None = None,
    ) -> None:
        super().__init__()
        channels, *size = image(shape)
        sizes = strides(size[0], size[1])
        widths = [channels, *(width * 2**i for i in range(len(sizes) - 1))]
        self.layers = nn.ModuleList(
            nn.Conv2d(a, b, _kernel(fine), stride=2, padding=1)
            for (a, b), fine in zip(itertools.pairwise(widths), sizes, strict=False)
        )
        norms = (
            None if norm is None else nn.ModuleList(norm(b) if i else nn.Identity() for i, b in enumerate(widths[1:]))
        )
        self.norms: Iterable[nn.Module] = () if norms is None else norms
        self.shifts = nn.ModuleList(nn.Linear(given, b, bias=False) for b in widths[1:] if given)
        flat = widths[-1] * sizes[-1][0] * sizes[-1][1]
        self.hidden = nn.Linear(flat, hidden) if hidden else None
        self.last = nn.Linear(hidden or flat, outputs)
        self.activation = activation or nn.SiLU()
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self, x: Float[Tensor, "B C H W"], given: Float[Tensor, "B width"] | None = None
    ) -> Float[Tensor, "B outputs"]:
        h = x.contiguous(memory_format=torch.channels_last)
        for layer, norm, shift in itertools.zip_longest(self.layers, self.norms, self.shifts):
            h = layer(h) if norm is None else norm(layer(h))
            h = self.activation(shifted(h, shift, given))
        h = h.flatten(1)
        said: Tensor = self.last(h if self.hidden is None else self.activation(self.hidden(h)))
        return said


class StridedDecoder(nn.Module):
    """From a vector to an image, by strides: a generator.

    Args:
        inputs: The length of the vector.
        shape: (C, H, W) of what it makes.
        width: Channels of the finest map before the image, doubled at each one before it.
        hidden: The width of a layer between the vector and the coarsest map, 0 for none.
        given: The width of the condition's embedding, which stands behind the vector and shifts every map; 0 for none.
        norm: A norm of so many channels, before every activation of a map; none by default.
        activation: The nonlinearity.

    Raises:
        ValueError: If the shape is not that of an image.

    Example:
        >>> StridedDecoder(10, (3, 28, 25))(torch.zeros(2, 10)).shape
        torch.Size([2, 3, 28, 25])

    References:
        Radford, Metz & Chintala, 2016, "Unsupervised representation learning with deep convolutional generative
        adversarial networks", arXiv:1511.06434
    """

    def __init__(
        self,
        inputs: int,
        shape: tuple[int, ...],
        *,
        width: int = 16,
        hidden: int = 0,
        given: int = 0,
        norm: Norm | None = None,
        activation: nn.Module | None = None,
    ) -> None:
        super().__init__()
        channels, *size = image(shape)
        sizes = strides(size[0], size[1])[::-1]
        self.size = sizes[0]
        widths = [width * 2**i for i in reversed(range(max(1, len(sizes) - 1)))]
        self.hidden = nn.Linear(inputs + given, hidden) if hidden else None
        self.first = nn.Linear(hidden or inputs + given, widths[0] * sizes[0][0] * sizes[0][1])
        self.norms = nn.ModuleList(nn.Identity() if norm is None else norm(b) for b in widths)
        self.shifts = nn.ModuleList(nn.Linear(given, b, bias=False) for b in widths if given)
        self.layers = nn.ModuleList(
            nn.ConvTranspose2d(a, b, _kernel(fine), stride=2, padding=1)
            for (a, b), fine in zip(itertools.pairwise([*widths, channels]), sizes[1:], strict=False)
        )
        for layer in self.layers:
            _smooth(layer.get_parameter("weight"))
        if len(sizes) == 1:
            self.layers.append(nn.Conv2d(width, channels, 3, padding=1))
        self.activation = activation or nn.SiLU()
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self, z: Float[Tensor, "B inputs"], given: Float[Tensor, "B width"] | None = None
    ) -> Float[Tensor, "B C H W"]:
        z = z if given is None else torch.cat([z, given.to(z.dtype)], dim=1)
        z = z if self.hidden is None else self.activation(self.hidden(z))
        h = self.first(z).unflatten(1, (-1, *self.size)).contiguous(memory_format=torch.channels_last)
        for layer, norm, shift in itertools.zip_longest(self.layers, self.norms, self.shifts):
            h = layer(self.activation(shifted(norm(h), shift, given)))
        return h


def _kernel(fine: tuple[int, int]) -> tuple[int, int]:
    """The kernel between a size and its half, rounded up."""
    return 4 - fine[0] % 2, 4 - fine[1] % 2


def _smooth(weight: nn.Parameter) -> None:
    """Makes kernels of doubling, in place, those of repeating every place and convolving with smaller kernels.

    Places of one parity then begin like their neighbors. Kernels drawn entry by entry begin as a checkerboard, which a
    generator has to unlearn.

    References:
        Aitken et al., 2017, "Checkerboard artifact free sub-pixel convolution", arXiv:1707.02937
    """
    with torch.no_grad():
        for axis in (2, 3):
            size = weight.shape[axis]
            smaller, none = weight.narrow(axis, 0, size - 1), torch.zeros_like(weight.narrow(axis, 0, 1))
            repeated = torch.cat([smaller, none], dim=axis) + torch.cat([none, smaller], dim=axis)
            weight.copy_(repeated * math.sqrt(size / (2 * size - 2)))  # outputs are as large as before
