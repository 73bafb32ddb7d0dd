"""A U-Net along one axis, for sounds and series: down to few places and up, with what was seen on the way down."""

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from genzoo.nn.fourier import Fourier, rates_of, waves
from genzoo.nn.unet import groups, silent

__all__ = ["LineUNet"]


class Block(nn.Module):
    """Two convolutions around a skip; an embedding scales and shifts the features between them (FiLM).

    References:
        He et al., 2016, arXiv:1603.05027
        Perez et al., 2018, arXiv:1709.07871
    """

    def __init__(self, inputs: int, outputs: int, given: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.GroupNorm(groups(width), width) for width in (inputs, outputs))
        self.first = nn.Conv1d(inputs, outputs, 5, padding=2)
        self.film = nn.Linear(given, 2 * outputs)
        self.second = silent(nn.Conv1d(outputs, outputs, 5, padding=2))
        self.skip = nn.Identity() if inputs == outputs else nn.Conv1d(inputs, outputs, 1)
        self.activation = nn.SiLU()

    def forward(self, x: Float[Tensor, "B C T"], given: Float[Tensor, "B width"]) -> Float[Tensor, "B D T"]:
        scale, shift = self.film(given)[:, :, None].chunk(2, dim=1)
        h = self.norms[1](self.first(self.activation(self.norms[0](x))))
        return self.skip(x) + self.second(self.activation(torch.addcmul(shift, h, 1 + scale)))


class LineUNet(nn.Module):
    """A U-Net from a sequence and an embedding to a sequence of the same length.

    Lengths that do not shrink often enough are padded with zeros, and the result is cut back.

    Args:
        shape: (T,) or (T, D) of one sequence.
        given: The width of the embedding.
        widths: Channels at each level, the finest first; each level has a quarter of the places.
        blocks: Residual blocks at each level, down and up.
        patch: How many places in a row are folded into channels.
        octaves: Of waves that are shown beside each number: what hangs on where exactly a place lies is learned faster
            from them.

    Raises:
        ValueError: If the shape is not that of a sequence.

    Example:
        >>> LineUNet((100, 3), given=16, widths=(8, 16))(torch.zeros(2, 100, 3), torch.zeros(2, 16)).shape
        torch.Size([2, 100, 3])

    References:
        Ronneberger, Fischer & Brox, 2015, arXiv:1505.04597
        Kong et al., 2021, "DiffWave: a versatile diffusion model for audio synthesis", arXiv:2009.09761
        Tancik et al., 2020, arXiv:2006.10739 (waves)
    """

    rates: Tensor

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        given: int,
        widths: Sequence[int] = (32, 64, 128),
        blocks: int = 1,
        patch: int = 1,
        octaves: int = 0,
    ) -> None:
        super().__init__()
        if len(shape) not in (1, 2):
            raise ValueError(f"A sequence must have shape (T,) or (T, D), got {shape}. Take a UNet for images.")
        channels = (shape[1] if len(shape) == 2 else 1) * patch
        self.patch, self.multiple = patch, patch * 4 ** (len(widths) - 1)
        self.register_buffer("rates", rates_of(octaves), persistent=False)
        self.first = nn.Conv1d(Fourier.width(channels, octaves), widths[0], 5, padding=2)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for width in widths:
            self.down.append(nn.ModuleList(Block(width, width, given) for _ in range(blocks)))
            self.up.append(nn.ModuleList(Block(2 * width, width, given) for _ in range(blocks)))
        pairs = list(itertools.pairwise(widths))
        self.shrink = nn.ModuleList(nn.Conv1d(fine, coarse, 4, stride=4) for fine, coarse in pairs)
        self.grow = nn.ModuleList(nn.Conv1d(coarse, fine, 1) for fine, coarse in pairs)
        self.middle = Block(widths[-1], widths[-1], given)
        self.norm, self.activation = nn.GroupNorm(groups(widths[0]), widths[0]), nn.SiLU()
        self.last = silent(nn.Conv1d(widths[0], channels, 5, padding=2))

    def forward(self, x: Float[Tensor, "B *event"], given: Float[Tensor, "B width"]) -> Float[Tensor, "B *event"]:
        rows = x[:, :, None] if x.ndim == 2 else x
        whole = pad(rows, (0, 0, 0, -rows.shape[1] % self.multiple))
        folded = whole.reshape(len(x), whole.shape[1] // self.patch, self.patch * rows.shape[2])
        h = self.first(waves(folded, self.rates).mT)
        seen: list[Tensor] = []
        for level, blocks in enumerate(self.down):
            h = self.shrink[level - 1](h) if level else h
            for block in blocks:  # type: ignore[attr-defined]
                h = block(h, given)
                seen.append(h)
        h = self.middle(h, given)
        for level in reversed(range(len(self.up))):
            for block in self.up[level]:  # type: ignore[attr-defined]
                h = block(torch.cat([h, seen.pop()], dim=1), given)
            if level:
                h = interpolate(self.grow[level - 1](h), scale_factor=4.0)
        said = self.last(self.activation(self.norm(h))).mT.reshape(whole.shape)
        return said[:, : rows.shape[1]].reshape(x.shape)
