"""Networks of images that grow: a generator and a critic that work at 4×4 first, then at twice the size, and so on.

Sizes halve, rounding up, as `genzoo.nn.conv.stages` says, so that 28 → 14 → 7 → 4; on the way up what is too much is
cut off. How far a network has grown is a buffer: at level 1.3 stage 1 stands, and stage 2 has faded in to 0.3.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, leaky_relu

from genzoo.nn.conv import image, stages
from genzoo.nn.deviation import deviation_in_groups
from genzoo.nn.equalized import EqualizedConv2d, EqualizedLinear, PixelNorm

__all__ = ["Progressive", "ProgressiveDecoder", "ProgressiveEncoder", "doubled", "halved", "widths_of"]

GAIN = math.sqrt(2)


def halved(x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C h w"]:
    """Means over squares of 2×2 places; an odd side is rounded up, its last squares being narrower."""
    return avg_pool2d(x, 2, ceil_mode=True)


def doubled(x: Float[Tensor, "B C h w"], size: tuple[int, int], mode: str = "nearest") -> Float[Tensor, "B C H W"]:
    """Twice the size, cut to what is asked for.

    Args:
        x: Images.
        size: Height and width of the result.
        mode: Nearest, or bilinear.
    """
    return interpolate(x, scale_factor=2, mode=mode)[:, :, : size[0], : size[1]]


def widths_of(count: int, width: int, most: int) -> list[int]:
    """Channels of each stage, the coarsest first.

    Args:
        count: Stages.
        width: Channels of the finest.
        most: The largest number of channels.

    Example:
        >>> widths_of(4, 16, 64)
        [64, 64, 32, 16]
    """
    return [min(most, width * 2**i) for i in reversed(range(count))]


class Progressive(nn.Module):
    """A network that has grown so far, as a buffer says.

    Args:
        shape: (C, H, W) of one image at full size.
        width: Channels of the finest stage, doubled at each coarser one.
        most: The largest number of channels.

    Attributes:
        level: How far it has grown: its whole part is the stage that stands, the rest how far the next has faded in.
        sizes: Height and width of each stage, the coarsest first.

    Raises:
        ValueError: If the shape is not that of an image of at least 4×4.
    """

    level: Tensor

    def __init__(self, shape: tuple[int, ...], width: int, most: int) -> None:
        super().__init__()
        self.channels, *size = image(shape)
        self.sizes = stages(size[0], size[1])[::-1]
        self.widths = widths_of(len(self.sizes), width, most)
        self.register_buffer("level", torch.tensor(float(len(self.sizes) - 1), dtype=torch.float64))

    def each(self, grows: bool, make: Callable[[int], nn.Module]) -> nn.ModuleList:
        """A layer of so many channels for each stage; for the finest alone, where smaller images are not asked for."""
        last = len(self.widths) - 1
        return nn.ModuleList(make(b) if grows or i == last else nn.Identity() for i, b in enumerate(self.widths))

    @property
    def stage(self) -> tuple[int, float]:
        """The finest stage that is seen, and how far it has faded in, in (0, 1]."""
        level = self.level.item()
        stage = math.ceil(level)
        return stage, 1.0 if stage == 0 else level - (stage - 1)


class ProgressiveDecoder(Progressive):
    """A generator from a vector to an image of the size to which it has grown.

    Each stage doubles the size and has two convolutions, equalized and normalized place by place; while it fades in,
    its image is mixed with that of the stage before.

    Args:
        inputs: The length of the vector.
        shape: (C, H, W) of the image at full size.
        width: Channels of the finest stage, doubled at each coarser one.
        most: The largest number of channels.
        given: The width of a condition's embedding, which stands behind the vector; 0 for none.
        grows: Whether it is ever asked for smaller images.

    Example:
        >>> net = ProgressiveDecoder(4, (1, 14, 14), width=4)
        >>> _ = net.level.fill_(0.5)
        >>> net(torch.zeros(2, 4)).shape
        torch.Size([2, 1, 7, 7])

    References:
        Karras, Aila, Laine & Lehtinen, 2018, "Progressive growing of GANs for improved quality, stability, and
        variation", arXiv:1710.10196
    """

    def __init__(
        self,
        inputs: int,
        shape: tuple[int, ...],
        *,
        width: int = 16,
        most: int = 512,
        given: int = 0,
        grows: bool = True,
    ) -> None:
        super().__init__(shape, width, most)
        (high, wide), widths = self.sizes[0], self.widths
        self.norm = PixelNorm()
        self.first = EqualizedLinear(inputs + given, widths[0] * high * wide, gain=GAIN / 4)
        self.blocks = nn.ModuleList(
            nn.ModuleList(
                [
                    *([EqualizedConv2d(widths[i - 1], b, 3, gain=GAIN)] if i else []),
                    EqualizedConv2d(b, b, 3, gain=GAIN),
                ]
            )
            for i, b in enumerate(widths)
        )
        self.images = self.each(grows, lambda b: EqualizedConv2d(b, self.channels, 1))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self, z: Float[Tensor, "B inputs"], given: Float[Tensor, "B width"] | None = None
    ) -> Float[Tensor, "B C h w"]:
        stage, share = self.stage
        z = self.norm(z if given is None else torch.cat([z, given], dim=1))
        h = self.first(z).unflatten(1, (-1, *self.sizes[0])).contiguous(memory_format=torch.channels_last)
        h, before = self.norm(leaky_relu(h, 0.2)), None
        for i in range(stage + 1):
            before, h = h, doubled(h, self.sizes[i]) if i else h
            for layer in self.blocks[i]:  # type: ignore[attr-defined]
                h = self.norm(leaky_relu(layer(h), 0.2))
        x: Tensor = self.images[stage](h)
        if share == 1.0 or before is None:
            return x
        return torch.lerp(doubled(self.images[stage - 1](before), self.sizes[stage]), x, share)


class ProgressiveEncoder(Progressive):
    """A critic, or the features of one, from an image of the size to which it has grown.

    Each stage has two convolutions and halves the size; the coarsest sees how far the features of a batch spread, too.

    Args:
        shape: (C, H, W) of an image at full size.
        outputs: The length of the result.
        width: Channels of the finest stage, doubled at each coarser one.
        most: The largest number of channels.
        group: Rows of which the spread is told.
        grows: Whether it is ever asked for smaller images.

    Example:
        >>> net = ProgressiveEncoder((1, 14, 14), 1, width=4)
        >>> net(torch.zeros(4, 1, 14, 14)).shape
        torch.Size([4, 1])

    References:
        Karras, Aila, Laine & Lehtinen, 2018, "Progressive growing of GANs for improved quality, stability, and
        variation", arXiv:1710.10196
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        outputs: int,
        *,
        width: int = 16,
        most: int = 512,
        group: int = 4,
        grows: bool = True,
    ) -> None:
        super().__init__(shape, width, most)
        (high, wide), widths, self.group = self.sizes[0], self.widths, group
        self.images = self.each(grows, lambda b: EqualizedConv2d(self.channels, b, 1, gain=GAIN))
        self.blocks = nn.ModuleList(
            nn.ModuleList([EqualizedConv2d(b, b, 3, gain=GAIN), EqualizedConv2d(b, widths[i], 3, gain=GAIN)])
            for i, b in enumerate(widths[1:])
        )
        self.spread = EqualizedConv2d(widths[0] + 1, widths[0], 3, gain=GAIN)
        self.last = nn.ModuleList(
            [EqualizedLinear(widths[0] * high * wide, widths[0], gain=GAIN), EqualizedLinear(widths[0], outputs)]
        )
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B outputs"]:
        stage, share = self.stage
        x = x.contiguous(memory_format=torch.channels_last)
        h = leaky_relu(self.images[stage](x), 0.2)
        for i in range(stage, 0, -1):
            for layer in self.blocks[i - 1]:  # type: ignore[attr-defined]
                h = leaky_relu(layer(h), 0.2)
            h = halved(h)
            if i == stage and share < 1:
                h = torch.lerp(leaky_relu(self.images[i - 1](halved(x)), 0.2), h, share)
        spread = deviation_in_groups(h.flatten(1), self.group)[:, :, None, None].expand(-1, 1, *h.shape[2:])
        h = leaky_relu(self.spread(torch.cat([h, spread.to(h)], dim=1)), 0.2)
        said: Tensor = self.last[1](leaky_relu(self.last[0](h.flatten(1)), 0.2))
        return said
