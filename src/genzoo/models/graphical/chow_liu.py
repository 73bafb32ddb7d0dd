"""Chow and Liu's tree: the best Bayes net in which no variable has more than one parent, found in one pass.

Among all trees the likelihood of the data is highest for the spanning tree of the largest sum of mutual informations,

$$ I_{ij} = \\sum_{u, v} \\hat p_{ij}(u, v) \\log \\frac{\\hat p_{ij}(u, v)}{\\hat p_i(u)\\, \\hat p_j(v)}, $$

so counts of pairs are all that is needed, for the arrows and for the tables. Where a parent has many levels of few
rows each, the tables lean on the variable's own frequencies,

$$ \\hat p_i(v \\mid u) = \\frac{n_{uv} + \\alpha q_i \\hat p_i(v)}{n_u + \\alpha q_i}, $$

so that a rare level stays rare under a parent that was hardly seen.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Integer
from scipy.sparse import csgraph
from torch import Tensor

from genzoo.core.game import Batch, DirectFit, Done, Metrics
from genzoo.core.given import Given
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import allowed, alphabets
from genzoo.distributions.mutual_information import mutual_information

__all__ = ["ChowLiu"]

MOST = 8192  # entries times levels


class ChowLiu(GenerativeModel, DirectFit):
    """A Bayes net whose arrows make a tree, arrows and tables fitted together by counting pairs.

    Args:
        space: What one x is: levels, entries times levels at most 8,192.
        smoothing: α, what is added to the counts of a variable's levels given its parent, on average.

    Raises:
        ValueError: If the space is not discrete or too large, or α is not positive.

    Example:
        >>> model = ChowLiu(Space((3,), levels=2))
        >>> data = Batch(torch.tensor([[0, 1, 0], [1, 1, 1], [0, 0, 0], [1, 0, 1]]))
        >>> model.begin(); model.accumulate(data); metrics = model.finish()
        >>> model.parents.tolist()[2]
        0

    References:
        Chow & Liu, 1968, "Approximating discrete probability distributions with dependence trees"
    """

    by_column = True
    likelihood = Likelihood.EXACT
    parents: Tensor
    order: Tensor
    log_probs: Tensor
    pairs: Tensor

    def __init__(self, space: Space, *, smoothing: float = 1.0) -> None:
        super().__init__(space)
        if not space.is_discrete or space.ragged or space.dims * (space.levels or 0) > MOST or smoothing <= 0:
            raise ValueError(
                f"ChowLiu needs levels of a fixed shape, entries times levels at most {MOST:,}, and a positive "
                f"`smoothing`, got {space} and {smoothing}."
            )
        self.smoothing, n, q = smoothing, space.dims, space.levels or 1
        self.register_buffer("parents", torch.arange(n))  # the root is its own parent
        self.register_buffer("order", torch.arange(n))
        even = torch.tensor(alphabets(space), dtype=torch.float64).log()[:, None, None]
        self.register_buffer("log_probs", -even.expand(n, q, q).masked_fill(~allowed(space)[:, None], torch.inf))
        self.register_buffer("pairs", torch.zeros(n * q, n * q, dtype=torch.float64))

    @property
    def parameter_count(self) -> int:
        levels, parents = alphabets(self.space), self.parents.tolist()
        given_parent = (1 if i == parent else levels[parent] for i, parent in enumerate(parents))
        return sum(count * (own - 1) for count, own in zip(given_parent, levels, strict=True))

    def log_density(self, x: Integer[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        flat = x.flatten(1).long()
        return self.log_probs[torch.arange(self.space.dims), flat[:, self.parents], flat].sum(1)

    def draw(self, n: int, given: Given, noise: Noise) -> Integer[Tensor, "n *event"]:
        x = torch.zeros(n, self.space.dims, dtype=torch.int64, device=self.device)
        for i in self.order.tolist():
            x[:, i] = noise.tick(i).categorical(self.log_probs[i, x[:, self.parents[i]]])
        return x.to(getattr(torch, self.space.dtype)).reshape(n, *self.space.shape)

    def begin(self) -> None:
        self.pairs.zero_()

    def accumulate(self, batch: Batch) -> None:
        hot = torch.nn.functional.one_hot(batch.x.flatten(1).long(), self.space.levels or 1).flatten(1).double()
        self.pairs += hot.T @ hot

    def statistics(self) -> Sequence[Tensor]:
        return [self.pairs]

    def finish(self) -> Metrics:
        n, q = self.space.dims, self.space.levels or 1
        counts = self.pairs.reshape(n, q, n, q).transpose(1, 2)  # (i, j, u, v)
        rows = counts[0, 0].sum().clamp_min(1)
        self._grow(mutual_information(counts / rows))
        own = torch.arange(n, device=self.device)
        together = counts[self.parents, own].clone()  # (i, level of the parent, level)
        root = self.parents == own
        together[root] = counts[own, own][root].sum(1, keepdim=True).expand(-1, q, -1)
        odds = (together + self._prior(counts[own, own].sum(1), root)) * self._has
        self.log_probs.copy_((odds / odds.sum(2, keepdim=True)).log())
        together[root] /= q  # its row stands for every level of the parent it lacks
        return Done(loss=-(together * self.log_probs.where(self._has, 0)).sum().item() / rows.item())

    def extra_repr(self) -> str:
        return f"{self.space}, smoothing={self.smoothing}"

    def _prior(self, alone: Float[Tensor, "n q"], root: Tensor) -> Float[Tensor, "n 1 q"]:
        """What is added to the counts of each variable: its own frequencies, evenly for the root."""
        levels = torch.tensor(alphabets(self.space), device=self.device)[:, None]
        odds = (alone + self.smoothing) * self._has[:, 0]
        own = odds / odds.sum(1, keepdim=True) * levels
        return self.smoothing * own.where(~root[:, None], 1)[:, None]

    @property
    def _has(self) -> Tensor:
        """Which levels each variable has, (n, 1, q)."""
        return allowed(self.space).to(self.device)[:, None]

    def _grow(self, information: Tensor) -> None:
        """The tree of the largest information, its arrows leading away from the first variable."""
        cost = (1 + information.max() - information).cpu().numpy()  # a zero would be no edge
        tree = csgraph.minimum_spanning_tree(cost)
        order, parents = csgraph.breadth_first_order(tree, 0, directed=False)
        parents[0] = 0
        self.order.copy_(torch.from_numpy(order.astype("int64")))
        self.parents.copy_(torch.from_numpy(parents.astype("int64")))
