"""Tables as Parquet: each column in the type that it came in, or that suits its cells."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from genzoo.core.errors import DataError
from genzoo.data.columns import is_number

__all__ = ["as_array", "write_parquet"]

DICTIONARY = re.compile(r"dictionary<values=(\w+), indices=(\w+), ordered=([01])>")
DECIMAL = re.compile(r"(decimal\d+)\((\d+), (-?\d+)\)")
ZONED = re.compile(r"timestamp\[(\w+), tz=(.+)\]")  # these three have no alias


def write_parquet(
    path: Path,
    parts: Iterable[Mapping[str, Sequence[str]]],
    types: Mapping[str, str],
    words: Mapping[str, Sequence[str]] | None = None,
) -> Path:
    """Writes columns of cells, which come part by part, as Parquet; returns the path.

    Args:
        path: The file.
        parts: Cells by column.
        types: The types of columns, by the names that pyarrow has for them; others hold whole numbers, reals or words,
            as their first part does.
        words: All words of columns of them, in their order.

    Raises:
        DataError: If pyarrow is not there.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise DataError("Parquet must have pyarrow, got none. Run: pip install 'genzoo[tables]'") from None
    writer, schema = None, None
    try:
        for part in parts:
            known = {name: type_named(types.get(name)) if schema is None else schema.field(name).type for name in part}
            columns = {name: as_array(cells, known[name], (words or {}).get(name)) for name, cells in part.items()}
            table = pyarrow.table(columns) if schema is None else pyarrow.table(columns, schema=schema)
            if writer is None:
                schema = pyarrow.schema([field.with_nullable(True) for field in table.schema])
                writer = parquet.ParquetWriter(path, schema)
            writer.write_table(table.cast(schema))
    finally:
        if writer is not None:
            writer.close()
    return path


def type_named(name: str | None) -> Any:
    """The type of a name; None where there is none, or none that can be made of a name.

    Args:
        name: As pyarrow spells it.
    """
    import pyarrow

    if name is None:
        return None
    if found := DICTIONARY.fullmatch(name):
        values, indices, ordered = found.groups()
        return pyarrow.dictionary(type_named(indices), type_named(values), ordered == "1")
    if found := DECIMAL.fullmatch(name):
        return getattr(pyarrow, found[1])(int(found[2]), int(found[3]))
    if found := ZONED.fullmatch(name):
        return pyarrow.timestamp(found[1], found[2])
    try:
        return pyarrow.type_for_alias(name)
    except ValueError:
        return None


def as_array(cells: Sequence[str], kind: Any, words: Sequence[str] | None = None) -> Any:
    """Cells as an array of a type, or of the one that suits them: whole numbers, reals, or words.

    Args:
        cells: As they are written, empty where nothing is.
        kind: The type.
        words: Of a type that keeps words once each, all of them in their order; else as they come.
    """
    import pyarrow
    from pyarrow import compute, types

    text = pyarrow.array([cell or None for cell in cells], pyarrow.string())
    if kind is None:
        there = [cell for cell in cells if cell]
        if not there or not all(map(is_number, there)):
            return text
        whole = all(cell.lstrip("+-").isdigit() and len(cell) < 19 for cell in there)
        kind = pyarrow.int64() if whole else pyarrow.float64()
    if types.is_boolean(kind):
        return compute.equal(compute.utf8_lower(text), "true")
    if types.is_dictionary(kind):
        there = pyarrow.array(words or sorted({cell for cell in cells if cell}), pyarrow.string())
        places = compute.index_in(text, there).cast(kind.index_type)
        return pyarrow.DictionaryArray.from_arrays(places, there.cast(kind.value_type), ordered=kind.ordered)
    return text.cast(kind)
