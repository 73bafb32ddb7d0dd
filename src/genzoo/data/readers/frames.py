"""Frames of pandas or polars, and plain lists: what a session in Python holds, as tables, texts or arrays."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from genzoo.core.errors import DataError
from genzoo.data.readers.column import order_of
from genzoo.data.readers.mappings import read_mapping
from genzoo.data.readers.spelling import SPELLING
from genzoo.data.readers.table import CELLS, Table, from_table
from genzoo.data.source import Asked, Source, reader

__all__ = ["columns_of_frame", "is_column", "is_frame", "read_frame", "read_frame_pair", "read_list"]

PACKAGES = ("pandas", "polars")
GONE = ("NAType", "NaTType")  # what pandas puts where nothing is


def is_frame(source: Any) -> bool:
    """Whether a source is a frame of named columns."""
    return _is_of(source, "DataFrame")


def is_column(source: Any) -> bool:
    """Whether a source is one column of a frame."""
    return _is_of(source, "Series")


@reader("frames", *SPELLING, *CELLS, "decimal", "dates")
def read_frame(frame: Any, asked: Asked) -> Source:
    """A frame as a table: its columns by name, in order; its index is no column.

    Raises:
        DataError: If it has no rows or two columns of one name, or as for tables.
    """
    if is_column(frame):
        return from_table(Table("column", {str(frame.name or "x"): _cells(frame)}), asked)
    return from_table(Table("frame", columns_of_frame(frame), kinds=_kinds(frame)), asked)


@reader("frames", *SPELLING, *CELLS, "decimal", "dates")
def read_frame_pair(pair: tuple[Any, Any], asked: Asked) -> Source:
    """A frame and its condition: a column named "given", or several by name.

    Raises:
        DataError: If they have different numbers of rows or share a name, or as for tables.
    """
    frame, given = pair
    columns = columns_of_frame(frame)
    if is_frame(given):
        beside = columns_of_frame(given)
    else:
        named = given if isinstance(given, Mapping) else {"given": given}
        beside = {str(name): [_cell(value) for value in np.asarray(part).tolist()] for name, part in named.items()}
    for name, cells in beside.items():
        if name in columns or len(cells) != len(frame):
            raise DataError(f"A condition of a frame must have a name of its own and {len(frame)} rows, got {name!r} "
                            f"with {len(cells)}. Match them.")  # fmt: skip
    return from_table(Table("frame", columns | beside, kinds=_kinds(frame)), asked)


@reader("lists", *SPELLING, *CELLS, "decimal", "dates")
def read_list(rows: Sequence[Any], asked: Asked) -> Source:
    """A list: of texts, of mappings (rows of a table by column), or of numbers as an array has them.

    Raises:
        DataError: If its items are none of these, or not alike.
    """
    if not len(rows):
        raise DataError("A list must have rows, got none. Add some.")
    if all(isinstance(row, str) for row in rows):
        asked = asked if asked.x else Asked(**{**vars(asked), "x": ("text",)})
        return from_table(Table("list", {"text": list(rows)}, texts=frozenset(("text",))), asked)
    if all(isinstance(row, Mapping) for row in rows):
        names = list(dict.fromkeys(name for row in rows for name in row))
        return from_table(Table("list", {str(name): [_cell(row.get(name)) for row in rows] for name in names}), asked)
    try:
        array = np.asarray(rows)
    except ValueError as problem:  # of different lengths
        raise DataError(f"Rows of a list must be alike, got: {problem}. Pad them, or give texts.") from None
    return read_mapping({"x": array}, asked, "list")


def _is_of(source: Any, name: str) -> bool:
    kind = type(source)
    return kind.__name__ == name and kind.__module__.split(".")[0] in PACKAGES


def columns_of_frame(frame: Any) -> dict[str, list[str]]:
    """The cells of a frame by column, nothing where nothing is.

    Args:
        frame: Of pandas or polars.

    Raises:
        DataError: If it has no rows, or two columns of one name.
    """
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names) or not names or not len(frame):
        raise DataError(f"A frame must have rows and columns of different names, got {len(frame)} and {names[:10]}. "
                        "Rename or add some.")  # fmt: skip
    return {name: _cells(frame[own]) for name, own in zip(names, frame.columns, strict=True)}


def _kinds(frame: Any) -> dict[str, str]:
    """What columns of pandas are that call themselves categories, in their order if they have one."""
    found = {}
    for name in frame.columns:
        if type(kind := frame[name].dtype).__name__ == "CategoricalDtype":
            words = [_cell(value) for value in kind.categories.tolist()]
            found[str(name)] = order_of(words) if kind.ordered else "categorical"
    return found


def _cells(column: Any) -> list[str]:
    return [_cell(value) for value in column.to_list()]


def _cell(value: Any) -> str:
    """A value as a table writes it: numbers in their shortest exact form, nothing where there is none."""
    if value is None or type(value).__name__ in GONE:
        return ""
    if isinstance(value, bool | np.bool_) or not isinstance(value, float | np.floating):
        return str(value)
    return "" if math.isnan(value) else str(value).removesuffix(".0")
