"""Gibbs sampling: draw some entries given all the others, then others given these.

A draw of a block of entries from its conditional $p(x_b \\mid x_{-b})$ leaves p as it is, whatever the block; a sweep
over blocks that cover x can go everywhere that the conditionals allow. The order is free:

* *sequential*: the blocks one after another; the sweep is stationary, though not reversible;
* *random*: as many blocks, each chosen at random; reversible;
* *colored*: entries of which none is a neighbor of another are independent given the rest, so they make one block that
  is drawn at once: `colors` finds such blocks in any graph, two on a checkerboard;
* *blocked*: any block whose conditional can be drawn jointly mixes faster than its entries one by one.

References:
    Geman & Geman, 1984, "Stochastic relaxation, Gibbs distributions, and the Bayesian restoration of images"
    Gonzalez, Low, Gretton & Guestrin, 2011, "Parallel Gibbs sampling: from colored fields to thin junction trees"
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Int
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.mcmc.densities import Target, density
from genzoo.mcmc.kernel import Chains, Kernel

__all__ = ["Draw", "Scan", "bits", "colors", "gibbs", "jointly", "levels", "singles"]

Draw = Callable[[Tensor, Tensor, Noise], Tensor]
Scan = Literal["sequential", "random"]


def gibbs(draw: Draw, blocks: Sequence[Tensor], *, scan: Scan = "sequential") -> Kernel:
    """A sweep of Gibbs's sampler.

    Args:
        draw: (sites, x, noise) to new values (chains, sites) of the entries with these numbers, drawn given the rest
            of x, (chains, *event); entries are numbered as in the flattened row. See `bits`, `levels`, `jointly`.
        blocks: The entries' numbers, block by block. See `singles` and `colors`.
        scan: All blocks in their order, or as many blocks chosen at random, the same ones in all chains.

    Raises:
        ValueError: If there are no blocks or the scan is unknown.

    Example:
        >>> coin = bits(lambda sites, x: torch.zeros(len(x), len(sites)))
        >>> kernel = gibbs(coin, singles(3))
        >>> kernel.step(kernel.init(torch.zeros(5, 3)), Noise(0)).x.shape
        torch.Size([5, 3])

    References:
        Geman & Geman, 1984
    """
    if not blocks or scan not in get_args(Scan):
        raise ValueError(
            f"A sweep needs blocks and a scan among {get_args(Scan)}, got {len(blocks)} blocks and {scan!r}. "
            "For one entry at a time take singles(n)."
        )

    def init(x: Tensor) -> Chains:
        return Chains(x, torch.ones(len(x), device=x.device))

    def step(state: Chains, noise: Noise) -> Chains:
        x = state.x.clone(memory_format=torch.contiguous_format)
        flat = x.view(len(x), math.prod(x.shape[1:]))
        for sites in blocks if scan == "sequential" else chosen(blocks, noise):
            flat[:, sites] = draw(sites, x, noise).to(x.dtype)
        return Chains(x, state.accept)

    return Kernel(init, step)


def chosen(blocks: Sequence[Tensor], noise: Noise) -> list[Tensor]:
    """As many blocks as there are, each chosen at random; the choice is the same for every row.

    Example:
        >>> len(chosen(singles(4), Noise(0)))
        4
    """
    shared = Noise(noise.seed, *noise.path, "scan").tick(noise.page)
    return [blocks[number] for number in shared.integers(len(blocks), len(blocks)).tolist()]


def bits(logits: Callable[[Tensor, Tensor], Tensor], values: tuple[int, int] = (0, 1)) -> Draw:
    """Draws entries of two values, independent given the rest, with $P(\\text{second}) = \\sigma(\\text{logit})$.

    Args:
        logits: (sites, x) to the logits (chains, sites) of the second value.
        values: The two values; −1 and 1 for spins.

    Example:
        >>> draw = bits(lambda sites, x: torch.full((len(x), len(sites)), 99.0), values=(-1, 1))
        >>> draw(torch.tensor([0, 2]), torch.zeros(1, 3), Noise(0))
        tensor([[1., 1.]])
    """
    low, high = values

    def draw(sites: Tensor, x: Tensor, noise: Noise) -> Tensor:
        probs = logits(sites, x).sigmoid()
        return low + (high - low) * noise.bernoulli(probs)

    return draw


def levels(logits: Callable[[Tensor, Tensor], Tensor]) -> Draw:
    """Draws entries of several levels that are independent given the rest.

    Args:
        logits: (sites, x) to logits (chains, sites, levels).

    Example:
        >>> draw = levels(lambda sites, x: torch.tensor([0.0, 0.0, 99.0]).expand(len(x), len(sites), 3))
        >>> draw(torch.tensor([0]), torch.zeros(2, 1), Noise(0))
        tensor([[2],
                [2]])
    """
    return lambda sites, x, noise: noise.categorical(logits(sites, x))


def jointly(target: Target, count: int) -> Draw:
    """Draws a block of levels {0, …, count−1} jointly, from the log-density of all the values that it may take.

    Args:
        target: The log-density, up to a constant.
        count: The number of levels; a block of k entries costs countᵏ log-densities.

    Example:
        >>> draw = jointly(lambda x: -99.0 * (x.sum(1) - 2).square(), 2)
        >>> draw(torch.tensor([0, 1]), torch.zeros(1, 3), Noise(0))
        tensor([[1., 1.]])
    """
    log_prob = density(target).log_prob

    def draw(sites: Tensor, x: Tensor, noise: Noise) -> Tensor:
        every = list(itertools.product(range(count), repeat=len(sites)))
        values = torch.tensor(every, dtype=x.dtype, device=x.device)
        many = x.repeat_interleave(len(values), 0)
        many.view(len(many), -1)[:, sites] = values.repeat(len(x), 1)
        return values[noise.categorical(log_prob(many).view(len(x), -1))]

    return draw


def singles(n: int) -> list[Tensor]:
    """Blocks of one entry each.

    Example:
        >>> singles(2)
        [tensor([0]), tensor([1])]
    """
    return list(torch.arange(n)[:, None])


def colors(n: int, edges: Int[Tensor, "edges 2"]) -> list[Tensor]:
    """Blocks without neighbors within them: each site in turn takes the first color that none of its neighbors has.

    Args:
        n: The number of sites.
        edges: The pairs of neighbors.

    Raises:
        ValueError: If an edge leads to no site, or from a site to itself.

    Example:
        >>> colors(4, torch.tensor([[0, 1], [1, 2], [2, 3], [3, 0]]))
        [tensor([0, 2]), tensor([1, 3])]

    References:
        Gonzalez et al., 2011
    """
    if len(edges) and not (0 <= int(edges.min()) <= int(edges.max()) < n and (edges[:, 0] != edges[:, 1]).all()):
        raise ValueError(f"Edges must join two unlike sites of 0…{n - 1}, got {edges.tolist()[:5]}. Renumber them.")
    neighbors: list[set[int]] = [set() for _ in range(n)]
    for a, b in edges.tolist():
        neighbors[a].add(b)
        neighbors[b].add(a)
    color = [-1] * n
    for site in range(n):
        taken = {color[other] for other in neighbors[site]}
        color[site] = next(c for c in itertools.count() if c not in taken)
    of = torch.tensor(color)
    return [(of == c).nonzero().squeeze(1) for c in range(max(color, default=-1) + 1)]
