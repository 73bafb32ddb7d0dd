"""Histograms of reals: columns cut into bins of one width, with exponential tails beyond the outermost.

$$ p(x) = P(b_1(x_1), …, b_D(x_D)) \\prod_d q_d(x_d), \\qquad
   q_d = \\begin{cases} 1 / h_d & \\text{in a bin of width } h_d \\\\
   e^{-|x_d - e| / h_d} / h_d & \\text{beyond the edge } e, \\end{cases} $$

with P the mass of `genzoo.models.classical.histogram` on the numbers of the bins, tails included. The tails keep the
density of rows beyond all that the fit has seen small, but not zero.
"""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.core.errors import refuse_infinite
from genzoo.core.game import Batch, DirectFit, Metrics
from genzoo.core.given import Given, GivenSpaceLike
from genzoo.core.model import Capability, GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.classical.histogram import Factorization, Histogram
from genzoo.models.classical.refusals import refuse_singular, some_rows
from genzoo.models.float64_buffers import Wide

__all__ = ["BinnedHistogram"]


class BinnedHistogram(Wide, GenerativeModel, DirectFit):
    """A histogram over reals, fitted by counting in one pass.

    Args:
        space: What one x is; real.
        given_space: A label `Space((), levels=C)`, or `None`.
        bins: The number of bins of a column, between the least and the largest of the first rows.
        factorization: How bins of different columns depend on each other, as in `Histogram`.
        smoothing: What is added to every count.
        start_rows: The rows that the edges are taken from, at most.

    Raises:
        ValueError: If the space is discrete, or the table is hopelessly large.

    Example:
        >>> model = BinnedHistogram(Space((1,)), bins=2, smoothing=1e-9)
        >>> data = Batch(torch.tensor([[0.0], [0.1], [0.2], [1.0]]))
        >>> model.prepare([data])
        >>> model.begin(); model.accumulate(data); metrics = model.finish()
        >>> model.log_prob(torch.tensor([[0.3], [0.7]])).exp()  # 3/4 and 1/4 of the rows, in bins of width 1/2
        tensor([1.5000, 0.5000])

    References:
        Pearson, 1895, "Contributions to the mathematical theory of evolution II" (the histogram)
    """

    likelihood = Likelihood.EXACT
    low: Tensor
    width: Tensor

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        bins: int = 32,
        factorization: Factorization = "independent",
        smoothing: float = 0.1,
        start_rows: int = 10_000,
    ) -> None:
        super().__init__(space, given_space)
        if space.is_discrete or space.ragged or bins < 1:
            raise ValueError(
                f"BinnedHistogram is a density on reals of a fixed shape with `bins` at least 1, got {space} and "
                f"{bins}. Take Histogram for levels."
            )
        self.bins, self.start_rows = bins, start_rows
        numbers = Space((space.dims,), levels=bins + 2)  # a tail at either end
        self.table = Histogram(numbers, given_space, factorization=factorization, smoothing=smoothing)
        self.register_buffer("low", torch.zeros(space.dims, dtype=torch.float64))
        self.register_buffer("width", torch.full((space.dims,), 1 / bins, dtype=torch.float64))

    def takes_null(self) -> bool:
        return True

    def can(self, capability: Capability | str) -> bool:
        return Capability(capability) is not Capability.SCORE and super().can(capability)  # which is zero, and jumps

    def log_density(self, x: Float[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        place = (x.flatten(1).double() - self.low) / self.width
        beyond = torch.relu(-place) + torch.relu(place - self.bins)
        inside = -beyond.sum(1) - self.width.log().sum()
        return (self.table.log_density(self._bins(x), given, noise) + inside).to(x.dtype)

    def draw(self, n: int, given: Given, noise: Noise) -> Float[Tensor, "n *event"]:
        number = self.table.draw(n, given, noise.at("bin")).double()
        uniform = noise.uniform(n, self.space.dims, dtype=torch.float64)
        tail = -torch.log1p(-uniform)
        place = torch.where(
            number == 0, -tail, torch.where(number > self.bins, self.bins + tail, number - 1 + uniform)
        )
        flat = self.low + self.width * place
        return flat.to(torch.get_default_dtype()).reshape(n, *self.space.shape)

    def prepare(self, batches: Iterable[Batch]) -> None:
        """Places the bins between the least and the largest of the first rows."""
        _, x, _ = some_rows(self, batches, self.start_rows, least=2)
        refuse_singular(x, fix="take another model")
        self.low.copy_(x.amin(0))
        self.width.copy_((x.amax(0) - x.amin(0)) / self.bins)

    def begin(self) -> None:
        self.table.begin()

    def accumulate(self, batch: Batch) -> None:
        x, given = self.checked_batch(batch)
        refuse_infinite(x.flatten(1))
        self.table.accumulate(Batch(self._bins(x), given, batch.noise))

    def statistics(self) -> Sequence[Tensor]:
        return self.table.statistics()

    def finish(self) -> Metrics:
        metrics = self.table.finish()
        metrics["loss"] += float(self.width.log().sum())
        return metrics

    @property
    def parameter_count(self) -> int:
        """The number of free parameters."""
        return self.table.parameter_count

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, bins={self.bins}"

    def _bins(self, x: Tensor) -> Int[Tensor, "B D"]:
        """The number of each entry's bin: 0 and `bins` + 1 are the tails, and an upper edge is its bin's."""
        place = (x.detach().flatten(1).double() - self.low) / self.width
        inner = place.floor().clamp_max(self.bins - 1) + 1
        return torch.where(place < 0, 0, torch.where(place > self.bins, self.bins + 1, inner)).long()
