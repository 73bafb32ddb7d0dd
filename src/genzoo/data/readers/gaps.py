"""Missing entries of arrays, NaN: refused, kept, filled, or left out with their rows."""

import dataclasses
from collections.abc import Mapping

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from genzoo.core.errors import DataError, nearest
from genzoo.data.source import Condition
from genzoo.data.split import choose, renumbered

__all__ = ["POLICIES", "Whole", "mend_gaps"]

POLICIES = ("error", "drop", "impute", "keep")


@dataclasses.dataclass(frozen=True)
class Whole:
    """Arrays after a policy on missing entries.

    Attributes:
        x: The rows.
        conditions: Theirs.
        splits: Of the source, or those that were chosen to learn what is filled in.
        notes: What was done.
        numbers: Which rows these are, where some were dropped.
    """

    x: Shaped[Tensor, "n *shape"]
    conditions: Mapping[str, Condition]
    splits: Mapping[str, Tensor]
    notes: tuple[str, ...] = ()
    numbers: Int[Tensor, " n"] | None = None


def mend_gaps(
    x: Shaped[Tensor, "n *shape"], conditions: Mapping[str, Condition], splits: Mapping[str, Tensor], policy: str
) -> Whole:
    """Arrays in which what is missing was dropped with its rows, filled with the training median, or kept.

    Args:
        x: The rows; a NaN among them is missing.
        conditions: Theirs.
        splits: Of the source.
        policy: "error", "drop", "impute" or "keep".

    Raises:
        DataError: If something is missing and the policy is to refuse it, or nothing is left.

    Example:
        >>> mend_gaps(torch.tensor([[1.0], [torch.nan], [2.0]]), {}, {}, "drop").x.flatten().tolist()
        [1.0, 2.0]
    """
    if policy not in POLICIES:
        raise DataError(f"`missing` must be one of {', '.join(POLICIES)}, got {policy!r}. {nearest(policy, POLICIES)}")
    if not x.is_floating_point() or not x.ndim:
        return Whole(x, conditions, splits)
    rows = torch.cat([part.isnan().flatten(1).any(1) if x.ndim > 1 else part.isnan() for part in x.split(1 << 16)])
    if not (bad := int(rows.sum())):
        return Whole(x, conditions, splits)
    told = f"{bad:,} of {len(x):,} rows"
    match policy:
        case "error":
            raise DataError(
                f"Reals must be there, got {told} with some missing (NaN). Pass missing='drop' (those rows), "
                "missing='impute' (the training median) or missing='keep' (for models that marginalize)."
            )
        case "keep":
            return Whole(x, conditions, splits, (f"kept what is missing in {told} as NaN",))
        case "impute":
            return _imputed(x, conditions, splits, told)
    if bad == len(x):
        raise DataError(f"Rows must hold values, got some missing in each of {bad:,}. Leave such columns out.")
    kept = (~rows).nonzero().flatten()
    left = {name: dataclasses.replace(one, rows=one.rows[kept]) for name, one in conditions.items()}
    note = f"dropped {told}, in which some are missing"
    return Whole(x[kept], left, renumbered(splits, kept, len(x)), (note,), kept)


def _imputed(x: Tensor, conditions: Mapping[str, Condition], splits: Mapping[str, Tensor], told: str) -> Whole:
    chosen, decided = choose(splits, x)
    median = x[chosen["train"]].nanmedian(0).values
    if median.isnan().any():
        raise DataError(
            f"Entries must have values in training rows, got {int(median.isnan().sum())} without. Leave them out."
        )
    note = f"filled what is missing in {told} with the training median"
    return Whole(torch.where(x.isnan(), median, x), conditions, chosen, (*decided, note))
