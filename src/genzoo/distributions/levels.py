"""Between levels and numbers near zero.

A network wants the levels {0, …, L−1} as numbers in [−1, 1]; what a continuous generator makes goes back to the
nearest level.
"""

import dataclasses

import torch
from jaxtyping import Bool, Float, Int, Integer, Shaped
from torch import Tensor

from genzoo.core.space import Space

__all__ = ["Numbers", "allowed", "alphabets", "centered", "flattened", "quantized", "unflattened"]


def centered(x: Shaped[Tensor, "*shape"], levels: int, dtype: torch.dtype | None = None) -> Float[Tensor, "*shape"]:
    """Levels as numbers in [−1, 1],

    $$ y = 2 x / (L - 1) - 1. $$

    Args:
        x: Integers in [0, levels).
        levels: L, the number of values an entry takes.
        dtype: The type of the numbers; torch's default if none is named.

    Example:
        >>> centered(torch.tensor([0, 128, 255], dtype=torch.uint8), 256)
        tensor([-1.0000,  0.0039,  1.0000])
    """
    return x.to(dtype or torch.get_default_dtype()) * (2 / max(1, levels - 1)) - 1


def quantized(y: Float[Tensor, "*shape"], levels: int) -> Integer[Tensor, "*shape"]:
    """The level nearest to each number, those outside [−1, 1] at the edges; the inverse of `centered`.

    Args:
        y: Numbers, [−1, 1] spanning the levels.
        levels: L, the number of values an entry takes.

    Example:
        >>> quantized(torch.tensor([-1.2, 0.01, 1.0]), 17)
        tensor([ 0,  8, 16], dtype=torch.uint8)
    """
    dtype = getattr(torch, Space((), levels=levels).dtype)
    return ((y + 1) * (max(1, levels - 1) / 2)).round().clamp(0, levels - 1).to(dtype)


def alphabets(space: Space) -> list[int]:
    """The number of levels of each entry: those of its column, or of all.

    Args:
        space: A discrete space.

    Example:
        >>> from genzoo.core import Column
        >>> alphabets(Space((2,), columns=(Column("categorical", 20), Column("categorical", 2))))
        [20, 2]
    """
    if space.columns is None:
        return [space.levels or 1] * space.dims
    return [column.levels or 1 for column in space.columns]


def allowed(space: Space) -> Bool[Tensor, "D L"]:
    """Which of the largest column's levels each entry has.

    Args:
        space: A discrete space.

    Example:
        >>> from genzoo.core import Column
        >>> allowed(Space((2,), columns=(Column("categorical", 3), Column("categorical", 2)))).tolist()
        [[True, True, True], [True, True, False]]
    """
    return torch.arange(space.levels or 1) < torch.tensor(alphabets(space))[:, None]


def flattened(x: Integer[Tensor, "B *event"], space: Space) -> Int[Tensor, "B D"]:
    """Rows as sequences of int64 symbols, in raster order.

    A batch of short ragged rows gets the column that holds the end of its longest row.

    Example:
        >>> flattened(torch.tensor([[[[1, 2]], [[3, 4]]]]), Space((2, 1, 2), levels=9))
        tensor([[1, 3, 2, 4]])
    """
    if len(space.shape) == 3:
        x = x.movedim(1, -1)
    tokens = x.flatten(1).long()
    if space.ragged and tokens.shape[1] < space.dims:
        tokens = torch.nn.functional.pad(tokens, (0, 1), value=space.levels or 0)
    return tokens


def unflattened(tokens: Shaped[Tensor, "B D"], space: Space) -> Shaped[Tensor, "B *event"]:
    """Sequences as rows of the space, or what is said of symbols as said of entries: the inverse of `flattened`.

    Example:
        >>> x = torch.arange(12, dtype=torch.uint8).reshape(1, 3, 2, 2)
        >>> torch.equal(unflattened(flattened(x, Space((3, 2, 2), levels=256)), Space((3, 2, 2), levels=256)), x)
        True
    """
    tokens = tokens if tokens.is_floating_point() else tokens.to(getattr(torch, space.dtype))
    if len(space.shape) == 3:
        channels, height, width = space.shape
        return tokens.reshape(len(tokens), height, width, channels).movedim(-1, 1)
    return tokens.reshape(len(tokens), *space.shape)


@dataclasses.dataclass(frozen=True)
class Numbers:
    """x as a network sees it: levels as numbers in [−1, 1], reals as they are.

    Args:
        space: What one x is.
        dtype: The precision of the numbers; torch's default if none is named.

    Example:
        >>> numbers = Numbers(Space((3,), levels=17))
        >>> numbers.of(torch.tensor([0, 8, 16])), numbers.back(torch.tensor([-1.2, 0.01, 1.0]))
        (tensor([-1.,  0.,  1.]), tensor([ 0,  8, 16], dtype=torch.uint8))
    """

    space: Space
    dtype: torch.dtype | None = None

    def of(self, x: Shaped[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Data as numbers."""
        if self.space.levels is None:
            return x.to(self.dtype or torch.get_default_dtype())
        return centered(x, self.space.levels, self.dtype)

    def back(self, y: Float[Tensor, "*shape"]) -> Shaped[Tensor, "*shape"]:
        """Numbers as data: the nearest level, or the reals that they are."""
        return y if self.space.levels is None else quantized(y, self.space.levels)
