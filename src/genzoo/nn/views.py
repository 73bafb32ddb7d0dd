"""Views of an image: crops, flips and changes of color that leave what it shows as it is.

References:
    Chen et al., 2020, "A simple framework for contrastive learning of visual representations", arXiv:2002.05709
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.core.noise import Noise

__all__ = ["GREY", "varied"]

GREY = (0.299, 0.587, 0.114)  # of red, green and blue


def varied(x: Float[Tensor, "B C H W"], noise: Noise) -> Float[Tensor, "B C H W"]:
    """Images cropped, flipped, and changed in color or, where they have none, in brightness and contrast, at random.

    Args:
        x: Images in [0, 1].
        noise: Where the choices come from.

    Example:
        >>> varied(torch.rand(2, 3, 8, 8), Noise(0)).shape
        torch.Size([2, 3, 8, 8])
    """
    return _colored(_cropped(x, noise.at("crop")), noise.at("color"))


def _cropped(x: Tensor, noise: Noise) -> Tensor:
    """A part of a fifth to the whole of each image, of a width 3/4 to 4/3 of its height, at the size of the whole."""
    area, ratio, across, down, flip = noise.uniform(len(x), 5).unbind(1)
    side, stretch = (0.2 + 0.8 * area).sqrt(), ((2 * ratio - 1) * math.log(4 / 3) / 2).exp()
    wide, high = (side * stretch).clamp_max(1), (side / stretch).clamp_max(1)
    zero = torch.zeros(len(x))
    rows = [
        torch.stack([torch.where(flip < 0.5, wide, -wide), zero, (2 * across - 1) * (1 - wide)], 1),
        torch.stack([zero, high, (2 * down - 1) * (1 - high)], 1),
    ]
    grid = nn.functional.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False).to(x)
    return nn.functional.grid_sample(x, grid, padding_mode="reflection", align_corners=False)


def _colored(x: Tensor, noise: Noise) -> Tensor:
    """Brightness, contrast, saturation and hue changed in four of five images; one in five made grey."""
    u = noise.uniform(len(x), 6).to(x)[:, :, None, None, None]
    strength = torch.where(u[:, 4] < 0.8, 1.0, 0.0)
    bright, contrast, saturation = (1 + 0.8 * (u[:, i] - 0.5) * strength for i in range(3))
    x = (x * bright).clamp(0, 1)
    x = x + (contrast - 1) * (x - x.mean((1, 2, 3), keepdim=True))
    if x.shape[1] != 3:
        return x.clamp(0, 1)
    grey = (x * torch.tensor(GREY).to(x)[:, None, None]).sum(1, keepdim=True)
    angle = 0.2 * math.pi * (2 * u[:, 3] - 1) * strength
    color = x - grey
    mean = color.mean(1, keepdim=True)
    turned = torch.stack([color[:, 1] - color[:, 2], color[:, 2] - color[:, 0], color[:, 0] - color[:, 1]], 1)
    color = mean + (color - mean) * angle.cos() + turned * angle.sin() / math.sqrt(3)  # about the axis of greys
    saturation = torch.where(u[:, 5] < 0.2, 0.0, saturation)
    return (grey + saturation * color).clamp(0, 1)
