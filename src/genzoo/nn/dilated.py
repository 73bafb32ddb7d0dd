"""Convolutions that look back with holes: a few layers see thousands of places.

Layer i adds the vector of d_i = 2^i places ago, gated, and what is said of each place is the sum of what all layers
skip to the end:

$$ z = \\tanh(W_f [h_{t-d}, h_t] + V_f c) \\odot \\sigma(W_g [h_{t-d}, h_t] + V_g c), \\qquad
   h_t \\leftarrow h_t + R z, \\quad s_t \\leftarrow s_t + S z. $$

Both ways through it use the same weights: all places at once, or one after another, where each layer keeps a ring of
its last d inputs, so that a further place costs the same however many there were.

References:
    van den Oord et al., 2016, "WaveNet: a generative model for raw audio", arXiv:1609.03499
    Le Paine et al., 2016, "Fast Wavenet generation algorithm", arXiv:1611.09482 (the rings)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Dilated", "Ends", "Rings"]


class Ends(NamedTuple):
    """Of places of sequences that stand one after another: the number of each one's sequence, and its place there."""

    row: Int[Tensor, " T"]
    place: Int[Tensor, " T"]


@dataclass
class Rings:
    """What each layer was told at its last places, and how many places there were; the condition's part of gates."""

    kept: list[Float[Tensor, "n dilation width"]]
    told: list[Float[Tensor, "B frames twice"] | None]
    place: int = 0


class Layer(nn.Module):
    """A gated layer."""

    def __init__(self, width: int, skip: int, dilation: int, given: int) -> None:
        super().__init__()
        self.width, self.dilation = width, dilation
        self.gates = nn.Linear(2 * width, 2 * width)
        self.told = nn.Linear(given, 2 * width, bias=False) if given else None
        self.out = nn.Linear(width, width + skip)

    def forward(
        self, before: Float[Tensor, "*rest width"], now: Float[Tensor, "*rest width"], told: Tensor | None
    ) -> tuple[Float[Tensor, "*rest width"], Float[Tensor, "*rest skip"]]:
        gates = self.gates(torch.cat([before, now], dim=-1))
        gates = gates if told is None else gates + told
        filtered, gate = gates.chunk(2, dim=-1)
        said = self.out(filtered.tanh() * gate.sigmoid())
        return now + said[..., : self.width], said[..., self.width :]


class Dilated(nn.Module):
    """From a sequence of vectors to one of the same length, each place seeing itself and those before it.

    Args:
        width: The length of the vectors.
        skip: The length of what is said of each place.
        depth: Layers of a cycle, with dilations 1, 2, 4 … 2^(depth − 1).
        cycles: How often that is repeated.
        given: The length of a vector that all gates are told; 0 for none.
        frame: For how many places each such vector stands; 0: one for all of them.

    Example:
        >>> net = Dilated(8, skip=6, depth=3, cycles=2)
        >>> h = torch.randn(2, 20, 8)
        >>> net.reach, net(h).shape
        (15, torch.Size([2, 20, 6]))
        >>> rings = net.begin(2)
        >>> steps = torch.stack([net.tell(rings, h[:, t]) for t in range(20)], dim=1)
        >>> torch.allclose(steps, net(h), atol=1e-5)
        True
    """

    def __init__(self, width: int, *, skip: int, depth: int, cycles: int = 1, given: int = 0, frame: int = 0) -> None:
        super().__init__()
        dilations = [2**i for _ in range(cycles) for i in range(depth)]
        self.width, self.frame, self.reach = width, frame, 1 + sum(dilations)
        self.layers = nn.ModuleList(Layer(width, skip, dilation, given) for dilation in dilations)

    def forward(
        self,
        h: Float[Tensor, "*rest T width"],
        told: Float[Tensor, "B frames given"] | None = None,
        ends: Ends | None = None,
    ) -> Float[Tensor, "*rest T skip"]:
        """What is said of every place.

        Args:
            h: Sequences of one length; or, with `ends`, of any lengths, one after another.
            told: What the gates are told of each frame of each sequence.
            ends: Which sequence each place belongs to.
        """
        total: Tensor | None = None
        where = self._frames(told, h.shape[-2], ends)
        for layer, part in zip(self._each(), self._told(told), strict=True):
            before = functional.pad(h, (0, 0, layer.dilation, 0))[..., : h.shape[-2], :]
            if ends is not None:  # what another sequence ended with is nothing to this one
                before = before * (ends.place >= layer.dilation)[:, None]
            h, said = layer(before, h, part if part is None else functional.embedding(where, part.flatten(0, 1)))
            total = said if total is None else total + said
        assert total is not None
        return total

    def begin(self, n: int, told: Float[Tensor, "B frames given"] | None = None) -> Rings:
        """Rings for n sequences that have not begun."""
        kept = [layer.gates.weight.new_zeros(n, layer.dilation, self.width) for layer in self._each()]
        return Rings(kept, self._told(told))

    def tell(self, rings: Rings, h: Float[Tensor, "n width"]) -> Float[Tensor, "n skip"]:
        """What is said of the next place; the rings take it in."""
        total: Tensor | None = None
        for layer, ring, part in zip(self._each(), rings.kept, rings.told, strict=True):
            slot = ring[:, rings.place % layer.dilation]
            after, said = layer(slot, h, part if part is None else part[:, rings.place // (self.frame or 1 << 62)])
            slot.copy_(h)
            h, total = after, said if total is None else total + said
        rings.place += 1
        assert total is not None
        return total

    def _frames(self, told: Tensor | None, places: int, ends: Ends | None) -> Tensor:
        """Of each place the number of its frame among those of all sequences."""
        if told is None:
            return torch.empty(0)
        several = len(told) > 1
        if ends is not None:
            frame = ends.place // self.frame if self.frame else torch.zeros_like(ends.place)
            return ends.row * told.shape[1] + frame if several else frame
        place = torch.arange(places, device=told.device)
        frame = place // self.frame if self.frame else torch.zeros_like(place)
        return frame + told.shape[1] * torch.arange(len(told), device=told.device)[:, None]

    def _told(self, told: Tensor | None) -> list[Tensor | None]:
        """The condition's part of every layer's gates."""
        return [None if layer.told is None or told is None else layer.told(told) for layer in self._each()]

    def _each(self) -> Iterator[Layer]:
        return (layer for layer in self.layers if isinstance(layer, Layer))
