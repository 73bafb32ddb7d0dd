"""Models of rows with a kind by column that see each entry as a number of its piece.

What such a model knows are masses of pieces with latent states behind them, so sums over all that is not known are
sums over states: marginals, conditionals, masses of regions and draws from all of these are exact.
"""

import abc
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from genzoo.core.abilities import Ability
from genzoo.core.game import Batch, DirectFit, Done, Metrics
from genzoo.core.given import Given, GivenSpaceLike
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.region import Region
from genzoo.models.any_entries import AnyEntries
from genzoo.models.causes import Causes
from genzoo.models.pieces import Pieces, Smoothing

__all__ = ["NEVER", "Evidence", "Pieced", "inverted", "piece_sums"]

NEVER = -1e5  # the logarithm of no probability, which float64 has as 0
NUMBERS = 1 << 24  # in what is computed for a block of rows at a time


class Evidence(NamedTuple):
    """What is known of the pieces of rows.

    Attributes:
        codes: The number of each entry's piece, the number of all pieces where it is not known.
        within: How much of each piece lies in a region, for entries that the region names.
    """

    codes: Int[Tensor, "B D"]
    within: dict[int, Float[Tensor, " L"]]


class Pieced(AnyEntries, DirectFit, abc.ABC):
    """A model of the pieces of rows, whose entries are independent of all else given a state of each.

    Args:
        space: What one x is: flat or not, of columns, of reals or of levels.
        given_space: Labels, or entries of any kind.
        states: K, the number of states of an entry.
        bins: How many pieces as many rows each a column of numbers has, about.
        smoothing: How much laws of pieces lean on ones of few parameters.
        rows: The rows that pieces and the start are taken from, at most.
        tol: The fit has converged when a pass gains less than this, in nats per row.

    Raises:
        ValueError: If rows are of unlike lengths, or a number is not positive.
    """

    log_table: Tensor
    sums: Tensor
    totals: Tensor
    reached: Tensor

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        states: int,
        bins: int,
        smoothing: Smoothing,
        rows: int,
        tol: float,
    ) -> None:
        super().__init__(space, given_space)
        if states < 1 or rows < 1:
            raise ValueError(
                f"{type(self).__name__} needs at least one state and row, got {states} and {rows}. Raise the numbers."
            )
        self.states, self.smoothing, self.rows, self.tol = states, smoothing, rows, tol
        self.pieces = Pieces(self.columns, bins=bins)
        count, start = self.pieces.count, self.pieces.shares.log().clamp_min(NEVER)
        self.register_buffer("log_table", torch.cat([start, start.new_zeros(1)])[:, None].repeat(1, states))
        self.register_buffer("sums", torch.zeros(count, states, dtype=torch.float64))
        self.register_buffer("totals", torch.zeros(2, dtype=torch.float64))  # rows, and Σ log p(x | given)
        self.register_buffer("reached", torch.tensor([-torch.inf, torch.inf], dtype=torch.float64))  # and the change
        self.at_once = max(1, NUMBERS // max(states, 2 * bins))
        self.block = self.at_once * space.dims

    # --- what a model of pieces says -----------------------------------------------------------------------------

    @abc.abstractmethod
    def log_mass(self, evidence: Evidence) -> Float[Tensor, " B"]:
        """The logarithm of the mass of what is known of rows, in float64."""

    @abc.abstractmethod
    def draw_states(self, evidence: Evidence, noise: Noise) -> Int[Tensor, "B D"]:
        """States of all entries, given what is known of them."""

    @abc.abstractmethod
    def add(self, codes: Int[Tensor, "B D"]) -> Float[Tensor, ""]:
        """Adds what rows expect of states to the sums; returns Σ log P of the rows."""

    @abc.abstractmethod
    def start(self, codes: Int[Tensor, "n D"], noise: Noise) -> None:
        """Sets all parameters from first rows."""

    @abc.abstractmethod
    def update(self) -> None:
        """Sets all parameters from the sums."""

    def states_given(self, x: Shaped[Tensor, "B *event"], given: Given, noise: Noise) -> Int[Tensor, "B D"]:
        """States of all entries of the condition and of x, drawn given what there is of both."""
        return self.draw_states(Evidence(self.pieces.codes(self.joined(x, given)), {}), noise)

    def abilities(self) -> Sequence[Ability]:
        return [*super().abilities(), Causes(Space((len(self.columns),), levels=self.states), self.states_given)]

    # --- the contract --------------------------------------------------------------------------------------------

    def log_chance(self, rows: Float[Tensor, "B D"], region: Region) -> Float[Tensor, " B"]:
        codes, log_within = self.pieces.read(rows)
        return self.log_mass(Evidence(codes, self.pieces.within(region))) + log_within

    def prepare(self, batches: Iterable[Batch]) -> None:
        """Finds the pieces in the first rows, and starts from them."""
        self.start_from(*self.first_rows(batches, self.rows))

    def start_from(self, rows: Float[Tensor, "n D"], noise: Noise) -> None:
        """Finds the pieces in rows, and starts from them."""
        self.pieces.fit(rows)
        self.start(self.pieces.codes(rows), noise)
        self.reached.copy_(torch.tensor([-torch.inf, torch.inf]))

    def begin(self) -> None:
        for tensor in self.statistics():
            tensor.zero_()

    def accumulate(self, batch: Batch) -> None:
        for rows in self.rows_of(batch).split(self.at_once):
            codes, log_within = self.pieces.read(rows)
            reached = self.add(codes) + (log_within - self.log_given(rows)).sum()
            self.totals += torch.stack([reached.new_tensor(len(rows)), reached])

    def statistics(self) -> Sequence[Tensor]:
        return [self.sums, self.totals]

    def finish(self) -> Metrics:
        """The M-step; the loss is that of the parameters that the pass was made with. What laws lean on counts too, so
        a pass may lose: the fit has converged when two passes on end change less than `tol`."""
        count, total = self.totals.tolist()
        last, change = self.reached.tolist()
        reached = total / count
        self.reached.copy_(torch.tensor([reached, abs(reached - last)]))
        self.update()
        return (Done if max(change, abs(reached - last)) < self.tol else dict)(loss=-reached)

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, states={self.states}, bins={self.pieces.bins}"

    # --- rows, pieces, laws --------------------------------------------------------------------------------------

    def completed(self, rows: Float[Tensor, "B D"], region: Region, noise: Noise) -> Shaped[Tensor, "B *event"]:
        """Rows in which what is missing is drawn, given the rest and that they lie in a region."""
        codes, region = self.pieces.codes(rows), self.pieces.reached(region)
        evidence = Evidence(codes, self.pieces.within(region))
        states = self.draw_states(evidence, noise.at("states"))
        uniform = noise.uniform(*rows.shape, 2, dtype=torch.float64)
        drawn = codes.clone()
        for d in range(self.first, rows.shape[1]):
            unknown = (codes[:, d] == self.pieces.count).nonzero().squeeze(1)
            if len(unknown):
                weights = evidence.within.get(d)
                drawn[unknown, d] = self._pieces_given(d, states[unknown, d], uniform[unknown, d, 0], weights)
        values = self.pieces.values(drawn, uniform[..., 1], region)
        found = torch.where(rows.isnan(), values, rows)[:, self.first :]
        return found.to(getattr(torch, self.space.dtype)).unflatten(1, self.space.shape)

    def set_table(self, counts: Float[Tensor, "P K"], how: Smoothing | None = None) -> None:
        """Sets the laws of pieces given states from counts."""
        law = self.pieces.smoothed(counts, how or self.smoothing)
        self.log_table[: self.pieces.count, : counts.shape[1]] = law.log().clamp_min(NEVER)

    @property
    def free(self) -> int:
        """The free parameters of the pieces of all entries, for one state."""
        used = self.pieces.shares > 0
        return int(used.sum()) - len(self.pieces.columns)

    def _pieces_given(self, d: int, states: Tensor, uniform: Tensor, weights: Tensor | None) -> Int[Tensor, " n"]:
        """Pieces of an entry, within a region if that is given."""
        span = self.pieces.span(d)
        law = self.log_table[span].T.exp()
        return span.start + inverted(law if weights is None else law * weights, states, uniform)


def piece_sums(codes: Int[Tensor, "B D"], shares: Float[Tensor, "B K"], count: int) -> Float[Tensor, "P K"]:
    """Σ of the shares of the rows that have each piece.

    Args:
        codes: The numbers of pieces, `count` where there is none.
        shares: How much each state answers for each row.
        count: P, the number of pieces.

    Example:
        >>> piece_sums(torch.tensor([[0, 2], [1, 3]]), torch.tensor([[1.0], [2.0]]), 3).tolist()
        [[1.0], [2.0], [1.0]]
    """
    narrow = torch.int16 if count < 1 << 15 else torch.int64  # short numbers are sorted twice as fast
    flat, order = codes.flatten().to(narrow).sort(stable=True)
    first = torch.searchsorted(flat, torch.arange(count + 1, dtype=narrow, device=codes.device))
    rows = order // codes.shape[1]
    return torch.nn.functional.embedding_bag(rows, shares, first, mode="sum")[:count]


def inverted(law: Float[Tensor, "S L"], which: Int[Tensor, " n"], uniform: Float[Tensor, " n"]) -> Int[Tensor, " n"]:
    """Draws from laws by inversion: the cumulative laws lie one behind the other on a line, to be searched at once.

    Args:
        law: Laws up to a factor; one that has no mass is not drawn from.
        which: The law of each draw.
        uniform: Numbers in [0, 1).

    Example:
        >>> inverted(torch.tensor([[1.0, 1.0], [0.0, 3.0]]), torch.tensor([0, 0, 1]), torch.tensor([0.2, 0.6, 0.0]))
        tensor([0, 1, 1])
    """
    levels = torch.arange(law.shape[1], device=law.device)
    up_to = law.cumsum(1)
    line = (up_to / up_to[:, -1:].clamp_min(1e-300)) + torch.arange(len(law), device=law.device)[:, None]
    at = torch.searchsorted(line.flatten(), which + uniform, right=True) - which * len(levels)
    last = torch.where(law > 0, levels, 0).amax(1)  # that has mass
    return at.clamp_min(0).minimum(last[which])
