"""Arrays by their roles: tensors, pairs (x, given), mappings of names to tensors, `.npy` and `.npz`.

Names of arrays are roles. A name may say its split in front or behind: `train_images`, `test_labels`, `x_test`.
"""

import itertools
import numbers
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genzoo.core import Space
from genzoo.core.errors import DataError, nearest
from genzoo.data.atoms import may_repeat
from genzoo.data.codecs.catalog import codec_for
from genzoo.data.codecs.table import TableCodec
from genzoo.data.readers.arrays import as_rows, as_table
from genzoo.data.readers.gaps import mend_gaps
from genzoo.data.readers.remarks import repetitions
from genzoo.data.readers.trajectories import ENDS, read_trajectories
from genzoo.data.source import EVERY, Asked, Condition, Source, reader
from genzoo.data.split import SPLIT_WORDS, SPLITS

__all__ = ["read_mapping", "read_pair", "read_tensor"]

ROLE = re.compile(r"(?:(?P<before>train|valid|val|test)_)?(?P<role>.+?)(?:_(?P<after>train|valid|val|test))?")
MOST_TOLD = 50  # columns whose repetitions are told
USUAL = ("x", "images", "data", "X")
KEPT = "columns are kept in float64, to stay apart; whole numbers have probabilities (levels=… if they are codes)"


@reader("arrays", "missing")
def read_tensor(x: Any, asked: Asked) -> Source:
    """A tensor or array of rows."""
    return read_mapping({"x": x}, asked, "tensor")


@reader("trajectories", "horizon", "history", "missing")
def read_pair(pair: tuple[Any, Any], asked: Asked) -> Source:
    """Rows and their condition: a tensor named "given", or a mapping of names to tensors.

    Raises:
        DataError: If it has another number of parts.
    """
    if len(pair) != 2:
        raise DataError(f"A tuple must be (x, given), got {len(pair)} parts. Use a mapping of names for more.")
    x, given = pair
    return read_mapping({"x": x, **(given if isinstance(given, Mapping) else {"given": given})}, asked, "pair")


@reader("trajectories", "horizon", "history", "missing")
def read_mapping(arrays: Mapping[str, Any], asked: Asked, name: str = "mapping") -> Source:
    """Arrays by role; trajectories, where one of them says at which steps episodes end.

    Args:
        arrays: Names to tensors or NumPy arrays.
        asked: What the user said: `asked.x` names the role that is x.
        name: What the source is called.

    Raises:
        DataError: If no array is x, or the arrays do not fit each other.
    """
    if ENDS in arrays:
        if asked.missing != "error":
            raise DataError(f"Steps of trajectories cannot be missing, got missing={asked.missing!r}. Leave it out.")
        return read_trajectories(name, arrays, asked)
    roles = _by_role(arrays)
    x_role = _role_of_x(roles, asked)
    parts = {split: _found(arrays, key) for split, key in roles.pop(x_role).items()}
    x = _end_to_end([_tensor(x_role, part) for part in parts.values()])
    given = tuple(roles) if asked.given == EVERY else asked.given
    beside = {role: [_found(arrays, key) for key in _aligned(role, roles, parts)] for role in given}
    conditions = {role: _condition(role, found) for role, found in beside.items()}
    whole = mend_gaps(x, conditions, _own_splits(parts), asked.missing)
    x, conditions, content, notes = whole.x, dict(whole.conditions), None, whole.notes
    if asked.x and asked.levels is None and x.ndim == 1 and not x.is_floating_point():
        x, space, codec = Condition.from_labels(x_role, x).as_x(x_role)
        content = _end_to_end([_tensor(given[0], part) for part in beside[given[0]]]) if given else None
    elif asked.levels is None and (found := as_table(x)) is not None:
        (x, space), notes = found, (*notes, KEPT)
        codec = codec_for(x, space)
    else:
        x, space = as_rows(x, asked.levels, gaps=asked.missing == "keep")
        codec = codec_for(x, space)
        if isinstance(codec, TableCodec) and space.is_real and space.dims <= MOST_TOLD:
            pairs = [(name, values[~values.isnan()]) for name, values in zip(codec.columns, x.T, strict=True)]
            told = (repetitions(name, values) for name, values in pairs if len(values) and may_repeat(values))
            notes = (*notes, *itertools.chain.from_iterable(told))
    return Source(name, x, space, codec, conditions, whole.splits, content, notes, numbers=whole.numbers)


def _by_role(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Role → split → name of the array; the split is "" where the name does not say it."""
    roles: dict[str, dict[str, str]] = {}
    for name in names:
        match = ROLE.fullmatch(name)
        split = SPLIT_WORDS.get(match["before"] or match["after"], "") if match else ""
        roles.setdefault(match["role"] if match and split else name, {})[split] = name
    return roles


def _as_array(name: str, array: Any) -> np.ndarray:
    """A list or a column of a frame as an array; one of words as an array of words."""
    try:
        found = np.asarray(array)
    except ValueError as problem:
        raise DataError(f"Array {name!r} must have rows of one shape, got: {problem}. Pad them.") from None
    if found.dtype.kind == "O" and all(isinstance(value, str) for value in found.flat):
        return found.astype(np.str_)
    return found


def _found(arrays: Mapping[str, Any], name: str) -> Any:
    """An array as a tensor or one of NumPy's."""
    found = arrays[name]
    return found if isinstance(found, Tensor) else _as_array(name, found)


def _end_to_end(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _role_of_x(roles: Mapping[str, Any], asked: Asked) -> str:
    if len(asked.x) > 1:
        raise DataError(f"One array must be x, got {list(asked.x)}. Name one.")
    if asked.x:
        if asked.x[0] not in roles:
            raise DataError(f"`x` must be one of the arrays, got {asked.x[0]!r}. {nearest(asked.x[0], roles)}")
        return asked.x[0]
    left = [role for role in roles if role not in asked.given]
    for role in [*USUAL, *left[: len(left) == 1]]:
        if role in left:
            return role
    raise DataError(f"One array must be x, got {sorted(roles)}. Say which, as x='{left[0] if left else 'images'}'.")


def _aligned(role: str, roles: Mapping[str, dict[str, str]], parts: Mapping[str, Any]) -> list[str]:
    """The names of a condition's arrays in the order of those of x."""
    if role not in roles:
        raise DataError(f"`given` must be one of the arrays beside x, got {role!r}. {nearest(role, roles)}")
    if set(roles[role]) != set(parts):
        raise DataError(f"{role!r} must have the splits of x, {sorted(parts)}, got {sorted(roles[role])}. Match them.")
    return [roles[role][split] for split in parts]


def _own_splits(parts: Mapping[str, Any]) -> dict[str, Tensor]:
    if set(parts) == {""}:
        return {}
    if "" in parts or "train" not in parts:
        raise DataError(f"Splits must be among {SPLITS} with train, got {sorted(parts)}. Rename the arrays.")
    ends = np.cumsum([len(part) for part in parts.values()]).tolist()
    return {name: torch.arange(end - len(part), end) for (name, part), end in zip(parts.items(), ends, strict=True)}


def _condition(role: str, parts: list[Any]) -> Condition:
    if all(isinstance(part, np.ndarray) and part.dtype.kind == "U" for part in parts):
        return Condition.from_cells(role, np.concatenate(parts).ravel().tolist())
    rows = _end_to_end([_tensor(role, part) for part in parts]).detach().cpu()
    rows = rows[:, 0] if rows.ndim == 2 and rows.shape[1] == 1 else rows
    if rows.is_floating_point():
        return Condition(rows.float(), Space(tuple(rows.shape[1:])))
    return Condition.from_labels(role, rows)


def _tensor(role: str, array: Any) -> Tensor:
    if isinstance(array, Tensor):
        return array
    try:
        found = np.ascontiguousarray(array)
        are_numbers = found.dtype.kind == "O" and all(isinstance(value, numbers.Real) for value in found.flat)
        return torch.from_numpy(found.astype(np.float64) if are_numbers or found.dtype == np.longdouble else found)
    except (TypeError, ValueError) as problem:
        got = getattr(array, "dtype", problem)
        raise DataError(
            f"Array {role!r} must hold numbers, got {got}. Convert it; words and dates are read from a frame or from "
            "a list of mappings."
        ) from None
