"""Models that know the law of any entries of a row given any others.

A condition is made of entries of the same row, of which it is known that they come first, so that

$$ p(x | given) = p(x, given) / p(given), $$

and a condition that is null, or an entry that is missing, is summed over. Two questions answer all others: how likely
is what is known of rows, and what may the rest be.
"""

import abc
from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.core.abilities import Ability
from genzoo.core.errors import ColumnError, DataError, refuse_infinite
from genzoo.core.game import Batch
from genzoo.core.given import Given, GivenSpaceLike, as_given_space
from genzoo.core.model import Capability, GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Column, Space
from genzoo.distributions.region import Region
from genzoo.models.abilities import Events, Imputation
from genzoo.models.float64_buffers import Wide

__all__ = ["AnyEntries"]


class AnyEntries(Wide, GenerativeModel, abc.ABC):
    """A model that answers questions about any entries of rows exactly.

    Args:
        space: What one x is: flat or not, of columns, of reals or of levels.
        given_space: Labels, or entries of any kind.

    Attributes:
        columns: What each entry of a row is, those of its condition first.
        first: The number of entries of the condition.

    Raises:
        ValueError: If rows are of unlike lengths.
    """

    by_column = True
    likelihood = Likelihood.EXACT

    def __init__(self, space: Space, given_space: GivenSpaceLike = None) -> None:
        super().__init__(space, given_space)
        spaces = [*as_given_space(given_space).values(), space]
        if any(each.ragged for each in spaces):
            raise ValueError(
                f"{type(self).__name__} needs rows of one length, got {space} given {given_space}. Cut the rows."
            )
        self.columns = [column for each in spaces for column in _columns(each)]
        self.first = len(self.columns) - space.dims

    @abc.abstractmethod
    def log_chance(self, rows: Float[Tensor, "B D"], region: Region) -> Float[Tensor, " B"]:
        """log p of what is known of rows, NaN being unknown, and that the rest lies in a region; in float64."""

    @abc.abstractmethod
    def completed(self, rows: Float[Tensor, "B D"], region: Region, noise: Noise) -> Shaped[Tensor, "B *event"]:
        """Rows in which what is missing is drawn, given the rest and that they lie in a region."""

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
        found = self.log_chance(rows, {}) - self.log_given(rows)
        return found.to(x.dtype if x.is_floating_point() else torch.float64)

    def draw(self, n: int, given: Given, noise: Noise) -> Shaped[Tensor, "n *event"]:
        return self.completed(self.unknown(n, given), {}, noise)

    def log_given(self, rows: Float[Tensor, "B D"]) -> Float[Tensor, " B"]:
        """log p of what is known of the condition; zero where there is none."""
        if not self.first:
            return torch.zeros(len(rows), dtype=torch.float64, device=rows.device)
        known = rows.clone()
        known[:, self.first :] = torch.nan
        return self.log_chance(known, {})

    def unknown(self, n: int, given: Given) -> Float[Tensor, "n D"]:
        """Rows of which the condition alone is known."""
        return self.joined(torch.full((n, self.space.dims), torch.nan, device=self.device), given)

    def joined(self, x: Shaped[Tensor, "B *event"], given: Given) -> Float[Tensor, "B D"]:
        """The condition and x side by side, what is null or missing as NaN."""
        parts = []
        for name in self.given_space:
            rows = given[name].flatten(1) if given[name].ndim > 1 else given[name][:, None]
            parts.append(rows.double() if rows.is_floating_point() else rows.double().masked_fill(rows < 0, torch.nan))
        return torch.cat([*parts, x.flatten(1).double()], 1)

    def rows_of(self, batch: Batch) -> Float[Tensor, "B D"]:
        """The rows of a batch with their conditions, checked."""
        x, given = self.checked_batch(batch)
        refuse_infinite(x.flatten(1).double(), lacking=True)
        return self.joined(x, given)

    def first_rows(self, batches: Iterable[Batch], most: int) -> tuple[Float[Tensor, "n D"], Noise]:
        """At most so many rows to start from, and the noise to do so.

        Raises:
            DataError: If there are none.
            ColumnError: If a column has no value in them.
        """
        found, noise = list[Tensor](), Noise(0)
        for batch in batches:
            noise = batch.noise if not found else noise
            found.append(self.rows_of(batch))
            if sum(map(len, found)) >= most:
                break
        if not found:
            raise DataError(f"{type(self).__name__} needs rows to start from, got none. Pass some.")
        rows = torch.cat(found)[:most]
        if bare := rows[:, self.first :].isnan().all(0).nonzero().flatten().tolist():
            raise ColumnError(bare, "must have some values, got none.", "Drop it.")
        return rows, Noise(noise.seed, *noise.path, "start", device=rows.device)


def _columns(space: Space) -> Sequence[Column]:
    """What each entry of a space is."""
    if space.columns is not None:
        return space.columns
    return [Column("real") if space.levels is None else Column("categorical", space.levels)] * space.dims


class _Completion(Imputation):
    """What is missing, drawn from its exact law."""

    def __init__(self, model: AnyEntries) -> None:
        self.model, self.space = model, model.space

    def impute(self, x: Float[Tensor, "B *event"], given: Given, noise: Noise) -> Shaped[Tensor, "B *event"]:
        return self.model.completed(self.model.joined(x, given), {}, noise)


class _Masses(Events):
    """Masses of regions, and draws from within."""

    def __init__(self, model: AnyEntries) -> None:
        self.model, self.space = model, model.space

    def log_mass(self, n: int, region: Region, given: Given) -> Float[Tensor, " n"]:
        rows = self.model.unknown(n, given)
        return self.model.log_chance(rows, self._named(region)) - self.model.log_given(rows)

    def draw_within(self, n: int, region: Region, given: Given, noise: Noise) -> Shaped[Tensor, "n *event"]:
        return self.model.completed(self.model.unknown(n, given), self._named(region), noise)

    def _named(self, region: Region) -> Region:
        """A region of the entries of x, among those of rows."""
        return {self.model.first + d: part for d, part in region.items()}
