"""Codes at several scales of one map of features: what coarser ones leave open, the finer ones say.

References:
    Tian et al., 2024, "Visual autoregressive modeling: scalable image generation via next-scale prediction",
    arXiv:2404.02905
    Lee et al., 2022, "Autoregressive image generation using residual quantization", arXiv:2203.01941
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import cast

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.functional import interpolate

from genzoo.core.game import Instant
from genzoo.core.given import NOTHING, Given
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import Numbers
from genzoo.distributions.observation import Observation
from genzoo.models.autoencoders.coder import Coder, Coding, first
from genzoo.models.autoencoders.quantizers import Quantized, Quantizer
from genzoo.nn.maps import MapDecoder, MapEncoder, halvings_of

__all__ = ["CodeScales", "scales_of"]


class CodeScales(Coder):
    """q(z | x) is one code at each place of maps of growing size, z = (z_1, …, z_K) of the residuals of one map f(x),

    $$ \\rho_1 = f(x), \\qquad z_k = quantized(down_k(\\rho_k)), \\qquad
       \\rho_{k+1} = \\rho_k - \\phi_k(up(e(z_k))), $$

    e(z_k) being what codes stand for and φ_k a convolution; p(x | z) is decoded from $\\sum_k \\phi_k(up(e(z_k)))$.
    Every map has a quantizer of its own, all with one number of codes.

    Args:
        space: Images, (C, H, W).
        quantizers: One for each map, the coarsest first.
        width: Channels at full size.
        halvings: How often the map of features is halved.
        blocks: Residual blocks each way.

    Raises:
        ValueError: If there are not as many quantizers as maps, or their numbers of codes or dimensions differ.

    Example:
        >>> from genzoo.models.autoencoders import Codebook
        >>> space = Space((1, 8, 8), levels=17)
        >>> both = CodeScales(space, [Codebook(16, 4) for _ in scales_of(space, 1)], width=4, halvings=1)
        >>> both.maps, both.latent.shape, both.posterior(torch.zeros(5, 1, 8, 8, dtype=torch.uint8)).mean.shape
        ([(1, 1), (2, 2), (4, 4)], (21,), torch.Size([5, 21]))

    References:
        Tian et al., 2024, arXiv:2404.02905
    """

    def __init__(
        self, space: Space, quantizers: Sequence[Quantizer], *, width: int = 16, halvings: int = 2, blocks: int = 1
    ) -> None:
        super().__init__()
        self.maps, sizes = scales_of(space, halvings), {(each.levels, each.dims) for each in quantizers}
        if len(quantizers) != len(self.maps) or len(sizes) != 1:
            raise ValueError(
                f"There must be a quantizer for each of {len(self.maps)} maps, alike in codes and dimensions, got "
                f"{len(quantizers)} of {sorted(sizes)}. Pass one for each."
            )
        levels, dims = sizes.pop()
        self.space, self.quantizers, self.observation = space, nn.ModuleList(quantizers), Observation(space)
        self.latent = Space((sum(height * across for height, across in self.maps),), levels=levels)
        outputs = (self.observation.count * space.shape[0], *space.shape[1:])
        self.encoder = MapEncoder(space.shape, dims, width=width, halvings=halvings, blocks=blocks)
        self.smooth = nn.ModuleList(nn.Conv2d(dims, dims, 3, padding=1) for _ in self.maps)
        self.decoder = MapDecoder(dims, outputs, width=width, halvings=halvings, blocks=blocks)

    def coding(self, x: Shaped[Tensor, "B *event"], given: Given = NOTHING) -> Coding:
        f, found, told = self._features(x), list[Quantized](), list[Tensor]()
        for k in range(len(self.maps)):
            found.append(self.quantizers[k](self._open(k, f, told)))
            told.append(self._carried(k, found[-1].z.detach()))
        said = self._decoded(torch.stack(told).sum(0) + f - f.detach())
        codes = torch.cat([each.codes for each in found], dim=1)
        return Coding(codes, torch.stack([each.price for each in found]).sum(), said, self.observation(said))

    def likelihood(self, z: Shaped[Tensor, "B T"], given: Given = NOTHING) -> Distribution:
        told = torch.stack([
            self._carried(k, self._quantizer(k).embed(z[:, places].long()).to(self._dtype))
            for k, places in enumerate(self.levels().values())
        ])  # fmt: skip
        law: Distribution = self.observation(self._decoded(told.sum(0)))
        return law

    def levels(self) -> Mapping[str, slice]:
        ends = [0, *itertools.accumulate(height * across for height, across in self.maps)]
        return {f"map-{k + 1}": slice(a, b) for k, (a, b) in enumerate(itertools.pairwise(ends))}

    def start(self, batches: Sequence[tuple[Tensor, Given]], noise: Noise) -> None:
        for k in range(len(self.maps)):  # what is open in a map depends on the coarser ones
            said = (self._first_open(k, x).transpose(1, 2).flatten(0, 1) for x, _ in batches)
            self._quantizer(k).start(first(said), noise.at(f"map-{k + 1}"))

    def follow(self, now: Instant) -> None:
        for k in range(len(self.maps)):
            self._quantizer(k).follow(now)

    @property
    def _dtype(self) -> torch.dtype:
        return next(self.decoder.parameters()).dtype

    def _quantizer(self, k: int) -> Quantizer:
        return cast("Quantizer", self.quantizers[k])

    def _features(self, x: Tensor) -> Float[Tensor, "B D h w"]:
        f: Tensor = self.encoder(Numbers(self.space, self._dtype).of(x))
        return f.to(self._dtype)

    def _open(self, k: int, f: Tensor, told: Sequence[Tensor]) -> Float[Tensor, "B D T"]:
        """What coarser maps leave open, at the size of the k-th."""
        left = f - torch.stack(list(told)).sum(0).detach() if told else f
        return interpolate(left, size=self.maps[k], mode="area").flatten(2)

    def _first_open(self, k: int, x: Tensor) -> Float[Tensor, "B D T"]:
        f, told = self._features(x), list[Tensor]()
        for j in range(k):
            told.append(self._carried(j, self.quantizers[j](self._open(j, f, told)).z))
        return self._open(k, f, told)

    def _carried(self, k: int, z: Float[Tensor, "B D T"]) -> Float[Tensor, "B D h w"]:
        """What the codes of a map stand for, at full size."""
        large = interpolate(
            z.unflatten(2, self.maps[k]).to(self._dtype), size=self.maps[-1], mode="bilinear", align_corners=False
        )
        smoothed: Tensor = self.smooth[k](large)
        return (large + smoothed.to(large.dtype)) / 2

    def _decoded(self, told: Tensor) -> Float[Tensor, "B *outputs"]:
        said: Tensor = self.decoder(told)
        return said.to(self._dtype)


def scales_of(space: Space, halvings: int) -> list[tuple[int, int]]:
    """The sizes of the maps: the shorter side 1, 2, 4 and so on, and at last all of it.

    Args:
        space: Images.
        halvings: How often they are halved.

    Example:
        >>> scales_of(Space((1, 28, 28), levels=256), 2)
        [(1, 1), (2, 2), (4, 4), (7, 7)]
    """
    height, width = halvings_of(space.shape[1], space.shape[2], halvings)[-1]
    least, sides = min(height, width), [1]
    while 2 * sides[-1] < least:
        sides.append(2 * sides[-1])
    smaller = [(max(1, round(height * side / least)), max(1, round(width * side / least))) for side in sides]
    return [size for size in smaller if size != (height, width)] + [(height, width)]
