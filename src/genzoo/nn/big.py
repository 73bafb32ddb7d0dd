"""Residual networks of images for many classes: a generator whose layers all see the class, and a critic.

Sizes halve, rounding up, as `genzoo.nn.conv.stages` says; on the way up what is too much is cut off.
"""

import itertools

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import relu

from genzoo.nn.conv import image, stages
from genzoo.nn.progressive import doubled, halved, widths_of

__all__ = ["ConditionalNorm", "ResidualDecoder", "ResidualEncoder"]


class ConditionalNorm(nn.Module):
    """Batch normalization whose scale and shift a vector says,

    $$ y = (1 + \\gamma(v)) \\, \\frac{h - \\mu}{\\sigma} + \\beta(v), $$

    with μ and σ of the batch in training, and their running means afterwards, so that no row depends on others.

    Args:
        channels: Of h.
        told: The length of v.

    Example:
        >>> ConditionalNorm(3, 2)(torch.randn(5, 3, 4, 4), torch.zeros(5, 2)).shape
        torch.Size([5, 3, 4, 4])

    References:
        Dumoulin, Shlens & Kudlur, 2017, "A learned representation for artistic style", arXiv:1610.07629
        Brock, Donahue & Simonyan, 2019, arXiv:1809.11096
    """

    def __init__(self, channels: int, told: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.film = nn.Linear(told, 2 * channels)
        nn.init.orthogonal_(self.film.weight)
        nn.init.zeros_(self.film.bias)

    def forward(self, h: Float[Tensor, "B C H W"], v: Float[Tensor, "B told"]) -> Float[Tensor, "B C H W"]:
        scale, shift = self.film(v)[:, :, None, None].to(h.dtype).chunk(2, dim=1)
        return torch.addcmul(shift, self.norm(h), 1 + scale)


class ResidualDecoder(nn.Module):
    """A generator of residual blocks that each double the size, and that all see z and the condition.

    Args:
        inputs: The length of z.
        shape: (C, H, W) of the image.
        width: Channels of the finest stage, doubled at each coarser one.
        most: The largest number of channels.
        given: The width of the condition's embedding, 0 for none.

    Raises:
        ValueError: If the shape is not that of an image of at least 4×4.

    Example:
        >>> ResidualDecoder(4, (3, 14, 14), width=4, given=2)(torch.zeros(2, 4), torch.zeros(2, 2)).shape
        torch.Size([2, 3, 14, 14])

    References:
        Brock, Donahue & Simonyan, 2019, "Large scale GAN training for high fidelity natural image synthesis",
        arXiv:1809.11096 (appendix B)
    """

    def __init__(
        self, inputs: int, shape: tuple[int, ...], *, width: int = 16, most: int = 512, given: int = 0
    ) -> None:
        super().__init__()
        channels, *size = image(shape)
        self.sizes = stages(size[0], size[1])[::-1]
        widths, told = widths_of(len(self.sizes), width, most), inputs + given
        self.first = nn.Linear(inputs, widths[0] * self.sizes[0][0] * self.sizes[0][1])
        self.blocks = nn.ModuleList(_Up(a, b, told) for a, b in itertools.pairwise(widths))
        self.norm, self.last = ConditionalNorm(widths[-1], told), nn.Conv2d(widths[-1], channels, 3, padding=1)
        _orthogonal(self)

    def forward(
        self, z: Float[Tensor, "B inputs"], given: Float[Tensor, "B width"] | None = None
    ) -> Float[Tensor, "B C H W"]:
        v = z if given is None else torch.cat([z, given], dim=1)
        h = self.first(z).unflatten(1, (-1, *self.sizes[0])).contiguous(memory_format=torch.channels_last)
        for block, size in zip(self.blocks, self.sizes[1:], strict=True):
            h = block(h, v, size)
        x: Tensor = self.last(relu(self.norm(h, v)))
        return x


class ResidualEncoder(nn.Module):
    """The features of a critic: residual blocks that each halve the size, and the sum over places.

    Args:
        shape: (C, H, W) of an image.
        width: Channels of the finest stage, doubled at each coarser one.
        most: The largest number of channels.

    Attributes:
        width: How many features there are.

    Example:
        >>> net = ResidualEncoder((3, 14, 14), width=4)
        >>> net(torch.zeros(2, 3, 14, 14)).shape, net.width
        (torch.Size([2, 16]), 16)

    References:
        Brock, Donahue & Simonyan, 2019, "Large scale GAN training for high fidelity natural image synthesis",
        arXiv:1809.11096 (appendix B)
    """

    def __init__(self, shape: tuple[int, ...], *, width: int = 16, most: int = 512) -> None:
        super().__init__()
        channels, *size = image(shape)
        widths = widths_of(len(stages(size[0], size[1])), width, most)[::-1]
        self.first = nn.Conv2d(channels, widths[0], 3, padding=1)
        self.blocks = nn.ModuleList(_Down(a, b) for a, b in itertools.pairwise(widths))
        self.width = widths[-1]
        _orthogonal(self)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B width"]:
        h = self.first(x.contiguous(memory_format=torch.channels_last))
        for block in self.blocks:
            h = block(h)
        return relu(h).sum((2, 3))


class _Up(nn.Module):
    """A residual block that doubles the size."""

    def __init__(self, inputs: int, outputs: int, told: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([ConditionalNorm(inputs, told), ConditionalNorm(outputs, told)])
        self.convs = nn.ModuleList(nn.Conv2d(a, outputs, 3, padding=1) for a in (inputs, outputs))
        self.skip = nn.Conv2d(inputs, outputs, 1)

    def forward(self, h: Tensor, v: Tensor, size: tuple[int, int]) -> Tensor:
        y = self.convs[0](doubled(relu(self.norms[0](h, v)), size))
        return doubled(self.skip(h), size) + self.convs[1](relu(self.norms[1](y, v)))


class _Down(nn.Module):
    """A residual block that halves the size."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(a, outputs, 3, padding=1) for a in (inputs, outputs))
        self.skip = nn.Conv2d(inputs, outputs, 1)

    def forward(self, h: Tensor) -> Tensor:
        return halved(self.skip(h) + self.convs[1](relu(self.convs[0](relu(h)))))


def _orthogonal(net: nn.Module) -> None:
    """Orthogonal weights at the beginning, channels last in memory."""
    for layer in net.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.orthogonal_(layer.weight)
            nn.init.constant_(layer.bias, 0.0)  # type: ignore[arg-type]
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
