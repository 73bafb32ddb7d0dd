"""Pictures as they come back from others: blurred, and rounded in blocks of cosine waves as JPEG rounds them."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

__all__ = ["blurred", "squeezed"]

BLOCK, REACH = 8, 3  # the side of a block of waves; pixels on each side that a blur looks at
COARSE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29,
    51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120,
    101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip


def blurred(x: Float[Tensor, "B C H W"], sigma: Float[Tensor, " B"]) -> Float[Tensor, "B C H W"]:
    """Pictures under a normal kernel of a width for each, pixels at the edge being repeated.

    Args:
        x: Pictures.
        sigma: Widths in pixels, up to about 1.5; 0 leaves a picture as it is.

    Example:
        >>> spot = torch.zeros(1, 1, 5, 5)
        >>> spot[..., 2, 2] = 1.0
        >>> round(blurred(spot, torch.tensor([0.5]))[0, 0, 2, 2].item(), 2)
        0.62
    """
    places = torch.arange(-REACH, REACH + 1, device=x.device, dtype=x.dtype)
    weights = (-places.square() / (2 * sigma.to(x)[:, None].square().clamp_min(1e-6))).softmax(1)
    for axis, pad in ((2, (0, 0, REACH, REACH)), (3, (REACH, REACH, 0, 0))):
        size, wide = x.shape[axis], functional.pad(x, pad, mode="replicate")
        shifted = torch.stack([wide.narrow(axis, k, size) for k in range(len(places))], 1)
        x = torch.einsum("bk,bkchw->bchw", weights, shifted)
    return x


def squeezed(x: Float[Tensor, "B C H W"], quality: Float[Tensor, " B"]) -> Float[Tensor, "B C H W"]:
    """Pictures in [−1, 1] whose cosine waves of 8 × 8 pixels are rounded as JPEG does at a quality for each: every
    channel by the table for brightness, nothing subsampled.

    Args:
        x: Pictures; edges that are no whole block are repeated, as writers do.
        quality: From 1 to 100.

    Example:
        >>> x = torch.linspace(-1, 1, 64).reshape(1, 1, 8, 8)
        >>> (squeezed(x, torch.tensor([95.0])) - x).abs().max() < 0.05
        tensor(True)
    """
    height, width = x.shape[2:]
    wide = functional.pad(x, (0, -width % BLOCK, 0, -height % BLOCK), mode="replicate")
    blocks = wide.unflatten(3, (-1, BLOCK)).unflatten(2, (-1, BLOCK)).transpose(3, 4)  # (B, C, rows, columns, 8, 8)
    waves, steps = _waves(x), _steps(quality.to(x))[:, None, None, None]
    rounded = ((waves @ (127.5 * blocks - 0.5) @ waves.T) / steps).round() * steps  # 0 is level 128
    back = ((waves.T @ rounded @ waves + 0.5) / 127.5).transpose(3, 4).flatten(4, 5).flatten(2, 3)
    return back[..., :height, :width].clamp(-1, 1)


def _waves(like: Tensor) -> Float[Tensor, "8 8"]:
    """An orthonormal cosine transform, a wave in each row."""
    k = torch.arange(BLOCK, device=like.device, dtype=like.dtype)
    waves = torch.cos(math.pi * k[:, None] * (2 * k + 1) / (2 * BLOCK)) * math.sqrt(2 / BLOCK)
    waves[0] /= math.sqrt(2)
    return waves


def _steps(quality: Float[Tensor, " B"]) -> Float[Tensor, "B 8 8"]:
    """What waves are rounded to."""
    table = torch.tensor(COARSE, device=quality.device, dtype=quality.dtype).view(BLOCK, BLOCK)
    scale = torch.where(quality < 50, 5000 / quality.clamp_min(1), 200 - 2 * quality).floor()
    return ((table * scale[:, None, None] + 50) / 100).floor().clamp(1, 255)
