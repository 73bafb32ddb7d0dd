"""Codes at several levels: a coarse map of what an image shows, and finer ones of what it looks like.

The encoder goes down to the coarsest map. Its codes are taken first; what they stand for is carried up, and each finer
map says only what is still open. The decoder sees what all of them stand for.
"""

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.distributions import Distribution

from genzoo.core.game import Instant
from genzoo.core.given import NOTHING, Given
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import Numbers
from genzoo.distributions.observation import Observation
from genzoo.models.autoencoders.coder import Coder, Coding, first
from genzoo.models.autoencoders.quantizers import Quantized, Quantizer
from genzoo.nn.maps import MapDecoder, MapEncoder, halvings_of

__all__ = ["CodePyramid"]


class CodePyramid(Coder):
    """q(z | x) is one code at each place of several maps, z = (z_L, …, z_1) from the coarsest to the finest,

    $$ h_1 = f_1(x), \\quad h_l = f_l(h_{l-1}), \\qquad z_l = quantized(g_l(h_l, c_l)), \\qquad
       c_{l-1} = u_l(e(z_l), c_l), $$

    e(z_l) being what codes stand for and c_l what the coarser maps have told; p(x | z) is decoded from c_0. All maps
    have one alphabet, each a quantizer of its own.

    Args:
        space: Images, (C, H, W).
        quantizers: One for each map, from the finest to the coarsest, with the same number of codes.
        width: Channels at full size.
        halvings: How often the finest map is halved; each coarser one is halved once more.
        blocks: Residual blocks at each size, each way.

    Raises:
        ValueError: If there are fewer than two maps, their numbers of codes differ, or nothing is left to halve.

    Example:
        >>> from genzoo.models.autoencoders import Codebook
        >>> both = CodePyramid(Space((1, 8, 8), levels=17), [Codebook(16, 4), Codebook(16, 4)], width=4, halvings=1)
        >>> both.latent.shape, both.levels()
        ((20,), {'level-1': slice(4, 20, None), 'level-2': slice(0, 4, None)})
        >>> both.posterior(torch.zeros(5, 1, 8, 8, dtype=torch.uint8)).mean.shape
        torch.Size([5, 20])

    References:
        Razavi, van den Oord & Vinyals, 2019, "Generating diverse high-fidelity images with VQ-VAE-2", arXiv:1906.00446
    """

    def __init__(
        self, space: Space, quantizers: Sequence[Quantizer], *, width: int = 16, halvings: int = 2, blocks: int = 1
    ) -> None:
        super().__init__()
        if len(quantizers) < 2 or len({each.levels for each in quantizers}) != 1:
            raise ValueError(
                "A pyramid must have at least two maps of one number of codes, got "
                f"{[each.levels for each in quantizers]}. Pass a quantizer for each map, or take one map."
            )
        self.space, self.quantizers, self.observation = space, nn.ModuleList(quantizers), Observation(space)
        sizes = halvings_of(space.shape[1], space.shape[2], halvings + len(quantizers) - 1)
        self.places = sizes[halvings:]
        self.latent = Space((sum(h * w for h, w in self.places),), levels=quantizers[0].levels)
        channels, inner = width * 2**halvings, [each.dims for each in quantizers]
        shapes: list[tuple[int, ...]] = [space.shape, *((channels, *size) for size in self.places[:-1])]
        steps = [halvings, *(1 for _ in quantizers[1:])]
        self.down = nn.ModuleList(
            MapEncoder(shape, channels, width=channels // 2**step, halvings=step, blocks=blocks)
            for shape, step in zip(shapes, steps, strict=True)
        )
        told = [*(channels for _ in quantizers[1:]), 0]  # what coarser maps tell, the coarsest nothing
        self.heads = nn.ModuleList(nn.Conv2d(channels + c, d, 1) for c, d in zip(told, inner, strict=True))
        outputs = (Observation(space).count * space.shape[0], *space.shape[1:])
        wanted = [outputs, *shapes[1:]]
        self.up = nn.ModuleList(
            MapDecoder(d + c, shape, width=channels // 2**step, halvings=step, blocks=blocks)
            for c, d, shape, step in zip(told, inner, wanted, steps, strict=True)
        )

    def coding(self, x: Shaped[Tensor, "B *event"], given: Given = NOTHING) -> Coding:
        h, found = self._features(x), list[Quantized]()
        told = self._nothing(x)
        for level in self._order:
            found.append(self.quantizers[level](self._said(level, h, told)))
            told = self._carried(level, found[-1].z, told)
        codes = torch.cat([each.codes for each in found], dim=1)
        said = told.to(self._dtype)
        return Coding(codes, torch.stack([each.price for each in found]).sum(), said, self.observation(said))

    def likelihood(self, z: Shaped[Tensor, "B T"], given: Given = NOTHING) -> Distribution:
        told, levels = self._nothing(z), self.levels()
        for level in self._order:
            codes = z[:, levels[f"level-{level + 1}"]].long()
            told = self._carried(level, self._quantizer(level).embed(codes).to(self._dtype), told)
        law: Distribution = self.observation(told.to(self._dtype))
        return law

    def levels(self) -> Mapping[str, slice]:
        counts = [height * width for height, width in self.places]
        ends = [sum(counts[level + 1 :]) for level in range(len(counts))]
        return {
            f"level-{i + 1}": slice(end, end + count) for i, (end, count) in enumerate(zip(ends, counts, strict=True))
        }

    def start(self, batches: Sequence[tuple[Tensor, Given]], noise: Noise) -> None:
        for level in self._order:  # what is said of a map depends on the coarser ones
            said = (self._first_said(level, x).transpose(1, 2).flatten(0, 1) for x, _ in batches)
            self._quantizer(level).start(first(said), noise.at(f"level-{level + 1}"))

    def follow(self, now: Instant) -> None:
        for level in self._order:
            self._quantizer(level).follow(now)

    @property
    def _order(self) -> Sequence[int]:
        """The levels as they are coded, the coarsest first."""
        return range(len(self.places) - 1, -1, -1)

    @property
    def _dtype(self) -> torch.dtype:
        return next(self.up.parameters()).dtype

    def _quantizer(self, level: int) -> Quantizer:
        return cast("Quantizer", self.quantizers[level])

    def _nothing(self, rows: Tensor) -> Tensor:
        """What is told of rows before the coarsest map: no channels."""
        return torch.zeros(len(rows), 0, *self.places[-1], dtype=self._dtype, device=rows.device)

    def _features(self, x: Tensor) -> list[Tensor]:
        """h_1, …, h_L."""
        h = [Numbers(self.space, self._dtype).of(x)]
        for down in self.down:
            h.append(down(h[-1]))
        return h[1:]

    def _said(self, level: int, h: list[Tensor], told: Tensor) -> Float[Tensor, "B D T"]:
        said: Tensor = self.heads[level](torch.cat([h[level], told.to(h[level].dtype)], dim=1))
        return said.to(self._dtype).flatten(2)

    def _first_said(self, level: int, x: Tensor) -> Float[Tensor, "B D T"]:
        """What is said of one map, the coarser ones being coded."""
        h, told = self._features(x), self._nothing(x)
        for coarser in self._order[: len(self.places) - 1 - level]:
            told = self._carried(coarser, self.quantizers[coarser](self._said(coarser, h, told)).z, told)
        return self._said(level, h, told)

    def _carried(self, level: int, z: Float[Tensor, "B D T"], told: Tensor) -> Tensor:
        """What this map and the coarser ones tell the next finer one, or the data."""
        meant = z.unflatten(2, self.places[level])
        carried: Tensor = self.up[level](torch.cat([meant, told.to(meant.dtype)], dim=1))
        return carried
