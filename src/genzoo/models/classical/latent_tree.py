"""Trees of hidden states behind the columns of a table, fitted by expectation maximization.

A mixture of products has one hidden state for a whole row. Here every column d has its own, $z_d$ of K states, and the
states make a tree, so that a row is put together of parts that were seen in different rows:

$$ p(x) = \\sum_{z} p(z_1) \\prod_{d > 1} p(z_d | z_{\\mathrm{pa}(d)}) \\prod_d p(x_d | z_d). $$

It is a circuit of sums and products, K states wide and as deep as the tree, in which each sum is taken once: messages
go from the leaves to the root,

$$ \\beta_d(z) = p(x_d | z) \\prod_{c : \\mathrm{pa}(c) = d} \\sum_{z'} p(z' | z) \\beta_c(z'), $$

and expectations come back down. The tree is Chow and Liu's, of the largest mutual information between columns; a state
begins as a cluster of what its column and the columns beside it in the tree hold.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from scipy.sparse import csgraph
from torch import Tensor

from genzoo.core.given import GivenSpaceLike
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.mutual_information import mutual_information
from genzoo.models.classical.kmeans import assigned, lloyd
from genzoo.models.pieced import Evidence, Pieced, inverted
from genzoo.models.pieces import Smoothing

__all__ = ["LatentTree"]

ROUNDS = 8  # of k-means in the start
OWN, JITTER = 2.0, 1e-3  # how much more a column counts for its own states; what parts rows that are alike
CHUNK = 2048  # rows whose messages stay in cache
FAINT = 1e-3  # of a state that no row was in
START = Smoothing(numbers=20.0, levels=5.0, narrowest=0.1, edges=2.0)  # which leaves room to move


class Messages(NamedTuple):
    """What is known below each entry.

    Attributes:
        beta: p(what is known at d and below | z_d), up to a factor for each row; None where nothing is.
        up: The same given the state of its parent.
        log_mass: log P of all that is known.
    """

    beta: list[Tensor | None]
    up: list[Tensor | None]
    log_mass: Float[Tensor, " B"]


class LatentTree(Pieced):
    """A tree of hidden states, one for each column, on columns that are real, whole, ordered or categorical.

    Marginals, conditionals and masses of boxes are exact, each by one pass over the tree.

    Args:
        space: What one x is.
        given_space: Labels, or entries of any kind.
        states: K, at most; there are no more than one for `each` first rows.
        each: The rows for a state, at least.
        bins: How many pieces as many rows each a column of numbers has, about.
        smoothing: How much laws lean on ones of few parameters.
        rows: The rows that pieces, tree and start are taken from, at most.
        tol: The fit has converged when a pass gains less than this, in nats per row.

    Raises:
        ValueError: If rows are of unlike lengths, or a number is not positive.

    Example:
        >>> from genzoo.core import Batch, Column
        >>> space = Space((2,), columns=(Column("integer"), Column("categorical", 2)))
        >>> model = LatentTree(space, states=2, each=1)
        >>> data = Batch(torch.tensor([[30.0, 0.0], [31.0, 0.0], [70.0, 1.0], [71.0, 1.0]]).double())
        >>> model.prepare([data])
        >>> for _ in range(3):
        ...     model.begin(); model.accumulate(data); metrics = model.finish()
        >>> model.sample(3, seed=0).shape
        torch.Size([3, 2])

    References:
        Chow & Liu, 1968, "Approximating discrete probability distributions with dependence trees"
        Liu & Van den Broeck, 2021, "Tractable regularization of probabilistic circuits", arXiv:2106.02264 (the tree of
            hidden states)
        Liu, Zhang & Van den Broeck, 2023, "Scaling up probabilistic circuits by latent variable distillation",
            arXiv:2210.04398 (states that begin as clusters)
    """

    order: Tensor
    parents: Tensor
    edges: Tensor
    edge_sums: Tensor
    root: Tensor
    root_sums: Tensor
    used: Tensor

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        states: int = 128,
        each: int = 20,
        bins: int = 64,
        smoothing: Smoothing | None = None,
        rows: int = 50_000,
        tol: float = 1e-2,
    ) -> None:
        how = smoothing or Smoothing()
        super().__init__(space, given_space, states=states, bins=bins, smoothing=how, rows=rows, tol=tol)
        if each < 1 or how.edges <= 0:
            raise ValueError(
                f"`each` must be at least 1 and smoothing of edges positive, got {each} and {how.edges}. Raise them."
            )
        self.each = each
        count, even = len(self.pieces.columns), torch.full((states,), 1 / states, dtype=torch.float64)
        chain = torch.arange(count)
        self.register_buffer("order", chain)  # from the root
        self.register_buffer("parents", (chain - 1).clamp_min(0))  # the root is its own
        self.register_buffer("edges", even.repeat(count, states, 1))  # p(z_d | z of its parent); of the root unused
        self.register_buffer("edge_sums", torch.zeros_like(self.edges))
        self.register_buffer("root", even)
        self.register_buffer("root_sums", torch.zeros_like(even))
        self.register_buffer("used", torch.tensor(states))

    def log_mass(self, evidence: Evidence) -> Float[Tensor, " B"]:
        parts = [
            self._upward(Evidence(codes, evidence.within), torch.float64).log_mass
            for codes in evidence.codes.split(CHUNK)
        ]
        return torch.cat(parts) if parts else self.root.new_zeros(0)

    def draw_states(self, evidence: Evidence, noise: Noise) -> Int[Tensor, "B D"]:
        uniform = noise.uniform(*evidence.codes.shape, dtype=torch.float64)
        chunks = zip(evidence.codes.split(self.at_once), uniform.split(self.at_once), strict=True)
        parts = [self._downward(Evidence(codes, evidence.within), u) for codes, u in chunks]
        return torch.cat(parts) if parts else torch.zeros_like(evidence.codes)

    def add(self, codes: Int[Tensor, "B D"]) -> Float[Tensor, ""]:
        total, used = self.root.new_zeros(()), int(self.used)
        sums = torch.zeros(self.pieces.count + 1, used, dtype=torch.float32, device=codes.device)
        for part in codes.split(CHUNK):
            total += self._expect(part, sums)
        self.sums[:, :used] += sums[:-1]
        return total

    def start(self, codes: Int[Tensor, "n D"], noise: Noise) -> None:
        """Finds the tree, and clusters of what stands together in it."""
        used = min(self.states, max(1, len(codes) // self.each))
        self.used.fill_(used)
        self._grow(codes)
        features = [self.pieces.features(codes, d) for d in range(codes.shape[1])]
        self.begin()
        order, parents = self.order.tolist(), self.parents.tolist()
        state = {}
        for d in order:
            near = [d, *(c for c in order if parents[c] == d and c != d), *([parents[d]] if parents[d] != d else [])]
            x = torch.cat([features[j] * (OWN if j == d else 1.0) for j in near], 1)
            x = torch.cat([x, JITTER * noise.at(d, "jitter").normal(len(x), 1).to(x)], 1)
            centers = x[noise.at(d).permutation(len(x))[:used].to(x.device)]
            state[d] = assigned(x, lloyd(x, centers, rounds=ROUNDS))
            ones = torch.ones(len(x), dtype=torch.float64, device=x.device)
            there = codes[:, d] < self.pieces.count
            self.sums.index_put_((codes[there, d], state[d][there]), ones[there], accumulate=True)
            if parents[d] == d:
                self.root_sums.index_add_(0, state[d], ones)
            else:
                self.edge_sums[d].index_put_((state[parents[d]], state[d]), ones, accumulate=True)
        self._set(START)

    def update(self) -> None:
        self._set(self.smoothing)

    def statistics(self) -> list[Tensor]:
        return [self.sums, self.edge_sums, self.root_sums, self.totals]

    @property
    def parameter_count(self) -> int:
        """The number of free parameters, of the states that are used."""
        used = int(self.used)
        return max(1, used * self.free + (used - 1) * (1 + used * (len(self.parents) - 1)))

    def _set(self, how: Smoothing) -> None:
        """Sets all parameters from the sums."""
        used = int(self.used)
        self.set_table(self.sums[:, :used], how)
        counts = self.edge_sums[:, :used, :used]
        own = counts.sum(1) + FAINT
        leaning = counts + how.edges * (own / own.sum(1, keepdim=True))[:, None]
        self.edges[:, :used, :used] = leaning / leaning.sum(2, keepdim=True)
        root = self.root_sums[:used] + FAINT
        self.root[:used] = root / root.sum()

    def _expect(self, codes: Int[Tensor, "B D"], sums: Tensor) -> Float[Tensor, ""]:
        """Adds what rows expect of states, in single precision; Σ log P of the rows."""
        told, used = self._upward(Evidence(codes, {}), torch.float32), int(self.used)
        parents, shares = self.parents.tolist(), dict[int, Tensor]()
        for d in self.order.tolist():
            beta, up = told.beta[d], told.up[d]
            if parents[d] == d:
                joint = self.root[:used].float() * (1.0 if beta is None else beta)
                shares[d] = (joint / joint.sum(-1, keepdim=True)).expand(len(codes), used)
                self.root_sums[:used] += shares[d].sum(0)
            else:
                edge, above = self.edges[d, :used, :used].float(), shares[parents[d]]
                ratio = above if up is None else above / up.clamp_min(1e-37)
                below = torch.ones_like(above) if beta is None else beta
                self.edge_sums[d, :used, :used] += edge * (ratio.T @ below)
                shares[d] = below * (ratio @ edge)
            sums.index_add_(0, codes[:, d], shares[d])
        return told.log_mass.sum()

    def _upward(self, evidence: Evidence, dtype: torch.dtype) -> Messages:
        """Messages from the leaves to the root."""
        used, parents, order = int(self.used), self.parents.tolist(), self.order.tolist()
        table = self.log_table[:, :used].to(dtype).exp()
        beta: list[Tensor | None] = [None] * len(parents)
        up: list[Tensor | None] = [None] * len(parents)
        log_mass = torch.zeros(len(evidence.codes), dtype=torch.float64, device=table.device)
        for d in reversed(order):
            below = [self._emitted(evidence, d, table), *(up[c] for c in order if parents[c] == d and c != d)]
            known = [each for each in below if each is not None]
            if known:
                joint = torch.stack(torch.broadcast_tensors(*known)).prod(0) if len(known) > 2 else _product(known)
                scale = joint.amax(1, keepdim=True)
                beta[d] = found = joint / scale.clamp_min(1e-37)
                log_mass = log_mass + scale.squeeze(1).double().log()
                if parents[d] == d:
                    log_mass = log_mass + (found @ self.root[:used].to(dtype)).double().log()
                else:
                    up[d] = found @ self.edges[d, :used, :used].to(dtype).T
        return Messages(beta, up, log_mass)

    def _downward(self, evidence: Evidence, uniform: Float[Tensor, "B D"]) -> Int[Tensor, "B D"]:
        """States from the root down, given what is known below."""
        told, used, parents = self._upward(evidence, torch.float64), int(self.used), self.parents.tolist()
        states = torch.zeros_like(evidence.codes)
        for d in self.order.tolist():
            beta, above = told.beta[d], states[:, parents[d]]
            law = self.root[None, :used] if parents[d] == d else self.edges[d, :used, :used]
            if beta is None or len(beta) == 1:
                law = law if beta is None else law * beta
            else:
                law, above = law[above] * beta, torch.arange(len(states), device=states.device)
            states[:, d] = inverted(law, above if len(law) > 1 else torch.zeros_like(above), uniform[:, d])
        return states

    def _emitted(self, evidence: Evidence, d: int, table: Tensor) -> Tensor | None:
        """p(what is known of an entry | its state); None where that is nothing."""
        codes, weights = evidence.codes[:, d], evidence.within.get(d)
        there = codes < self.pieces.count
        known = [table[codes]] if bool(there.any()) else []
        if weights is not None:
            known.append((weights.to(table) @ table[self.pieces.span(d)])[None])
        return _product(known) if known else None

    def _grow(self, codes: Int[Tensor, "n D"]) -> None:
        """The tree of the largest mutual information, around the column that shares most with all others."""
        hot = self.pieces.coarse(codes)
        count, levels = hot.shape[1:]
        flat = hot.flatten(1)
        pairs = (flat.T @ flat).double().reshape(count, levels, count, levels).transpose(1, 2)
        shared = mutual_information(pairs / pairs.sum((2, 3), keepdim=True).clamp_min(1)).fill_diagonal_(0).cpu()
        cost = (1 + shared.max() - shared).fill_diagonal_(0).numpy()  # a zero would be no edge
        middle = int(shared.sum(0).argmax())
        order, parents = csgraph.breadth_first_order(csgraph.minimum_spanning_tree(cost), middle, directed=False)
        parents[middle] = middle
        self.order.copy_(torch.from_numpy(order.astype("int64")))
        self.parents.copy_(torch.from_numpy(parents.astype("int64")))


def _product(factors: Sequence[Tensor]) -> Tensor:
    found = factors[0]
    for factor in factors[1:]:
        found = found * factor
    return found
