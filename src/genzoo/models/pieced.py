"""Models of rows with a kind by column that see each entry as a number of its piece.

What such a model knows are masses of pieces with latent states behind them, so sums over all that is not known are
sums over states: marginals, conditionals, masses of regions and draws from all of these are exact. A condition is made
of entries of the same row, of which it is known that they come first:

$$ p(x | given) = p(x, given) / p(given), $$

and a condition that is null, or an entry that is missing, is summed over.
"""

import abc
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from genzoo.core.abilities import Ability
from genzoo.core.errors import ColumnError, DataError, refuse_infinite
from genzoo.core.game import Batch, DirectFit, Done, Metrics
from genzoo.core.given import Given, GivenSpaceLike, as_given_space
from genzoo.core.model import Capability, GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Column, Space
from genzoo.distributions.region import Region
from genzoo.models.abilities import Events, Imputation
from genzoo.models.float64_buffers import Wide
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


class Pieced(Wide, GenerativeModel, DirectFit, abc.ABC):
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

    by_column = True
    likelihood = Likelihood.EXACT
    log_table: Tensor
    before: Tensor
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
        spaces = [*as_given_space(given_space).values(), space]
        if any(each.ragged for each in spaces) or states < 1 or rows < 1:
            raise ValueError(
                f"{type(self).__name__} needs rows of one length, and at least one state and row, got {space} given "
                f"{given_space}, {states} and {rows}. Cut the rows, or raise the numbers."
            )
        columns = [column for each in spaces for column in _columns(each)]
        self.states, self.smoothing, self.rows, self.tol = states, smoothing, rows, tol
        self.pieces, self.first = Pieces(columns, bins=bins), len(columns) - space.dims
        count, start = self.pieces.count, self.pieces.shares.log().clamp_min(NEVER)
        self.register_buffer("log_table", torch.cat([start, start.new_zeros(1)])[:, None].repeat(1, states))
        self.register_buffer("before", self.log_table.clone())
        self.register_buffer("sums", torch.zeros(count, states, dtype=torch.float64))
        self.register_buffer("totals", torch.zeros(2, dtype=torch.float64))  # rows, and Σ log p(x | given)
        self.register_buffer("reached", torch.tensor(-torch.inf, dtype=torch.float64))
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

    @abc.abstractmethod
    def parameters_of_states(self) -> list[tuple[Tensor, Tensor]]:
        """The parameters beside the table, each with what it was a pass before."""

    # --- the contract --------------------------------------------------------------------------------------------

    def takes_null(self) -> bool:
        return True

    def takes_missing(self) -> bool:
        return True

    def can(self, capability: Capability | str) -> bool:
        return Capability(capability) is not Capability.SCORE and super().can(capability)  # which is zero, and jumps

    def abilities(self) -> Sequence[Ability]:
        return [_Completion(self), _Masses(self)]

    def log_density(self, x: Shaped[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        rows = self.joined(x, given)
        codes = self.pieces.codes(rows)
        found = self.log_mass(Evidence(codes, {})) - self._log_given(codes)
        own = rows.clone()
        own[:, : self.first] = torch.nan
        found = found + self.pieces.log_within(own)
        return found.to(x.dtype if x.is_floating_point() else torch.float64)

    def draw(self, n: int, given: Given, noise: Noise) -> Shaped[Tensor, "n *event"]:
        unknown = self.log_table.new_full((n, self.space.dims), torch.nan)
        return self.completed(self.joined(unknown, given), {}, noise)

    def prepare(self, batches: Iterable[Batch]) -> None:
        """Finds the pieces in the first rows, and starts from them."""
        rows, noise = self._first_rows(batches)
        self.pieces.fit(rows)
        self.start(self.pieces.codes(rows), noise)
        self.reached.fill_(-torch.inf)

    def begin(self) -> None:
        for tensor in self.statistics():
            tensor.zero_()

    def accumulate(self, batch: Batch) -> None:
        x, given = self.checked_batch(batch)
        refuse_infinite(x.flatten(1).double(), lacking=True)
        rows = self.joined(x, given)
        for part in rows.split(self.at_once):
            codes = self.pieces.codes(part)
            own = part.clone()
            own[:, : self.first] = torch.nan
            reached = self.add(codes) - self._log_given(codes).sum() + self.pieces.log_within(own).sum()
            self.totals += torch.stack([reached.new_tensor(len(part)), reached])

    def statistics(self) -> Sequence[Tensor]:
        return [self.sums, self.totals]

    def finish(self) -> Metrics:
        """The M-step; the loss is that of the parameters that the pass was made with. Laws that lean on others may
        lose in the end: what a pass lost is taken back, and the fit has converged."""
        count, total = self.totals.tolist()
        last, reached = self.reached.item(), total / count
        state = [(self.log_table, self.before), *self.parameters_of_states()]
        if reached < last:
            for now, before in state:
                now.copy_(before)
            return Done(loss=-last)
        for now, before in state:
            before.copy_(now)
        self.reached.fill_(reached)
        self.update()
        return (Done if reached - last < self.tol else dict)(loss=-reached)

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, states={self.states}, bins={self.pieces.bins}"

    # --- rows, pieces, laws --------------------------------------------------------------------------------------

    def joined(self, x: Shaped[Tensor, "B *event"], given: Given) -> Float[Tensor, "B D"]:
        """The condition and x side by side, what is null or missing as NaN."""
        parts = []
        for name in self.given_space:
            rows = given[name].flatten(1) if given[name].ndim > 1 else given[name][:, None]
            parts.append(rows.double() if rows.is_floating_point() else rows.double().masked_fill(rows < 0, torch.nan))
        return torch.cat([*parts, x.flatten(1).double()], 1)

    def completed(self, rows: Float[Tensor, "B D"], region: Region, noise: Noise) -> Shaped[Tensor, "B *event"]:
        """Rows in which what is missing is drawn, given the rest and that they lie in a region."""
        codes = self.pieces.codes(rows)
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

    def _log_given(self, codes: Int[Tensor, "B D"]) -> Float[Tensor, " B"]:
        """log P of what is known of the condition; zero where there is none."""
        if not self.first:
            return torch.zeros(len(codes), dtype=torch.float64, device=codes.device)
        known = codes.clone()
        known[:, self.first :] = self.pieces.count
        return self.log_mass(Evidence(known, {}))

    def _first_rows(self, batches: Iterable[Batch]) -> tuple[Float[Tensor, "n D"], Noise]:
        found, noise = list[Tensor](), Noise(0)
        for batch in batches:
            x, given = self.checked_batch(batch)
            refuse_infinite(x.flatten(1).double(), lacking=True)
            noise = batch.noise if not found else noise
            found.append(self.joined(x, given))
            if sum(map(len, found)) >= self.rows:
                break
        if not found:
            raise DataError(f"{type(self).__name__} needs rows to start from, got none. Pass some.")
        rows = torch.cat(found)[: self.rows]
        if bare := rows[:, self.first :].isnan().all(0).nonzero().flatten().tolist():
            raise ColumnError(bare, "must have some values, got none.", "Drop it.")
        return rows, Noise(noise.seed, *noise.path, "start", device=rows.device)


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
    flat, order = codes.flatten().sort(stable=True)
    first = torch.searchsorted(flat, torch.arange(count + 1, device=codes.device))
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


def _columns(space: Space) -> Sequence[Column]:
    """What each entry of a space is."""
    if space.columns is not None:
        return space.columns
    return [Column("real") if space.levels is None else Column("categorical", space.levels)] * space.dims


class _Completion(Imputation):
    """What is missing, drawn from its exact law."""

    def __init__(self, model: Pieced) -> None:
        self.model, self.space = model, model.space

    def impute(self, x: Float[Tensor, "B *event"], given: Given, noise: Noise) -> Shaped[Tensor, "B *event"]:
        return self.model.completed(self.model.joined(x, given), {}, noise)


class _Masses(Events):
    """Masses of regions, and draws from within."""

    def __init__(self, model: Pieced) -> None:
        self.model, self.space = model, model.space

    def log_mass(self, n: int, region: Region, given: Given) -> Float[Tensor, " n"]:
        model = self.model
        codes = model.pieces.codes(self._unknown(n, given))
        named = {model.first + d: part for d, part in region.items()}
        evidence = Evidence(codes, model.pieces.within(named))
        return model.log_mass(evidence) - model._log_given(codes)

    def draw_within(self, n: int, region: Region, given: Given, noise: Noise) -> Shaped[Tensor, "n *event"]:
        named = {self.model.first + d: part for d, part in region.items()}
        return self.model.completed(self._unknown(n, given), named, noise)

    def _unknown(self, n: int, given: Given) -> Float[Tensor, "n D"]:
        device = self.model.log_table.device
        return self.model.joined(
            torch.full((n, self.space.dims), torch.nan, dtype=torch.float64, device=device), given
        )
