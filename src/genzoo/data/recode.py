"""Rows of another table in the words of a first one, so that a model of the first can be asked about them."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from jaxtyping import Shaped
from torch import Tensor

from genzoo.core import GivenSpace, Space
from genzoo.core.errors import DataError, nearest
from genzoo.data.codec import Codec
from genzoo.data.codecs.table import PointsCodec, TableCodec
from genzoo.data.data import Data
from genzoo.data.dates import UNITS, DateForm

__all__ = ["kinds_of", "recoded"]


def kinds_of(space: Space, codec: TableCodec | PointsCodec) -> dict[str, str]:
    """What the columns of a table are, as `read` is told by `kinds`.

    Args:
        space: What a row is.
        codec: The table's codec.

    Example:
        >>> kinds_of(Space((2,)), PointsCodec(("a", "b")))
        {'a': 'real', 'b': 'real'}
    """
    if space.columns is not None:
        return {name: column.kind for name, column in zip(codec.columns, space.columns, strict=True)}
    if space.levels is None:
        return dict.fromkeys(codec.columns, "real")
    return dict.fromkeys(codec.words, "categorical") if isinstance(codec, TableCodec) else {}


def recoded(
    data: Data,
    space: Space,
    codec: TableCodec | PointsCodec,
    given_space: GivenSpace = None,
    classes: Mapping[str, list[str]] | None = None,
    only: str = "given",
    *,
    unseen: Literal["error", "missing"] = "error",
) -> Data:
    """The data with their words, and the names of their labels, numbered as in another table.

    Args:
        data: Rows of the same columns, read by themselves.
        space: What a row is to be.
        codec: The other table's codec.
        given_space: What its condition is.
        classes: The names of its labels, by condition.
        only: What its condition is called, if it is a single one.
        unseen: Whether words of x that the other table lacks are refused, or missing.

    Raises:
        DataError: If a word is none of the other table's.
    """
    own = data.codec.words if isinstance(data.codec, TableCodec) else {}
    words = codec.words if isinstance(codec, TableCodec) else {}
    x = data.x.to(getattr(torch, space.dtype), copy=True)
    for place, name in enumerate(codec.columns):
        if (share := _of_units(name, data.codec, codec)) != 1:
            x[:, place] *= share
        if name in own and name in words:
            lacks = unseen == "missing" and x.is_floating_point()
            x[:, place] = _renumbered(name, data.x[:, place], own[name], words[name], lacks=lacks).to(x.dtype)
    given = data.given
    for name, known in (classes or {}).items():
        rows = given if isinstance(given, Tensor) else (given or {})[name]
        rows = _renumbered(name or only, rows, data.classes[name], known).long()
        given = rows if isinstance(given, Tensor) else {**(given or {}), name: rows}
    return dataclasses.replace(
        data, x=x, space=space, codec=codec, given=given, given_space=given_space, classes=dict(classes or {})
    )


def _of_units(name: str, codec: Codec, other: Codec) -> float:
    """How many units of another codec's dates one of a codec's is."""
    forms = [one.forms.get(name) if isinstance(one, TableCodec) else None for one in (codec, other)]
    sizes = [UNITS[form.unit] for form in forms if isinstance(form, DateForm)]
    return sizes[0] / sizes[1] if len(sizes) == 2 else 1.0


def _renumbered(
    name: str, places: Shaped[Tensor, " n"], words: Sequence[str], known: Sequence[str], *, lacks: bool = False
) -> Shaped[Tensor, " n"]:
    """The places of words in another list; what is missing stays so."""
    gone = places.isnan() if places.is_floating_point() else places < 0
    used = {words[k] for k in places[~gone].long().unique().tolist()}
    if not lacks and (unknown := sorted(used - set(known))):
        raise DataError(
            f"Column {name!r} must hold words that the run knows, got {unknown[0]!r}. {nearest(unknown[0], known)} "
            "In a command, --unseen missing takes it for missing."
        )
    place = {word: float(k) for k, word in enumerate(known)}
    of = torch.tensor([place.get(word, torch.nan) for word in words] or [0.0], dtype=torch.float64)
    found = of[places.double().nan_to_num(0).clamp_min(0).long()]
    return found.where(~gone, places.double())
