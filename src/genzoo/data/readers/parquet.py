"""Parquet: numbers as they are, words once each, and cells as Python writes them, when they are asked for."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genzoo._files import check_plain, memory, told
from genzoo.core.errors import DataError
from genzoo.data.atoms import places_of
from genzoo.data.cells import Numbers
from genzoo.data.columns import CELL, WIDEST, is_number
from genzoo.data.readers.archive import shards_of
from genzoo.data.readers.column import order_of
from genzoo.data.readers.plain import LOOKED_AT, coded

__all__ = ["orders_in", "read_parquet", "types_in"]


def read_parquet(path: Path, gone: Collection[str]) -> dict[str, Sequence[str]]:
    """The columns of a file of Parquet.

    Args:
        path: The file.
        gone: The words that say that nothing is there.

    Raises:
        DataError: If it is none, holds lists, no rows, or more than fits into the memory; or pyarrow is not there.
    """
    try:
        from pyarrow import parquet
    except ImportError:
        raise DataError("Parquet must have pyarrow, got none. Run: pip install 'genzoo[tables]'") from None
    with told(path.name, "be a Parquet file", "Write it again."):
        found = _joined([_read(part, parquet) for part in shards_of(path)], shards_of(path))
        return {str(head): _cells(found[head], gone) for head in found.column_names}


def _read(path: Path, parquet: Any) -> Any:
    check_plain(path)
    with parquet.ParquetFile(path) as file:
        _check(path.name, file)
        return file.read()


def _joined(tables: list[Any], paths: Sequence[Path]) -> Any:
    """Shards as one table."""
    from pyarrow import concat_tables

    for table, path in zip(tables, paths, strict=True):
        if not table.schema.equals(tables[0].schema):
            raise DataError(
                f"Shards must have the same columns and types, got others in {path.name} than in {paths[0].name}. "
                "Write it again."
            )
    return concat_tables(tables).unify_dictionaries() if len(tables) > 1 else tables[0]


def types_in(path: Path) -> dict[str, str]:
    """The types of the columns of a file of Parquet, as pyarrow names them.

    Args:
        path: A file that was read.
    """
    from pyarrow import parquet

    schema = parquet.read_schema(shards_of(path)[0])
    return {str(field.name): str(field.type) for field in schema}


def orders_in(path: Path) -> dict[str, str]:
    """The kinds of columns whose words have an order of their own in a file of Parquet.

    Args:
        path: A file that was read.
    """
    from pyarrow import parquet, types

    schema = parquet.read_schema(shards_of(path)[0])
    ordered = [field.name for field in schema if types.is_dictionary(field.type) and field.type.ordered]
    if not ordered:
        return {}
    parts = shards_of(path)
    found = _joined([parquet.read_table(part, columns=ordered) for part in parts], parts)
    return {name: order_of(found[name].unify_dictionaries().chunk(0).dictionary.to_pylist()) for name in ordered}


def _check(name: str, file: Any) -> None:
    from pyarrow import types

    schema, rows = file.schema_arrow, file.metadata.num_rows
    if not 0 < len(schema) <= WIDEST:
        raise DataError(f"{name} must have 1 to {WIDEST} columns, got {len(schema)}. Choose some.")
    if nested := [field.name for field in schema if types.is_nested(field.type)]:
        raise DataError(f"Columns of {name} must hold single values, got lists in {nested[:10]}. Flatten them.")
    if not rows:
        raise DataError(f"{name} must have at least one row, got none. Add rows.")
    if rows * len(schema) > (most := memory() // CELL):
        raise DataError(
            f"{name} must have at most {most:,} cells to fit into the memory, got {rows:,} rows of "
            f"{len(schema):,} columns. Choose among them."
        )


def _cells(column: Any, gone: Collection[str]) -> Sequence[str]:
    from pyarrow import types

    kind = column.type
    if _are_strings(kind):
        return coded(column)
    is_real = types.is_floating(kind)
    if (is_real or types.is_integer(kind)) and not any(map(is_number, gone)):
        values, lacks = column.cast("float64", safe=False).to_numpy(), column.is_null().to_numpy()
        if types.is_float32(kind) and (places := places_of(values.astype(np.float32))) is not None:
            values = values.round(places)  # what was written, before it became the nearest of short numbers
        if (np.isfinite(values) | lacks | (np.isnan(values) & ("nan" in gone))).all():
            return Numbers(values, lambda: _spelled(column), _spelled(column.slice(0, LOOKED_AT)))
    return _spelled(column)


def _are_strings(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_string(kind) or types.is_large_string(kind))


def _spelled(column: Any) -> list[str]:
    return ["" if value is None else str(value) for value in column.to_pylist()]
