"""Conditions from words: `label=3` as rows that a model is given."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from genzoo.core.given import SINGLE, GivenLike
from genzoo.core.model import GenerativeModel
from genzoo.core.space import Space
from genzoo.data import Data
from genzoo.zoo.mistakes import Mistake, unknown
from genzoo.zoo.store import DataRecord

__all__ = ["conditions", "grid_conditions", "turns"]


def conditions(model: GenerativeModel, data: DataRecord, words: Mapping[str, Any], n: int) -> GivenLike:
    """n rows of the condition that words ask for.

    A value is a class name, a number, or several of them with commas, which share the rows. What no word mentions is
    null; if the model takes no null condition, labels stand for their classes in order.

    Args:
        model: The model.
        data: What its run knows of the data: the names of conditions and classes.
        words: Values by the name of the condition.
        n: The number of rows.

    Raises:
        Mistake: If the model takes no such condition, or the value is none of its own.
    """
    if not model.given_space:
        if words:
            cause = f"This run is unconditional, got a condition {next(iter(words))!r}."
            raise Mistake(cause, f"Train with --given {next(iter(words))}, or leave --given out.")
        return None
    spaces, classes = _called(model, data)
    for name in words:
        if name not in spaces:
            raise unknown("condition of this run", name, spaces)
    rows = {
        name: _rows(name, str(words[name]), space, classes.get(name, []), n, model.device)
        for name, space in spaces.items()
        if name in words
    }
    if not model.takes_null():
        free = {name: in_order(space, n) for name, space in spaces.items() if name not in rows}
        rows |= {name: part.to(model.device) for name, part in free.items() if part is not None}
    return {own: rows[name] for own, name in zip(model.given_space, spaces, strict=True) if name in rows}


def turns(model: GenerativeModel, data: DataRecord, words: Mapping[str, Any]) -> int:
    """The least number of rows of a condition that holds each value that words name equally often.

    Args:
        model: The model.
        data: What its run knows of the data.
        words: Values by the name of the condition.
    """
    if not model.given_space:
        return 1
    spaces, _ = _called(model, data)
    counts = [len(str(words[name]).split(",")) for name, space in spaces.items() if name in words and not space.shape]
    if not model.takes_null():
        counts += [space.levels or 1 for name, space in spaces.items() if name not in words and not space.shape]
    return math.lcm(*counts)


def _called(model: GenerativeModel, data: DataRecord) -> tuple[dict[str, Space], Mapping[str, list[str]]]:
    """The spaces of a condition and their classes by the names that the data have for them: a single one has been
    given none in training."""
    spaces = dict(model.given_space)
    if set(spaces) != {SINGLE}:
        return spaces, data.classes
    label = (data.given or [SINGLE])[0]
    return {label: spaces[SINGLE]}, {label: data.classes.get("", [])}


def grid_conditions(data: Data, n: int) -> GivenLike:
    """Conditions for a picture of n samples: classes in order, or those of held-out rows.

    Args:
        data: The data.
        n: The number of rows.
    """
    space = data.given_space
    if space is None:
        return None
    if isinstance(space, Space) and (ordered := in_order(space, n)) is not None:
        return ordered
    rows = data.valid if len(data.valid) else data.train
    return rows.gather(torch.arange(n) % len(rows))[1]


def in_order(space: Space, n: int) -> Tensor | None:
    """n labels, equally many of each class, in order; None if the space is not that of a label.

    Args:
        space: The condition's space.
        n: The number of rows.

    Example:
        >>> in_order(Space((), levels=3), 6)
        tensor([0, 0, 1, 1, 2, 2])
    """
    if space.shape or space.levels is None:
        return None
    return torch.arange(n) * space.levels // max(1, n)


def _rows(name: str, text: str, space: Space, classes: list[str], n: int, device: torch.device) -> Tensor:
    words = [word.strip() for word in text.strip("[]").split(",")]
    if space.shape:
        return _vector(name, words, space).expand(n, *space.shape).to(device)
    values = torch.tensor([_value(name, word, space, classes) for word in words])
    return values[torch.arange(n) * len(values) // n].to(device)


def _value(name: str, word: str, space: Space, classes: list[str]) -> float | int:
    if word in classes:
        return classes.index(word)
    try:
        value = float(word) if space.levels is None else int(word)
    except ValueError:
        raise (unknown(f"class of {name}", word, classes) if classes else _not_of(name, word, space)) from None
    if space.levels is not None and not 0 <= value < space.levels:
        raise _not_of(name, word, space)
    return value


def _vector(name: str, words: list[str], space: Space) -> Tensor:
    try:
        values = torch.tensor([float(word) for word in words])
    except ValueError:
        raise _not_of(name, ",".join(words), space) from None
    if values.numel() != space.dims:
        raise Mistake(f"The condition {name} must hold {space.dims} numbers, got {len(words)}.", "Give them all.")
    return (values if space.levels is None else values.long()).reshape(space.shape)


def _not_of(name: str, word: str, space: Space) -> Mistake:
    return Mistake(
        f"The condition {name} must be {space}, got {word!r}.", f"Write --given {name}=… with such a value."
    )
