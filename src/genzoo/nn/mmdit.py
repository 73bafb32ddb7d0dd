"""A transformer of two streams, patches of an image and tokens of a condition, that look at each other.

Each stream has weights of its own, for a place's vector, its norms and its network; one attention covers both:

$$ q, k, v = [W^x h^x;\\, W^c h^c], \\qquad
   h^s \\leftarrow h^s + g_1^s\\,U^s\\,\\mathrm{Attention}(q, k, v)^s, \\qquad
   h^s \\leftarrow h^s + g_2^s\\,W_2^s\\,a(W_1^s \\mathrm{told}(h^s)), $$

scaled, shifted and gated by an embedding of the time and the condition as in `DiT`. Many tokens are first joined, as
characters are to stretches of words.

References:
    Esser et al., 2024, "Scaling rectified flow transformers for high-resolution image synthesis", arXiv:2403.03206
    Clark, Garrette, Turc & Wieting, 2022, "CANINE", arXiv:2103.06874 (characters joined by strided convolution)
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import gelu, pad

from genzoo.nn.conditioning import Tokens
from genzoo.nn.dit import Block, told_norm, zeros
from genzoo.nn.patches import Patches

__all__ = ["MMDiT"]

MANY = 32  # tokens from which they are joined


class Joined(nn.Module):
    """Tokens, every four of them as one: two convolutions that keep every other place."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(tokens, width, 5, stride=2, padding=2)
        self.second = nn.Conv1d(width, width, 5, stride=2, padding=2)

    def forward(self, told: Tokens) -> Tokens:
        present = told.present
        h = told.values.mT  # zero where there is none
        for layer in (self.first, self.second):
            present = present[:, ::2]
            h = gelu(layer(h), approximate="tanh") * present[:, None]
        return Tokens(h.mT, present)


class Reader(nn.Module):
    """What a stream shows of itself to another that looks at it, and no more."""

    def __init__(self, width: int, given: int) -> None:
        super().__init__()
        self.told, self.shown = zeros(nn.Linear(given, 2 * width)), nn.Linear(width, 2 * width)

    def forward(self, c: Float[Tensor, "B S W"], given: Float[Tensor, "B width"]) -> Float[Tensor, "B S 2*W"]:
        scale, shift = self.told(given)[:, None].chunk(2, dim=2)
        return self.shown(told_norm(c, scale, shift))


class Both(nn.Module):
    """A block of two streams: one attention over both, and a network of each. In the last block the condition only
    shows itself, since nothing comes after."""

    def __init__(self, width: int, heads: int, given: int, *, last: bool) -> None:
        super().__init__()
        self.image, self.heads = Block(width, heads, given), heads
        self.condition = Reader(width, given) if last else Block(width, heads, given)

    def forward(
        self, h: Float[Tensor, "B T W"], c: Float[Tensor, "B S W"], given: Tensor, hidden: Bool[Tensor, "B U"]
    ) -> tuple[Float[Tensor, "B T W"], Float[Tensor, "B S W"]]:
        told = self.image.told(given)[:, None].chunk(6, dim=2)
        q, *shown = self.image.qkv(told_norm(h, told[0], told[1])).chunk(3, dim=2)
        if isinstance(self.condition, Reader):
            other = self.condition(c, given).chunk(2, dim=2)
            said = self.attend(q, [torch.cat(pair, 1) for pair in zip(shown, other, strict=True)], hidden)
            return added(self.image, h, said, told), c
        of_c = self.condition.told(given)[:, None].chunk(6, dim=2)
        asks, *other = self.condition.qkv(told_norm(c, of_c[0], of_c[1])).chunk(3, dim=2)
        keys = [torch.cat(pair, 1) for pair in zip(shown, other, strict=True)]
        said = self.attend(torch.cat([q, asks], 1), keys, hidden).split([h.shape[1], c.shape[1]], 1)
        return added(self.image, h, said[0], told), added(self.condition, c, said[1], of_c)

    def attend(self, asks: Tensor, keys: list[Tensor], hidden: Tensor) -> Float[Tensor, "B T W"]:
        """What places see of all that are there."""
        q, k, v = (each.unflatten(2, (self.heads, -1)).transpose(1, 2) for each in (asks, *keys))
        score = (q @ k.mT / math.sqrt(q.shape[3])).masked_fill(hidden[:, None, None], -torch.inf)
        return (score.softmax(-1) @ v).transpose(1, 2).flatten(2)


def added(
    block: Block, h: Float[Tensor, "B T W"], said: Float[Tensor, "B T W"], told: Sequence[Tensor]
) -> Float[Tensor, "B T W"]:
    """Vectors with what was seen, and with what a block's network makes of it.

    Args:
        block: The block.
        h: The vectors.
        said: What their places saw.
        told: Scales, shifts and gates.
    """
    _, _, gate1, scale2, shift2, gate2 = told
    h = h + gate1 * block.out(said)
    return h + gate2 * block.down(gelu(block.up(told_norm(h, scale2, shift2)), approximate="tanh"))


class MMDiT(nn.Module):
    """A transformer from an image, an embedding and the tokens of a condition to an image of the same size.

    Args:
        shape: (C, H, W) of one image.
        given: The width of the embedding.
        tokens: The width of a condition's tokens.
        count: How many there are at most; from 32 on every four are joined to one.
        width: The length of a place's vector.
        depth: The number of blocks.
        heads: Heads of attention; they share out the width.
        patch: The side of a patch.

    Raises:
        ValueError: If the heads do not share the width evenly.

    Example:
        >>> net = MMDiT((3, 8, 8), given=16, tokens=16, count=5, width=32, depth=2, heads=4)
        >>> told = Tokens(torch.zeros(2, 5, 16), torch.ones(2, 5, dtype=torch.bool))
        >>> net(torch.zeros(2, 3, 8, 8), torch.zeros(2, 16), told).shape
        torch.Size([2, 3, 8, 8])
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        given: int,
        tokens: int,
        count: int,
        width: int = 128,
        depth: int = 6,
        heads: int = 4,
        patch: int = 4,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"`width` must be a multiple of `heads`, got {width} and {heads}.")
        self.patches = Patches(shape, patch)
        self.first = nn.Linear(self.patches.width, width)
        self.places = nn.Parameter(0.5 * torch.randn(self.patches.places, width))
        self.reads: nn.Module = Joined(tokens, width) if count >= MANY else nn.Linear(tokens, width)
        joined = (count + 3) // 4 if count >= MANY else count
        self.order = nn.Parameter(0.5 * torch.randn(joined, width))  # 0.5: to be told beside them
        self.blocks = nn.ModuleList(Both(width, heads, given, last=k == depth - 1) for k in range(depth))
        self.told, self.last = zeros(nn.Linear(given, 2 * width)), zeros(nn.Linear(width, self.patches.width))

    def forward(
        self, x: Float[Tensor, "B C H W"], given: Float[Tensor, "B width"], told: Tokens
    ) -> Float[Tensor, "B C H W"]:
        h = self.first(self.patches.cut(x)) + self.places
        read = self.reads(told) if isinstance(self.reads, Joined) else Tokens(self.reads(told.values), told.present)
        c, hidden = read.values + self.order, pad(~read.present, (len(self.places), 0), value=False)
        for block in self.blocks:
            h, c = block(h, c, given, hidden)
        scale, shift = self.told(given)[:, None].chunk(2, dim=2)
        return self.patches.joined(self.last(told_norm(h, scale, shift)))
