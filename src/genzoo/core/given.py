"""Conditions: what p(x | given) is conditioned on.

`given` has one row per row of x: a tensor, or a mapping of names to tensors. A row that is null — −1 for integers, NaN
for reals, a missing key, or `given=None` altogether — asks for the marginal over that condition.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from genzoo.core.space import Space

__all__ = ["Given", "GivenSpace", "is_null", "map_given", "null_rows", "resolve_given"]

Given = Tensor | Mapping[str, Tensor] | None
GivenSpace = Space | Mapping[str, Space] | None


def map_given(function: Callable[[Tensor], Tensor], given: Given) -> Given:
    """The condition with a function applied to each of its tensors.

    Example:
        >>> map_given(lambda rows: rows[:2], {"label": torch.arange(5)})
        {'label': tensor([0, 1])}
    """
    if given is None:
        return None
    if isinstance(given, Tensor):
        return function(given)
    return {name: function(rows) for name, rows in given.items()}


def null_rows(space: Space, n: int, device: torch.device | str = "cpu") -> Tensor:
    """n null rows of a condition: −1 for integers, NaN for reals."""
    if space.is_discrete:
        return torch.full((n, *space.shape), -1, dtype=torch.int64, device=device)
    return torch.full((n, *space.shape), torch.nan, device=device)


def is_null(rows: Tensor) -> Tensor:
    """Which rows of a condition are null, (B,) booleans.

    Example:
        >>> is_null(torch.tensor([3, -1]))
        tensor([False,  True])
    """
    flat = rows.flatten(1) if rows.ndim > 1 else rows[:, None]
    return flat.isnan().any(1) if flat.is_floating_point() else (flat < 0).any(1)


def resolve_given(given: Given, space: GivenSpace, n: int, device: torch.device | str = "cpu") -> Given:
    """The condition in full: checked, with null rows in place of what is missing.

    Args:
        given: What the caller gave.
        space: What the model is conditioned on; `None` for an unconditional model.
        n: The number of rows that it must have.
        device: Where the null rows are made.

    Raises:
        ValueError: If the rows, names, shapes or values do not fit.

    Example:
        >>> resolve_given(None, Space((), levels=10), 2)
        tensor([-1, -1])
    """
    if space is None:
        if given is not None:
            raise ValueError("This model is unconditional, but `given` was passed. Leave it out, or train with given.")
        return None
    if isinstance(space, Space):
        if isinstance(given, Mapping):
            raise ValueError(f"`given` must be one tensor, got a mapping of {sorted(given)}. Pass the tensor itself.")
        return _checked("given", given, space, n, device)
    if isinstance(given, Tensor):
        raise ValueError(f"`given` must be a mapping with keys {sorted(space)}, got a tensor. Name it.")
    given = given or {}
    if unknown := sorted(set(given) - set(space)):
        raise ValueError(f"`given` must have keys among {sorted(space)}, got {unknown}. Rename or drop them.")
    return {name: _checked(f"given[{name!r}]", given.get(name), part, n, device) for name, part in space.items()}


def _checked(name: str, rows: Tensor | None, space: Space, n: int, device: torch.device | str) -> Tensor:
    if rows is None:
        return null_rows(space, n, device)
    if len(rows) != n:
        raise ValueError(
            f"`{name}` must have one row per row of x: expected {n} rows, got {len(rows)}. "
            f"Repeat it, for example with .repeat_interleave({max(1, n // max(1, len(rows)))}, 0)."
        )
    if tuple(rows.shape[1:]) != space.shape:
        raise ValueError(f"Rows of `{name}` must have shape {space.shape}, got {tuple(rows.shape[1:])}. Reshape it.")
    if space.is_discrete and rows.is_floating_point():
        raise ValueError(f"`{name}` must hold integers below {space.levels}, got {rows.dtype}. Convert with .long().")
    if space.is_discrete and n and int(rows.max()) >= (space.levels or 0) + space.ragged:  # padding is `levels`
        raise ValueError(f"`{name}` must be below {space.levels}, got {int(rows.max())}. Check the class numbers.")
    return rows.long() if space.is_discrete else rows
