"""Distances between all pairs of rows, a block at a time, so that memory stays bounded."""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["nearest", "neighbor_radii", "squared_distances"]

BLOCK = 1024


def squared_distances(a: Float[Tensor, "n D"], b: Float[Tensor, "m D"]) -> Float[Tensor, "n m"]:
    """All squared distances between the rows of two sets, by one matrix product,

    $$ \\|a_i - b_j\\|^2 = \\|a_i\\|^2 + \\|b_j\\|^2 - 2\\, a_i^\\top b_j. $$

    The difference cancels: rows far from the origin should be centered first.

    Args:
        a: One set.
        b: The other.

    Example:
        >>> squared_distances(torch.zeros(1, 2), torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
        tensor([[25.,  1.]])
    """
    norms = b.square().sum(1)
    product = torch.addmm(norms.expand(len(a), -1), a, b.T, alpha=-2)
    return product.add_(a.square().sum(1, keepdim=True)).clamp_min_(0)


def neighbor_radii(x: Float[Tensor, "n D"], k: int, *, block: int = BLOCK) -> Float[Tensor, " n"]:
    """The squared distance of each row to its k-th nearest other row.

    Args:
        x: The rows.
        k: Which neighbor, from 1.
        block: Rows at a time; a pair of blocks serves both its sides.

    Example:
        >>> neighbor_radii(torch.tensor([[0.0], [1.0], [3.0]]), 1)
        tensor([1., 1., 4.])
    """
    near: list[list[Tensor]] = [[] for _ in range(0, len(x), block)]
    for i, j, a, b in _upper(x, block):
        distances = squared_distances(a, b)
        if i == j:
            distances.fill_diagonal_(torch.inf)
        near[i].append(_smallest(distances, k))
        if i != j:
            near[j].append(_smallest(distances.T.contiguous(), k))
    return torch.cat([torch.cat(parts, dim=1).kthvalue(k, dim=1).values for parts in near])


def nearest(
    x: Float[Tensor, "n D"], among: Float[Tensor, "m D"], *, block: int = BLOCK
) -> tuple[Float[Tensor, " n"], Int[Tensor, " n"]]:
    """The distance of each row to its nearest row of another set, and which that is.

    The search is one of matrix products; the distance found is computed anew from the difference, so that a copy is at
    distance zero.

    Args:
        x: The rows.
        among: Where to look.
        block: Rows at a time on both sides.

    Example:
        >>> nearest(torch.tensor([[0.9]]), torch.tensor([[0.0], [1.0]]))
        (tensor([0.1000]), tensor([1]))
    """
    center, found = among.mean(0), []
    for part in x.split(block):
        least = torch.full((len(part),), torch.inf, dtype=x.dtype, device=x.device)
        index = torch.zeros(len(part), dtype=torch.int64, device=x.device)
        for start in range(0, len(among), block):
            value, place = squared_distances(part - center, among[start : start + block] - center).min(1)
            index = torch.where(value < least, place + start, index)
            least = torch.minimum(value, least)
        found.append(index)
    index = torch.cat(found)
    steps = range(0, len(x), block)
    parts = [(x[i : i + block] - among[index[i : i + block]]).square().sum(1).sqrt() for i in steps]
    return torch.cat(parts), index


def _upper(x: Tensor, block: int) -> Iterator[tuple[int, int, Tensor, Tensor]]:
    """The pairs of blocks on and above the diagonal."""
    parts = x.split(block)
    for i, a in enumerate(parts):
        for j in range(i, len(parts)):
            yield i, j, a, parts[j]


def _smallest(distances: Tensor, k: int) -> Tensor:
    """The k smallest of each row, or all where there are fewer."""
    return distances.topk(min(k, distances.shape[1]), dim=1, largest=False, sorted=False).values
