"""A generative adversarial network that grows while it is trained: the hardest case for a budget of time, for its last
steps cost many times what its first ones do.

Both networks start at 4×4 pixels; from then on a rung of twice the side is blended in during half of its time.

References:
    Karras, Aila, Laine & Lehtinen, 2018, "Progressive growing of GANs for improved quality, stability, and variation",
    arXiv:1710.10196
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, leaky_relu

from genzoo import Space
from genzoo.core import Given, Player
from genzoo.models.adversarial import GAN, Rules

__all__ = ["growing_gan"]


class Ladder(nn.Module):
    """Convolutions at sides of 4, 8, 16 … pixels, of which the first rungs are at work.

    Args:
        channels: Of the pictures.
        rungs: How many sides there are.
        width: Of the layers.
    """

    def __init__(self, channels: int, rungs: int, width: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(rungs))
        self.colors = nn.ModuleList(nn.Conv2d(*self.ends(channels, width), 1) for _ in range(rungs))
        self.register_buffer("height", torch.zeros(()))  # rung + share of the next one

    def ends(self, channels: int, width: int) -> tuple[int, int]:
        """From and to how many channels a picture is read or written."""
        raise NotImplementedError

    @property
    def now(self) -> tuple[int, float]:
        """The highest rung at work, and its share in what is seen."""
        rung = math.ceil(float(self.height))
        return rung, 1 - (rung - float(self.height))


class Upwards(Ladder):
    """Noise to a picture of the full side."""

    def __init__(self, latent: int, channels: int, rungs: int, width: int) -> None:
        super().__init__(channels, rungs, width)
        self.first = nn.Linear(latent, 16 * width)

    def ends(self, channels: int, width: int) -> tuple[int, int]:
        return width, channels

    def forward(self, z: Tensor, given: Given | None = None) -> Tensor:
        (top, share), h = self.now, self.first(z).unflatten(1, (-1, 4, 4))
        h = before = leaky_relu(self.blocks[0](h), 0.2)
        for block in self.blocks[1 : top + 1]:
            before, h = h, leaky_relu(block(interpolate(h, scale_factor=2)), 0.2)
        y = self.colors[top](h)
        if share < 1:
            y = torch.lerp(interpolate(self.colors[top - 1](before), scale_factor=2), y, share)
        return interpolate(y, scale_factor=2 ** (len(self.blocks) - 1 - top))


class Downwards(Ladder):
    """A picture of the full side to a logit."""

    def __init__(self, channels: int, rungs: int, width: int) -> None:
        super().__init__(channels, rungs, width)
        self.last = nn.Linear(16 * width, 1)

    def ends(self, channels: int, width: int) -> tuple[int, int]:
        return channels, width

    def forward(self, x: Tensor, given: Given | None = None) -> Tensor:
        (top, share) = self.now
        x = avg_pool2d(x, 2 ** (len(self.blocks) - 1 - top))
        h = leaky_relu(self.colors[top](x), 0.2)
        for rung in range(top, 0, -1):
            h = avg_pool2d(leaky_relu(self.blocks[rung](h), 0.2), 2)
            if rung == top and share < 1:
                h = torch.lerp(leaky_relu(self.colors[top - 1](avg_pool2d(x, 2)), 0.2), h, share)
        return self.last(leaky_relu(self.blocks[0](h), 0.2).flatten(1))


class GrowingGAN(GAN):
    """The game of `GAN` on two ladders, which grow with the training's progress."""

    def at(self, progress: float) -> None:
        """Half of each rung's time it is blended in, half it is alone."""
        rungs = len(self.generator.blocks)
        rung, share = divmod(progress * rungs, 1)
        height = min(rungs - 1.0, rung - 1 + min(1.0, 2 * share))
        for ladder in (self.generator, self.critic):
            ladder.height.fill_(max(0.0, height))

    def players(self) -> Sequence[Player]:
        critic, generator = super().players()
        return [critic, replace(generator, after=lambda now: self.at(now.progress))]


def growing_gan(space: Space, *, width: int = 32, latent: int = 32) -> GrowingGAN:
    """A growing network for square pictures whose side is a power of two."""
    channels, side = space.shape[0], space.shape[1]
    rungs = int(math.log2(side)) - 1
    nets = Upwards(latent, channels, rungs, width), Downwards(channels, rungs, width)
    return GrowingGAN(space, None, *nets, Rules(lr=2e-4, betas=(0.5, 0.999)), latent=latent)
