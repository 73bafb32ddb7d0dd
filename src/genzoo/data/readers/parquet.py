"""Parquet: numbers as they are, words once each, and cells as Python writes them, when they are asked for."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from genzoo._files import check_plain, memory, told
from genzoo.core.errors import DataError
from genzoo.data.cells import Numbers
from genzoo.data.columns import CELL, WIDEST, is_number
from genzoo.data.readers.plain import coded

__all__ = ["Found", "read_parquet"]

SHORT, LONG = 1e-4, 1e10  # between them Arrow and Python write numbers alike, but whole ones


class Found(NamedTuple):
    """Columns by name; and the cells of each row with a zero byte between them, where there is a short way to them."""

    columns: dict[str, Sequence[str]]
    rows: Callable[[], list[bytes]] | None


def read_parquet(path: Path, gone: Collection[str]) -> Found:
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
        check_plain(path)
        with parquet.ParquetFile(path) as file:
            _check(path.name, file)
            found = file.read()
        columns = {str(head): _cells(found[head], gone) for head in found.column_names}
        written = [_written(found[head], cells) for head, cells in columns.items()]
    if any(part is None for part in written):
        return Found(columns, None)
    return Found(columns, lambda: _rows([part() for part in written if part is not None]))


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
        if (np.isfinite(values) | lacks | (np.isnan(values) & ("nan" in gone))).all():
            return Numbers(values, lambda: _spelled(column))
    return _spelled(column)


def _are_strings(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_string(kind) or types.is_large_string(kind))


def _spelled(column: Any) -> list[str]:
    return ["" if value is None else str(value) for value in column.to_pylist()]


# Rows as strings --------------------------------------------------------------------------------------------------


def _written(column: Any, cells: Sequence[str]) -> Callable[[], Any] | None:
    """What makes the cells of a column as strings of Arrow, where that is quick."""
    from pyarrow import types

    if _are_strings(column.type) or (isinstance(cells, Numbers) and types.is_integer(column.type)):
        return lambda: column.cast("large_string")
    if isinstance(cells, Numbers):
        return lambda: _reals(column)
    return None


def _reals(column: Any) -> Any:
    import pyarrow as pa
    from pyarrow import compute

    values = column.cast("float64")
    size, there = np.abs(values.to_numpy()), ~column.is_null().to_numpy()
    odd = there & ~((size >= SHORT) & (size < LONG) & (size != np.round(size)))
    python = pa.array([str(value) for value in values.filter(pa.array(odd)).to_pylist()], pa.string())
    strings = values.cast("string").combine_chunks()
    return compute.replace_with_mask(strings, pa.array(odd), python)


def _rows(columns: Sequence[Any]) -> list[bytes]:
    import pyarrow as pa
    from pyarrow import compute

    parts = [column.cast("large_string") for column in columns]
    joint = compute.binary_join_element_wise(
        *parts, pa.scalar("\0", "large_string"), null_handling="replace", null_replacement=""
    )
    return list(joint.cast("large_binary").to_pylist())
