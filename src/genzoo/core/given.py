"""Conditions: what p(x | given) is conditioned on.

Inside the library a condition is always a mapping of names to rows, `given`, one row per row of x, and what it may be
is a mapping of names to spaces, `given_space`; an unconditional model has the empty mapping of both. At the front door
a single tensor, or a single space, will do: it is the condition named "given", or the only one there is.

A row that is null — −1 for integers, NaN for reals, a missing name, or nothing at all — asks for the marginal over
that condition. Padding is not null: an empty text is a text.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, overload

import numpy as np
import torch
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.core.space import Space

__all__ = [
    "NOTHING", "SINGLE", "Given", "GivenAsked", "GivenLike", "GivenSpace", "GivenSpaceLike", "RowsAsked", "as_given",
    "as_given_space", "as_tensor", "asked", "checked_values", "complete", "drops", "given_rows", "is_null",
    "map_given", "null_like", "null_rows", "with_nulls",
]  # fmt: skip

Given = Mapping[str, Tensor]  # rows by name
GivenSpace = Mapping[str, Space]  # spaces by name
GivenLike = Tensor | Given | None  # rows as data hold them
GivenAsked = Tensor | np.ndarray | Sequence[Any] | int | float | Mapping[str, Any] | None  # what a caller may write
GivenSpaceLike = Space | GivenSpace | None
RowsAsked = Tensor | np.ndarray | Sequence[Any]  # what a caller may write for rows

TOGETHER = 0.5  # of the rows in which a name is dropped, those in which all are
SINGLE = "given"  # the name of a condition that was passed without one
NOTHING: Given = MappingProxyType({})  # the condition of an unconditional model


def as_given(given: GivenLike) -> Given:
    """A condition by names; a single tensor is named "given".

    Example:
        >>> as_given(torch.arange(2)), dict(as_given(None))
        ({'given': tensor([0, 1])}, {})
    """
    if given is None:
        return NOTHING
    return given if isinstance(given, Mapping) else {SINGLE: given}


def as_given_space(space: GivenSpaceLike) -> GivenSpace:
    """The spaces of a condition by names; a single one is named "given".

    Example:
        >>> as_given_space(Space((), levels=10))
        {'given': Space(shape=(), levels=10, ragged=False)}
    """
    return {SINGLE: space} if isinstance(space, Space) else dict(space or {})


@overload
def map_given(function: Callable[[Tensor], Tensor], given: Given) -> Given: ...
@overload
def map_given(function: Callable[[Tensor], Tensor], given: GivenLike) -> GivenLike: ...


def map_given(function: Callable[[Tensor], Tensor], given: GivenLike) -> GivenLike:
    """The condition with a function applied to the rows of each name.

    Example:
        >>> map_given(lambda rows: rows[:2], {"label": torch.arange(5)})
        {'label': tensor([0, 1])}
    """
    if given is None:
        return None
    if isinstance(given, Tensor):
        return function(given)
    return {name: function(rows) for name, rows in given.items()}


def given_rows(given: Given, rows: slice | Tensor) -> Given:
    """Some rows of a condition.

    Example:
        >>> given_rows({"label": torch.arange(5)}, slice(1, 3))
        {'label': tensor([1, 2])}
    """
    return {name: part[rows] for name, part in given.items()}


def null_rows(space: Space, n: int, device: torch.device | str = "cpu") -> Tensor:
    """n null rows of a condition: −1 for integers, NaN for reals."""
    if not space.is_discrete:
        return torch.full((n, *space.shape), torch.nan, device=device)
    small = space.shape and space.dtype == "uint8"  # an image's bytes are to stay small
    dtype = torch.int16 if small else torch.int64
    return torch.full((n, *space.shape), -1, dtype=dtype, device=device)


def null_like(given: Given) -> Given:
    """The null condition for as many rows: it asks for the marginal over every name.

    Example:
        >>> null_like({"label": torch.tensor([3, 1]), "angle": torch.zeros(2)})
        {'label': tensor([-1, -1]), 'angle': tensor([nan, nan])}
    """
    return {name: _with_null(rows, None) for name, rows in given.items()}


def is_null(rows: Tensor, *, ragged: bool = False) -> Tensor:
    """Which rows of a condition are null, (B,) booleans; ragged reals are padded by NaN, and null without a number.

    Example:
        >>> is_null(torch.tensor([3, -1]))
        tensor([False,  True])
    """
    if rows.dtype == torch.uint8:  # has no −1
        return torch.zeros(len(rows), dtype=torch.bool, device=rows.device)
    flat = rows.flatten(1) if rows.ndim > 1 else rows[:, None]
    lacking = flat.isnan() if flat.is_floating_point() else flat < 0
    return lacking.all(1) if ragged else lacking.any(1)


def with_nulls(given: Given, names: Mapping[str, Tensor]) -> Given:
    """The condition with some rows of some names made null.

    Args:
        given: The condition.
        names: (B,) booleans by name: which rows become null.

    Example:
        >>> with_nulls({"a": torch.tensor([1, 2]), "b": torch.tensor([3, 4])}, {"b": torch.tensor([True, False])})
        {'a': tensor([1, 2]), 'b': tensor([-1,  4])}
    """
    return {name: _with_null(rows, names[name]) if name in names else rows for name, rows in given.items()}


def drops(names: Sequence[str], share: float, noise: Noise, n: int) -> dict[str, Tensor]:
    """Which rows of which names are dropped: `share` of each name's, half of that together with all the others.

    Args:
        names: The names that may be dropped.
        share: The share p of the rows of each.
        noise: Where the draws come from.
        n: The number of rows.

    Example:
        >>> found = drops(["a", "b"], 0.3, Noise(0), 10_000)
        >>> round(found["a"].float().mean().item(), 1), bool((found["a"] & ~found["b"]).any())
        (0.3, True)
    """
    if len(names) == 1:
        return {names[0]: noise.uniform(n) < share}
    together = TOGETHER * share
    alone = (share - together) / (1 - together)
    coins = noise.uniform(n, 1 + len(names))
    every = coins[:, 0] < together
    return {name: every | (coins[:, 1 + i] < alone) for i, name in enumerate(names)}


def asked(given: GivenAsked, spaces: GivenSpace, n: int, device: torch.device | str = "cpu") -> Given:
    """A condition as tensors, from whatever a caller wrote: lists and arrays are rows, one value stands for all rows.

    Args:
        given: Rows or a value, or such by names.
        spaces: What the model is conditioned on.
        n: The number of rows.
        device: Where they are wanted.

    Raises:
        ValueError: If something is no array of numbers.

    Example:
        >>> asked(2, {"label": Space((), levels=10)}, 3)
        {'label': tensor([2, 2, 2])}
    """
    if given is None:
        return NOTHING
    named = _named(given if isinstance(given, Mapping) else {SINGLE: given}, spaces)
    return {
        name: _as_rows(rows, spaces[name], n, device) if name in spaces else rows
        for name, rows in named.items()
        if rows is not None
    }


def as_tensor(rows: Any, name: str, dtype: torch.dtype) -> Tensor:
    """A tensor as it is; a list or an array as one, its reals in a precision.

    Args:
        rows: Numbers.
        name: What they are called, for the error.
        dtype: The precision.

    Raises:
        ValueError: If they are no numbers, or not in rows of one length.

    Example:
        >>> as_tensor([[1, 2]], "x", torch.float32), as_tensor([0.5], "x", torch.float32).dtype
        (tensor([[1, 2]]), torch.float32)
    """
    if isinstance(rows, Tensor):
        return rows
    try:
        found = torch.from_numpy(np.asarray(rows))
    except (TypeError, ValueError) as error:
        raise ValueError(f"`{name}` must hold numbers, got {type(rows).__name__}: {error}.") from None
    return found.to(dtype) if found.is_floating_point() else found


def complete(given: GivenLike, spaces: GivenSpace, n: int, device: torch.device | str = "cpu") -> Given:
    """The condition by names, with null rows in place of names that are missing; values are not looked at.

    Args:
        given: What the caller gave; a single tensor is the one condition that there is.
        spaces: What the model is conditioned on.
        n: The number of rows that it must have.
        device: Where the null rows are made.

    Raises:
        ValueError: If names, lengths, shapes or types do not fit.

    Example:
        >>> complete(None, {"label": Space((), levels=10)}, 2)
        {'label': tensor([-1, -1])}
    """
    if not spaces:
        if given is not None and (isinstance(given, Tensor) or given):
            raise ValueError("This model is unconditional, but `given` was passed. Leave it out, or train with given.")
        return NOTHING
    named = _named(as_given(given), spaces)
    if unknown := sorted(set(named) - set(spaces)):
        raise ValueError(f"`given` must have names among {sorted(spaces)}, got {unknown}. Rename or drop them.")
    return {name: _fitting(name, named.get(name), space, n, device) for name, space in spaces.items()}


def checked_values(given: Given, spaces: GivenSpace) -> Given:
    """A complete condition, if its levels are levels of its spaces.

    Raises:
        ValueError: If an integer is as large as the number of levels, or larger, or below −1, which is null.
    """
    for name, rows in given.items():
        if (space := spaces[name]).is_discrete and rows.numel():
            least, most = (int(end) for end in rows.aminmax())
            if least < -1 or most >= (space.levels or 0) + space.ragged:  # with padding
                found = f"at least −1 (null), got {least}" if least < -1 else f"below {space.levels}, got {most}"
                raise ValueError(f"`{_said(name)}` must be {found}. Check the class numbers.")
    return given


def _named(given: Mapping[str, Any], spaces: GivenSpace) -> Mapping[str, Any]:
    """A condition by the names of its spaces: one without a name has the only one that there is."""
    if set(given) != {SINGLE} or SINGLE in spaces or not spaces:
        return given
    if len(spaces) > 1:
        raise ValueError(f"`given` must be a mapping with names among {sorted(spaces)}, got one tensor. Name it.")
    return dict(zip(spaces, given.values(), strict=True))


def _as_rows(rows: Any, space: Space, n: int, device: torch.device | str) -> Tensor:
    rows = as_tensor(rows, SINGLE, torch.get_default_dtype())
    if not space.is_discrete and not rows.is_floating_point():  # in float64 where float32 would lose digits
        rows = rows.to(torch.get_default_dtype() if bool((rows.abs() < 1 << 24).all()) else torch.float64)
    if space.ragged and rows.ndim > 1 and rows.shape[1] < space.shape[0]:  # shorter than the longest: padded
        lacking = (len(rows), space.shape[0] - rows.shape[1], *rows.shape[2:])
        rows = torch.cat([rows, rows.new_full(lacking, torch.nan if space.levels is None else space.levels)], 1)
    tensor: Tensor = rows.expand(n, *space.shape) if tuple(rows.shape) == space.shape else rows
    return tensor.to(device)


def _fitting(name: str, rows: Tensor | None, space: Space, n: int, device: torch.device | str) -> Tensor:
    if rows is None:
        return null_rows(space, n, device)
    if rows.ndim == 0 or len(rows) != n:
        got = "one number" if rows.ndim == 0 else f"{len(rows)}"
        raise ValueError(
            f"`{_said(name)}` must have one row per row of x: expected {n} rows, got {got}. "
            f"Repeat it, for example with .repeat_interleave({max(1, n // max(1, len(rows) if rows.ndim else 1))}, 0)."
        )
    if tuple(rows.shape[1:]) != space.shape:
        raise ValueError(
            f"Rows of `{_said(name)}` must have shape {space.shape}, got {tuple(rows.shape[1:])}. Reshape it."
        )
    if space.is_discrete and rows.is_floating_point():
        raise ValueError(
            f"`{_said(name)}` must hold integers below {space.levels}, got {rows.dtype}. Convert with .long()."
        )
    if not space.is_discrete and not rows.is_floating_point():
        raise ValueError(f"`{_said(name)}` must hold {space}, got {rows.dtype}. Convert with .float().")
    # Labels become row numbers of tables; larger rows stay as few bytes as they came in until a network embeds them.
    return rows.long() if space.is_discrete and not space.shape else rows


def _said(name: str) -> str:
    return SINGLE if name == SINGLE else f"given[{name!r}]"


def _with_null(rows: Tensor, where: Tensor | None) -> Tensor:
    null = torch.nan if rows.is_floating_point() else -1
    rows = rows.to(torch.int16) if rows.dtype == torch.uint8 else rows  # which has room for −1
    if where is None:
        return torch.full_like(rows, null)
    return rows.masked_fill(where.reshape(-1, *[1] * (rows.ndim - 1)), null)
