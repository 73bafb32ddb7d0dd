"""What is known of the rows of a source in a file of its own: labels in an array, or the columns of a table."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from genzoo.core.errors import DataError
from genzoo.data.columns import cells_of, has_header, named, read_lines
from genzoo.data.numpy_files import load_array, opened_arrays

__all__ = ["arrays_beside", "columns_beside"]

LABEL = "label"
TABLES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz")


def arrays_beside(file: str, source: Path) -> dict[str, np.ndarray]:
    """The arrays of a file by name; one alone is "label".

    Args:
        file: The file: `.npy`, `.npz`, or a table.
        source: What it belongs to: a name that is no path from here is looked up beside it.

    Raises:
        DataError: If there is no such file, or it is none of these.
    """
    path = _found(file, source)
    if path.name.lower().endswith(TABLES):
        lines = read_lines(path)
        columns = named(path.name, lines, has_header(lines))
        return {_called(name, columns): np.array(cells, dtype=np.str_) for name, cells in columns.items()}
    if path.suffix.lower() not in (".npy", ".npz"):
        raise DataError(f"`labels` must name a file in .npy, .npz or {', '.join(TABLES)}, got {path.name!r}. Convert.")
    if path.suffix.lower() == ".npy":
        return {LABEL: load_array(path)}
    with opened_arrays(path) as arrays:
        return {name: arrays[name] for name in arrays}


def columns_beside(file: str, source: Path, rows: int | None = None) -> dict[str, list[str]]:
    """The same as cells of a table.

    Args:
        file: The file.
        source: What it belongs to.
        rows: How many rows there must be; None for any number.

    Raises:
        DataError: If there is no such file, it is none of these, or has other rows or rows of more than one value.
    """
    columns = {}
    for name, array in arrays_beside(file, source).items():
        array = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
        if array.ndim != 1 or rows not in (None, len(array)):
            need = "one value for each row" if rows is None else f"one value for each of {rows:,} rows"
            raise DataError(f"{Path(file).name} must have {need}, got {name!r} of shape {array.shape}. Match them.")
        columns[name] = array.tolist() if array.dtype.kind == "U" else cells_of(array)
    return columns


def _called(name: str, columns: Mapping[str, object]) -> str:
    return LABEL if list(columns) == ["c0"] else name


def _found(file: str, source: Path) -> Path:
    root = os.environ.get("GENZOO_DATA")
    for home in (Path(), source if source.is_dir() else source.parent, *([Path(root)] if root else [])):
        if (path := home / Path(file).expanduser()).exists():
            return path
    raise DataError(f"`labels` must name a file, got {file!r}, which is none. Check the path.")
