"""What the reader of a table should know of its columns before training."""

from collections.abc import Collection, Mapping

from jaxtyping import Float
from torch import Tensor

from genzoo.data.atoms import SHARE, may_repeat, repeated, spike_of
from genzoo.data.columns import are_alike, are_whole
from genzoo.data.readers.column import EXACT, ReadColumn

__all__ = ["remarks", "repetitions"]

MANY = 50  # rows of which no two have one number, before these are taken for ids


def remarks(found: Mapping[str, ReadColumn], dated: Collection[str] = ()) -> list[str]:
    """Columns that are not what a model of rows wants: a count of the rows, spikes in a density.

    Args:
        found: The columns by name.
        dated: Those that hold dates.

    Example:
        >>> from genzoo.data.readers.column import read_column
        >>> remarks({"a": read_column("a", ["7", "7"])})
        ["column 'a' holds one value in all rows: leave it out with x=…"]
    """
    notes = []
    for name, part in found.items():
        there = part.values[~part.values.isnan()] if part.column.missing else part.values
        if len(there) and are_whole(there) and float(there.abs().max()) >= EXACT:
            notes.append(f"column {name!r} holds whole numbers too large to be told apart: leave it out with x=…")
        elif len(there) > 1 and are_alike(there):
            notes.append(f"column {name!r} holds one value in all rows: leave it out with x=…")
        elif part.column.kind == "integer" and len(there) > 2 and _counts(there):
            notes.append(f"column {name!r} counts the rows: leave it out with x=…")
        elif part.column.kind == "integer" and len(there) >= MANY and len(there.unique()) == len(there):
            what = "holds whole numbers, none twice: if they are ids"
            if name in dated:
                what = "has another date in every row, and rows are taken to have no order: if it only names them"
            notes.append(f"column {name!r} {what}, leave it out with x=…")
        elif part.column.kind == "real" and may_repeat(there):
            notes += repetitions(name, there)
    return notes


def repetitions(name: str, values: Float[Tensor, " n"]) -> list[str]:
    """What is to be known of a density of a column of reals that repeats its values, if it does.

    Args:
        name: The column's name.
        values: Its numbers, none missing.

    Example:
        >>> import torch
        >>> repetitions("a", torch.cat([torch.zeros(20), torch.arange(1.0, 21)]))[0][:29]
        "column 'a' is 0 in 50% of row"
    """
    if (spike := spike_of(values)) is not None:
        value, share = spike
        what = f"is {value:g} in {share:.0%} of rows: a density of such a spike"
    elif (share := repeated(values)) >= SHARE:
        what = f"repeats its values, in {share:.0%} of rows ten times or more: a density of such a grid"
    else:
        return []
    return [f"column {name!r} {what} has no limit, so its likelihood says how narrow a model may get"]


def _counts(values: Float[Tensor, " n"]) -> bool:
    return float(values[0]) in (0, 1) and bool((values.diff() == 1).all())
