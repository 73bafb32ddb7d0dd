"""Networks from image to image, and a critic that judges patches."""

import itertools

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import instance_norm, leaky_relu, relu

from genzoo.nn.conv import image, stages
from genzoo.nn.progressive import doubled, widths_of

__all__ = ["PatchCritic", "Translator"]


class Translator(nn.Module):
    """A U-Net from an image to another of its size: down to the smallest, and up again beside what was seen before.

    Sizes halve, rounding up, as `genzoo.nn.conv.stages` says. Features are normalized for each row and channel. A
    vector z, for what the image does not say, comes in at the smallest size.

    Args:
        shape: (C, H, W) of the image that comes in.
        channels: Of the image that goes out.
        width: Channels of the finest stage, doubled at each coarser one.
        most: The largest number of channels.
        latent: The length of z, 0 for none.

    Raises:
        ValueError: If the shape is not that of an image of at least 4×4.

    Example:
        >>> net = Translator((3, 14, 10), 1, width=4, latent=2)
        >>> net(torch.zeros(5, 3, 14, 10), torch.zeros(5, 2)).shape
        torch.Size([5, 1, 14, 10])

    References:
        Isola, Zhu, Zhou & Efros, 2017, "Image-to-image translation with conditional adversarial networks",
        arXiv:1611.07004 (section 3.2; there z is dropout)
    """

    def __init__(
        self, shape: tuple[int, ...], channels: int, *, width: int = 16, most: int = 512, latent: int = 0
    ) -> None:
        super().__init__()
        inputs, *size = image(shape)
        self.sizes = stages(size[0], size[1])
        widths = widths_of(len(self.sizes), width, most)[::-1]
        self.first = nn.Conv2d(inputs, widths[0], 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in itertools.pairwise(widths))
        self.told = nn.Linear(latent, widths[-1]) if latent else None
        self.middle = nn.Conv2d(widths[-1], widths[-1], 3, padding=1)
        self.up = nn.ModuleList(nn.Conv2d(a + b, a, 3, padding=1) for a, b in itertools.pairwise(widths))
        self.last = nn.Conv2d(widths[0], channels, 3, padding=1)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self, x: Float[Tensor, "B C H W"], z: Float[Tensor, "B latent"] | None = None
    ) -> Float[Tensor, "B D H W"]:
        h = leaky_relu(self.first(x.contiguous(memory_format=torch.channels_last)), 0.2)
        seen = [h]
        for layer in self.down:
            h = leaky_relu(instance_norm(layer(h)), 0.2)
            seen.append(h)
        h = instance_norm(self.middle(h))
        if self.told is not None and z is not None:
            h = h + self.told(z)[:, :, None, None]
        h = relu(h)
        for layer, beside, size in zip(reversed(self.up), seen[-2::-1], self.sizes[-2::-1], strict=True):
            h = relu(instance_norm(layer(torch.cat([doubled(h, size), beside], dim=1))))
        made: Tensor = self.last(h)
        return made


class PatchCritic(nn.Module):
    """A critic that says a number of every patch of an image, beside another image where there is one.

    Up to three convolutions halve the size, while sides of at least four places are left; two more look around.

    Args:
        channels: Of the image and of the one beside it, together.
        size: Height and width.
        width: Channels after the first convolution, doubled at each further one.
        most: The largest number of channels.

    Raises:
        ValueError: If a side is shorter than 4.

    Example:
        >>> critic = PatchCritic(4, (32, 32), width=4)
        >>> critic(torch.zeros(5, 3, 32, 32), torch.zeros(5, 1, 32, 32)).shape
        torch.Size([5, 4])

    References:
        Isola, Zhu, Zhou & Efros, 2017, arXiv:1611.07004 (section 3.3)
    """

    def __init__(self, channels: int, size: tuple[int, int], *, width: int = 16, most: int = 512) -> None:
        super().__init__()
        stages(*size)
        halvings = min(3, (min(size) // 4).bit_length() - 1)
        widths = [channels, *(min(most, width * 2**i) for i in range(halvings + 1))]
        self.layers = nn.ModuleList(
            nn.Conv2d(a, b, 4, stride=2 if i < halvings else 1, padding=1)
            for i, (a, b) in enumerate(itertools.pairwise(widths))
        )
        self.last = nn.Conv2d(widths[-1], 1, 4, padding=1)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self, x: Float[Tensor, "B C H W"], beside: Float[Tensor, "B D H W"] | None = None
    ) -> Float[Tensor, "B patches"]:
        return self.verdict(self.features(x, beside)[-1])

    def features(self, x: Float[Tensor, "B C H W"], beside: Float[Tensor, "B D H W"] | None = None) -> list[Tensor]:
        """What is seen of an image, layer after layer.

        Args:
            x: The image.
            beside: The one beside it.
        """
        h = x if beside is None else torch.cat([x, beside], dim=1)
        h, seen = h.contiguous(memory_format=torch.channels_last), []
        for i, layer in enumerate(self.layers):
            h = leaky_relu(instance_norm(layer(h)) if i else layer(h), 0.2)
            seen.append(h)
        return seen

    def verdict(self, seen: Float[Tensor, "B D h w"]) -> Float[Tensor, "B patches"]:
        """What is said of the patches, by what the last layer has seen."""
        said: Tensor = self.last(seen)
        return said.flatten(1)
