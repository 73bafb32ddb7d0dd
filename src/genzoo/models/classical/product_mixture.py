"""Mixtures of products over columns of any kind, fitted by expectation maximization.

Each component is a law of every column by itself, so that one sum over components is all that a likelihood takes. The
E-step adds up rows of a table of log-probabilities, the M-step sums responsibilities by piece:

$$ r_{ik} \\propto w_k \\prod_d \\theta_{d, j_{id}, k}, \\qquad
   \\theta_{djk} \\propto \\sum_{i : j_{id} = j} r_{ik} + \\alpha\\, \\pi_{djk}, $$

with π the law that a column of a component leans on: normal, along the quantiles of all rows, where it has an order,
and the frequencies of all rows where it has none.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from genzoo.core.abilities import Ability
from genzoo.core.given import Given, GivenSpaceLike
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.causes import Causes
from genzoo.models.pieced import NEVER, Evidence, Pieced, piece_sums
from genzoo.models.pieces import Smoothing

__all__ = ["ProductMixture"]

START = Smoothing(numbers=5.0, levels=3.0, narrowest=0.5)  # around the rows that components start at
FAINT = 1e-3  # rows that are added to each component's weight


class ProductMixture(Pieced):
    """A mixture of products of laws of single columns,

    $$ p(x) = \\sum_k w_k \\prod_d p_{kd}(x_d), $$

    on columns that are real, whole, ordered or categorical, side by side. The law of a column of levels is a table,
    that of numbers a histogram of fine bins, and of values that many rows share, which leans on a normal law.
    Components are shared by all classes of a condition, whose label is one more column. Marginals, conditionals and
    masses of boxes are exact.

    Args:
        space: What one x is.
        given_space: Labels, or entries of any kind.
        components: K, at most; there are no more than one for `each` first rows.
        each: The rows for a component, at least.
        bins: How many pieces as many rows each a column of numbers has, about.
        smoothing: How much laws of columns lean on ones of few parameters.
        rows: The rows that pieces and the start are taken from, at most.
        tol: The fit has converged when a pass gains less than this, in nats per row.

    Raises:
        ValueError: If rows are of unlike lengths, or a number is not positive.

    Example:
        >>> from genzoo.core import Batch, Column
        >>> space = Space((2,), columns=(Column("integer"), Column("categorical", 2)))
        >>> model = ProductMixture(space, components=2, each=1)
        >>> data = Batch(torch.tensor([[30.0, 0.0], [31.0, 0.0], [70.0, 1.0], [71.0, 1.0]]).double())
        >>> model.prepare([data])
        >>> for _ in range(3):
        ...     model.begin(); model.accumulate(data); metrics = model.finish()
        >>> model.sample(3, seed=0).shape
        torch.Size([3, 2])

    References:
        Everitt, 1984, "An introduction to latent variable models" (mixtures of mixed columns)
        Lowd & Domingos, 2005, "Naive Bayes models for probability estimation"
    """

    log_weights: Tensor
    weight_sums: Tensor
    used: Tensor

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        components: int = 1000,
        each: int = 20,
        bins: int = 128,
        smoothing: Smoothing | None = None,
        rows: int = 50_000,
        tol: float = 1e-2,
    ) -> None:
        how = smoothing or Smoothing()
        super().__init__(space, given_space, states=components, bins=bins, smoothing=how, rows=rows, tol=tol)
        if each < 1:
            raise ValueError(f"`each` must be at least 1, got {each}. Raise it.")
        self.components, self.each = components, each
        even = torch.full((components,), 1 / components, dtype=torch.float64).log()
        self.register_buffer("log_weights", even)
        self.register_buffer("weight_sums", torch.zeros(components, dtype=torch.float64))
        self.register_buffer("used", torch.tensor(components))  # the first so many are

    def abilities(self) -> Sequence[Ability]:
        """Those of all models of pieces, a row having one component instead of a state for each entry."""
        others = [each for each in super().abilities() if not isinstance(each, Causes)]
        return [*others, Causes(Space((), levels=self.components), self._component_given)]

    def log_mass(self, evidence: Evidence) -> Float[Tensor, " B"]:
        return self._joint(evidence).logsumexp(1)

    def draw_states(self, evidence: Evidence, noise: Noise) -> Int[Tensor, "B D"]:
        n, dims = evidence.codes.shape
        if n and bool((evidence.codes == self.pieces.count).all()):  # all rows alike: no table of rows and components
            joint = self._joint(Evidence(evidence.codes[:1], evidence.within))
            up_to = joint.softmax(1).cumsum(1)[0]
            uniform = noise.uniform(n, dtype=torch.float64) * up_to[-1]
            which = torch.searchsorted(up_to, uniform, right=True).clamp_max(len(up_to) - 1)
        else:
            which = noise.categorical(self._joint(evidence))
        return which[:, None].expand(n, dims)

    def add(self, codes: Int[Tensor, "B D"]) -> Float[Tensor, ""]:
        used = int(self.used)
        joint = torch.nn.functional.embedding_bag(codes, self.log_table[:, :used].float(), mode="sum")
        joint += self.log_weights[:used].float()
        highest = joint.amax(1, keepdim=True)
        shares = joint.sub_(highest).clamp_min_(-80.0).exp_()
        total = shares.sum(1, keepdim=True)
        shares /= total
        self.sums[:, :used] += piece_sums(codes, shares, self.pieces.count)
        self.weight_sums[:used] += shares.sum(0)
        return (total.log() + highest).sum(dtype=torch.float64)

    def start(self, codes: Int[Tensor, "n D"], noise: Noise) -> None:
        """Begins at as many rows as there are components, drawn at random."""
        used = min(self.components, max(1, len(codes) // self.each))
        self.used.fill_(used)
        chosen = noise.permutation(len(codes))[:used].to(codes.device)
        hot = torch.zeros(self.pieces.count + 1, used, dtype=torch.float64, device=codes.device)
        hot.scatter_(0, codes[chosen].T, 1.0)
        self.set_table(hot[:-1], START)
        self.log_weights.fill_(NEVER)
        self.log_weights[:used] = -torch.tensor(float(used)).log()

    def update(self) -> None:
        used = int(self.used)
        self.set_table(self.sums[:, :used])
        weights = self.weight_sums[:used] + FAINT
        self.log_weights[:used] = (weights / weights.sum()).log()

    def statistics(self) -> list[Tensor]:
        return [self.sums, self.weight_sums, self.totals]

    @property
    def parameter_count(self) -> int:
        """The number of free parameters, of the components that are used."""
        return max(1, int(self.used) * (self.free + 1) - 1)

    def _component_given(self, x: Shaped[Tensor, "B *event"], given: Given, noise: Noise) -> Int[Tensor, " B"]:
        return self.states_given(x, given, noise)[:, 0]

    def _joint(self, evidence: Evidence) -> Float[Tensor, "B K"]:
        """log w_k and the masses of what is known, of each component that is used."""
        used = int(self.used)
        joint = torch.nn.functional.embedding_bag(evidence.codes, self.log_table[:, :used].contiguous(), mode="sum")
        for d, weights in evidence.within.items():
            joint = joint + (weights @ self.log_table[self.pieces.span(d), :used].exp()).log()
        return joint + self.log_weights[:used]
