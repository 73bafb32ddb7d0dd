"""Small convolutional networks between images and vectors, for any image of at least 4×4.

The image is halved, rounding up, until its longer side is at most 4; going back, every stage doubles and crops to the
size that stood there. So 8 → 4, and 28 → 14 → 7 → 4, without padding the data. Images and weights lie channels last in
memory, which a CPU wants, in bfloat16 above all.
"""

import itertools
from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["ConvDecoder", "ConvEncoder", "stages"]

Norm = Callable[[int], nn.Module]  # from a number of channels


def stages(height: int, width: int) -> list[tuple[int, int]]:
    """The sizes that an image passes through on its way down, itself first.

    Raises:
        ValueError: If a side is shorter than 4.

    Example:
        >>> stages(28, 28)
        [(28, 28), (14, 14), (7, 7), (4, 4)]
    """
    if min(height, width) < 4:
        raise ValueError(f"Images must be at least 4×4, got {height}×{width}. Use an MLP for smaller ones.")
    sizes = [(height, width)]
    while max(sizes[-1]) > 4:
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes


class ConvEncoder(nn.Module):
    """From an image to a vector: the encoder of an autoencoder, or a critic with one output.

    By default it has no normalization across rows, so each row's result depends on that row alone, as a gradient
    penalty needs.

    Args:
        shape: (C, H, W) of one image.
        outputs: The length of the vector.
        width: Channels of the first stage, doubled at each further one.
        given: The width of the condition's embedding, 0 for none.
        norm: A norm of so many channels, after every layer but the first; none by default.
        activation: The nonlinearity.

    Raises:
        ValueError: If the shape is not that of an image of at least 4×4.

    Example:
        >>> import torch
        >>> ConvEncoder((1, 28, 28), 10)(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        outputs: int,
        *,
        width: int = 32,
        given: int = 0,
        norm: Norm | None = None,
        activation: nn.Module | None = None,
    ) -> None:
        super().__init__()
        channels, height, wide = image(shape)
        sizes = stages(height, wide)
        widths = [channels, *(width * 2**i for i in range(len(sizes)))]
        self.layers = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=1 if i == 0 else 2, padding=1)
            for i, (a, b) in enumerate(itertools.pairwise(widths))
        )
        # Without a norm there is no list of them: what a network prints is part of fingerprints.
        norms = None if norm is None else nn.ModuleList([nn.Identity(), *(norm(b) for b in widths[2:])])
        self.norms: Iterable[nn.Module] = () if norms is None else norms
        self.shifts = nn.ModuleList(nn.Linear(given, b, bias=False) for b in widths[1:] if given)
        self.last = nn.Linear(widths[-1] * sizes[-1][0] * sizes[-1][1], outputs)
        self.activation = activation or nn.SiLU()
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self, x: Float[Tensor, "B C H W"], given: Float[Tensor, "B width"] | None = None
    ) -> Float[Tensor, "B outputs"]:
        x = x.contiguous(memory_format=torch.channels_last)
        for layer, norm, shift in itertools.zip_longest(self.layers, self.norms, self.shifts):
            x = layer(x) if norm is None else norm(layer(x))
            x = self.activation(shifted(x, shift, given))
        return self.last(x.flatten(1))


class ConvDecoder(nn.Module):
    """From a vector to an image: the decoder of an autoencoder, or a generator.

    Args:
        inputs: The length of the vector.
        shape: (C, H, W) of what it makes.
        width: Channels of the last stage, doubled at each one before it.
        given: The width of the condition's embedding, 0 for none.
        norm: A norm of so many channels, before every activation; by default over all of a row.
        activation: The nonlinearity.

    Raises:
        ValueError: If the shape is not that of an image of at least 4×4.

    Example:
        >>> import torch
        >>> ConvDecoder(10, (3, 28, 28))(torch.zeros(2, 10)).shape
        torch.Size([2, 3, 28, 28])
    """

    def __init__(
        self,
        inputs: int,
        shape: tuple[int, ...],
        *,
        width: int = 32,
        given: int = 0,
        norm: Norm | None = None,
        activation: nn.Module | None = None,
    ) -> None:
        super().__init__()
        channels, height, wide = image(shape)
        self.sizes = stages(height, wide)[::-1]
        widths = [width * 2**i for i in reversed(range(len(self.sizes)))]
        self.first = nn.Linear(inputs, widths[0] * self.sizes[0][0] * self.sizes[0][1])
        self.layers = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 4, stride=2, padding=1) for a, b in itertools.pairwise(widths)
        )
        self.norms = nn.ModuleList(nn.GroupNorm(1, b) if norm is None else norm(b) for b in widths)
        self.shifts = nn.ModuleList(nn.Linear(given, b, bias=False) for b in widths if given)
        self.last = nn.Conv2d(widths[-1], channels, 3, padding=1)
        self.activation = activation or nn.SiLU()
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self, z: Float[Tensor, "B inputs"], given: Float[Tensor, "B width"] | None = None
    ) -> Float[Tensor, "B C H W"]:
        h = self.first(z).unflatten(1, (-1, *self.sizes[0])).contiguous(memory_format=torch.channels_last)
        for i, (norm, (height, width)) in enumerate(zip(self.norms, self.sizes, strict=True)):
            if i:
                h = self.layers[i - 1](h)[:, :, :height, :width]
            h = self.activation(shifted(norm(h), self.shifts[i] if self.shifts else None, given))
        return self.last(h)


def image(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The shape, if it is (channels, height, width).

    Raises:
        ValueError: If it is not.
    """
    if len(shape) != 3:
        raise ValueError(f"An image must have shape (channels, height, width), got {shape}. Use an MLP or reshape.")
    return shape[0], shape[1], shape[2]


def shifted(h: Tensor, shift: nn.Module | None, given: Tensor | None) -> Tensor:
    """Feature maps moved by what the condition says of each channel."""
    return h if shift is None else h + shift(given)[:, :, None, None]
