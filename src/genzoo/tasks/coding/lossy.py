"""Codes in place of rows: what an autoencoder keeps of x, as bytes, and what it makes of them."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from genzoo.core.given import NOTHING, Given
from genzoo.tasks.coding.bits_back import LayersLike, Points
from genzoo.tasks.coding.fixed_point import Doubts
from genzoo.tasks.coding.order import Order
from genzoo.tasks.coding.road import Packed, Road, coder, words_of

__all__ = ["Codes", "Latents"]

ROWS = 256


class Codes(Road):
    """Rows by their codes, which the prior of a latent model codes in its order. What comes back is decoded from them.

    Args:
        inner: The prior's road.
        encode: Rows as codes.
        decode: Codes as rows.
    """

    name, is_exact = "codes", False

    def __init__(
        self, inner: Order, encode: Callable[[Tensor, Given], Tensor], decode: Callable[[Tensor, Given], Tensor]
    ) -> None:
        self.inner, self.encode, self.decode, self.rows = inner, encode, decode, inner.rows

    @torch.no_grad()
    def pack(self, x: Shaped[Tensor, "n *event"], given: Given = NOTHING) -> Packed:
        return self.inner.pack(self.encode(x, given), given)

    @torch.no_grad()
    def unpack(self, words: bytes, doubts: bytes, n: int, given: Given = NOTHING) -> Shaped[Tensor, "n *event"]:
        return self.decode(self.inner.unpack(words, doubts, n, given), given)


class Latents(Road):
    """Rows by the means of their latents, rounded to a grid and coded by the prior: the wider the grid, the fewer
    bytes and the farther what comes back.

    Args:
        layers: The model's, in double precision.
        decode: Latents as rows.
        width: Between two points of the grid.
    """

    name, is_exact, rows = "latents", False, ROWS

    def __init__(self, layers: LayersLike, decode: Callable[[Tensor, Given], Tensor], width: float) -> None:
        self.layers, self.decode, self.width = layers, decode, width

    @torch.no_grad()
    def pack(self, x: Shaped[Tensor, "n *event"], given: Given = NOTHING) -> Packed:
        doubts, encoder = Doubts(), coder().queue.RangeEncoder()
        laws, z = Points(doubts, self.width), list[Tensor]()
        for layer in range(len(self.layers.sizes)):
            mean = self.layers.guess(x, z, given).loc
            points = laws.nearest(mean)
            law = laws.law(self.layers.expected(len(x), z, given), 2 * layer)
            encoder.encode(points, laws.family, *law)
            z.append(laws.z(points, mean))
        return Packed(encoder.get_compressed().astype("<u4").tobytes(), doubts.to_bytes())

    @torch.no_grad()
    def unpack(self, words: bytes, doubts: bytes, n: int, given: Given = NOTHING) -> Shaped[Tensor, "n *event"]:
        decoder, laws = coder().queue.RangeDecoder(words_of(words)), Points(Doubts(doubts), self.width)
        z = list[Tensor]()
        for layer in range(len(self.layers.sizes)):
            p = self.layers.expected(n, z, given)
            points = np.asarray(decoder.decode(laws.family, *laws.law(p, 2 * layer)))
            z.append(laws.z(points, p.loc))
        return self.decode(torch.cat(z[::-1], dim=1), given)
