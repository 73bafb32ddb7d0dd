"""Whether clips hold together in time: the path of what moves, and what it is taken for from frame to frame.

The middle of a frame is the mean place of its ink. A path (p_t) is held against the law that things go straight at a
constant speed and bounce off the walls,

$$ \\hat p_t = \\mathrm{fold}(p_0 + v t), \\qquad
   R^2 = 1 - \\frac{\\sum_t \\|p_t - \\hat p_t\\|^2}{\\sum_t \\|p_t - \\bar p\\|^2}, $$

p₀ and v being the best on a grid, an axis at a time. As a control the frames of each clip are shuffled, which leaves
every frame as it is and must worsen whatever says something of time.

References:
    Srivastava, Mansimov & Salakhutdinov, 2015, arXiv:1502.04681 (digits that move)
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Shaped, UInt8
from torch import Tensor
from torch.nn.functional import pad

from genzoo.core import Noise
from genzoo.data.moving import BOX, STEPS, folded_at
from genzoo.distributions.estimate import Estimate, mean_of

__all__ = ["Followed", "Motion", "centers", "digits_in", "exchanged", "followed", "motion_scores", "shuffled_frames"]

FASTEST, STRIDE = 3.0, 0.125  # pixels at a moment, along an axis, and the step of the grid
INK = 64  # what is darker is no ink


class Followed(NamedTuple):
    """The best straight path that bounces.

    Attributes:
        velocity: v when it sets out, (down, right) in pixels at a moment; either sign at a wall.
        straightness: R².
        miss: The mean distance of a frame's middle from the path, in pixels.
    """

    velocity: Float[Tensor, "n 2"]
    straightness: Float[Tensor, " n"]
    miss: Float[Tensor, " n"]


class Motion(NamedTuple):
    """What is said of clips of one digit.

    Attributes:
        read: The share of frames in which the digit that was asked for is read.
        whole: The share of clips in which it is in all of them.
        flips: How often in a clip another digit is read than in the frame before.
        straightness: R² of the path.
        miss: Pixels between the path and its best straight one.
        speed: |v̂ − v| / |v|, by how much the speed misses the one that was asked for.
        direction: The share of clips whose first step goes in the direction that was asked for, of eight.
    """

    read: Estimate
    whole: Estimate
    flips: Estimate
    straightness: Estimate
    miss: Estimate
    speed: Estimate
    direction: Estimate


def centers(x: Shaped[Tensor, "n T 1 H W"]) -> Float[Tensor, "n T 2"]:
    """The middle of the ink of every frame, (down, right); the middle of the frame where there is none.

    Args:
        x: Clips of bytes.

    Example:
        >>> x = torch.zeros(1, 1, 1, 5, 5, dtype=torch.uint8)
        >>> x[0, 0, 0, 1, 3] = 255
        >>> centers(x).tolist()
        [[[1.0, 3.0]]]
    """
    ink = torch.where(x[:, :, 0] < INK, 0, x[:, :, 0]).double()
    total = ink.sum((2, 3))
    places = [
        (ink.sum(3 - axis) @ torch.arange(ink.shape[2 + axis], dtype=torch.float64)) / total.clamp_min(1)
        for axis in (0, 1)
    ]
    middle = torch.tensor([(side - 1) / 2 for side in x.shape[3:]], dtype=torch.float64)
    return torch.where(total[..., None] > 0, torch.stack(places, -1), middle)


def digits_in(x: UInt8[Tensor, "n T 1 H W"]) -> UInt8[Tensor, "m 1 28 28"]:
    """What moves in each frame, as MNIST shows digits: a box around the middle of the ink, twice as large.

    Args:
        x: Clips of bytes.
    """
    corner = (centers(x) - (BOX - 1) / 2).round().long()
    last = torch.tensor([side - BOX for side in x.shape[3:]])
    corner = torch.minimum(corner.clamp_min(0), last).flatten(0, 1)
    place = corner[..., None] + torch.arange(BOX)
    frames = x[:, :, 0].flatten(0, 1)
    cut = frames[torch.arange(len(frames))[:, None, None], place[:, 0, :, None], place[:, 1, None]]
    return pad(cut.repeat_interleave(2, 1).repeat_interleave(2, 2), (2, 2, 2, 2))[:, None]


def followed(path: Float[Tensor, "n T 2"], low: float, high: float) -> Followed:
    """The straight path between walls, bouncing, that lies nearest to each.

    Args:
        path: Middles of frames.
        low: The least place of a middle, along both axes.
        high: The greatest.

    Example:
        >>> line = 5.5 + torch.tensor([[1.0, 1], [2, 3], [3, 5], [4, 7], [5, 7], [6, 5]])
        >>> found = followed(line[None], 5.5, 13.5)
        >>> found.velocity.tolist(), round(found.straightness.item(), 6)
        ([[1.0, 2.0]], 1.0)
    """
    moments, room = torch.arange(path.shape[1], dtype=torch.float64), high - low
    starts = torch.arange(0, room + STRIDE / 2, STRIDE, dtype=torch.float64)
    speeds = torch.arange(-FASTEST, FASTEST + STRIDE / 2, STRIDE, dtype=torch.float64)
    guesses = torch.cartesian_prod(starts, speeds)
    lines = low + folded_at(guesses[:, :1] + guesses[:, 1:] * moments, room)
    flat = path.double().transpose(1, 2).flatten(0, 1)
    best = torch.cat([torch.cdist(part, lines).argmin(1) for part in flat.split(1000)])
    there = lines[best].unflatten(0, (-1, 2)).transpose(1, 2)
    left = (path - there).square().sum((1, 2))
    spread = (path - path.mean(1, keepdim=True)).square().sum((1, 2))
    straightness = 1 - left / spread.clamp_min(1e-9)
    return Followed(guesses[best, 1].unflatten(0, (-1, 2)), straightness, (path - there).norm(dim=2).mean(1))


def motion_scores(
    x: Shaped[Tensor, "n T 1 H W"],
    read: Int[Tensor, "n T"],
    label: Int[Tensor, " n"],
    direction: Int[Tensor, " n"],
    speed: Int[Tensor, " n"],
) -> Motion:
    """What is said of clips of one digit that goes straight and bounces.

    Args:
        x: Clips of bytes.
        read: Which digit a judge reads in every frame.
        label: Which was asked for.
        direction: The number of the direction that was asked for.
        speed: The number of the speed that was asked for.
    """
    right, edge = (read == label[:, None]).double(), (BOX - 1) / 2
    path = centers(x)
    found = followed(path, edge, x.shape[3] - 1 - edge)
    asked = STEPS[direction] * (speed + 1)[:, None].double()
    size, ways = found.velocity.norm(dim=1), STEPS.double() / STEPS.double().norm(dim=1, keepdim=True)
    return Motion(
        read=mean_of(right.mean(1)),
        whole=mean_of((right.amin(1) > 0).double()),
        flips=mean_of((read[:, 1:] != read[:, :-1]).double().sum(1)),
        straightness=mean_of(found.straightness),
        miss=mean_of(found.miss),
        speed=mean_of((size - asked.norm(dim=1)).abs() / asked.norm(dim=1)),
        direction=mean_of((((path[:, 1] - path[:, 0]) @ ways.T).argmax(1) == direction).double()),
    )


def shuffled_frames(x: Shaped[Tensor, "n T *frame"], noise: Noise) -> Shaped[Tensor, "n T *frame"]:
    """The frames of each clip in an order of its own.

    Args:
        x: Clips.
        noise: Where randomness comes from.
    """
    order = noise.uniform(len(x), x.shape[1]).argsort(1)
    return x[torch.arange(len(x))[:, None], order]


def exchanged(x: Shaped[Tensor, "n T *frame"]) -> Shaped[Tensor, "n T *frame"]:
    """Frames at their own moments, each from another clip.

    Args:
        x: Clips.
    """
    n, frames = x.shape[:2]
    return x[(torch.arange(n)[:, None] + torch.arange(frames)) % n, torch.arange(frames)]
