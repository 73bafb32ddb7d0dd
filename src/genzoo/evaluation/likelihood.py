"""Likelihood of held-out data: nats per row, and code lengths in bits per dimension.

$$ \\text{bits/dim} = -\\frac{\\sum_i \\log_2 p(x_i \\mid given_i)}{\\sum_i D_i} $$

For discrete data p is a probability mass, so the number is the length of a code that an arithmetic coder reaches; for
real data p is a density in raw units, and the mean negative log-density in nats is reported instead.
"""

import math
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo._ranks import rows_by_rank
from genzoo.core.given import GivenLike, map_given
from genzoo.core.model import Capability, GenerativeModel, evaluating
from genzoo.core.space import Space
from genzoo.data.atoms import SHARE, repeated, spike_of
from genzoo.evaluation.measurement import Kind, Measurement

__all__ = ["RowsLike", "code_length", "dims_of", "entries_of", "is_spiked", "options_of", "score", "scores"]

LOOKED_AT = 10_000  # rows in which spikes are looked for


@runtime_checkable
class RowsLike(Protocol):
    """Rows of data as `genzoo.data` serves them."""

    @property
    def fingerprint(self) -> str:
        """A hash of the contents."""

    def __len__(self) -> int: ...

    def gather(self, index: Tensor, *, seed: int = 0, epoch: int = 0) -> tuple[Tensor, GivenLike]:
        """The rows of an index with their conditions."""


def score(
    model: GenerativeModel,
    x: Tensor | RowsLike,
    given: GivenLike = None,
    *,
    chunk: int = 500,
    seed: int = 0,
    **options: Any,
) -> Float[Tensor, " n"]:
    """log p(x | given) of each row in nats, a chunk at a time; what a bound draws depends on (seed, row) alone.

    Args:
        model: A model with a likelihood.
        x: Rows of its space: a tensor, or rows that bring their condition.
        given: The condition of a tensor's rows.
        chunk: Rows at a time.
        seed: Names the noise of a bound or estimate.
        options: The model's own, as `samples=64` for an importance-weighted bound.

    Raises:
        Unsupported: If the model has no likelihood.
    """
    parts = list(scores(model, x, given, chunk=chunk, seed=seed, **options))
    return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.float64)


def scores(
    model: GenerativeModel,
    x: Tensor | RowsLike,
    given: GivenLike = None,
    *,
    chunk: int = 500,
    seed: int = 0,
    **options: Any,
) -> Iterator[Float[Tensor, " _"]]:
    """The same part by part, in order; a chunk that does not fit into the memory is halved.

    Args:
        model: A model with a likelihood.
        x: Rows of its space.
        given: The condition of a tensor's rows.
        chunk: Rows at a time.
        seed: Names the noise of a bound or estimate.
        options: The model's own.

    Raises:
        Unsupported: If the model has no likelihood.
    """
    if not model.can("log_prob"):
        raise model.lacks(Capability.LOG_PROB)

    def scored(first: int, last: int) -> Tensor:
        rows, condition = _rows(x, given, first, last, model.device)
        with torch.no_grad(), evaluating(model):
            nats = model.log_prob(rows, condition if model.given_space else None, seed=seed, start=first, **options)
        return nats.double().cpu()

    return rows_by_rank(len(x), chunk, scored)


def code_length(
    model: GenerativeModel, rows: RowsLike, *, seed: int = 0, known: RowsLike | None = None, **options: Any
) -> Measurement:
    """The code length of rows with its standard error: bits/dim of discrete data, nats per row of real data.

    Args:
        model: A model with a likelihood.
        rows: The rows.
        seed: Names the noise of a bound.
        known: Rows in which values that repeat are looked for, those that were learned from; else `rows`.
        options: The model's own.
    """
    nats = -score(model, rows, seed=seed, **options)
    kind, n = Kind(model.likelihood.value), len(nats)
    if kind in (Kind.EXACT, Kind.BOUND, Kind.ESTIMATE) and is_spiked(known or rows, model.space):
        kind = Kind.SPIKED
    protocol = {"seed": seed, **options}
    if not model.space.is_discrete:
        error = (nats.std() / math.sqrt(n)).item() if n > 1 else None
        return Measurement("−log p", nats.mean().item(), error, kind, "nats/row", n, rows.fingerprint, protocol)
    dims = entries_of(rows, model.space)
    bits = nats / math.log(2)
    value = (bits.sum() / dims.sum()).item()
    error = ((bits - value * dims).std() / (dims.mean() * math.sqrt(n))).item() if n > 1 else None
    return Measurement("bits/dim", value, error, kind, "bits/dim", n, rows.fingerprint, protocol)


def is_spiked(rows: RowsLike, space: Space) -> bool:
    """Whether a real column of flat rows repeats values so often that its density has no upper limit.

    Args:
        rows: The rows, of which the first 10,000 are looked at.
        space: What a row is.

    Example:
        >>> from genzoo.data import Rows
        >>> x = torch.linspace(0, 1, 100)[:, None] * torch.tensor([1.0, 1.0])
        >>> x[:30, 1] = 0
        >>> [is_spiked(Rows(part, None, torch.arange(100), Space((1,))), Space((1,))) for part in x.split(1, dim=1)]
        [False, True]
    """
    if space.is_discrete or space.ragged or len(space.shape) != 1:
        return False
    x, _ = rows.gather(torch.arange(min(len(rows), LOOKED_AT)))
    columns = space.columns or (None,) * space.dims
    real = (values for values, column in zip(x.T, columns, strict=True) if column is None or not column.is_discrete)
    there = (values[~values.isnan()] for values in real)
    return any(spike_of(values) is not None or repeated(values) >= SHARE for values in there)


def options_of(model: GenerativeModel, method: str) -> list[str]:
    """The typed options of a model's method in order, those of a part included where the method passes options on.

    Args:
        model: The model.
        method: `draw` for the options of `sample`, `log_density` for those of `log_prob`.
    """
    return sorted(model.options(method))


def chunks(
    x: Tensor | RowsLike, given: GivenLike, size: int, device: torch.device | str
) -> Iterator[tuple[int, Tensor, GivenLike]]:
    """Rows a chunk at a time: the first row's number, the rows, their condition."""
    for start in range(0, len(x), size):
        yield start, *_rows(x, given, start, min(start + size, len(x)), device)


def _rows(
    x: Tensor | RowsLike, given: GivenLike, first: int, last: int, device: torch.device | str
) -> tuple[Tensor, GivenLike]:
    """Some rows with their condition, on a device."""
    if isinstance(x, Tensor):
        rows, condition = x[first:last], map_given(lambda part: part[first:last], given)
    else:
        rows, condition = x.gather(torch.arange(first, last))
    return rows.to(device), map_given(lambda part: part.to(device), condition)


def entries_of(rows: RowsLike, space: Space) -> Float[Tensor, " n"]:
    """How many entries each of some rows has, which are gathered only where they differ.

    Args:
        rows: The rows.
        space: What a row is.
    """
    if not space.ragged or not len(rows):
        return torch.full((len(rows),), float(space.dims), dtype=torch.float64)
    return torch.cat([dims_of(x, space).cpu() for _, x, _ in chunks(rows, None, 500, "cpu")])


def dims_of(x: Tensor, space: Space) -> Float[Tensor, " n"]:
    """How many entries each row has, padding not counted."""
    flat = x.flatten(1)
    if not space.ragged:
        return torch.full((len(x),), float(space.dims), dtype=torch.float64)
    there = torch.ne(flat, space.levels) if space.levels is not None else ~flat.isnan()
    return there.sum(1).double()
