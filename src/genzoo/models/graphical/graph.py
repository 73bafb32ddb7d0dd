"""Graphs with weights: who is coupled to whom, and how strongly."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import sparse
from torch import Tensor

__all__ = ["Couplings", "Graph", "graph_of"]

Couplings = Any  # a Graph, or a symmetric matrix: a tensor, an array, or one of SciPy's sparse kinds


class Graph(NamedTuple):
    """An undirected graph whose edges carry weights $J_{ij} = J_{ji}$; each edge is listed once.

    Attributes:
        n: The number of sites.
        edges: The pairs of sites, the smaller number first.
        weights: A weight for each edge.

    Example:
        >>> Graph.torus((3, 3)).edges.shape, Graph.complete(4).edges.tolist()
        (torch.Size([18, 2]), [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]])
    """

    n: int
    edges: Tensor
    weights: Tensor

    @classmethod
    def of(cls, couplings: Couplings) -> "Graph":
        """The graph of a symmetric matrix of couplings, dense or sparse; a zero is no edge.

        Args:
            couplings: J, with nothing on its diagonal.

        Raises:
            ValueError: If the matrix is not square, finite, symmetric, or couples a site to itself.

        Example:
            >>> Graph.of([[0.0, 2.0], [2.0, 0.0]]).weights.tolist()
            [2.0]
            >>> Graph.of([[0.0, 2.0], [1.0, 0.0]])
            Traceback (most recent call last):
            ...
            ValueError: Couplings must be symmetric, got J[0, 1] = 2.0 and J[1, 0] = 1.0. Take (J + Jᵀ) / 2.
        """
        matrix = _matrix(couplings)
        _check_symmetric(matrix)
        upper = sparse.triu(matrix, k=1, format="coo")
        upper.eliminate_zeros()
        edges = torch.from_numpy(np.stack([upper.row, upper.col], axis=1).astype(np.int64))
        return cls(matrix.shape[0], edges, torch.from_numpy(upper.data.copy()))

    @classmethod
    def along(cls, n: int, edges: Int[Tensor, "edges 2"], weights: Float[Tensor, " edges"] | None = None) -> "Graph":
        """The graph of some pairs of sites; a pair that is listed twice has the sum of its weights.

        Args:
            n: The number of sites.
            edges: The pairs, in any order.
            weights: Their weights; by default zero, to be learned.

        Raises:
            ValueError: If a pair names no site, or one site twice, or a weight is not finite.

        Example:
            >>> Graph.along(3, torch.tensor([[2, 0], [0, 2]]), torch.ones(2))
            Graph(n=3, edges=tensor([[0, 2]]), weights=tensor([2.]))
        """
        if len(edges) and not 0 <= int(edges.min()) <= int(edges.max()) < n:
            ends = f"{int(edges.min())} to {int(edges.max())}"
            raise ValueError(f"Edges must join sites 0 to {n - 1}, got {ends}. Renumber the sites.")
        if (edges[:, 0] == edges[:, 1]).any():
            loop = int(edges[edges[:, 0] == edges[:, 1]][0, 0])
            raise ValueError(f"An edge must join two sites, got one from {loop} to itself. A field acts on one site.")
        weights = torch.zeros(len(edges)) if weights is None else weights
        if not weights.isfinite().all():
            raise ValueError("Couplings must be finite, got some that are not. Take a large number for a hard rule.")
        pairs, place = edges.sort(1).values.unique(dim=0, return_inverse=True)
        return cls(n, pairs, torch.zeros(len(pairs), dtype=weights.dtype).index_add(0, place, weights))

    @classmethod
    def torus(cls, sides: Sequence[int], weight: float = 1.0) -> "Graph":
        """A lattice whose sites have two neighbors along each axis and whose ends meet, sites in row-major order.

        Args:
            sides: Sites along each axis, at least 2; with 2 both neighbors are the same, which counts double.
            weight: J of every edge.
        """
        site = torch.arange(math.prod(sides)).reshape(*sides)
        pairs = [torch.stack([site, site.roll(-1, axis)], -1).reshape(-1, 2) for axis in range(len(sides))]
        edges = torch.cat(pairs)
        return cls.along(site.numel(), edges, torch.full((len(edges),), float(weight)))

    @classmethod
    def grid(cls, shape: Sequence[int], radius: float = 1.0) -> "Graph":
        """Pairs of an array's entries no further apart than a radius, with weights of zero, to be learned.

        Channels (the first of three axes) are sites of their own at the same place.

        Args:
            shape: The array's, such as (1, 28, 28).
            radius: In entries; 1 joins neighbors, 1.5 the diagonal ones too.

        Example:
            >>> len(Graph.grid((1, 3, 3)).edges), len(Graph.grid((1, 3, 3), 1.5).edges)
            (12, 20)
        """
        n = math.prod(shape)
        place = torch.cartesian_prod(*[torch.arange(side) for side in shape]).reshape(n, -1)
        place = place[:, 1:] if len(shape) == 3 else place  # the same place in another channel is no distance away
        pairs = []
        for chunk in torch.arange(n).split(1024):
            near = (place[chunk, None] - place).square().sum(-1) <= radius**2
            first, second = near.nonzero(as_tuple=True)
            pairs.append(torch.stack([chunk[first], second], 1)[chunk[first] < second])
        return cls.along(n, torch.cat(pairs))

    @classmethod
    def complete(cls, n: int) -> "Graph":
        """Every pair of n sites, with weights of zero, to be learned."""
        return cls.along(n, torch.triu_indices(n, n, offset=1).T.contiguous())


def graph_of(couplings: Couplings, n: int) -> Graph:
    """Couplings as a graph on n sites.

    Args:
        couplings: A graph, or a symmetric matrix.
        n: The number of sites.

    Raises:
        ValueError: If they are for another number of sites, or no graph.
    """
    graph = couplings if isinstance(couplings, Graph) else Graph.of(couplings)
    if graph.n != n:
        raise ValueError(f"Couplings must be among the {n} entries of a row, got a graph on {graph.n} sites.")
    return Graph.along(n, graph.edges, graph.weights)


def _matrix(couplings: Couplings) -> sparse.csr_array:
    if isinstance(couplings, Tensor):
        couplings = couplings.detach().cpu().to_dense().numpy()
    matrix = sparse.csr_array(couplings if sparse.issparse(couplings) else np.asarray(couplings, dtype=np.float64))
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"Couplings must be a square matrix, got shape {matrix.shape}. Or give a Graph.")
    return matrix


def _check_symmetric(matrix: sparse.csr_array) -> None:
    if not np.isfinite(matrix.data).all():
        raise ValueError("Couplings must be finite, got some that are not. Take a large number for a hard rule.")
    if matrix.diagonal().any():
        site = int(matrix.diagonal().nonzero()[0][0])
        raise ValueError(
            f"A site must not be coupled to itself, got J[{site}, {site}] = {matrix[site, site]}. Clear the diagonal; "
            "what acts on one site is a field."
        )
    off = abs(matrix - matrix.T).tocoo()
    if off.nnz and off.data.max() > 1e-6 * abs(matrix).max():
        i, j = sorted(int(axis[off.data.argmax()]) for axis in (off.row, off.col))
        raise ValueError(
            f"Couplings must be symmetric, got J[{i}, {j}] = {matrix[i, j]} and J[{j}, {i}] = {matrix[j, i]}. "
            "Take (J + Jᵀ) / 2."
        )
