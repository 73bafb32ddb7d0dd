"""Clips of digits that move: made of pictures of digits by known rules, so that every frame's truth is known.

A digit of 12 × 12 pixels, the middle of a picture halved, goes straight at a constant speed and bounces off the edges;
where it is at moment t is the fold of a line into the room R that an axis leaves it,

$$ p_t = R - |\\,(p_0 + v t) \\bmod 2R - R\\,|. $$

References:
    Srivastava, Mansimov & Salakhutdinov, 2015, "Unsupervised learning of video representations using LSTMs",
    arXiv:1502.04681 (moving MNIST)
"""

from typing import NamedTuple

import torch
from jaxtyping import Int, UInt8
from torch import Tensor
from torch.nn.functional import avg_pool2d

from genzoo.core import Noise

__all__ = ["BOX", "DIRECTIONS", "SPEEDS", "Paths", "drawn_paths", "folded_at", "glyphs", "moving"]

BOX = 12  # the side of a digit
DIRECTIONS = ("right", "down right", "down", "down left", "left", "up left", "up", "up right")
STEPS = torch.tensor([(0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1)])  # (down, right)
SPEEDS = ("slow", "fast")  # one pixel and two at a moment, along each axis that it moves along
PIECE = 1000  # clips made at a time


class Paths(NamedTuple):
    """Where digits are, and by what rule.

    Attributes:
        places: The upper left corner of each digit's box at each moment, (down, right).
        directions: The number of the direction in which each sets out.
        speeds: The number of its speed.
    """

    places: Int[Tensor, "n K T 2"]
    directions: Int[Tensor, "n K"]
    speeds: Int[Tensor, "n K"]


def drawn_paths(n: int, digits: int, frames: int, side: int, noise: Noise) -> Paths:
    """Paths of digits in clips; clip i depends on the noise and on i alone.

    Args:
        n: The number of clips.
        digits: How many digits a clip has.
        frames: How many moments.
        side: The side of a frame, more than that of a digit.
        noise: Where randomness comes from.

    Example:
        >>> paths = drawn_paths(3, 1, 4, 20, Noise(0))
        >>> paths.places.shape, bool((drawn_paths(9, 1, 4, 20, Noise(0)).places[:3] == paths.places).all())
        (torch.Size([3, 1, 4, 2]), True)
    """
    room = side - BOX
    start = noise.at("start").integers(room + 1, n, digits, 2)
    directions = noise.at("direction").integers(len(DIRECTIONS), n, digits)
    speeds = noise.at("speed").integers(len(SPEEDS), n, digits)
    velocity = STEPS[directions] * (speeds + 1)[..., None]
    leaves = (start + velocity < 0) | (start + velocity > room)
    start = torch.where(leaves, room - start, start)  # whoever sets out to the left is to be seen to do so
    line = start[:, :, None] + velocity[:, :, None] * torch.arange(frames)[:, None]
    return Paths(folded_at(line, room), directions, speeds)


def folded_at(line: Tensor, room: float) -> Tensor:
    """Places in [0, R] of what goes straight and bounces at both ends.

    Args:
        line: Where it would be, did it not bounce.
        room: R.

    Example:
        >>> folded_at(torch.tensor([0, 3, 5, 8, 9, -1]), 4).tolist()
        [0, 3, 3, 0, 1, 1]
    """
    return room - (line.remainder(2 * room) - room).abs()


def glyphs(pictures: UInt8[Tensor, "n 1 28 28"]) -> UInt8[Tensor, "n 12 12"]:
    """Digits as they move: the middle 24 × 24 pixels, every four of them as their mean.

    Args:
        pictures: Of MNIST's form.
    """
    return avg_pool2d(pictures[:, 0, 2:-2, 2:-2].float()[:, None], 2)[:, 0].round().to(torch.uint8)


def moving(shown: UInt8[Tensor, "n K 12 12"], paths: Paths, side: int) -> UInt8[Tensor, "n T 1 side side"]:
    """Clips of digits along paths, the brighter one where two meet.

    Args:
        shown: The digits of each clip.
        paths: Where they go.
        side: The side of a frame.
    """
    parts = [
        _made(each, places, side) for each, places in zip(shown.split(PIECE), paths.places.split(PIECE), strict=True)
    ]
    return torch.cat(parts)


def _made(shown: Tensor, places: Tensor, side: int) -> Tensor:
    n, digits, frames, _ = places.shape
    clips = torch.zeros(n, frames, side * side, dtype=torch.uint8)
    inside = (torch.arange(BOX)[:, None] * side + torch.arange(BOX)).flatten()
    for k in range(digits):
        corner = places[:, k, :, 0] * side + places[:, k, :, 1]
        ink = shown[:, k].flatten(1)[:, None].expand(-1, frames, -1)
        clips.scatter_reduce_(2, corner[..., None] + inside, ink, "amax")
    return clips.unflatten(2, (1, side, side))
