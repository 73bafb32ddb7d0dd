"""A transformer of patches of an image, a clip or a line, told the time and the condition by its norms.

Every patch is a place of a sequence, and every place looks at every other; in a clip at those of its frame and, in
every other block, at its own place in the other frames. An embedding of the time and the condition
scales and shifts what each block sees, and says how much of what it says is added:

$$ h \\leftarrow h + g_1\\,\\mathrm{Attention}(s_1 \\odot \\mathrm{norm}(h) + b_1), \\qquad
   h \\leftarrow h + g_2\\,W_2\\,a(W_1 (s_2 \\odot \\mathrm{norm}(h) + b_2)), $$

all six being linear in the embedding, with g = 0 at first, so that every block begins as the identity.

References:
    Peebles & Xie, 2023, "Scalable diffusion models with transformers", arXiv:2212.09748
    Dosovitskiy et al., 2021, "An image is worth 16×16 words", arXiv:2010.11929 (patches)
    Esser et al., 2024, arXiv:2403.03206 (one attention over image and text)
    Ma et al., 2024, "Latte: latent diffusion transformer for video generation", arXiv:2401.03048 (clips)
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm, pad

from genzoo.nn.conditioning import Tokens
from genzoo.nn.frames import each, told_each
from genzoo.nn.patches import Patches

__all__ = ["DiT"]


class Block(nn.Module):
    """Attention, then a network at every place, each told by the embedding."""

    def __init__(self, width: int, heads: int, given: int) -> None:
        super().__init__()
        self.heads = heads
        self.told = zeros(nn.Linear(given, 6 * width))
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(
        self, h: Float[Tensor, "B T W"], given: Float[Tensor, "B width"], hidden: Tensor | None
    ) -> Float[Tensor, "B T W"]:
        scale1, shift1, gate1, scale2, shift2, gate2 = self.told(given)[:, None].chunk(6, dim=2)
        h = h + gate1 * self.attend(told_norm(h, scale1, shift1), hidden)
        return h + gate2 * self.down(gelu(self.up(told_norm(h, scale2, shift2)), approximate="tanh"))

    def attend(self, h: Float[Tensor, "B T W"], hidden: Tensor | None) -> Float[Tensor, "B T W"]:
        """Every place looks at all that are there."""
        q, k, v = self.qkv(h).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        score = q @ k.mT / math.sqrt(q.shape[3])  # few places: on a CPU quicker than the fused product
        if hidden is not None:
            score = score.masked_fill(hidden[:, None, None], -torch.inf)
        return self.out((score.softmax(-1) @ v).transpose(1, 2).flatten(2))


class DiT(nn.Module):
    """A transformer from an image, a clip or a line, and an embedding, to one of the same size.

    Sides that are no multiple of a patch's are padded with zeros, and the result is cut back.

    Args:
        shape: (C, H, W) of one image, (T, C, H, W) of one clip, (L,) or (L, D) of one line.
        given: The width of the embedding.
        tokens: The width of a condition's tokens, which stand before the patches; 0 for none.
        width: The length of a place's vector.
        depth: The number of blocks.
        heads: Heads of attention; they share out the width.
        patch: The side of a patch.

    Raises:
        ValueError: If the shape is none of these, or the heads do not divide the width.

    Example:
        >>> DiT((1, 28, 28), given=16, width=32, depth=2, heads=4)(torch.zeros(2, 1, 28, 28), torch.zeros(2, 16)).shape
        torch.Size([2, 1, 28, 28])
        >>> DiT((3, 1, 8, 8), given=4, width=8, depth=2, heads=2)(torch.zeros(2, 3, 1, 8, 8), torch.zeros(2, 4)).shape
        torch.Size([2, 3, 1, 8, 8])
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        given: int,
        tokens: int = 0,
        width: int = 192,
        depth: int = 6,
        heads: int = 3,
        patch: int = 4,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"`width` must be a multiple of `heads`, got {width} and {heads}.")
        self.patches = Patches(shape, patch)
        self.first = nn.Linear(self.patches.width, width)
        self.places = nn.Parameter(torch.empty(self.patches.places, width))
        nn.init.normal_(self.places, std=0.5)  # to be told beside the patches: with 0.02 learning waits for them
        if self.patches.frames:
            self.moments = nn.Parameter(torch.empty(self.patches.frames, 1, width))
            nn.init.normal_(self.moments, std=0.5)
        self.before = nn.Linear(tokens, width) if tokens else None
        self.blocks = nn.ModuleList(Block(width, heads, given) for _ in range(depth))
        self.told, self.last = zeros(nn.Linear(given, 2 * width)), zeros(nn.Linear(width, self.patches.width))

    def forward(
        self, x: Float[Tensor, "B *event"], given: Float[Tensor, "B width"], told: Tokens | None = None
    ) -> Float[Tensor, "B *event"]:
        frames = self.patches.frames
        h, told, hidden, before = self.first(self.patches.cut(x)) + self.places, told_each(told, frames), None, 0
        if frames:
            h = (h.unflatten(0, (-1, frames)) + self.moments).flatten(0, 1)
        if self.before is not None and told is not None:
            h, before = torch.cat([self.before(told.values), h], dim=1), told.values.shape[1]
            hidden = ~pad(told.present, (0, len(self.places)), value=True)
        of_each, of_places = each(given, frames), each(given, h.shape[1]) if frames else given
        for number, block in enumerate(self.blocks):
            if frames and number % 2:
                h = turned(block(turned(h, frames), of_places, None), h.shape[1])
            else:
                h = block(h, of_each, hidden)
        scale, shift = self.told(of_each)[:, None].chunk(2, dim=2)
        return self.patches.joined(self.last(told_norm(h[:, before:], scale, shift)))


def turned(h: Float[Tensor, "N K W"], rows: int) -> Float[Tensor, "M R W"]:
    """Places of so many frames in a row as frames of places, or back.

    Args:
        h: The vectors of every `rows` rows that belong together.
        rows: How many they are.
    """
    return h.unflatten(0, (-1, rows)).transpose(1, 2).flatten(0, 1)


def told_norm(
    h: Float[Tensor, "B T W"], scale: Float[Tensor, "B 1 W"], shift: Float[Tensor, "B 1 W"]
) -> Float[Tensor, "B T W"]:
    """Vectors of unit size, scaled and shifted as the embedding says.

    Args:
        h: The vectors.
        scale: By how much more than 1.
        shift: The shift.
    """
    return torch.addcmul(shift, layer_norm(h, h.shape[-1:]).to(scale.dtype), 1 + scale)


def zeros(layer: nn.Linear) -> nn.Linear:
    """A layer that begins by saying nothing.

    Args:
        layer: The layer.
    """
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
