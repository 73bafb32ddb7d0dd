"""Clusters: moves that turn whole regions over, so that a critical point does not slow chains down.

Between neighbors of the same level a bond opens with probability $1 - e^{-w}$, where w is the log-odds that the
coupling gives to agreement. What hangs together by open bonds is a cluster; given the bonds, each cluster takes a
level with odds $e^{\\text{its field}}$, independent of the others (Edwards and Sokal's joint distribution of levels
and bonds).

References:
    Swendsen & Wang, 1987, "Nonuniversal critical dynamics in Monte Carlo simulations"
    Wolff, 1989, "Collective Monte Carlo updating for spin systems"
    Edwards & Sokal, 1988, "Generalization of the Fortuin-Kasteleyn-Swendsen-Wang representation"
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import sparse
from scipy.sparse import csgraph
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.mcmc import Chains, Kernel

__all__ = ["swendsen_wang", "wolff"]


def swendsen_wang(
    edges: Int[Tensor, "edges 2"], weights: Float[Tensor, " edges"], pull: Float[Tensor, "n levels"]
) -> Kernel:
    """Swendsen & Wang's move: every cluster takes a new level.

    Args:
        edges: The pairs of neighbors.
        weights: The log-odds that each coupling gives to agreement, not negative: 2βJ for Ising, βJ for Potts.
        pull: β times the field of each site on each level.

    Raises:
        ValueError: If a weight is negative.

    Example:
        >>> kernel = swendsen_wang(torch.tensor([[0, 1]]), torch.tensor([50.0]), torch.zeros(2, 2))
        >>> x = kernel.step(kernel.init(torch.zeros(100, 2, dtype=torch.int64)), Noise(0)).x
        >>> bool((x[:, 0] == x[:, 1]).all()), 20 < int(x[:, 0].sum()) < 80
        (True, True)

    References:
        Swendsen & Wang, 1987
    """
    bond = _bond_probs(weights)

    def step(state: Chains, noise: Noise) -> Chains:
        x, uniform = state.x, noise.uniform(*state.x.shape, dtype=torch.float64)
        cluster, first = _clusters(x, edges, bond, noise)
        edge = _pulls(cluster, len(first), pull, len(x)).softmax(1).cumsum(1)
        draw = uniform.flatten()[first, None] * edge[:, -1:]
        level = torch.searchsorted(edge, draw, right=True).squeeze(1).clamp_max(pull.shape[1] - 1)
        return Chains(level[cluster].reshape(x.shape).to(x.dtype), state.accept)

    return Kernel(_start, step)


def wolff(edges: Int[Tensor, "edges 2"], weights: Float[Tensor, " edges"], pull: Float[Tensor, "n levels"]) -> Kernel:
    """Wolff's move: the cluster of one site, chosen at random, takes another level, if its field agrees.

    Large clusters are met more often, so it decorrelates in fewer moves. Here all bonds of a row are drawn to find one
    cluster, so a move costs as much as Swendsen and Wang's.

    Args:
        edges: The pairs of neighbors.
        weights: The log-odds that each coupling gives to agreement, not negative: 2βJ for Ising, βJ for Potts.
        pull: β times the field of each site on each level.

    Raises:
        ValueError: If a weight is negative.

    Example:
        >>> kernel = wolff(torch.tensor([[0, 1]]), torch.tensor([50.0]), torch.zeros(2, 2))
        >>> kernel.step(kernel.init(torch.zeros(2, 2, dtype=torch.int64)), Noise(0)).x
        tensor([[1, 1],
                [1, 1]])

    References:
        Wolff, 1989
    """
    bond, count = _bond_probs(weights), pull.shape[1]

    def step(state: Chains, noise: Noise) -> Chains:
        x, uniform = state.x, noise.uniform(len(state.x), 3, dtype=torch.float64)
        cluster, first = _clusters(x, edges, bond, noise)
        seed = (uniform[:, 0] * x.shape[1]).long()[:, None]
        mine = cluster.reshape(x.shape).gather(1, seed)
        old = x.gather(1, seed).long()
        new = (old + 1 + (uniform[:, 1:2] * (count - 1)).long()) % count
        gain = _pulls(cluster, len(first), pull, len(x))[mine.squeeze(1)]
        accept = (gain.gather(1, new) - gain.gather(1, old)).clamp_max(0).exp()
        turns = (cluster.reshape(x.shape) == mine) & (uniform[:, 2:] < accept)
        return Chains(torch.where(turns, new.to(x.dtype), x), accept.squeeze(1).to(state.accept.dtype))

    return Kernel(_start, step)


def _start(x: Tensor) -> Chains:
    return Chains(x, torch.ones(len(x), device=x.device))


def _bond_probs(weights: Tensor) -> Tensor:
    if (weights < 0).any():
        raise ValueError(
            f"Clusters need a ferromagnet, all couplings J ≥ 0; got one of {float(weights.min()):.3g}. Take gibbs."
        )
    return -torch.expm1(-weights.double())


def _clusters(x: Tensor, edges: Tensor, bond: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
    """The number of each site's cluster, over all rows, and the first site of each cluster."""
    rows, n = x.shape
    open_ = (x[:, edges[:, 0]] == x[:, edges[:, 1]]) & (noise.uniform(rows, len(edges), dtype=torch.float64) < bond)
    row, edge = open_.nonzero(as_tuple=True)
    ends = (row[:, None] * n + edges[edge]).cpu().numpy()
    links = sparse.coo_array((np.ones(len(ends), np.int8), (ends[:, 0], ends[:, 1])), shape=(rows * n, rows * n))
    cluster = csgraph.connected_components(links, directed=False)[1] if rows else np.zeros(0, np.int32)
    first = np.unique(cluster, return_index=True)[1]
    return torch.from_numpy(cluster.astype(np.int64)).to(x.device), torch.from_numpy(first).to(x.device)


def _pulls(cluster: Tensor, count: int, pull: Tensor, rows: int) -> Tensor:
    """The fields of all sites of a cluster together, for each level."""
    each = pull.double().repeat(rows, 1)
    return each.new_zeros(count, pull.shape[1]).index_add(0, cluster, each)
