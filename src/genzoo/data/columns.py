"""CSV: named columns of text, and numbers that survive the trip.

A float32 is written with the fewest digits that read back to the same bits: numbers round trip exactly, and 0.1 stays
"0.1".
"""

import csv
import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.data.error import DataError

__all__ = ["is_number", "numbers", "read_columns", "write_columns"]

WIDEST = 10_000


def read_columns(path: str | Path) -> dict[str, list[str]]:
    """The columns of a CSV file by the names in its first line; separated by commas, semicolons or tabs, or gzipped.

    Args:
        path: The file.

    Raises:
        DataError: If it is no such table: no header, rows of different lengths, names twice, no text.
    """
    path = Path(path)
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8-sig", newline="")
            if path.suffix == ".gz"
            else open(path, encoding="utf-8-sig", newline="") as file
        ):
            first = file.readline()
            file.seek(0)
            lines = [line for line in csv.reader(file, delimiter=max(",;\t", key=first.count), strict=True) if line]
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as problem:
        raise DataError(f"{path.name} must be a CSV file in UTF-8, got: {problem}. Save it again as CSV.") from problem
    if len(lines) < 2:
        raise DataError(f"{path.name} must have a header line and at least one row, got {len(lines)} lines. Add them.")
    names = [name.strip() for name in lines[0]]
    _check_header(path, names)
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(names):
            raise DataError(
                f"Every row of {path.name} must have {len(names)} cells as the header does, got {len(line)} in line "
                f"{number}. Quote cells that hold the separator."
            )
    return {name: list(column) for name, column in zip(names, zip(*lines[1:], strict=True), strict=True)}


def _check_header(path: Path, names: Sequence[str]) -> None:
    if len(names) > WIDEST:
        raise DataError(f"{path.name} must have at most {WIDEST} columns, got {len(names)}. Choose among them first.")
    if all(is_number(name) for name in names):
        raise DataError(f"The first line of {path.name} must name the columns, got numbers. Add a header line.")
    if twice := {name for name in names if names.count(name) > 1}:
        raise DataError(f"Columns of {path.name} must have different names, got {sorted(twice)} twice. Rename them.")


def is_number(cell: str) -> bool:
    """Whether a cell is a finite number.

    Example:
        >>> is_number("1e-3"), is_number("nan"), is_number("red")
        (True, False, False)
    """
    try:
        return bool(np.isfinite(float(cell)))
    except ValueError:
        return False


def numbers(name: str, cells: Sequence[str]) -> Float[Tensor, " n"]:
    """A column as float32.

    Args:
        name: The column's name, for the error.
        cells: Its cells.

    Raises:
        DataError: If a cell is empty or no finite number.
    """
    try:
        values = np.array(cells, dtype=np.str_).astype(np.float64)
    except ValueError:
        values = np.array([float(cell) if is_number(cell) else np.nan for cell in cells])
    with np.errstate(over="ignore"):
        values = values.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        cell, row = cells[bad[0]], bad[0] + 1
        fix = "Fill it in or drop the row." if not cell.strip() else f"Name {name!r} in `given`, or leave it out."
        raise DataError(f"Column {name!r} must hold finite numbers, got {cell!r} in row {row}. {fix}")
    return torch.from_numpy(values)


def write_columns(path: str | Path, columns: Mapping[str, Shaped[Tensor, " n"]]) -> Path:
    """Writes columns of numbers under a header line; returns the path."""
    cells = [_cells(column.detach().cpu().numpy()) for column in columns.values()]
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*cells, strict=True))
    return Path(path)


def _cells(values: np.ndarray) -> list[str]:
    """Numbers in their shortest exact form; where reading through float64 would round twice, in that of float64."""
    cells = [cell.removesuffix(".0") for cell in values.astype(np.str_).tolist()]
    again = np.array(cells, dtype=np.str_).astype(np.float64).astype(values.dtype)
    for i in np.flatnonzero((again != values) & np.isfinite(values)):
        cells[i] = repr(float(values[i]))
    return cells
