"""Trajectories: arrays of steps end to end, and `episode_ends` that says where each episode stops.

At every step t there is one row,

$$ x = (a_t, …, a_{t + horizon - 1}), \\qquad given = (s_{t - history + 1}, …, s_t), $$

what is done from now on, and what has been seen up to now. Windows never leave their episode: before its beginning
its first step is repeated, after its end its last. In words they are x=action:16 and given=state:2.

References:
    Chi et al., 2023, "Diffusion policy: visuomotor policy learning via action diffusion", arXiv:2303.04137
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genzoo.core import Space
from genzoo.core.errors import DataError, nearest
from genzoo.data.codecs.array import ArrayCodec
from genzoo.data.codecs.sequences import SequenceCodec
from genzoo.data.picture import CHANNELS
from genzoo.data.readers.arrays import as_rows
from genzoo.data.source import Asked, Condition, Source
from genzoo.data.split import content_words

__all__ = ["ENDS", "read_trajectories", "windows_in"]

ENDS = "episode_ends"
LONGEST = 4096  # steps of a window
MOST_CELLS = 1 << 33
WINDOW = re.compile(r"(?P<name>.*?)(?::(?P<length>\d{1,9}))?", re.DOTALL)


def read_trajectories(name: str, arrays: Mapping[str, Any], asked: Asked) -> Source:
    """Windows of episodes, one per step; an episode's windows share its split.

    Args:
        name: What the source is called.
        arrays: `episode_ends`, increasing, and arrays of steps.
        asked: What the user said: `x` names an array, `given` others; `horizon` and `history` their lengths.

    Raises:
        DataError: If an array is not there or has no row per step.
    """
    offered = [role for role in arrays if role != ENDS]
    x_role = asked.x[0] if len(asked.x) == 1 else offered[0] if len(offered) == 1 and not asked.x else None
    if x_role is None:
        example = f"x={offered[0]!r}" if offered else "x='action'"
        raise DataError(f"One array of {name} must be x, got {list(asked.x) or offered}. Say which, as {example}.")
    if not (0 < asked.horizon <= LONGEST and 0 < asked.history <= LONGEST):
        raise DataError(
            f"`horizon` and `history` must lie in [1, {LONGEST}], got {asked.horizon}, {asked.history}. Change them."
        )
    ends = _ends(arrays[ENDS])
    longest = int(np.diff(ends, prepend=0).max())
    if max(asked.horizon, asked.history * bool(asked.given)) > longest:
        raise DataError(
            f"A window must fit into an episode, the longest of which has {longest} steps, got "
            f"horizon={asked.horizon} and history={asked.history}. Ask for shorter ones, as "
            f"x={x_role}:{min(asked.horizon, longest)}."
        )
    steps = {role: _steps(role, arrays, offered, int(ends[-1])) for role in dict.fromkeys((x_role, *asked.given))}
    x, levels = _windows(steps[x_role], ends, 0, asked.horizon, asked.levels)
    conditions = {}
    for role in asked.given:
        rows, given_levels = _windows(steps[role], ends, 1 - asked.history, asked.history, None)
        conditions[role] = Condition(rows, Space(tuple(rows.shape[1:]), levels=given_levels))
    starts = [0, *ends[:-1].tolist()]
    flat = np.ascontiguousarray(steps[x_role]).reshape(len(steps[x_role]), -1)
    words = content_words([flat[a:b].tobytes() for a, b in zip(starts, ends.tolist(), strict=True)])
    content = words.repeat_interleave(torch.from_numpy(np.diff(ends, prepend=0)))
    note = (
        f"{len(ends):,} episodes; x is {asked.horizon} steps from now on, conditions {asked.history} up to now; the "
        "first and last step are repeated beyond an episode's edges"
    )
    codec = SequenceCodec(tuple(f"{x_role}{i}" for i in range(x.shape[2])), levels) if x.ndim == 3 else ArrayCodec()
    space = Space(tuple(x.shape[1:]), levels=levels)
    return Source(name, x, space, codec, conditions, content=content, notes=(note,), grouped=True)


def windows_in(
    x: str | Sequence[str] | None, given: str | Sequence[str] | None, options: Mapping[str, Any]
) -> tuple[Any, Any, dict[str, Any]]:
    """Names of arrays without the lengths of their windows, and these as options.

    Args:
        x: What is x, as action:16.
        given: The conditions, as state:2.
        options: What else was asked for.

    Raises:
        DataError: If two lengths are asked of one kind of window.

    Example:
        >>> windows_in("action:16", ["state:2"], {})
        ('action', ['state'], {'horizon': 16, 'history': 2})
    """
    found, told = dict[str, Any](), dict[str, int]()
    for option, names in (("horizon", x), ("history", given)):
        parts = [WINDOW.fullmatch(name) for name in ([names] if isinstance(names, str) else names or ())]
        plain = [part["name"] for part in parts if part is not None]
        lengths = {int(part["length"]) for part in parts if part is not None and part["length"]}
        lengths |= {options[option]} if lengths and option in options else set()
        if len(lengths) > 1:
            raise DataError(f"All windows must have one {option}, got {sorted(lengths)}. Say one.")
        if lengths:
            told[option] = lengths.pop()
        found[option] = plain[0] if isinstance(names, str) else plain if plain else names
    return found["horizon"], found["history"], told


def _ends(ends: Any) -> np.ndarray:
    found = np.asarray(ends)
    good = found.ndim == 1 and len(found) and found.dtype.kind in "iu" and found[0] > 0 and (np.diff(found) > 0).all()
    if not good:
        raise DataError(
            f"{ENDS} must be increasing numbers of steps, got {found.dtype} {found.shape}. Write it again."
        )
    return found.astype(np.int64)


def _steps(role: str, arrays: Mapping[str, Any], offered: list[str], n: int) -> np.ndarray:
    if role not in offered:
        raise DataError(f"`x` and `given` must name arrays, got {role!r}. {nearest(role, offered)}")
    found = np.asarray(arrays[role])
    if found.ndim < 1 or len(found) != n or found.dtype.kind not in "fiub":
        raise DataError(
            f"Array {role!r} must hold numbers for {n} steps, as {ENDS} says, got {found.dtype} {found.shape}. "
            "Match them."
        )
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise DataError(f"Array {role!r} must be finite, got others. Fill them in.")
    if found.dtype == np.uint8 and found.ndim == 4 and found.shape[3] in CHANNELS and found.shape[1] not in CHANNELS:
        return found.transpose(0, 3, 1, 2)  # images, channels first
    return found[:, None] if found.ndim == 1 else found


def _windows(
    steps: np.ndarray, ends: np.ndarray, first: int, length: int, levels: int | None
) -> tuple[Tensor, int | None]:
    """The steps first, …, first + length − 1 after each, within its episode; bytes stay bytes of 256 levels."""
    if steps[:1].size * length * len(steps) > MOST_CELLS:
        raise DataError(
            f"Windows must fit in memory, got {length} steps of {steps.shape[1:]}. Pass a smaller horizon."
        )
    lengths = np.diff(ends, prepend=0)
    low, high = np.repeat(ends - lengths, lengths), np.repeat(ends - 1, lengths)
    place = (np.arange(len(steps))[:, None] + first + np.arange(length)).clip(low[:, None], high[:, None])
    if steps.dtype == np.uint8 and levels is None:
        return torch.from_numpy(np.ascontiguousarray(steps))[torch.from_numpy(place)], 256
    rows = torch.from_numpy(steps.astype(np.float32))[torch.from_numpy(place)]
    return as_rows(rows, levels)[0], levels
