"""A field on chains of frames: what each frame says in its own axes, which turns with the chain.

What is seen of two frames is where one is in the axes of the other, and how it is turned there; of neighbors also the
distances of their atoms, as waves of many lengths, for a bond is a hundred times shorter than a chain. None of it
changes when the chain is moved as a whole, so what a frame says in its own axes is equivariant.

References:
    Yim et al., 2023, "SE(3) diffusion model with application to protein backbone generation", arXiv:2302.02277
    Yim et al., 2023, "Fast protein backbone generation with SE(3) flow matching", arXiv:2310.05297
    Peebles & Xie, 2023, "Scalable diffusion models with transformers", arXiv:2212.09748 (norms that are told)
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import layer_norm, relu

from genzoo.nn.point_attention import PointAttention
from genzoo.nn.rigid import atoms_of

__all__ = ["FrameField"]

WAVES, SLOW, FAR = 6, 3, 16  # lengths of waves of neighbors, and of all pairs; steps along the chain told apart


class FrameField(nn.Module):
    """A transformer of frames with point attention, told the time and the condition by its norms.

    Args:
        outputs: Numbers that each frame says.
        given: The width of the embedding.
        width: The length of a frame's vector.
        depth: The number of blocks.
        heads: Heads of attention; they share out the width.
        pair: The length of the vector of two frames.
        unit: Å in a unit of what is seen.

    Example:
        >>> field = FrameField(7, given=8, width=16, depth=1, heads=2)
        >>> frames = torch.cat([torch.eye(3).expand(2, 5, 3, 3), torch.randn(2, 5, 3, 1)], -1)
        >>> field(frames, torch.zeros(2, 8)).shape
        torch.Size([2, 5, 7])
    """

    def __init__(
        self, outputs: int, *, given: int, width: int = 128, depth: int = 4, heads: int = 4, pair: int = 16,
        unit: float = 10.0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.unit = unit
        self.near = nn.Linear(2 * (9 * (2 * WAVES + 2) + 1), width)
        self.far = nn.Embedding(2 * FAR + 1, pair)
        self.pair = nn.Sequential(nn.Linear(12 + 2 * SLOW, 2 * pair), nn.ReLU(), nn.Linear(2 * pair, pair))
        self.blocks = nn.ModuleList(Block(width, heads, pair, given) for _ in range(depth))
        self.told = _zeros(nn.Linear(given, 2 * width))
        self.last = _zeros(nn.Linear(width, outputs))

    def forward(
        self, frames: Float[Tensor, "B T 3 4"], given: Float[Tensor, "B width"]
    ) -> Float[Tensor, "B T outputs"]:
        rotation, place = frames[..., :3], frames[..., 3] / self.unit
        h = self.near(self._neighbors(rotation, place))
        pairs = self._pairs(rotation, place)
        for block in self.blocks:
            h = block(h, pairs, rotation, place, given)
        scale, shift = self.told(given)[:, None].chunk(2, dim=2)
        return self.last(_told_norm(h, scale, shift))

    def _neighbors(self, rotation: Tensor, place: Tensor) -> Float[Tensor, "B T features"]:
        """What each frame sees of the atoms before and after it: distances to its own, and where they are."""
        atoms = atoms_of(rotation, place * self.unit) / self.unit
        seen = []
        for step in (1, -1):
            other = atoms.roll(-step, 1)
            lengths = (atoms[:, :, :, None] - other[:, :, None]).square().sum(-1).add(1e-8).sqrt()
            local = (other - place[:, :, None]) @ rotation
            there = torch.ones_like(place[..., :1])
            there[:, -1 if step > 0 else 0] = 0
            told = torch.cat([_waves(lengths.flatten(2)), lengths.flatten(2), local.flatten(2)], 2)
            seen += [told * there, there]
        return torch.cat(seen, 2)

    def _pairs(self, rotation: Tensor, place: Tensor) -> Float[Tensor, "B T T pair"]:
        """What each frame sees of each other one."""
        local = (place[:, None] - place[:, :, None]) @ rotation
        length = (local.square().sum(-1, keepdim=True) + 1e-8).sqrt()
        turn = (rotation.mT[:, :, None] @ rotation[:, None]).flatten(3)
        index = torch.arange(place.shape[1], device=place.device)
        steps = (index - index[:, None]).clamp(-FAR, FAR) + FAR
        return self.pair(torch.cat([local, turn, _waves(length, SLOW)], 3)) + self.far(steps)


class Block(nn.Module):
    """Point attention, then a network at every frame, each told by the embedding; it begins as the identity."""

    def __init__(self, width: int, heads: int, pair: int, given: int) -> None:
        super().__init__()
        self.told = _zeros(nn.Linear(given, 6 * width))
        self.look = PointAttention(width, heads=heads, pair=pair)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(
        self, h: Tensor, pairs: Tensor, rotation: Tensor, place: Tensor, given: Tensor
    ) -> Float[Tensor, "B T width"]:
        scale1, shift1, gate1, scale2, shift2, gate2 = self.told(given)[:, None].chunk(6, dim=2)
        h = h + gate1 * self.look(_told_norm(h, scale1, shift1), pairs, rotation, place)
        return h + gate2 * self.down(relu(self.up(_told_norm(h, scale2, shift2))).square())


def _waves(length: Float[Tensor, "*batch d"], count: int = WAVES) -> Float[Tensor, "*batch features"]:
    """Waves of lengths, the longest of 2 units, each half as long as the one before."""
    turns = math.pi * 2.0 ** torch.arange(count, device=length.device)
    angles = (length[..., None] * turns.to(length)).flatten(-2)
    return torch.cat([angles.cos(), angles.sin()], -1)


def _told_norm(h: Float[Tensor, "B T W"], scale: Tensor, shift: Tensor) -> Float[Tensor, "B T W"]:
    return layer_norm(h, h.shape[-1:]) * (1 + scale) + shift


def _zeros(layer: nn.Linear) -> nn.Linear:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
