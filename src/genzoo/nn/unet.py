"""A compact U-Net: down to small feature maps and up again, with what was seen on the way down at hand.

Made for a CPU: the image is first folded, 2×2 pixels into channels, so that the widest layers run on a quarter of the
positions; convolutions run channels-last; attention stands only at the coarsest level, with few, wide heads.
"""

import itertools
import math
from collections.abc import Sequence
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from genzoo.nn.conditioning import Tokens
from genzoo.nn.conv import image
from genzoo.nn.frames import Along, each, framed, told_each
from genzoo.nn.slopes import on_the_way

__all__ = ["UNet"]

Convolution = TypeVar("Convolution", nn.Conv1d, nn.Conv2d)


class Norm(nn.GroupNorm):
    """Group normalization in float32, also within bf16, where torch's is coarser and four times slower on a CPU."""

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        x = x.contiguous() if on_the_way() else x
        return super().forward(x.float()).to(x.dtype) if x.dtype is torch.bfloat16 else super().forward(x)


class Block(nn.Module):
    """Two convolutions around a skip; an embedding scales and shifts the features between them (FiLM).

    References:
        He et al., 2016, "Identity mappings in deep residual networks", arXiv:1603.05027
        Perez et al., 2018, "FiLM: visual reasoning with a general conditioning layer", arXiv:1709.07871
    """

    def __init__(self, inputs: int, outputs: int, given: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(Norm(groups(width), width) for width in (inputs, outputs))
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.film = nn.Linear(given, 2 * outputs)
        self.second = silent(nn.Conv2d(outputs, outputs, 3, padding=1))
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)
        self.activation = nn.SiLU()

    def forward(self, x: Float[Tensor, "B C H W"], given: Float[Tensor, "B width"]) -> Float[Tensor, "B D H W"]:
        scale, shift = self.film(given)[:, :, None, None].chunk(2, dim=1)
        h = self.first(self.activation(self.norms[0](x)))
        h = torch.addcmul(shift, self.norms[1](h), 1 + scale)
        return self.skip(x) + self.second(self.activation(h))


class Attention(nn.Module):
    """Every position looks at every other, and at the tokens of a condition, in a few heads.

    References:
        Vaswani et al., 2017, arXiv:1706.03762
        Esser et al., 2024, arXiv:2403.03206 (one attention over image and text)
    """

    def __init__(self, channels: int, heads: int, tokens: int = 0) -> None:
        super().__init__()
        self.heads = heads
        self.told = nn.Linear(tokens, 2 * channels) if tokens else None
        self.norm = Norm(groups(channels), channels)
        self.queries = nn.Conv2d(channels, 3 * channels, 1)
        self.out = silent(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Float[Tensor, "B C H W"], told: Tokens | None = None) -> Float[Tensor, "B C H W"]:
        q, k, v = self.queries(self.norm(x)).flatten(2).unflatten(1, (3, self.heads, -1)).unbind(1)  # B, heads, D, HW
        if self.told is not None and told is not None:
            more = self.told(told.values.to(k.dtype)).mT.unflatten(1, (2, self.heads, -1))
            k, v = torch.cat([k, more[:, 0]], dim=3), torch.cat([v, more[:, 1]], dim=3)
        # Few positions: the plain product is quicker on a CPU than the fused one.
        score = q.mT @ k / math.sqrt(q.shape[2])
        if told is not None:
            seen = nn.functional.pad(told.present, (score.shape[3] - told.present.shape[1], 0), value=True)
            score = score.masked_fill(~seen[:, None, None], -torch.inf)
        weight = score.softmax(-1)
        return x + self.out((v @ weight.mT).flatten(1, 2).unflatten(2, x.shape[2:]))


class UNet(nn.Module):
    """A U-Net from an image and an embedding to an image of the same size; or from a clip to a clip.

    Sides that do not halve often enough are padded with zeros, and the result is cut back. The frames of a clip go
    through it side by side, and after every level each place looks along them.

    Args:
        shape: (C, H, W) of one image, (T, C, H, W) of one clip.
        given: The width of the embedding.
        tokens: The width of a condition's tokens, to which the coarsest level attends; 0 for none.
        widths: Channels at each level, the finest first; each level halves the sides.
        blocks: Residual blocks at each level, down and up.
        patch: The side of the squares of pixels that are folded into channels.
        head: Channels of one head of attention.

    Raises:
        ValueError: If the shape is not that of an image.

    Example:
        >>> UNet((1, 28, 28), given=16, widths=(8, 16))(torch.zeros(2, 1, 28, 28), torch.zeros(2, 16)).shape
        torch.Size([2, 1, 28, 28])

    References:
        Ronneberger, Fischer & Brox, 2015, "U-Net: convolutional networks for biomedical image segmentation",
        arXiv:1505.04597
        Ho, Jain & Abbeel, 2020, arXiv:2006.11239 (with time and attention)
        Ho et al., 2022, arXiv:2204.03458 (of clips)
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        given: int,
        tokens: int = 0,
        widths: Sequence[int] = (48, 96),
        blocks: int = 2,
        patch: int = 2,
        head: int = 48,
    ) -> None:
        super().__init__()
        self.frames, shape = framed(shape)
        channels = image(shape)[0] * patch**2
        self.patch, self.multiple = patch, patch * 2 ** (len(widths) - 1)
        self.first = nn.Conv2d(channels, widths[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        self.shrink, self.grow = nn.ModuleList(), nn.ModuleList()
        for width in widths:
            self.down.append(nn.ModuleList(Block(width, width, given) for _ in range(blocks)))
            self.up.append(nn.ModuleList(Block(2 * width, width, given) for _ in range(blocks)))
        for fine, coarse in itertools.pairwise(widths):
            self.shrink.append(nn.Conv2d(fine, coarse, 3, stride=2, padding=1))
            self.grow.append(nn.Conv2d(coarse, fine, 1))
        self.middle = nn.ModuleList(Block(widths[-1], widths[-1], given) for _ in range(2))
        self.attention = Attention(widths[-1], max(1, widths[-1] // head), tokens)
        if self.frames:
            self.along_down, self.along_up = (nn.ModuleList(self._along(w, head) for w in widths) for _ in range(2))
        self.norm = Norm(groups(widths[0]), widths[0])
        self.last = silent(nn.Conv2d(widths[0], channels, 3, padding=1))
        self.activation = nn.SiLU()
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self, x: Float[Tensor, "B *event"], given: Float[Tensor, "B width"], told: Tokens | None = None
    ) -> Float[Tensor, "B *event"]:
        if not self.frames:
            return self._image(x, given, told)
        y = self._image(x.flatten(0, 1), each(given, self.frames), told_each(told, self.frames))
        return y.unflatten(0, (-1, self.frames))

    def _along(self, width: int, head: int) -> Along:
        return Along(width, self.frames, max(1, width // head))

    def _image(
        self, x: Float[Tensor, "B C H W"], given: Float[Tensor, "B width"], told: Tokens | None
    ) -> Float[Tensor, "B C H W"]:
        height, width = x.shape[2:]
        x = folded(pad(x, (0, -width % self.multiple, 0, -height % self.multiple)), self.patch)
        h = self.first(x.contiguous(memory_format=torch.channels_last))
        seen: list[Tensor] = []
        for level, blocks in enumerate(self.down):
            h = self.shrink[level - 1](h) if level else h
            for block in blocks:  # type: ignore[attr-defined]
                h = block(h, given)
                seen.append(h)
            h = self.along_down[level](h) if self.frames else h
        h = self.middle[1](self.attention(self.middle[0](h, given), told), given)
        for level in reversed(range(len(self.up))):
            for block in self.up[level]:  # type: ignore[attr-defined]
                h = block(torch.cat([h, seen.pop()], dim=1), given)
            h = self.along_up[level](h) if self.frames else h
            if level:
                h = interpolate(self.grow[level - 1](h), scale_factor=2.0)
        return unfolded(self.last(self.activation(self.norm(h))), self.patch)[:, :, :height, :width].contiguous()


def folded(x: Float[Tensor, "B C H W"], patch: int) -> Float[Tensor, "B CPP h w"]:
    """Squares of pixels as channels (torch's `pixel_unshuffle`, which cannot do it to no rows).

    Args:
        x: Images.
        patch: The side of a square.

    Example:
        >>> x = torch.randn(2, 3, 4, 6)
        >>> bool((unfolded(folded(x, 2), 2) == x).all()), folded(x, 2).shape
        (True, torch.Size([2, 12, 2, 3]))
    """
    rows, channels, height, width = x.shape
    parts = x.reshape(rows, channels, height // patch, patch, width // patch, patch).permute(0, 1, 3, 5, 2, 4)
    return parts.reshape(rows, channels * patch**2, height // patch, width // patch)


def unfolded(x: Float[Tensor, "B CPP h w"], patch: int) -> Float[Tensor, "B C H W"]:
    """Channels as squares of pixels, the inverse of `folded`.

    Args:
        x: Folded images.
        patch: The side of a square.
    """
    rows, channels, height, width = x.shape
    parts = x.reshape(rows, channels // patch**2, patch, patch, height, width).permute(0, 1, 4, 2, 5, 3)
    return parts.reshape(rows, channels // patch**2, height * patch, width * patch)


def groups(channels: int) -> int:
    """How many groups a normalization makes: the most, up to 8, that divide the channels.

    Example:
        >>> groups(48), groups(6)
        (8, 6)
    """
    return max(count for count in range(1, 9) if channels % count == 0)


def silent(layer: Convolution) -> Convolution:
    """A layer that begins by saying nothing, so that its block begins as the identity."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
