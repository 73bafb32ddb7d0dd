"""A transformer of an image's patches with skips from its first half to its second, like those of a U-Net.

The time and the condition are places of the sequence like any other: nothing but the sequence is told to a block. What
a block of the first half said is handed to its mirror image in the second,

$$ h \\leftarrow W\\,[h, h_{\\text{skip}}] + b, $$

since what is predicted has the finest details of what came in.

References:
    Bao et al., 2023, "All are worth words: a ViT backbone for diffusion models", arXiv:2209.12152
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu, pad

from genzoo.nn.conditioning import Tokens
from genzoo.nn.conv import image
from genzoo.nn.dit import zeros
from genzoo.nn.unet import folded, unfolded

__all__ = ["UViT"]


class Block(nn.Module):
    """Attention, then a network at every place, each after a normalization; before them, the skip."""

    def __init__(self, width: int, heads: int, *, skips: bool) -> None:
        super().__init__()
        self.heads = heads
        self.skip = nn.Linear(2 * width, width) if skips else None
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.qkv, self.out = nn.Linear(width, 3 * width), zeros(nn.Linear(width, width))
        self.up, self.down = nn.Linear(width, 4 * width), zeros(nn.Linear(4 * width, width))

    def forward(
        self, h: Float[Tensor, "B T W"], seen: Tensor | None = None, hidden: Tensor | None = None
    ) -> Float[Tensor, "B T W"]:
        if self.skip is not None and seen is not None:
            h = self.skip(torch.cat([h, seen], dim=2))
        h = h + self.attend(self.norms[0](h), hidden)
        return h + self.down(gelu(self.up(self.norms[1](h)), approximate="tanh"))

    def attend(self, h: Float[Tensor, "B T W"], hidden: Tensor | None) -> Float[Tensor, "B T W"]:
        """Every place looks at all that are there."""
        q, k, v = self.qkv(h).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        score = q @ k.mT / math.sqrt(q.shape[3])
        if hidden is not None:
            score = score.masked_fill(hidden[:, None, None], -torch.inf)
        return self.out((score.softmax(-1) @ v).transpose(1, 2).flatten(2))


class UViT(nn.Module):
    """A U-shaped transformer from an image and an embedding to an image of the same size.

    Sides that are no multiple of a patch's are padded with zeros, and the result is cut back; a convolution smooths
    what is put together of patches.

    Args:
        shape: (C, H, W) of one image.
        given: The width of the embedding, which stands before the patches.
        tokens: The width of a condition's tokens, which stand there, too; 0 for none.
        width: The length of a place's vector.
        depth: The number of blocks; of an odd number the middle one has no mirror image.
        heads: Heads of attention; they share out the width.
        patch: The side of a patch.

    Raises:
        ValueError: If the shape is not that of an image, or the heads do not divide the width.

    Example:
        >>> net = UViT((1, 28, 28), given=16, width=32, depth=3, heads=4)
        >>> net(torch.zeros(2, 1, 28, 28), torch.zeros(2, 16)).shape
        torch.Size([2, 1, 28, 28])
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        given: int,
        tokens: int = 0,
        width: int = 192,
        depth: int = 7,
        heads: int = 3,
        patch: int = 4,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"`width` must be a multiple of `heads`, got {width} and {heads}.")
        channels, height, across = image(shape)
        self.patch, self.grid = patch, (-(-height // patch), -(-across // patch))
        self.first, self.told = nn.Linear(channels * patch**2, width), nn.Linear(given, width)
        self.places = nn.Parameter(torch.empty(1 + math.prod(self.grid), width))
        nn.init.normal_(self.places, std=0.5)  # to be told beside the patches: with 0.02 learning waits for them
        self.before = nn.Linear(tokens, width) if tokens else None
        half = depth // 2
        self.blocks = nn.ModuleList(Block(width, heads, skips=k >= depth - half) for k in range(depth))
        self.norm, self.last = nn.LayerNorm(width), zeros(nn.Linear(width, channels * patch**2))
        self.smooth = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        nn.init.dirac_(self.smooth.weight)

    def forward(
        self, x: Float[Tensor, "B C H W"], given: Float[Tensor, "B width"], told: Tokens | None = None
    ) -> Float[Tensor, "B C H W"]:
        height, width = x.shape[2:]
        parts = folded(pad(x, (0, -width % self.patch, 0, -height % self.patch)), self.patch).flatten(2).mT
        h, hidden = torch.cat([self.told(given)[:, None], self.first(parts)], dim=1) + self.places, None
        if self.before is not None and told is not None:
            h = torch.cat([self.before(told.values), h], dim=1)
            hidden = ~pad(told.present, (0, len(self.places)), value=True)
        seen: list[Tensor] = []
        half = len(self.blocks) // 2
        for k, block in enumerate(self.blocks):
            h = block(h, seen.pop() if k >= len(self.blocks) - half else None, hidden)
            if k < half:
                seen.append(h)
        said = self.last(self.norm(h[:, -parts.shape[1] :])).mT.unflatten(2, self.grid)
        return self.smooth(unfolded(said, self.patch))[:, :, :height, :width].contiguous()
