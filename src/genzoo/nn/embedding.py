"""Conditions as vectors.

A network sees a condition as an embedding, and the null condition — the one asked for when nothing is given — is a
learned vector like the others.
"""

from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.core.given import Given, GivenSpace, is_null
from genzoo.core.space import Space

__all__ = ["Conditioned", "Embedding"]


class _Levels(nn.Module):
    """A table of vectors for integers: one for each level of each entry and one for null; entries add up."""

    first: Tensor

    def __init__(self, space: Space, width: int) -> None:
        super().__init__()
        self.levels = space.levels or 1
        self.table = nn.Embedding(space.dims * (self.levels + 1), width)
        self.register_buffer("first", torch.arange(space.dims) * (self.levels + 1), persistent=False)

    def forward(self, given: Tensor) -> Tensor:
        rows = given.flatten(1) if given.ndim > 1 else given[:, None]
        return self.table(torch.where(rows < 0, self.levels, rows) + self.first).sum(1)


class _Ordered(nn.Module):
    """Many entries of many levels, as an image has: a linear map of levels as numbers in [−1, 1]."""

    def __init__(self, space: Space, width: int) -> None:
        super().__init__()
        self.highest = max(1, (space.levels or 1) - 1)
        self.reals = _Reals(space, width)

    def forward(self, given: Tensor) -> Tensor:
        rows = (2 / self.highest) * given.to(self.reals.null.dtype) - 1
        return self.reals(torch.where(is_null(given).reshape(-1, *[1] * (given.ndim - 1)), torch.nan, rows))


class _Reals(nn.Module):
    """A linear map of real numbers, with a learned vector for rows that are null."""

    def __init__(self, space: Space, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(space.dims, width)
        self.null = nn.Parameter(torch.zeros(width))

    def forward(self, given: Tensor) -> Tensor:
        flat = (given.flatten(1) if given.ndim > 1 else given[:, None]).to(self.null.dtype)
        null = is_null(flat)[:, None]
        # The null rows are zeroed before the map, because 0 · NaN would poison the gradient of its weights.
        return torch.where(null, self.null, self.linear(flat.masked_fill(null, 0)))


class Embedding(nn.Module):
    """A condition as a vector: levels through a table, reals and images through a linear map, several of them side by
    side or summed.

    Args:
        given: What the condition is: a space, or names of spaces.
        width: The length of each vector.
        merge: Whether the vectors of several conditions are added or concatenated.

    Attributes:
        width: The length of the result.

    Example:
        >>> embed = Embedding({"label": Space((), levels=10), "angle": Space((2,))}, 8, merge="concat")
        >>> embed({"label": torch.tensor([3, -1]), "angle": torch.zeros(2, 2)}).shape
        torch.Size([2, 16])
    """

    def __init__(
        self, given: Space | Mapping[str, Space], width: int, *, merge: Literal["sum", "concat"] = "sum"
    ) -> None:
        super().__init__()
        spaces = {"given": given} if isinstance(given, Space) else given
        self.parts = nn.ModuleDict({name: _part(space)(space, width) for name, space in spaces.items()})
        self.merge, self.width = merge, width * (len(spaces) if merge == "concat" else 1)

    def forward(self, given: Tensor | Mapping[str, Tensor]) -> Float[Tensor, "B width"]:
        rows = {"given": given} if isinstance(given, Tensor) else given
        vectors = torch.stack([part(rows[name]) for name, part in self.parts.items()], dim=1)
        return vectors.flatten(1) if self.merge == "concat" else vectors.sum(1)


def _part(space: Space) -> type[nn.Module]:
    if not space.is_discrete:
        return _Reals
    return _Ordered if len(space.shape) == 3 else _Levels


class Conditioned(nn.Module):
    """A network called with the condition itself, which it embeds; without a condition it is the bare network.

    Args:
        net: Called as net(x, embedding).
        given: What the condition is, `None` for no condition.
        width: The length of the embedding, which `net` was built for.

    Example:
        >>> from genzoo.nn.mlp import MLP
        >>> net = Conditioned(MLP(2, [8], 1, given=4), Space((), levels=3), 4)
        >>> net(torch.zeros(5, 2), torch.tensor([0, 1, 2, -1, 0])).shape
        torch.Size([5, 1])
    """

    def __init__(self, net: nn.Module, given: GivenSpace = None, width: int = 0) -> None:
        super().__init__()
        self.net = net
        self.embedding = None if given is None else Embedding(given, width)

    def forward(self, x: Float[Tensor, "B *event"], given: Given = None) -> Float[Tensor, "B *outputs"]:
        if self.embedding is None or given is None:
            return self.net(x)
        return self.net(x, self.embedding(given))
