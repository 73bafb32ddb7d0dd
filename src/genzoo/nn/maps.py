"""Convolutions between an image and a map of features that is some halvings smaller."""

import itertools

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.nn.conv import image
from genzoo.nn.residual import ResidualConv

__all__ = ["MapDecoder", "MapEncoder", "halvings_of"]


def halvings_of(height: int, width: int, halvings: int) -> list[tuple[int, int]]:
    """The sizes of an image on its way down, rounded up, itself first.

    Raises:
        ValueError: If nothing would be left to halve.

    Example:
        >>> halvings_of(28, 30, 2)
        [(28, 30), (14, 15), (7, 8)]
    """
    sizes = [(height, width)]
    for _ in range(halvings):
        if min(sizes[-1]) < 2:
            raise ValueError(f"An image of {height}×{width} can't be halved {halvings} times. Halve it less often.")
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes


class MapEncoder(nn.Module):
    """From an image to a map of features: convolutions of stride 2, then residual blocks.

    What a convolution says is normalized over all of a row, without which little of a row would arrive at the end.

    Args:
        shape: (C, H, W) of one image.
        outputs: Features of a place.
        width: Channels at full size, doubled at each halving.
        halvings: How often height and width are halved.
        blocks: Residual blocks at the smallest size.
        given: The width of the condition's embedding, 0 for none.

    Example:
        >>> MapEncoder((1, 28, 28), 8, width=4)(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 8, 7, 7])
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        outputs: int,
        *,
        width: int = 16,
        halvings: int = 2,
        blocks: int = 1,
        given: int = 0,
    ) -> None:
        super().__init__()
        channels, height, wide = image(shape)
        self.sizes = halvings_of(height, wide, halvings)
        widths = [channels, *(width * 2**i for i in range(halvings))]
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in itertools.pairwise(widths))
        self.norms = nn.ModuleList(nn.GroupNorm(1, b) for b in widths[1:])
        self.body = ResidualConv(widths[-1], width * 2**halvings, outputs, blocks=blocks, given=given)
        self.activation = nn.SiLU()
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self, x: Float[Tensor, "B C H W"], given: Float[Tensor, "B width"] | None = None
    ) -> Float[Tensor, "B outputs h w"]:
        x = x.contiguous(memory_format=torch.channels_last)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = self.activation(norm(layer(x)))
        return self.body(x, given)


class MapDecoder(nn.Module):
    """From a map of features to an image: residual blocks, then convolutions that double and crop.

    Args:
        inputs: Features of a place.
        shape: (C, H, W) of what it makes.
        width: Channels at full size, doubled at each halving.
        halvings: How much smaller the map is.
        blocks: Residual blocks at the smallest size.
        given: The width of the condition's embedding, 0 for none.

    Example:
        >>> MapDecoder(8, (3, 28, 28), width=4)(torch.zeros(2, 8, 7, 7)).shape
        torch.Size([2, 3, 28, 28])
    """

    def __init__(
        self,
        inputs: int,
        shape: tuple[int, ...],
        *,
        width: int = 16,
        halvings: int = 2,
        blocks: int = 1,
        given: int = 0,
    ) -> None:
        super().__init__()
        channels, height, wide = image(shape)
        self.sizes = halvings_of(height, wide, halvings)[::-1]
        widths = [width * 2**i for i in reversed(range(halvings + 1))]
        self.body = ResidualConv(inputs, widths[0], widths[0], blocks=blocks, given=given)
        self.layers = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 4, stride=2, padding=1) for a, b in itertools.pairwise(widths)
        )
        self.norms = nn.ModuleList(nn.GroupNorm(1, b) for b in widths)
        self.last = nn.Conv2d(widths[-1], channels, 3, padding=1)
        self.activation = nn.SiLU()
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self, z: Float[Tensor, "B inputs h w"], given: Float[Tensor, "B width"] | None = None
    ) -> Float[Tensor, "B C H W"]:
        h = self.body(z, given)
        for layer, norm, (height, width) in zip(self.layers, self.norms, self.sizes[1:], strict=False):
            h = layer(self.activation(norm(h)))[:, :, :height, :width]
        return self.last(self.activation(self.norms[-1](h)))
