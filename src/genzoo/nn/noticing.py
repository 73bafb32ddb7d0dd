"""The way down of a U-Net, to a vector: what tells something of an image in noise."""

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad

from genzoo.nn.conv import image
from genzoo.nn.unet import Attention, Block, Norm, folded, groups

__all__ = ["Noticing"]


class Noticing(nn.Module):
    """Half a U-Net: an image and an embedding down to small feature maps, whose mean over places becomes numbers.

    Args:
        shape: (C, H, W) of one image.
        outputs: How many numbers.
        given: The width of the embedding.
        widths: Channels at each level, the finest first; each level halves the sides.
        blocks: Residual blocks at each level.
        patch: The side of the squares of pixels that are folded into channels.

    Raises:
        ValueError: If the shape is not that of an image.

    Example:
        >>> Noticing((1, 28, 28), 10, given=16, widths=(8, 16))(torch.zeros(2, 1, 28, 28), torch.zeros(2, 16)).shape
        torch.Size([2, 10])

    References:
        Dhariwal & Nichol, 2021, "Diffusion models beat GANs on image synthesis", arXiv:2105.05233
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        outputs: int,
        *,
        given: int,
        widths: Sequence[int] = (32, 64),
        blocks: int = 1,
        patch: int = 2,
    ) -> None:
        super().__init__()
        self.patch, last = patch, widths[-1]
        self.first = nn.Conv2d(image(shape)[0] * patch**2, widths[0], 3, padding=1)
        self.down = nn.ModuleList(nn.ModuleList(Block(width, width, given) for _ in range(blocks)) for width in widths)
        self.shrink = nn.ModuleList(
            nn.Conv2d(fine, coarse, 3, stride=2, padding=1) for fine, coarse in itertools.pairwise(widths)
        )
        self.attention, self.norm = Attention(last, max(1, last // 48)), Norm(groups(last), last)
        self.last = nn.Linear(last, outputs)
        self.activation = nn.SiLU()
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Float[Tensor, "B C H W"], given: Float[Tensor, "B width"]) -> Float[Tensor, "B outputs"]:
        x = folded(pad(x, (0, -x.shape[3] % self.patch, 0, -x.shape[2] % self.patch)), self.patch)
        h = self.first(x.contiguous(memory_format=torch.channels_last))
        for level, blocks in enumerate(self.down):
            h = self.shrink[level - 1](h) if level else h
            for block in blocks:  # type: ignore[attr-defined]
                h = block(h, given)
        said: Tensor = self.last(self.activation(self.norm(self.attention(h))).mean((2, 3)))
        return said
