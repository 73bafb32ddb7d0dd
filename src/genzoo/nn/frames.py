"""Clips by the networks of images: frames as rows, and attention along them at every place.

A clip is (T, C, H, W). What an image's network does within a frame it does to each frame alone, and in between every
place looks at the same place of the other frames: spatial attention, then temporal, in place of one over T·H·W places.

References:
    Ho et al., 2022, "Video diffusion models", arXiv:2204.03458
    Ma et al., 2024, "Latte: latent diffusion transformer for video generation", arXiv:2401.03048
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from genzoo.nn.conditioning import Tokens

__all__ = ["Along", "each", "framed", "told_each"]


def framed(shape: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """How many frames a row has and the shape of one; 0 for what is no clip.

    Args:
        shape: Of one row.

    Example:
        >>> framed((8, 1, 20, 20)), framed((1, 28, 28))
        ((8, (1, 20, 20)), (0, (1, 28, 28)))
    """
    return (shape[0], shape[1:]) if len(shape) == 4 else (0, shape)


def each(vector: Float[Tensor, "B width"], times: int) -> Float[Tensor, "N width"]:
    """What is told of a row, told of every one of its parts.

    Args:
        vector: What is told.
        times: The number of parts, 0 where the row is whole.
    """
    return vector.repeat_interleave(times, 0) if times else vector


def told_each(told: Tokens | None, times: int) -> Tokens | None:
    """The tokens of a row's condition, told to every one of its frames.

    Args:
        told: The tokens, if there are any.
        times: The number of frames, 0 for what is no clip.
    """
    if told is None or not times:
        return told
    return Tokens(told.values.repeat_interleave(times, 0), told.present.repeat_interleave(times, 0))


class Along(nn.Module):
    """Every place looks at the same place of all frames, which are told apart by a learned vector of their moment.

    It begins as the identity.

    Args:
        channels: Of the feature maps.
        frames: How many of them make a clip.
        heads: Heads of attention; they share out the channels.

    Example:
        >>> Along(8, frames=3, heads=2)(torch.zeros(6, 8, 4, 5)).shape
        torch.Size([6, 8, 4, 5])
    """

    def __init__(self, channels: int, frames: int, heads: int) -> None:
        super().__init__()
        self.frames, self.heads = frames, heads
        self.moments = nn.Parameter(torch.empty(frames, channels))
        nn.init.normal_(self.moments, std=0.5)
        self.qkv, self.out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
        places = x.permute(0, 2, 3, 1).flatten(1, 2).unflatten(0, (-1, self.frames)).transpose(1, 2)  # B, HW, T, C
        h = layer_norm(places, places.shape[-1:]).to(x.dtype) + self.moments
        q, k, v = self.qkv(h).unflatten(3, (3, self.heads, -1)).permute(3, 0, 1, 4, 2, 5).unbind(0)
        said = self.out(((q @ k.mT / math.sqrt(q.shape[4])).softmax(-1) @ v).transpose(2, 3).flatten(3))
        return x + said.transpose(1, 2).flatten(0, 1).unflatten(1, x.shape[2:]).permute(0, 3, 1, 2)
