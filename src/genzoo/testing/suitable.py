"""Rows that suit any space, the same at every call."""

import torch
from torch import Tensor

from genzoo.core import Column, Given, GivenSpaceLike, Noise, Space, as_given_space

__all__ = ["conditions", "rows"]


def rows(space: Space, n: int, name: str = "data") -> Tensor:
    """Rows of a space: two clusters of reals, or levels around a ramp that each row has shifted.

    Args:
        space: What one x is.
        n: The number of rows; fewer are the first of them.
        name: Names other rows.

    Example:
        >>> rows(Space((2, 2), levels=5), 3).shape
        torch.Size([3, 2, 2])
    """
    noise, one = Noise(1, name), [1] * len(space.shape)
    if space.columns is not None:
        entries = [_entry(column, n, noise.at(i)) for i, column in enumerate(space.columns)]
        return torch.stack(entries, 1).to(getattr(torch, space.dtype))
    if space.levels is None:
        side = noise.integers(2, n, *one).to(torch.get_default_dtype())
        return 2 + 3 * side + noise.normal(n, *space.shape)
    ramp = torch.linspace(0.1, 0.7, space.dims).reshape(space.shape)
    level = (ramp + 0.3 * noise.uniform(n, *one) + 0.05 * noise.normal(n, *space.shape)) * space.levels
    x = level.floor().clamp(0, space.levels - 1).to(getattr(torch, space.dtype))
    if not space.ragged:
        return x
    length = noise.integers(1 + space.shape[0], n, 1)
    return x.masked_fill(torch.arange(space.shape[0]) >= length, space.levels)


def _entry(column: Column, n: int, noise: Noise) -> Tensor:
    """One column of rows."""
    if column.levels is not None:
        return noise.integers(column.levels, n)
    x = noise.normal(n, dtype=torch.float64)
    return (10 * x).round() if column.is_discrete else x


def conditions(given_space: GivenSpaceLike, n: int) -> Given:
    """Rows of a condition, none of them null.

    Example:
        >>> conditions({"label": Space((), levels=3)}, 4)["label"].shape
        torch.Size([4])
    """
    return {name: _condition(space, n, Noise(2, name)) for name, space in as_given_space(given_space).items()}


def _condition(space: Space, n: int, noise: Noise) -> Tensor:
    return noise.integers(space.levels, n, *space.shape) if space.levels else noise.normal(n, *space.shape)
